"""A space that code reveals as it runs: one more parameter, or a wider range of a known one."""

from __future__ import annotations

import math

import msgspec

from ..errors import SpaceError
from .parameters import Float, Int, Leaf
from .slots import Slot
from .space import Space


def reveal(space: Space, name: str, parameter: Leaf) -> Space:
    """A space with one more parameter, or with the range of a known one widened to fit.

    Raises:
        SpaceError: when it is known as another kind of parameter.

    Example:
        >>> reveal(Space({"lr": Float(0, 1)}), "lr", Float(0.5, 2)).slots[0].parameter.high
        2.0
    """
    slots = list(space.slots)
    if name in space.names:
        position = space.names.index(name)
        merged = _union(name, slots[position].parameter, parameter)
        slots[position] = msgspec.structs.replace(slots[position], parameter=merged)
    else:
        slots.append(Slot(name, parameter, revealed=True))
    spec = msgspec.structs.replace(space.spec, slots=tuple(slots))
    return Space.from_spec(spec, constraints=space.constraints)


def _union(name: str, known: Leaf, asked: Leaf) -> Leaf:
    if known == asked:
        return known
    same_kind = (isinstance(known, Float) and isinstance(asked, Float)) or (
        isinstance(known, Int) and isinstance(asked, Int)
    )
    if not same_kind or known.log != asked.log or known.step != asked.step:  # type: ignore[union-attr]
        raise SpaceError(
            f"{name} was {known!r} before and is {asked!r} now. "
            "Only the bounds of a Float or Int may move; use another name."
        )
    bounds = (known, asked)
    low = min(p.low for p in bounds)  # type: ignore[union-attr]
    high = max(p.high for p in bounds)  # type: ignore[union-attr]
    return msgspec.structs.replace(known, low=low, high=high) if math.isfinite(high - low) else known
