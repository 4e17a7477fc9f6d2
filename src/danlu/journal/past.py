"""An earlier study as this study's space shows it: data for samplers, made of one event."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import SpaceError
from ..space.space import INACTIVE, Space
from .columns import active
from .events import Recalled, unpack_points


class Past:
    """What an earlier study has taught.

    Attributes:
        name: the earlier study's.
        units: its points in this study's space, shape (n, d); coordinates that it did not know are in the middle.
        known: the coordinates that all of its points have, where they are active, shape (d,).
        losses: what the points came to there, to be minimized, on a scale of its own, shape (n,).
    """

    __slots__ = ("__weakref__", "known", "losses", "name", "units")

    def __init__(
        self, name: str, units: NDArray[np.float64], known: NDArray[np.bool_], losses: NDArray[np.float64]
    ) -> None:
        self.name = name
        self.units = units
        self.known = known
        self.losses = losses

    def __repr__(self) -> str:
        return f"Past({self.name!r}, {len(self.losses)} trials)"

    @classmethod
    def read(cls, event: Recalled, space: Space) -> Past:
        """What an event keeps, without the points that do not lie in the space as it is now.

        Example:
            >>> from ..space.parameters import Float
            >>> from .events import pack_points
            >>> kept = Recalled("old", "", pack_points([{"x": 2.0}, {"x": 1.0}, {"x": 9.0}]), (0.5, 0.25, 0.0), "", 0.0)
            >>> past = Past.read(kept, Space({"x": Float(0, 4), "y": Float(0, 1)}))
            >>> past.units.tolist(), past.known.tolist(), past.losses.tolist()
            ([[0.5, 0.5], [0.25, 0.5]], [True, False], [0.5, 0.25])
        """
        rows, losses = [], []
        for point, loss in zip(unpack_points(event.points), event.losses, strict=True):
            row = located(space, point)
            if row is not None:
                rows.append(row)
                losses.append(loss)
        units = np.array(rows, dtype=np.float64).reshape(len(rows), len(space))
        missing = np.isnan(units)
        units[missing] = INACTIVE
        needed = active(space.slots, units)
        for position, slot in enumerate(space.slots):
            if slot.parent >= 0:  # nobody knows whether it was active
                needed[:, position] |= missing[:, slot.parent]
        known: NDArray[np.bool_] = ~np.any(missing & needed, axis=0)
        return cls(event.name, units, known, np.array(losses, dtype=np.float64))


def located(space: Space, point: Mapping[str, Any]) -> list[float] | None:
    """The unit point of values by name, NaN where one is not given; None when a value does not lie in the space."""
    row = []
    for slot in space.slots:
        if slot.name not in point:
            row.append(np.nan)
            continue
        try:
            row.append(slot.parameter.encode(slot.parameter.check(slot.name, point[slot.name])))
        except SpaceError:
            return None
    return row
