"""How finished trials stand beside each other, whatever the goals, limits and failures."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...maths.pareto import crowded
from ...space.parameters import Choice
from ...space.space import Space
from .comparable import Comparable

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


class Ranking(NamedTuple):
    """What is known of trials, the best first.

    Attributes:
        numbers: trial numbers, shape (n,).
        good: how many of them have losses and keep every limit; they come first.
        losses: shape (n, m).
    """

    numbers: Numbers
    good: int
    losses: Floats


def ranking(known: Comparable) -> Ranking:
    """The trials that are evidence, best first.

    Those that keep all limits come first, by loss, or with several goals by front and then by how
    uncrowded they are; then those that break limits, by how much; failed ones last (Deb's constrained
    domination, 2002). Equal ones stand in the order of their numbers. Means over contexts are drawn to the mean of all by as much
    as their errors are of the differences between them (``steadied``).
    """
    by_number = np.argsort(known.numbers, kind="stable")
    numbers, losses = known.numbers[by_number], steadied(known)[by_number]
    violations, finite = known.violations[by_number], known.good[by_number]
    fine = finite & (violations == 0)
    key = np.zeros((len(numbers), 2))
    if fine.any():
        key[fine] = crowded(losses[fine])
    key[finite & ~fine, 0] = violations[finite & ~fine]
    level = np.where(fine, 0, np.where(finite, 1, 2))
    order = np.lexsort((key[:, 1], key[:, 0], level))
    return Ranking(numbers[order], int(fine.sum()), losses[order])


def steadied(known: Comparable) -> Floats:
    """The losses, shape (n, m), means over contexts shrunk by their reliability; losses of single trials as they are.

    Empirical Bayes (Efron and Morris, "Data analysis using Stein's estimator and its generalizations", 1975): with error variance
    ``e`` of a mean, and ``v`` between configurations beyond the errors, a mean keeps ``v / (v + e)`` of its distance from the mean of
    all. A configuration that looks good because its few trials differ much stands behind one that was measured well.
    """
    several = known.good & (known.counts > 1)
    if several.sum() < 3:
        return known.losses
    losses, noise = known.losses.copy(), known.noise()
    for column, spreads in zip(losses.T, known.spreads.T, strict=True):
        seen = several & np.isfinite(spreads)
        freedom = (known.counts - 1)[seen]
        pooled = float((spreads[seen] ** 2 * freedom).sum() / max(int(freedom.sum()), 1))
        error = np.where(known.good, noise * pooled, 0.0)
        middle = float(column[known.good].mean())
        between = max(float(column[several].var(ddof=1) - error[several].mean()), 0.0)
        if not np.isfinite(pooled + between) or not between + pooled > 0:
            continue
        if between:  # else nothing but noise is seen, and the order of the means is as good as any
            column[known.good] = middle + between / (between + error[known.good]) * (
                column[known.good] - middle
            )
    return losses


def unordered(space: Space) -> Numbers:
    """Number of options of each unordered coordinate, 0 for an ordered one, shape (d,)."""
    sizes = [
        int(slot.parameter.size) if isinstance(slot.parameter, Choice) and not slot.parameter.ordered else 0
        for slot in space.slots
    ]
    return np.array(sizes, dtype=np.int64)
