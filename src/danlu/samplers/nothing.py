"""Proposes nothing: for studies whose points are all named."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..base.answering import Settings
from ..contracts.protocols import BaseSampler, Problem, View
from ..errors import Exhausted
from ..journal.trial import Trial


class Nothing(BaseSampler, Settings, frozen=True):
    """No point of its own; the study ends when what was enqueued has been tried.

    Example:
        >>> import danlu
        >>> points = [{"x": 0.25}, {"x": 0.5}]
        >>> result = danlu.tune(lambda t: t["x"], {"x": danlu.Float(0, 1)}, sampler="nothing", enqueue=points)
        >>> [trial.params["x"] for trial in result.trials], result.study.stopped
        ([0.25, 0.5], 'all points that were named have been tried')
    """

    def init(self, problem: Problem) -> None:
        """No state."""

    def tell(self, state: None, trial: Trial) -> None:
        """Nothing to keep."""

    def ask(self, state: None, view: View, rng: np.random.Generator, k: int) -> NDArray[np.float64]:
        """Never a point.

        Raises:
            Exhausted: always.
        """
        del state, view, rng, k
        raise Exhausted("all points that were named have been tried.")
