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
import re
import threading
import time
import uuid
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

from ..base.failure import say
from ..base.identity import dead
from ..contracts.protocols import Terms
from ..errors import (
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
from ..journal import events as ev
from ..journal.written import name_of, written
from .connections import Connections
from .memory import fenced
from .seal import busy, checksum, counted, damaged, opened, twice

try:
    import psycopg
    from psycopg.conninfo import conninfo_to_dict, make_conninfo
except ImportError as error:
    raise MissingExtra("the PostgreSQL store", "psycopg", "postgres") from error

SCHEMA = 2
PART = 10_000
"""This many events are read at once: a long journal need not be in memory as a whole."""

STATEMENT_SECONDS = 30
PATIENCE = 60.0
"""Seconds for which a lost connection is sought again before the caller hears of it."""

QUIET = 2.0
"""Seconds after which somebody who waits for a lost connection hears of it."""

TRANSIENT = (
    "starting up",
    "shutting down",
    "recovery mode",
    "too many",
    "remaining connection slots",
    "Temporary failure",
)
"""What a server says that will answer later."""

CUT = (
    "closed the connection",
    "Connection reset",
    "Broken pipe",
    "could not receive data",
    "could not send",
    "SSL SYSCALL",
)
"""What a network says that broke while a first connection was made; so does a port where something else listens."""

CUT_SECONDS = 5.0
"""How long to take it for the network."""

PING_SECONDS = 3
"""How long to wait for a sign of life. libpq waits without end by itself, and psycopg lets no other thread run meanwhile."""

PERMANENT = (
    "authentication failed", "no password supplied", "does not exist", "no pg_hba.conf entry", "permission denied", "not permitted",
    "is not currently accepting", "invalid", "certificate", "does not support SSL", "Name or service not known",
)  # fmt: skip
"""What says that asking again cannot help."""

REMEDY = "Asking again would not help: put the URL, the user or the server right, and run again."

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
        full = url if re.match(r"[a-z]+://", url) else f"postgresql://{url}"
        self.url, own = _without_own(full)
        self._params = parsed(self.url)
        self.place = place_of(self._params)
        self.blobs = own.get("blobs") or str(Path.home() / ".danlu" / folder_of(self._params))
        self.clock, self.patience = clock, patience
        try:
            self.lease_seconds = float(own.get("lease", lease_seconds))
        except ValueError:
            raise StoreError(
                f"lease=... in the URL of {self.place} is a number of seconds, got {own['lease']!r}."
            ) from None
        self._answered = False
        self._local = threading.local()
        self._open = Connections()
        weakref.finalize(self, self._open.close)
        self.run(self._found)

    def __reduce__(self) -> str:
        raise StoreError(
            f"{self!r} cannot be copied or sent: it holds connections, and its URL may hold a password. Give the URL to whoever "
            "needs the store, PostgresStore(url)."
        )

    def __repr__(self) -> str:
        return f"PostgresStore({self.place!r})"

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
        self._open.close()
        self._local = threading.local()

    def run(self, act: Callable[[Any], _Found], *, alone: bool = False) -> _Found:
        """Do something in one transaction, again on a new connection when the old one broke.

        ``alone`` says that it is one statement, which is a transaction by itself and one round trip.

        Raises:
            StoreError: when the database stays away, or refuses.
        """
        began = time.monotonic()
        until, pause, quiet = began + self.patience, 0.05, began + QUIET
        while True:
            try:
                connection = self._connection()
                with contextlib.nullcontext() if alone else connection.transaction():
                    found = act(connection)
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                self._drop()
                now, why = time.monotonic(), self._said(error)
                if not self._worth_waiting(error, now - began):
                    raise StoreError(f"{self.place} cannot be used: {why}. {REMEDY}") from error
                if now + pause > until:
                    raise StoreError(
                        f"{self.place} cannot be reached: {why}. Nothing acknowledged is lost; start the database and run again."
                    ) from error
                if now > quiet:
                    say(
                        f"danlu: {self.place} does not answer, and is asked again for {until - now:.0f} s more: {why}."
                    )
                    quiet = now + 2 * (now - began)
                time.sleep(pause)
                pause = min(2 * pause, 5.0)
            except psycopg.Error as error:
                raise StoreError(f"{self.place} refuses: {self._said(error)}.") from error
            else:
                if quiet > began + QUIET:
                    say(f"danlu: {self.place} answers again.")
                return found

    def _said(self, error: Exception) -> str:
        """What PostgreSQL or its library says, on one line, with no secret in it."""
        said = " ".join(str(error).split())
        for name, value in self._params.items():
            if "password" in name and value:
                said = said.replace(str(value), "***")
        return said.rstrip(".")

    def _worth_waiting(self, error: Exception, waited: float) -> bool:
        """Whether a failure can pass by itself: a server that starts, a network that is away; not a wrong password."""
        if getattr(self._local, "connection", None) is not None or getattr(error, "sqlstate", None):
            return True
        said = str(error)
        if any(word in said for word in TRANSIENT):
            return True
        if waited < CUT_SECONDS and any(word in said for word in CUT):
            return True
        if any(word in said for word in PERMANENT):
            return False
        if self._answered:
            return True
        asked = make_conninfo(**self._params | {"connect_timeout": PING_SECONDS})
        found = psycopg.pq.PGconn.ping(asked.encode())
        if found == psycopg.pq.Ping.NO_RESPONSE:  # on this machine nobody is still on the way
            return any(not _here(host) for host in str(self._params.get("host", "")).split(","))
        return found == psycopg.pq.Ping.REJECT

    def now(self, connection: Any) -> float:
        """Seconds by the clock that all workers share."""
        if self.clock is not None:
            return self.clock()
        (seconds,) = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
        return float(seconds)

    def _connection(self) -> Any:
        held = getattr(self._local, "connection", None)
        if held is None or held.closed or getattr(self._local, "process", 0) != os.getpid():
            held = self._open.take(self._local, self._connect)
            self._local.connection, self._local.process = held, os.getpid()
        return held

    def _connect(self) -> Any:
        limits = f"-c statement_timeout={STATEMENT_SECONDS}s -c lock_timeout={STATEMENT_SECONDS}s"
        own: dict[str, Any] = {"connect_timeout": 10, "keepalives_idle": 30, "application_name": "danlu"}
        asked = f"{limits} {self._params.get('options', '')}".strip()  # what the URL says stands
        made = psycopg.connect(make_conninfo(**own | self._params | {"options": asked}), autocommit=True)
        self._answered = True
        return made

    def _drop(self) -> None:
        held = getattr(self._local, "connection", None)
        self._local.connection = None
        if held is not None:
            self._open.drop(held)

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
        whole, head = (
            not after,
            None if after else self._head(),
        )  # the last events leave no gap behind when they go
        while True:  # numbers have no gaps, so parts that are read one after the other are the whole
            part = (self.number, after, PART)
            rows = self._store.run(lambda c: c.execute(query, part, binary=True).fetchall(), alone=True)  # noqa: B023
            for expected, (seq, op, held, crc) in enumerate(rows, after + 1):
                body = bytes(held)
                if seq != expected or _placed(seq, checksum(0, op, body)) != crc:
                    raise CorruptError(damaged(self._store.place, expected))
                yield ev.Entry(seq, opened(self._store.place, seq, body), op)
            if len(rows) < PART:
                break
            after += len(rows)
        last = after + len(rows)
        if whole and (counted(head) > last or counted(self._head(), last) < last):
            raise CorruptError(damaged(self._store.place, last + 1))

    def _head(self) -> Any:
        """How many events the study has, as its own row says; None without one."""
        query = "SELECT head FROM danlu_study WHERE id = %s"
        row = self._store.run(lambda c: c.execute(query, (self.number,)).fetchone(), alone=True)
        return None if row is None else row[0]

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
            if not connection.execute("SELECT 1 FROM danlu_study WHERE id = %s", (self.number,)).fetchone():
                raise StudyMissing(f"the study has been deleted from {self._store.place}.")

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


def _over(worker: str, until: float, now: float) -> bool:
    return until < now or dead(worker)


def _flat(pairs: Sequence[tuple[int, int]]) -> list[int]:
    return [number for pair in pairs for number in pair]


def _placed(seq: int, crc: int) -> int:
    """A row's checksum with its place, as ``schema.sql`` makes it."""
    return crc ^ (seq * 2654435761 & 0xFFFFFFFF)


def _without_own(url: str) -> tuple[str, dict[str, str]]:
    """The URL for PostgreSQL, letter for letter, and the parameters in it that are danlu's."""
    place, mark, query = url.partition("?")
    pairs = [pair for pair in query.split("&") if pair]
    own = {name: unquote(value) for name, _, value in (pair.partition("=") for pair in pairs) if name in _OWN}
    rest = "&".join(pair for pair in pairs if pair.partition("=")[0] not in _OWN)
    return place + (mark + rest if rest else ""), own


def parsed(url: str) -> dict[str, Any]:
    """The parameters of a connection as libpq reads them from its URL.

    Raises:
        StoreError: when libpq cannot read it; nothing of it that may be secret is shown.

    Example:
        >>> parsed("postgresql:///runs?host=/var/run/postgresql&options=-csearch_path%3Dmine")
        {'dbname': 'runs', 'host': '/var/run/postgresql', 'options': '-csearch_path=mine'}
    """
    if "@" in url.partition("?")[0].partition("://")[2].partition("@")[2]:
        raise StoreError(
            "the URL of a PostgreSQL store has more than one @ before its parameters. Write those of the user and the password as %40, "
            "and a / in them as %2F."
        )
    try:
        found = {name: value for name, value in conninfo_to_dict(url).items() if value is not None}
    except psycopg.Error as error:
        kind = re.sub(r'"[^"]*"', "...", " ".join(str(error).split()))
        raise StoreError(
            f"the URL of a PostgreSQL store cannot be read by libpq ({kind}). It reads postgresql://user:password@host:port/database"
            "?name=value, with what is special in its parts percent-encoded; parameters of danlu are blobs and lease."
        ) from None
    if not all(port.isdecimal() for port in str(found.get("port", "0")).split(",") if port):
        raise StoreError(
            "the URL of a PostgreSQL store has a port that is not a number. Write a / in the user or the password as %2F, an @ as %40."
        )
    return found


def place_of(params: Mapping[str, Any]) -> str:
    """A database as it is shown: where it is, and nothing of who asks.

    Example:
        >>> place_of({"host": "db", "port": "5433", "dbname": "runs", "user": "me", "password": "hush"})
        'postgresql://db:5433/runs'
    """
    host = str(params.get("host") or params.get("hostaddr") or "")
    shown = {name: str(params[name]) for name in ("service", "options") if params.get(name)}
    if host.startswith("/"):
        shown, host = {"host": host, **shown}, ""
    port = f":{params['port']}" if params.get("port") else ""
    query = "&".join(f"{name}={value}" for name, value in shown.items())
    return f"postgresql://{host}{port}/{params.get('dbname') or ''}" + (f"?{query}" if query else "")


def folder_of(params: Mapping[str, Any]) -> str:
    """The name of a database's folder at home: the same whoever asks and however, with whatever password.

    Example:
        >>> one, other = ({"host": "db", "dbname": "runs", "password": word} for word in ("old", "new"))
        >>> folder_of(one) == folder_of(other) != folder_of(one | {"dbname": "else"})
        True
    """
    owner = "" if params.get("dbname") else params.get("user", "")  # whose name the database has, then
    return hashlib.sha256(f"{place_of(params)} {owner}".encode()).hexdigest()[:16]


def _here(host: str) -> bool:
    """Whether a host is this machine."""
    return not host or host.startswith(("/", "@", "127.")) or host in ("localhost", "::1")
