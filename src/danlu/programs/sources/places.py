"""Files that a run of a program writes: found among those that were there before, and read as they grow."""

from __future__ import annotations

import codecs
import glob
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from ...base.failure import ProgramFailed
from .base import RunFolders

MARK = 1024
"""Bytes before the place of reading that are compared to see that a file was only appended to."""

_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
"""Byte order marks, the longer ones first."""

Mark = tuple[int, int, int]


class FreshFiles:
    """The files of a path that are new or have changed since a run began.

    Args:
        path: with ``*`` and ``?`` for what differs from run to run; relative to the trial's folder, or else to the one that the program
            is started in. ``{dir}`` is the trial's folder, and other holes are filled as in the command. What exists as it is written stands for
            itself, also where it has ``[`` in it.
        folders: of the run.
        below: pattern of the files, where the path is a folder.
    """

    def __init__(self, path: str, folders: RunFolders, below: str = "") -> None:
        self.path, self._folders, self._below = path, folders, below
        self._shared = folders.working / folders.filled(path)
        folders.watch(self._shared)
        self._before = {
            found: mark
            for found in self._there()
            if folders.before(found) and (mark := _mark(found)) is not None
        }
        self._ends = (
            {} if below else {found: _end(found, size) for found, (_, size, _) in self._before.items()}
        )

    def find(self) -> list[Path]:
        """Those of the run; those in the trial's own folder alone, where there are any.

        Raises:
            ProgramFailed: for one that another run has as well.
        """
        fresh = [found for found in self._there() if _mark(found) not in {None, self._before.get(found)}]
        found = [each for each in fresh if each.is_relative_to(self._folders.folder)] or fresh
        if any(not each.is_relative_to(self._folders.folder) for each in found):
            self._folders.claim(self._shared)
        return found

    def start(self, found: Path) -> tuple[int, bytes]:
        """How many bytes of a file were there before the run began, and the last of them."""
        return (self._before[found][1] if found in self._before else 0), self._ends.get(found, b"")

    def only(self) -> Path | None:
        """The one file of the run; None as long as there is none.

        Raises:
            ProgramFailed: when there are several.
        """
        found = self.find()
        if len(found) > 1:
            raise ProgramFailed(
                f"{self.path} is to be one file for each trial, and {shown(found, self._folders)} were written during this one. "
                "Name one, or send each trial's into its own folder, {dir}.",
                "",
            )
        return found[0] if found else None

    def shown(self, found: Path) -> str:
        """A path as it is shown."""
        return shown([found], self._folders)

    def missing(self) -> str:
        """Why there is none, for a sentence."""
        old = [found for found in self._there() if found in self._before]
        if old:
            return f"{self.shown(old[0])} was there before and has not changed"
        return f"there is none in {self._folders.folder} nor in {self._folders.working}"

    def _there(self) -> Iterator[Path]:
        seen: set[Path] = set()
        for found in self._named():
            files = sorted(found.rglob(self._below)) if self._below and found.is_dir() else [found]
            for file in files:
                if file not in seen and file.is_file():
                    seen.add(file)
                    yield file

    def _named(self) -> list[Path]:
        """What the path names."""
        roots = (self._folders.folder, self._folders.working)
        plain = [root / self._folders.filled(self.path) for root in roots]
        there = [path for path in plain if path.exists()]
        if there or not any(sign in self.path for sign in "*?["):
            return there or plain
        pattern = self._folders.filled(self.path, glob.escape)
        return [found for root in roots for found in _globbed(root, pattern)]


class GrowingFile:
    """Bytes of a file that is appended to, replaced or cut, as they come.

    Args:
        path: of the file.
        start: how many bytes are passed over, as they were there before.
        end: the last of them, by which it is seen that they still are.
    """

    def __init__(self, path: Path, start: int = 0, end: bytes = b"") -> None:
        self.path, self.offset = path, start
        self._inode = -1
        self._mark = end

    def read(self) -> tuple[bytes, bool]:
        """What is new, and whether the file has begun anew, so that it is all of it."""
        try:
            with self.path.open("rb") as file:
                number, state = file.fileno(), os.fstat(file.fileno())
                kept = os.pread(number, len(self._mark), self.offset - len(self._mark)) == self._mark
                anew = state.st_size < self.offset or self._inode not in {-1, state.st_ino} or not kept
                if anew:
                    self.offset = 0
                new = os.pread(number, max(0, state.st_size - self.offset), self.offset)
                self._inode = state.st_ino
                self.offset += len(new)
                if new or anew:
                    size = min(MARK, self.offset)
                    self._mark = os.pread(number, size, self.offset - size)
                return new, anew
        except FileNotFoundError:
            return b"", False


class GrowingLines:
    """Lines of a file that grows; what has no end yet is kept back.

    Attributes:
        cut: whether the last line that was read has no end.
    """

    def __init__(self, path: Path, start: int = 0, end: bytes = b"") -> None:
        self.cut = False
        self._file = GrowingFile(path, start, end)
        self._rest = ""
        self._decoder: codecs.IncrementalDecoder | None = None

    def read(self, *, last: bool = False) -> tuple[list[str], bool]:
        """The lines that are new, and whether the file has begun anew; with ``last`` also a line without an end."""
        new, anew = self._file.read()
        if anew:
            self._rest, self._decoder = "", None
        if self._decoder is None:
            if not new:
                return [], anew
            self._decoder = codecs.getincrementaldecoder(_encoding(self._file.path))("replace")
        *done, self._rest = (self._rest + self._decoder.decode(new, final=last)).split("\n")
        if last and self._rest:
            done, self._rest = [*done, self._rest], ""
            self.cut = True
        return [line.rstrip("\r").removeprefix("\ufeff") for line in done], anew


def decoded(path: Path, size: int = -1) -> str:
    """The text of a file: UTF-8, or what its byte order mark says.

    Args:
        path: of the file.
        size: how many bytes of its beginning are read; -1 for all.
    """
    with path.open("rb") as file:
        text = file.read(size).decode(_encoding(path), "replace")
    return text.removeprefix("\ufeff").replace("\r\n", "\n")


def _encoding(path: Path) -> str:
    """How a file is encoded, by its byte order mark."""
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except OSError:
        head = b""
    return next((name for mark, name in _MARKS if head.startswith(mark)), "utf-8")


def shown(paths: Sequence[Path], folders: RunFolders) -> str:
    """Paths as they are shown, at most four: from the working folder, or from the trial's as {dir}."""
    told = []
    for path in paths[:4]:
        if path.is_relative_to(folders.folder):
            told.append(str(Path("{dir}") / path.relative_to(folders.folder)))
        else:
            told.append(
                str(path.relative_to(folders.working)) if path.is_relative_to(folders.working) else str(path)
            )
    return ", ".join(told) + (f" and {len(paths) - 4} more" if len(paths) > 4 else "")


def _globbed(root: Path, path: str) -> list[Path]:
    base = Path(Path(path).anchor) if Path(path).is_absolute() else root
    return sorted(base.glob(str(Path(path).relative_to(base) if Path(path).is_absolute() else path)))


def _mark(path: Path) -> Mark | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_ino, state.st_size, state.st_mtime_ns


def _end(path: Path, size: int) -> bytes:
    """The last bytes of a file of this size."""
    try:
        with path.open("rb") as file:
            return os.pread(file.fileno(), min(MARK, size), size - min(MARK, size))
    except OSError:
        return b""
