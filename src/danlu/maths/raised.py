"""A Gaussian process of what is left of a prior mean, which is a weighted sum of other processes' means.

Golovin et al., "Google Vizier: a service for black-box optimization" (KDD 2017, section 3.3): each study's process is one of the residuals of
those before it. The prior mean has no variance of its own, so what is not certain is what the study itself has not seen.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from . import gp
from .gp import Numbers, Posterior
from .kernels import Floats


class Part(NamedTuple):
    """One process whose mean is a part of the prior mean.

    Attributes:
        model: the process.
        columns: of the inputs that it sees, rising.
        weight: its share.
    """

    model: Posterior
    columns: Numbers
    weight: float


class Raised(NamedTuple):
    """A process of residuals, on top of a prior mean.

    Attributes:
        model: of the residuals.
        parts: of the prior mean.
    """

    model: Posterior
    parts: tuple[Part, ...]


def level(parts: tuple[Part, ...], inputs: Floats) -> Floats:
    """The prior mean at rows of ``inputs``, shape (n,)."""
    total = np.zeros(len(inputs))
    for part in parts:
        total += part.weight * gp.predict(part.model, inputs[:, part.columns])[0]
    return total


def predict(model: Posterior | Raised, inputs: Floats) -> tuple[Floats, Floats]:
    """Mean and variance at rows of ``inputs``, as ``gp.predict``.

    Example:
        >>> x = np.linspace(0, 1, 9)[:, None]
        >>> line = gp.fit(x, x[:, 0], gp.Shape(np.array([0])))
        >>> nothing = gp.condition(x, np.zeros(9), line.shape, line.theta)
        >>> raised = Raised(nothing, (Part(line, np.array([0]), 2.0),))
        >>> bool(np.abs(predict(raised, x)[0] - 2.0 * x[:, 0]).max() < 0.05)
        True
    """
    if isinstance(model, Posterior):
        return gp.predict(model, inputs)
    mean, variance = gp.predict(model.model, inputs)
    return mean + level(model.parts, inputs), variance


def predict_slopes(model: Posterior | Raised, inputs: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Mean and variance at rows of ``inputs``, and their gradients, as ``gp.predict_slopes``."""
    if isinstance(model, Posterior):
        return gp.predict_slopes(model, inputs)
    mean, variance, by_mean, by_variance = gp.predict_slopes(model.model, inputs)
    by_mean = by_mean.copy()
    for part in model.parts:
        own = gp.predict_slopes(part.model, inputs[:, part.columns])
        mean = mean + part.weight * own[0]
        by_mean[:, part.columns] += part.weight * own[2]
    return mean, variance, by_mean, by_variance
