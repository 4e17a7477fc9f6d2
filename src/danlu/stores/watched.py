"""Whether a path still leads to the file that was opened there, and where its content is saved when it does not.

An open file outlives its name: what is written to it after its path was removed or given to another file is on no disk that
anybody will look at.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
import tempfile
from pathlib import Path


class Watched:
    """The files of one SQLite database, as they were when it was opened.

    Args:
        path: the database's; its write-ahead log lies beside it and stays as long as a connection is open.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._log = path.with_name(f"{path.name}-wal")
        self._seen: dict[Path, tuple[int, int]] = {}
        self._saved: Path | None = None

    def learn(self) -> None:
        """Remember which files these are; to be called while a connection has them open."""
        for path in (self._path, self._log):
            found = None if path in self._seen else _file(path)
            if found is not None:
                self._seen[path] = found

    def forget(self) -> None:
        """No connection is open any more: whatever lies there next is as good."""
        self._seen.clear()

    def gone(self) -> Path | None:
        """The path that leads no longer to its file; None while all is as it was."""
        return next((path for path, file in self._seen.items() if _file(path) != file), None)

    def save(self, connections: list[sqlite3.Connection]) -> Path | None:
        """Copy what is open still to ``<path>.rescued``; where it went, or None when it could not be copied."""
        source = next((each for each in connections if not each.in_transaction), None)
        if source is None:
            return None
        for folder in (self._path.parent, Path(tempfile.gettempdir())):
            with contextlib.suppress(OSError, sqlite3.Error):
                folder.mkdir(parents=True, exist_ok=True)
                target = self._saved or _free(folder / self._path.name)
                self._saved = target  # whatever becomes of it, the name is taken
                with contextlib.closing(sqlite3.connect(target)) as copy:
                    source.backup(copy)
                    (found,) = copy.execute("PRAGMA quick_check(1)").fetchone()
                if found == "ok":
                    return target
        return None


def lost(path: Path, saved: Path | None, *, wrote: bool, what: str) -> str:
    """What to say when the files of a store were taken away while it was in use, or something else was written into them."""
    if not wrote:
        return f"the store {path} was {what} while it was read. Open it again."
    found = "It could not be saved elsewhere: what this process still knows is all there is."
    if saved is not None:
        found = f"All that was written is saved as {saved}. Move it to {path}, and run the same call again."
    return f"the store {path} was {what} while it was in use. {found}"


def _file(path: Path) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - once for each append
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


def _free(path: Path) -> Path:
    """A name beside ``path`` that nobody has, taken at once."""
    for number in itertools.count(1):
        target = path.with_name(f"{path.name}.rescued" + (f"-{number}" if number > 1 else ""))
        with contextlib.suppress(FileExistsError):
            os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
            return target
    raise AssertionError(path)
