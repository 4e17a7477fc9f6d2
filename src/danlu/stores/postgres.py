"""A PostgreSQL database: one store for any number of machines.

The small schema of the SQLite store, three tables, and one function (``schema.sql``) that appends in one round trip: it locks
the study's row, checks the terms, takes the next sequence numbers. So numbers have no gaps, and who holds a lease is decided
under the same lock. Time is the
server's, so clocks of workers may differ. A connection that breaks is made anew with growing pauses; an append that was cut
off in its commit carries a mark by which the next try sees whether it had arrived.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from ..core import events as ev
from ..core.errors import (
    CorruptError,
    Fenced,
    MissingExtra,
    Outrun,
    SchemaError,
    StoreError,
    StudyBusy,
    StudyExists,
    StudyMissing,
)
from ..core.protocols import Terms
from ..core.worker import dead
from ..core.written import name_of, written
from .memory import fenced
from .seal import busy, checksum, damaged, opened, twice

try:
    import psycopg
except ImportError as error:
    raise MissingExtra("the PostgreSQL store", "psycopg", "postgres") from error

SCHEMA = 2
PART = 10_000
"""So many events are read at once: a long journal need not be in memory as a whole."""

STATEMENT_SECONDS = 30
PATIENCE = 60.0
"""Seconds for which a lost connection is sought again before the caller hears of it."""

_APPEND = "SELECT * FROM danlu_append(" + "%s, " * 15 + "%s)"
_OWN = ("blobs", "lease")
_FOUNDING = 0x64616E6C  # "danl": the advisory lock under which the tables are made
_Found = TypeVar("_Found")


class PostgresStore:
    """Journals in a PostgreSQL database (12 or newer); checkpoints in a folder that all workers see.

    A role needs ``CREATE`` on its schema once, and from then on ``SELECT, INSERT, UPDATE, DELETE`` on the four
    ``danlu_`` tables, ``USAGE`` on the sequence ``danlu_study_id_seq`` and ``EXECUTE`` on ``danlu_append``.

    Args:
        url: ``postgresql://user@host/database``; a parameter ``blobs=/shared/folder`` says where checkpoints are,
            ``lease=20`` how many seconds a lease lasts.
        lease_seconds: how long a lease lasts without being renewed.
        clock: seconds that never go back, the same for all; the server's own by default, tests pass theirs.
        patience: seconds for which a lost connection is sought again.

    Raises:
        StoreError: when the database cannot be reached.
        SchemaError: when a newer danlu wrote it.
    """

    def __init__(
        self, url: str, *, lease_seconds: float = 60.0, clock: Callable[[], float] | None = None,
        patience: float = PATIENCE,
    ) -> None:  # fmt: skip
        full = url if "://" in url else f"postgresql://{url}"
        self.url, own = _without_own(full)
        self.blobs = own.get("blobs") or str(
            Path.home() / ".danlu" / hashlib.sha256(self.url.encode()).hexdigest()[:16]
        )
        self.lease_seconds, self.clock, self.patience = (
            float(own.get("lease", lease_seconds)),
            clock,
            patience,
        )
        self._local = threading.local()
        self._open: list[Any] = []
        weakref.finalize(self, _close, self._open)
        self.run(self._found)

    def __reduce__(self) -> str:
        raise StoreError(
            f"{self!r} cannot be copied or sent: it holds connections, and its URL may hold a password. Give the URL to whoever "
            "needs the store, PostgresStore(url)."
        )

    def __repr__(self) -> str:
        return f"PostgresStore({self.place!r})"

    @property
    def place(self) -> str:
        """The URL without a password."""
        parts = urlsplit(self.url)
        return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))

    def studies(self) -> list[str]:
        """The names of all studies, in order of creation."""
        return self.run(lambda c: [name for (name,) in c.execute("SELECT name FROM danlu_study ORDER BY id")])

    def create(self, name: str, event: ev.Event) -> PostgresJournal:
        """A new study with its first event."""
        return self.adopt(name, [(None, event)])

    def adopt(self, name: str, events: Iterable[tuple[str | None, ev.Event]]) -> PostgresJournal:
        """A new study with all these events, in one transaction."""
        name_of(name)
        given = list(events)  # a transaction may have to be made again
        trials = sum(isinstance(event, ev.Asked) for _, event in given)
        rows = [
            (seq, op, body, _placed(seq, checksum(0, op, body)))
            for seq, (op, body) in enumerate(written(given), 1)
        ]

        def make(connection: Any) -> int:
            found = connection.execute(
                "INSERT INTO danlu_study (name, head, trials) VALUES (%s, %s, %s) ON CONFLICT (name) DO NOTHING RETURNING id",
                (name, len(rows), trials),
            ).fetchone()
            if found is None:
                raise StudyExists(f"there is a study {name!r} in {self.place} already. Choose another name.")
            with connection.cursor() as cursor:
                cursor.executemany(
                    "INSERT INTO danlu_event (study, seq, op, body, crc) VALUES (%s, %s, %s, %s, %s)",
                    [(found[0], *row) for row in rows],
                )
            return int(found[0])

        operations = [op for _, op, _, _ in rows if op is not None]
        if len(set(operations)) < len(operations):
            raise CorruptError(twice(next(op for op in operations if operations.count(op) > 1)))
        return PostgresJournal(self, self.run(make))

    def delete(self, name: str, *, force: bool = False) -> None:
        """Remove a study, in one transaction."""
        journal = self.journal(name)

        def remove(connection: Any) -> None:
            connection.execute("SELECT 1 FROM danlu_study WHERE id = %s FOR UPDATE", (journal.number,))
            held = journal.held_by(connection)
            if held and not force:
                raise StudyBusy(busy(name, len(held)))
            for table in ("danlu_lease", "danlu_event"):
                connection.execute(f"DELETE FROM {table} WHERE study = %s", (journal.number,))  # noqa: S608 - our own names
            connection.execute("DELETE FROM danlu_study WHERE id = %s", (journal.number,))

        self.run(remove)

    def journal(self, name: str) -> PostgresJournal:
        """The journal of an existing study."""
        row = self.run(lambda c: c.execute("SELECT id FROM danlu_study WHERE name = %s", (name,)).fetchone())
        if row is None:
            there = ", ".join(self.studies()) or "none"
            raise StudyMissing(f"there is no study {name!r} in {self.place}. There are: {there}.")
        return PostgresJournal(self, row[0])

    def close(self) -> None:
        """Close all connections of this store."""
        _close(self._open)
        self._local = threading.local()

    def run(self, act: Callable[[Any], _Found], *, alone: bool = False) -> _Found:
        """Do something in one transaction, again on a new connection when the old one broke.

        ``alone`` says that it is one statement, which is a transaction by itself and one round trip.

        Raises:
            StoreError: when the database stays away, or refuses.
        """
        until, pause = time.monotonic() + self.patience, 0.05
        while True:
            try:
                connection = self._connection()
                with contextlib.nullcontext() if alone else connection.transaction():
                    return act(connection)
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                self._drop()
                if time.monotonic() + pause > until:
                    raise StoreError(
                        f"{self.place} cannot be reached: {' '.join(str(error).split())}. Nothing acknowledged is lost; start "
                        "the database and run again."
                    ) from error
                time.sleep(pause)
                pause = min(2 * pause, 5.0)
            except psycopg.Error as error:
                raise StoreError(f"{self.place} refuses: {' '.join(str(error).split())}.") from error

    def now(self, connection: Any) -> float:
        """Seconds by the clock that all workers share."""
        if self.clock is not None:
            return self.clock()
        (seconds,) = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
        return float(seconds)

    def _connection(self) -> Any:
        held = getattr(self._local, "connection", None)
        if held is None or held.closed or getattr(self._local, "process", 0) != os.getpid():
            options = f"-c statement_timeout={STATEMENT_SECONDS}s -c lock_timeout={STATEMENT_SECONDS}s"
            held = psycopg.connect(
                self.url, autocommit=True, connect_timeout=10, options=options, keepalives_idle=30,
                application_name="danlu",
            )  # fmt: skip
            self._local.connection, self._local.process = held, os.getpid()
            self._open.append(held)
        return held

    def _drop(self) -> None:
        held = getattr(self._local, "connection", None)
        self._local.connection = None
        if held is not None:
            held.close()
            if held in self._open:
                self._open.remove(held)

    def _found(self, connection: Any) -> None:
        """Make the tables of an empty database, one process at a time; check those of another."""
        (there,) = connection.execute("SELECT to_regclass('danlu_schema') IS NOT NULL").fetchone()
        if not there:
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (_FOUNDING,))
            connection.execute((Path(__file__).parent / "schema.sql").read_text("utf-8"))
        row = connection.execute("SELECT version FROM danlu_schema").fetchone()
        if row is None:
            connection.execute("INSERT INTO danlu_schema VALUES (%s)", (SCHEMA,))
        elif row[0] < SCHEMA:
            raise SchemaError(
                f"{self.place} has schema {row[0]}, from before danlu's first release. Export its studies with the danlu "
                "that made it, and import them into a new database."
            )
        elif row[0] > SCHEMA:
            raise SchemaError(
                f"{self.place} has schema {row[0]}, this danlu reads up to {SCHEMA}. Upgrade danlu."
            )


class PostgresJournal:
    """One study's events in the database."""

    def __init__(self, store: PostgresStore, study: int) -> None:
        self._store = store
        self.number = study

    def read(self, after: int) -> Iterator[ev.Entry]:
        """All entries above ``after``, checksums compared."""
        query = (
            "SELECT seq, op, body, crc FROM danlu_event WHERE study = %s AND seq > %s ORDER BY seq LIMIT %s"
        )
        while True:  # numbers have no gaps, so parts that are read one after the other are the whole
            part = (self.number, after, PART)
            rows = self._store.run(lambda c: c.execute(query, part, binary=True).fetchall(), alone=True)  # noqa: B023
            for expected, (seq, op, held, crc) in enumerate(rows, after + 1):
                body = bytes(held)
                if seq != expected or _placed(seq, checksum(0, op, body)) != crc:
                    raise CorruptError(damaged(self._store.place, expected))
                yield ev.Entry(seq, opened(self._store.place, seq, body), op)
            if len(rows) < PART:
                return
            after += len(rows)

    def append(self, events: Sequence[tuple[str | None, ev.Event]], terms: Terms) -> tuple[int, bool]:
        """Append as one, on these terms."""
        pairs = written(events)
        ops, bodies = [op for op, _ in pairs], [body for _, body in pairs]
        crcs = [checksum(0, op, body) for op, body in zip(ops, bodies, strict=True)]
        asked = sum(isinstance(event, ev.Asked) for _, event in events)
        clock, lease = self._store.clock, self._store.lease_seconds
        given = (
            self.number, uuid.uuid4(), ops, bodies, crcs, asked, terms.trials, _flat(terms.holds), _flat(terms.takes),
            self._gone(terms), _flat(terms.grants), list(terms.drops), list(terms.closes), terms.worker, lease,
            None if clock is None else clock(),
        )  # fmt: skip
        word, number = self._store.run(lambda c: c.execute(_APPEND, given).fetchone(), alone=True)
        match word:
            case "written" | "known":
                return int(number), word == "written"
            case "fenced":
                raise Fenced(fenced(number, dict(terms.holds)[number]))
            case "held":
                raise Outrun(f"trial {number} is held by another worker.")
            case "trials":
                raise Outrun(f"trial {terms.trials} is taken; the study has {number} trials.")
        raise StudyMissing(f"the study has been deleted from {self._store.place}.")

    def renew(self, worker: str) -> None:
        """Extend all leases of a worker."""

        def extend(connection: Any) -> None:
            until = self._store.now(connection) + self._store.lease_seconds
            query = "UPDATE danlu_lease SET until = %s WHERE study = %s AND worker = %s"
            connection.execute(query, (until, self.number, worker))

        self._store.run(extend)

    def _gone(self, terms: Terms) -> list[str]:
        """Those of the workers that hold what is to be taken which are known to be dead."""
        if not terms.takes:
            return []
        query = "SELECT DISTINCT worker FROM danlu_lease WHERE study = %s AND trial = ANY(%s)"
        trials = [trial for trial, _ in terms.takes]
        rows = self._store.run(lambda c: c.execute(query, (self.number, trials)).fetchall(), alone=True)
        return [worker for (worker,) in rows if dead(worker)]

    def orphans(self, running: Sequence[int]) -> list[int]:
        """Those of the running trials whose lease is absent, expired, or left by a dead worker."""

        def look(connection: Any) -> list[int]:
            now = self._store.now(connection)
            query = "SELECT trial, worker, until FROM danlu_lease WHERE study = %s AND trial = ANY(%s)"
            held = {
                trial: (worker, until)
                for trial, worker, until in connection.execute(query, (self.number, list(running)))
            }
            return [trial for trial in running if trial not in held or _over(*held[trial], now)]

        return self._store.run(look) if running else []

    def held(self) -> list[int]:
        """The trials whose lease is in force."""
        return self._store.run(self.held_by)

    def held_by(self, connection: Any) -> list[int]:
        """``held``, within a transaction."""
        now = self._store.now(connection)
        query = (
            "SELECT trial, worker, until FROM danlu_lease WHERE study = %s AND attempt >= 0 ORDER BY trial"
        )
        rows = connection.execute(query, (self.number,)).fetchall()
        return [trial for trial, worker, until in rows if not _over(worker, until, now)]


def _close(connections: list[Any]) -> None:
    while connections:
        connections.pop().close()


def _over(worker: str, until: float, now: float) -> bool:
    return until < now or dead(worker)


def _flat(pairs: Sequence[tuple[int, int]]) -> list[int]:
    return [number for pair in pairs for number in pair]


def _placed(seq: int, crc: int) -> int:
    """A row's checksum with its place, as ``schema.sql`` makes it."""
    return crc ^ (seq * 2654435761 & 0xFFFFFFFF)


def _without_own(url: str) -> tuple[str, dict[str, str]]:
    """The URL for PostgreSQL, and the parameters in it that are danlu's."""
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query)
    own = {name: value for name, value in pairs if name in _OWN}
    return urlunsplit(parts._replace(query=urlencode([pair for pair in pairs if pair[0] not in _OWN]))), own
