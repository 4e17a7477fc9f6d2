"""Spaces in files: TOML for those who do not write Python, ``file.py:space`` for those who do."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ..base.values import shown
from ..engines.objective import load_attribute
from ..errors import SpaceError
from ..space.parameters import Choice, Float, Int, Switch
from ..space.space import Space

_KINDS: dict[str, tuple[str, ...]] = {
    "float": ("low", "high", "log", "step", "prior"),
    "int": ("low", "high", "log", "step", "prior"),
    "choice": ("values", "ordered", "prior"),
    "switch": ("options", "prior"),
}

_FORMS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "log": ("true or false", lambda value: isinstance(value, bool)),
    "ordered": ("true or false", lambda value: isinstance(value, bool)),
    "step": ("a number", lambda value: isinstance(value, int | float) and not isinstance(value, bool)),
    "values": ("a list, or a table of names", lambda value: isinstance(value, list | dict)),
    "options": (
        "a table of tables, {a = {}, b = {}}",
        lambda value: isinstance(value, dict) and all(isinstance(each, dict) for each in value.values()),
    ),
}
"""What settings look like, where a wrong form would come to something else than a sentence."""


def read_space(path: str) -> Space | None:
    """A space from ``space.toml`` or ``file.py:name``; None for a Python file without one.

    Raises:
        SpaceError: with the line of the mistake and the nearest name.
    """
    if path.endswith(".toml"):
        return parse(_text(path), path)
    found = load_attribute(path)
    return found if isinstance(found, Space) else Space(found)


def parse(text: str, path: str = "space.toml") -> Space:
    """A space from TOML.

    Example:
        >>> parse('lr = {type = "float", low = 1e-5, high = 0.1, log = true}').names
        ('lr',)
    """
    try:
        tree = tomllib.loads(text)
    except RecursionError:
        raise SpaceError(f"{path}: lists or tables lie too deep in each other.") from None
    except ValueError as error:  # TOML's own, and Python's about numbers of thousands of digits
        raise SpaceError(f"{path}: {error}.") from None
    constraints = tree.pop("constraints", [])
    if not isinstance(constraints, list) or not all(isinstance(each, str) for each in constraints):
        raise SpaceError(
            f'{path}, line {_line(text, "constraints")}: constraints needs a list of text, ["a < b"], got {shown(constraints)}.'
        )
    parameters = {name: _parameter(name, what, text, path) for name, what in tree.items()}
    return Space(parameters, constraints=constraints)


def _text(path: str) -> str:
    """What is in a file.

    Raises:
        SpaceError: when it cannot be read, or is no text.
    """
    try:
        return Path(path).read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise SpaceError(
            f"{path} is no UTF-8 text: {error.reason} at byte {error.start}. Save it as UTF-8."
        ) from None
    except OSError as error:
        raise SpaceError(f"{path} cannot be read: {error.strerror}.") from None


def _parameter(name: str, what: Any, text: str, path: str) -> Any:
    if not isinstance(what, Mapping):
        return tuple(what) if isinstance(what, list) else what
    kind = what.get("type")
    if not isinstance(kind, str) or kind not in _KINDS:
        _wrong(kind or "type", tuple(_KINDS), f"{name} needs a type", text, path, name)
    settings = {key: value for key, value in what.items() if key != "type"}
    for key in settings:
        if key not in _KINDS[str(kind)]:
            _wrong(key, _KINDS[str(kind)], f"{name} has no setting {key!r}", text, path, key)
    for key, value in settings.items():
        form, fits = _FORMS.get(key, ("", lambda _: True))
        if not fits(value):
            raise SpaceError(
                f"{path}, line {_line(text, key)}: {name} needs {key} to be {form}, got {shown(value)}."
            )
    try:
        return _make(str(kind), settings, text, path)
    except SpaceError as error:
        raise SpaceError(f"{path}, line {_line(text, name)}: {name}: {error}") from None
    except (KeyError, TypeError):
        needed = "values" if kind == "choice" else "options" if kind == "switch" else "low and high"
        raise SpaceError(f"{path}, line {_line(text, name)}: {name} needs {needed}.") from None


def _make(kind: str, settings: dict[str, Any], text: str, path: str) -> Any:
    if kind == "float":
        return Float(**settings)
    if kind == "int":
        return Int(**settings)
    if kind == "choice":
        return Choice(**settings)
    inner = {
        tuple(option.split("|")) if "|" in option else option: {
            name: _parameter(name, what, text, path) for name, what in options.items()
        }
        for option, options in settings.pop("options").items()
    }
    return Switch(inner, **settings)


def _wrong(given: Any, known: tuple[str, ...], what: str, text: str, path: str, where: str) -> None:
    near = get_close_matches(str(given), known, n=1, cutoff=0.4)
    remedy = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(known)}."
    got = f", got {shown(given)}" if given not in (where, "type") else ""
    raise SpaceError(f"{path}, line {_line(text, where)}: {what}{got}. {remedy}")


def _line(text: str, name: str) -> int:
    """The first line that mentions a name; good enough to put the cursor there."""
    lines = text.splitlines()
    return next((number for number, line in enumerate(lines, 1) if name in line), 1)
