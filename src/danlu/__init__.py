"""danlu (丹炉, the alchemist's furnace) tunes deep-learning models.

Two nouns carry it: a *study* is a journal of everything that was asked, reported and decided; a
*trial* is one configuration and what became of it. ``danlu.tune`` runs a study to its end:

    >>> import danlu
    >>> result = danlu.tune(lambda trial: trial["x"] ** 2, {"x": danlu.Float(-1, 1)}, trials=20)
    >>> result.best.value < 0.1
    True

Names are imported when they are first used, so ``import danlu`` costs next to nothing.
"""

from __future__ import annotations

from typing import Any

from .base.rooms import room

__version__ = "0.1.0"

_reach, __dir__, __all__ = room(__name__, __file__)
__all__ = ["__version__", *__all__]  # noqa: PLE0604 - the names are in the list of types beside this file


def __getattr__(name: str) -> Any:
    if name in __all__:
        return _reach(name)
    elsewhere = "" if name.startswith("_") else _elsewhere(name)
    if elsewhere:
        raise AttributeError(f"danlu has no {name}: it is {elsewhere}.")
    return _reach(name)  # which says what is near


def _elsewhere(name: str) -> str:
    """Where a name is that is not flat here."""
    from importlib import import_module

    for place in ("samplers", "schedulers", "engines", "stores", "analysis", "errors"):
        if name in dir(import_module(f".{place}", __name__)):
            return f"danlu.{place}.{name}"
    return ""
