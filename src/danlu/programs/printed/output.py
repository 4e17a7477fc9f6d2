"""Lines of a program's output as they come, redrawn ones included."""

from __future__ import annotations

import codecs
import re
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple

from .pattern import plain

LONGEST_LINE = 1 << 20
"""Characters of a line that are read, the first and the last half of them: programs draw bars of dots without an end."""


class OutputLine(NamedTuple):
    """A line, or a draft of one: what a progress bar draws, to be drawn over.

    Attributes:
        text: of it, without color codes.
        draft: whether it is one.
        cut: whether it is so long that its middle is left out.
    """

    text: str
    draft: bool = False
    cut: bool = False


class LineSplitter:
    r"""Cuts a program's output into lines, without color codes.

    A carriage return ends a draft; a draft that is blank wipes the line, which ends it.

    Example:
        >>> splitter = LineSplitter()
        >>> [(line.text, line.draft) for line in splitter.feed(b"1/2 loss=0.5\r2/2 loss=0.25\nov")]
        [('1/2 loss=0.5', True), ('2/2 loss=0.25', False)]
        >>> [line.text for line in splitter.feed(b"er", last=True)]
        ['over']
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._line, self._return, self._drafts = _OpenLine(), "", False

    def feed(self, chunk: bytes, *, last: bool = False) -> Iterator[OutputLine]:
        """The lines that end in these bytes; with ``last`` also what has no end."""
        new = re.sub(r"\r+", "\r", self._return + self._decoder.decode(chunk, final=last))
        self._return = ""
        if new.endswith("\r"):  # what comes next says what it means
            new, self._return = (new[:-1] + "\n", "") if last else (new[:-1], "\r")
        parts = re.split(r"(\r?\n|\r)", new)
        rest = parts.pop()
        for part, mark in zip(parts[::2], parts[1::2], strict=True):
            self._line.add(part)
            text, cut = self._line.end()
            wiped = mark == "\r" and self._drafts and not text.strip()
            self._drafts = mark == "\r" and not wiped
            if mark != "\r" or text.strip() or wiped:
                yield OutputLine(text, self._drafts, cut)
        self._line.add(rest)
        if last and (self._line.size or self._drafts):
            text, cut = self._line.end()
            yield OutputLine(text, cut=cut)


class _OpenLine:
    """A line that has no end yet, of which at most ``LONGEST_LINE`` characters are kept: half of them from its beginning.

    Attributes:
        size: of all of it, in characters.
    """

    def __init__(self) -> None:
        self.size = self._first_size = self._last_size = 0
        self._first: list[str] = []
        self._last: deque[str] = deque()

    def add(self, text: str) -> None:
        """Take more of it."""
        half = LONGEST_LINE // 2
        self.size += len(text)
        first, text = text[: half - self._first_size], text[half - self._first_size :]
        if first:
            self._first.append(first)
            self._first_size += len(first)
        if text:
            self._last.append(text[-half:])
            self._last_size += len(self._last[-1])
            while self._last_size - len(self._last[0]) >= half:
                self._last_size -= len(self._last.popleft())

    def end(self) -> tuple[str, bool]:
        """The line without the codes in it, and whether its middle is left out; the next one begins."""
        last = "".join(self._last)[-(LONGEST_LINE // 2) :]
        cut = self.size > LONGEST_LINE
        text = plain("".join(self._first) + (" ... " if cut else "") + last)
        self.size = self._first_size = self._last_size = 0
        self._first, self._last = [], deque()
        return text, cut


def lines(read: Callable[[], bytes]) -> Iterator[OutputLine]:
    r"""The lines of a program's output.

    Args:
        read: the next bytes, b"" at the end.

    Example:
        >>> chunks = iter([b"1/2 loss=0.5\r2/2 loss=0.25\nover\r", b"\n", b""])
        >>> [(line.text, line.draft) for line in lines(lambda: next(chunks))]
        [('1/2 loss=0.5', True), ('2/2 loss=0.25', False), ('over', False)]
    """
    splitter = LineSplitter()
    while chunk := read():
        yield from splitter.feed(chunk)
    yield from splitter.feed(b"", last=True)
