"""Which trials are of one configuration: the same point in several contexts, known by the first trial of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ..problem.contexts import Context, context_key

if TYPE_CHECKING:
    from .rows import Row, Rows


class Members:
    """The trials of each configuration that is evaluated in contexts, by its first one."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._of: dict[int, list[int]] = {}
        self._keys: dict[int, str] = {}
        self._due: list[tuple[str, Context]] = []

    def __len__(self) -> int:
        return len(self._of)

    def __iter__(self) -> Iterator[int]:
        return iter(self._of)

    def __reversed__(self) -> Iterator[int]:
        return reversed(self._of)

    def __contains__(self, number: object) -> bool:
        return number in self._of

    def head(self, number: int) -> int:
        """The first trial of a trial's configuration; the trial itself where it has no others."""
        of = self._rows[number].asked.of
        return number if of < 0 else of

    def whole(self, number: int) -> list[int]:
        """All trials of a trial's configuration, itself included."""
        return self._of.get(self.head(number), [number])

    def counting(self, head: int) -> list[int]:
        """The trials of a configuration that were not set aside."""
        return [number for number in self._of[head] if number not in self._rows.aside]

    def key(self, number: int) -> str:
        """The context of a trial, as text that is the same for equal contexts."""
        return self._keys[number]

    def missing(self, head: int) -> list[Context]:
        """The contexts in which a configuration has no trial yet, in the study's order."""
        tried = {self._keys[number] for number in self.counting(head)}
        return [context for key, context in self._due if key not in tried]

    # What the fold calls.

    def add(self, number: int, row: Row) -> int:
        """A trial was asked in a context; the first trial of its configuration.

        Raises:
            ValueError: when it is said to be of a configuration that there is not.
        """
        head = number if row.asked.of < 0 else row.asked.of
        if head != number and head not in self._of:
            raise ValueError(
                f"trial {number} is said to be of the configuration of trial {head}, which has no context"
            )
        self._of.setdefault(head, []).append(number)
        self._keys[number] = context_key(row.asked.context)
        return head

    def expect(self, contexts: Iterable[Context]) -> None:
        """A configuration is to be evaluated in these contexts from now on."""
        self._due = [(context_key(context), context) for context in contexts]
