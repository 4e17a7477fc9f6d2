"""Stops a training that has not improved for a while (early stopping, Prechelt 1998)."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from ..base.answering import Settings
from ..contracts.messages import GO, Verdict, stop
from ..contracts.protocols import BaseScheduler, Decision, New, Problem, View
from ..errors import SettingError
from ..journal.trial import Trial
from .parts.along import Along


class CurveBest(NamedTuple):
    """The best loss of a curve, and the reports since."""

    best: float | None
    since: int


class State(NamedTuple):
    """The curves of the trials that are not over."""

    metric: str
    curves: Along[CurveBest]


class Patience(BaseScheduler, Settings, frozen=True, kw_only=True):
    """No improvement of the first metric by more than ``delta`` for this many ``reports`` in a row.

    Args:
        reports: how many without improvement are waited for (at least 1), at whatever steps they come.
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
        ...                     scheduler=danlu.schedulers.Patience(reports=3))
        >>> len(result.best.curve) < 10
        True
    """

    sources: ClassVar[tuple[str, ...]] = ("prechelt1998early",)

    reports: int = 10
    delta: float = 0.0
    warm_up: int = 0

    def __post_init__(self) -> None:
        if self.reports < 1:
            raise SettingError(f"Patience needs reports >= 1, got reports={self.reports!r}.")
        if self.delta < 0:
            raise SettingError(f"Patience needs delta >= 0, got delta={self.delta!r}.")

    def init(self, problem: Problem) -> State:
        """No trial has reported."""
        metric, delta = problem.goal.metrics[0], self.delta

        def step(sofar: CurveBest, value: float) -> CurveBest:
            if value != value:
                return sofar
            best, since = sofar
            loss = metric.loss(value)
            return CurveBest(loss, 0) if best is None or loss < best - delta else CurveBest(best, since + 1)

        return State(metric.name, Along(step, CurveBest(None, 0)))

    def tell(self, state: State, trial: Trial) -> State:
        """Note how long ago the best report was, until the trial is over."""
        values = trial.curve.metrics.get(state.metric, ())
        curves = state.curves
        return state._replace(
            curves=curves.without(trial.number) if trial.finished else curves.told(trial.number, values)
        )

    def judge(self, state: State, view: View, trial: Trial) -> Verdict:
        """Count the reports since the best one."""
        metric = view.problem.goal.metrics[0]
        since = state.curves.of(trial.number, trial.curve.metrics.get(metric.name, ())).since
        if since < self.reports or trial.curve.steps[-1] < self.warm_up:
            return GO
        return stop(f"{metric.name} has not improved for {since} reports", conclusive=True)

    def next(self, state: State, view: View) -> Decision:
        """Always a new trial."""
        return New()
