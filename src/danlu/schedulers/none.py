"""Trains every trial to its end, whatever its curve says."""

from __future__ import annotations

from ..base.answering import Settings
from ..contracts.messages import GO, Verdict
from ..contracts.protocols import BaseScheduler, Decision, New, Problem, View
from ..journal.trial import Trial


class NoScheduler(BaseScheduler, Settings, frozen=True):
    """No early stopping: ``scheduler="none"``. A trial ends when its objective returns, fails or runs out of its limits.

    Example:
        >>> import danlu
        >>> def train(trial):
        ...     for step in range(1, 28):
        ...         trial.report(step, loss=trial["floor"] + 1 / step)
        >>> result = danlu.tune(train, {"floor": danlu.Float(0, 1)}, minimize="loss", trials=12, scheduler="none")
        >>> {len(trial.curve) for trial in result.trials}
        {27}
    """

    def init(self, problem: Problem) -> None:
        """No state."""

    def tell(self, state: None, trial: Trial) -> None:
        """Nothing to keep."""

    def judge(self, state: None, view: View, trial: Trial) -> Verdict:
        """Always GO."""
        return GO

    def next(self, state: None, view: View) -> Decision:
        """Always a new trial."""
        return New()
