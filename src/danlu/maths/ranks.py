"""Ranks: what remains of values when only their order counts."""

from __future__ import annotations

import numpy as np

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
