"""Words for things that a person has put into a space of another project's."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from ..base.values import unboxed
from ..errors import SpaceError
from ..space.parameters import Choice


def words_of(things: Sequence[Any]) -> list[str]:
    """A different word for each, which a person can tell it by.

    Example:
        >>> words_of(["rbf", None, 1.0, [1], [1]])
        ['rbf', 'None', '1.0', '[1]', '[1] (2)']
    """
    words: list[str] = []
    seen: dict[str, int] = {}
    for thing in things:
        word = thing if isinstance(thing, str) and thing else " ".join(repr(thing).split())
        word = word if len(word) <= 60 else word[:57] + "..."
        seen[word] = seen.get(word, 0) + 1
        words.append(word if seen[word] == 1 else f"{word} ({seen[word]})")
    return words


def rising(values: Sequence[Any]) -> bool:
    """Whether options are numbers in order, so that neighbors resemble each other.

    Example:
        >>> rising([16, 32, 64]), rising([64, 16]), rising([False, True])
        (True, False, False)
    """
    numbers = all(isinstance(each, int | float) and not isinstance(each, bool) for each in values)
    return numbers and all(one < other for one, other in pairwise(values))


def plain_options(values: Sequence[Any]) -> list[Any]:
    """Options as a journal keeps them: themselves where they are plain and differ, else words.

    Example:
        >>> plain_options([16, 32]), plain_options([("a", 1), "b"]), plain_options([1, 1])
        ([16, 32], ["('a', 1)", 'b'], ['1', '1 (2)'])
    """
    plain = [unboxed(each) for each in values]
    if all(each is None or isinstance(each, bool | int | float | str) for each in plain):
        try:
            return list(Choice(plain).values)
        except SpaceError:
            pass
    return words_of(values)
