"""Algorithms as plain data: a study's journal keeps what it was set up with, and whoever joins it reads that.

Only classes of the tables of names are ever made of stored data, by name and by keyword, so a journal that
somebody else wrote cannot have code run.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from .errors import SettingError
from .names import RENAMED, SAMPLERS, SCHEDULERS, find

_TABLES = {"danlu.sampler": SAMPLERS, "danlu.scheduler": SCHEDULERS}
_NAMES = {home: (key, name) for key, table in _TABLES.items() for name, home in table.items()}


def written(algorithm: Any) -> dict[str, Any]:
    """A sampler or scheduler as plain data; one that is not danlu's, or holds a function, only as text to show.

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


def read(data: Mapping[str, Any], noun: str) -> Any:
    """The sampler or scheduler that ``written`` wrote.

    Raises:
        SettingError: for one that was only shown, or that this danlu does not know.

    Example:
        >>> read({"danlu.scheduler": "asha", "low": 1, "high": 9}, "scheduler")
        ASHA(low=1, high=9, factor=3.0, brackets=1, promote=False)
    """
    if f"danlu.{noun}" not in data:
        raise SettingError(
            f"the study's {noun} is {data.get('shown', 'unknown')}, which is not danlu's own and cannot be made from a "
            f"journal. Name it: {noun}=..."
        )
    try:
        made = _made(data)
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
    if home not in _NAMES:
        raise SettingError(f"{value!r} cannot be kept in a journal.")
    defaults = {field.name: field.default for field in msgspec.structs.fields(value)}
    held = {name: getattr(value, name) for name in value.__struct_fields__}
    changed = {name: _plain(item) for name, item in held.items() if item is not defaults[name]}
    key, name = _NAMES[home]
    return {key: name, **changed}


def _made(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return tuple(_made(item) for item in value)
    if not isinstance(value, Mapping):
        return value
    key = next((key for key in _TABLES if key in value), None)
    settings = {str(name): _made(item) for name, item in value.items() if name != key}
    if key is None:
        return settings
    words = RENAMED.get(f"{key} {value[key]}", {})
    settings = {words.get(name, name): item for name, item in settings.items()}
    return find(_TABLES[key], key.partition(".")[2], str(value[key]))(**settings)
