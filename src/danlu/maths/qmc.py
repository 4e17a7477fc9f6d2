"""Low-discrepancy sequences."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def sobol(width: int, seed: int, start: int, count: int) -> NDArray[np.float64]:
    """Points ``start .. start + count - 1`` of a scrambled Sobol sequence, shape (count, width).

    Owen-type scrambling (linear matrix scramble and digital shift) as in ``scipy.stats.qmc.Sobol``; the
    same seed gives the same sequence from any start.

    Example:
        >>> whole, part = sobol(3, 7, 0, 8), sobol(3, 7, 4, 4)
        >>> bool((whole[4:] == part).all())
        True
    """
    from scipy.stats import qmc

    if width == 0:
        return np.zeros((count, 0))
    engine = qmc.Sobol(width, scramble=True, rng=np.random.default_rng(seed))
    if start:
        engine.fast_forward(start)
    points: NDArray[np.float64] = engine.random(count)
    return points


def sobol_normal(width: int, seed: int, count: int) -> NDArray[np.float64]:
    """Standard normal quasi-random draws, shape (count, width)."""
    from scipy.special import ndtri

    points: NDArray[np.float64] = ndtri(np.clip(sobol(width, seed, 0, count), 1e-9, 1 - 1e-9))
    return points
