"""The connections to a PostgreSQL server, one a thread: made anew with growing pauses when they break, and given up where that cannot help."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ..base.failure import say
from ..errors import MissingExtra, StoreError
from .connections import Connections

try:
    import psycopg
    from psycopg.conninfo import make_conninfo
except ImportError as error:
    raise MissingExtra("the PostgreSQL store", "psycopg", "postgres") from error

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

_Found = TypeVar("_Found")


class PostgresServer:
    """A database, as the threads of this process reach it.

    Args:
        params: how it is reached, by libpq's names.
        place: how it is shown.
        clock: seconds that never go back, the same for all; None for the server's own.
        patience: seconds for which a lost connection is sought again.
    """

    def __init__(
        self, params: Mapping[str, Any], place: str, clock: Callable[[], float] | None, patience: float
    ) -> None:
        self.place = place
        self._params = dict(params)
        self._clock, self._patience = clock, patience
        self._answered = False
        self._local = threading.local()
        self._open = Connections()
        weakref.finalize(self, self._open.close)

    def close(self) -> None:
        """Close all connections."""
        self._open.close()
        self._local = threading.local()

    def run(self, act: Callable[[Any], _Found], *, alone: bool = False) -> _Found:
        """Do something in one transaction, again on a new connection when the old one broke.

        ``alone`` says that it is one statement, which is a transaction by itself and one round trip.

        Raises:
            StoreError: when the database stays away, or refuses.
        """
        began = time.monotonic()
        until, pause, quiet = began + self._patience, 0.05, began + QUIET
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
        if self._clock is not None:
            return self._clock()
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


def _here(host: str) -> bool:
    """Whether a host is this machine."""
    return not host or host.startswith(("/", "@", "127.")) or host in ("localhost", "::1")
