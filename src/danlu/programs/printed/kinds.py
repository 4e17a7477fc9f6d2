"""Lines of several kinds that match one metric: they may be about something else, which is said."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from .steps import Sink
from .words import cased_words_of

SHOWN = 120
"""Characters of a line that are shown."""

_PROCESS = re.compile(
    r"(?i)(?<![^\W_])(?:rank|gpu|device|worker|cuda|process)[ _:#=]{0,2}(?P<number>\d+)(?![\d/])"
)
_BOX = re.compile(r"^\s*\[(?P<number>\d+)\]")


class _Kind(NamedTuple):
    words: frozenset[str]
    heading: frozenset[str]
    shown: str


class _Origin(NamedTuple):
    step: float | None
    process: str
    box: str
    shown: str


class LineKinds:
    """Tells kinds of lines by their words in their case, by the heading above them, and by the process or device that they come from.

    Args:
        sink: that remarks are made to.
        texts: of the metrics, as they were asked for.
    """

    def __init__(self, sink: Sink, texts: Sequence[str]) -> None:
        self._sink, self._texts = sink, texts
        self._heading, self._below = "", False
        self._kinds: dict[int, _Kind] = {}
        self._origins: dict[int, _Origin] = {}
        self._mixed: set[int] = set()

    def pass_by(self, line: str) -> None:
        """Take in any line: one that ends in a colon is the heading of the next, and of those below that are set in deeper."""
        if not line.strip():
            return
        if line.rstrip().endswith(":"):
            self._heading, self._below = line, True
        elif not self._below and _indent(line) <= _indent(self._heading):
            self._heading = ""
        else:
            self._below = False

    def read(self, at: int, line: str, step: float | None) -> None:
        """Take in a line that was read, and say once in a study that it is of another kind than one before."""
        if at in self._mixed:
            return
        shown = f"{self._heading.strip()} {line.strip()}".strip()[:SHOWN]
        kind = _Kind(cased_words_of(line), cased_words_of(self._heading), shown)
        first = self._kinds.setdefault(at, kind)
        origin = _Origin(step, _numbered(_PROCESS, line), _numbered(_BOX, line), shown)
        last = self._origins.get(at, origin)
        self._origins[at] = origin
        if first[:2] != kind[:2]:
            self._say(at, first.shown, shown)
        elif last.step == step and (
            last.process != origin.process or (step is not None and last.box != origin.box)
        ):
            self._say(at, last.shown, shown)

    def _say(self, at: int, one: str, other: str) -> None:
        self._mixed.add(at)
        self._sink.remark(
            f"lines of {self._texts[at]}",
            f"lines of several kinds match {self._texts[at]!r}, in whatever case, and make one curve: {one!r} and {other!r}. To tell them "
            "apart, write more of the line (after re: in its own case), or have the program print one of them.",
        )


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _numbered(pattern: re.Pattern[str], line: str) -> str:
    found = pattern.search(line)
    return found["number"] if found is not None else ""
