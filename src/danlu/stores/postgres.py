"""A PostgreSQL database: one store for any number of machines.

The small schema of the SQLite store, three tables. An append locks its study's row, checks its terms, takes the next
sequence numbers and commits: numbers have no gaps, and who holds a lease is decided under the same lock. Time is the
server's, so clocks of workers may differ. A connection that breaks is made anew with growing pauses; an append that was cut
off in its commit carries a mark by which the next try sees whether it had arrived.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Iterator, Sequence
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
    StudyExists,
    StudyMissing,
)
from ..core.protocols import Terms
from ..core.worker import dead
from .memory import CLOSED, fenced
from .seal import checksum, damaged

try:
    import psycopg
except ImportError as error:
    raise MissingExtra("the PostgreSQL store", "psycopg", "postgres") from error

SCHEMA = 1
STATEMENT_SECONDS = 30
PATIENCE = 60.0
"""Seconds for which a lost connection is sought again before the caller hears of it."""

_TABLES = """
CREATE TABLE IF NOT EXISTS danlu_schema (version INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS danlu_study (id BIGSERIAL PRIMARY KEY, name TEXT NOT NULL UNIQUE,
    head BIGINT NOT NULL DEFAULT 0, trials BIGINT NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS danlu_event (study BIGINT NOT NULL REFERENCES danlu_study, seq BIGINT NOT NULL, op TEXT,
    mark UUID, body BYTEA NOT NULL, crc BIGINT NOT NULL, PRIMARY KEY (study, seq));
CREATE UNIQUE INDEX IF NOT EXISTS danlu_event_op ON danlu_event (study, op) WHERE op IS NOT NULL;
CREATE UNIQUE INDEX IF NOT EXISTS danlu_event_mark ON danlu_event (study, mark) WHERE mark IS NOT NULL;
CREATE TABLE IF NOT EXISTS danlu_lease (study BIGINT NOT NULL REFERENCES danlu_study, trial BIGINT NOT NULL,
    attempt BIGINT NOT NULL, worker TEXT NOT NULL, until DOUBLE PRECISION NOT NULL, PRIMARY KEY (study, trial));
"""
_OWN = ("blobs", "lease")
_FOUNDING = 0x64616E6C  # "danl": the advisory lock under which the tables are made
_Found = TypeVar("_Found")


class PostgresStore:
    """Journals in a PostgreSQL database (12 or newer); checkpoints in a folder that all workers see.

    A role needs ``CREATE`` on its schema once, and from then on ``SELECT, INSERT, UPDATE, DELETE`` on the four
    ``danlu_`` tables and ``USAGE`` on the sequence ``danlu_study_id_seq``.

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
        body = ev.encode(event)

        def make(connection: Any) -> int:
            row = connection.execute(
                "INSERT INTO danlu_study (name, head) VALUES (%s, 1) ON CONFLICT (name) DO NOTHING RETURNING id",
                (name,),
            ).fetchone()
            if row is None:
                raise StudyExists(f"there is a study {name!r} in {self.place} already. Choose another name.")
            _insert(connection, row[0], 1, None, body, None)
            return int(row[0])

        return PostgresJournal(self, self.run(make))

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

    def run(self, act: Callable[[Any], _Found]) -> _Found:
        """Do something in one transaction, again on a new connection when the old one broke.

        Raises:
            StoreError: when the database stays away, or refuses.
        """
        until, pause = time.monotonic() + self.patience, 0.05
        while True:
            try:
                connection = self._connection()
                with connection.transaction():
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
            for statement in _TABLES.split(";")[:-1]:
                connection.execute(statement)
        row = connection.execute("SELECT version FROM danlu_schema").fetchone()
        if row is None:
            connection.execute("INSERT INTO danlu_schema VALUES (%s)", (SCHEMA,))
        elif row[0] > SCHEMA:
            raise SchemaError(
                f"{self.place} has schema {row[0]}, this danlu reads up to {SCHEMA}. Upgrade danlu."
            )


class PostgresJournal:
    """One study's events in the database."""

    def __init__(self, store: PostgresStore, study: int) -> None:
        self._store = store
        self._study = study

    def read(self, after: int) -> Iterator[ev.Entry]:
        """All entries above ``after``, checksums compared."""
        query = "SELECT seq, op, body, crc FROM danlu_event WHERE study = %s AND seq > %s ORDER BY seq"
        rows = self._store.run(lambda c: c.execute(query, (self._study, after), binary=True).fetchall())
        for expected, (seq, op, held, crc) in enumerate(rows, after + 1):
            body = bytes(held)
            if seq != expected or checksum(seq, op, body) != crc:
                raise CorruptError(damaged(self._store.place, expected))
            yield ev.Entry(seq, ev.decode(body), op)

    def append(self, events: Sequence[tuple[str | None, ev.Event]], terms: Terms) -> tuple[int, bool]:
        """Append as one, on these terms."""
        bodies = [(op, ev.encode(event)) for op, event in events]
        asked = sum(isinstance(event, ev.Asked) for _, event in events)
        mark = uuid.uuid4()
        return self._store.run(lambda connection: self._append(connection, bodies, asked, terms, mark))

    def renew(self, worker: str) -> None:
        """Extend all leases of a worker."""

        def extend(connection: Any) -> None:
            until = self._store.now(connection) + self._store.lease_seconds
            query = "UPDATE danlu_lease SET until = %s WHERE study = %s AND worker = %s"
            connection.execute(query, (until, self._study, worker))

        self._store.run(extend)

    def orphans(self, running: Sequence[int]) -> list[int]:
        """Those of the running trials whose lease is absent, expired, or left by a dead worker."""

        def look(connection: Any) -> list[int]:
            now = self._store.now(connection)
            query = "SELECT trial, worker, until FROM danlu_lease WHERE study = %s AND trial = ANY(%s)"
            held = {
                trial: (worker, until)
                for trial, worker, until in connection.execute(query, (self._study, list(running)))
            }
            return [trial for trial in running if trial not in held or _over(*held[trial], now)]

        return self._store.run(look) if running else []

    def _append(
        self,
        connection: Any,
        bodies: list[tuple[str | None, bytes]],
        asked: int,
        terms: Terms,
        mark: uuid.UUID,
    ) -> tuple[int, bool]:
        study = self._study
        row = connection.execute(
            "SELECT head, trials FROM danlu_study WHERE id = %s FOR UPDATE", (study,)
        ).fetchone()
        if row is None:
            raise StudyMissing(f"the study is gone from {self._store.place}.")
        head, trials = row
        arrived = connection.execute(
            "SELECT seq FROM danlu_event WHERE study = %s AND mark = %s", (study, mark)
        ).fetchone()
        if arrived is not None:  # the try before was cut off after its commit
            return int(arrived[0]) + len(bodies) - 1, True
        if bodies[0][0] is not None:
            known = connection.execute(
                "SELECT seq FROM danlu_event WHERE study = %s AND op = %s", (study, bodies[0][0])
            ).fetchone()
            if known is not None:
                return int(known[0]), False
        if terms.trials is not None and terms.trials != trials:
            raise Outrun(f"trial {terms.trials} is taken; the study has {trials} trials.")
        now = self._store.now(connection)
        self._check_leases(connection, terms, now)
        for position, (op, body) in enumerate(bodies):
            head += 1
            _insert(connection, study, head, op, body, None if position else mark)
        connection.execute(
            "UPDATE danlu_study SET head = %s, trials = trials + %s WHERE id = %s", (head, asked, study)
        )
        for trial in terms.drops:
            connection.execute("DELETE FROM danlu_lease WHERE study = %s AND trial = %s", (study, trial))
        grants = [
            (trial, attempt, terms.worker, now + self._store.lease_seconds) for trial, attempt in terms.grants
        ]
        for lease in (*grants, *((trial, *CLOSED) for trial in terms.closes)):
            connection.execute(
                "INSERT INTO danlu_lease VALUES (%s, %s, %s, %s, %s) ON CONFLICT (study, trial) DO UPDATE SET "
                "attempt = excluded.attempt, worker = excluded.worker, until = excluded.until",
                (study, *lease),
            )
        return int(head), True

    def _check_leases(self, connection: Any, terms: Terms, now: float) -> None:
        query = "SELECT attempt, worker, until FROM danlu_lease WHERE study = %s AND trial = %s"
        for trial, attempt in terms.holds:
            held = connection.execute(query, (self._study, trial)).fetchone()
            if held is None or held[0] != attempt:
                raise Fenced(fenced(trial, attempt))
        for trial, attempt in terms.takes:
            held = connection.execute(query, (self._study, trial)).fetchone()
            if held is not None and (held[0] != attempt or not _over(held[1], held[2], now)):
                raise Outrun(f"trial {trial} is held by another worker.")


def _close(connections: list[Any]) -> None:
    while connections:
        connections.pop().close()


def _over(worker: str, until: float, now: float) -> bool:
    return until < now or dead(worker)


def _insert(
    connection: Any, study: int, seq: int, op: str | None, body: bytes, mark: uuid.UUID | None
) -> None:
    connection.execute(
        "INSERT INTO danlu_event (study, seq, op, mark, body, crc) VALUES (%s, %s, %s, %s, %s, %s)",
        (study, seq, op, mark, body, checksum(seq, op, body)),
    )


def _without_own(url: str) -> tuple[str, dict[str, str]]:
    """The URL for PostgreSQL, and the parameters in it that are danlu's."""
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query)
    own = {name: value for name, value in pairs if name in _OWN}
    return urlunsplit(parts._replace(query=urlencode([pair for pair in pairs if pair[0] not in _OWN]))), own
