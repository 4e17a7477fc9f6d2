"""A sweep of another tool as plain data: what ``danlu run`` hands to ``tune``, and what it says about the file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from .distributions import Distribution


class Rungs(msgspec.Struct, frozen=True):
    """Where trials are compared: at ``low`` times powers of ``factor``; those below the best one in ``factor`` end there.

    ``high`` is the step at which nobody is compared any more.
    """

    low: int
    high: int
    factor: float


class Sweep(msgspec.Struct, frozen=True):
    """A sweep file.

    Attributes:
        name: of the study, '' when the file has none.
        space: parameters by full name.
        metric: its name; '' when the file has none.
        maximize: which way it goes.
        target: the value that ends the sweep.
        trials: how many; None when the file does not say.
        sampler: by danlu's name.
        rungs: where trials are ended early; None for nowhere.
        shapes: distributions that are not uniform over what danlu searches, by parameter.
        said: sentences about what is read otherwise than a reader of the file may think.
    """

    name: str
    space: dict[str, Any]
    metric: str = ""
    maximize: bool = False
    target: float | None = None
    trials: int | None = None
    sampler: str = "auto"
    rungs: Rungs | None = None
    shapes: dict[str, Distribution] = {}
    said: tuple[str, ...] = ()

    def drawn(self, count: int, seed: int = 0) -> list[dict[str, Any]]:
        """Points of the file's own distributions, for a random search; of uniform ones nothing, as danlu draws those itself.

        Args:
            count: how many, at least 0.
            seed: the same seed gives the same points, more of them when ``count`` is larger.

        Example:
            >>> from danlu import Float
            >>> sweep = Sweep("s", {"x": Float(-3, 3)}, shapes={"x": Distribution("normal", 0.0, 1.0)})
            >>> sweep.drawn(2) == sweep.drawn(3)[:2], sweep.drawn(2, seed=1) == sweep.drawn(2)
            (True, False)
        """
        if not self.shapes:
            return []
        rng = np.random.default_rng(seed)
        return [
            {name: shape.within(self.space[name], float(rng.random())) for name, shape in self.shapes.items()}
            for _ in range(count)
        ]


def listed(words: Sequence[str]) -> str:
    """Words as a sentence lists them.

    Example:
        >>> listed(["a"]), listed(["a", "b", "c"])
        ('a', 'a, b and c')
    """
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
