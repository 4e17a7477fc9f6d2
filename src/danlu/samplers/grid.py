"""Exhaustive search: every combination of a finite space exactly once, in a fixed order.

Options of a switch are not multiplied with the parameters of other options, so the grid is as small
as the space really is. A continuous parameter takes a resolution.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Collection
from itertools import islice
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from ..base.answering import Settings
from ..contracts.protocols import BaseSampler, Problem, View
from ..errors import BudgetError, Exhausted, SettingError
from ..journal.history import History
from ..journal.trial import Trial
from ..space.size import size_at
from ..space.space import Space, pack_unit
from .parts.admission import combinations


class Grid(BaseSampler, Settings, frozen=True):
    """All combinations, once each; refuses a grid that is larger than the budget of trials.

    Args:
        resolution: how many values a continuous parameter is given, ends included (at least 2).

    Raises:
        BudgetError: from ``init``, with the size of the grid.

    Example:
        >>> import danlu
        >>> space = {"a": danlu.Int(1, 3), "b": danlu.Choice(["x", "y"])}
        >>> len(danlu.tune(lambda t: t["a"], space, sampler=danlu.samplers.Grid(), trials=10).trials)
        6
    """

    resolution: int | None = None

    def __post_init__(self) -> None:
        if self.resolution is not None and self.resolution < 2:
            raise SettingError(f"Grid needs resolution >= 2, got {self.resolution!r}. Use a fixed value.")

    def init(self, problem: Problem) -> None:
        """Check that the grid is finite and fits the budget."""
        continuous = [slot.name for slot in problem.space.slots if slot.parameter.size == math.inf]
        if continuous and self.resolution is None:
            raise BudgetError(
                f"Grid needs a finite space, {', '.join(continuous)} is continuous. "
                "Give the parameter a step, or write Grid(resolution=5)."
            )
        budget = problem.budget.trials
        size = None if budget is None else _size(problem.space, self.resolution, budget)
        if size is not None:
            raise BudgetError(
                f"the grid has {size} combinations, the budget is {budget} trials. "
                "Raise trials, use fewer values, or another sampler."
            )

    def tell(self, state: None, trial: Trial) -> None:
        """Nothing to learn."""

    def ask(self, state: None, view: View, rng: np.random.Generator, k: int) -> NDArray[np.float64]:
        """The next combinations that are not in the history."""
        walk = _walks.setdefault(view.history, {}).setdefault(
            (view.space, self, len(view.history.rows.aside)), Walk(view, self)
        )
        points = walk.peek(view.history.columns.seen, k)
        if not points:
            raise Exhausted("every combination of the grid has been tried.")
        return np.array(points).reshape(len(points), len(view.space))


class Walk:
    """How far the combinations have been walked for one history: a memo, never the truth."""

    def __init__(self, view: View, grid: Grid) -> None:
        self._points = combinations(view.space, grid.resolution)
        self._ahead: deque[list[float]] = deque()

    def peek(self, seen: Collection[bytes], k: int) -> list[list[float]]:
        """The next ``k`` combinations not seen; they stay ahead until they are."""
        kept = deque(point for point in self._ahead if pack_unit(point) not in seen)
        while len(kept) < k and (point := next(self._points, None)) is not None:
            if pack_unit(point) not in seen:
                kept.append(point)
        self._ahead = kept
        return list(kept)[:k]


_walks: WeakKeyDictionary[History, dict[tuple[Space, Grid, int], Walk]] = WeakKeyDictionary()


def _size(space: Space, resolution: int | None, cap: int) -> str | None:
    """The number of combinations in words when it is above ``cap``; constraints are counted out."""
    if not space.constraints:
        whole = space.size if resolution is None else size_at(space.slots, resolution)
        return f"{whole:,.0f}" if whole > cap else None
    points = combinations(space, resolution)
    counted = sum(1 for _ in islice(points, cap + 1))
    return f"more than {cap:,}" if counted > cap else None
