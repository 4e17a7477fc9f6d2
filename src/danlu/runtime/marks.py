"""Marks of what trials have started: by them it is found wherever it has gone, also by who takes a trial up that was killed.

A process that left its session and whose parents are dead, as a daemon, belongs to nothing that the system lists. It keeps the environment
that it was started with. So every run of a program has a word there that no other has, and the word is in the trial's folder while it runs:
whoever ends the trial from outside, or begins its next attempt, reads it there, and ends what has it. A process that was started with
another environment, or has written over its own, is not found so.
"""

from __future__ import annotations

import contextlib
import os
import re
import uuid
from pathlib import Path

from . import processes

VARIABLE = "DANLU_RUN"
"""The variable of the environment that holds the words: one, or several where a program that danlu runs runs danlu."""

FILE = ".run"
"""The file in a trial's folder that holds the word of the run that is under way."""

_under_way: set[RunMark] = set()


class RunMark:
    """The mark of one run of a program; what an earlier run in the same folder has left is ended first.

    Args:
        folder: the trial's.

    Attributes:
        variables: what to start the program with.

    Use it as a context: what was started with it ends with it.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, RunMark(Path(folder)) as mark:
        ...     mark.variables["DANLU_RUN"].split()[-1] == Path(folder, ".run").read_text()
        True
    """

    def __init__(self, folder: Path) -> None:
        end_left(folder)
        self._word, self._file = uuid.uuid4().hex, folder / FILE
        self.variables = {VARIABLE: f"{os.environ.get(VARIABLE, '')} {self._word}".strip()}
        with contextlib.suppress(OSError):  # the disk is full: it ends what it has started itself
            self._file.write_text(self._word, "ascii")
        _under_way.add(self)

    def __enter__(self) -> RunMark:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Kill what was started with it."""
        if self not in _under_way:
            return
        processes.end_marked(VARIABLE, self._word)
        _under_way.discard(self)
        if _word_in(self._file) == self._word:  # and not of a later attempt on another machine
            _forget(self._file)


def end_left(folder: str | Path) -> None:
    """Kill what the run has started that is under way in a trial's folder, or was when its worker died."""
    word = _word_in(Path(folder, FILE))
    if word:
        processes.end_marked(VARIABLE, word)
        _forget(Path(folder, FILE))


def end_all() -> None:
    """Kill what all runs of this process have started that are under way."""
    for mark in list(_under_way):
        mark.end()


def _word_in(file: Path) -> str:
    """The word of a run, '' where there is none, or it was half written."""
    try:
        word = file.read_text("ascii")
    except (OSError, ValueError):
        return ""
    return word if re.fullmatch(r"[0-9a-f]{32}", word) else ""


def _forget(file: Path) -> None:
    with contextlib.suppress(OSError):
        file.unlink()
