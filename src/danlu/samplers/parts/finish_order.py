"""The trials in the order in which they finished: the state of samplers that learn from all of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class FinishOrder:
    """An immutable sequence of trial numbers that grows in constant time.

    Successive states share one list and each looks at its own length of it, so telling a trial costs the
    same at the hundred-thousandth as at the first, and an old state still reads as it did.

    Example:
        >>> first = FinishOrder().told(3)
        >>> second = first.told(1).told(3)
        >>> first.numbers().tolist(), second.numbers().tolist()
        ([3], [3, 1])
    """

    __slots__ = ("_length", "_numbers", "_places")

    def __init__(
        self, numbers: list[int] | None = None, places: dict[int, int] | None = None, length: int = 0
    ) -> None:
        self._numbers = [] if numbers is None else numbers
        self._places = {} if places is None else places
        self._length = length

    def told(self, number: int) -> FinishOrder:
        """With ``number`` at the end, once."""
        if self._places.get(number, self._length) < self._length:
            return self
        if len(self._numbers) > self._length:  # another state has grown from this one: part ways
            kept = self._numbers[: self._length]
            return FinishOrder(kept, {each: at for at, each in enumerate(kept)}, self._length).told(number)
        self._numbers.append(number)
        self._places[number] = self._length
        return FinishOrder(self._numbers, self._places, self._length + 1)

    def __len__(self) -> int:
        return self._length

    def numbers(self) -> NDArray[np.int64]:
        """The trial numbers, shape (n,)."""
        return np.array(self._numbers[: self._length], dtype=np.int64)
