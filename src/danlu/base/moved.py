"""Earlier words on danlu's own objects: each with what to write now, for the sentence that answers it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def moved(noun: str, words: Mapping[str, str]) -> Callable[[Any, str], Any]:
    """``__getattr__`` for a class some of whose names are elsewhere now.

    Args:
        noun: what the object is called, "a space".
        words: each earlier name with what to write for it.

    Example:
        >>> class Old:
        ...     __getattr__ = moved("a thing", {"size": "len(thing)"})
        >>> Old().size
        Traceback (most recent call last):
        AttributeError: a thing has no size any more. Write len(thing).
    """

    def say(_: object, name: str) -> Any:
        if name in words:
            raise AttributeError(f"{noun} has no {name} any more. Write {words[name]}.")
        raise AttributeError(f"{noun} has no attribute {name!r}.")

    return say
