"""Several losses at once: who beats whom, how crowded a front is, how much it covers. All are minimized."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .kernels import Floats

Numbers = NDArray[np.int64]


def front_ranks(losses: Floats) -> Numbers:
    """The front each row belongs to: 0 for those no row beats, 1 when these are taken away, and so on.

    Non-dominated sorting (Deb et al., "A fast and elitist multiobjective genetic algorithm: NSGA-II",
    2002), one matrix comparison a front.

    Args:
        losses: shape (n, m); infinite ones are beaten by all finite ones.

    Example:
        >>> front_ranks(np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0], [2.0, 2.0]])).tolist()
        [0, 0, 1, 2]
    """
    n = len(losses)
    ranks = np.zeros(n, dtype=np.int64)
    if losses.shape[1] == 1:
        return np.unique(losses[:, 0], return_inverse=True)[1].astype(np.int64)
    beats = np.all(losses[:, None] <= losses[None], axis=2) & np.any(losses[:, None] < losses[None], axis=2)
    left, rank = np.arange(n), 0
    while len(left):
        first = ~beats[np.ix_(left, left)].any(0)
        ranks[left[first]] = rank
        left, rank = left[~first], rank + 1
    return ranks


def crowding(losses: Floats) -> Floats:
    """The crowding distance of each row among the rows (Deb et al. 2002): infinite at the ends.

    Example:
        >>> crowding(np.array([[0.0, 1.0], [0.5, 0.5], [1.0, 0.0]])).tolist()
        [inf, 2.0, inf]
    """
    n, goals = losses.shape
    distance = np.zeros(n)
    for goal in range(goals):
        order = np.argsort(losses[:, goal], kind="stable")
        column = losses[order, goal] / 2  # so that no difference overflows
        span = column[-1] - column[0] if n else 0.0
        distance[order[[0, -1]]] = np.inf
        if n > 2 and 0.0 < span < np.inf:
            distance[order[1:-1]] += (column[2:] - column[:-2]) / span
    return distance


WIDE = 1000
"""Up to this many rows fronts are sorted to the end; beyond, those far behind stand by their summed ranks."""


def crowded(losses: Floats) -> Floats:
    """Keys by which rows stand in line: front, then the less crowded first (Deb et al. 2002), shape (n, 2).

    Beyond a thousand rows only the thousand with the least summed ranks are sorted into fronts.

    Example:
        >>> crowded(np.array([[0.0, 1.0], [1.0, 0.0], [0.4, 0.4], [2.0, 2.0]]))[:, 0].tolist()
        [0.0, 0.0, 0.0, 1.0]
    """
    key = np.zeros((len(losses), 2))
    if losses.shape[1] == 1:
        key[:, 0] = losses[:, 0]
        return key
    if len(losses) > WIDE:  # sorting all fronts is quadratic
        sums = np.argsort(np.argsort(losses, axis=0, kind="stable"), axis=0, kind="stable").sum(1)
        near = np.argsort(sums, kind="stable")[:WIDE]
        key[:, 0] = len(losses) + sums
    else:
        near = np.arange(len(losses))
    ranks = front_ranks(losses[near])
    key[near, 0] = ranks
    for rank in np.unique(ranks):
        members = near[ranks == rank]
        key[members, 1] = -crowding(losses[members])
    return key


def hypervolume(losses: Floats, reference: Floats) -> float:
    """The volume that the rows dominate below ``reference``, for two or more losses.

    Two losses by one sweep; more by slicing along the last one (While et al., "A faster algorithm for
    calculating hypervolume", 2006, in its plain recursive form).

    Example:
        >>> hypervolume(np.array([[0.0, 0.5], [0.5, 0.0]]), np.array([1.0, 1.0]))
        0.75
    """
    inside = losses[np.all(losses < reference, axis=1)]
    if not len(inside):
        return 0.0
    inside = np.unique(inside[front_ranks(inside) == 0], axis=0)
    if inside.shape[1] == 1:
        return float(reference[0] - inside[:, 0].min())
    if inside.shape[1] == 2:
        steps = np.append(inside[1:, 0], reference[0]) - inside[:, 0]
        return float(steps @ (reference[1] - inside[:, 1]))
    order = np.argsort(inside[:, -1], kind="stable")
    inside = inside[order]
    heights = np.append(inside[1:, -1], reference[-1]) - inside[:, -1]
    return float(
        sum(
            height * hypervolume(inside[: upto + 1, :-1], reference[:-1])
            for upto, height in enumerate(heights)
            if height > 0.0
        )
    )
