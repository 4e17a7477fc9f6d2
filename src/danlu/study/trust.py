"""Which code a worker may run: what its caller names, or has allowed. A name that lies in a journal is a proposal.

Who can write into a store, or hands somebody an export, could otherwise have any function of any installed package called with
arguments of his choice on every machine that joins.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ..engines.objective import resolve_objective
from ..errors import ObjectiveError, SettingError


def proposed(stored: str, study: str, trust: Sequence[str], imported: str = "") -> str:
    """The stored name of an objective, where it is trusted.

    Args:
        stored: ``"package.module:function"`` or ``"file.py:function"`` as it stands in the journal, '' where there is none.
        study: the study's name, for the sentence.
        trust: packages (``"mine"``), modules (``"mine.training"``), files (``"train.py"``) or single functions
            (``"train.py:train"``) whose own functions may run.
        imported: where the study was imported from and when, if it was.

    Raises:
        ObjectiveError: when it is not trusted, names nothing here, or is not a function of what is trusted.
        SettingError: when an entry of ``trust`` can be no name.

    Example:
        >>> proposed("json:dumps", "study", ["json"])
        'json:dumps'
        >>> proposed("os:system", "study", [])
        Traceback (most recent call last):
        danlu.errors.ObjectiveError: ...
    """
    for entry in trust:
        if not entry or (entry.endswith(".py") and not Path(entry).exists()):
            raise SettingError(
                f"trust names packages, modules, files or functions, and {entry!r} is none that is here. Give trust=['train.py']."
            )
    if not any(_covers(entry, stored) for entry in trust):
        allowed = f" Trusted are {', '.join(trust)}." if trust else ""
        raise ObjectiveError(
            f"the journal of {study!r}{f', {imported},' if imported else ''} says that {stored!r} is to be run, and a name in a journal is run only where it is "
            f"trusted.{allowed} Name it yourself, or allow it: trust={stored.rpartition(':')[0]!r}."
        )
    try:
        found = resolve_objective(stored)
    except ObjectiveError as error:
        raise ObjectiveError(
            f"{error} The study was begun with {stored}: start the worker where that is found, or name the objective here."
        ) from error
    home = _home(found)
    if not any(_covers(entry, f"{home}:{stored.rpartition(':')[2]}") for entry in trust):
        raise ObjectiveError(
            f"{stored!r} of {study!r} is a function of {home}, which is not trusted, and only imported where it is named. Name "
            f"it yourself, or allow it: trust={home!r}."
        )
    return stored


def trusting(trust: Sequence[str]) -> Callable[[str], bool]:
    """Whether a stored name, ``"package.module:Class"``, is covered by what is trusted.

    Example:
        >>> trusting(["mine"])("mine.samplers:Mine"), trusting(["mine"])("os:system")
        (True, False)
    """
    return lambda name: any(_covers(entry, name) for entry in trust)


def _covers(entry: str, name: str) -> bool:
    """Whether an entry of the list allows a name, what it takes in brackets aside."""
    where, _, function = name.partition("(")[0].rpartition(":")
    place, colon, only = entry.rpartition(":") if ":" in entry else (entry, "", "")
    if colon and only != function:
        return False
    if place.endswith(".py") or where.endswith(".py"):
        return Path(place).resolve() == Path(where).resolve()
    return where == place or (not colon and where.startswith(f"{place}."))


def _home(found: Callable[..., Any]) -> str:
    """The module or file in which a callable was made."""
    inner = getattr(found, "function", found)
    module = getattr(inner, "__module__", None) or type(inner).__module__
    loaded = sys.modules.get(module)
    file = getattr(loaded, "__file__", None) or ""
    return file if module.startswith("danlu_file_") else str(module)
