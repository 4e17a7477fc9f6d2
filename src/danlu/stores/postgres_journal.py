"""A study's events in a PostgreSQL database."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..base.identity import dead
from ..contracts.protocols import Terms
from ..errors import CorruptError, Fenced, Outrun, StudyMissing
from ..journal import events as ev
from ..journal.written import written
from .memory import fenced
from .postgres_server import PostgresServer
from .seal import checksum, counted, damaged, opened, unsealed

PART = 10_000
"""This many events are read at once: a long journal need not be in memory as a whole."""

_APPEND = "SELECT * FROM danlu_append(" + "%s, " * 15 + "%s)"


class PostgresJournal:
    """One study's events in the database."""

    def __init__(
        self,
        server: PostgresServer,
        study: int,
        lease_seconds: float,
        clock: Callable[[], float] | None,
        use: Callable[[], None],
    ) -> None:
        self._server = server
        self._lease_seconds, self._clock, self._use = lease_seconds, clock, use
        self.number = study
        self._seal: int | None = None

    def read(self, after: int) -> Iterator[ev.Entry]:
        """All entries above ``after``, checksums compared."""
        query = (
            "SELECT seq, op, body, crc FROM danlu_event WHERE study = %s AND seq > %s ORDER BY seq LIMIT %s"
        )
        whole, head = (
            not after,
            None if after else self._head(),
        )  # the last events leave no gap behind when they go
        seal = self._sealed() if after else 0
        while True:  # numbers have no gaps, so parts that are read one after the other are the whole
            part = (self.number, after, PART)
            rows = self._server.run(lambda c: c.execute(query, part, binary=True).fetchall(), alone=True)  # noqa: B023
            for expected, (seq, op, held, crc) in enumerate(rows, after + 1):
                body = bytes(held)
                if seq == expected == 1:
                    seal = self._learned(op, body, crc)
                if seq != expected or placed(seq, checksum(0, op, body, seal)) != crc:
                    raise CorruptError(damaged(self._server.place, expected))
                yield ev.Entry(seq, opened(self._server.place, seq, body), op)
            if len(rows) < PART:
                break
            after += len(rows)
        last = after + len(rows)
        if whole and (counted(head) > last or counted(self._head(), last) < last):
            raise CorruptError(damaged(self._server.place, last + 1))

    def _sealed(self) -> int:
        """The seal of the study, which its first row carries.

        Raises:
            CorruptError: when that is damaged.
        """
        if self._seal is not None:
            return self._seal
        query = "SELECT op, body, crc FROM danlu_event WHERE study = %s AND seq = 1"
        row = self._server.run(lambda c: c.execute(query, (self.number,), binary=True).fetchone(), alone=True)
        return (
            0 if row is None else self._learned(row[0], bytes(row[1]), row[2])
        )  # of none whoever asks will hear

    def _learned(self, op: str | None, body: bytes, crc: int) -> int:
        self._seal = unsealed(self._server.place, self.number, body, placed(1, checksum(0, op, body)), crc)
        return self._seal

    def _head(self) -> Any:
        """How many events the study has, as its own row says; None without one."""
        query = "SELECT head FROM danlu_study WHERE id = %s"
        row = self._server.run(lambda c: c.execute(query, (self.number,)).fetchone(), alone=True)
        return None if row is None else row[0]

    def append(self, events: Sequence[tuple[str | None, ev.Event]], terms: Terms) -> tuple[int, bool]:
        """Append as one, on these terms."""
        self._use()
        pairs = written(events)
        ops, bodies = [op for op, _ in pairs], [body for _, body in pairs]
        seal = self._sealed()
        crcs = [checksum(0, op, body, seal) for op, body in zip(ops, bodies, strict=True)]
        asked = sum(isinstance(event, ev.Asked) for _, event in events)
        clock, lease = self._clock, self._lease_seconds
        given = (
            self.number, uuid.uuid4(), ops, bodies, crcs, asked, terms.trials, _flat(terms.holds), _flat(terms.takes),
            self._gone(terms), _flat(terms.grants), list(terms.drops), list(terms.closes), terms.worker, lease,
            None if clock is None else clock(),
        )  # fmt: skip
        word, number = self._server.run(lambda c: c.execute(_APPEND, given).fetchone(), alone=True)
        match word:
            case "written" | "known":
                return int(number), word == "written"
            case "fenced":
                raise Fenced(fenced(number, dict(terms.holds)[number]))
            case "held":
                raise Outrun(f"trial {number} is held by another worker.")
            case "trials":
                raise Outrun(f"trial {terms.trials} is taken; the study has {number} trials.")
        raise StudyMissing(f"the study has been deleted from {self._server.place}.")

    def renew(self, worker: str) -> None:
        """Extend all leases of a worker."""

        def extend(connection: Any) -> None:
            until = self._server.now(connection) + self._lease_seconds
            query = "UPDATE danlu_lease SET until = %s WHERE study = %s AND worker = %s"
            connection.execute(query, (until, self.number, worker))
            if not connection.execute("SELECT 1 FROM danlu_study WHERE id = %s", (self.number,)).fetchone():
                raise StudyMissing(f"the study has been deleted from {self._server.place}.")

        self._server.run(extend)

    def _gone(self, terms: Terms) -> list[str]:
        """Those of the workers that hold what is to be taken which are known to be dead."""
        if not terms.takes:
            return []
        query = "SELECT DISTINCT worker FROM danlu_lease WHERE study = %s AND trial = ANY(%s)"
        trials = [trial for trial, _ in terms.takes]
        rows = self._server.run(lambda c: c.execute(query, (self.number, trials)).fetchall(), alone=True)
        return [worker for (worker,) in rows if dead(worker)]

    def orphans(self, running: Sequence[int]) -> list[int]:
        """Those of the running trials whose lease is absent, expired, or left by a dead worker."""

        def look(connection: Any) -> list[int]:
            now = self._server.now(connection)
            query = "SELECT trial, worker, until FROM danlu_lease WHERE study = %s AND trial = ANY(%s)"
            held = {
                trial: (worker, until)
                for trial, worker, until in connection.execute(query, (self.number, list(running)))
            }
            return [trial for trial in running if trial not in held or _over(*held[trial], now)]

        return self._server.run(look) if running else []

    def held(self) -> list[int]:
        """The trials whose lease is in force."""
        return self._server.run(self.held_by)

    def held_by(self, connection: Any) -> list[int]:
        """``held``, within a transaction."""
        now = self._server.now(connection)
        query = (
            "SELECT trial, worker, until FROM danlu_lease WHERE study = %s AND attempt >= 0 ORDER BY trial"
        )
        rows = connection.execute(query, (self.number,)).fetchall()
        return [trial for trial, worker, until in rows if not _over(worker, until, now)]


def _over(worker: str, until: float, now: float) -> bool:
    return until < now or dead(worker)


def _flat(pairs: Sequence[tuple[int, int]]) -> list[int]:
    return [number for pair in pairs for number in pair]


def placed(seq: int, crc: int) -> int:
    """A row's checksum with its place, as ``schema.sql`` makes it."""
    return crc ^ (seq * 2654435761 & 0xFFFFFFFF)
