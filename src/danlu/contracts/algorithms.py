"""Algorithms as plain data: a study's journal keeps what it was set up with, and whoever joins it reads that.

Classes of the tables of names are made of stored data by name and by keyword. A class of another package is kept by its place, and made
only where whoever reads trusts that place, so a journal that somebody else wrote cannot have code run.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any

import msgspec

from ..base.names import RENAMED, SAMPLERS, SCHEDULERS, find
from ..errors import SettingError

_TABLES = {"danlu.sampler": SAMPLERS, "danlu.scheduler": SCHEDULERS}
_NAMES = {home: (key, name) for key, table in _TABLES.items() for name, home in table.items()}


def written(algorithm: Any) -> dict[str, Any]:
    """A sampler or scheduler as plain data; one that cannot be made of its fields, or holds a function, only as text to show.

    One of another package is a frozen msgspec struct or a dataclass whose module can be imported.

    Example:
        >>> from ..schedulers.asha import ASHA
        >>> written(ASHA(low=1, high=9))
        {'danlu.scheduler': 'asha', 'low': 1, 'high': 9}
        >>> written(ASHA) == {"shown": repr(ASHA)}
        True
    """
    try:
        plain = _plain(algorithm)
    except SettingError:
        plain = None
    return plain if isinstance(plain, dict) and plain.keys() & _TABLES.keys() else {"shown": repr(algorithm)}


def read(data: Mapping[str, Any], noun: str, trusts: Callable[[str], bool] = lambda _: False) -> Any:
    """The sampler or scheduler that ``written`` wrote.

    Args:
        data: as it stands in a journal.
        noun: ``"sampler"`` or ``"scheduler"``.
        trusts: whether a class of another package, ``"package.module:Class"``, may be imported and made.

    Raises:
        SettingError: for one that was only shown, that this danlu does not know, or that is not trusted.

    Example:
        >>> read({"danlu.scheduler": "asha", "low": 1, "high": 9}, "scheduler")
        ASHA(low=1, high=9, factor=3.0, brackets=1, promote=False)
    """
    if f"danlu.{noun}" not in data:
        raise SettingError(
            f"the study's {noun} is {data.get('shown', 'unknown')}, which cannot be made from a journal. Name it: {noun}=..., or "
            "have it be a frozen msgspec struct or dataclass of plain settings in a module of its own."
        )
    try:
        made = _made(data, trusts)
    except SettingError:
        raise
    except (TypeError, ValueError) as error:
        raise SettingError(
            f"the study's {noun} cannot be made of its journal: {error}. Name it: {noun}=..."
        ) from error
    return made


def _plain(value: Any) -> Any:
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    home = f"{type(value).__module__}:{type(value).__qualname__}"
    key, name = _NAMES[home] if home in _NAMES else (_foreign(value, home), home)
    return {key: name, **{field: _plain(item) for field, item in _changed(value).items()}}


def _changed(value: Any) -> dict[str, Any]:
    """The fields of a struct or dataclass that are not at their defaults."""
    if isinstance(value, msgspec.Struct):
        defaults = {field.name: field.default for field in msgspec.structs.fields(value)}
    else:
        defaults = {field.name: field.default for field in dataclasses.fields(value) if field.init}
    held = {name: getattr(value, name) for name in defaults}
    return {name: item for name, item in held.items() if item is not defaults[name]}


def _foreign(value: Any, home: str) -> str:
    """The key of an algorithm of another package.

    Raises:
        SettingError: when it is none that could be made again of its fields.
    """
    noun = (
        "sampler"
        if callable(getattr(value, "ask", None))
        else "scheduler"
        if callable(getattr(value, "judge", None))
        else ""
    )
    fielded = isinstance(value, msgspec.Struct) or dataclasses.is_dataclass(value)
    if not noun or not fielded or _imported(home) is not type(value):
        raise SettingError(f"{value!r} cannot be kept in a journal.")
    return f"danlu.{noun}"


def _imported(home: str) -> Any:
    """What ``"package.module:Class"`` is here; None where there is no such class at the top of a module that can be imported."""
    module, _, name = home.partition(":")
    if module == "__main__" or not name.isidentifier():
        return None
    try:
        return getattr(import_module(module), name, None)
    except ImportError:
        return None


def _made(value: Any, trusts: Callable[[str], bool]) -> Any:
    if isinstance(value, list | tuple):
        return tuple(_made(item, trusts) for item in value)
    if not isinstance(value, Mapping):
        return value
    key = next((key for key in _TABLES if key in value), None)
    settings = {str(name): _made(item, trusts) for name, item in value.items() if name != key}
    if key is None:
        return settings
    if ":" in str(value[key]):
        return _class_of(str(value[key]), key.partition(".")[2], trusts)(**settings)
    words = RENAMED.get(f"{key} {value[key]}", {})
    settings = {words.get(name, name): item for name, item in settings.items()}
    return find(_TABLES[key], key.partition(".")[2], str(value[key]))(**settings)


def _class_of(home: str, noun: str, trusts: Callable[[str], bool]) -> Any:
    """The class of another package that a journal names, where that is trusted.

    Raises:
        SettingError: when it is not, is not here, or is no such algorithm made in that very place.
    """
    if not trusts(home):
        raise SettingError(
            f"the study's {noun} is {home}, which is not danlu's own, and a name in a journal is made only where it is trusted. Name it: "
            f"{noun}=..., or allow it: trust={home.partition(':')[0]!r}."
        )
    found = _imported(home)
    verb = {"sampler": "ask", "scheduler": "judge"}[noun]
    own = isinstance(found, type) and f"{found.__module__}:{found.__qualname__}" == home
    if not own or not callable(getattr(found, verb, None)):
        raise SettingError(
            f"there is no {noun} {home} here. Start this where the package is installed, or name it: {noun}=..."
        )
    return found
