"""Whether one of two things is better, by what both came to in the same circumstances."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple


class Paired(NamedTuple):
    """What paired differences say.

    Attributes:
        differences: as given.
        mean: of them; infinite where one of both failed.
        chance: that the true mean is above 0.
    """

    differences: tuple[float, ...]
    mean: float
    chance: float


def paired(differences: Sequence[float], others: Sequence[Sequence[float]] = ()) -> Paired:
    """The chance that the mean of normal differences is above 0, with their variance pooled over this and other comparisons.

    Given a flat prior it is Student's t with as many degrees of freedom as the pooled variance has. Infinite differences are failures of
    one of both and decide alone; NaN, where both failed, decides for nobody.

    Args:
        differences: of one comparison, at least one.
        others: the differences of comparisons with the same noise.

    Example:
        >>> alone = paired([0.2, 0.1])
        >>> round(alone.mean, 3), round(alone.chance, 3)
        (0.15, 0.898)
        >>> paired([0.2, 0.1], [[0.0, 0.01], [0.3, 0.3]]).chance > alone.chance
        True
        >>> paired([0.0, 0.0]).chance, paired([math.inf, 0.1]).chance
        (0.5, 1.0)
    """
    from scipy.special import stdtr

    given = tuple(differences)
    if any(math.isnan(each) for each in given) or {math.inf, -math.inf} <= set(given):
        return Paired(given, math.nan, 0.0)
    mean = sum(given) / len(given)
    if not math.isfinite(mean):
        return Paired(given, mean, float(mean > 0))
    squares, freedom = pooled((given, *others))
    error = math.sqrt(squares / freedom / len(given)) if freedom else 0.0
    if error == 0.0:
        return Paired(given, mean, 0.5 if mean == 0 else float(mean > 0))
    return Paired(given, mean, float(stdtr(freedom, mean / error)))


def pooled(rows: Sequence[Sequence[float]]) -> tuple[float, int]:
    """Squared deviations from the means of their own rows, summed up, and the degrees of freedom of the sum; rows that fail or are single say nothing.

    Example:
        >>> pooled([[1.0, 3.0], [5.0, 5.0, 8.0], [2.0], [1.0, math.inf]])
        (8.0, 3)
    """
    squares, freedom = 0.0, 0
    for each in rows:
        if len(each) > 1 and all(map(math.isfinite, each)):
            middle = sum(each) / len(each)
            squares += sum((value - middle) ** 2 for value in each)
            freedom += len(each) - 1
    return squares, freedom
