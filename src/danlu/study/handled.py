"""Signal handlers of danlu's own, which are this process's alone: what it forks gets the ones that were there before.

A child of ``multiprocessing`` that kept them would ignore ``terminate()``, and so would hang whoever waits for it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import Any

Handler = Callable[[int, FrameType | None], Any]

_installed: list[tuple[int, Any]] = []
"""The signals that danlu handles now, each with what handled it before, in the order in which they were taken."""

_let_through: list[set[Any]] = []
"""The mask of a thread that forks, from before."""


@contextlib.contextmanager
def handled(numbers: Sequence[int], handler: Handler) -> Iterator[dict[int, Any]]:
    """Handle signals inside; gives what handled each before. In a thread that may handle none, nothing happens.

    A signal that the program ignores stays ignored.

    Example:
        >>> heard = []
        >>> with handled([signal.SIGUSR1], lambda number, frame: heard.append(number)):
        ...     os.kill(os.getpid(), signal.SIGUSR1)
        >>> heard == [signal.SIGUSR1], signal.getsignal(signal.SIGUSR1) == signal.SIG_DFL
        (True, True)
    """
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in numbers}
        before = {number: there for number, there in before.items() if there != signal.SIG_IGN}
    for number, there in before.items():
        _installed.append((number, there))
        signal.signal(number, handler)
    try:
        yield before
    finally:
        for number, there in before.items():
            if (number, there) in _installed:  # else this process was forked meanwhile
                _installed.remove((number, there))
                signal.signal(number, there)


def _hold() -> None:
    """Before a fork: what would kill the child at once waits until nothing of ours handles it."""
    fatal = {number for number, there in _installed if there == signal.SIG_DFL}
    if fatal:
        _let_through.append(signal.pthread_sigmask(signal.SIG_BLOCK, fatal))


def _go_on() -> None:
    """After a fork, in the parent."""
    if _let_through:
        signal.pthread_sigmask(signal.SIG_SETMASK, _let_through.pop())


def _let_go() -> None:
    """After a fork, in the child: none of these handlers is its own."""
    while _installed:
        number, there = _installed.pop()
        with contextlib.suppress(ValueError):  # a thread of an interpreter beside the main one forked
            signal.signal(number, there)
    _go_on()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_hold, after_in_parent=_go_on, after_in_child=_let_go)
