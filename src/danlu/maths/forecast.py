"""Where a curve will end, learned from curves that were followed to their end: a Gaussian process, its settings averaged.

The process goes from what a curve had come to by some step, and from the point that was trained there, to where it ended.
Nothing is assumed about the form of curves: two that looked alike at alike points may end alike, and how far that holds is
read from the curves themselves. Length scales and noise run over a small grid; for each setting mean and variance have a
conjugate prior (normal and inverse gamma; Rasmussen and Williams, "Gaussian Processes for Machine Learning", 2006, section
2.7, and O'Hagan and Kendall, "Bayesian Inference", 1994, section 11), so its evidence and its Student-t prediction are exact, and they are averaged
by evidence. A curve that resembles none of the others gets the spread of all of them.
"""

from __future__ import annotations

from itertools import product

import numpy as np
from scipy.special import gammaln, logsumexp

from .curves import CurveForecast
from .kernels import Floats

REACH = (0.35, 1.0, 3.0)
"""Length scales over what curves had come to, in standard deviations."""

NEAR = (0.35, 1.0, np.inf)
"""Length scales over points, as a share of sqrt(d); the last says that points do not matter beside the curves."""

NOISE = (1e-3, 1e-2, 0.1, 0.5)
"""Variances of what neither curve nor point tells, as a share of the process's own."""

DEGREES = 1.0
"""Half the degrees of freedom of the inverse gamma prior of the variance, whose scale is that of the ends."""

_GRID = np.array(list(product(REACH, NEAR, NOISE)))


def forecast(curves: Floats, points: Floats, ends: Floats, curve: Floats, point: Floats) -> CurveForecast:
    """What is to be expected of a curve that has come to ``curve`` at ``point``.

    Args:
        curves: what each known curve had come to, features of one scale, shape (n, f), n >= 2.
        points: unit points, shape (n, d).
        ends: where the known curves ended, shape (n,).
        curve: features, shape (f,).
        point: shape (d,).

    Example:
        >>> levels = np.linspace(0.0, 1.0, 9)
        >>> seen = forecast(levels[:, None], np.zeros((9, 1)), levels**2, np.array([0.5]), np.zeros(1))
        >>> abs(seen.mean() - 0.25) < 0.03, seen.below(0.0) < 0.01
        (True, True)
    """
    n, middle = len(ends), float(ends.mean())
    spread = float(ends.std()) or 1.0
    y = (ends - middle) / spread
    scale = curves.std(0)
    scale = np.where(scale > 0, scale, 1.0)
    both = np.vstack([curves, curve]) / scale
    places = np.vstack([points, point])
    far = _squares(both)  # (n + 1, n + 1)
    apart = _squares(places) / max(1, places.shape[1])
    reach, near, noise = _GRID.T
    kernel = np.exp(
        -0.5 * far[None] / reach[:, None, None] ** 2 - 0.5 * apart[None] / near[:, None, None] ** 2
    )
    kernel += 1.0  # the mean, of the same variance as the process
    inner = kernel[:, :n, :n] + noise[:, None, None] * np.eye(n)
    root = np.linalg.cholesky(inner)
    sides = np.concatenate([np.broadcast_to(y[:, None], (len(_GRID), n, 1)), kernel[:, :n, n:]], axis=2)
    solved = np.linalg.solve(root, sides)
    white, cross = solved[:, :, 0], solved[:, :, 1]
    shape = DEGREES + 0.5 * n
    rate = DEGREES * 0.5 + 0.5 * (white**2).sum(1)
    evidence = -shape * np.log(rate) - np.log(np.diagonal(root, axis1=1, axis2=2)).sum(1) + gammaln(shape)
    means = (cross * white).sum(1)
    spreads = kernel[:, n, n] + noise - (cross**2).sum(1)
    scales = np.sqrt(rate / shape * np.maximum(spreads, 1e-9))
    weights = np.exp(evidence - logsumexp(evidence))
    return CurveForecast(weights, middle + spread * means, spread * scales, 2.0 * shape)


def _squares(rows: Floats) -> Floats:
    """Squared distances between rows, shape (n, n)."""
    apart: Floats = ((rows[:, None] - rows[None]) ** 2).sum(2)
    return apart
