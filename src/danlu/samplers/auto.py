"""The default: it looks at the problem and at how far the study is, picks a method, and says why.

Nothing is measured but what the journal holds, so a resumed study picks the same. What it weighs: whether
the space is finite and fits into the budget, how many dimensions and goals there are, whether parameters
are conditional or unordered, how many trials there have been, and whether they cost less than asking does.
What differs from trial to trial is inside the methods: noise is fitted, running trials are imagined.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..base.answering import Settings
from ..contracts.protocols import BaseSampler, Problem, View
from ..journal.trial import Trial
from ..space.space import Space
from .cmaes import CMAES
from .gp import GP
from .nsga2 import NSGA2
from .parts.finish_order import FinishOrder
from .parts.ranking import unordered
from .quasirandom import QuasiRandom
from .tpe import TPE

LONG = 2000
"""Beyond this many trials a population learns as much as a model, at a tenth of the price."""

SEVERAL = 400
"""The same for several goals."""

WIDE = 200
"""A Gaussian process with this many lengthscales is slow and has little to say."""


CHEAP, EARLY = 0.02, 200
"""Where time is the budget and the first 200 trials took less than 0.02 s each, asking would take most of it."""


class State(NamedTuple):
    """The finished trials in order, and a strategy that starts when the study has become long.

    Attributes:
        problem: what the study is about.
        order: the finished trials.
        strategy: CMA-ES's state, None before it leads.
        best: the unit point of the best trial.
        value: its loss.
        seconds: what the first ``EARLY`` trials took together.
    """

    problem: Problem
    order: FinishOrder
    strategy: Any
    best: tuple[float, ...]
    value: float
    seconds: float

    @property
    def cheap(self) -> bool:
        """Whether trials take no longer than a model thinks, in a study that has only its time to spend."""
        budget = self.problem.budget
        timed = budget.trials is None and budget.seconds is not None
        return timed and len(self.order) >= EARLY and self.seconds < CHEAP * EARLY

    @property
    def long(self) -> bool:
        """Whether models have had their time."""
        return len(self.order) >= LONG or self.cheap


class Chosen(NamedTuple):
    """A method and the reason for it."""

    sampler: Any
    why: str


class Auto(BaseSampler, Settings, frozen=True):
    """Picks the method by the problem; ``result.why()`` says which and why.

    Finite spaces that fit into the budget are tried exhaustively, without repeats, the most promising
    first; else a Gaussian process leads (conditional spaces, limits, failures and running trials included),
    and in long studies a population: CMA-ES where all parameters are ordered and always active, TPE
    elsewhere, NSGA-II for several goals.

    Example:
        >>> import danlu
        >>> result = danlu.tune(lambda t: (t["x"] - 0.3) ** 2, {"x": danlu.Float(0, 1)}, trials=15, seed=1)
        >>> result.best.value < 1e-4
        True
        >>> [line for line in result.why() if "Gaussian" in line]
        ['a Gaussian process leads: with 1 parameter and 1 goal it learns most from few trials']
    """

    def init(self, problem: Problem) -> State:
        """No trial has finished."""
        return State(problem, FinishOrder(), None, (), math.inf, 0.0)

    def tell(self, state: State, trial: Trial) -> State:
        """Remember the order and the best; in a long study, feed the strategy as well."""
        order = state.order.told(trial.number)
        if order is state.order:
            return state
        seconds = state.seconds + (trial.seconds if len(order) <= EARLY else 0.0)
        state = state._replace(order=order, seconds=seconds)
        if len(state.problem.goal.metrics) > 1:
            return state
        if not trial.violation and trial.losses[0] < state.value:
            state = state._replace(best=trial.unit, value=trial.losses[0])
        if state.strategy is not None:
            return state._replace(strategy=CMAES().tell(state.strategy, trial))
        if state.long and state.best and _plain(state.problem.space):
            return state._replace(strategy=CMAES(sigma=0.1).start(state.problem, state.best))
        return state

    def ask(self, state: State, view: View, rng: np.random.Generator, k: int) -> NDArray[np.float64]:
        """What the chosen method asks."""
        sampler = choose(state, view).sampler
        inner = state.strategy if isinstance(sampler, CMAES) else None
        points: NDArray[np.float64] = sampler.ask(inner, view, rng, k)
        return points

    def why(self, state: State, view: View) -> str:
        """The choice for the next trial, as a sentence."""
        sampler, why = choose(state, view)
        return "; ".join(filter(None, (why, sampler.why(None, view) if isinstance(sampler, GP) else "")))

    def uses_past(self) -> bool:
        """Its Gaussian process does."""
        return True

    def cites(self, said: Sequence[str]) -> tuple[str, ...]:
        """What the methods are from that it says it chose."""
        chosen = [method for words, method in LEADS.items() if any(words in each for each in said)]
        return tuple(dict.fromkeys(key for method in chosen for key in method.cites(said)))


LEADS: dict[str, BaseSampler] = {
    "nothing is modeled": QuasiRandom(),
    "the most promising first": GP(),
    "a Gaussian process leads": GP(),
    "TPE leads": TPE(),
    "CMA-ES leads": CMAES(),
    "NSGA-II leads": NSGA2(),
}
"""What is said of each method that it chooses."""


def choose(state: State, view: View) -> Chosen:
    """The method for the next trial, and why."""
    space, goals, budget = view.space, len(view.problem.goal.metrics), view.problem.budget.trials
    if not len(space):
        return Chosen(QuasiRandom(), "nothing is modeled: no parameter is known yet")
    shape = f"with {_count(len(space), 'parameter')} and {_count(goals, 'goal')}"
    if budget is not None and space.size <= budget:
        why = f"all {space.size:.0f} configurations fit into {budget} trials: each is tried once, the most promising first"
        return Chosen(GP(), why)
    if len(space) > WIDE:
        return Chosen(TPE(), f"TPE leads: {shape}, more than a Gaussian process of {WIDE} can tell apart")
    if goals > 1 and (len(state.order) >= SEVERAL or state.cheap):
        since = _since(state, SEVERAL)
        return Chosen(NSGA2(), f"NSGA-II leads: {shape}, a population keeps up {since}")
    if state.strategy is not None:
        return Chosen(CMAES(), f"CMA-ES leads: {_since(state, LONG)} a population learns as much for less")
    if state.long:
        return Chosen(TPE(), f"TPE leads: {_since(state, LONG)} it learns as much for less, in a mixed space")
    mixed = [
        word
        for word, there in (
            ("conditional ones", any(slot.parent >= 0 for slot in space.slots)),
            ("unordered ones", bool(unordered(space).any())),
        )
        if there
    ]
    among = f" ({' and '.join(mixed)} among them)" if mixed else ""
    shape = shape.replace(" and", f"{among} and", 1)
    return Chosen(GP(), f"a Gaussian process leads: {shape} it learns most from few trials")


def _since(state: State, trials: int) -> str:
    if len(state.order) >= trials or not state.cheap:
        return f"after {trials} trials"
    return f"where trials take {1e3 * state.seconds / EARLY:.1f} ms and time is the budget,"


def _plain(space: Space) -> bool:
    """Whether every parameter has an order and is always active."""
    return not unordered(space).any() and all(slot.parent < 0 and not slot.revealed for slot in space.slots)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
