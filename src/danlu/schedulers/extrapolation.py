"""Stops a trial whose curve will hardly beat the best (Domhan, Springenberg and Hutter, IJCAI 2015)."""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np

from ..base.answering import Settings
from ..contracts.messages import GO, Verdict, stop
from ..contracts.protocols import BaseScheduler, Decision, New, Problem, View
from ..errors import SettingError
from ..journal.trial import Trial
from ..maths.curves import outlook
from ..problem.fidelity import span


class Extrapolation(BaseScheduler, Settings, frozen=True, kw_only=True):
    """Stops a trial when the probability that its curve ends below the best loss so far is less than ``chance``.

    The probability comes from a posterior over families of curves (``danlu.maths.curves``). Error rate: of the
    trials it stopped at ``chance=0.05`` on 16 recorded development tasks (TaskSet and lcbench, looked at after
    every step), 1.1 % would have beaten the best, on the worst of the tasks 2.6 % (``benchmarks/fidelity/error.py``).

    Args:
        high: the step at which trials are whole; from the study's fidelity when None.
        chance: the probability below which a trial is stopped, in (0, 0.5).
        least: reports of the metric before which nothing is stopped (at least 3).

    Raises:
        SettingError: when a setting is out of its range; from ``init`` for several goals, or when nobody says
            where trials are whole.

    Example:
        >>> import danlu
        >>> def train(trial):
        ...     for step in range(1, 31):
        ...         trial.report(step, loss=trial["floor"] + 1 / step)
        >>> result = danlu.tune(train, {"floor": danlu.Float(0, 1)}, minimize="loss", trials=20, seed=1,
        ...                     sampler="random", scheduler=danlu.schedulers.Extrapolation(high=30))
        >>> sum(len(trial.curve) for trial in result.trials) < 20 * 30 / 2
        True
    """

    sources: ClassVar[tuple[str, ...]] = ("domhan2015speeding",)

    high: int | None = None
    chance: float = 0.05
    least: int = 4

    def __post_init__(self) -> None:
        if not 0.0 < self.chance < 0.5:
            raise SettingError(f"Extrapolation needs a chance between 0 and 0.5, got {self.chance!r}.")
        if self.least < 3:
            raise SettingError(f"Extrapolation needs least >= 3, got least={self.least!r}.")

    def init(self, problem: Problem) -> None:
        """No state: the best loss is in the history."""
        span("Extrapolation", None, self.high, problem.fidelity)
        if len(problem.goal.metrics) > 1:
            raise SettingError("Extrapolation follows one goal, this study has several. Use ASHA.")

    def tell(self, state: None, trial: Trial) -> None:
        """Nothing to keep."""

    def judge(self, state: None, view: View, trial: Trial) -> Verdict:
        """Compare where the curve is heading with the best loss of the others."""
        metric = view.problem.goal.metrics[0]
        pairs = [
            (step, metric.loss(value))
            for step, value in zip(trial.curve.steps, trial.curve.metrics.get(metric.name, ()), strict=True)
            if math.isfinite(value) and step > 0
        ]
        rows = (
            view.history.rows[number] for number in view.history.incumbents.front if number != trial.number
        )
        bars = [row.losses[0] for row in rows if row.losses is not None and not row.violation]
        _, high = span("Extrapolation", None, self.high, view.problem.fidelity)
        if len(pairs) < self.least or not bars or pairs[-1][0] >= high:
            return GO
        steps, losses = np.array(pairs, dtype=float).T
        bar = min(bars)
        if losses.min() < bar:
            return GO
        chance = outlook(steps, losses, float(high)).below(bar)
        if chance >= self.chance:
            return GO
        return stop(
            f"at step {trial.curve.steps[-1]} its chance to beat the best {metric.name} is {chance:.1%}",
            conclusive=True,
        )

    def next(self, state: None, view: View) -> Decision:
        """Always a new trial."""
        return New()
