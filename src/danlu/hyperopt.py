"""Hyperopt's search over danlu's studies: ``from danlu.hyperopt import fmin, hp, tpe``.

Spaces, trials and documents are Hyperopt's own, here under the same names, submodules included: ``from danlu.hyperopt.pyll import scope``.
"""

import sys
from importlib import import_module

from .compat.hyperopt import Domain, anneal, atpe, fmin, load_trials, tpe

from hyperopt import (  # isort: skip - the door first, which says what is missing
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_STATE_NEW,
    JOB_STATE_RUNNING,
    JOB_STATES,
    STATUS_FAIL,
    STATUS_NEW,
    STATUS_OK,
    STATUS_RUNNING,
    STATUS_STRINGS,
    STATUS_SUSPENDED,
    Ctrl,
    FMinIter,
    SparkTrials,
    Trials,
    base,
    early_stop,
    exceptions,
    fmin_pass_expr_memo_ctrl,
    hp,
    mix,
    partial,
    progress,
    pyll,
    rand,
    space_eval,
    trials_from_docs,
)

__all__ = [
    "JOB_STATES",
    "JOB_STATE_DONE",
    "JOB_STATE_ERROR",
    "JOB_STATE_NEW",
    "JOB_STATE_RUNNING",
    "STATUS_FAIL",
    "STATUS_NEW",
    "STATUS_OK",
    "STATUS_RUNNING",
    "STATUS_STRINGS",
    "STATUS_SUSPENDED",
    "Ctrl",
    "Domain",
    "FMinIter",
    "SparkTrials",
    "Trials",
    "anneal",
    "atpe",
    "base",
    "early_stop",
    "exceptions",
    "fmin",
    "fmin_pass_expr_memo_ctrl",
    "hp",
    "load_trials",
    "mix",
    "partial",
    "progress",
    "pyll",
    "rand",
    "space_eval",
    "tpe",
    "trials_from_docs",
]

_OWN = ("anneal", "atpe", "fmin", "tpe")
_THEIRS = (
    "base",
    "early_stop",
    "exceptions",
    "hp",
    "mix",
    "progress",
    "pyll",
    "pyll.base",
    "pyll.stochastic",
    "rand",
)

for _name in _OWN:  # so that `from danlu.hyperopt.fmin import fmin` is an import of this door's
    sys.modules[f"{__name__}.{_name}"] = import_module(f".compat.hyperopt.{_name}", __package__)
for _name in _THEIRS:
    sys.modules[f"{__name__}.{_name}"] = import_module(f"hyperopt.{_name}")
