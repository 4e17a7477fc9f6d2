"""Points in a fixed order, for a study that is run again: nothing is searched."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..base.answering import Settings
from ..contracts.protocols import BaseSampler, Problem, View
from ..errors import Exhausted
from ..journal.trial import Trial


class RecordedPoints(BaseSampler, Settings, frozen=True):
    """Asks the given unit points in order, repeats included, and then ends the study.

    Args:
        points: each with one coordinate in [0, 1] a parameter.

    Example:
        >>> import danlu
        >>> result = danlu.tune(lambda t: t["x"], {"x": danlu.Float(0, 4)}, trials=9,
        ...                     sampler=danlu.samplers.RecordedPoints(((0.5,), (0.25,))))
        >>> [trial.params["x"] for trial in result.trials]
        [2.0, 1.0]
    """

    points: tuple[tuple[float, ...], ...]

    def init(self, problem: Problem) -> None:
        """No state."""

    def tell(self, state: None, trial: Trial) -> None:
        """Nothing to keep."""

    def ask(self, state: None, view: View, rng: np.random.Generator, k: int) -> NDArray[np.float64]:
        """The next points.

        Raises:
            Exhausted: after the last one.
        """
        following = self.points[view.index : view.index + k]
        if not following:
            raise Exhausted("the recording has no further trial.")
        return np.array(following)
