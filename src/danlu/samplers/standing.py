"""How finished trials stand beside each other, whatever the goals, limits and failures."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.events import Status
from ..core.history import History
from ..core.parameters import Choice
from ..core.space import Space
from ..maths.pareto import crowding, front_ranks

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
WIDE = 1000
"""Studies up to this many trials have their fronts sorted to the end; beyond, the best of each goal count."""


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
    if losses.shape[1] == 1:
        key[:, 0] = losses[:, 0]
    elif fine.any():
        key[fine] = _fronts(losses[fine])
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


def _fronts(losses: Floats) -> Floats:
    """Front and negative crowding distance of each row."""
    key = np.zeros((len(losses), 2))
    if len(losses) > WIDE:  # sorting all fronts is quadratic: those far behind stand by their summed ranks
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
