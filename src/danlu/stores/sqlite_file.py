"""One SQLite file as a thread has it open: the connection of each thread, the tables, and whether it is still the file that it was.

Every write is one ``BEGIN IMMEDIATE`` transaction, so writers queue and never deadlock. WAL keeps readers out of their way.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

from ..base.failure import say
from ..errors import SchemaError, StoreError, StoreGone
from .connections import Connections
from .content import Content
from .filesystem import make_room, refuse_network, unusable
from .open_files import OpenFiles
from .readonly import as_it_is, may_write, refusal
from .watched import Watched, lost

try:
    import fcntl
except ImportError:  # Windows: SQLite's own automatic checkpoints have to do
    fcntl = None  # type: ignore[assignment]

DAMAGE = (sqlite3.DatabaseError, UnicodeDecodeError)
"""What Python's sqlite3 raises over a damaged file; the second for damage in its own error messages."""

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


class SqliteFile:
    """A database and all connections to it of this process.

    Args:
        path: the file; made, with its folder, when missing.
        blobs: the folder beside it, which those who move the log into the file lock.

    Raises:
        StoreError: when the file is not danlu's, cannot be written, is a folder, or lies on a network file system.
        SchemaError: when a newer danlu wrote it.
    """

    def __init__(self, path: Path, blobs: str) -> None:
        self.path = path
        self._blobs = blobs
        self._local = threading.local()
        self._files, self._said = OpenFiles(path), False
        self._open = Connections(self._files.close)
        self._watched = Watched(path)
        self._content = Content(path, _APPLICATION)
        self._saving = threading.RLock()
        self._appends = 0
        self._place, clear = f"file:{quote(str(path))}?mode=rwc", None
        self.read_only = not may_write(path)
        if self.read_only:
            self._place, clear = as_it_is(path)
        weakref.finalize(self, _end, self._open, clear)
        refuse_network(path)
        make_room(path)
        self._prepare()

    @contextlib.contextmanager
    def readable(self) -> Iterator[None]:
        """Turn what sqlite3 says of a damaged or foreign file into a sentence."""
        try:
            yield
        except DAMAGE as error:
            raise StoreError(unusable(self.path, error)) from error

    def writable(self) -> None:
        """Refuse a file that can only be read here.

        Raises:
            StoreError: for one.
        """
        if self.read_only:
            raise StoreError(refusal(self.path))

    def close(self) -> None:
        """Close all connections to the file."""
        _end(self._open)
        self._local = threading.local()
        self._watched.forget()
        self._content.forget()

    def connection(self) -> sqlite3.Connection:
        """This thread's connection."""
        if not self._files.as_known():
            self._mend()
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None or not self._files.has(found):
            self.watch()  # a path that leads elsewhere now would be made anew, and empty
            found = self._open.take(self._local, self._connect)
            self._local.connection = found
            self._learn()
        return found

    def _connect(self) -> sqlite3.Connection:
        return self._files.open(self._connected)

    def _connected(self) -> sqlite3.Connection:
        found = sqlite3.connect(
            self._place, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False, uri=True
        )
        try:
            found.execute("PRAGMA synchronous = NORMAL")
            if fcntl is not None:
                found.execute("PRAGMA wal_autocheckpoint = 0")
            found.execute(
                "SELECT count(*) FROM sqlite_schema"
            ).fetchone()  # the log is opened with the first reading
        except BaseException:  # a file that is not a database
            found.close()
            raise
        return found

    def _learn(self) -> None:
        if not self.read_only:
            self._watched.learn()

    def _mend(self) -> None:
        """Go on with a file that other code of this process has closed, or has put another in the place of."""
        self.watch()
        if not self._files.mend():
            return
        for connection in self._open.all():
            if not self._files.has(connection):
                self._open.drop(connection)
        if not self._said:
            say(f"danlu: {self.path} was closed by other code of this process, and is open again.")
        self._said = True

    def watch(self, *, reading: bool = False, began: tuple[int, int] | None = None) -> None:
        """Look whether the path still leads to the file that is open, with what was in it, and save what is open elsewhere if not.

        ``began`` is a study that it has to have from now on, and the checksum of its first event. ``reading`` stops nobody who also writes: what comes next may be a result, and that is saved with the rest.

        Raises:
            StoreGone: when the file was removed, replaced or overwritten, with the name it was saved under.
        """
        if began is not None:
            self._content.follow(*began)
        if reading and self._appends:
            return
        gone = self._watched.gone() is not None
        if not gone and not self._content.overwritten():
            return
        saved = None
        if self._appends:
            own = getattr(self._local, "connection", None)
            sources = [each for each in (own, *self._open.all()) if self._files.has(each)]
            with self._saving:
                saved = self._watched.save(sources)
        raise StoreGone(
            lost(
                self.path,
                saved,
                wrote=self._appends > 0,
                what="removed or replaced" if gone else "overwritten",
            )
        )

    def written(self) -> None:
        """Count an append, and move the log into the file now and then, one process at a time.

        SQLite before 3.51.3 can lose pages when two connections checkpoint at once, so none does it
        on its own; whoever finds another one at it leaves it to that one. A move that fails loses
        nothing: the append is in the log already, and the next one says so if the disk is full.
        """
        self._appends += 1
        if not self.read_only:
            self._watched.learn()
        if fcntl is None or self._appends % CHECKPOINT_EVERY:
            return
        with contextlib.suppress(OSError, sqlite3.OperationalError):
            self._checkpoint()

    def _checkpoint(self) -> None:
        Path(self._blobs).mkdir(parents=True, exist_ok=True)
        folder = os.open(self._blobs, os.O_RDONLY)
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
        self._files.learn(connection)  # a new file has its log only now

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
