"""What a text says of a parameter's range: ``low:high``, ``low:high:log``, ``a|b|c``, or nothing, where it is inferred."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from typing import Any

import click

from ..errors import SpaceError
from ..programs.arguments.configs import SWITCH_WORDS
from ..programs.arguments.flags import Flag
from ..programs.arguments.hints import inferred
from ..space.parameters import Choice, Float, Int
from .echo import echo

SWITCHES = {"true", "false", "boolean"}
"""Kinds of flags that take no value."""


def range_of(flag: Flag, text: str) -> Any:
    """The parameter of a flag whose range is given as text; the program's default is tried first where it is inside.

    An option that is empty, ``|0.1|0.2``, is None, which leaves the flag out.

    Raises:
        UsageError: for a text that says no range of this flag.
    """
    if "|" in text:
        if flag.kind in SWITCHES:
            words = {word.strip().lower() for word in text.split("|")}
            if words not in ({"true", "false"}, {"on", "off"}, {"yes", "no"}, {"1", "0"}):
                raise click.UsageError(
                    f"{_shown(flag)} is on or off, got {text!r}. Write --tune {flag.name}."
                )
            return _switch(flag)
        values = [_value(each, flag) for each in text.split("|")]
        default = flag.default
        if isinstance(default, bool) and flag.truth is not None and default not in values:
            default = flag.truth["true" if default else "false"]
        return Choice(values, prior=values[values.index(default)]) if default in values else Choice(values)
    low, _, rest = text.partition(":")
    high, _, scale = rest.partition(":")
    try:
        bounds = [float(low), float(high)]
    except ValueError:
        bounds = []
    if not bounds or scale not in {"", "log"}:
        raise click.UsageError(f"{_shown(flag)} needs LOW:HIGH, LOW:HIGH:log or a|b, got {text!r}.")
    if flag.kind in {"true", "false", "boolean", "const"} or isinstance(flag.default, bool):
        raise click.UsageError(
            f"{_shown(flag)} is on or off and has no range, got {text!r}. Write --tune {flag.name}."
        )
    if flag.choices:
        options = "|".join(map(str, flag.choices))
        raise click.UsageError(
            f"{_shown(flag)} takes one of {options} and has no range, got {text!r}. Write --tune {flag.name} or {flag.name}={options}."
        )
    fractions = flag.type == "float" or (flag.type != "int" and isinstance(flag.default, float))
    whole = flag.type == "int" or (not fractions and all(_is_int(each) for each in (low, high)))
    if whole and not all(each.is_integer() for each in bounds):
        raise click.UsageError(f"{_shown(flag)} takes whole numbers, got {text!r}.")
    inside = isinstance(flag.default, int | float) and bounds[0] <= flag.default <= bounds[1]
    prior = flag.default if inside else None
    _say_kind(flag, (low, high), whole=whole, fractions=fractions)
    if whole:
        prior = int(prior) if prior is not None and float(prior).is_integer() else None
        return Int(int(bounds[0]), int(bounds[1]), log=scale == "log", prior=prior)
    return Float(bounds[0], bounds[1], log=scale == "log", prior=None if prior is None else float(prior))


def _say_kind(flag: Flag, ends: tuple[str, str], *, whole: bool, fractions: bool) -> None:
    """Say why a range is of whole numbers, or of fractions, where the program does not say it."""
    text = ":".join(ends)
    if whole and flag.type != "int":
        held = f"its default is {flag.default} and " if isinstance(flag.default, int) else ""
        echo(
            f"{flag.name}: whole numbers, as {held}{text} has no point; write {ends[0]}.0:{ends[1]}.0 for fractions.",
            err=True,
        )
    elif fractions and flag.type != "float" and all(_is_int(each) for each in ends):
        echo(
            f"{flag.name}: fractions, as its default is {flag.default}; write options, a|b|c, for whole numbers.",
            err=True,
        )


def options_in_file(place: str, held: Any, text: str) -> Choice:
    """The options ``a|b|c`` of a key of a config file, of the kind that the file holds there; what it holds is tried first.

    Where it holds a text, options are texts. Elsewhere ``null``, ``none`` and nothing are null, numbers are numbers, ``true`` and
    ``false`` are switches, and so are ``yes``, ``no``, ``on`` and ``off`` where it holds one. A list is written ``[64,32]``.

    Raises:
        UsageError: for an option that is no list where the file holds one, for a list that cannot be read, and one option twice.

    Example:
        >>> options_in_file("augment of a.yaml", True, "yes|no"), options_in_file("clip of a.yaml", None, "null|0.5")
        (Choice([True, False], prior=True), Choice([None, 0.5], prior=None))
    """
    values = [_in_file(place, held, word.strip()) for word in text.split("|")]
    try:
        inside = any(type(value) is type(held) and value == held for value in values)
        return Choice(values, prior=held) if inside else Choice(values)
    except SpaceError as error:
        raise click.UsageError(f"{place}: {error}") from None


def _in_file(place: str, held: Any, word: str) -> Any:
    if isinstance(held, str):
        return None if word in {"", "~", "null"} else word
    if word.lower() in {"", "~", "null", "none"}:
        return None
    if word.lower() in {"true", "false"} or (isinstance(held, bool) and word.lower() in SWITCH_WORDS):
        return SWITCH_WORDS[word.lower()]
    if isinstance(held, list) or word.startswith("["):
        return _list_in_file(place, word)
    return _number_or_text(word)


def _list_in_file(place: str, word: str) -> list[Any]:
    """A list as JSON has it."""
    try:
        found = json.loads(word)
    except ValueError:
        found = None
    if not isinstance(found, list):
        raise click.UsageError(f"{place} takes a list, got {word!r}. Write it as JSON has it, [64,32].")
    return found


def _shown(flag: Flag) -> str:
    return flag.name if flag.kind == "assign" else f"--{flag.name}"


def _switch(flag: Flag) -> Choice:
    """On or off, what it is without being given first."""
    return Choice([True, False], prior=bool(flag.default))


def _is_int(text: str) -> bool:
    return text.strip().lstrip("+-").isdigit()


def _value(text: str, flag: Flag) -> Any:
    text = text.strip()
    if not text:
        return None
    if text.lower() in {"true", "false"} and (flag.truth is not None or flag.style is not None):
        return text.lower() == "true"
    if (flag.type is None and flag.options) or flag.type == "str":
        return text
    return _number_or_text(text, (int, float) if flag.type != "float" else (float,))


def _number_or_text(text: str, kinds: Sequence[type[int | float]] = (int, float)) -> Any:
    for kind in kinds:
        with contextlib.suppress(ValueError):
            return kind(text)
    return text


def inferred_of(flag: Flag) -> Any:
    """The parameter of a flag whose range is not given, by its name, default, choices and help; what is taken is said, with the reason.

    Raises:
        UsageError: where nobody can know one.
    """
    found = inferred(flag)
    if found.parameter is None and (flag.kind in SWITCHES or flag.truth is not None):
        echo(f"{flag.name}: on or off, as was asked; {'on' if flag.default else 'off'} first", err=True)
        return _switch(flag)
    if found.parameter is None:
        raise click.UsageError(
            f"{_shown(flag)}: {found.why}. Give its range: --tune {flag.name}=LOW:HIGH or =a|b."
        )
    echo(str(found), err=True)
    return found.parameter
