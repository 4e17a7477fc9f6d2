"""Population based training: hyperparameters that change while a network trains.

Jaderberg et al., "Population based training of neural networks" (2017). A population trains side by side; every
few steps a member that is among the worst copies a good one, weights and all (exploit), and goes on with slightly
changed hyperparameters (explore). What comes out is a schedule. The restarting variant widens the interval when
the population has stopped improving, as in Chebykin et al., "Iterated population based training with task-agnostic
restarts" (2025), and gives all members fresh hyperparameters and the best one's weights; unlike there the weights
are copied as they are, and the fresh hyperparameters are quasi-random.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import numpy as np

from ..base.answering import Settings
from ..base.rng import generator
from ..contracts.messages import GO, Verdict, pause
from ..contracts.protocols import BaseScheduler, Decision, New, Problem, Resume, View, Wait
from ..errors import SettingError
from ..journal.events import Status
from ..journal.trial import Trial
from ..space.parameters import Choice
from ..space.slots import Slot
from .parts.ladder import Ladder
from .parts.rungs import best, first, losses_of


class State(NamedTuple):
    """How far the generations are.

    Attributes:
        problem: what the study is about.
        ladder: losses by generation.
        marks: the step at which each generation so far ends.
        interval: steps to the next mark.
        record: the lowest loss of a complete generation, and in which.
        restarts: generations after which all members begin with fresh hyperparameters.
    """

    problem: Problem
    ladder: Ladder
    marks: tuple[int, ...]
    interval: int
    record: tuple[float, int]
    restarts: tuple[int, ...]


class PBT(BaseScheduler, Settings, frozen=True, kw_only=True):
    """Population based training; the objective has to save checkpoints and read its parameters when it begins.

    Members are compared by their newest report at the end of each generation, with several goals by front and
    crowding, once half of the population has come there. Everything that a member saves is copied (weights, optimizer, randomness), so a copy that is not
    changed trains on exactly as the original.

    Args:
        population: members (at least 4); as many trials are asked.
        interval: steps between exploits (at least 1).
        share: of the population that copies, and of that which is copied, in (0, 0.5].
        resample: probability that exploring draws a parameter anew instead of changing it by a fifth.
        moves: names of the parameters that may change; all when None. Leave out what the weights depend on,
            such as widths.
        restart: generations without a better loss after which the interval doubles and all begin with fresh
            hyperparameters from the best one's weights; None for never.

    Raises:
        SettingError: when a setting is out of its range, or the budget is smaller than the population.

    Example:
        >>> import danlu
        >>> def train(trial):
        ...     memory = {"x": 1.0}
        ...     for step in range(trial.restore(memory) + 1, 21):
        ...         memory["x"] *= 1.0 - trial["rate"]
        ...         trial.save(step, memory)
        ...         trial.report(step, loss=memory["x"])
        >>> result = danlu.tune(train, {"rate": danlu.Float(0, 0.5)}, minimize="loss", trials=6, seed=1,
        ...                     scheduler=danlu.schedulers.PBT(population=6, interval=4))
        >>> len(result.best.schedule) > 1
        True
    """

    sources: ClassVar[tuple[str, ...]] = ("jaderberg2017population",)

    population: int = 8
    interval: int = 1
    share: float = 0.25
    resample: float = 0.25
    moves: tuple[str, ...] | None = None
    restart: int | None = None

    def __post_init__(self) -> None:
        if self.population < 4 or self.interval < 1 or (self.restart is not None and self.restart < 1):
            raise SettingError(
                f"PBT needs population >= 4, interval >= 1 and restart >= 1 or None, got {self!r}."
            )
        if not 0.0 < self.share <= 0.5 or not 0.0 <= self.resample <= 1.0:
            raise SettingError(f"PBT needs 0 < share <= 0.5 and resample between 0 and 1, got {self!r}.")

    def init(self, problem: Problem) -> State:
        """No generation has begun."""
        most = problem.budget.trials
        if most is not None and most < self.population:
            raise SettingError(
                f"PBT has a population of {self.population}, and the budget is {most} trials. Give as many."
            )
        for name in self.moves or ():
            if name not in problem.space.names:
                raise SettingError(f"PBT cannot move {name!r}: there are {', '.join(problem.space.names)}.")
        return State(problem, Ladder(), (self.interval,), self.interval, (math.inf, 0), ())

    def tell(self, state: State, trial: Trial) -> State:
        """Note the newest report of a member that has come to the end of a generation."""
        generation = _heading(state, trial.number)
        if state.problem.place(trial.number) >= self.population or not trial.curve.steps:
            return state
        if trial.curve.steps[-1] < state.marks[generation]:
            return state
        newest = {name: column[-1] for name, column in trial.curve.metrics.items()}
        losses = losses_of(state.problem, newest)
        while trial.curve.steps[-1] >= state.marks[generation]:
            state = state._replace(ladder=state.ladder.told(generation, trial.number, losses))
            if state.ladder.count(generation) == self.population:
                state = self._complete(state, generation)
            generation += 1
            if generation == len(state.marks):
                state = state._replace(marks=(*state.marks, state.marks[-1] + state.interval))
        return state

    def judge(self, state: State, view: View, trial: Trial) -> Verdict:
        """Pause at the end of a generation, unless the member would go on as it is."""
        generation = _heading(state, trial.number)
        fidelity = state.problem.fidelity
        whole = fidelity is not None and trial.curve.steps[-1] >= fidelity.high
        if (
            state.problem.place(trial.number) >= self.population
            or trial.curve.steps[-1] < state.marks[generation]
            or whole
        ):
            return GO
        after = self.tell(state, trial)
        move = self._move(after, view, trial.number)
        if isinstance(move, Resume) and move.trial == trial.number and move.donor is None:
            return GO
        return pause(f"generation {generation + 1} ends at step {state.marks[generation]}")

    def next(self, state: State, view: View) -> Decision:
        """Members first, then the one that is farthest behind."""
        return self._move(state, view)

    def cites(self, said: Sequence[str]) -> tuple[str, ...]:
        """Its ``sources``, and that of the restarts where it may restart."""
        del said
        return (*self.sources, *(("chebykin2025iterated",) if self.restart is not None else ()))

    def _move(self, state: State, view: View, extra: int = -1) -> Decision:
        """What a free slot should do; ``extra`` counts as paused."""
        if view.history.spent.trials < self.population:
            return New(tag="population")
        members = np.array([state.problem.at(place) for place in range(self.population)])
        waits = members[
            (view.history.columns.statuses[members] == Status.PAUSED) | (members == extra)
        ].tolist()
        if not waits:
            return Wait()
        behind = min(_heading(state, number) for number in waits)
        moves = {n: self._turn(state, view, n, behind - 1) for n in waits if _heading(state, n) == behind}
        copying = [move for move in moves.values() if move.donor is not None]
        return (copying or list(moves.values()))[0]  # who copies goes first, before its donor has moved on

    def _turn(self, state: State, view: View, number: int, generation: int) -> Resume:
        """How a member goes on after a generation."""
        on = Resume(number, reason=f"generation {generation + 2}")
        trials, losses = state.ladder.entries(generation)
        living = (view.history.columns.statuses[trials] < Status.DONE) & np.isfinite(losses).all(1)
        if 2 * len(trials) < self.population or not living.any():
            return on
        if generation in state.restarts:
            donor = first(trials[living], losses[living])
            return on if donor == number else self._copy(state, view, number, donor, generation, fresh=True)
        count = max(1, int(self.share * len(trials)))
        top = np.sort(trials[best(trials, losses, count) & living])
        bottom = trials[~best(trials, losses, len(trials) - count)]
        if number not in bottom or number in top or not len(top):
            return on
        draw = generator(state.problem.seed, number, f"exploit/{generation}")
        return self._copy(state, view, number, int(draw.choice(top)), generation, fresh=False)

    def _copy(
        self, state: State, view: View, number: int, donor: int, generation: int, *, fresh: bool
    ) -> Resume:
        """Take up ``number`` from the donor's checkpoint, with the donor's hyperparameters changed."""
        rng = generator(state.problem.seed, number, f"explore/{generation}")
        unit = view.history.columns.units[donor].tolist()
        moved = [
            self._explored(slot, at, rng, fresh=fresh) if self._movable(slot) else at
            for slot, at in zip(view.space.slots, unit, strict=True)
        ]
        point, values = view.space.snap(moved)
        if not view.space.constraints.hold(values):
            point = unit
        what = "takes the best member's weights and fresh hyperparameters" if fresh else "copies and explores"
        return Resume(number, tuple(point), donor, f"{what}: trial {donor} after generation {generation + 1}")

    def _movable(self, slot: Slot) -> bool:
        return self.moves is None or slot.name in self.moves

    def _explored(self, slot: Slot, at: float, rng: np.random.Generator, *, fresh: bool) -> float:
        """A coordinate drawn anew, or a fifth more or less of its value, or the option beside."""
        anew, draw, up = rng.random() < self.resample, rng.random(), rng.random() < 0.5
        parameter = slot.parameter
        if fresh or anew:
            return draw
        if isinstance(parameter, Choice):
            size = int(parameter.size)
            beside = at + (1 if up else -1) / size
            return min(max(beside, 0.5 / size), 1.0 - 0.5 / size) if parameter.ordered else at
        value = parameter.decode(at)
        changed = value * (1.2 if up else 0.8)
        if isinstance(value, int) and round(changed) == value:
            changed = value + (1 if up else -1)
        low, high = parameter.low, parameter.high
        return parameter.encode(type(value)(min(max(changed, low), high)))

    def _complete(self, state: State, generation: int) -> State:
        """All members have come to the end of a generation: has it brought anything?"""
        lowest = float(state.ladder.entries(generation)[1][:, 0].min())
        if lowest < state.record[0]:
            return state._replace(record=(lowest, generation))
        since = max([state.record[1], *state.restarts])
        if self.restart is None or generation - since < self.restart:
            return state
        return state._replace(interval=2 * state.interval, restarts=(*state.restarts, generation))


def _heading(state: State, number: int) -> int:
    """The generation whose end the member has not come to."""
    return next(
        (at for at in range(len(state.marks) - 1, 0, -1) if state.ladder.has(at - 1, number)),
        0,
    )
