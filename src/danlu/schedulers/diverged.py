"""Stops a training that has left the road: NaN, infinity, or a loss that exploded.

A diverged trial counts as failed, with its cause, so that samplers learn to stay away from it.
"""

from __future__ import annotations

import math

from ..base.answering import Settings
from ..contracts.messages import GO, Verdict, stop
from ..contracts.protocols import BaseScheduler, Decision, New, Problem, View
from ..errors import SettingError
from ..journal.events import Cause
from ..journal.trial import Trial


class Diverged(BaseScheduler, Settings, frozen=True, kw_only=True):
    """NaN or infinity in any metric of the goal, or a minimized loss that exploded.

    Args:
        factor: a loss above ``factor`` times the trial's first positive loss (or 1, if that is smaller)
            has exploded; only metrics that are minimized are held to it. Infinity switches the rule off.

    Raises:
        SettingError: unless ``factor > 1``.

    Example:
        >>> import danlu
        >>> def train(trial):
        ...     for step in range(1, 9):
        ...         trial.report(step, loss=trial["lr"] ** step)
        >>> result = danlu.tune(train, {"lr": danlu.Choice([0.5, 1e9])}, minimize="loss", trials=2)
        >>> sorted(trial.status.name for trial in result.trials)
        ['DONE', 'FAILED']
    """

    factor: float = 1e6

    def __post_init__(self) -> None:
        if not self.factor > 1:
            raise SettingError(
                f"Diverged needs factor > 1, got factor={self.factor!r}. Use 1e6, or math.inf."
            )

    def init(self, problem: Problem) -> None:
        """No state."""

    def tell(self, state: None, trial: Trial) -> None:
        """Nothing to keep."""

    def judge(self, state: None, view: View, trial: Trial) -> Verdict:
        """Look at the newest value of every metric of the goal."""
        goal, step = view.problem.goal, trial.curve.steps[-1]
        for name in goal.names:
            newest = trial.metrics.get(name, 0.0)
            if not math.isfinite(newest):
                return stop(f"{name} is {newest} at step {step}", cause=Cause.DIVERGED)
        for metric in goal.metrics:
            newest = trial.metrics.get(metric.name, 0.0)
            if metric.maximize or newest <= self.factor:
                continue
            curve = trial.curve.metrics.get(metric.name, ())
            first = next((value for value in curve if value > 0), math.inf)
            if newest > self.factor * max(1.0, first):
                return stop(
                    f"{metric.name} rose from {first:.3g} to {newest:.3g} at step {step}",
                    cause=Cause.DIVERGED,
                )
        return GO

    def next(self, state: None, view: View) -> Decision:
        """Always a new trial."""
        return New()
