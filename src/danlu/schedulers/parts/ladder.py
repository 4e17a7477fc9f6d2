"""What trials had reached at each of some places: the state of schedulers that compare them there."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]
Lengths = tuple[dict[Hashable, tuple[int, int]], ...]

_NOWHERE: Lengths = ({},) * 64
"""By place, in parts that are copied one at a time: how many have come there, and as which place it was reached first."""


class Ladder:
    """An immutable record of (place, trial, losses) that grows without copying what it holds.

    Successive states share their columns and each looks at its own length of them; each trial has one entry at
    a place, the first that is told.

    Example:
        >>> one = Ladder().told("rung", 7, [0.5])
        >>> two = one.told("rung", 8, [0.2]).told("rung", 7, [0.9])
        >>> one.others("rung", 0).tolist(), two.others("rung", 8).tolist()
        ([[0.5]], [[0.5]])
    """

    __slots__ = ("_columns", "_lengths", "_places")

    def __init__(
        self, columns: dict[Hashable, Column] | None = None, lengths: Lengths = _NOWHERE, places: int = 0
    ) -> None:
        self._columns = (
            {} if columns is None else columns
        )  # shared: a place that is not in the lengths is not there
        self._lengths = lengths
        self._places = places

    def told(self, place: Hashable, trial: int, losses: Sequence[float]) -> Ladder:
        """With these losses; the same ladder when the trial has some there."""
        if self.has(place, trial):
            return self
        length = self.count(place)
        column = self._columns.get(place)
        columns = self._columns
        if column is None:
            columns[place] = column = Column(len(losses))
        elif len(column) > length:  # another state has grown from this one
            if column.is_next(length, trial, losses):  # and has been told the same
                return self._longer(columns, place)
            column = column.copy(length)
            columns = columns | {place: column}
        column.add(trial, losses)
        return self._longer(columns, place)

    def _longer(self, columns: dict[Hashable, Column], place: Hashable) -> Ladder:
        """With one more entry at a place."""
        at = hash(place) % len(self._lengths)
        held = self._lengths[at]
        length, order = held.get(place, (0, self._places))
        lengths = (*self._lengths[:at], {**held, place: (length + 1, order)}, *self._lengths[at + 1 :])
        return Ladder(columns, lengths, self._places + (length == 0))

    def places(self) -> list[Hashable]:
        """Where somebody has come, in the order in which the first came."""
        found = [(order, place) for held in self._lengths for place, (_, order) in held.items()]
        return [place for _, place in sorted(found, key=itemgetter(0))]

    def has(self, place: Hashable, trial: int) -> bool:
        """Whether the trial has come there."""
        length = self.count(place)
        return length > 0 and self._columns[place].places.get(trial, length) < length

    def count(self, place: Hashable) -> int:
        """How many have come there."""
        return self._lengths[hash(place) % len(self._lengths)].get(place, (0, 0))[0]

    def losses(self, place: Hashable, trial: int) -> list[float]:
        """The losses of a trial that has come there."""
        found: list[float] = (
            self._columns[place].view(self.count(place))[1][self._columns[place].places[trial]].tolist()
        )
        return found

    def entries(self, place: Hashable) -> tuple[Numbers, Floats]:
        """Trials in the order in which they came, shape (n,), and their losses, shape (n, m)."""
        length = self.count(place)
        return self._columns[place].view(length) if length else (np.zeros(0, np.int64), np.zeros((0, 1)))

    def others(self, place: Hashable, trial: int) -> Floats:
        """The losses of all trials there but this one, shape (n, m); NaN counts as infinite."""
        _, losses = self.entries(place)
        return (
            np.delete(losses, self._columns[place].places[trial], axis=0)
            if self.has(place, trial)
            else losses
        )


class Column:
    """Trials at one place in the order in which they came, in arrays that double their room."""

    __slots__ = ("_losses", "_trials", "places")

    def __init__(self, width: int) -> None:
        self.places: dict[int, int] = {}
        self._trials = np.empty(16, np.int64)
        self._losses = np.empty((16, width))

    def __len__(self) -> int:
        return len(self.places)

    def add(self, trial: int, losses: Sequence[float]) -> None:
        """One more."""
        at = len(self.places)
        if at == len(self._trials):
            self._trials = np.concatenate([self._trials, np.empty_like(self._trials)])
            self._losses = np.concatenate([self._losses, np.empty_like(self._losses)])
        self.places[trial] = at
        self._trials[at] = trial
        self._losses[at] = [math.inf if math.isnan(loss) else loss for loss in losses]

    def is_next(self, at: int, trial: int, losses: Sequence[float]) -> bool:
        """Whether the entry at a position is this one."""
        row = [math.inf if math.isnan(loss) else loss for loss in losses]
        return bool(self._trials[at] == trial and self._losses[at].tolist() == row)

    def view(self, length: int) -> tuple[Numbers, Floats]:
        """The first ``length`` of them."""
        return self._trials[:length], self._losses[:length]

    def copy(self, length: int) -> Column:
        """The first ``length`` of them."""
        other = Column(self._losses.shape[1])
        trials, losses = self.view(length)
        for trial, row in zip(trials.tolist(), losses.tolist(), strict=True):
            other.add(trial, row)
        return other
