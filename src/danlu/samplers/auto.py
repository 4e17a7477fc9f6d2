"""The default: it looks at the problem and at how far the study is, picks a method, and says why.

Nothing is measured but what the journal holds, so a resumed study picks the same. What it weighs: whether
the space is finite and fits into the budget, how many dimensions and goals there are, whether parameters
are conditional or unordered, how many trials there have been and will be, and how many are running.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..core.protocols import Problem, View
from ..core.space import Space
from ..core.trial import Trial
from .cmaes import CMAES
from .gp import GP
from .nsga2 import NSGA2
from .order import Order
from .quasirandom import QuasiRandom
from .standing import unordered
from .tpe import TPE

LONG = 2000
"""Beyond so many trials a population learns as much as a model, at a tenth of the price."""

SEVERAL = 400
"""The same for several goals."""

WIDE = 200
"""A process with so many lengthscales is slow and has little to say."""


class State(NamedTuple):
    """The finished trials in order, and a strategy that starts when the study has become long."""

    problem: Problem
    order: Order
    strategy: Any
    best: tuple[float, ...]
    value: float


class Choice(NamedTuple):
    """A method and the reason for it."""

    sampler: Any
    why: str


class Auto(msgspec.Struct, frozen=True):
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
        return State(problem, Order(), None, (), math.inf)

    def tell(self, state: State, trial: Trial) -> State:
        """Remember the order and the best; in a long study, feed the strategy as well."""
        order = state.order.told(trial.number)
        if order is state.order:
            return state
        best, value, strategy = state.best, state.value, state.strategy
        if len(trial.losses) == 1 and not trial.violation and trial.losses[0] < value:
            best, value = trial.unit, trial.losses[0]
        if len(order) >= LONG and best and len(state.problem.goal.metrics) == 1:
            if strategy is None and _plain(state.problem.space):
                strategy = CMAES(sigma=0.1).start(state.problem, best)
            elif strategy is not None:
                strategy = CMAES().tell(strategy, trial)
        return State(state.problem, order, strategy, best, value)

    def ask(self, state: State, view: View, rng: np.random.Generator, k: int) -> NDArray[np.float64]:
        """What the chosen method asks."""
        sampler = choose(view).sampler
        inner = (
            state.order if isinstance(sampler, GP) else state.strategy if isinstance(sampler, CMAES) else None
        )
        points: NDArray[np.float64] = sampler.ask(inner, view, rng, k)
        return points

    def why(self, view: View) -> str:
        """The choice for the next trial, as a sentence."""
        return choose(view).why


def choose(view: View) -> Choice:
    """The method for the next trial, and why."""
    space, history = view.space, view.history
    goals, done, budget = len(view.problem.goal.metrics), history.finished, view.problem.budget.trials
    if not len(space):
        return Choice(QuasiRandom(), "nothing is modelled: no parameter is known yet")
    shape = f"with {_count(len(space), 'parameter')} and {_count(goals, 'goal')}"
    if budget is not None and space.size <= budget:
        why = f"all {space.size:.0f} configurations fit into {budget} trials: each is tried once, the most promising first"
        return Choice(GP(), why)
    if len(space) > WIDE:
        return Choice(TPE(), f"TPE leads: {shape}, more than a Gaussian process of {WIDE} can tell apart")
    if goals > 1 and done >= SEVERAL:
        return Choice(NSGA2(), f"NSGA-II leads: {shape}, a population keeps up after {SEVERAL} trials")
    if done >= LONG and goals == 1 and _plain(space):
        return Choice(CMAES(), f"CMA-ES leads: after {LONG} trials a population learns as much for less")
    if done >= LONG:
        return Choice(TPE(), f"TPE leads: after {LONG} trials it learns as much for less, in a mixed space")
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
    return Choice(GP(), f"a Gaussian process leads: {shape} it learns most from few trials")


def _plain(space: Space) -> bool:
    """Whether every parameter has an order and is always active."""
    return not unordered(space).any() and all(slot.parent < 0 and not slot.revealed for slot in space.slots)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
