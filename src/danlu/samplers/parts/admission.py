"""The gate every proposal passes: snapped to values, allowed by the constraints, and not tried before.

A finite space without noise has nothing to gain from a second look at the same point (invariant 12),
so points that are in the history are passed over there until every one of them has been tried.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator

import numpy as np
from numpy.typing import NDArray

from ...contracts.protocols import View
from ...errors import Exhausted, SpaceError
from ...space.feasible import blame, meet
from ...space.parameters import Leaf, levels
from ...space.space import Space, pack_unit

TRIES = 10_000
"""Proposals before one that was tried already is given again."""

RARE = 1_000
"""Proposals in a row that constraints may refuse before an allowed point is searched for near the next ones."""

NEAR = 30
"""Proposals that are looked near for a point that is new."""

ENUMERABLE = 20_000
"""Spaces up to this size are enumerated when drawing at random keeps meeting old points."""


def admit(view: View, propose: Callable[[], list[float]], k: int) -> NDArray[np.float64]:
    """``k`` points from ``propose`` that are allowed and new, shape (k, d).

    Raises:
        Exhausted: when a finite space has no untried point left.
        SpaceError: when the constraints refuse everything proposed, and no allowed point is found.
    """
    space = view.space
    finite = space.size < math.inf
    if not finite and not space.constraints:
        return np.array([propose() for _ in range(k)]).reshape(k, len(space))
    taken = Tried(view.history.columns.seen if finite else set())
    points: list[list[float]] = []
    for _ in range(k):
        point = _draw(space, taken, propose)
        taken.more.add(pack_unit(point))
        points.append(point)
    return np.array(points).reshape(k, len(space))


class Tried:
    """The points of the history and those proposed beside them, without copying the history."""

    def __init__(self, seen: Collection[bytes]) -> None:
        self.seen = seen
        self.more: set[bytes] = set()

    def __contains__(self, point: bytes) -> bool:
        return point in self.seen or point in self.more

    def __len__(self) -> int:
        return len(self.seen) + len(self.more)


def combinations(space: Space, resolution: int | None = None) -> Iterator[list[float]]:
    """Every distinct point of a space once, constraints applied, in a fixed order.

    ``resolution`` says how many values a continuous parameter is given; without it the space has to
    be finite. Inactive parameters are not multiplied out.
    """
    grids = [_grid(slot.parameter, resolution) for slot in space.slots]
    for point in _product(space, grids, [], []):
        values = space.decode(point)
        if space.constraints.hold(values):
            yield space.encode(values)


def _draw(space: Space, taken: Tried, propose: Callable[[], list[float]]) -> list[float]:
    refused = 0
    for tried in range(TRIES):
        point, values = space.snap(propose())
        if not space.constraints.hold(values):
            refused += 1
        elif pack_unit(point) not in taken:
            return point
        elif space.size <= ENUMERABLE and len(taken) * 2 > space.size:
            break
        if refused == RARE == tried + 1:
            break
    if space.size <= ENUMERABLE:
        return _remaining(space, taken, propose)
    return _near(space, taken, propose) if refused == RARE else point


def _near(space: Space, taken: Tried, propose: Callable[[], list[float]]) -> list[float]:
    """An allowed point near a proposal where hardly any is allowed."""
    for _ in range(NEAR):
        point = meet(space, propose())
        if space.size == math.inf or pack_unit(point) not in taken:
            break
    return point


def _remaining(space: Space, taken: Tried, propose: Callable[[], list[float]]) -> list[float]:
    """One of the untried points, chosen by where a proposal falls among them."""
    rest = [point for point in combinations(space) if pack_unit(point) not in taken]
    if not rest and not len(taken):
        raise SpaceError(
            f"the constraints allow none of the {int(space.size)} configurations of the space. {blame(space)}"
        )
    if not rest:
        raise Exhausted("every configuration of the space has been tried.")
    share = propose()[0] if len(space) else 0.0
    return rest[min(len(rest) - 1, int(share * len(rest)))]


def _grid(parameter: Leaf, resolution: int | None) -> list[float]:
    if parameter.size < math.inf:
        return levels(parameter)
    if resolution is None:
        raise SpaceError("a continuous parameter needs a resolution to be enumerated. Give one, or a step.")
    return [position / max(1, resolution - 1) for position in range(resolution)]


def _product(
    space: Space, grids: list[list[float]], point: list[float], taken: list[int]
) -> Iterator[list[float]]:
    position = len(point)
    if position == len(grids):
        yield point
        return
    slot = space.slots[position]
    if slot.parent >= 0 and taken[slot.parent] not in slot.options:
        yield from _product(space, grids, [*point, 0.5], [*taken, -1])
        return
    for option, level in enumerate(grids[position]):
        yield from _product(space, grids, [*point, level], [*taken, option])
