"""Lines that match a metric and hold no number that can be read: a decimal comma is refused, anything else said once."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from typing import Protocol

from ...errors import ObjectiveError
from .commas import CommaCount
from .pattern import SIGN, UnreadNumber
from .steps import Sink
from .words import words_of

_DECIMAL_COMMA = re.compile(rf"{SIGN}(?:\d{{1,3}}(?:\.\d{{3}})+|\d+),\d+(?:[eE][-+]?\d+)?%?")
_SIGNED = re.compile(r"[:=]\s*[\"'(\[]?$")


class Unreading(Protocol):
    """Whoever knows what stands in place of a number.

    Attributes:
        text: as the metric was asked for.
    """

    text: str

    def unread(self, line: str) -> UnreadNumber | None:
        """What stands in a line that matches in place of its number; None for other lines."""


class UnreadLines:
    """Watches for lines whose number cannot be read, and for numbers whose comma may mean two things.

    Args:
        sink: that remarks are made to.
        patterns: of the lines.
    """

    def __init__(self, sink: Sink, patterns: Sequence[Unreading]) -> None:
        self._sink, self._patterns = sink, patterns
        self._kinds: dict[int, frozenset[str]] = {}
        self._before: dict[int, tuple[str, UnreadNumber]] = {}
        self._commas = [CommaCount(pattern.text) for pattern in patterns]

    def read(self, at: int, line: str, values: Mapping[str, float]) -> None:
        """Take in a line that was read."""
        if at not in self._kinds:
            self._kinds[at] = words_of(line)
            if at in self._before and self._is_like(at, *self._before[at]):
                self._say(at, *self._before[at])
        said = self._commas[at].read(line, values.values())
        if said:
            self._sink.remark(f"thousands of {self._patterns[at].text}", said)

    def missed(self, at: int, line: str) -> None:
        """Take in a line that was not read.

        Raises:
            ObjectiveError: where its number has a decimal comma.
        """
        found = self._patterns[at].unread(line)
        if found is None:
            return
        if _DECIMAL_COMMA.fullmatch(found.text):
            raise ObjectiveError(
                f"a number needs a decimal point, got {found.text} in {line.strip()[:200]!r} for {self._patterns[at].text!r}: with a decimal "
                "comma, 2,513 would be read as thousands. Have the program print a point, as it does under LC_ALL=C."
            )
        if at not in self._kinds:
            self._before.setdefault(at, (line, found))
        elif _SIGNED.search(line[: found.at]) or self._is_like(at, line, found):
            self._say(at, line, found)

    def close(self) -> None:
        """Look at the commas of the whole output.

        Raises:
            ObjectiveError: where nobody can know what they mean.
        """
        for commas in self._commas:
            commas.close(os.environ)

    def _is_like(self, at: int, line: str, found: UnreadNumber) -> bool:
        """Whether it is a line as those that were read, but for what stands in place of the number."""
        rest = line[: found.at] + line[found.at + len(found.text) :]
        return words_of(rest) == self._kinds[at]

    def _say(self, at: int, line: str, found: UnreadNumber) -> None:
        text = self._patterns[at].text
        self._sink.remark(
            f"unread {text}",
            f"{found.text!r} in {line.strip()[:200]!r} is no number that can be read for {text!r}: the line is left out of the curve",
        )
