"""Bends of inputs in [0, 1], so that a process need not be equally wiggly everywhere.

Snoek et al., "Input warping for Bayesian optimization of non-stationary functions" (ICML 2014), with the
distribution function of Kumaraswamy (1980) in place of the beta distribution's.
"""

from __future__ import annotations

import numpy as np

from .kernels import Floats

EDGE = 1e-6


def kumaraswamy(x: Floats, a: Floats, b: Floats) -> Floats:
    """The distribution function 1 - (1 - x^a)^b on [0, 1] (Kumaraswamy 1980).

    Example:
        >>> kumaraswamy(np.array([0.25]), np.array([1.0]), np.array([1.0])).item()
        0.25
    """
    return 1.0 - (1.0 - np.clip(x, EDGE, 1.0 - EDGE) ** a) ** b


def by_logarithms(x: Floats, logarithms: Floats) -> tuple[Floats, Floats]:
    """Derivatives of the warped columns by log a and log b, shape (n, w) each; ``logarithms`` is (2 w,)."""
    a, b = np.exp(logarithms).reshape(2, -1)
    x = np.clip(x, EDGE, 1.0 - EDGE)
    power = x**a
    rest = 1.0 - power
    left = rest**b
    return a * b * left / rest * power * np.log(x), -b * left * np.log(rest)


def steepness(x: Floats, logarithms: Floats) -> Floats:
    """Derivatives of the warped columns by the columns, shape (n, w)."""
    a, b = np.exp(logarithms).reshape(2, -1)
    x = np.clip(x, EDGE, 1.0 - EDGE)
    steep: Floats = a * b * x ** (a - 1.0) * (1.0 - x**a) ** (b - 1.0)
    return steep
