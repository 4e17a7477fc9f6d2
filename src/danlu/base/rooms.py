"""What a package of danlu hands out: names that are imported when they are first used, by the list of types beside it."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

import lazy_loader


def room(name: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """``__getattr__``, ``__dir__`` and ``__all__`` of a package.

    Args:
        name: of the package.
        file: its ``__init__.py``, with an ``__init__.pyi`` beside it.

    Example:
        >>> import danlu
        >>> danlu.samplers.Tpe
        Traceback (most recent call last):
        ...
        AttributeError: danlu.samplers has no Tpe. Did you mean TPE?
    """
    reach, listed, names = lazy_loader.attach_stub(name, file)

    def found(word: str) -> Any:
        if word in names:
            return reach(word)
        lower = {each.lower(): each for each in names}
        near = [] if word.startswith("_") else get_close_matches(word.lower(), lower, n=1)
        said = f"{name} has no {word}" + (f". Did you mean {lower[near[0]]}?" if near else "")
        raise AttributeError(said, name=word, obj=object())  # whose names Python would otherwise guess at too

    return found, listed, names
