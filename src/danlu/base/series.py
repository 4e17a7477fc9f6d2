"""One column of a curve: immutable to those who read it, and free to make however long it is."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast, overload

if TYPE_CHECKING:
    from numpy.typing import NDArray

T = TypeVar("T", bound=float)


class Series(Sequence[T], Generic[T]):
    """The values of a growing column at the rows of one trial, and one more at the end.

    It is what a tuple would be, equal to it and pickled as one, without the copy: asking for its length or its last
    value costs the same at a million reports as at one. The last value is kept apart because a second report at the
    same step may still fill it in; rows before it stand.

    Args:
        column: of which only appended rows may change; None where there is NaN before the last value.
        rows: where this trial's values are; it may grow, and is never cut.
        before: how many of the rows belong to the series.
        last: the value at its end.

    Example:
        >>> column = array("d", [0.5, 9.0, 0.25])
        >>> series = Series(column, array("q", [0, 2]), 2, 0.125)
        >>> series[-1], len(series), series == (0.5, 0.25, 0.125)
        (0.125, 3, True)
    """

    __slots__ = ("_before", "_column", "_last", "_rows")

    _column: Sequence[T] | None
    _last: T

    def __init__(self, column: Sequence[T] | None, rows: array[int], before: int, last: T) -> None:
        self._column, self._rows, self._before, self._last = column, rows, before, last

    def __len__(self) -> int:
        return self._before + 1

    @overload
    def __getitem__(self, at: int) -> T: ...
    @overload
    def __getitem__(self, at: slice) -> tuple[T, ...]: ...
    def __getitem__(self, at: int | slice) -> T | tuple[T, ...]:
        if isinstance(at, slice):
            return tuple(self._at(place) for place in range(*at.indices(len(self))))
        place = at + len(self) if at < 0 else at
        if not 0 <= place <= self._before:
            raise IndexError(f"there are {len(self)} values, asked for number {at}")
        return self._at(place)

    def __iter__(self) -> Iterator[T]:
        yield from map(self._at, range(len(self)))

    def __eq__(self, other: object) -> bool:
        return tuple(self) == tuple(other) if isinstance(other, Series | tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __repr__(self) -> str:
        return repr(tuple(self))

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (tuple(self),)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        import numpy as np

        return np.array(tuple(self), dtype)

    def _at(self, place: int) -> T:
        if place == self._before:
            return self._last
        return cast("T", math.nan) if self._column is None else self._column[self._rows[place]]
