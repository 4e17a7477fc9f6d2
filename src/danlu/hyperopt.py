"""Hyperopt's search over danlu's studies: ``from danlu.hyperopt import fmin, hp, tpe``.

Spaces, trials and documents are Hyperopt's own, and all that is not listed here is there under the same names, submodules included: ``from danlu.hyperopt.pyll import scope``.
"""

import sys
from importlib import import_module
from typing import Any

from .compat.host import opened
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

_OWN = {name: f"{__package__}.compat.hyperopt.{name}" for name in ("anneal", "atpe", "fmin", "tpe")}
_host = opened(__name__, "hyperopt", _OWN)
__path__: list[str] = []  # modules below are found by what was opened

for (
    _name,
    _module,
) in _OWN.items():  # beforehand, as an import of `danlu.hyperopt.fmin` would put the module over the function
    sys.modules[f"{__name__}.{_name}"] = import_module(_module)


def __getattr__(name: str) -> Any:
    found = globals()[name] = _host.named(name)
    return found
