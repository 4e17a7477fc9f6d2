"""Asynchronous successive halving in its stopping form (Li et al., MLSys 2020; Hyperband's brackets: JMLR 2018).

At rungs, steps that grow by a constant factor, a trial is compared with all that came there before; only the
best fraction goes on. Nobody waits for anybody, a trial that goes on is never interrupted, so none has to be
resumed. What early steps hide is insured against by brackets: some trials are first compared later.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from ..core.errors import SettingError
from ..core.messages import GO, Verdict, stop
from ..core.protocols import Move, New, Problem, View
from ..core.rows import counted
from ..core.trial import Curve, Trial
from ..maths.halving import crossed, keeps, rungs
from .ladder import Ladder


class State(NamedTuple):
    """Losses by (bracket, rung)."""

    problem: Problem
    ladder: Ladder


class ASHA(msgspec.Struct, frozen=True, kw_only=True):
    """Stops all but the best fraction of trials at each rung.

    A trial's loss at a rung is that of the report that counts by then (the goal's best or last). Limits are
    judged first: a trial that breaks them loses against all that keep them.

    Args:
        low: step of the first rung (at least 1).
        high: step at which trials are whole, and compared no more.
        factor: one of so many goes on at each rung, and rungs grow by it (above 1).
        brackets: into how many groups trials are dealt; each starts a rung later than the one before.

    Raises:
        SettingError: when a setting is out of its range, or the study has several goals.

    Example:
        >>> import danlu
        >>> def train(trial):
        ...     for step in range(1, 28):
        ...         trial.report(step, loss=trial["floor"] + 1 / step)
        >>> result = danlu.tune(train, {"floor": danlu.Float(0, 1)}, minimize="loss", trials=30, seed=1,
        ...                     sampler="random", scheduler=danlu.ASHA(low=1, high=27))
        >>> sum(len(trial.curve) for trial in result.trials) < 30 * 27 / 3
        True
    """

    low: int = 1
    high: int = 81
    factor: float = 3.0
    brackets: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.low < self.high:
            raise SettingError(f"ASHA needs 1 <= low < high, got low={self.low!r}, high={self.high!r}.")
        if not self.factor > 1.0:
            raise SettingError(f"ASHA needs factor > 1, got factor={self.factor!r}. 3 is usual.")
        most = len(self._rungs())
        if not 1 <= self.brackets <= most:
            raise SettingError(
                f"ASHA needs between 1 and {most} brackets from step {self.low} to {self.high}, got {self.brackets!r}."
            )

    def init(self, problem: Problem) -> State:
        """No trial has come to a rung."""
        if len(problem.goal.metrics) > 1:
            raise SettingError("ASHA follows one goal, this study has several. Name one, or leave ASHA out.")
        return State(problem, Ladder())

    def tell(self, state: State, trial: Trial) -> State:
        """Note what the trial had when it came to a rung."""
        ladder = state.ladder
        for rung, step in enumerate(self._rungs()[:-1]):
            if trial.curve.steps and trial.curve.steps[-1] >= step:
                first = next(at for at, there in enumerate(trial.curve.steps) if there >= step)
                ladder = ladder.told(
                    (trial.tag, rung), trial.number, self._loss(state.problem, trial.curve, first)
                )
        return state if ladder is state.ladder else state._replace(ladder=ladder)

    def judge(self, state: State, view: View, trial: Trial) -> Verdict:
        """Compare a trial that has just come to a rung."""
        steps, places = trial.curve.steps, self._rungs()[self._start(trial.tag) : -1]
        at = crossed(places, steps[-2] if len(steps) > 1 else 0, steps[-1])
        if at < 0 or steps[-1] >= self.high:
            return GO
        rung = at + self._start(trial.tag)
        others = state.ladder.others((trial.tag, rung), trial.number)
        loss = self._loss(view.problem, trial.curve, len(steps) - 1)
        better = int((others < loss).sum())
        if keeps(better, len(others) + 1, self.factor):
            return GO
        return stop(
            f"at step {places[at]} it is number {better + 1} of {len(others) + 1}; one in {self.factor:g} goes on"
        )

    def next(self, state: State, view: View) -> Move:
        """A new trial, dealt to the brackets in turn."""
        bracket = view.number % self.brackets
        return New(tag=f"from step {self._rungs()[bracket]}" if bracket else "")

    def _rungs(self) -> tuple[int, ...]:
        return rungs(self.low, self.high, self.factor)

    def _start(self, tag: str) -> int:
        """The first rung of a bracket."""
        return next((at for at, step in enumerate(self._rungs()) if tag == f"from step {step}"), 0)

    def _loss(self, problem: Problem, curve: Curve, last: int) -> float:
        """The loss of the report that counts up to position ``last``; infinite where limits are broken or it is NaN."""
        part = Curve(
            curve.steps[: last + 1], {name: told[: last + 1] for name, told in curve.metrics.items()}
        )
        metrics = counted(part, problem.goal)
        (loss,) = problem.goal.losses(metrics)
        return loss if loss == loss and not problem.goal.violation(metrics) else float("inf")
