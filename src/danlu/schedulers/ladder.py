"""What trials had reached at each of some steps: the state of schedulers that compare them there."""

from __future__ import annotations

import math
from collections.abc import Hashable

import numpy as np
from numpy.typing import NDArray


class Ladder:
    """An immutable record of (place, trial, loss) that grows in constant time.

    Successive states share their columns and each looks at its own length of them; each trial has one loss at
    a place, the first that is told.

    Example:
        >>> one = Ladder().told("rung", 7, 0.5)
        >>> two = one.told("rung", 8, 0.2).told("rung", 7, 0.9)
        >>> one.others("rung", 0).tolist(), two.others("rung", 8).tolist()
        ([0.5], [0.5])
    """

    __slots__ = ("_columns", "_lengths")

    def __init__(
        self, columns: dict[Hashable, Column] | None = None, lengths: dict[Hashable, int] | None = None
    ) -> None:
        self._columns = {} if columns is None else columns
        self._lengths = {} if lengths is None else lengths

    def told(self, place: Hashable, trial: int, loss: float) -> Ladder:
        """With this loss; the same ladder when the trial has one there."""
        length = self._lengths.get(place, 0)
        column = self._columns.get(place)
        if column is None or len(column.losses) > length:  # another state has grown from this one: part ways
            column = Column() if column is None else column.copy(length)
            self._columns = self._columns | {place: column}
        if column.places.get(trial, length) < length:
            return self
        column.add(trial, loss)
        return Ladder(self._columns, self._lengths | {place: length + 1})

    def others(self, place: Hashable, trial: int) -> NDArray[np.float64]:
        """The losses at a place of all trials but this one; NaN counts as infinite."""
        column, length = self._columns.get(place), self._lengths.get(place, 0)
        if column is None:
            return np.zeros(0)
        losses = column.losses.view(length)
        at = column.places.get(trial, length)
        return losses if at >= length else np.delete(losses, at)


class Column:
    """Losses in the order in which they were told, and the position of each trial's."""

    __slots__ = ("losses", "places")

    def __init__(self) -> None:
        self.losses = Growing()
        self.places: dict[int, int] = {}

    def add(self, trial: int, loss: float) -> None:
        """One more."""
        self.places[trial] = len(self.losses)
        self.losses.append(math.inf if math.isnan(loss) else loss)

    def copy(self, length: int) -> Column:
        """The first ``length`` of them."""
        other = Column()
        for trial, at in self.places.items():
            if at < length:
                other.add(trial, float(self.losses.view(length)[at]))
        return other


class Growing:
    """A numpy array that doubles its room."""

    __slots__ = ("_room", "_size")

    def __init__(self) -> None:
        self._room, self._size = np.empty(64), 0

    def __len__(self) -> int:
        return self._size

    def append(self, value: float) -> None:
        """One more value."""
        if self._size == len(self._room):
            self._room = np.concatenate([self._room, np.empty(self._size)])
        self._room[self._size] = value
        self._size += 1

    def view(self, length: int) -> NDArray[np.float64]:
        """The first ``length`` values."""
        return self._room[:length]
