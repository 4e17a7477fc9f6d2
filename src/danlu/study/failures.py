"""What failures say of a study: several first ones alike are not a region of the space but an objective that cannot work.

Three points that are drawn by chance lie in a half of the space that fails, one time in eight. So the last of the first
trials is no such point while all before it have failed alike: it is the one that is most different from them in every
parameter. Only a study whose failed trials include such a probe is ended, or one whose trials fail before they have read a
parameter.

One traceback of each kind is shown, the others are counted. While all that has come in are failures of one kind, its
traceback is held back, as it may be the study's own end.
"""

from __future__ import annotations

import re
import struct
from collections import Counter
from collections.abc import Iterable, Sequence

from ..base.failure import kind_of, say
from ..contracts.messages import Outcome
from ..errors import GoalError, ObjectiveError, SpaceError
from ..journal.events import Cause, Status
from ..journal.history import History
from ..journal.rows import Row
from ..space.feasible import meet
from ..space.space import pack_unit
from .claims import PROBE

BROKEN = "the objective cannot work"
"""How the reason begins for which such trials are set aside."""

_LEVELS = tuple((2 * at + 1) / 16 for at in range(8))

_TIMES = re.compile(r",? (once|\d+ times); this configuration is quarantined$")
"""How the reason ends of a trial whose worker died: how often it did is no other kind of failure."""

_TELLING = (Cause.RAISED, Cause.INVALID, Cause.CRASHED)


class Failures:
    """The failures that one driver has heard of.

    Args:
        history: as it is when the driver begins; what was set aside before is no concern of its.
        alike: this many first trials that fail alike, with none that worked before, end the study; 0 for never.
    """

    def __init__(self, history: History, alike: int = 3) -> None:
        self._alike = alike
        self._before = set(history.rows.aside)
        self._traces: dict[str, str] = {}
        self._shown: set[str] = set()
        self._count: Counter[str] = Counter()

    def hear(self, outcome: Outcome, history: History) -> None:
        """Note how an attempt ended; show the first traceback of each kind once it is not the study's end."""
        if outcome.trace:
            kind = kind_of(outcome.reason, history.rows.of(outcome.trial).params())
            self._traces.setdefault(kind, outcome.trace)
            self._count[kind] += 1
        if not self._alike or (history.rows.ended and not _all_alike(history)):
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

    def know(self, aside: Iterable[int]) -> None:
        """These were set aside before this driver began."""
        self._before.update(aside)

    def verdict(self, history: History) -> tuple[tuple[int, ...], str]:
        """The trials that show that the objective cannot work, and the sentence; ((), '') while nothing does."""
        told = next(
            (
                why
                for n, why in history.rows.aside.items()
                if n not in self._before and why.startswith(BROKEN)
            ),
            "",
        )
        if told:  # another worker was faster: what has failed here meanwhile has done so for the same cause
            alike = self._alike and _all_alike(history)
            return tuple(number for number, _ in history.rows.ended) if alike else (), told
        if history.incumbents.front:
            return (), ""
        first = [history.rows[number] for number, _ in history.rows.ended]
        if history.spent.finished == 1 and first[0].cause is Cause.INVALID:
            return (history.rows.ended[0][0],), first[0].reason
        if not self._alike:
            return (), ""
        if len(first) < self._alike or not _all_alike(history):
            return (), ""
        if not self._probed(first) and farthest(history) is not None:
            return (), ""
        over = tuple(number for number, _ in history.rows.ended)
        telling = max(reversed(first), key=lambda row: row.deaths)
        return over, (
            f"{BROKEN}: {_first(len(over))}, and none has worked: {telling.reason.rstrip('.')}. Mend it and make the same call again: "
            "what failed is set aside and not on the budget."
        )

    def probe(self, history: History) -> list[float] | None:
        """The unit point to try next because all that is over failed alike; None when there is no need for one."""
        due = self._alike >= 2 and history.spent.trials >= self._alike - 1 and history.rows.ended
        if not due or not _all_alike(history):
            return None
        counting = [row for row in history.rows if not row.aside]
        return None if any(row.asked.source == PROBE for row in counting) else farthest(history)

    def holds(self, history: History) -> bool:
        """Whether nothing more is to begin: it is clear that nothing works, or the point that will tell is being tried."""
        return bool(self.verdict(history)[1]) or self._awaits(history)

    def _awaits(self, history: History) -> bool:
        """Whether enough have failed alike, and the point farthest from them is being tried.

        One that has trained on from where the others failed is not waited for: it has said what it can.
        """
        if history.incumbents.front or not 0 < self._alike <= len(history.rows.ended):
            return False
        first = [history.rows[number] for number, _ in history.rows.ended]
        running = (history.rows[number] for number in history.rows.live[Status.RUNNING])
        come = max(row.trained for row in first)
        return (
            _all_alike(history)
            and not self._probed(first)
            and any(row.asked.source == PROBE and row.trained <= come for row in running)
        )

    def _probed(self, over: Sequence[Row]) -> bool:
        """Whether no part of the space explains these failures."""
        blind = sum(row.blind for row in over)
        return self._alike == 1 or blind >= self._alike or any(row.asked.source == PROBE for row in over)

    @property
    def trace(self) -> str:
        """The traceback that was heard last; '' where none was."""
        return next(reversed(self._traces.values()), "")

    def error(self, said: str, history: History) -> GoalError | ObjectiveError:
        """What the caller of ``tune`` is to get, with the one traceback as its note, another worker's if need be."""
        made = GoalError(said) if said.startswith("the goal") else ObjectiveError(said)
        trace = self.trace or history.decisions.trace
        if trace:
            made.add_note("\n" + trace.rstrip())
        return made


def farthest(history: History) -> list[float] | None:
    """The unit point that is as far as can be, in every parameter, from those that count; None where each was tried.

    Levels lie a little inside of the ranges, as their very ends may fail for reasons of their own.
    """
    tried = [
        struct.unpack(f"<{len(row.asked.unit) // 8}d", row.asked.unit)
        for row in history.rows
        if not row.aside
    ]
    space = history.space
    if not len(space) or not tried:
        return None
    unit = [
        max(
            _LEVELS,
            key=lambda level: min(abs(level - point[at]) if at < len(point) else 1.0 for point in tried),
        )
        for at in range(len(space))
    ]
    try:
        found, values = space.snap(unit)
        if not space.constraints.hold(values):
            found, _ = space.snap(meet(space, found))
    except SpaceError:
        return None
    return None if pack_unit(found) in history.columns.seen else found


def _kind(row: Row) -> str:
    """What the failure of a trial is alike in; '' for one that says nothing of the objective."""
    if row.status is not Status.FAILED or row.cause not in _TELLING or row.reason.startswith("told as"):
        return ""
    reason = _TIMES.sub("", row.reason) if row.cause is Cause.CRASHED else row.reason
    return f"{row.cause} {kind_of(reason, row.params())}"


def _all_alike(history: History) -> bool:
    """Whether nothing has worked, and all that is over failed in one way that says something of the objective."""
    if history.incumbents.front:
        return False
    kinds = {_kind(history.rows[number]) for number, _ in history.rows.ended}
    return len(kinds) == 1 and "" not in kinds


def _first(count: int) -> str:
    return "the first trial failed" if count == 1 else f"the first {count} trials failed alike"
