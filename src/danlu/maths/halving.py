"""Who goes on: the arithmetic of successive halving.

Jamieson and Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization" (AISTATS 2016);
Li et al., "Hyperband: a novel bandit-based approach to hyperparameter optimization" (JMLR 2018), whose table 1
``table`` gives; Li et al., "A system for massively parallel hyperparameter tuning" (MLSys 2020) for the
asynchronous rule.
"""

from __future__ import annotations

import bisect
import math


def rungs(low: int, high: int, factor: float) -> tuple[int, ...]:
    """The steps at which trials are compared: ``low`` times powers of ``factor``, rounded, below ``high``, and ``high``.

    Example:
        >>> rungs(1, 81, 3), rungs(2, 52, 3)
        ((1, 3, 9, 27, 81), (2, 6, 18, 52))
    """
    found: list[int] = []
    step = float(low)
    while round(step) < high:
        if not found or round(step) > found[-1]:
            found.append(round(step))
        step *= factor
    return (*found, high)


def table(steps: tuple[int, ...], factor: float) -> list[list[tuple[int, int]]]:
    """Hyperband's brackets over rungs, the most aggressive first: (trials, step) of each of their rungs.

    Example:
        >>> table(rungs(1, 81, 3), 3)[1]
        [(27, 3), (9, 9), (3, 27), (1, 81)]
    """
    deepest = len(steps) - 1
    found = []
    for halvings in range(deepest, -1, -1):
        count = math.floor((deepest + 1) // (halvings + 1) * factor**halvings)
        found.append(bracket(count, steps[deepest - halvings :], factor))
    return found


def bracket(count: int, steps: tuple[int, ...], factor: float) -> list[tuple[int, int]]:
    """One bracket of successive halving: ``count`` trials at the first step, a ``factor``-th at each further one.

    Example:
        >>> bracket(20, (1, 3, 9), 3)
        [(20, 1), (6, 3), (2, 9)]
    """
    return [(max(1, math.floor(count / factor**i)), step) for i, step in enumerate(steps)]


def keeps(better: int, total: int, factor: float) -> bool:
    """Whether a trial that ``better`` of ``total`` trials at its rung beat (itself counted in ``total``) goes on.

    The best 1 / ``factor`` do, at least one; with fewer than ``factor`` there, nobody can be told from chance.

    Example:
        >>> [keeps(better, 9, 3) for better in (0, 2, 3)], keeps(1, 2, 3)
        ([True, True, False], True)
    """
    return total < factor or better < max(1, int(total / factor))


def crossed(steps: tuple[int, ...], before: int, now: int) -> int:
    """Which of ``steps`` a trial has just come to, -1 for none: the last above ``before`` and up to ``now``.

    Example:
        >>> [crossed((1, 3, 9), *pair) for pair in ((0, 1), (1, 2), (2, 9), (9, 12))]
        [0, -1, 2, -1]
    """
    at = bisect.bisect_right(steps, now) - 1
    return at if at >= 0 and steps[at] > before else -1
