"""Stops a trial that is worse than most were at the same step (Golovin et al., "Google Vizier", KDD 2017)."""

from __future__ import annotations

import math
from typing import ClassVar, NamedTuple

import numpy as np

from ..base.answering import Settings
from ..contracts.messages import GO, Verdict, stop
from ..contracts.protocols import BaseScheduler, Decision, New, Problem, View
from ..errors import SettingError
from ..journal.trial import Trial
from .parts.along import Along
from .parts.ladder import Ladder

HUGE = 1e100
"""Losses beyond it are as good as infinite, and can still be averaged."""


class CurveMean(NamedTuple):
    """How many losses a curve has, their sum and the least of them."""

    length: int = 0
    total: float = 0.0
    best: float = math.inf

    def then(self, loss: float) -> CurveMean:
        """With one more."""
        return CurveMean(self.length + 1, self.total + loss, min(self.best, loss))


class State(NamedTuple):
    """Running means of losses by step; the curves of the trials that are not over."""

    problem: Problem
    ladder: Ladder
    curves: Along[CurveMean]


class Median(BaseScheduler, Settings, frozen=True, kw_only=True):
    """Stops a trial whose best loss so far is above the median of the others' running means at this step.

    Looks at the first metric of the goal; it needs no plan of steps, and forgives a trial that was good once.

    Args:
        percentile: the share of the others, in per cent, that it has to keep up with, in (0, 100).
        least: others that must have come to the step (at least 1).
        warm_up: steps (as reported) before which nothing is stopped.

    Raises:
        SettingError: when a setting is out of its range.

    Example:
        >>> import danlu
        >>> def train(trial):
        ...     for step in range(1, 11):
        ...         trial.report(step, loss=trial["floor"] + 1 / step)
        >>> result = danlu.tune(train, {"floor": danlu.Float(0, 9)}, minimize="loss", trials=20, seed=1,
        ...                     sampler="random", scheduler=danlu.schedulers.Median())
        >>> any(trial.status.name == "STOPPED" for trial in result.trials)
        True
    """

    sources: ClassVar[tuple[str, ...]] = ("golovin2017google",)

    percentile: float = 50.0
    least: int = 5
    warm_up: int = 0

    def __post_init__(self) -> None:
        if not 0.0 < self.percentile < 100.0:
            raise SettingError(f"Median needs a percentile between 0 and 100, got {self.percentile!r}.")
        if self.least < 1:
            raise SettingError(f"Median needs least >= 1, got least={self.least!r}.")

    def init(self, problem: Problem) -> State:
        """No trial has come to any step."""
        metric = problem.goal.metrics[0]

        def step(sofar: CurveMean, value: float) -> CurveMean:
            return sofar.then(_bounded(metric.loss(value)))

        return State(problem, Ladder(), Along(step, CurveMean()))

    def tell(self, state: State, trial: Trial) -> State:
        """Note the running mean at the newest step."""
        values = trial.curve.metrics.get(state.problem.goal.metrics[0].name, ())
        if not len(values):
            return state
        sofar = state.curves.of(trial.number, values)
        ladder = state.ladder.told(trial.curve.steps[-1], trial.number, [sofar.total / sofar.length])
        curves = (
            state.curves.without(trial.number) if trial.finished else state.curves.told(trial.number, values)
        )
        return state._replace(ladder=ladder, curves=curves)

    def judge(self, state: State, view: View, trial: Trial) -> Verdict:
        """Compare the best so far with the others' means."""
        step, name = trial.curve.steps[-1], view.problem.goal.metrics[0].name
        others, values = state.ladder.others(step, trial.number)[:, 0], trial.curve.metrics.get(name, ())
        if len(others) < self.least or step < self.warm_up or not len(values):
            return GO
        bar = float(np.percentile(others, self.percentile))
        if not state.curves.of(trial.number, values).best > bar:
            return GO
        return stop(
            f"at step {step} its best {name} is behind what {self.percentile:g} % of {len(others)} trials had"
        )

    def next(self, state: State, view: View) -> Decision:
        """Always a new trial."""
        return New()


def _bounded(loss: float) -> float:
    """A finite loss; NaN counts as the worst."""
    return HUGE if math.isnan(loss) else min(max(loss, -HUGE), HUGE)
