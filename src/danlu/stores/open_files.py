"""The descriptors by which this process has SQLite databases open: seen when other code closes them or takes their numbers.

An objective that runs in the study's own process may close whatever is open there, or close one of its own files twice, which by then
is another one. SQLite would go on with the number, and write into whatever file has it next. No number that another file has is ever
touched.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from ..errors import StoreError
from .connections import PROCESS

try:
    import fcntl
except ImportError:  # Windows, where a file that is open cannot be closed by its number alone
    fcntl = None  # type: ignore[assignment]

LISTED = (Path("/proc/self/fd"), Path("/dev/fd"))
"""Where the system lists a process's descriptors; elsewhere the numbers below ``MANY`` are tried."""

MANY = 256

RESTING = {"": (0x40000002, 510), "-shm": (128, 1)}
"""Which bytes of its files an idle connection to a database with a log holds a shared lock on: first one, how many (``os_unix.c``)."""

LOCK_SECONDS = 60.0

File = tuple[int, int]
"""Device and number of a file."""

_OWNED: set[int] = set()
"""The numbers that connections of this process are known to have; those that come while the lock is held are one's own."""


class OpenFiles:
    """Which numbers lead to a database, its log and the log's index, connection by connection.

    Args:
        path: the database's.
    """

    def __init__(self, path: Path) -> None:
        self._paths = {end: path.with_name(path.name + end) for end in ("", "-wal", "-shm")}
        self._path = path
        self._process = os.getpid()
        self._known: dict[int, tuple[sqlite3.Connection, dict[int, File]]] = {}
        self._index: dict[int, File] = {}
        self._expected: list[tuple[int, File]] = []  # all of these, as one list to look at before each use
        self._lost: set[int] = set()  # of objects that are kept for ever
        self._kept: list[int] = []

    def open(self, connect: Callable[[], sqlite3.Connection]) -> sqlite3.Connection:
        """Connect, and learn by which numbers."""
        self._leave()
        with PROCESS.lock:
            before = self._leading()
            found = connect()
            self._known[id(found)] = found, {}
            self.learn(found, before)
        return found

    def learn(self, connection: sqlite3.Connection, before: dict[str, dict[int, File]] | None = None) -> None:
        """Find out what else a connection has opened since."""
        before = before or {}
        with PROCESS.lock:
            after = self._leading()
            own = {**_only(after, before, ""), **_only(after, before, "-wal")}
            self._known[id(connection)][1].update(own)
            self._index = self._index or _only(after, before, "-shm")
            _OWNED.update(own)
            self._expect()

    def close(self, connection: sqlite3.Connection) -> None:
        """Close a connection, whose numbers are anybody's then; one that is lost is let be."""
        if id(connection) in self._lost:
            return
        with PROCESS.lock:
            self._forget(connection)
            connection.close()

    def _forget(self, connection: sqlite3.Connection) -> None:
        _, own = self._known.pop(id(connection), (connection, {}))
        _OWNED.difference_update(own)
        if not self._known:  # the index is shared by all, and goes with the last
            self._index = {}
        self._expect()

    def as_known(self) -> bool:
        """Whether each number leads where it did; looked at before each use of a database, so it costs a few microseconds."""
        self._leave()
        try:
            for number, (device, inode) in self._expected:
                found = os.fstat(number)
                if found.st_ino != inode or found.st_dev != device:
                    return False
        except OSError:
            return False
        return True

    def has(self, connection: sqlite3.Connection) -> bool:
        """Whether this connection is of this process, and no number of it has been given to another file."""
        return id(connection) in self._known

    def mend(self) -> bool:
        """Open again those that were closed, where they were, and give up connections whose number has another file now.

        Returns:
            Whether there was one: between two looks a thread may have ended, and closed its own.

        The locks of all connections on a file are gone with the first descriptor of it that is closed, and are taken again.

        Raises:
            StoreError: when the log's index cannot be reached any more, as another file has its number.
        """
        with PROCESS.lock:
            wrong = {
                number: file
                for own in self._numbered()
                for number, file in own.items()
                if _file(number) != file
            }
            for number, file in wrong.items():
                if not self._again(number, file):
                    self._give_up(number)
            for end, (start, length) in RESTING.items():
                if _file(self._paths[end]) in wrong.values():
                    self._lock(end, start, length)
        return bool(wrong)

    def _numbered(self) -> list[dict[int, File]]:
        return [own for _, own in list(self._known.values())] + [self._index]

    def _expect(self) -> None:
        """Keep what ``as_known`` compares; in a new list, as other threads may be at the old one."""
        self._expected = [pair for own in self._numbered() for pair in own.items()]

    def _leave(self) -> None:
        """In a fork these are the parent's connections, which the child may close as it likes."""
        if self._process != os.getpid():
            self._process, self._known, self._index = os.getpid(), {}, {}
            _OWNED.clear()
            self._expect()

    def _leading(self) -> dict[str, dict[int, File]]:
        """The numbers that lead to each of the files, without those that another connection is known to have."""
        found: dict[str, dict[int, File]] = {}
        ends = {file: end for end, path in self._paths.items() if (file := _file(path)) is not None}
        for number in _numbers():
            file = _file(number)
            if file in ends and number not in _OWNED and _writes(number):
                found.setdefault(ends[file], {})[number] = file
        return found

    def _again(self, number: int, file: File) -> bool:
        """Open the file where it was, if nobody has that number; never over somebody else's."""
        path = next((path for path in self._paths.values() if _file(path) == file), None)
        if path is None or _file(number) is not None:
            return False
        try:
            source = _opened(path)
            if source == number:
                return True
            found = fcntl.fcntl(source, fcntl.F_DUPFD_CLOEXEC, number)  # the first free one from there on
            os.close(source)
        except OSError as error:
            raise StoreError(
                f"{self._path} was closed by other code of this process, and cannot be opened again: {error}. What was "
                "acknowledged is in it; end this process, and run the same call again."
            ) from error
        if found != number:
            os.close(found)
        return found == number

    def _give_up(self, number: int) -> None:
        """Let be the connection that had this number."""
        if number in self._index:
            raise StoreError(
                f"other code of this process has closed {self._paths['-shm'].name}, which {self._path} is used by, and descriptor "
                f"{number}, that it had, leads to {_shown(number)} now. Nothing that was acknowledged is lost and nothing was written "
                "into that file, but this process cannot use the store any more. Have the objective run outside it "
                "(engine='pool'), or mend what closes files that it did not open, and run the same call again."
            )
        for connection in [each for each, own in self._known.values() if number in own]:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))  # not even Python's end closes it
            self._lost.add(id(connection))
            index = self._index
            self._forget(connection)
            self._index = index
            self._expect()

    def _lock(self, end: str, start: int, length: int) -> None:
        """Take again the lock that SQLite believes it holds."""
        wanted, until = _file(self._paths[end]), time.monotonic() + LOCK_SECONDS
        numbers = [number for own in self._numbered() for number, file in own.items() if file == wanted]
        if not numbers:  # of connections that are given up alone; kept, as closing it would end the lock
            self._kept.append(_opened(self._paths[end]))
            numbers = self._kept[-1:]
        while True:
            try:
                fcntl.lockf(numbers[0], fcntl.LOCK_SH | fcntl.LOCK_NB, length, start)
            except OSError:
                if time.monotonic() > until:
                    raise
                time.sleep(0.01)
            else:
                return


def _only(after: dict[str, dict[int, File]], before: dict[str, dict[int, File]], end: str) -> dict[int, File]:
    """The one that came, or else the only one there is, which SQLite had kept; none where that leaves a choice."""
    there = after.get(end, {})
    came = {
        number: file for number, file in there.items() if before.get(end, {}).get(number) != file
    } or there
    return came if len(came) == 1 else {}


def _numbers() -> list[int]:
    for folder in LISTED:
        with contextlib.suppress(OSError):
            return [int(name) for name in os.listdir(folder) if name.isdecimal()]  # noqa: PTH208 - names alone
    return list(range(3, MANY if fcntl else 0))


def _writes(number: int) -> bool:
    """Whether it is open for writing, as those of the connections are; a look at the disk by itself is not."""
    try:
        return fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDWR
    except OSError:
        return False


def _opened(path: Path) -> int:
    """A descriptor above those of the three streams, which may be closed too: what is printed must not land in a database."""
    low: list[int] = []
    while (number := os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)) < 3:
        low.append(number)
    os.close(number)
    try:
        return os.open(path, os.O_RDWR | os.O_CLOEXEC)
    finally:
        for number in low:
            os.close(number)


def _shown(number: int) -> str:
    for folder in LISTED:
        with contextlib.suppress(OSError):
            return os.readlink(folder / str(number))  # noqa: PTH115 - what it says need not be a path
    return "another file"


def _file(place: int | Path) -> File | None:
    try:
        found = os.stat(place)  # noqa: PTH116 - also of a number
    except OSError:
        return None
    return found.st_dev, found.st_ino
