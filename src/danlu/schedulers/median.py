"""Stops a trial that is worse than most were at the same step (Golovin et al., "Google Vizier", KDD 2017)."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..core.errors import SettingError
from ..core.messages import GO, Verdict, stop
from ..core.protocols import Move, New, Problem, View
from ..core.trial import Curve, Trial
from .ladder import Ladder

HUGE = 1e100
"""Losses beyond it are as good as infinite, and can still be averaged."""


class State(NamedTuple):
    """Running means of losses by step."""

    problem: Problem
    ladder: Ladder


class Median(msgspec.Struct, frozen=True, kw_only=True):
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
        ...                     sampler="random", scheduler=danlu.Median())
        >>> any(trial.status.name == "STOPPED" for trial in result.trials)
        True
    """

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
        return State(problem, Ladder())

    def tell(self, state: State, trial: Trial) -> State:
        """Note the running mean at the newest step."""
        losses = _losses(state.problem, trial.curve)
        if not len(losses):
            return state
        ladder = state.ladder.told(trial.curve.steps[-1], trial.number, [float(losses.mean())])
        return state if ladder is state.ladder else state._replace(ladder=ladder)

    def judge(self, state: State, view: View, trial: Trial) -> Verdict:
        """Compare the best so far with the others' means."""
        step, losses = trial.curve.steps[-1], _losses(view.problem, trial.curve)
        others = state.ladder.others(step, trial.number)[:, 0]
        if len(others) < self.least or step < self.warm_up or not len(losses):
            return GO
        best, bar = float(losses.min()), float(np.percentile(others, self.percentile))
        if not best > bar:
            return GO
        name = view.problem.goal.metrics[0].name
        return stop(
            f"at step {step} its best {name} is behind what {self.percentile:g} % of {len(others)} trials had"
        )

    def next(self, state: State, view: View) -> Move:
        """Always a new trial."""
        return New()


def _losses(problem: Problem, curve: Curve) -> NDArray[np.float64]:
    """The first metric along the curve, as losses; NaN counts as the worst, and all are finite."""
    metric = problem.goal.metrics[0]
    losses = np.array([metric.loss(value) for value in curve.metrics.get(metric.name, ())])
    finite: NDArray[np.float64] = np.nan_to_num(np.clip(losses, -HUGE, HUGE), nan=HUGE)
    return finite
