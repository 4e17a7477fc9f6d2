"""Spaces in files: TOML for those who do not write Python, ``file.py:space`` for those who do."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ..core.errors import SpaceError
from ..core.parameters import Choice, Float, Int, Switch
from ..core.space import Space
from ..engines.objective import load_attribute

_KINDS: dict[str, tuple[str, ...]] = {
    "float": ("low", "high", "log", "step", "prior"),
    "int": ("low", "high", "log", "step", "prior"),
    "choice": ("values", "ordered", "prior"),
    "switch": ("options", "prior"),
}


def read_space(path: str) -> Space | None:
    """A space from ``space.toml`` or ``file.py:name``; None for a Python file without one.

    Raises:
        SpaceError: with the line of the mistake and the nearest name.
    """
    if path.endswith(".toml"):
        return parse(Path(path).read_text("utf-8"), path)
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
    except tomllib.TOMLDecodeError as error:
        raise SpaceError(f"{path}: {error}.") from None
    constraints = tree.pop("constraints", [])
    parameters = {name: _parameter(name, what, text, path) for name, what in tree.items()}
    return Space(parameters, constraints=constraints)


def _parameter(name: str, what: Any, text: str, path: str) -> Any:
    if not isinstance(what, Mapping):
        return tuple(what) if isinstance(what, list) else what
    kind = what.get("type")
    if kind not in _KINDS:
        _wrong(kind or "type", tuple(_KINDS), f"{name} needs a type", text, path, name)
    settings = {key: value for key, value in what.items() if key != "type"}
    for key in settings:
        if key not in _KINDS[str(kind)]:
            _wrong(key, _KINDS[str(kind)], f"{name} has no setting {key!r}", text, path, key)
    try:
        return _make(str(kind), settings, text, path)
    except SpaceError as error:
        raise SpaceError(f"{path}, line {_line(text, name)}: {name}: {error}") from None
    except TypeError:
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
    got = f", got {given!r}" if given not in (where, "type") else ""
    raise SpaceError(f"{path}, line {_line(text, where)}: {what}{got}. {remedy}")


def _line(text: str, name: str) -> int:
    """The first line that mentions a name; good enough to put the cursor there."""
    lines = text.splitlines()
    return next((number for number, line in enumerate(lines, 1) if name in line), 1)
