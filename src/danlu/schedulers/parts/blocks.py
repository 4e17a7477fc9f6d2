"""Brackets of successive halving, one after the other: the state that Hyperband and its single bracket share.

A bracket is a block of consecutive trial numbers, those set aside left out, so its counts are exact with any number of workers and after
any crash. Its trials pause at their rung; when all that are due there
have come, the best go on. A slot that a bracket cannot use yet goes to the next one, so nobody waits.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ...contracts.messages import GO, Verdict, pause
from ...contracts.protocols import Decision, New, Problem, Resume, View
from ...journal.trial import Trial
from .ladder import Ladder
from .rungs import best, losses_at, paused

Plan = tuple[tuple[tuple[int, int], ...], ...]
"""(trials, step) of each rung of each bracket of a cycle."""


class Blocks(NamedTuple):
    """How far the brackets are.

    Attributes:
        problem: what the study is about.
        plan: the brackets of a cycle, repeated without end.
        ladder: losses by (block, rung); ("over",) holds trials that will not go on.
        open: the first block in which trials may still have to go on.
    """

    problem: Problem
    plan: Plan
    ladder: Ladder
    open: int

    def block(self, trial: int) -> int:
        """The block of a trial number."""
        sizes = [bracket[0][0] for bracket in self.plan]
        cycle, rest = divmod(self.problem.place(trial), sum(sizes))
        within = int(np.searchsorted(np.cumsum(sizes), rest, side="right"))
        return cycle * len(sizes) + within

    def bracket(self, block: int) -> tuple[tuple[int, int], ...]:
        """(trials, step) of each rung of a block."""
        return self.plan[block % len(self.plan)]

    def heading(self, trial: int) -> int:
        """The first rung of its block that a trial has not come to; the last one at most."""
        block = self.block(trial)
        last = len(self.bracket(block)) - 1
        return next((rung for rung in range(last) if not self.ladder.has((block, rung), trial)), last)

    def told(self, trial: Trial) -> Blocks:
        """With what the trial had at the rungs it has come to; one that is over comes to its next one."""
        ladder, block = self.ladder, self.block(trial.number)
        bracket = self.bracket(block)
        last = trial.curve.steps[-1] if trial.curve.steps else 0
        for rung in range(self.heading(trial.number), len(bracket)):
            place = (block, rung)
            if last >= bracket[rung][1]:
                ladder = ladder.told(
                    place, trial.number, losses_at(self.problem, trial.curve, bracket[rung][1])
                )
            elif trial.finished:
                done = all(loss == loss for loss in trial.losses) and not trial.violation
                ladder = ladder.told(
                    place, trial.number, trial.losses if done else [np.inf] * len(trial.losses)
                )
                ladder = ladder.told(("over",), trial.number, [0.0])
                break
        if ladder is self.ladder:
            return self
        state = self._replace(ladder=ladder)
        while state.closed(state.open):
            state = state._replace(open=state.open + 1)
        return state

    def members(self, block: int, rung: int) -> np.ndarray[tuple[int], np.dtype[np.int64]] | None:
        """The trials that are due at a rung; None while the rung before is not complete."""
        bracket = self.bracket(block)
        if rung == 0:
            start = sum(each[0][0] for each in self.plan) * (block // len(self.plan))
            start += sum(each[0][0] for each in self.plan[: block % len(self.plan)])
            return np.array([self.problem.at(place) for place in range(start, start + bracket[0][0])])
        due = self.members(block, rung - 1)
        if due is None or self.ladder.count((block, rung - 1)) < len(due):
            return None
        trials, losses = self.ladder.entries((block, rung - 1))
        able = np.array([not self.ladder.has(("over",), number) for number in trials.tolist()], bool)
        able &= np.isfinite(losses).all(1)
        found = trials[able][best(trials[able], losses[able], bracket[rung][0])]
        return np.sort(found)

    def closed(self, block: int) -> bool:
        """Whether nobody in the block goes on any more."""
        due = self.members(block, len(self.bracket(block)) - 1)
        return due is not None and self.ladder.count((block, len(self.bracket(block)) - 1)) >= len(due)

    def due(self, view: View, extra: int = -1) -> tuple[int, int]:
        """The first paused trial that goes on, and the step where it waits; -1 for none."""
        newest = self.block(view.number)
        for block in range(self.open, newest + 1):
            for rung in range(len(self.bracket(block)) - 1, 0, -1):
                trials = self.members(block, rung)
                if trials is None:
                    continue
                waits = [n for n in trials.tolist() if not self.ladder.has((block, rung), n)]
                chosen = np.array(waits, dtype=np.int64)
                chosen = chosen[paused(view, chosen, extra)]
                if len(chosen):
                    return int(chosen[0]), self.bracket(block)[rung - 1][1]
                break
        return -1, 0


def judge(state: Blocks, view: View, trial: Trial) -> Verdict:
    """Pause at the rung the trial is heading for, unless it would be taken up at once."""
    block, rung = state.block(trial.number), state.heading(trial.number)
    bracket = state.bracket(block)
    step = bracket[rung][1]
    if trial.curve.steps[-1] < step or rung == len(bracket) - 1:
        return GO
    if state.problem.resume_safe and state.told(trial).due(view, trial.number)[0] == trial.number:
        return GO
    return pause(f"waits at step {step} for the others of its bracket")


def move(state: Blocks, view: View) -> Decision:
    """The next trial that goes on, else a new one."""
    number, step = state.due(view)
    if number >= 0:
        return Resume(number, reason=f"it is among the best of its bracket at step {step}")
    block = state.block(view.number)
    count, step = state.bracket(block)[0]
    return New(tag=f"bracket {block + 1}: {count} from step {step}")
