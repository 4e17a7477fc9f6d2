"""Where in its curve a trial was best, so that the weights of that moment are those that are kept."""

from __future__ import annotations

from collections.abc import Mapping
from math import inf

from ..runtime.live import LiveTrial, attempt_of


class BestReport:
    """The best report so far, by the first metric of the trial's goal.

    Attributes:
        least: its loss.
    """

    def __init__(self, trial: LiveTrial) -> None:
        self._trial = trial
        self.least = inf

    def improved(self, values: Mapping[str, float]) -> bool:
        """Whether a report is at least as good as all before it; always where the goal counts the last report."""
        goal = attempt_of(self._trial).task.goal
        if goal is None or goal.at == "last" or goal.metrics[0].name not in values:
            return True
        loss = goal.metrics[0].loss(values[goal.metrics[0].name])
        if loss <= self.least:
            self.least = loss
            return True
        return False
