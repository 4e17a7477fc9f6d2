"""The connections of one store: a thread's own while it lives, and closed or handed on when it ends."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

_Connection = TypeVar("_Connection")


class ProcessLock:
    """One lock for a process: the end of a thread, which closes connections, may come wherever memory is freed."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._renew)

    def _renew(self) -> None:
        self.lock = threading.RLock()  # whoever held it is not in the fork


PROCESS = ProcessLock()


class Connections:
    """All that are open.

    Args:
        close: how one is closed.

    The last one stays open when its thread ends, for the next thread to take up. In a SQLite store closing it would remove the
    log, by which the store sees whether its file is still the one that it opened.
    """

    def __init__(self, close: Callable[[Any], None] = lambda connection: connection.close()) -> None:
        self._close = close
        self._held: list[Any] = []
        self._spare: Any = None
        self._inherited: list[Any] = []
        self._process = os.getpid()

    def take(self, local: threading.local, connect: Callable[[], _Connection]) -> _Connection:
        """A connection for this thread, until what ``local`` keeps of the thread is gone."""
        with PROCESS.lock:
            self._leave()
            spare, self._spare = self._spare, None
        found: _Connection = connect() if spare is None else spare
        if spare is None:
            with PROCESS.lock:
                self._held.append(found)
        local.life = life = Life()
        weakref.finalize(life, self._release, found, os.getpid()).atexit = False
        return found

    def all(self) -> list[Any]:
        """Those that are open."""
        with PROCESS.lock:
            self._leave()
            return list(self._held)

    def drop(self, connection: Any) -> None:
        """Close one that is of no use any more."""
        with PROCESS.lock:
            self._held = [each for each in self._held if each is not connection]
            self._spare = None if self._spare is connection else self._spare
        self._close(connection)

    def close(self) -> None:
        """Close them all."""
        with PROCESS.lock:
            self._leave()
            held, self._held, self._spare = self._held, [], None
        for connection in held:
            self._close(connection)

    def _leave(self) -> None:
        """In a fork, let be what is the parent's: to close it would end the parent's own."""
        if self._process != os.getpid():
            self._inherited += self._held
            self._held, self._spare, self._process = [], None, os.getpid()

    def _release(self, connection: Any, process: int) -> None:
        """Its thread has ended."""
        if process != os.getpid():  # a fork, where all threads but one end at once
            return
        with PROCESS.lock:
            if not any(each is connection for each in self._held):  # the store was closed before
                return
            if len(self._held) == 1:
                self._spare = connection
                return
            self._held = [each for each in self._held if each is not connection]
        self._close(connection)


class Life:
    """Something that goes when its thread does."""
