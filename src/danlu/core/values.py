"""What a parameter may be worth, and in which form: plain Python values that any journal keeps exactly."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

from .errors import SpaceError

Value: TypeAlias = Any
"""A value of a parameter: None, bool, int, float, str, or a tuple of values."""

LARGEST_INT = 2**63 - 1
"""The largest integer that msgpack and SQLite keep exactly."""


def typed_key(value: Value) -> tuple[str, Any]:
    """A key that tells ``1``, ``1.0``, ``True`` and ``-0.0`` apart.

    Example:
        >>> typed_key(1) == typed_key(True)
        False
    """
    kind = type(value)
    if kind is tuple:
        return ("tuple", tuple(typed_key(item) for item in value))
    return ("float", value.hex()) if kind is float else (kind.__name__, value)


def unboxed(value: Value) -> Value:
    """A numpy scalar as Python's own number; anything else as it is.

    Example:
        >>> unboxed(3)
        3
    """
    scalar = type(value).__module__ == "numpy" and getattr(value, "ndim", 1) == 0
    return value.item() if scalar and hasattr(value, "item") else value


def real(value: Any) -> float | None:
    """A real number as a float, one-element arrays and tensors opened; None for anything else.

    Example:
        >>> real(3), real(True), real("3")
        (3.0, None, None)
    """
    if hasattr(value, "item") and not isinstance(value, int | float):
        try:
            value = value.item()
        except (ValueError, RuntimeError, TypeError):
            return None
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def literal(value: Value) -> Value:
    """``value`` in the form a journal gives back: numpy scalars as Python's, lists as tuples.

    Raises:
        SpaceError: when no journal can keep the value exactly.

    Example:
        >>> literal([1, [2.5, None]])
        (1, (2.5, None))
    """
    if isinstance(value, list | tuple):
        return tuple(literal(item) for item in value)
    value = unboxed(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise SpaceError(f"Choice needs finite numbers, got {value!r}. Use None or a string for it.")
    if isinstance(value, int) and abs(value) > LARGEST_INT:
        raise SpaceError(f"Choice needs integers below 2**63, got {value!r}. Use a string for it.")
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise SpaceError(
        f"Choice needs options that are None, bools, numbers, strings or tuples of them, got {value!r}. "
        "Use a name for it and look the name up in the objective."
    )
