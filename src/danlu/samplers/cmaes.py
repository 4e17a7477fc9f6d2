"""CMA-ES (Hansen and Ostermeier 2001) with margins for discrete parameters and growing restarts.

Our own, not the ``cmaes`` package, because a study needs the state as a value that can be folded again
from the journal, and its draws keyed by trial; the tests hold it to that package's figures. Trials may
finish in any order: a generation is over when enough of them have, whoever asked for them. Restarts with
twice the population: Auger and Hansen, "A restart CMA evolution strategy with increasing population size"
(CEC 2005).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..base import rng as keyed
from ..base.answering import Settings
from ..contracts.protocols import BaseSampler, Problem, View
from ..errors import SettingError
from ..journal.columns import active
from ..journal.trial import Trial
from ..maths import cma
from ..maths.qmc import sobol
from .parts.admission import admit
from .parts.finish_order import FinishOrder


class State(NamedTuple):
    """The strategy, the trials of the generation under way, and those told before."""

    problem: Problem
    strategy: cma.Strategy | None
    waiting: tuple[tuple[float, float, float, tuple[float, ...]], ...]
    told: FinishOrder
    restarts: int


class CMAES(BaseSampler, Settings, frozen=True, kw_only=True):
    """Covariance matrix adaptation; for one goal, and hundreds of trials or more.

    Unordered choices are searched as if their options had an order; inactive parameters stay where the
    mean is.

    Args:
        sigma: first step size, as a share of the ranges, in (0, 1].
        population: trials a generation; 4 + 3 ln d when None (at least 4).

    Raises:
        SettingError: when a setting is out of its range, or the study has several goals.

    Example:
        >>> import danlu
        >>> valley = {name: danlu.Float(-2, 2) for name in "abc"}
        >>> result = danlu.tune(lambda t: sum((t[n] - 1) ** 2 for n in "abc"), valley, trials=150,
        ...                     sampler=danlu.samplers.CMAES(), seed=1)
        >>> result.best.value < 0.01
        True
    """

    sources: ClassVar[tuple[str, ...]] = ("hansen2001completely", "auger2005restart", "hamano2022margin")

    sigma: float = 0.2
    population: int | None = None

    def __post_init__(self) -> None:
        if not 0.0 < self.sigma <= 1.0 or (self.population is not None and self.population < 4):
            raise SettingError(f"CMAES needs 0 < sigma <= 1 and population >= 4, got {self!r}.")

    def init(self, problem: Problem) -> State:
        """A round distribution in the middle of the space."""
        if len(problem.goal.metrics) > 1:
            raise SettingError("CMAES follows one goal, this study has several. Use NSGA2 or GP.")
        return self.start(problem, problem.space.center())

    def start(self, problem: Problem, around: Sequence[float]) -> State:
        """A round distribution around a unit point."""
        center = np.array(around)
        strategy = cma.begin(center, self.sigma, self.population) if len(center) else None
        return State(problem, strategy, (), FinishOrder(), 0)

    def tell(self, state: State, trial: Trial) -> State:
        """The state with one more trial; the distribution moves when a generation is complete."""
        strategy, told = state.strategy, state.told.told(trial.number)
        if told is state.told or strategy is None or len(trial.unit) != len(strategy.mean):
            return state
        loss = trial.losses[0]
        level = 2.0 if not np.isfinite(loss) else 1.0 if trial.violation > 0 else 0.0
        key = loss if level == 0 else trial.violation if level == 1 else 0.0
        waiting = (*state.waiting, (level, key, float(trial.number), trial.unit))
        if len(waiting) < strategy.population:
            return state._replace(waiting=waiting, told=told)
        slots = state.problem.space.slots
        points = np.array([unit for *_, unit in sorted(waiting)])
        points = np.where(active(slots, points), points, strategy.mean)
        sizes = np.array([float(slot.parameter.size) for slot in slots])
        sizes[sizes > 2**20] = np.inf
        strategy = cma.update(strategy, points, sizes)
        restarts = state.restarts
        if cma.converged(strategy):
            restarts += 1
            start = sobol(len(slots), keyed.key(state.problem.seed, 0, "restart"), restarts, 1)[0]
            strategy = cma.begin(start, self.sigma, 2 * strategy.population)
        return State(state.problem, strategy, (), told, restarts)

    def ask(self, state: State, view: View, rng: np.random.Generator, k: int) -> NDArray[np.float64]:
        """Draws of the present distribution."""
        strategy, width = state.strategy, len(view.space)
        if strategy is None or len(strategy.mean) != width:  # running code has revealed parameters since
            return admit(view, lambda: rng.random(width).tolist(), k)
        return admit(view, lambda: cma.propose(strategy, rng).tolist(), k)
