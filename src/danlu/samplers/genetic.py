"""The genetic algorithm (Holland 1975, Goldberg 1989): a population, selection, crossover and mutation.

The population is the best finished trials; two parents win tournaments in it, their child takes each
coordinate from near one of them, and a few coordinates mutate. It has a stopping rule of its own: when so
many generations in a row have brought nothing better, the population has converged and the study ends.
"""

from __future__ import annotations

from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..base.answering import Settings
from ..contracts.protocols import BaseSampler, Problem, View
from ..errors import Exhausted, SettingError
from ..journal.trial import Trial
from ..maths.genetics import child
from .parts.admission import admit
from .parts.comparable import comparable
from .parts.ranking import ranking, unordered
from .quasirandom import QuasiRandom


class Genetic(BaseSampler, Settings, frozen=True, kw_only=True):
    """A genetic algorithm with elitist replacement; any number of workers, no generation waits.

    Args:
        population: how many of the best trials may be parents, and how many start at random (at least 4).
        tournament: how many compete to be a parent; the more, the greedier (at least 2).
        crossover: probability that a child has two parents, in [0, 1].
        mutation: probability that a coordinate mutates; 1 / d when None.
        patience: generations without a better trial after which the search ends; None for never.

    Raises:
        SettingError: when a setting is out of its range.

    Example:
        >>> import danlu
        >>> result = danlu.tune(lambda t: (t["x"] - 0.3) ** 2, {"x": danlu.Float(0, 1)}, trials=400,
        ...                     sampler=danlu.samplers.Genetic(population=10, patience=4), seed=1)
        >>> len(result.trials) < 400, result.best.value < 1e-3
        (True, True)
    """

    sources: ClassVar[tuple[str, ...]] = ("holland1975adaptation", "goldberg1989genetic")

    population: int = 20
    tournament: int = 3
    crossover: float = 0.9
    mutation: float | None = None
    patience: int | None = 10

    def __post_init__(self) -> None:
        if self.population < 4 or self.tournament < 2:
            raise SettingError(f"Genetic needs population >= 4 and tournament >= 2, got {self!r}.")
        if not 0.0 <= self.crossover <= 1.0 or not 0.0 <= (self.mutation or 0.0) <= 1.0:
            raise SettingError(f"Genetic needs crossover and mutation between 0 and 1, got {self!r}.")
        if self.patience is not None and self.patience < 1:
            raise SettingError(f"Genetic needs patience >= 1 generations, got {self.patience!r}.")

    def init(self, problem: Problem) -> None:
        """No state: the population is in the history."""

    def tell(self, state: None, trial: Trial) -> None:
        """Nothing to keep."""

    def ask(self, state: None, view: View, rng: np.random.Generator, k: int) -> NDArray[np.float64]:
        """Quasi-random points at first, then children.

        Raises:
            Exhausted: when ``patience`` generations have brought nothing better.
        """
        history = view.history
        stood = ranking(comparable(history))
        if stood.good < 2 or view.index < self.population:
            return QuasiRandom().ask(None, view, rng, k)
        if self.patience is not None and history.incumbents.since >= self.patience * self.population:
            raise Exhausted(
                f"the population has converged: {self.patience} generations brought nothing better."
            )
        parents = history.columns.units[stood.numbers[: min(stood.good, self.population)]]
        ordered = unordered(view.space) == 0
        rate = self.mutation if self.mutation is not None else 1.0 / max(1, parents.shape[1])
        bred = partial(
            child, parents, ordered, rng,
            contest=self.tournament, crossover=self.crossover, mutation=rate, spread=5.0,
        )  # fmt: skip
        return admit(view, lambda: bred().tolist(), k)
