"""Keras Tuner's searches over danlu's studies: ``import danlu.keras_tuner as keras_tuner``."""

from .compat.keras_tuner import (
    BayesianOptimization,
    GridSearch,
    Hyperband,
    Oracle,
    RandomSearch,
    SklearnTuner,
    Tuner,
    oracles,
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
]
