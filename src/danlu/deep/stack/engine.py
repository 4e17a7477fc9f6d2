"""An engine that trains many trials as one network: what is small and alike is stacked, an epoch at a time.

It is an engine like the others: the same journal, schedulers, budgets and checkpoints; a trial may begin here and be
taken up by a pool, or the other way round. Trials of one structure make a block (``block.py``); rows leave when they
are done or stopped, and new trials join at the next epoch. Whether stacking pays is measured before it is done, for
every structure, and said in ``result.why()``.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch

from ...contracts.messages import Task
from ...contracts.protocols import Answer, BaseEngine
from ...engines.objective import resolve_objective
from ...engines.run import GOES_ON, guarded
from ...errors import ObjectiveError, SettingError
from ...runtime.attempt import Attempt
from ...runtime.live import LiveTrial
from ..train.fit import SaveInterval, one_epoch
from ..train.objective import Objective
from ..train.training import Training
from .parameters import UNSTACKABLE
from .stack import Stack, stack_name, stackable

Scores = dict[str, float]


class Trainable(Protocol):
    """An objective that says which network a trial trains: ``Objective``, or what confirms with one."""

    base: Objective

    def assignment(self, trial: LiveTrial) -> tuple[Mapping[str, Any], int]:
        """The parameters and the seed."""


@dataclass(eq=False)
class Member:
    """One trial under way: its training, what it has come to, and when it is saved."""

    task: Task
    live: LiveTrial
    saving: SaveInterval
    training: Training | None = None
    done: int = 0
    history: list[Scores] = field(default_factory=list)


class MemberGroup:
    """Trials of one architecture, stacked or one after the other.

    Args:
        name: what they have in common, for people.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.seats: list[Member] = []
        self.block: Stack | None = None
        self.stacks = True
        self.measured = 0
        self.gain = 0.0

    def add(self, seats: list[Member]) -> None:
        """Let trials join; they are stacked with the others when that pays."""
        trainings = [seat.training for seat in seats if seat.training is not None]
        done = [seat.done for seat in seats]
        if self.block is not None:
            self.block.join(Stack(trainings, done))
        self.seats += seats
        if self.stacks and len(self.seats) >= 2 * max(1, self.measured):
            self._weigh()

    def _weigh(self) -> None:
        """Measure a few steps both ways, on copies, and decide."""
        trainings = [self.training(seat) for seat in self.seats]
        done = [seat.done for seat in self.seats]
        alone, self.measured = copy.deepcopy(trainings[0]), len(self.seats)
        try:
            block = Stack(copy.deepcopy(trainings), done)
            stacked = _seconds(lambda: block.try_steps(3), alone.device)
        except UNSTACKABLE as error:
            self._dissolve(error)
            return
        single = _seconds(lambda: _try_steps(alone, done[0], 3), alone.device)
        self.gain = single * len(trainings) / max(stacked, 1e-9)
        if self.gain < 1.0:
            self.block = None
        elif self.block is None:
            self.block = Stack(trainings, done)

    def _dissolve(self, error: Exception) -> None:
        """These trials are trained one after the other from here on."""
        for seat in self.seats:
            seat.training = self.training(seat)
        self.block, self.stacks, self.gain = None, False, 0.0
        self.name += f", which cannot be stacked ({' '.join(str(error).split())[:120]})"

    def training(self, seat: Member) -> Training:
        """A trial's training as if it had always been alone."""
        if self.block is not None:
            return self.block.training(self.seats.index(seat))
        assert seat.training is not None
        return seat.training

    def epoch(self) -> list[Scores]:
        """One epoch of every trial; a block that cannot be trained as one is dissolved."""
        if self.block is not None:
            before = self.block.snapshot()
            try:
                return self.block.epoch()
            except UNSTACKABLE as error:
                self.block.restore(before)
                for row, seat in enumerate(self.seats):
                    seat.training = self.block.training(row)
                self.block, self.stacks = None, False
                self.gain, self.name = (
                    0.0,
                    f"{self.name}, which cannot be stacked ({' '.join(str(error).split())[:120]})",
                )
        scores = []
        for seat in self.seats:
            assert seat.training is not None
            scores.append(one_epoch(seat.training, seat.done + 1, seat.training.best.metric))
        return scores

    def keep(self, seats: list[Member]) -> None:
        """Only these trials stay."""
        if self.block is not None and seats:
            self.block.keep([self.seats.index(seat) for seat in seats])
        self.seats = seats


class Vectorized(BaseEngine):
    """Trains up to ``workers`` trials of a ``deep.Objective`` at once, in this process, as blocks.

    Args:
        workers: trials under way (at least 1).

    Raises:
        SettingError: when there is none.

    Example:
        >>> import danlu
        >>> from danlu import deep
        >>> from torch import nn
        >>> data = deep.from_arrays([[0.0], [1.0]] * 50, [0, 1] * 50)
        >>> objective = deep.Objective(lambda params, data: nn.Linear(1, 2), data, epochs=3)
        >>> space = {"optimizer": deep.optimizers("adamw"), "batch_size": 16}
        >>> result = danlu.tune(objective, space, minimize="val_loss", trials=8, workers=8, engine="vectorized")
        >>> len(result.trials)
        8
    """

    def __init__(self, workers: int = 16) -> None:
        if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
            raise SettingError(
                f"the vectorized engine needs workers to be a whole number >= 1, got {workers!r}."
            )
        self.slots = workers
        self._waiting: list[Task] = []
        self._groups: dict[str, MemberGroup] = {}
        self._turns: list[str] = []
        self._objective: Trainable | None = None
        self._answer: Answer | None = None
        self._said = ""

    def open(self, objective: Callable[..., Any] | str, answer: Answer) -> None:
        """Take an objective that says what it trains.

        Raises:
            ObjectiveError: for any other function.
        """
        found: Any = resolve_objective(objective)
        if not isinstance(getattr(found, "base", None), Objective) or found.base.folds:
            raise ObjectiveError(
                f"engine='vectorized' needs a deep.Objective without folds, which says what it trains, got {found!r}. "
                "Use engine='pool'."
            )
        self._objective, self._answer = found, answer

    def start(self, task: Task) -> None:
        """Note the task; it joins its stack before the next epoch."""
        self._waiting.append(task)

    def why(self) -> str:
        """Which structures are stacked, and what that gains."""
        return self._said

    def poll(self, timeout: float) -> None:
        """Train the next group one epoch and report every trial of it."""
        del timeout
        self._seat()
        if not self._turns:
            return
        key = self._turns.pop(0)
        group = self._groups[key]
        started = time.monotonic()
        scores = group.epoch()
        seconds = (time.monotonic() - started) / len(group.seats)
        staying = [
            seat
            for seat, found in zip(list(group.seats), scores, strict=True)
            if self._told(group, seat, found, seconds)
        ]
        self._tell_gain(group)
        staying = [
            seat for seat in staying if seat in group.seats
        ]  # the driver may have stopped some meanwhile
        group.keep(staying)
        if staying:
            self._turns.append(key)
        else:
            del self._groups[key]

    def stop(self, trial: int) -> None:
        """Drop a trial where it is."""
        self._waiting = [task for task in self._waiting if task.trial != trial]
        for group in self._groups.values():
            group.keep([seat for seat in group.seats if seat.task.trial != trial])
        self._groups = {key: group for key, group in self._groups.items() if group.seats}
        self._turns = [key for key in self._turns if key in self._groups]

    def close(self) -> None:
        """Drop everything."""
        self._waiting, self._groups, self._turns = [], {}, []

    def _seat(self) -> None:
        """Let all waiting tasks join their stacks."""
        waiting, self._waiting = self._waiting, []
        joining: dict[str, list[Member]] = {}
        for task in waiting:
            assert self._answer is not None
            assert self._objective is not None
            seat = Member(
                task,
                LiveTrial(Attempt(task, self._answer)),
                SaveInterval(self._objective.base.settings.save_every),
            )
            outcome = guarded(seat.live, lambda seat=seat: self._begin(seat))  # type: ignore[misc]
            if outcome is not None:
                self._answer(outcome)
                continue
            assert seat.training is not None
            joining.setdefault(stack_name(seat.training, task.trial), []).append(seat)
        for key, seats in joining.items():
            if key not in self._groups:
                training = seats[0].training
                assert training is not None
                self._groups[key] = MemberGroup(_spoken(training))
                self._groups[key].stacks = not stackable(training)
                self._turns.append(key)
            self._groups[key].add(seats)
        if (
            not self._said
            and len(self._groups) > 1
            and all(len(each.seats) == 1 for each in self._groups.values())
        ):
            self._said = f"no two of {len(self._groups)} trials can be stacked, they differ in structure: trained one after the other"

    def _begin(self, seat: Member) -> Any:
        assert self._objective is not None
        params, seed = self._objective.assignment(seat.live)
        seat.training = self._objective.base.training(params, seed)
        seat.done = seat.live.restore(*seat.training.things, seat.history)
        ended = bool(seat.history) and seat.training.best.ends(
            seat.done, seat.history[-1], seat.training.plan.patience
        )
        return None if ended or seat.done >= seat.training.plan.epochs else GOES_ON

    def _told(self, group: MemberGroup, seat: Member, scores: Scores, seconds: float) -> bool:
        """Whether a trial stays after it has reported an epoch."""
        assert self._answer is not None
        outcome = guarded(seat.live, lambda: self._report(group, seat, scores, seconds))
        if outcome is None:
            return True
        self._answer(outcome)
        return False

    def _report(self, group: MemberGroup, seat: Member, scores: Scores, seconds: float) -> Any:
        assert seat.training is not None
        seat.done += 1
        seat.history.append(scores)
        over = seat.done == seat.training.plan.epochs or seat.training.best.ends(
            seat.done, scores, seat.training.plan.patience
        )
        seat.live.charge(seconds)
        if over or seat.saving.due():
            seat.live.save(seat.done, *group.training(seat).things, seat.history)
        seat.live.report(seat.done, **scores)
        return None if over else GOES_ON

    def _tell_gain(self, group: MemberGroup) -> None:
        if group.gain:
            how = "trained as one" if group.gain >= 1 else "trained one after the other"
            self._said = (
                f"{group.measured} x {group.name}: {how}, {group.gain:.1f} times as fast stacked as alone"
            )
        elif not group.stacks:
            self._said = f"{group.name}: trained alone"


def _try_steps(training: Training, done: int, count: int) -> None:
    for at, (number, batch) in enumerate(training.batches(done + 1)):
        if at == count:
            return
        training.step(number, training.loss(batch))


def _seconds(act: Callable[[], None], device: torch.device) -> float:
    """The shorter of two runs, after one that does not count."""
    found = []
    for _ in range(3):
        started = time.perf_counter()
        act()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        found.append(time.perf_counter() - started)
    return min(found[1:])


def _spoken(training: Training) -> str:
    """A network in a few words.

    Example:
        >>> from danlu import deep
        >>> data = deep.from_arrays([[0.0], [1.0]] * 50, [0, 1] * 50)
        >>> _spoken(Training(torch.nn.Linear(1, 2), data, deep.Plan(), seed=0, device=torch.device("cpu")))
        'Linear of 4 weights with adamw'
    """
    size = sum(parameter.numel() for parameter in training.model.parameters())
    return f"{type(training.model).__name__} of {size:,} weights with {training.plan.optimizer}"
