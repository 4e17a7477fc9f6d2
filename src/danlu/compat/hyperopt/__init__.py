"""Hyperopt's ``fmin`` over danlu's studies.

    from danlu.hyperopt import STATUS_OK, Trials, fmin, hp, tpe    # the same calls, spaces, trials and documents

Spaces, trials, results and the loop are Hyperopt's own; what is evaluated next is asked of danlu. ``store=`` keeps every evaluation, so that
the same call after a kill makes only what is missing, and ``danlu show`` and the page have the study.
"""

from ...base.versions import demand
from ...errors import MissingExtra

try:
    demand("danlu.hyperopt", "hyperopt", "hyperopt")
    import hyperopt  # noqa: F401
except MissingExtra:
    raise
except ImportError as error:
    raise MissingExtra("danlu.hyperopt", "hyperopt", "hyperopt") from error

from . import anneal as anneal
from . import atpe as atpe
from . import tpe as tpe
from .fmin import Domain as Domain
from .fmin import fmin as fmin
from .pickles import load_trials as load_trials
