"""Standard input, output and error as the system knows them, by number: kept before a trial, and put back after it.

A trial that closes 1, or lets another file take its number, does so to the whole process: to whatever danlu and later trials print.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import NamedTuple

if sys.platform != "win32":
    import fcntl
    import resource

NAMES = ("standard input", "standard output", "standard error")

HIGH = 4096
"""Below this number copies are kept, or below the system's limit: above what a trial closes that closes all it can think of."""


class _Copied(NamedTuple):
    """What a descriptor led to, and the number of its copy, -1 where none could be made."""

    file: tuple[int, int, int]
    copy: int


class PutBack(NamedTuple):
    """What was put back, and what could not be: its copy was closed as well, and it leads nowhere from here on."""

    back: list[str]
    lost: list[str]


class Descriptors:
    """Numbers 0, 1 and 2 as they are now.

    Example:
        >>> Descriptors().put_back()
        PutBack(back=[], lost=[])
    """

    def __init__(self) -> None:
        self._kept: dict[int, _Copied] = {}
        for number in range(len(NAMES)):
            found = _file(number)
            if found is not None:
                self._kept[number] = _Copied(found, _copy(number))

    def put_back(self) -> PutBack:
        """Have the numbers lead where they led; copies are closed.

        A number whose copy is gone is not left free: whatever is opened next would take it, and be printed into.
        """
        found = PutBack([], [])
        for number, (file, copy) in self._kept.items():
            whole = _file(copy) == file
            if _file(number) != file:
                _lead(number, copy if whole else None)
                (found.back if whole else found.lost).append(NAMES[number])
            if whole:
                os.close(copy)
        self._kept.clear()
        for number, name in enumerate(("stdout", "stderr"), 1):
            if getattr(getattr(sys, name), "closed", False) is True:
                setattr(sys, name, _opened(number))
                found.back.append(f"sys.{name} closed")
        return found


def _file(number: int) -> tuple[int, int, int] | None:
    """What a descriptor leads to; None when it is closed."""
    try:
        found = os.fstat(number)
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_rdev


def _copy(number: int) -> int:
    if sys.platform == "win32":
        return os.dup(number)
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = HIGH if soft == resource.RLIM_INFINITY else min(soft, HIGH)
    for least in (max(highest - 16, 3), 3):
        with contextlib.suppress(OSError):  # all are taken up there
            return fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, least)
    return -1


def _lead(number: int, copy: int | None) -> None:
    """Let a number lead where its copy does, or nowhere."""
    with contextlib.suppress(OSError):
        if copy is not None:
            os.dup2(copy, number)
            return
        nowhere = os.open(os.devnull, os.O_RDWR)
        if nowhere != number:
            os.dup2(nowhere, number)
            os.close(nowhere)


def _opened(number: int) -> object:
    """A stream of Python's on a descriptor whose own one was closed."""
    return open(number, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)
