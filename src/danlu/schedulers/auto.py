"""The default: it looks at the first curves, picks the rungs at which losses tell something, and says why.

Where the budget counts trials and nothing else, epochs are free: a trial is set aside only when the trials that were
trained in full say that it will hardly beat the best (``Forecast``), and a share of these decisions is checked. Where time, steps or cost are the limit, or
nothing is, trials are compared as in asynchronous successive halving (Li et al., MLSys 2020). Where the first rung should be
nobody knows beforehand, so the first trials and every fourth one later are not compared at it but one rung later, and a
quarter of all steps goes to trials that are never compared but trained in full. From these unselected trials it is read how
well the losses at a rung rank trials as later ones do, and whether the best of them would have been cut there. A rung
that says little is left out, as in Hyper-Tune's choice of brackets (Li et al., VLDB 2022), and if all say little,
every trial is trained in full. Two neighboring rungs may agree and both be wrong about the end: curves that rise
late do that. So nothing is cut before six trials are whole, unless a fidelity says from which step on trials may be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..base.answering import Settings
from ..contracts.messages import GO, Verdict, pause
from ..contracts.protocols import BaseScheduler, Decision, New, Problem, Resume, View
from ..journal.events import Status
from ..journal.trial import Trial
from ..maths.ranks import correlation
from . import forecast
from .asha import ASHA
from .diverged import Diverged
from .parts.ladder import Ladder
from .parts.rungs import best, compared, first, losses_at, paused

FACTOR = 3
"""One in this many goes on, and rungs grow by it."""

LEVELS = 4
"""Rungs below the whole: the lowest is at most 81 times as short."""

PROBES = 4
"""This many trials at the start are first compared one rung later."""

BELIEVED = 6
"""A rank correlation is believed when it comes from this many trials."""

RECENT = 64
"""The rank correlation is that of this many of the newest unselected trials."""

TELLING = 0.5
"""A rung that ranks trials with less correlation to the next is left out."""

HEDGE = 4
"""One trial in this many is first compared one rung later."""

ENDS = 6
"""What this many whole trials say of a rung and the end counts more than what neighboring rungs say of each other."""

SHARE = 0.25
"""So much of all steps goes to trials that are trained in full."""

SHORT = 8
"""Trainings of fewer steps are not cut."""

FORECAST = forecast.Forecast()
"""How trials are set aside where epochs are free."""

AHEAD = "first compared a rung later"
WHOLE = "trained in full, to see what early steps tell"


class State(NamedTuple):
    """What is known of the curves.

    Attributes:
        problem: what the study is about.
        rungs: steps at which losses are kept, the last the whole; empty while nobody knows how long trials are.
        start: the first rung at which trials are compared; the last one when all are trained in full.
        ladder: losses by rung.
        free: by rung, the trials that went through it without being compared there.
        known: the rank correlation of the rung below ``start`` with a later one, and from how many trials.
        whole: the trials with a report that are trained in full, whatever they come to.
        forecast: what the trials that were trained in full say of the others, with one goal.
    """

    problem: Problem
    rungs: tuple[int, ...]
    start: int
    ladder: Ladder
    free: Ladder
    known: tuple[float, int]
    whole: frozenset[int]
    forecast: forecast.State | None


class AutoScheduler(BaseScheduler, Settings, frozen=True):
    """Ends diverged trials and hopeless ones; where epochs are the limit lets one in three go on at telling steps.

    With a budget of trials alone it is ``Forecast`` that sets trials aside. With a budget of time,
    steps or cost, trials are compared at steps that ``result.why()`` tells: those whose objective saves checkpoints pause and are taken up again when they have earned it; without
    checkpoints the others are stopped for good. How long a training is comes from the study's fidelity, or from
    the first trial that ends.

    Example:
        >>> import danlu
        >>> def train(trial):
        ...     for step in range(1, 28):
        ...         trial.report(step, loss=trial["floor"] + 1 / step)
        >>> result = danlu.tune(train, {"floor": danlu.Float(0, 1)}, minimize="loss", budget=danlu.Budget(steps=500), seed=1)
        >>> len(result.trials) > 500 / 27 * 2
        True
        >>> [line for line in result.why() if line.startswith("trials are compared")]
        ['trials are compared from step 1 of 27 on, one in 3 goes on']
    """

    def init(self, problem: Problem) -> State:
        """No trial has come to a rung."""
        fidelity = problem.fidelity
        steps = () if fidelity is None else _rungs(fidelity.low, fidelity.high)
        alone = len(problem.goal.metrics) == 1
        judged = FORECAST.init(problem) if alone else None
        return State(problem, steps, 0, Ladder(), Ladder(), (1.0, 0), frozenset(), judged)

    def tell(self, state: State, trial: Trial) -> State:
        """Note what the trial had when it came to a rung; then see whether the first rung still tells something."""
        if state.forecast is not None:
            state = state._replace(forecast=FORECAST.tell(state.forecast, trial))
        steps = trial.curve.steps
        if not steps:
            return state
        if trial.tag == WHOLE and trial.number not in state.whole:
            state = state._replace(whole=state.whole | {trial.number})
        if not state.rungs:
            if not trial.finished or trial.cause is not None:
                return state
            state = state._replace(rungs=_rungs(1, steps[-1]))
        ladder, free = state.ladder, state.free
        for rung, step in enumerate(state.rungs):
            if steps[-1] < step:
                break
            if not ladder.has(rung, trial.number):
                ladder = ladder.told(rung, trial.number, losses_at(state.problem, trial.curve, step))
                if rung < self._first(state, trial):
                    free = free.told(rung, trial.number, [0.0])
        if ladder is state.ladder:
            return state
        state = state._replace(ladder=ladder, free=free)
        return _raised(state) if free.has(state.start, trial.number) else state

    def judge(self, state: State, view: View, trial: Trial) -> Verdict:
        """End what has diverged; compare a trial that has just come to a rung."""
        verdict = Diverged().judge(None, view, trial)
        if verdict != GO or not state.rungs:
            return verdict
        if _plenty(view.problem):
            if state.forecast is None or len(state.rungs) == 1:
                return GO
            return FORECAST.judge(state.forecast, view, trial)
        rung = self._heading(state, trial)
        step = state.rungs[rung]
        if rung == len(state.rungs) - 1 or trial.curve.steps[-1] < step:
            return GO
        if view.problem.fidelity is None and state.free.count(len(state.rungs) - 2) < ENDS:
            return GO
        if not view.history.rows.of(trial.number).checkpoints:
            return self._stop(state, trial, rung)
        after = self.tell(state, trial)
        if state.problem.resume_safe and self._promotable(after, view, trial.number)[0] == trial.number:
            return GO
        return pause(f"waits at step {step} to be among the best one in {FACTOR}")

    def next(self, state: State, view: View) -> Decision:
        """The best paused trial that has earned it, from the highest rung down; else a new one."""
        if _plenty(view.problem):
            return New() if state.forecast is None else FORECAST.next(state.forecast, view)
        number, step = self._promotable(state, view)
        if number >= 0:
            return Resume(number, reason=f"one in {FACTOR} goes on from step {step}")
        if state.start == len(state.rungs) - 1:
            return New()
        if self._owes(state, view):
            return New(tag=WHOLE)
        ahead = view.number < PROBES or view.number % HEDGE == HEDGE - 1
        return New(tag=AHEAD if ahead else "")

    def horizon(self, state: State, view: View, trial: Trial) -> int | None:
        """The next rung at which the trial is compared, else the whole."""
        if not state.rungs:
            return None
        return state.rungs[-1 if _plenty(state.problem) else self._heading(state, trial)]

    def why(self, state: State, view: View) -> str:
        """From where on trials are compared, and what that was read from; '' while nothing has been cut."""
        if not state.rungs:
            return ""
        value, count = state.known
        seen = f": step {state.rungs[max(0, state.start - 1)]} said little of later (rank correlation {value:.2f} over {count} trials)"
        seen = seen if count else ""
        if len(state.rungs) == 1:
            steps = f"{state.rungs[0]} steps" if state.rungs[0] > 1 else "one step"
            return f"trials of {steps} are trained in full, that is short enough"
        if _plenty(state.problem):
            said = "" if state.forecast is None else FORECAST.why(state.forecast, view)
            return said and f"the budget counts trials, not epochs: {said}"
        if state.start == len(state.rungs) - 1:
            return f"all trials are trained in full{seen}"
        step, whole = state.rungs[state.start], state.rungs[-1]
        return f"trials are compared from step {step} of {whole} on, one in {FACTOR} goes on{seen}"

    def cites(self, said: Sequence[str]) -> tuple[str, ...]:
        """What asynchronous successive halving is from, where it says that trials are compared."""
        compared = any("trials are compared from step" in each for each in said)
        return ASHA.sources if compared else ()

    def _first(self, state: State, trial: Trial) -> int:
        """The first rung at which this trial is compared."""
        if trial.tag == WHOLE:
            return len(state.rungs) - 1
        return min(state.start + (trial.tag == AHEAD), len(state.rungs) - 1)

    def _owes(self, state: State, view: View) -> bool:
        """Whether another trial should be trained in full for the steps that have been spent."""
        rows = view.history.rows
        begun = state.whole.union(
            number for number in view.history.rows.live[Status.RUNNING] if rows[number].asked.tag == WHOLE
        )
        if state.problem.fidelity is None and len(begun) < ENDS:
            return True
        length = state.rungs[-1] if state.rungs else 1
        return (len(begun) + 1) * length <= SHARE * view.history.spent.steps

    def _heading(self, state: State, trial: Trial) -> int:
        """The next rung at which this trial is compared."""
        rung = self._first(state, trial)
        while rung < len(state.rungs) - 1 and state.ladder.has(rung, trial.number):
            rung += 1
        return rung

    def _stop(self, state: State, trial: Trial, rung: int) -> Verdict:
        step = state.rungs[rung]
        others = state.ladder.others(rung, trial.number)
        return compared(others, losses_at(state.problem, trial.curve, step), step, FACTOR)

    def _promotable(self, state: State, view: View, extra: int = -1) -> tuple[int, int]:
        """The paused trial to take up and the step where it waits, -1 for none; ``extra`` counts as paused."""
        for rung in range(len(state.rungs) - 2, state.start - 1, -1):
            trials, losses = state.ladder.entries(rung)
            chosen = best(trials, losses, int(len(trials) / FACTOR))
            chosen &= self._waiting(state, view, rung, extra) & np.isfinite(losses).all(1)
            if chosen.any():
                return first(trials[chosen], losses[chosen]), state.rungs[rung]
        for rung in range(state.start - 1, -1, -1):  # paused before it was known that this rung says little
            trials, losses = state.ladder.entries(rung)
            waits = self._waiting(state, view, rung, extra)
            if waits.any():
                return first(trials[waits], losses[waits]), state.rungs[rung]
        return -1, 0

    def _waiting(
        self, state: State, view: View, rung: int, extra: int
    ) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Which of the trials at a rung are paused there, shape (n,)."""
        trials, _ = state.ladder.entries(rung)
        beyond = np.zeros(len(view.history), bool)
        beyond[state.ladder.entries(rung + 1)[0]] = True
        waits: np.ndarray[tuple[int], np.dtype[np.bool_]] = ~beyond[trials] & paused(view, trials, extra)
        return waits


def _plenty(problem: Problem) -> bool:
    """Whether the budget counts trials alone, so that epochs are free."""
    budget = problem.budget
    return budget.trials is not None and (budget.seconds, budget.steps, budget.cost) == (None, None, None)


def _rungs(low: int, high: int) -> tuple[int, ...]:
    """``high`` divided by powers of the factor, down to ``low``.

    Example:
        >>> _rungs(1, 81), _rungs(1, 52), _rungs(1, 5)
        ((1, 3, 9, 27, 81), (1, 2, 6, 17, 52), (5,))
    """
    steps = {round(high / FACTOR**level) for level in range(LEVELS + 1)} if high >= SHORT else {high}
    return tuple(sorted(step for step in steps if step >= low))


def _raised(state: State) -> State:
    """The start moved up while the unselected trials show that the first rung says little."""
    while state.start < len(state.rungs) - 1:
        value, count = _telling(state)
        if not count or value >= TELLING:
            return state
        state = state._replace(start=state.start + 1, known=(value, count))
    return state


def _telling(state: State) -> tuple[float, int]:
    """The rank correlation of the first rung with the farthest that enough unselected trials have come to."""
    free = state.free.entries(state.start)[0][: -RECENT - 1 : -1].tolist()
    last = len(state.rungs) - 1
    for rung in range(last, state.start, -1):
        both = [n for n in free if state.ladder.has(rung, n) and state.free.has(rung - 1, n)]
        if len(both) >= (ENDS if rung == last else BELIEVED):
            pairs = np.array([[state.ladder.losses(at, n)[0] for at in (state.start, rung)] for n in both])
            ahead = int((pairs[:, 0] < pairs[np.argmin(pairs[:, 1]), 0]).sum())
            told = correlation(pairs[:, 0], pairs[:, 1])
            return (told if ahead < len(both) / 2 else min(told, 0.0)), len(both)
    return 1.0, 0
