"""One SQLite file: the embedded store, for one process or many on one machine.

Every write is one ``BEGIN IMMEDIATE`` transaction that checks its terms, takes the study's next
sequence numbers and appends, so writers queue and never deadlock. WAL keeps readers out of their way.
Results told are synced to disk before the call returns (``synchronous=FULL``), the rest survives a
killed process but may be lost with the power (``NORMAL``). Each row carries a CRC-32 of its bytes and
of its place, so damage is found instead of believed.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..base.identity import dead, same_clock
from ..contracts.protocols import Terms
from ..errors import (
    CorruptError,
    Fenced,
    Outrun,
    SchemaError,
    StoreError,
    StoreGone,
    StudyBusy,
    StudyExists,
    StudyMissing,
)
from ..journal import events as ev
from ..journal.written import name_of, written
from .connections import Connections
from .filesystem import make_room, refuse_network, unusable
from .memory import CLOSED, fenced
from .readonly import as_it_is, may_write, refusal
from .seal import busy, checksum, counted, damaged, opened, twice
from .watched import Watched, lost

try:
    import fcntl
except ImportError:  # Windows: SQLite's own automatic checkpoints have to do
    fcntl = None  # type: ignore[assignment]

DAMAGE = (sqlite3.DatabaseError, UnicodeDecodeError)
"""What Python's sqlite3 raises over a damaged file; the second for damage in its own error messages."""

OBSTACLES = (
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM
)  # fmt: skip
"""Codes of errors that say nothing of the file's content."""

SCHEMA = 1
CHECKPOINT_EVERY = 1000
BUSY_SECONDS = 60.0
_APPLICATION = 0x64616E6C  # "danl"
_TABLES = """
CREATE TABLE study (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, head INTEGER NOT NULL DEFAULT 0,
                    trials INTEGER NOT NULL DEFAULT 0);
CREATE TABLE event (study INTEGER NOT NULL, seq INTEGER NOT NULL, op TEXT, body BLOB NOT NULL,
                    crc INTEGER NOT NULL, PRIMARY KEY (study, seq)) WITHOUT ROWID;
CREATE UNIQUE INDEX event_op ON event (study, op) WHERE op IS NOT NULL;
CREATE TABLE lease (study INTEGER NOT NULL, trial INTEGER NOT NULL, attempt INTEGER NOT NULL,
                    worker TEXT NOT NULL, until REAL NOT NULL, PRIMARY KEY (study, trial)) WITHOUT ROWID;
"""

_GONE = "CREATE TABLE IF NOT EXISTS gone (study INTEGER PRIMARY KEY)"
"""The numbers of studies that were deleted, which are never given again."""


class SqliteStore:
    """Journals in one file; checkpoints in a folder beside it (``<file>.blobs``).

    Args:
        path: the file; made, with its folder, when missing.
        lease_seconds: how long a lease lasts without being renewed.
        clock: seconds that never go back, the same for all processes; tests pass their own.

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
        self._local = threading.local()
        self._open = Connections()
        self._watched = Watched(self.path)
        self._saving = threading.Lock()
        self._appends = 0
        self._place, clear = f"file:{quote(str(self.path))}?mode=rwc", None
        self.read_only = not may_write(self.path)
        if self.read_only:
            self._place, clear = as_it_is(self.path)
        weakref.finalize(self, _end, self._open, clear)
        refuse_network(self.path)
        make_room(self.path)
        self._prepare()

    def __repr__(self) -> str:
        return f"SqliteStore({str(self.path)!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy, here or in another process, opens the same file by itself."""
        return partial(SqliteStore, lease_seconds=self.lease_seconds, clock=self.clock), (str(self.path),)

    def studies(self) -> list[str]:
        """The names of all studies, in order of creation."""
        with self.readable():
            names = [name for (name,) in self.connection().execute("SELECT name FROM study ORDER BY id")]
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
        if self.read_only:
            raise StoreError(refusal(self.path))
        connection = self.connection()
        with self.readable(), Transaction(connection):
            if connection.execute("SELECT 1 FROM study WHERE name = ?", (name,)).fetchone():
                raise StudyExists(f"there is a study {name!r} in {self.path} already. Choose another name.")
            number = self._next(connection)
            seq = trials = 0
            connection.execute("INSERT INTO study (id, name) VALUES (?, ?)", (number, name))
            for seq, pair in enumerate(events, 1):
                ((op, body),) = written([pair])
                try:
                    _insert(connection, number, seq, op, body)
                except sqlite3.IntegrityError:
                    raise CorruptError(twice(op)) from None
                trials += isinstance(pair[1], ev.Asked)
            connection.execute("UPDATE study SET head = ?, trials = ? WHERE id = ?", (seq, trials, number))
        self.written()
        self.watch()
        return SqliteJournal(self, number)

    def delete(self, name: str, *, force: bool = False) -> None:
        """Remove a study, in one transaction."""
        journal = self.journal(name)
        if self.read_only:
            raise StoreError(refusal(self.path))
        connection = self.connection()
        with self.readable(), Transaction(connection):
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
        with self.readable():
            row = self.connection().execute("SELECT id FROM study WHERE name = ?", (name,)).fetchone()
        if row is None:
            there = ", ".join(self.studies()) or "none"
            raise StudyMissing(f"there is no study {name!r} in {self.path}. There are: {there}.")
        return SqliteJournal(self, row[0])

    @contextlib.contextmanager
    def readable(self) -> Iterator[None]:
        """Turn what sqlite3 says of a damaged or foreign file into a sentence."""
        try:
            yield
        except DAMAGE as error:
            raise StoreError(unusable(self.path, error)) from error

    def close(self) -> None:
        """Close all connections of this store."""
        _end(self._open)
        self._local = threading.local()
        self._watched.forget()

    def connection(self) -> sqlite3.Connection:
        """This thread's connection."""
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            self.watch()  # a path that leads elsewhere now would be made anew, and empty
            found = self._open.take(self._local, self._connect)
            self._local.connection = found
            self._learn()
        return found

    def _connect(self) -> sqlite3.Connection:
        found = sqlite3.connect(
            self._place, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, uri=True
        )
        try:
            found.execute("PRAGMA synchronous = NORMAL")
            if fcntl is not None:
                found.execute("PRAGMA wal_autocheckpoint = 0")
        except BaseException:  # a file that is not a database
            found.close()
            raise
        return found

    def _learn(self) -> None:
        if not self.read_only:
            self._watched.learn()

    def watch(self, *, reading: bool = False) -> None:
        """Look whether the path still leads to the file that is open, and save what is open elsewhere if it does not.

        ``reading`` stops nobody who also writes: what comes next may be a result, and that is saved with the rest.

        Raises:
            StoreGone: when the file was removed or replaced, with the name it was saved under.
        """
        if (reading and self._appends) or self._watched.gone() is None:
            return
        own = getattr(self._local, "connection", None)
        saved = None
        if self._appends:
            with self._saving:
                saved = self._watched.save([own, *self._open.all()] if own is not None else self._open.all())
        raise StoreGone(lost(self.path, saved, wrote=self._appends > 0))

    def written(self) -> None:
        """Count an append, and move the log into the file now and then, one process at a time.

        SQLite before 3.51.3 can lose pages when two connections checkpoint at once, so none does it
        on its own; whoever finds another one at it leaves it to that one. A move that fails loses
        nothing: the append is in the log already, and the next one says so if the disk is full.
        """
        self._appends += 1
        self._learn()
        if fcntl is None or self._appends % CHECKPOINT_EVERY:
            return
        with contextlib.suppress(OSError, sqlite3.OperationalError):
            self._checkpoint()

    def _checkpoint(self) -> None:
        Path(self.blobs).mkdir(parents=True, exist_ok=True)
        folder = os.open(self.blobs, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.connection().execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        finally:
            os.close(folder)

    def _prepare(self) -> None:
        try:
            with self.readable():
                self._settle()
            self._learn()
        except BaseException:
            self.close()
            raise

    def _settle(self) -> None:
        """Check whose file this is, and make the tables of an empty one."""
        connection = self.connection()
        connection.execute("BEGIN")  # one look: another process may be making the tables just now
        try:
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (version,) = connection.execute("PRAGMA user_version").fetchone()
        finally:
            connection.execute("ROLLBACK")
        if tables and application != _APPLICATION:
            raise StoreError(f"{self.path} is a database of another program. Name another file.")
        if version > SCHEMA:
            raise SchemaError(
                f"{self.path} has schema {version}, this danlu reads up to {SCHEMA}. Upgrade danlu."
            )
        if not tables and self.read_only:
            raise StoreError(f"{self.path} is empty, and cannot be written here. Name another file.")
        if not tables:
            self._found(connection)

    def _found(self, connection: sqlite3.Connection) -> None:
        self._log_ahead(connection)
        with Transaction(connection):
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            if tables:
                return
            for statement in _TABLES.split(";")[:-1]:
                connection.execute(statement)
            connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            connection.execute(f"PRAGMA user_version = {SCHEMA}")

    def _log_ahead(self, connection: sqlite3.Connection) -> None:
        """Turn a new file to write-ahead logging; SQLite does not wait by itself for others that look at it just then."""
        until = time.monotonic() + BUSY_SECONDS
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(0.005)
            else:
                return


class SqliteJournal:
    """One study's events in the file."""

    def __init__(self, store: SqliteStore, study: int) -> None:
        self._store = store
        self.number = study
        self._foreign: dict[int, tuple[tuple[str, float] | None, float]] = {}

    def read(self, after: int) -> Iterator[ev.Entry]:
        """All entries above ``after``, checksums compared."""
        query = "SELECT seq, op, body, crc FROM event WHERE study = ? AND seq > ? ORDER BY seq"
        expected = after
        self._store.watch(reading=True)
        try:
            head = None if after else self._head()  # the last events leave no gap behind when they go
            rows = self._store.connection().execute(query, (self.number, after))
            for seq, op, body, crc in rows:
                expected += 1
                typed = type(body) is bytes and (op is None or type(op) is str)
                if seq != expected or not typed or checksum(seq, op, body) != crc:
                    raise CorruptError(damaged(self._store.path, expected))
                yield ev.Entry(seq, opened(self._store.path, seq, body), op)
            if not after and (
                counted(head) > expected or counted(self._head(), bool(head) * expected) < expected
            ):
                raise CorruptError(damaged(self._store.path, expected + 1))
        except DAMAGE as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in OBSTACLES:
                raise StoreError(
                    f"{self._store.path} cannot be read: {error}. What is in it is as it was; end what holds or limits the file, and "
                    "make the same call again."
                ) from error
            raise CorruptError(damaged(self._store.path, expected + 1)) from error

    def _head(self) -> Any:
        """How many events the study has, as its own row says; None without one."""
        row = (
            self._store.connection().execute("SELECT head FROM study WHERE id = ?", (self.number,)).fetchone()
        )
        return None if row is None else row[0]

    def append(self, events: Sequence[tuple[str | None, ev.Event]], terms: Terms) -> tuple[int, bool]:
        """Append as one, on these terms."""
        bodies = written(events)
        if self._store.read_only:
            raise StoreError(refusal(self._store.path))
        asked = sum(isinstance(event, ev.Asked) for _, event in events)
        connection = self._store.connection()
        if terms.durable:
            connection.execute("PRAGMA synchronous = FULL")
        try:
            with Transaction(connection):
                appended = self._append(connection, bodies, asked, terms)
        except DAMAGE as error:
            raise StoreError(
                f"{self._store.path} cannot be written: {error}. Nothing acknowledged is lost; make room, "
                "or end what holds the file, and go on."
            ) from error
        finally:
            if terms.durable:
                connection.execute("PRAGMA synchronous = NORMAL")
        self._store.written()
        self._store.watch()  # after the commit: what is saved elsewhere has these events too
        return appended

    def renew(self, worker: str) -> None:
        """Extend all leases of a worker."""
        until = self._store.clock() + self._store.lease_seconds
        query = "UPDATE lease SET until = ? WHERE study = ? AND worker = ?"
        with self._store.readable():
            changed = self._store.connection().execute(query, (until, self.number, worker)).rowcount
            there = changed or self._there()
        self._store.watch()
        if not there:
            raise StudyMissing(f"the study has been deleted from {self._store.path}.")

    def _there(self) -> bool:
        query = "SELECT 1 FROM study WHERE id = ?"
        return self._store.connection().execute(query, (self.number,)).fetchone() is not None

    def orphans(self, running: Sequence[int]) -> list[int]:
        """Those of the running trials whose lease is absent, expired, or left by a dead worker."""
        connection = self._store.connection()
        query = "SELECT worker, until FROM lease WHERE study = ? AND trial = ?"
        with self._store.readable():
            leases = [
                (trial, connection.execute(query, (self.number, trial)).fetchone()) for trial in running
            ]
        return [trial for trial, lease in leases if lease is None or self._over(trial, *lease)]

    def held(self) -> list[int]:
        """The trials whose lease is in force."""
        query = "SELECT trial, worker, until FROM lease WHERE study = ? AND attempt >= 0 ORDER BY trial"
        with self._store.readable():
            leases = self._store.connection().execute(query, (self.number,)).fetchall()
        return [trial for trial, worker, until in leases if not self._over(trial, worker, until)]

    def _append(
        self, connection: sqlite3.Connection, bodies: list[tuple[str | None, bytes]], asked: int, terms: Terms
    ) -> tuple[int, bool]:
        study = self.number
        if bodies[0][0] is not None:
            known = connection.execute(
                "SELECT seq FROM event WHERE study = ? AND op = ?", (study, bodies[0][0])
            ).fetchone()
            if known is not None:
                return known[0], False
        found = connection.execute("SELECT head, trials FROM study WHERE id = ?", (study,)).fetchone()
        if found is None:
            raise StudyMissing(f"the study has been deleted from {self._store.path}.")
        head, trials = found
        if terms.trials is not None and terms.trials != trials:
            raise Outrun(f"trial {terms.trials} is taken; the study has {trials} trials.")
        self._check_leases(connection, terms)
        for op, body in bodies:
            head += 1
            _insert(connection, study, head, op, body)
        connection.execute(
            "UPDATE study SET head = ?, trials = trials + ? WHERE id = ?", (head, asked, study)
        )
        for trial in terms.drops:
            connection.execute("DELETE FROM lease WHERE study = ? AND trial = ?", (study, trial))
        until = self._store.clock() + self._store.lease_seconds
        grants = [(trial, attempt, terms.worker, until) for trial, attempt in terms.grants]
        for lease in (*grants, *((trial, *CLOSED) for trial in terms.closes)):
            connection.execute("INSERT OR REPLACE INTO lease VALUES (?, ?, ?, ?, ?)", (study, *lease))
        return head, True

    def _check_leases(self, connection: sqlite3.Connection, terms: Terms) -> None:
        query = "SELECT attempt, worker, until FROM lease WHERE study = ? AND trial = ?"
        for trial, attempt in terms.holds:
            held = connection.execute(query, (self.number, trial)).fetchone()
            if held is None or held[0] != attempt:
                raise Fenced(fenced(trial, attempt))
        for trial, attempt in terms.takes:
            held = connection.execute(query, (self.number, trial)).fetchone()
            if held is not None and (held[0] != attempt or not self._over(trial, held[1], held[2])):
                raise Outrun(f"trial {trial} is held by another worker.")

    def _over(self, trial: int, worker: str, until: float) -> bool:
        """Whether a lease is over; one by the clock of another boot once this process has seen nobody renew it for its time."""
        now = self._store.clock()
        if same_clock(worker):
            return until < now or dead(worker)
        lease, since = self._foreign.get(trial, (None, now))
        if lease != (worker, until):
            self._foreign[trial], since = ((worker, until), now), now
        return now - since > self._store.lease_seconds


def _end(connections: Connections, clear: Callable[[], None] | None = None) -> None:
    """Close connections, and remove a copy that was made to be read."""
    connections.close()
    if clear is not None:
        clear()


class Transaction:
    """``BEGIN IMMEDIATE`` ... ``COMMIT``, rolled back when anything at all is raised."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            self._connection.execute("COMMIT")
        elif self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def _insert(connection: sqlite3.Connection, study: int, seq: int, op: str | None, body: bytes) -> None:
    connection.execute(
        "INSERT INTO event VALUES (?, ?, ?, ?, ?)", (study, seq, op, body, checksum(seq, op, body))
    )
