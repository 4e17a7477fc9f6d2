"""Contexts: what a configuration is evaluated in, a fold, a seed, a client; each evaluation is a trial of its own."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from ..base.values import LARGEST_INT, shown, unboxed
from ..errors import SettingError

Context: TypeAlias = dict[str, bool | int | float | str]
"""What a configuration is evaluated in: a fold, a seed, a client, by name."""

Contexts = Mapping[str, Iterable[Any]] | list[dict[str, Any]] | tuple[dict[str, Any], ...]
"""All combinations of values by name, or the contexts one by one."""

MOST = 10_000
"""This many contexts a study may have."""


def contexts_of(given: Contexts | None) -> tuple[Context, ...]:
    """The contexts of a study, in the order in which each configuration is evaluated in them.

    Args:
        given: None or nothing for none; values by name, of which all combinations are meant, the last name varying fastest; or a sequence of
            mappings, one for each context, all with the same names.

    Raises:
        SettingError: for what is neither, for values that no journal keeps, and where two contexts are the same.

    Example:
        >>> contexts_of({"seed": [1, 2], "fold": range(2)})
        ({'seed': 1, 'fold': 0}, {'seed': 1, 'fold': 1}, {'seed': 2, 'fold': 0}, {'seed': 2, 'fold': 1})
        >>> contexts_of([{"client": "Riga"}, {"client": "Oslo"}])
        ({'client': 'Riga'}, {'client': 'Oslo'})
    """
    if given is None or (isinstance(given, Mapping | list | tuple) and len(given) == 0):
        return ()
    if isinstance(given, Mapping):
        names = list(given)
        found = [
            dict(zip(names, row, strict=True)) for row in itertools.product(*map(_values, given.items()))
        ]
    elif isinstance(given, list | tuple):
        if not all(isinstance(each, Mapping) for each in given):
            raise SettingError(f"contexts are mappings, as {{'fold': 0}}, got {shown(given)}. {_REMEDY}")
        found = [dict(each) for each in given]
    else:
        raise SettingError(
            f"contexts are values by name, or a list of mappings, got {shown(given)}. {_REMEDY}"
        )
    if isinstance(given, Mapping) and given and not found:
        raise SettingError(f"a context's name needs a value at least, got {shown(given)}. {_REMEDY}")
    if not all(found):
        raise SettingError(f"a context needs a name and a value at least, got {shown(given)}. {_REMEDY}")
    return _checked(found)


_REMEDY = 'Give contexts={"fold": range(5)}, or [{"fold": 0}, {"fold": 1}].'


def _values(pair: tuple[Any, Iterable[Any]]) -> list[Any]:
    name, values = pair
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise SettingError(f"the context {name!r} needs several values, got {shown(values)}. {_REMEDY}")
    return list(itertools.islice(values, MOST + 1))


def _checked(found: list[dict[Any, Any]]) -> tuple[Context, ...]:
    if len(found) > MOST:
        raise SettingError(f"a study has up to {MOST} contexts, got {len(found)}. Leave some out.")
    plain = [{_name(name): _value(name, value) for name, value in each.items()} for each in found]
    for each in plain:
        if each.keys() != plain[0].keys():
            raise SettingError(f"all contexts of a study have the same names, got {plain[0]!r} and {each!r}.")
    seen: set[str] = set()
    for each in plain:
        key = context_key(each)
        if key in seen:
            raise SettingError(f"the context {each!r} is given twice. Leave one out.")
        seen.add(key)
    return tuple(plain)


def _name(name: Any) -> str:
    if not isinstance(name, str) or not name:
        raise SettingError(f"a context's names are text, got {shown(name)}. {_REMEDY}")
    return name


def _value(name: Any, value: Any) -> bool | int | float | str:
    plain = unboxed(value)
    kept = type(plain) in (bool, str) or (type(plain) is int and abs(plain) <= LARGEST_INT)
    if not kept and not (type(plain) is float and math.isfinite(plain)):
        raise SettingError(
            f"a context's values are numbers, text or booleans, got {name}={shown(value)}. Give its name or its number, and let the "
            "objective look it up."
        )
    return plain  # type: ignore[no-any-return]


def context_key(context: Context) -> str:
    """A context as text, the same for equal ones.

    Example:
        >>> context_key({"fold": 0, "client": "Riga"}) == context_key({"client": "Riga", "fold": 0})
        True
    """
    return json.dumps(context, sort_keys=True)


def spoken(context: Context) -> str:
    """A context for a person.

    Example:
        >>> spoken({"fold": 0, "seed": 3})
        'fold 0, seed 3'
    """
    return ", ".join(f"{name} {value}" for name, value in context.items())
