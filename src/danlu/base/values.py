"""What a parameter may be worth, and in which form: plain Python values that any journal keeps exactly."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, TypeAlias

from ..errors import SpaceError

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
    if kind is tuple or kind is list:
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
    """A real number as a float; None for anything else, bools and text included.

    One-element arrays and tensors are opened wherever they live, and what says that it is a number (``Decimal``,
    ``Fraction``, anything with ``__float__``) is taken at its word.

    Example:
        >>> real(3), real(True), real("3")
        (3.0, None, None)
    """
    if type(value) in (float, int):
        return _float(value)
    if hasattr(value, "item") and not isinstance(value, int | float):
        masked = getattr(getattr(value, "mask", None), "any", None)  # pandas has a method of that name
        if masked is not None and masked():  # numpy would make 0.0 of what is masked
            return None
        try:
            value = value.item()
        except (ValueError, RuntimeError, TypeError):
            return None
    if isinstance(value, bool | str | bytes | complex) or not hasattr(type(value), "__float__"):
        return None
    return _float(value)


def _float(value: Any) -> float | None:
    """What ``float`` makes of it; a whole number beyond any float is infinite, as it is for numpy."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    except (ValueError, RuntimeError, TypeError):
        return None


def shape(value: Value) -> str:
    """One letter for each list (``l``) and tuple (``t``) of a value, outermost first; '' where there is no list.

    A journal keeps both as arrays; with this beside it, ``shaped`` tells them apart again.

    Example:
        >>> shape([(1, 2), [3]]), shape((1, 2)), shape("a")
        ('ltl', '', '')
    """
    try:
        letters = _letters(value)
    except RecursionError:
        raise SpaceError(f"a value has lists some levels deep in each other, got {shown(value)}.") from None
    return letters if "l" in letters else ""


def shaped(value: Value, letters: str) -> Value:
    """A fresh value with its lists and tuples as ``letters`` of ``shape`` have them; without letters all are tuples.

    Example:
        >>> shaped(((1, 2), (3,)), "ltl")
        [(1, 2), [3]]
    """
    return _build(value, iter(letters))


def _letters(value: Value) -> str:
    if not isinstance(value, list | tuple):
        return ""
    return ("l" if isinstance(value, list) else "t") + "".join(map(_letters, value))


def _build(value: Value, letters: Iterator[str]) -> Value:
    if not isinstance(value, list | tuple):
        return value
    kind = list if next(letters, "t") == "l" else tuple
    return kind([_build(item, letters) for item in value])


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
        raise SpaceError(f"Choice needs finite numbers, got {shown(value)}. Use None or a string for it.")
    if isinstance(value, int) and abs(value) > LARGEST_INT:
        raise SpaceError(f"Choice needs integers below 2**63, got {shown(value)}. Use a string for it.")
    if value is None or type(value) in (bool, int, float, str):
        return value
    raise SpaceError(
        f"a value has to be None, a bool, a number, a string or a list of them, got {shown(value)}."
    )


def fresh(thing: Any) -> Any:
    """A thing for one trial to have: lists, dicts and sets, to any depth, are its own, all else is the thing itself.

    Example:
        >>> one = {"widths": [64, 32]}
        >>> fresh(one) == one, fresh(one)["widths"] is one["widths"]
        (True, False)
    """
    if type(thing) is dict:
        return {name: fresh(item) for name, item in thing.items()}
    if type(thing) in (list, tuple, set):
        return type(thing)(fresh(item) for item in thing)
    return thing


def label(thing: Any) -> str:
    """A name for a thing that no journal can keep: its own name where it has one, else what it prints as.

    Example:
        >>> label(math.sqrt), label(range(3))
        ('sqrt', 'range(0, 3)')
    """
    named = getattr(thing, "__name__", None) or getattr(thing, "name", None)
    return named if isinstance(named, str) and named else str(thing)[:60]


def shown(value: Any, most: int = 80) -> str:
    """What a value prints as, in ``most`` characters at most; never an error, whatever it is.

    Example:
        >>> shown("a" * 100, 12), shown(10**5000)
        ("'aaaaaaaa...", 'a whole number of 16610 bits')
    """
    if isinstance(value, int) and value.bit_length() > 200:
        return f"a whole number of {value.bit_length()} bits"
    try:
        text = repr(value)
    except Exception:  # a repr of the user's own may raise anything
        text = f"a {type(value).__name__}"
    return text if len(text) <= most else f"{text[: most - 3]}..."


def legible(text: str) -> str:
    r"""Text that can be written: what is not UTF-8 as its escape.

    Example:
        >>> legible("caf\udce9")
        'caf\\udce9'
    """
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()
