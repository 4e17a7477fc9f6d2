"""What danlu knows as JSON that every reader accepts: one form for the command line, the page and its report.

JSON has no NaN and no infinities. They become the strings ``"NaN"``, ``"Infinity"`` and ``"-Infinity"``, which ``float`` in
Python and ``Number`` in JavaScript read back.
"""

from __future__ import annotations

import enum
import math
from typing import Any

import msgspec


def plain(value: Any) -> Any:
    """Lists, dicts, strings, numbers, booleans and None alone: structs and arrays opened, names of enums in small letters.

    Example:
        >>> plain({"loss": float("nan"), "steps": (1, 2)})
        {'loss': 'NaN', 'steps': [1, 2]}
    """
    if isinstance(value, enum.IntEnum):
        return value.name.lower()
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else _named(value)
    if isinstance(value, dict):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    if isinstance(value, msgspec.Struct):
        return {name: plain(getattr(value, name)) for name in value.__struct_fields__}
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
    return msgspec.json.format(packed(value), indent=1).decode()


def packed(value: Any) -> bytes:
    """``plain`` in as few bytes as there can be.

    Example:
        >>> packed([1.5, None])
        b'[1.5,null]'
    """
    return msgspec.json.encode(plain(value))


def _array(value: Any) -> Any:
    import numpy as np

    whole = np.asarray(value)
    if whole.dtype.kind != "f" or np.isfinite(whole).all():
        return whole.tolist()
    return plain(whole.tolist())


def _named(value: float) -> str:
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
