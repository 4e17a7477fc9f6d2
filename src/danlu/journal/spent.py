"""What a study has spent, as its budget counts it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .rows import Rows


class Spent:
    """Counts of a study.

    Attributes:
        steps: that were trained.
        seconds: in which sessions worked; the time between two sessions does not count.
        cost: in seconds, or in the unit that the objective charges.
        finished: how many trials are over.
        sampled: how many came from the sampler.
        created_at: when the study was created, in Unix seconds; 0 before.
        last_at: when its newest event happened.
    """

    def __init__(self, rows: Rows) -> None:
        self.steps = self.finished = self.sampled = 0
        self.seconds = self.cost = self.created_at = self.last_at = 0.0
        self._rows = rows

    @property
    def trials(self) -> int:
        """How many trials were asked, without those that were set aside."""
        return len(self._rows) - len(self._rows.aside)

    def pass_time(self, at: float, *, rested: bool) -> None:
        """An event happened at this time, after a rest or while somebody worked."""
        if at > self.last_at > 0 and not rested:
            self.seconds += at - self.last_at
        self.last_at = at
