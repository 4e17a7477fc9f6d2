"""A PostgreSQL database: one store for any number of machines.

The small schema of the SQLite store, three tables, and one function (``schema.sql``) that appends in one round trip: it locks
the study's row, checks the terms, takes the next sequence numbers. So numbers have no gaps, and who holds a lease is decided
under the same lock. Time is the
server's, so clocks of workers may differ. A connection that breaks is made anew with growing pauses; an append that was cut
off in its commit carries a mark by which the next try sees whether it had arrived.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ..errors import CorruptError, SchemaError, StoreError, StudyBusy, StudyExists, StudyMissing
from ..journal import events as ev
from ..journal.written import name_of, written
from . import sharing
from .postgres_journal import PostgresJournal, placed
from .postgres_server import PATIENCE, PostgresServer
from .postgres_url import folder_of, parsed, place_of, without_own
from .seal import busy, checksum, seal_of, twice

SCHEMA = 2
_FOUNDING = 0x64616E6C  # "danl": the advisory lock under which the tables are made


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

    Attributes:
        server: the connections of this process.

    Raises:
        StoreError: when the database cannot be reached.
        SchemaError: when a newer danlu wrote it.
    """

    def __init__(
        self, url: str, *, lease_seconds: float = 60.0, clock: Callable[[], float] | None = None,
        patience: float = PATIENCE,
    ) -> None:  # fmt: skip
        full = url if re.match(r"[a-z]+://", url) else f"postgresql://{url}"
        self.url, own = without_own(full)
        params = parsed(self.url)
        self.place = place_of(params)
        self.blobs = own.get("blobs") or str(Path.home() / ".danlu" / folder_of(params))
        self.clock = clock
        try:
            self.lease_seconds = float(own.get("lease", lease_seconds))
        except ValueError:
            raise StoreError(
                f"lease=... in the URL of {self.place} is a number of seconds, got {own['lease']!r}."
            ) from None
        self._uses = False
        self.server = PostgresServer(params, self.place, clock, patience)
        self.server.run(self._found)

    def __reduce__(self) -> str:
        raise StoreError(
            f"{self!r} cannot be copied or sent: it holds connections, and its URL may hold a password. Give the URL to whoever "
            "needs the store, PostgresStore(url)."
        )

    def __repr__(self) -> str:
        return f"PostgresStore({self.place!r})"

    def studies(self) -> list[str]:
        """The names of all studies, in order of creation."""
        return self.server.run(
            lambda c: [name for (name,) in c.execute("SELECT name FROM danlu_study ORDER BY id")]
        )

    def create(self, name: str, event: ev.Event) -> PostgresJournal:
        """A new study with its first event."""
        return self.adopt(name, [(None, event)])

    def adopt(self, name: str, events: Iterable[tuple[str | None, ev.Event]]) -> PostgresJournal:
        """A new study with all these events, in one transaction."""
        name_of(name)
        self._use()
        given = list(events)  # a transaction may have to be made again
        trials = sum(isinstance(event, ev.Asked) for _, event in given)
        rows = [(seq, op, body) for seq, (op, body) in enumerate(written(given), 1)]

        def make(connection: Any) -> int:
            found = connection.execute(
                "INSERT INTO danlu_study (name, head, trials) VALUES (%s, %s, %s) ON CONFLICT (name) DO NOTHING RETURNING id",
                (name, len(rows), trials),
            ).fetchone()
            if found is None:
                raise StudyExists(f"there is a study {name!r} in {self.place} already. Choose another name.")
            number = int(found[0])
            seal = seal_of(number, rows[0][2]) if rows else 0
            with connection.cursor() as cursor:
                cursor.executemany(
                    "INSERT INTO danlu_event (study, seq, op, body, crc) VALUES (%s, %s, %s, %s, %s)",
                    [
                        (number, seq, op, body, placed(seq, checksum(0, op, body, seal)))
                        for seq, op, body in rows
                    ],
                )
            return number

        operations = [op for _, op, _ in rows if op is not None]
        if len(set(operations)) < len(operations):
            raise CorruptError(twice(next(op for op in operations if operations.count(op) > 1)))
        return self._journal(self.server.run(make))

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

        self.server.run(remove)

    def journal(self, name: str) -> PostgresJournal:
        """The journal of an existing study."""
        row = self.server.run(
            lambda c: c.execute("SELECT id FROM danlu_study WHERE name = %s", (name,)).fetchone()
        )
        if row is None:
            there = ", ".join(self.studies()) or "none"
            raise StudyMissing(f"there is no study {name!r} in {self.place}. There are: {there}.")
        return self._journal(row[0])

    def close(self) -> None:
        """Close all connections of this store."""
        self.server.close()

    def _journal(self, number: int) -> PostgresJournal:
        return PostgresJournal(self.server, number, self.lease_seconds, self.clock, self._use)

    def _use(self) -> None:
        """Have the folder of the checkpoints say that this database uses it, before it does."""
        if not self._uses:
            sharing.use(self.blobs, repr(self))
        self._uses = True

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
