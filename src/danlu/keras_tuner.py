"""Keras Tuner's searches over danlu's studies: ``import danlu.keras_tuner as keras_tuner``.

All that is not listed here is Keras Tuner's own, submodules included.
"""

from typing import Any

from .compat.host import opened
from .compat.keras_tuner import (
    BayesianOptimization,
    GridSearch,
    Hyperband,
    Oracle,
    RandomSearch,
    SklearnTuner,
    Tuner,
    oracles,
    tuners,
)

# isort: split
from keras_tuner import HyperModel, HyperParameters, Objective, applications, engine, errors, synchronized

__all__ = [
    "BayesianOptimization",
    "GridSearch",
    "HyperModel",
    "HyperParameters",
    "Hyperband",
    "Objective",
    "Oracle",
    "RandomSearch",
    "SklearnTuner",
    "Tuner",
    "applications",
    "engine",
    "errors",
    "oracles",
    "synchronized",
    "tuners",
]

_OWN = {name: f"{__package__}.compat.keras_tuner.{name}" for name in ("oracles", "tuners")}
_host = opened(__name__, "keras_tuner", _OWN)
__path__: list[str] = []  # modules below are found by what was opened


def __getattr__(name: str) -> Any:
    found = globals()[name] = _host.named(name)
    return found
