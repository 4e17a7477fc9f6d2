"""What a scheduler keeps of each curve while it grows, so that a report costs the same at any length."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Generic, TypeVar

Kept = TypeVar("Kept")


class Along(Generic[Kept]):
    """An immutable record: for each trial, something folded along the values of its curve.

    The newest value may still change (a second report at the same step, a restart one step back); what came before it is
    kept apart for that. A curve that was cut back further is folded anew.

    Args:
        step: the kept thing and the next value to the new kept thing.
        start: what is kept of an empty curve.

    Example:
        >>> total = Along(lambda kept, value: kept + value, 0.0)
        >>> later = total.told(7, (1.0, 2.0)).told(7, (1.0, 2.0, 4.0))
        >>> later.of(7, (1.0, 2.0, 4.0, 8.0)), later.of(7, (1.0,)), total.of(7, (5.0,))
        (15.0, 1.0, 5.0)
    """

    __slots__ = ("_known", "_start", "_step")

    def __init__(
        self, step: Callable[[Kept, float], Kept], start: Kept, known: Mapping[int, tuple[int, Kept, Kept]] | None = None
    ) -> None:  # fmt: skip
        self._step, self._start, self._known = step, start, known or {}

    def of(self, trial: int, values: Sequence[float]) -> Kept:
        """What these values come to."""
        return self._folded(trial, values)[2]

    def told(self, trial: int, values: Sequence[float]) -> Along[Kept]:
        """With these values of a trial."""
        return Along(self._step, self._start, {**self._known, trial: self._folded(trial, values)})

    def without(self, trial: int) -> Along[Kept]:
        """With nothing of a trial, which is over."""
        if trial not in self._known:
            return self
        return Along(self._step, self._start, {n: kept for n, kept in self._known.items() if n != trial})

    def _folded(self, trial: int, values: Sequence[float]) -> tuple[int, Kept, Kept]:
        """How many values, what those before the last came to, and what all came to."""
        size = len(values)
        length, before, after = self._known.get(trial, (0, self._start, self._start))
        if size == length + 1:
            return size, after, self._step(after, values[-1])
        if size == length and size:
            return size, before, self._step(before, values[-1])
        before = after = self._start
        for value in values:
            before, after = after, self._step(after, value)
        return size, before, after
