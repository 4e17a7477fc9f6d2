"""The model of BOHB (Falkner, Klein and Hutter, "BOHB", ICML 2018): to be used with ``Hyperband``.

Two kernel density estimates, of the good and of the bad trials at the highest fidelity that has enough of them.
Points are drawn from around good trials with widened kernels, and that one is asked where the good density is
largest beside the bad one; a third of the points is random, which keeps Hyperband's guarantees. Bandwidths follow
the normal reference rule, unordered parameters have Aitchison and Aitken's kernel, an inactive parameter is filled
in with that of a random other trial, as in the authors' own implementation. ``TPE`` is better at few trials.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..base.answering import Settings
from ..contracts.protocols import BaseSampler, Problem, View
from ..errors import SettingError
from ..journal.trial import Trial
from ..maths.parzen import Parzen, draw, log_density
from .parts.admission import admit
from .parts.comparable import comparable
from .parts.ranking import ranking, unordered

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


class BOHB(BaseSampler, Settings, frozen=True, kw_only=True):
    """Kernel densities of good and bad trials at the highest fidelity with enough of them; defaults as published.

    Args:
        share: of the trials that counts as good, in (0, 1).
        candidates: draws among which the most promising is asked (at least 1).
        random: probability of a random point, in [0, 1].
        widening: by how much the kernels are wider when points are drawn (at least 1).
        least_width: of a kernel, as a share of the range, in (0, 1).

    Raises:
        SettingError: when a setting is out of its range.

    Example:
        >>> import danlu
        >>> def train(trial):
        ...     for step in range(1, 10):
        ...         trial.report(step, loss=(trial["x"] - 0.3) ** 2 + 1 / step)
        >>> result = danlu.tune(train, {"x": danlu.Float(0, 1)}, minimize="loss", trials=51, seed=1,
        ...                     sampler=danlu.samplers.BOHB(), scheduler=danlu.schedulers.Hyperband(low=1, high=9))
        >>> abs(result.best.params["x"] - 0.3) < 0.1
        True
    """

    sources: ClassVar[tuple[str, ...]] = ("falkner2018bohb",)

    share: float = 0.15
    candidates: int = 64
    random: float = 1 / 3
    widening: float = 3.0
    least_width: float = 1e-3

    def __post_init__(self) -> None:
        fractions = 0.0 < self.share < 1.0 and 0.0 <= self.random <= 1.0 and 0.0 < self.least_width < 1.0
        if not fractions or self.candidates < 1 or self.widening < 1.0:
            raise SettingError(
                "BOHB needs share and least_width between 0 and 1, random in [0, 1], candidates >= 1 and "
                f"widening >= 1, got {self!r}."
            )

    def init(self, problem: Problem) -> None:
        """No state: the history is all it needs."""

    def tell(self, state: None, trial: Trial) -> None:
        """Nothing to keep."""

    def ask(self, state: None, view: View, rng: np.random.Generator, k: int) -> Floats:
        """Random points, or the most promising draw from around the good trials."""
        width = len(view.space)
        least = width + 1
        stood = ranking(comparable(view.history, least + 2))
        modeled = len(stood.numbers) >= least + 2 and stood.good and width

        def point() -> list[float]:
            if not modeled or rng.random() < self.random:
                chosen: list[float] = rng.random(width).tolist()
                return chosen
            return self._draw(view, stood.numbers, least, rng)

        return admit(view, point, k)

    def _draw(self, view: View, numbers: Numbers, least: int, rng: np.random.Generator) -> list[float]:
        """The best of ``candidates`` draws."""
        count = len(numbers)
        good = numbers[: max(least, int(self.share * count))]
        bad = numbers[-max(least, int((1.0 - self.share) * count)) :]
        better, worse = (self._estimate(view, part, rng) for part in (good, bad))
        wide = better._replace(widths=better.widths * self.widening)
        drawn = draw(wide, self.candidates, rng)
        gains = log_density(better, drawn) - log_density(worse, drawn)
        found: list[float] = drawn[int(np.argmax(gains))].tolist()
        return found

    def _estimate(self, view: View, numbers: Numbers, rng: np.random.Generator) -> Parzen:
        points, mask = view.history.columns.units[numbers].copy(), view.history.columns.active[numbers]
        for column in np.flatnonzero(~mask.all(0)):
            known = points[mask[:, column], column]
            missing = ~mask[:, column]
            points[missing, column] = (
                rng.choice(known, missing.sum()) if len(known) else rng.random(missing.sum())
            )
        n, d = points.shape
        spread = 1.06 * points.std(0) * n ** (-1.0 / (4 + d))  # the normal reference rule
        width = np.maximum(spread, self.least_width)
        sizes = unordered(view.space)
        kept = 1.0 - np.minimum(width, 0.9)  # Aitchison and Aitken: the option is kept with 1 - bandwidth
        odds = np.full(n, float(kept[sizes > 0].mean()) if (sizes > 0).any() else 0.5)
        return Parzen(points, np.tile(width, (n, 1)), sizes, odds, np.full(n, 1.0 / n))
