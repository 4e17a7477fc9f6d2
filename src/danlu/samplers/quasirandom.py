"""Quasi-random search: a scrambled Sobol sequence, which fills the cube more evenly than chance.

Sobol' (1967) with Owen's scrambling as scipy implements it; for tuning see Bousquet et al., "Critical
hyper-parameters: no random, no cry" (2017), and Google's tuning playbook, which uses it to explore.
Trial ``i`` gets the ``i``-th allowed point of one sequence, so several workers share it without a word.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import count
from typing import ClassVar
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from ..base import rng as keyed
from ..base.answering import Settings
from ..contracts.protocols import BaseSampler, Problem, View
from ..journal.trial import Trial
from ..maths.qmc import sobol
from ..space.space import Space
from .parts.admission import admit


class QuasiRandom(BaseSampler, Settings, frozen=True):
    """A scrambled Sobol sequence over the unit cube; the scrambling is keyed by the study's seed.

    Example:
        >>> import danlu
        >>> result = danlu.tune(lambda t: abs(t["x"] - 0.3), {"x": danlu.Float(0, 1)}, trials=16,
        ...                     sampler=danlu.samplers.QuasiRandom())
        >>> result.best.value < 1 / 16
        True
    """

    sources: ClassVar[tuple[str, ...]] = (
        "sobol1967distribution",
        "owen1998scrambling",
        "bousquet2017critical",
    )

    def init(self, problem: Problem) -> None:
        """No state."""

    def tell(self, state: None, trial: Trial) -> None:
        """Nothing to learn."""

    def ask(self, state: None, view: View, rng: np.random.Generator, k: int) -> NDArray[np.float64]:
        """The next ``k`` allowed points of the sequence."""
        seed = keyed.key(view.problem.seed, 0, "sobol")
        points = _sequence(len(view.space), seed, view.index, view)
        return admit(view, lambda: next(points), k)


BLOCK = 256


def _sequence(width: int, seed: int, start: int, view: View) -> Iterator[list[float]]:
    """The points from the ``start``-th allowed one on."""
    space = view.space
    if not space.constraints:
        yield from (_point(width, seed, index) for index in count(start))
        return
    allowed = _allowed.setdefault(space, {}).setdefault(seed, [])
    yield from (_point(width, seed, index) for index in allowed[start:])
    index = allowed[-1] if allowed else -1
    while index <= 1_000 * (len(allowed) + 1):
        index += 1
        point = _point(width, seed, index)
        if space.constraints.hold(space.decode(point)):
            allowed.append(index)
            if len(allowed) > start:
                yield point
    # hardly any is allowed: other points for each trial, to search near
    later = (_point(width, seed, number) for number in count(index + 1 + start))
    yield from (point for point in later if not space.constraints.hold(space.decode(point)))


_allowed: WeakKeyDictionary[Space, dict[int, list[int]]] = WeakKeyDictionary()
"""The allowed indices of each space's sequence found so far: a memo, never the truth."""


def _point(width: int, seed: int, index: int) -> list[float]:
    row: list[float] = _block(width, seed, index // BLOCK)[index % BLOCK].tolist()
    return row


@lru_cache(maxsize=64)
def _block(width: int, seed: int, number: int) -> NDArray[np.float64]:
    return sobol(width, seed, number * BLOCK, BLOCK)
