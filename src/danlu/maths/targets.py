"""Losses, excesses and outcomes as a model should see them."""

from __future__ import annotations

import numpy as np

from .kernels import Floats


def half_rank(losses: Floats) -> Floats:
    """Losses with everything worse than the median replaced by what its rank would be if all were normal.

    The better half keeps its own distances, so the model sees the landscape where it matters; outliers
    end up a few standard deviations away (Song et al., "The Vizier Gaussian process bandit algorithm",
    2024, half-rank warping). The result has mean 0 and unit variance.

    Args:
        losses: finite, shape (n,).

    Example:
        >>> warped = half_rank(np.array([0.0, 1.0, 2.0, 1e9]))
        >>> bool(warped.max() < 3), warped.argsort().tolist()
        (True, [0, 1, 2, 3])
    """
    from scipy.special import ndtri

    losses, _ = shrunk(losses)
    median = np.median(losses)
    good = losses <= median
    spread = np.sqrt(np.mean((losses[good] - median) ** 2))
    if spread == 0.0:
        spread = np.std(losses) or 1.0
    ranks = np.argsort(np.argsort(losses, kind="stable"), kind="stable")
    quantiles = (ranks + 0.5) / len(losses)
    warped = np.where(good, losses, median + spread * ndtri(np.maximum(quantiles, 0.5)))
    return standard(warped)


def shrunk(values: Floats) -> tuple[Floats, int]:
    """Values of extreme sizes divided by a power of two, so that squares and sums neither overflow nor vanish; its exponent.

    Others are left as they are, with an exponent of 0.

    Args:
        values: finite.

    Example:
        >>> shrunk(np.array([2.0**1000, 2.0**999])), shrunk(np.array([3.0]))
        ((array([0.5 , 0.25]), 1001), (array([3.]), 0))
    """
    largest = np.abs(values).max(initial=0.0)
    if 1e-100 <= largest <= 1e100 or largest == 0.0:
        return values, 0
    exponent = int(np.frexp(largest)[1])
    return np.ldexp(values, -exponent), exponent


def standard(values: Floats) -> Floats:
    """Shifted to mean 0 and scaled to unit variance; constant values become 0.

    Example:
        >>> standard(np.array([1.0, 3.0])).tolist()
        [-1.0, 1.0]
    """
    found: Floats = (values - values.mean()) / (values.std() or 1.0)
    return found


def bilog(excess: Floats) -> Floats:
    """sign(e) log(1 + |e| / typical |e|): keeps on which side of 0 a value is, tames outliers.

    Eriksson and Poloczek, "Scalable constrained Bayesian optimization" (AISTATS 2021).

    Example:
        >>> bilog(np.array([-1.0, 0.0, 1.0])).round(2).tolist()
        [-0.69, 0.0, 0.69]
    """
    typical = np.median(np.abs(excess)) or np.abs(excess).max() or 1.0
    found: Floats = np.sign(excess) * np.log1p(np.abs(excess) / typical)
    return found


def tchebycheff(losses: Floats, weights: Floats) -> Floats:
    """Several losses in [0, 1] as one: the worst weighted one and a twentieth of their sum.

    Knowles, "ParEGO" (2006), augmented Tchebycheff function.

    Args:
        losses: scaled to [0, 1], shape (n, m).
        weights: adding up to 1, shape (m,).

    Example:
        >>> tchebycheff(np.array([[0.2, 0.4]]), np.array([0.5, 0.5])).round(3).tolist()
        [0.215]
    """
    weighted = losses * weights
    found: Floats = weighted.max(1) + 0.05 * weighted.sum(1)
    return found
