"""The words of a line, by which lines are told apart."""

from __future__ import annotations

import re

_NUMBERS = frozenset({"nan", "inf", "infinity"})


def words_of(line: str) -> frozenset[str]:
    """The words of a line, by which it is seen what kind of line it is; numbers that are written as words are none.

    Example:
        >>> sorted(words_of("epoch 1 val loss: nan")), words_of("3 loss inf") == words_of("4 loss 0.5")
        (['epoch', 'loss', 'val'], True)
    """
    return frozenset(word.lower() for word in cased_words_of(line))


def cased_words_of(line: str) -> frozenset[str]:
    """The same in the case in which they stand.

    Example:
        >>> sorted(cased_words_of("Epoch 1 val loss: NaN"))
        ['Epoch', 'loss', 'val']
    """
    return frozenset(word for word in re.findall(r"[^\W\d_]{3,}", line) if word.lower() not in _NUMBERS)
