"""Asynchronous successive halving, stopping or promoting (Li et al., MLSys 2020; Hyperband's brackets: JMLR 2018).

At rungs, steps that grow by a constant factor, a trial is compared with all that came there before; only the
best fraction goes on, and nobody waits for anybody. In the stopping form the others end there. In the promoting
form every trial pauses at its rung, and a free slot takes up the best one that has earned it, or starts a new
trial; that spends less on the first comers and needs checkpoints. What early steps hide is insured against by
brackets: some trials are first compared later.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import numpy as np

from ..base.answering import Settings
from ..base.rng import lender
from ..contracts.messages import GO, Verdict, pause
from ..contracts.protocols import BaseScheduler, Decision, New, Problem, Resume, View
from ..errors import SettingError
from ..journal.trial import Trial
from ..maths.halving import crossed, rungs, table
from ..problem.fidelity import span
from .parts.ladder import Ladder
from .parts.rungs import best, compared, first, losses_at, paused


class State(NamedTuple):
    """Losses by (tag of the bracket, rung)."""

    problem: Problem
    rungs: tuple[int, ...]
    ladder: Ladder


class ASHA(BaseScheduler, Settings, frozen=True, kw_only=True):
    """Lets only the best fraction of trials go on at each rung.

    A trial's loss at a rung is that of the report that counts by then (the goal's best or last). Limits are
    judged first: a trial that breaks them loses against all that keep them. Several goals are compared by
    non-dominated front, then by crowding.

    Args:
        low: step of the first rung; the study's fidelity says it when None (or 1).
        high: step at which trials are whole, and compared no more; from the fidelity when None.
        factor: one in this many goes on at each rung, and rungs grow by it (above 1).
        brackets: into how many groups trials are dealt, in Hyperband's proportions; each is first compared a
            rung later than the one before.
        promote: whether trials pause at rungs and the best are taken up again, instead of the others stopped.

    Raises:
        SettingError: when a setting is out of its range; from ``init`` when nobody says where trials are whole.

    Example:
        >>> import danlu
        >>> def train(trial):
        ...     for step in range(1, 28):
        ...         trial.report(step, loss=trial["floor"] + 1 / step)
        >>> result = danlu.tune(train, {"floor": danlu.Float(0, 1)}, minimize="loss", trials=30, seed=1,
        ...                     sampler="random", scheduler=danlu.schedulers.ASHA(low=1, high=27))
        >>> sum(len(trial.curve) for trial in result.trials) < 30 * 27 / 3
        True
    """

    sources: ClassVar[tuple[str, ...]] = ("li2020massively",)

    low: int | None = None
    high: int | None = None
    factor: float = 3.0
    brackets: int = 1
    promote: bool = False

    def __post_init__(self) -> None:
        low, high = self.low if self.low is not None else 1, self.high
        if low < 1 or (high is not None and not low < high):
            raise SettingError(f"ASHA needs 1 <= low < high, got low={self.low!r}, high={self.high!r}.")
        if not self.factor > 1.0:
            raise SettingError(f"ASHA needs factor > 1, got factor={self.factor!r}. 3 is usual.")
        if self.brackets < 1:
            raise SettingError(f"ASHA needs at least one bracket, got brackets={self.brackets!r}.")

    def init(self, problem: Problem) -> State:
        """No trial has come to a rung."""
        low, high = span("ASHA", self.low, self.high, problem.fidelity)
        steps = rungs(low, high, self.factor)
        if self.brackets > len(steps):
            raise SettingError(
                f"ASHA needs between 1 and {len(steps)} brackets from step {low} to {high}, got {self.brackets!r}."
            )
        return State(problem, steps, Ladder())

    def tell(self, state: State, trial: Trial) -> State:
        """Note what the trial had when it came to a rung."""
        ladder = self._told(state, trial)
        return state if ladder is state.ladder else state._replace(ladder=ladder)

    def judge(self, state: State, view: View, trial: Trial) -> Verdict:
        """Compare a trial that has just come to a rung."""
        if trial.curve.steps[-1] >= state.rungs[-1]:
            return GO
        return self._pause(state, view, trial) if self.promote else self._stop(state, view, trial)

    def next(self, state: State, view: View) -> Decision:
        """The best paused trial that has earned it, from the highest rung down; else a new one."""
        if self.promote:
            number, step = self._promotable(state, view)
            if number >= 0:
                return Resume(number, reason=f"one in {self.factor:g} goes on from step {step}")
        return New(tag=self._tag(state, view))

    def horizon(self, state: State, view: View, trial: Trial) -> int:
        """The next rung in the promoting form, else the end."""
        return state.rungs[self._heading(state, trial)] if self.promote else state.rungs[-1]

    # What trials have come to.

    def _told(self, state: State, trial: Trial) -> Ladder:
        ladder = state.ladder
        last = trial.curve.steps[-1] if trial.curve.steps else 0
        for rung in range(_start(state, trial.tag), len(state.rungs) - 1):
            if last < state.rungs[rung]:
                break
            if not ladder.has((trial.tag, rung), trial.number):
                losses = losses_at(state.problem, trial.curve, state.rungs[rung])
                ladder = ladder.told((trial.tag, rung), trial.number, losses)
        return ladder

    def _heading(self, state: State, trial: Trial) -> int:
        """The first rung that the trial has not been told to have reached."""
        rung = _start(state, trial.tag)
        while rung < len(state.rungs) - 1 and state.ladder.has((trial.tag, rung), trial.number):
            rung += 1
        return rung

    # The stopping form.

    def _stop(self, state: State, view: View, trial: Trial) -> Verdict:
        steps, start = trial.curve.steps, _start(state, trial.tag)
        places = state.rungs[start:-1]
        at = crossed(places, steps[-2] if len(steps) > 1 else 0, steps[-1])
        if at < 0:
            return GO
        others = state.ladder.others((trial.tag, at + start), trial.number)
        return compared(others, losses_at(view.problem, trial.curve, steps[-1]), places[at], self.factor)

    # The promoting form.

    def _pause(self, state: State, view: View, trial: Trial) -> Verdict:
        """Pause at a rung, unless the slot that becomes free would take up this very trial."""
        step = state.rungs[self._heading(state, trial)]
        if trial.curve.steps[-1] < step:
            return GO
        after = state._replace(ladder=self._told(state, trial))
        if state.problem.resume_safe and self._promotable(after, view, trial.number)[0] == trial.number:
            return GO
        return pause(f"waits at step {step} to be among the best one in {self.factor:g}")

    def _promotable(self, state: State, view: View, extra: int = -1) -> tuple[int, int]:
        """The trial to take up and the step where it waits, -1 for none; ``extra`` counts as paused."""
        tags = dict.fromkeys(place[0] for place in state.ladder.places())  # type: ignore[index]
        for rung in range(len(state.rungs) - 2, -1, -1):
            for tag in tags:
                trials, losses = state.ladder.entries((tag, rung))
                chosen = best(trials, losses, int(len(trials) / self.factor))
                beyond = np.zeros(len(view.history), bool)
                beyond[state.ladder.entries((tag, rung + 1))[0]] = True
                chosen &= ~beyond[trials] & paused(view, trials, extra) & np.isfinite(losses).all(1)
                if chosen.any():
                    return first(trials[chosen], losses[chosen]), state.rungs[rung]
        return -1, 0

    def _tag(self, state: State, view: View) -> str:
        """The bracket of a new trial, drawn in the proportions of Hyperband's table."""
        if self.brackets == 1:
            return ""
        counts = np.array([each[0][0] for each in table(state.rungs, self.factor)])
        shares = counts[: self.brackets].cumsum() / counts[: self.brackets].sum()
        draw = lender.lend(state.problem.seed, view.number, "bracket").random()
        bracket = int(np.searchsorted(shares, draw, side="right"))
        return f"from step {state.rungs[bracket]}" if bracket else ""


def _start(state: State, tag: str) -> int:
    """The first rung of a bracket."""
    return next((at for at, step in enumerate(state.rungs) if tag == f"from step {step}"), 0)
