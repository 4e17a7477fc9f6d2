"""Covariance functions of weighted squared distances, with their derivatives.

A kernel here is a function of ``d2``, the squared distance after every feature has been divided by its
lengthscale, so one derivative serves both the hyperparameters and the inputs. Formulas: Rasmussen and
Williams, "Gaussian Processes for Machine Learning" (2006), eq. 4.9 (squared exponential) and 4.17
(Matérn 3/2 and 5/2).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Kernel: TypeAlias = Callable[[Floats], tuple[Floats, Floats]]
"""From squared distances to (correlations, their derivatives by the squared distance)."""


def squared_exponential(d2: Floats) -> tuple[Floats, Floats]:
    """exp(-d2 / 2) and its derivative (eq. 4.9).

    Example:
        >>> squared_exponential(np.zeros(1))[0].item()
        1.0
    """
    value = np.exp(-0.5 * d2)
    return value, -0.5 * value


def matern32(d2: Floats) -> tuple[Floats, Floats]:
    """(1 + r) exp(-r) with r = sqrt(3 d2), and its derivative (eq. 4.17)."""
    r = np.sqrt(3.0 * d2)
    decay = np.exp(-r)
    return (1.0 + r) * decay, -1.5 * decay


def matern52(d2: Floats) -> tuple[Floats, Floats]:
    """(1 + r + r^2 / 3) exp(-r) with r = sqrt(5 d2), and its derivative (eq. 4.17)."""
    r = 5.0 * d2
    slope = np.sqrt(r)
    r /= 3.0
    decay = np.exp(-slope)  # in place from here: fresh arrays of this size cost more than the arithmetic
    slope += 1.0
    r += slope
    r *= decay
    slope *= decay
    slope *= -5.0 / 6.0
    return r, slope


KERNELS: dict[str, Kernel] = {
    "squared_exponential": squared_exponential,
    "matern32": matern32,
    "matern52": matern52,
}


def squared_distances(a: Floats, b: Floats) -> Floats:
    """Squared Euclidean distances between rows, shape (len(a), len(b)), never negative."""
    result: Floats = (-2.0 * a) @ b.T
    result += np.einsum("ij,ij->i", a, a)[:, None]
    result += np.einsum("ij,ij->i", b, b)[None, :]
    return np.maximum(result, 0.0, out=result)
