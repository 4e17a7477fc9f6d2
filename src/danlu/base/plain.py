"""What danlu knows as JSON that every reader accepts: one form for the command line, the page and its report.

JSON has no NaN and no infinities. They become the strings ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``, which ``float`` in
Python and ``Number`` in JavaScript read back.
"""

from __future__ import annotations

import enum
import math
from typing import Any

import msgspec

EXACT = 2**53
"""JavaScript keeps whole numbers below this one exactly; larger ones go to the page as text."""


def plain(value: Any, *, most: float = math.inf) -> Any:
    """Lists, dicts, strings, numbers, booleans and None alone: structs and arrays opened, names of enums in small letters.

    Whole numbers from ``most`` on become text.

    Example:
        >>> plain({"loss": float("nan"), "steps": (1, 2)})
        {'loss': 'NaN', 'steps': [1, 2]}
    """
    if isinstance(value, enum.IntEnum):
        return value.name.lower()
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < most else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else _named(value)
    if isinstance(value, dict):
        return {str(name): plain(item, most=most) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item, most=most) for item in value]
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name), most=most) for name in value.__struct_fields__}
    if hasattr(value, "tolist"):
        return _array(value)
    return str(value)


def as_json(value: Any) -> str:
    """``plain`` as text for eyes and programs.

    Example:
        >>> print(as_json({"best": float("inf")}))
        {
         "best": "Infinity"
        }
    """
    return msgspec.json.format(msgspec.json.encode(plain(value)), indent=1).decode()


def packed(value: Any) -> bytes:
    """``plain`` in as few bytes as there can be, for JavaScript: what it would round is text.

    Example:
        >>> packed([1.5, None, 2**53 + 1])
        b'[1.5,null,"9007199254740993"]'
    """
    return msgspec.json.encode(plain(value, most=EXACT))


def _array(value: Any) -> Any:
    import numpy as np

    whole = np.asarray(value)
    if whole.dtype.kind != "f" or np.isfinite(whole).all():
        return whole.tolist()
    return plain(whole.tolist())


def _named(value: float) -> str:
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
