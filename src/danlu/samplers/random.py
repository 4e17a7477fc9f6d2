"""Random search: independent uniform points in the unit cube.

The honest baseline (Bergstra & Bengio, "Random search for hyper-parameter optimization", JMLR 2012):
in high dimension it beats a grid because every trial tries a new value of every parameter.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from ..base.answering import Settings
from ..contracts.protocols import BaseSampler, Problem, View
from ..journal.trial import Trial
from .parts.admission import admit


class Random(BaseSampler, Settings, frozen=True):
    """Uniform in the unit cube, so log-uniform where a parameter says ``log``.

    Example:
        >>> import danlu
        >>> danlu.tune(lambda t: t["x"] ** 2, {"x": danlu.Float(-1, 1)}, trials=20,
        ...            sampler=danlu.samplers.Random()).best.value < 0.1
        True
    """

    sources: ClassVar[tuple[str, ...]] = ("bergstra2012random",)

    def init(self, problem: Problem) -> None:
        """No state."""

    def tell(self, state: None, trial: Trial) -> None:
        """Nothing to learn."""

    def ask(self, state: None, view: View, rng: np.random.Generator, k: int) -> NDArray[np.float64]:
        """``k`` uniform points."""
        width = len(view.space)
        return admit(view, lambda: rng.random(width).tolist(), k)
