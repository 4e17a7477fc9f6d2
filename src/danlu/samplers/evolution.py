"""Regularized evolution: the population is the newest trials, so what was lucky dies of age.

Real et al., "Regularized evolution for image classifier architecture search" (AAAI 2019).
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..base.answering import Settings
from ..contracts.protocols import BaseSampler, Problem, View
from ..errors import SettingError
from ..journal.trial import Trial
from .parts.admission import admit
from .parts.comparable import comparable
from .parts.ranking import ranking, unordered
from .random import Random


class Evolution(BaseSampler, Settings, frozen=True, kw_only=True):
    """Ageing evolution: the best of a few drawn from the newest trials gets one parameter changed.

    Args:
        population: how many of the newest finished trials live (at least 2).
        drawn: how many of them compete to be the parent (at least 1).
        reach: standard deviation of a change of an ordered parameter, as a share of its range.

    Raises:
        SettingError: when a setting is out of its range.

    Example:
        >>> import danlu
        >>> cells = {f"op{i}": danlu.Choice(["none", "skip", "conv"]) for i in range(6)}
        >>> count = lambda t: sum(t[name] != "conv" for name in cells)
        >>> danlu.tune(count, cells, trials=200, sampler=danlu.samplers.Evolution(population=20), seed=1).best.value <= 1
        True
    """

    sources: ClassVar[tuple[str, ...]] = ("real2019regularized",)

    population: int = 50
    drawn: int = 15
    reach: float = 0.1

    def __post_init__(self) -> None:
        if self.population < 2 or self.drawn < 1 or not 0.0 < self.reach <= 1.0:
            raise SettingError(
                f"Evolution needs population >= 2, drawn >= 1 and 0 < reach <= 1, got {self!r}."
            )

    def init(self, problem: Problem) -> None:
        """No state: the population is in the history."""

    def tell(self, state: None, trial: Trial) -> None:
        """Nothing to keep."""

    def ask(self, state: None, view: View, rng: np.random.Generator, k: int) -> NDArray[np.float64]:
        """Random points at first, then mutants."""
        history = view.history
        known = comparable(history)
        newest = np.sort(known.numbers)[-self.population :]
        stood = ranking(known)
        alive = stood.numbers[: stood.good]
        alive = alive[np.isin(alive, newest)]
        if not len(alive) or view.index < self.population or not len(view.space):
            return Random().ask(None, view, rng, k)
        sizes = unordered(view.space)

        def mutant() -> list[float]:
            ranks = rng.choice(len(alive), size=min(self.drawn, len(alive)), replace=False)
            parent = alive[ranks.min()]
            point = history.columns.units[parent].copy()
            position = rng.choice(np.flatnonzero(history.columns.active[parent]))
            size = view.space.slots[position].parameter.size
            if sizes[position]:
                point[position] = (point[position] + (1 + rng.integers(max(1, size - 1))) / size) % 1.0
            else:
                step = max(self.reach, 1.5 / size) * rng.standard_normal()
                point[position] = np.clip(point[position] + step, 0.0, 1.0)
            for child, slot in enumerate(view.space.slots):
                if slot.parent == position:
                    point[child] = rng.random()
            moved: list[float] = point.tolist()
            return moved

        return admit(view, mutant, k)
