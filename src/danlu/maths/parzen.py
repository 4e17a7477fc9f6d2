"""Parzen estimators on the unit cube, the densities of the tree-structured Parzen estimator.

Bergstra et al., "Algorithms for hyper-parameter optimization" (NIPS 2011), in the multivariate form of
BOHB (Falkner et al., ICML 2018): every observation is the center of one product of a truncated normal in
each ordered coordinate and a smoothed indicator in each unordered one. The bandwidth is the heuristic
that Watanabe, "Tree-structured Parzen estimator: understanding its algorithm components" (2023), finds
best, 0.2 n^(-1/(d + 4)) of the range, with Bergstra's "magic clip" from below, 1 / min(100, n + 1). A
broad kernel in the middle stands for the prior.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .kernels import Floats

Numbers = NDArray[np.int64]


class Parzen(NamedTuple):
    """A mixture of products, ready to be drawn from and evaluated.

    Attributes:
        centers: in the unit cube, the prior's last, shape (m, d).
        widths: standard deviation of the ordered coordinates, shape (m, d).
        sizes: number of options of each unordered coordinate, 0 for an ordered one, shape (d,).
        odds: probability that a kernel keeps its center's option, shape (m,); the rest is spread evenly.
        weights: of the kernels, shape (m,).
    """

    centers: Floats
    widths: Floats
    sizes: Numbers
    odds: Floats
    weights: Floats


def estimate(points: Floats, sizes: Numbers, weights: Floats, center: Floats) -> Parzen:
    """The estimator of unit points, shape (n, d), whose kernels have these weights, shape (n,).

    Args:
        points: coordinates in [0, 1]; an unordered one is (option + 0.5) / size.
        sizes: number of options of each unordered coordinate, 0 for an ordered one.
        weights: positive; the prior's kernel has weight 1.
        center: where the prior's kernel is, shape (d,).

    Example:
        >>> p = estimate(np.array([[0.2], [0.3]]), np.array([0]), np.ones(2), np.array([0.5]))
        >>> bool(log_density(p, np.array([[0.25]]))[0] > log_density(p, np.array([[0.9]]))[0])
        True
    """
    n, d = points.shape
    width = max(0.2 * max(n, 1) ** (-1.0 / (d + 4)), 1.0 / min(100.0, n + 1.0))
    widths = np.full((n + 1, d), width)
    widths[n] = 1.0
    odds = np.full(n + 1, 1.0 - 1.0 / (n + 1.0))
    odds[n] = 0.0
    total = np.append(weights, 1.0)
    return Parzen(np.vstack([points, center]), widths, sizes, odds, total / total.sum())


def log_density(parzen: Parzen, points: Floats) -> Floats:
    """The logarithm of the density at unit points (k, d), shape (k,).

    All kernels but the prior's share one width, so their exponents are one matrix product.
    """
    from scipy.special import logsumexp, ndtr

    ordered = parzen.sizes == 0
    inverse = 1.0 / parzen.widths[:, ordered]
    centers = parzen.centers[:, ordered]
    inside = ndtr((1.0 - centers) * inverse) - ndtr(-centers * inverse)
    constant = np.log(parzen.weights) + (np.log(inverse / inside) - 0.5 * np.log(2.0 * np.pi)).sum(1)
    scaled = points[:, ordered]
    squares = (
        (scaled * scaled) @ (inverse * inverse).T
        - 2.0 * scaled @ (centers * inverse * inverse).T
        + (centers * centers * inverse * inverse).sum(1)
    )
    exponent = constant - 0.5 * np.maximum(squares, 0.0)
    for position in np.flatnonzero(~ordered):
        size = int(parzen.sizes[position])
        other = (1.0 - parzen.odds) / size
        same = _option(points[:, position], size)[:, None] == _option(parzen.centers[:, position], size)
        exponent += np.where(same, np.log(other + parzen.odds), np.log(np.maximum(other, 1e-300)))
    found: Floats = logsumexp(exponent, axis=1)
    return found


def draw(parzen: Parzen, count: int, rng: np.random.Generator) -> Floats:
    """``count`` points of the mixture, shape (count, d)."""
    from scipy.special import ndtr, ndtri

    kernels = rng.choice(len(parzen.weights), size=count, p=parzen.weights)
    centers, widths = parzen.centers[kernels], parzen.widths[kernels]
    low, high = ndtr(-centers / widths), ndtr((1.0 - centers) / widths)
    uniform = rng.random(centers.shape)
    points: Floats = np.clip(centers + widths * ndtri(low + uniform * (high - low)), 0.0, 1.0)
    for position in np.flatnonzero(parzen.sizes):
        size = int(parzen.sizes[position])
        kept = rng.random(count) < parzen.odds[kernels]
        other = np.minimum((uniform[:, position] * size).astype(np.int64), size - 1)
        taken = np.where(kept, _option(centers[:, position], size), other)
        points[:, position] = (taken + 0.5) / size
    return points


def _option(column: Floats, size: int) -> Numbers:
    option: Numbers = np.minimum((column * size).astype(np.int64), size - 1)
    return option
