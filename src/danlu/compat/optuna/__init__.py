"""Optuna over danlu's studies.

    import danlu.optuna as optuna                                    # everything that optuna has, under the same names
    study = optuna.create_study(storage="danlu:///study.db")         # danlu's search, early stopping and store
    study = theirs.create_study(sampler=danlu.optuna.Sampler())      # or only the search, inside Optuna itself

Every study without a storage, or in a danlu store, is a danlu study: it survives ``kill -9``, and ``danlu show``, the page and
``danlu.optuna.result(study)`` have it.
"""

from ...base.versions import demand
from ...errors import MissingExtra

try:
    demand("danlu.optuna", "optuna", "optuna")
    import optuna as theirs
except MissingExtra:
    raise
except ImportError as error:
    raise MissingExtra("danlu.optuna", "Optuna", "optuna") from error

from .carry import write as write
from .pruner import DanluPruner as DanluPruner
from .sampler import DanluSampler as DanluSampler
from .storage import DanluStorage as DanluStorage
from .studies import copy_study as copy_study
from .studies import create_study as create_study
from .studies import delete_study as delete_study
from .studies import get_all_study_names as get_all_study_names
from .studies import get_all_study_summaries as get_all_study_summaries
from .studies import load_study as load_study
from .studies import result as result

OWN = {"study": f"{__name__}.study", "visualization": f"{__name__}.visualization"}
"""Modules that the door has in place of Optuna's."""

__all__ = ["theirs"]
