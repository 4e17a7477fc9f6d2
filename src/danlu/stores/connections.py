"""The connections of one SQLite file: a thread's own while it lives, and closed or handed on when it ends."""

from __future__ import annotations

import sqlite3
import threading
import weakref
from collections.abc import Callable


class Connections:
    """All that are open.

    The last one stays open when its thread ends, for the next thread to take up: closing it would remove the log, by which the
    store sees whether its file is still the one that it opened.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a thread's end may come to a thread that is in here
        self._held: list[sqlite3.Connection] = []
        self._spare: sqlite3.Connection | None = None

    def take(self, local: threading.local, connect: Callable[[], sqlite3.Connection]) -> sqlite3.Connection:
        """A connection for this thread, until what ``local`` keeps of the thread is gone."""
        with self._lock:
            found, self._spare = self._spare, None
        if found is None:
            found = connect()
            with self._lock:
                self._held.append(found)
        local.life = Life()
        weakref.finalize(local.life, self._release, found).atexit = False
        return found

    def all(self) -> list[sqlite3.Connection]:
        """Those that are open."""
        with self._lock:
            return list(self._held)

    def close(self) -> None:
        """Close them all."""
        with self._lock:
            held, self._held[:], self._spare = list(self._held), [], None
        for connection in held:
            connection.close()

    def _release(self, connection: sqlite3.Connection) -> None:
        """Its thread has ended."""
        with self._lock:
            if connection not in self._held:  # the store was closed before
                return
            if len(self._held) == 1:
                self._spare = connection
                return
            self._held.remove(connection)
        connection.close()


class Life:
    """Something that goes when its thread does."""
