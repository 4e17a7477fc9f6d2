"""A study's events in a SQLite file.

Each append checks its terms, takes the study's next sequence numbers and writes, in one transaction. Results told are synced to
disk before the call returns (``synchronous=FULL``), the rest survives a killed process but may be lost with the power (``NORMAL``).
Each row carries a CRC-32 of its bytes, of its place and of its study, so damage is found instead of believed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..base.identity import dead, same_clock
from ..contracts.protocols import Terms
from ..errors import CorruptError, Fenced, Outrun, StoreError, StudyMissing
from ..journal import events as ev
from ..journal.written import written
from .memory import CLOSED, fenced
from .seal import checksum, counted, damaged, opened, unsealed
from .sqlite_file import DAMAGE, SqliteFile, Transaction

OBSTACLES = (
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM
)  # fmt: skip
"""Codes of errors that say nothing of the file's content."""


class SqliteJournal:
    """One study's events in the file."""

    def __init__(
        self, file: SqliteFile, study: int, lease_seconds: float, clock: Callable[[], float]
    ) -> None:
        self._file = file
        self._lease_seconds, self._clock = lease_seconds, clock
        self.number = study
        self._seal: int | None = None
        self._foreign: dict[int, tuple[tuple[str, float] | None, float]] = {}

    def read(self, after: int) -> Iterator[ev.Entry]:
        """All entries above ``after``, checksums compared."""
        query = "SELECT seq, op, body, crc FROM event WHERE study = ? AND seq > ? ORDER BY seq"
        expected = after
        self._file.watch(reading=True)
        try:
            seal = self._sealed() if after else 0
            head = None if after else self._head()  # the last events leave no gap behind when they go
            rows = self._file.connection().execute(query, (self.number, after))
            for seq, op, body, crc in rows:
                expected += 1
                typed = type(body) is bytes and (op is None or type(op) is str)
                if seq == expected == 1 and typed:
                    seal = self._learned(op, body, crc)
                    self._file.watch(reading=True, began=(self.number, crc))
                if seq != expected or not typed or checksum(seq, op, body, seal) != crc:
                    raise CorruptError(damaged(self._file.path, expected))
                yield ev.Entry(seq, opened(self._file.path, seq, body), op)
            if not after and (
                counted(head) > expected or counted(self._head(), bool(head) * expected) < expected
            ):
                raise CorruptError(damaged(self._file.path, expected + 1))
        except DAMAGE as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in OBSTACLES:
                raise StoreError(
                    f"{self._file.path} cannot be read: {error}. What is in it is as it was; end what holds or limits the file, and "
                    "make the same call again."
                ) from error
            raise CorruptError(damaged(self._file.path, expected + 1)) from error

    def _sealed(self) -> int:
        """The seal of the study, which its first row carries.

        Raises:
            CorruptError: when that is damaged.
        """
        if self._seal is not None:
            return self._seal
        query = "SELECT op, body, crc FROM event WHERE study = ? AND seq = 1"
        row = self._file.connection().execute(query, (self.number,)).fetchone()
        if row is None:  # the study is gone, as whoever asks will hear
            return 0
        op, body, crc = row
        if type(body) is not bytes or not (op is None or type(op) is str):
            raise CorruptError(damaged(self._file.path, 1))
        return self._learned(op, body, crc)

    def _learned(self, op: str | None, body: bytes, crc: Any) -> int:
        found = crc if type(crc) is int else -1  # that no checksum is
        self._seal = unsealed(self._file.path, self.number, body, checksum(1, op, body), found)
        return self._seal

    def _head(self) -> Any:
        """How many events the study has, as its own row says; None without one."""
        row = (
            self._file.connection().execute("SELECT head FROM study WHERE id = ?", (self.number,)).fetchone()
        )
        return None if row is None else row[0]

    def append(self, events: Sequence[tuple[str | None, ev.Event]], terms: Terms) -> tuple[int, bool]:
        """Append as one, on these terms."""
        bodies = written(events)
        self._file.writable()
        asked = sum(isinstance(event, ev.Asked) for _, event in events)
        connection = self._file.connection()
        if terms.durable:
            connection.execute("PRAGMA synchronous = FULL")
        try:
            with Transaction(connection):
                appended = self._append(connection, bodies, asked, terms)
        except DAMAGE as error:
            raise StoreError(
                f"{self._file.path} cannot be written: {error}. Nothing acknowledged is lost; make room, "
                "or end what holds the file, and go on."
            ) from error
        finally:
            if terms.durable:
                connection.execute("PRAGMA synchronous = NORMAL")
        self._file.written()
        self._file.watch()  # after the commit: what is saved elsewhere has these events too
        return appended

    def renew(self, worker: str) -> None:
        """Extend all leases of a worker."""
        until = self._clock() + self._lease_seconds
        query = "UPDATE lease SET until = ? WHERE study = ? AND worker = ?"
        with self._file.readable():
            changed = self._file.connection().execute(query, (until, self.number, worker)).rowcount
            there = changed or self._there()
        self._file.watch()
        if not there:
            raise StudyMissing(f"the study has been deleted from {self._file.path}.")

    def _there(self) -> bool:
        query = "SELECT 1 FROM study WHERE id = ?"
        return self._file.connection().execute(query, (self.number,)).fetchone() is not None

    def orphans(self, running: Sequence[int]) -> list[int]:
        """Those of the running trials whose lease is absent, expired, or left by a dead worker."""
        connection = self._file.connection()
        query = "SELECT worker, until FROM lease WHERE study = ? AND trial = ?"
        with self._file.readable():
            leases = [
                (trial, connection.execute(query, (self.number, trial)).fetchone()) for trial in running
            ]
        return [trial for trial, lease in leases if lease is None or self._over(trial, *lease)]

    def held(self) -> list[int]:
        """The trials whose lease is in force."""
        query = "SELECT trial, worker, until FROM lease WHERE study = ? AND attempt >= 0 ORDER BY trial"
        with self._file.readable():
            leases = self._file.connection().execute(query, (self.number,)).fetchall()
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
            raise StudyMissing(f"the study has been deleted from {self._file.path}.")
        head, trials = found
        if terms.trials is not None and terms.trials != trials:
            raise Outrun(f"trial {terms.trials} is taken; the study has {trials} trials.")
        self._check_leases(connection, terms)
        seal = self._sealed()
        for op, body in bodies:
            head += 1
            insert(connection, study, head, op, body, seal)
        connection.execute(
            "UPDATE study SET head = ?, trials = trials + ? WHERE id = ?", (head, asked, study)
        )
        for trial in terms.drops:
            connection.execute("DELETE FROM lease WHERE study = ? AND trial = ?", (study, trial))
        until = self._clock() + self._lease_seconds
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
        now = self._clock()
        if same_clock(worker):
            return until < now or dead(worker)
        lease, since = self._foreign.get(trial, (None, now))
        if lease != (worker, until):
            self._foreign[trial], since = ((worker, until), now), now
        return now - since > self._lease_seconds


def insert(
    connection: sqlite3.Connection, study: int, seq: int, op: str | None, body: bytes, seal: int
) -> None:
    """Write one row."""
    connection.execute(
        "INSERT INTO event VALUES (?, ?, ?, ?, ?)", (study, seq, op, body, checksum(seq, op, body, seal))
    )
