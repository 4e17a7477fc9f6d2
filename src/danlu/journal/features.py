"""From unit points to what a model sees, and the moves that are possible around a point.

Ordered coordinates stand as they are; an unordered choice becomes one column an option, divided by
sqrt(2) so that two different options are at distance 1; a coordinate that is not active is in the
middle of its range, and an unordered one in the middle of its options. Which parameters are active
follows from the switches, which are columns themselves; where running code decides it (parameters
drawn by name), an activity column says so.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..space.parameters import Choice, Float, Int, levels
from ..space.space import INACTIVE, Space
from .columns import active

Floats = NDArray[np.float64]

WARPABLE = 4
"""An ordered parameter with more values than this may be warped by a model."""


class Features(NamedTuple):
    """How the points of a space are shown to a model.

    Attributes:
        groups: which slot (or activity) each column shows, shape (p,).
        warped: the columns that a model may warp.
        columns: for each slot its first column, and how many it has.
        smooth: the slots that may be moved along a gradient.
        discrete: for each other slot, the unit coordinates of its values (few of them).
    """

    space: Space
    groups: NDArray[np.int64]
    warped: NDArray[np.int64]
    columns: tuple[tuple[int, int], ...]
    smooth: NDArray[np.int64]
    discrete: dict[int, Floats]

    def of(self, units: Floats, mask: NDArray[np.bool_]) -> Floats:
        """Features of unit points (n, d) with their activity mask, shape (n, p)."""
        out = np.empty((len(units), len(self.groups)))
        for position, (start, width) in enumerate(self.columns):
            column = units[:, position]
            if width == 1:
                out[:, start] = column
                continue
            taken = np.minimum(width - 1, (column * width).astype(np.int64))
            hot = np.eye(width)[taken]
            hot[~mask[:, position]] = 1.0 / width
            out[:, start : start + width] = hot / math.sqrt(2.0)
        extra = sum(width for _, width in self.columns)
        for offset, position in enumerate(_revealed(self.space)):
            out[:, extra + offset] = mask[:, position]
        return out

    def snap(self, units: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """The canonical points nearest to ``units``, and which of their coordinates are active."""
        snapped = np.clip(units, 0.0, 1.0)
        for position, slot in enumerate(self.space.slots):
            snapped[:, position] = _snap(slot.parameter, snapped[:, position])
        mask = active(self.space.slots, snapped)
        snapped[~mask] = INACTIVE
        return snapped, mask


def features(space: Space, few: int = 24, *, warp: bool = False) -> Features:
    """The features of a space; ordered parameters of more than ``few`` values are moved along gradients.

    With ``warp`` a model may warp the ordered ones of more than four values.

    Example:
        >>> features(Space({"x": Float(0, 1), "c": Choice(["a", "b", "c"])})).groups.tolist()
        [0, 1, 1, 1]
    """
    groups: list[int] = []
    columns, smooth, warped = [], [], []
    discrete: dict[int, Floats] = {}
    for position, slot in enumerate(space.slots):
        parameter = slot.parameter
        spread = isinstance(parameter, Choice) and not parameter.ordered
        width = int(parameter.size) if spread else 1
        columns.append((len(groups), width))
        if warp and width == 1 and parameter.size > WARPABLE:
            warped.append(len(groups))
        groups += [position] * width
        if parameter.size > few and width == 1:
            smooth.append(position)
        else:
            discrete[position] = np.unique(_snap(parameter, np.array(levels(parameter))))
    for number, _ in enumerate(_revealed(space)):
        groups.append(len(space) + number)
    whole = [np.array(each, dtype=np.int64) for each in (groups, warped, smooth)]
    return Features(space, whole[0], whole[1], tuple(columns), whole[2], discrete)


def _revealed(space: Space) -> list[int]:
    return [position for position, slot in enumerate(space.slots) if slot.revealed]


def _snap(parameter: Float | Int | Choice, column: NDArray[Any]) -> Floats:
    """The coordinates of the values that own these coordinates."""
    size = parameter.size
    if size == math.inf:
        return column
    if isinstance(parameter, Float):
        return np.round(column * (size - 1)) / (size - 1)
    if isinstance(parameter, Int) and parameter.log:
        decode, encode = parameter.decoder(), parameter.encoder()
        return np.array([encode(decode(unit)) for unit in column.tolist()])
    return (np.minimum(size - 1, np.floor(column * size)) + 0.5) / size
