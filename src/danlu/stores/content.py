"""Whether a SQLite file on the disk is still an earlier state of the one that is in use: another may be copied over it in place.

Its name leads to the same file then, and who has it open sees nothing of it but damage, later: pages in the log or in memory are read
from there. So what lies on the disk is read by itself, without the log, whenever the disk says that the file was written. A move of
the log into the file that was cut off leaves damage there that the log makes good: damage alone says nothing.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from pathlib import Path
from urllib.parse import quote


class Content:
    """What is known of the studies in a file.

    Args:
        path: the file.
        application: the number by which SQLite knows whose file it is.
    """

    def __init__(self, path: Path, application: int) -> None:
        self._path = path
        self._application = application
        self._state: tuple[int, int] | None = None
        self._new = False
        self._begun: dict[int, int] = {}
        self._heads: dict[int, int] = {}
        self._looking = threading.RLock()

    def forget(self) -> None:
        """Nobody has the file open any more: whatever lies there next is as good."""
        with self._looking:
            self._state = None
            self._begun.clear()
            self._heads.clear()

    def follow(self, study: int, began: int) -> None:
        """Have this study looked for from now on; ``began`` is the checksum of its first event."""
        with self._looking:
            if self._begun.get(study) != began:
                self._begun[study], self._new = began, True

    def overwritten(self) -> bool:
        """Whether something else was written into the file since the last look, as its size or the time of its last change say."""
        state = self._now()
        if state is None or (state == self._state and not self._new):
            return False
        with self._looking:
            return self._look(state)

    def _look(self, state: tuple[int, int]) -> bool:
        written = self._state not in (None, state)
        other = bool(self._begun) and self._other()
        if other and written and state == self._now():  # while somebody writes, the next look decides
            return True
        self._state, self._new = state, False
        return False

    def _now(self) -> tuple[int, int] | None:
        try:
            found = os.stat(self._path)  # noqa: PTH116 - at each append
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size

    def _other(self) -> bool:
        """Whether what is on the disk cannot be an earlier state of what is in use."""
        place = f"file:{quote(str(self._path))}?mode=ro&immutable=1"  # without the log, and without a lock
        try:
            with contextlib.closing(sqlite3.connect(place, uri=True)) as disk:
                return self._differs(disk)
        except sqlite3.DatabaseError as error:
            return getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_NOTADB

    def _differs(self, disk: sqlite3.Connection) -> bool:
        (tables,) = disk.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        (application,) = disk.execute("PRAGMA application_id").fetchone()
        if not tables:  # nothing but the log has them yet
            return bool(self._heads) or self._path.stat().st_size == 0
        if application != self._application:
            return True
        heads = dict(disk.execute("SELECT id, head FROM study"))
        if disk.execute("SELECT 1 FROM sqlite_schema WHERE name = 'gone'").fetchone():
            for (study,) in disk.execute("SELECT study FROM gone"):  # deleted, as it has to be
                self._begun.pop(study, None)
                self._heads.pop(study, None)
        for study, began in self._begun.items():
            first = disk.execute("SELECT crc FROM event WHERE study = ? AND seq = 1", (study,)).fetchone()
            if first is not None and first[0] != began:
                return True
        own = {study: head for study, head in heads.items() if study in self._begun}
        if any(own.get(study, -1) < head for study, head in self._heads.items()):
            return True
        self._heads = own
        return False
