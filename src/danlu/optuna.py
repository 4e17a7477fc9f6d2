"""Optuna over danlu's studies: ``import danlu.optuna as optuna``.

All that is not listed here is Optuna's own, submodules included.
"""

from __future__ import annotations

from typing import Any

from .compat.host import opened
from .compat.optuna import (
    OWN,
    copy_study,
    create_study,
    delete_study,
    get_all_study_names,
    get_all_study_summaries,
    load_study,
    result,
    theirs,
    write,
)
from .compat.optuna import DanluPruner as Pruner
from .compat.optuna import DanluSampler as Sampler
from .compat.optuna import DanluStorage as Storage

_host = opened(__name__, "optuna", OWN)
__path__: list[str] = []  # modules below are found by what was opened
__all__ = [  # noqa: PLE0604 - Optuna's own names are in its list
    "Pruner",
    "Sampler",
    "Storage",
    "copy_study",
    "create_study",
    "delete_study",
    "get_all_study_names",
    "get_all_study_summaries",
    "load_study",
    "result",
    "write",
    *(name for name in theirs.__all__ if name != "__version__"),
]


def __getattr__(name: str) -> Any:
    found = globals()[name] = _host.named(name)
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
