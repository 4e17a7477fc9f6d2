"""Losses as a model should see them: bad ones compressed, failed ones present."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtri

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
    median = np.median(losses)
    good = losses <= median
    spread = np.sqrt(np.mean((losses[good] - median) ** 2))
    if spread == 0.0:
        spread = np.std(losses) or 1.0
    ranks = np.argsort(np.argsort(losses, kind="stable"), kind="stable")
    quantiles = (ranks + 0.5) / len(losses)
    warped = np.where(good, losses, median + spread * ndtri(np.maximum(quantiles, 0.5)))
    scale = warped.std() or 1.0
    result: Floats = (warped - warped.mean()) / scale
    return result


def with_failures(warped: Floats, failed: int) -> Floats:
    """``warped`` followed by one target for each failure: the worst and half the range on top."""
    if not len(warped):
        return np.ones(failed)
    worst = warped.max() + 0.5 * (warped.max() - warped.min())
    return np.concatenate([warped, np.full(failed, worst)])
