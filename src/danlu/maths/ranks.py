"""Ranks: what remains of values when only their order counts."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .kernels import Floats


def ranks(values: Floats) -> Floats:
    """Ranks from 0, equal values sharing the mean of theirs.

    Example:
        >>> ranks(np.array([5.0, 1.0, 5.0])).tolist()
        [1.5, 0.0, 1.5]
    """
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    found: Floats = (ends - 0.5 * (counts + 1.0))[inverse]
    return found


def correlation(one: Floats, other: Floats) -> float:
    """Spearman's rank correlation; 0 when either is constant.

    Example:
        >>> correlation(np.array([1.0, 2.0, 9.0]), np.array([0.1, 0.2, 0.3])), correlation(np.ones(3), np.ones(3))
        (1.0, 0.0)
    """
    first, second = ranks(one), ranks(other)
    first, second = first - first.mean(), second - second.mean()
    scale = float(np.sqrt((first @ first) * (second @ second)))
    return round(float(first @ second) / scale, 12) if scale > 0.0 else 0.0


def best_and_spread(losses: Floats, most: int) -> NDArray[np.int64]:
    """At most so many places, rising: those of the best fill one half, an even spread of the others the rest.

    Args:
        losses: finite, smaller is better, shape (n,).
        most: at least 2.

    Example:
        >>> best_and_spread(np.array([5.0, 1.0, 9.0, 2.0, 7.0, 3.0]), 4).tolist()
        [1, 2, 3, 5]
    """
    order = np.argsort(losses, kind="stable")
    if len(order) <= most:
        return np.arange(len(order))
    rest = order[most // 2 :]
    spread = rest[np.linspace(0, len(rest) - 1, most - most // 2).astype(np.int64)]
    return np.sort(np.concatenate([order[: most // 2], spread]))
