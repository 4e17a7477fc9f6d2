"""Which trials are the best so far, by what counts for them; and whose checkpoints are kept, therefore."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .events import Status
from .groups import Group
from .rows import Row, counted, covers

if TYPE_CHECKING:
    from .definition import Definition
    from .groups import Groups
    from .reports import Reports
    from .rows import Rows


class Incumbents:
    """The front of a study: trials, or configurations by their first trial, that no other beats.

    Attributes:
        front: their numbers. With one goal it is the best trial, and those that are as good.
        reached: the trial that reached the target first, None before.
        since: how many trials came to a result since the front last changed.
    """

    def __init__(self, definition: Definition, rows: Rows, reports: Reports, groups: Groups) -> None:
        self.front: list[int] = []
        self.reached: int | None = None
        self.since = 0
        self._definition, self._rows, self._reports, self._groups = definition, rows, reports, groups

    @property
    def best(self) -> int | None:
        """The number of the best trial by the first metric, limits kept first; None when none is done."""
        return min(self.front, key=self._order, default=None)

    def interim(self, number: int) -> bool:
        """Whether what a trial has come to is not what counts: where the last report does, and it was not trained to its end.

        Such a trial is among the best only as long as no other has come to its end.
        """
        if self._definition.goal.at != "last" or self._rows[number].asked.context:
            return False
        return self._rows[number].status < Status.DONE or number in self._rows.cut

    def keeps(self, number: int) -> bool:
        """Whether a trial keeps its checkpoints and its folder: while it is not over, and as the study was told then."""
        if self._rows[number].status < Status.DONE or self._definition.keep == "all":
            return True
        head = self._groups.members.head(number)
        return head in self.front or head in self._groups.pending

    def counted(self, number: int) -> dict[str, float]:
        """The metrics that count for a trial by its curve: the goal's best step, or the last."""
        return counted(self._reports.curve(number), self._definition.goal)

    # What the fold calls.

    def count(self, number: int, metrics: dict[str, float]) -> None:
        """What a trial has come to, for good or for now: a paused one can be the best."""
        goal, row = self._definition.goal, self._rows[number]
        losses, violation = goal.losses(metrics), goal.violation(metrics)
        if goal.missing(metrics) or not all(math.isfinite(loss) for loss in losses):
            self._uncount(number, row)
            return
        if row.losses is not None and not covers(Row(row.asked, losses=losses, violation=violation), row):
            self._uncount(number, row)  # trained anew, or its last step counts, and it has become worse
        row.metrics, row.losses, row.violation = metrics, losses, violation
        if not row.asked.context:
            self._place(number, row)

    def count_together(self, head: int) -> None:
        """What a configuration has come to in its contexts, if it is over; it counts when it was evaluated in all of them."""
        before, after = self._groups.over.get(head), self._groups.settle(head)
        if after is None:
            return
        if before is not None and before.whole:
            self.rank_anew()
        if after.whole and after.losses is not None and all(map(math.isfinite, after.losses)):
            self._place(head, after)
        if not self.keeps(head):
            for number in self._groups.members.whole(head):
                if self._rows[number].status >= Status.DONE:
                    self.forget(number)

    def recount(self) -> None:
        """Rank and count the trials anew, as some no longer count."""
        self.front, self.reached, self.since = [], None, 0
        over = [each[0] for each in self._rows.ended]
        others = {number for number, row in enumerate(self._rows) if row.losses is not None}.difference(over)
        self._groups.drop(self._rows.aside)
        for number in (*over, *sorted(others)):  # paused ones, and those that train on
            row = self._rows[number]
            self.since += 1
            if row.losses is not None:
                self._place(number, row)

    def rank_anew(self) -> None:
        """Find the best once more among all that count."""
        self.front = []
        for other, theirs in enumerate(self._rows):
            if theirs.losses is not None and not theirs.asked.context and not theirs.aside:
                self._rank(other)
        for head, whole in self._groups.over.items():
            if whole.whole and whole.losses is not None and head not in self._rows.aside:
                self._rank(head)

    def forget(self, number: int) -> None:
        """Take from a trial what only the best keep; where a verdict ended it, its code may be in its folder still."""
        if self._rows[number].checkpoints:
            self._rows.checkpoints.give(self._rows[number], None)
        self._rows.checkpoints.vacated.append(number)

    def _place(self, number: int, merit: Row | Group) -> None:
        """Rank a trial, or a configuration by its first; note whether it is the best, and whether the target is reached."""
        if isinstance(merit, Row) and merit.asked.context:
            whole = self._groups.over.get(self._groups.members.head(number))
            if whole is None or not whole.whole or whole.trials[-1] != number:
                return
            number, merit = self._groups.members.head(number), whole
        if self._rank(number):
            self.since = 0
            reached = self._definition.goal.reached
            if self.reached is None and not self.interim(number) and reached(merit.metrics or {}):
                self.reached = number

    def _uncount(self, number: int, row: Row) -> None:
        """Take back what a trial had counted for while it was paused."""
        row.losses = None
        if number in self.front:
            self.rank_anew()

    def _merit(self, number: int) -> Row | Group:
        """What a trial is ranked by: itself, or what its configuration has come to."""
        return self._groups.over.get(number) or self._rows[number]

    def _order(self, number: int) -> tuple[float, tuple[float, ...]]:
        merit = self._merit(number)
        return merit.violation, merit.losses or ()

    def _beats(self, one: int, other: int) -> bool:
        """Whether a trial, or configuration, is at least as good as another; what came to its end beats what did not."""
        interim = self.interim(one)
        if interim != self.interim(other):
            return not interim
        return covers(self._merit(one), self._merit(other))

    def _rank(self, number: int) -> bool:
        """Whether the trial, or configuration, is on the front of the best; those it beats leave it."""
        others = [other for other in self.front if other != number]
        if any(self._beats(other, number) for other in others):
            return False
        for other in others:
            if self._beats(number, other):
                self.front.remove(other)
                for each in self._groups.members.whole(other):
                    if not self.keeps(each):
                        self.forget(each)
        if number not in self.front:
            self.front.append(number)
        return True
