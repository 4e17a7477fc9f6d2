"""Given points first, then another sampler: known good defaults, or a person's hunches."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..base.answering import Settings
from ..base.rng import generator
from ..contracts.protocols import BaseSampler, Problem, Sampler, View
from ..errors import SettingError
from ..journal.trial import Trial
from ..space.feasible import fill
from ..space.space import Space


class InitialPoints(BaseSampler, Settings, frozen=True):
    """Tries ``points`` in order, then asks ``then``.

    Args:
        points: values by name; those left out take the middle of their range, or their prior.
        then: the sampler that goes on.

    Raises:
        SettingError: when ``then`` is no sampler.
        SpaceError: from ``init``, for a point that is not in the space.

    Example:
        >>> import danlu
        >>> result = danlu.tune(lambda t: t["x"], {"x": danlu.Float(0, 1)}, trials=3,
        ...                     sampler=danlu.samplers.InitialPoints([{"x": 0.25}], danlu.samplers.Random()))
        >>> result.trials[0].params
        {'x': 0.25}
    """

    points: tuple[dict[str, Any], ...]
    then: Any

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(self, "points", tuple(dict(point) for point in self.points))
        if not callable(getattr(self.then, "ask", None)):
            raise SettingError(
                f"InitialPoints goes on with a sampler, got {self.then!r}. Give InitialPoints(points, danlu.samplers.GP())."
            )

    def init(self, problem: Problem) -> Any:
        """The state of the sampler that goes on; all points are checked here."""
        for number, point in enumerate(self.points):
            _complete(problem.space, point, generator(problem.seed, number, "first"))
        then: Sampler = self.then
        return then.init(problem)

    def tell(self, state: Any, trial: Trial) -> Any:
        """Tell the sampler that goes on."""
        then: Sampler = self.then
        return then.tell(state, trial)

    def ask(self, state: Any, view: View, rng: np.random.Generator, k: int) -> NDArray[np.float64]:
        """Points not asked yet, then the other sampler's."""
        chosen = list(enumerate(self.points))[view.index : view.index + k]
        given = [
            view.space.encode(_complete(view.space, point, generator(view.problem.seed, number, "first")))
            for number, point in chosen
        ]
        rest = k - len(given)
        if not rest:
            return np.array(given).reshape(k, len(view.space))
        then: Sampler = self.then
        more = then.ask(state, view.shifted(min(view.index, len(self.points))), rng, rest)
        return np.vstack([np.array(given).reshape(len(given), len(view.space)), more])

    def why(self, state: Any, view: View) -> str:
        """What the sampler that goes on says."""
        then: Sampler = self.then
        return then.why(state, view.shifted(min(view.index, len(self.points))))

    def cites(self, said: Sequence[str]) -> tuple[str, ...]:
        """What the sampler that goes on is from."""
        then: Sampler = self.then
        return then.cites(said)

    def uses_past(self) -> bool:
        """Whether the sampler that goes on does."""
        then: Sampler = self.then
        return then.uses_past()


def _complete(space: Space, point: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    """The point with the middle of every range for what is left out, or drawn where that is forbidden."""
    fills = chain([space.center()], iter(lambda: rng.random(len(space)).tolist(), None))
    return fill(space, point, lambda: next(fills))
