"""The tree-structured Parzen estimator (Bergstra et al., NIPS 2011), multivariate and group-wise.

Finished trials are split into a good tenth and the rest; a density is estimated of each, and of a number
of draws from the good one that point is asked where the good density is largest compared with the other.
Parameters that are active together form a group with densities of its own, over the trials in which it is
active; groups are drawn from the top of the space down, so children follow their switch. Failed trials,
those that break limits and those still running belong to the rest.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..base.answering import Settings
from ..contracts.protocols import BaseSampler, Problem, View
from ..errors import SettingError
from ..journal.trial import Trial
from ..maths.parzen import draw, estimate, log_density
from ..space.slots import Slot
from ..space.space import Space
from .parts.admission import admit
from .parts.comparable import comparable, running
from .parts.ranking import ranking, unordered
from .quasirandom import QuasiRandom

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


class TPE(BaseSampler, Settings, frozen=True, kw_only=True):
    """Tree-structured Parzen estimator; for any space, any number of goals, and thousands of trials.

    Args:
        initial: quasi-random trials before the densities are used (at least 2).
        candidates: draws among which the most promising is asked (at least 1).
        share: which share of the trials counts as good, in (0, 1).
        most: how many count as good at most.
        recent: this many of the newest other trials have full weight, older ones less and less.

    Raises:
        SettingError: when a setting is out of its range.

    Example:
        >>> import danlu
        >>> bowl = {"x": danlu.Float(-1, 1), "y": danlu.Float(-1, 1)}
        >>> result = danlu.tune(lambda t: t["x"] ** 2 + t["y"] ** 2, bowl, trials=60, sampler=danlu.samplers.TPE(), seed=1)
        >>> result.best.value < 0.05
        True
    """

    sources: ClassVar[tuple[str, ...]] = ("bergstra2011algorithms",)

    initial: int = 10
    candidates: int = 24
    share: float = 0.1
    most: int = 25
    recent: int = 25

    def __post_init__(self) -> None:
        if self.initial < 2 or self.candidates < 1 or self.most < 1 or self.recent < 1:
            raise SettingError(f"TPE needs initial >= 2 and positive numbers, got {self!r}.")
        if not 0.0 < self.share < 1.0:
            raise SettingError(f"TPE needs a share between 0 and 1, got {self.share!r}. 0.1 is usual.")

    def init(self, problem: Problem) -> None:
        """No state: the history is all it needs."""

    def tell(self, state: None, trial: Trial) -> None:
        """Nothing to keep."""

    def ask(self, state: None, view: View, rng: np.random.Generator, k: int) -> Floats:
        """Quasi-random points at first, then the most promising of several draws."""
        known = comparable(view.history)
        stood = ranking(known)
        if stood.good < self.initial or not len(view.space):
            return QuasiRandom().ask(None, view, rng, k)
        best = min(stood.good, self.most, int(np.ceil(self.share * len(stood.numbers))))
        good, rest = (
            stood.numbers[:best],
            np.concatenate([stood.numbers[best:], running(view.history, known)]),
        )
        rest.sort()
        draws = _draws(self, view, np.sort(good), rest, rng)
        return admit(view, lambda: next(draws), k)


def groups(space: Space) -> list[Numbers]:
    """Slots that are active together, parents before children.

    Example:
        >>> from danlu import Float, Switch
        >>> [group.tolist() for group in groups(Space({"a": Float(0, 1), "s": Switch(on={"b": Float(0, 1)}, off={})}))]
        [[0, 1], [2]]
    """
    found: dict[tuple[int, tuple[int, ...], str], list[int]] = {}
    for position, slot in enumerate(space.slots):
        found.setdefault(_condition(slot), []).append(position)
    return [np.array(group, dtype=np.int64) for group in found.values()]


def _condition(slot: Slot) -> tuple[int, tuple[int, ...], str]:
    return slot.parent, slot.options, slot.name if slot.revealed else ""


def _draws(
    tpe: TPE, view: View, good: Numbers, rest: Numbers, rng: np.random.Generator
) -> Iterator[list[float]]:
    """Points without end, the most promising of ``candidates`` draws each time."""
    history, space = view.history, view.space
    units, mask = history.columns.units, history.columns.active
    sizes, center = unordered(space), np.array(space.center())
    pairs = []
    for group in groups(space):
        parts = []
        for numbers in (good, rest):
            there = numbers[mask[numbers, group[0]]]
            weights = _weights(len(there), tpe.recent) if numbers is rest else np.ones(len(there))
            parts.append(estimate(units[np.ix_(there, group)], sizes[group], weights, center[group]))
        pairs.append((group, parts[0], parts[1]))
    while True:
        points = np.full((tpe.candidates, len(space)), 0.5)
        for group, better, other in pairs:
            drawn = draw(better, tpe.candidates, rng)
            gains = log_density(better, drawn) - log_density(other, drawn)
            points[:, group] = drawn[np.argsort(-gains, kind="stable")]
        yield from points.tolist()


def _weights(count: int, recent: int) -> Floats:
    """Full weight for the newest, a ramp for the others."""
    ramp = np.linspace(1.0 / max(count, 1), 1.0, max(0, count - recent))
    return np.concatenate([ramp, np.ones(min(count, recent))])
