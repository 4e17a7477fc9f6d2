"""The door to every journal: what could not be read back, folded, exported and imported is refused before it is written.

Every store passes every event through ``written``, so one study can never hold what would close it, or its file.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import msgspec

from ..base.values import LARGEST_INT, shown
from ..errors import KeepError
from . import events as ev

LARGEST_EVENT = 64 * 2**20
"""Bytes that one event may take; what is larger is for ``trial.save`` and ``trial.dir``."""

DEEPEST = 64
"""Lists and dicts may lie so deep in each other."""

LONGEST_NAME = 500
"""Characters of a study's name, or of an operation's; what every database can index."""

_OPEN = (ev.Created, ev.Opened, ev.Reshaped, ev.Enqueued, ev.Suggested, ev.Noted, ev.Judged)
"""Events with values of any shape; the others are numbers and text alone."""

_WHOLE = {"trial": -1, "attempt": 0, "step": 0, "size": 0, "donor": -1, "seen": 0, "seed": 0, "of": -1}
"""The whole numbers of events, each with the least that it may be."""

_ABOUT_ALL = (ev.Noted, ev.Steered, ev.Judged, ev.Tagged)
"""Events that are about the whole study when their trial is -1."""

_READABLE = (bool, int, float, str, bytes, type(None), msgspec.UnsetType)


def written(events: Iterable[tuple[str | None, ev.Event]]) -> list[tuple[str | None, bytes]]:
    """Operations and events as bytes, each of which any danlu can read back and fold.

    Raises:
        KeepError: when one of them cannot be kept: the rule, the value, the remedy.

    Example:
        >>> len(written([("op", ev.Noted(0, {"note": "fine"}, 1.0))]))
        1
        >>> written([(None, ev.Reported(0, 1, 2**63, {"loss": 1.0}, 0.1, 1.0))])
        Traceback (most recent call last):
            ...
        danlu.errors.KeepError: a journal keeps a step from 0 to 2**63 - 1, got step=9223372036854775808.
    """
    return [(_operation(op), _body(event)) for op, event in events]


def healed(event: ev.Event) -> ev.Event:
    """An event of an early journal without the times and costs that no budget can count, which were once let in.

    Example:
        >>> healed(ev.Ended(0, 1, ev.Status.DONE, {}, 1.0, 1.0, cost=math.nan)).cost is None
        True
    """
    wrong: dict[str, Any] = {}
    for name, instead in (("seconds", 0.0), ("cost", None)):
        value = getattr(event, name, 0.0)
        if value is not None and (not _finite(value) or value < 0):
            wrong[name] = instead
    return msgspec.structs.replace(event, **wrong) if wrong else event


def name_of(study: str) -> str:
    """A study's name, if every store can keep it.

    Raises:
        KeepError: when it is empty, too long, or no text that can be written.
    """
    return _text(study, "a study's name")


def _operation(op: str | None) -> str | None:
    return None if op is None else _text(op, "an operation's name")


def _text(text: str, what: str) -> str:
    if not isinstance(text, str) or not 1 <= len(text) <= LONGEST_NAME:
        raise KeepError(f"{what} is text of 1 to {LONGEST_NAME} characters, got {shown(text)}.")
    if "\0" in text or not encodable(text):
        raise KeepError(f"{what} is text without NUL and without half characters, got {shown(text)}.")
    return text


def encodable(text: str) -> bool:
    r"""Whether text can be written as UTF-8: half of a surrogate pair cannot.

    Example:
        >>> encodable("丹炉"), encodable("\udcff")
        (True, False)
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _body(event: ev.Event) -> bytes:
    _numbers(event)
    try:
        if isinstance(event, _OPEN):
            _plain(event, _kind(event), 0)
        body = ev.encode(event)
        ev.decode(body)
    except KeepError:
        raise
    except UnicodeEncodeError as error:
        raise KeepError(
            f"a journal keeps text that can be written as UTF-8, got {error.object!r:.80} in {_kind(event)}. "
            "Replace its half characters: text.encode(errors='replace').decode()."
        ) from None
    except (OverflowError, TypeError, ValueError) as error:  # msgspec's own errors are ValueErrors
        raise KeepError(f"a journal cannot keep {_kind(event)}: {error}.") from None
    if len(body) > LARGEST_EVENT:
        raise KeepError(
            f"a journal keeps up to {LARGEST_EVENT >> 20} MiB an event, and {_kind(event)} has {len(body) >> 20}. "
            "Keep large things with trial.save, or as files in trial.dir."
        )
    return body


def _kind(event: ev.Event) -> str:
    return f"the event {event.__struct_config__.tag!r}"


def _numbers(event: ev.Event) -> None:
    """Hold the numbers that the fold counts with to their ranges."""
    for name in event.__struct_fields__:
        value = getattr(event, name)
        least = _WHOLE.get(name)
        if least is not None:
            if name == "trial" and not isinstance(event, _ABOUT_ALL):
                least = 0
            if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= LARGEST_INT:
                raise KeepError(
                    f"a journal keeps a {name} from {least} to 2**63 - 1, got {name}={shown(value)}."
                )
        elif name == "at":
            if not _finite(value):
                raise KeepError(f"a journal keeps finite times, got at={shown(value)}.")
        elif name in ("seconds", "cost") and (value is not None or name == "seconds"):
            if not _finite(value) or value < 0:
                raise KeepError(
                    f"a journal keeps {name} that are finite and >= 0, got {name}={shown(value)}."
                )
        elif name == "unit" and len(value) % 8:
            raise KeepError(f"a journal keeps points of whole float64 numbers, got {len(value)} bytes.")
        elif name == "params" and value:
            _point(value)
        elif name == "context" and value:
            _plain(value, "a context", 0)
        elif name == "trials" and not all(
            type(number) is int and 0 <= number <= LARGEST_INT for number in value
        ):
            raise KeepError(f"a journal keeps numbers of trials from 0 on, got {shown(value)}.")


def _point(params: bytes) -> None:
    """Hold the values of a point to what every reader understands."""
    try:
        values = ev.unpack_params(params)
    except (msgspec.DecodeError, RecursionError) as error:
        raise KeepError(f"a journal keeps values by name, got bytes that are none: {error}.") from None
    _plain(values, "a point", 0)


def _finite(value: Any) -> bool:
    return isinstance(value, int | float) and -LARGEST_INT <= value <= LARGEST_INT and math.isfinite(value)


def _plain(value: Any, where: str, depth: int) -> None:
    """Hold values of any shape to what every reader understands: JSON's kinds, and bytes."""
    if depth > DEEPEST:
        raise KeepError(
            f"a journal keeps lists and dicts up to {DEEPEST} deep in each other, {where} is deeper."
        )
    if isinstance(value, dict):
        for name, item in value.items():
            if not isinstance(name, str):
                raise KeepError(f"a journal keeps dicts whose keys are text, got {shown(name)} in {where}.")
            _plain(item, where, depth + 1)
    elif isinstance(value, list | tuple):
        for item in value:
            _plain(item, where, depth + 1)
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            _plain(getattr(value, name), where, depth)
    elif not isinstance(value, _READABLE):
        raise KeepError(
            f"a journal keeps None, bools, numbers, text, lists and dicts, got {shown(value)} in {where}."
        )
    elif type(value) is int and abs(value) > LARGEST_INT:
        raise KeepError(
            f"a journal keeps whole numbers below 2**63, got {shown(value)} in {where}. Keep it as text or as a float."
        )
