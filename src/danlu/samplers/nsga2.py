"""NSGA-II (Deb et al., "A fast and elitist multiobjective genetic algorithm", 2002), asynchronous.

The population is the best finished trials by front and crowding; parents win binary tournaments by the
crowded comparison, limits by constrained domination.
"""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..base.answering import Settings
from ..contracts.protocols import BaseSampler, Problem, View
from ..errors import SettingError
from ..journal.trial import Trial
from ..maths.genetics import child
from .parts.admission import admit
from .parts.comparable import comparable
from .parts.ranking import ranking, unordered
from .quasirandom import QuasiRandom


class NSGA2(BaseSampler, Settings, frozen=True, kw_only=True):
    """Non-dominated sorting genetic algorithm, for several goals and many cheap trials.

    Args:
        population: how many trials are parents, and how many start at random (at least 4).
        crossover: probability that a child has two parents, in [0, 1].
        spread: distribution index of crossover and mutation; the larger, the nearer to the parents.

    Raises:
        SettingError: when a setting is out of its range.

    Example:
        >>> import danlu
        >>> goals = lambda t: {"a": t["x"] ** 2, "b": (t["x"] - 1) ** 2}
        >>> result = danlu.tune(goals, {"x": danlu.Float(-2, 3)}, minimize=["a", "b"], trials=80,
        ...                     sampler=danlu.samplers.NSGA2(population=20), seed=1)
        >>> len(result.front) > 20
        True
    """

    sources: ClassVar[tuple[str, ...]] = ("deb2002fast",)

    population: int = 40
    crossover: float = 0.9
    spread: float = 15.0

    def __post_init__(self) -> None:
        if self.population < 4 or not 0.0 <= self.crossover <= 1.0 or self.spread <= 0.0:
            raise SettingError(
                f"NSGA2 needs population >= 4, crossover between 0 and 1 and spread > 0, got {self!r}."
            )

    def init(self, problem: Problem) -> None:
        """No state: the population is in the history."""

    def tell(self, state: None, trial: Trial) -> None:
        """Nothing to keep."""

    def ask(self, state: None, view: View, rng: np.random.Generator, k: int) -> NDArray[np.float64]:
        """Quasi-random points at first, then children of tournament winners."""
        history = view.history
        stood = ranking(comparable(history))
        if len(stood.numbers) < 2 or view.index < self.population:
            return QuasiRandom().ask(None, view, rng, k)
        parents = history.columns.units[stood.numbers[: self.population]]
        ordered, rate = unordered(view.space) == 0, 1.0 / max(1, parents.shape[1])
        bred = partial(
            child, parents, ordered, rng,
            contest=2, crossover=self.crossover, mutation=rate, spread=self.spread,
        )  # fmt: skip
        return admit(view, lambda: bred().tolist(), k)
