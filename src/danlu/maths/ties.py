"""Which of several may be the best, by what is believed of them: the one of the lowest measurement often is not.

What is believed are draws of all of them together. The tie set are the likeliest ones to be the lowest, as many as it takes to hold the
lowest with a chance that is asked for: the indifference-zone idea of ranking and selection, turned to posterior chances (Chick and Inoue,
"New two-stage and sequential procedures for selecting the best simulated system", Operations Research 49, 2001).
"""

from __future__ import annotations

import numpy as np

from .kernels import Floats

RELIABILITY = 0.5
"""The share of the better half's variance that is believed to be more than noise where nothing tells the noise."""


def chances(draws: Floats) -> Floats:
    """The share of draws in which each is the lowest, shape (n,).

    Args:
        draws: one row a draw of all of them, shape (m, n).

    Example:
        >>> chances(np.array([[1.0, 2.0], [1.0, 0.0], [3.0, 4.0], [0.0, 1.0]])).tolist()
        [0.75, 0.25]
    """
    lowest = np.bincount(np.argmin(draws, axis=1), minlength=draws.shape[1])
    found: Floats = lowest / len(draws)
    return found


def tied(shares: Floats, most: int, enough: float = 0.95) -> list[int]:
    """The likeliest ones, as many as it takes for a chance of ``enough`` in all, ``most`` at the most, one at the least.

    Example:
        >>> tied(np.array([0.1, 0.6, 0.0, 0.3]), 3), tied(np.array([0.1, 0.6, 0.0, 0.3]), 3, 0.5)
        ([1, 3, 0], [1])
    """
    order = np.argsort(-shares, kind="stable")
    held = np.cumsum(shares[order])
    count = int(np.searchsorted(held, enough - 1e-12)) + 1
    return [int(at) for at in order[: min(count, most, len(order))]]


def guessed(losses: Floats, noise: float | None, rng: np.random.Generator, count: int) -> Floats:
    """Draws of the true losses where no model tells them: each is drawn to the mean of the better half, as far as it may be noise.

    Of normal losses and noise the mean of a true one is the measured one, drawn to the mean of all by the share that noise has of the
    variance (Efron and Morris, "Stein's paradox in statistics", 1977).

    Args:
        losses: finite, shape (n,).
        noise: standard deviation of a measurement; None where nobody knows, then half of the variance of the better half is taken for it.
        rng: for the draws.
        count: of draws.

    Example:
        >>> draws = guessed(np.array([1.0, 1.1, 5.0, 6.0]), None, np.random.default_rng(0), 500)
        >>> draws.shape, bool(chances(draws)[:2].sum() > 0.95)
        ((500, 4), True)
    """
    half = np.sort(losses)[: max(2, (len(losses) + 1) // 2)]
    spread = float(half.var(ddof=1)) if len(half) > 1 else 0.0
    known = (1.0 - RELIABILITY) * spread if noise is None else noise**2
    true = RELIABILITY * spread if noise is None else max(spread - known, 0.0)
    reliable = true / (true + known) if true + known > 0.0 else 1.0
    means = half.mean() + reliable * (losses - half.mean())
    found: Floats = means + np.sqrt(reliable * known) * rng.standard_normal((count, len(losses)))
    return found
