"""Stops a training that has not improved for a while (early stopping, Prechelt 1998)."""

from __future__ import annotations

import msgspec

from ..core.errors import SettingError
from ..core.messages import GO, Verdict, stop
from ..core.protocols import Move, New, Problem, View
from ..core.trial import Trial


class Patience(msgspec.Struct, frozen=True, kw_only=True):
    """No improvement of the first metric by more than ``delta`` for ``steps`` reports in a row.

    Args:
        steps: reports without improvement that are waited for (at least 1).
        delta: how much better counts as better, in the metric's own unit.
        warm_up: steps (as reported) before which nothing is stopped.

    Raises:
        SettingError: when a setting is out of its range.

    Example:
        >>> import danlu
        >>> def train(trial):
        ...     for step in range(1, 100):
        ...         trial.report(step, loss=max(trial["floor"], 1 / step))
        >>> result = danlu.tune(train, {"floor": danlu.Float(0.2, 0.5)}, minimize="loss", trials=1,
        ...                     scheduler=danlu.Patience(steps=3))
        >>> len(result.best.curve) < 10
        True
    """

    steps: int = 10
    delta: float = 0.0
    warm_up: int = 0

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise SettingError(f"Patience needs steps >= 1, got steps={self.steps!r}.")
        if self.delta < 0:
            raise SettingError(f"Patience needs delta >= 0, got delta={self.delta!r}.")

    def init(self, problem: Problem) -> None:
        """No state."""

    def tell(self, state: None, trial: Trial) -> None:
        """Nothing to keep."""

    def judge(self, state: None, view: View, trial: Trial) -> Verdict:
        """Count the reports since the best one."""
        metric = view.problem.goal.metrics[0]
        losses = [metric.loss(value) for value in trial.curve.metrics.get(metric.name, ()) if value == value]
        best = since = 0
        for position, loss in enumerate(losses):
            if position == 0 or loss < losses[best] - self.delta:
                best, since = position, 0
            else:
                since += 1
        if since < self.steps or trial.curve.steps[-1] < self.warm_up:
            return GO
        return stop(f"{metric.name} has not improved for {since} reports", settled=True)

    def next(self, state: None, view: View) -> Move:
        """Always a new trial."""
        return New()
