"""What failures say of a study: so many first ones alike are no region of the space but an objective that cannot work.

One traceback of each kind is shown, the others are counted. While all that has come in are failures of one kind, its
traceback is held back, as it may be the study's own end.
"""

from __future__ import annotations

import contextlib
import sys
from collections import Counter

from ..core.errors import GoalError, ObjectiveError
from ..core.events import Cause, Status
from ..core.failure import kind_of
from ..core.history import History
from ..core.messages import Outcome
from ..core.rows import Row

BROKEN = "the objective cannot work"
"""How the reason begins for which such trials are set aside."""

_TELLING = (Cause.RAISED, Cause.INVALID, Cause.CRASHED)


class Failures:
    """The failures that one driver has heard of.

    Args:
        history: as it is when the driver begins; what was set aside before is no concern of its.
        alike: so many first trials that fail alike, with none that worked before, end the study; 0 for never.
    """

    def __init__(self, history: History, alike: int = 3) -> None:
        self._alike = alike
        self._before = set(history.aside)
        self._traces: dict[str, str] = {}
        self._shown: set[str] = set()
        self._count: Counter[str] = Counter()

    def hear(self, outcome: Outcome, history: History) -> None:
        """Note how an attempt ended; show the first traceback of each kind once it is not the study's end."""
        if outcome.trace:
            kind = kind_of(outcome.reason, history.row(outcome.trial).params())
            self._traces.setdefault(kind, outcome.trace)
            self._count[kind] += 1
        if not _undecided(history, self._alike):
            self.show()

    def show(self) -> None:
        """Show the tracebacks that were held back."""
        for kind, trace in self._traces.items():
            if kind not in self._shown:
                self._shown.add(kind)
                say(trace.rstrip())

    def close(self) -> None:
        """Show what is left, and how many more failed in the same ways."""
        self.show()
        more = sum(self._count.values()) - len(self._count)
        if more:
            say(f"danlu: {more} more failed in the same ways; result.why() has a line for each.")

    def verdict(self, history: History) -> tuple[tuple[int, ...], str]:
        """The trials that show that the objective cannot work, and the sentence; ((), '') while nothing does."""
        told = next(
            (why for n, why in history.aside.items() if n not in self._before and why.startswith(BROKEN)), ""
        )
        if told:  # another worker was faster
            return (), told
        first = [history.rows[number] for number, _ in history.ended[: max(1, self._alike)]]
        if history.finished == 1 and first[0].cause is Cause.INVALID:
            return (history.ended[0][0],), first[0].reason
        if not self._alike:
            return (), ""
        if (
            len(first) < self._alike
            or history.front
            or len({_kind(row) for row in first}) > 1
            or not _kind(first[0])
        ):
            return (), ""
        kind = _kind(first[0])
        over = tuple(number for number, _ in history.ended if _kind(history.rows[number]) == kind)
        return over, (
            f"{BROKEN}: {_first(len(over))}, and none has worked: {first[-1].reason}. Mend it and make the same call again: "
            "what failed is set aside and not on the budget."
        )

    @property
    def trace(self) -> str:
        """The traceback that was heard last; '' where none was."""
        return next(reversed(self._traces.values()), "")

    def error(self, said: str, history: History) -> GoalError | ObjectiveError:
        """What the caller of ``tune`` is to get, with the one traceback as its note, another worker's if need be."""
        made = GoalError(said) if said.startswith("the goal") else ObjectiveError(said)
        trace = self.trace or history.trace
        if trace:
            made.add_note("\n" + trace.rstrip())
        return made


def say(text: str) -> None:
    """A line on standard error, if there still is one: an objective may have closed it."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - a person has to see it


def _kind(row: Row) -> str:
    """What the failure of a trial is alike in; '' for one that says nothing of the objective."""
    if row.status is not Status.FAILED or row.cause not in _TELLING or row.reason.startswith("told as"):
        return ""
    return f"{row.cause} {kind_of(row.reason, row.params())}"


def _undecided(history: History, alike: int) -> bool:
    """Whether all that is over so far failed alike, too few times to tell."""
    rows = [history.rows[number] for number, _ in history.ended[: alike + 1]]
    return not history.front and len(rows) <= alike and len({_kind(row) for row in rows}) < 2


def _first(count: int) -> str:
    return "the first trial failed" if count == 1 else f"the first {count} trials failed alike"
