"""One SQLite file: the embedded store, for one process or many on one machine."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from ..errors import CorruptError, StudyBusy, StudyExists, StudyMissing
from ..journal import events as ev
from ..journal.written import name_of, written
from .seal import busy, seal_of, twice
from .sqlite_file import SqliteFile, Transaction
from .sqlite_journal import SqliteJournal, insert

_GONE = "CREATE TABLE IF NOT EXISTS gone (study INTEGER PRIMARY KEY)"
"""The numbers of studies that were deleted, which are never given again."""


class SqliteStore:
    """Journals in one file; checkpoints in a folder beside it (``<file>.blobs``).

    Args:
        path: the file; made, with its folder, when missing.
        lease_seconds: how long a lease lasts without being renewed.
        clock: seconds that never go back, the same for all processes; tests pass their own.

    Attributes:
        file: what is open of it here.

    Raises:
        StoreError: when the file is not danlu's, cannot be written, is a folder, or lies on a network file system.
        SchemaError: when a newer danlu wrote it.
    """

    def __init__(
        self, path: str | Path, *, lease_seconds: float = 60.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.path = Path(path).absolute()
        self.blobs = f"{self.path}.blobs"
        self.lease_seconds = lease_seconds
        self.clock = clock
        self.file = SqliteFile(self.path, self.blobs)

    def __repr__(self) -> str:
        return f"SqliteStore({str(self.path)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy, here or in another process, opens the same file by itself."""
        return partial(SqliteStore, lease_seconds=self.lease_seconds, clock=self.clock), (str(self.path),)

    def studies(self) -> list[str]:
        """The names of all studies, in order of creation."""
        with self.file.readable():
            names = [name for (name,) in self.file.connection().execute("SELECT name FROM study ORDER BY id")]
        if not all(type(name) is str for name in names):
            raise CorruptError(
                f"{self.path} is damaged: a study has no name. danlu repair saves what is sound."
            )
        return names

    def create(self, name: str, event: ev.Event) -> SqliteJournal:
        """A new study with its first event."""
        return self.adopt(name, [(None, event)])

    def adopt(self, name: str, events: Iterable[tuple[str | None, ev.Event]]) -> SqliteJournal:
        """A new study with all these events, in one transaction."""
        name_of(name)
        self.file.writable()
        connection = self.file.connection()
        with self.file.readable(), Transaction(connection):
            if connection.execute("SELECT 1 FROM study WHERE name = ?", (name,)).fetchone():
                raise StudyExists(f"there is a study {name!r} in {self.path} already. Choose another name.")
            number = self._next(connection)
            seq = trials = seal = 0
            connection.execute("INSERT INTO study (id, name) VALUES (?, ?)", (number, name))
            for seq, pair in enumerate(events, 1):
                ((op, body),) = written([pair])
                seal = seal or seal_of(number, body)
                try:
                    insert(connection, number, seq, op, body, seal)
                except sqlite3.IntegrityError:
                    raise CorruptError(twice(op)) from None
                trials += isinstance(pair[1], ev.Asked)
            connection.execute("UPDATE study SET head = ?, trials = ? WHERE id = ?", (seq, trials, number))
        self.file.written()
        self.file.watch()
        return self._journal(number)

    def delete(self, name: str, *, force: bool = False) -> None:
        """Remove a study, in one transaction."""
        journal = self.journal(name)
        self.file.writable()
        connection = self.file.connection()
        with self.file.readable(), Transaction(connection):
            held = journal.held()
            if held and not force:
                raise StudyBusy(busy(name, len(held)))
            connection.execute(_GONE)
            connection.execute("INSERT OR IGNORE INTO gone VALUES (?)", (journal.number,))
            for table in ("event", "lease"):
                connection.execute(f"DELETE FROM {table} WHERE study = ?", (journal.number,))  # noqa: S608 - our own names
            connection.execute("DELETE FROM study WHERE id = ?", (journal.number,))

    def _next(self, connection: sqlite3.Connection) -> int:
        """A number that no study has or had: who still holds a deleted one must not write into another."""
        tables = connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'gone'").fetchone()
        (last,) = connection.execute(
            "SELECT max(id) FROM (SELECT id FROM study UNION SELECT study FROM gone)"
            if tables
            else "SELECT max(id) FROM study"
        ).fetchone()
        return (last or 0) + 1

    def journal(self, name: str) -> SqliteJournal:
        """The journal of an existing study."""
        with self.file.readable():
            row = self.file.connection().execute("SELECT id FROM study WHERE name = ?", (name,)).fetchone()
        if row is None:
            there = ", ".join(self.studies()) or "none"
            raise StudyMissing(f"there is no study {name!r} in {self.path}. There are: {there}.")
        return self._journal(row[0])

    def close(self) -> None:
        """Close all connections of this store."""
        self.file.close()

    def _journal(self, number: int) -> SqliteJournal:
        return SqliteJournal(self.file, number, self.lease_seconds, self.clock)
