"""How finished trials stand beside each other, whatever the goals, limits and failures."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.events import Status
from ..core.history import History
from ..core.parameters import Choice
from ..core.space import Space
from ..maths.pareto import crowded

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


class Standing(NamedTuple):
    """Finished trials, best first.

    Attributes:
        numbers: trial numbers, shape (n,).
        good: how many of them have losses and keep every limit; they come first.
    """

    numbers: Numbers
    good: int


def standing(history: History) -> Standing:
    """The finished trials of a history, best first.

    Those that keep all limits come first, by loss, or with several goals by front and then by how
    uncrowded they are; then those that break limits, by how much; failed ones last (Deb's constrained
    domination, 2002). Equal ones stand in the order of their numbers.
    """
    fits = history.fits
    done = np.flatnonzero((history.statuses >= Status.DONE) & fits)
    losses, violations = history.losses[done], history.violations[done]
    finite = np.isfinite(losses).all(1)
    fine = finite & (violations == 0)
    key = np.zeros((len(done), 2))
    if fine.any():
        key[fine] = crowded(losses[fine])
    key[finite & ~fine, 0] = violations[finite & ~fine]
    level = np.where(fine, 0, np.where(finite, 1, 2))
    key[level == 2] = 0.0
    order = np.lexsort((key[:, 1], key[:, 0], level))
    return Standing(done[order], int(fine.sum()))


def pending(history: History) -> Numbers:
    """The trials that are not finished, shape (n,)."""
    fits = history.fits
    numbers = sorted(number for live in history.live for number in live if fits[number])
    return np.array(numbers, dtype=np.int64)


def unordered(space: Space) -> Numbers:
    """Number of options of each unordered coordinate, 0 for an ordered one, shape (d,)."""
    sizes = [
        int(slot.parameter.size) if isinstance(slot.parameter, Choice) and not slot.parameter.ordered else 0
        for slot in space.slots
    ]
    return np.array(sizes, dtype=np.int64)
