"""How many distinct points a space has."""

from __future__ import annotations

import math
from collections.abc import Sequence

from .slots import Slot


def size_at(slots: Sequence[Slot], resolution: float = math.inf) -> float:
    """The number of distinct points when every continuous parameter takes ``resolution`` values.

    Example:
        >>> from .parameters import Float, Int
        >>> size_at([Slot("depth", Int(1, 4)), Slot("lr", Float(0, 1))], 10)
        40
    """
    return _size(slots, -1, -1, resolution)


def _size(slots: Sequence[Slot], parent: int, option: int, resolution: float) -> float:
    total: float = 1
    for position, slot in enumerate(slots):
        if slot.parent != parent or option not in slot.options:
            continue
        own = min(slot.parameter.size, resolution) if slot.parameter.size == math.inf else slot.parameter.size
        if any(child.parent == position for child in slots):
            own = sum(_size(slots, position, each, resolution) for each in range(int(own)))
        total *= own
    return total
