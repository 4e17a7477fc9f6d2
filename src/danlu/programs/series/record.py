"""A run of a program as it was: the lines that it printed, and the files that it wrote."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from ..printed.output import OutputLine
from ..printed.steps import Sink
from ..sources.base import RunFolders
from ..sources.mlflow import context
from ..sources.places import GrowingFile

KEPT_LINES = 5_000
"""Lines of the beginning, and of the end, that are kept."""

DEPTH = 5
"""How deep below a folder files are looked for."""

MOST = 20_000
"""How many entries of a folder are looked at."""

_KINDS = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".txt", ".db", ".wandb")
_OWN = {"log.txt", "config.json"}
"""Files of danlu's in a trial's folder."""
_ASIDE = {"node_modules", "__pycache__", "site-packages", "venv"}
_TAIL = 1024

Known = dict[Path, tuple[tuple[int, int, int], bytes]]


class RunRecord:
    """What one run of a program has printed and written, to be looked through.

    Args:
        folders: where it may write.

    Attributes:
        seconds: how long it had run at each line that is kept, as long as all are.
    """

    def __init__(self, folders: RunFolders) -> None:
        self.folders = folders
        self.seconds: list[float] = []
        self._begun, self._count = time.monotonic(), 0
        self._first: list[OutputLine] = []
        self._last: list[OutputLine] = []
        self._before = {path: found for path in _files(folders) if (found := _mark(path)) is not None}

    @property
    def polls(self) -> bool:
        """Nothing is looked at before the end."""
        return False

    @property
    def lines(self) -> list[OutputLine]:
        """What was printed; of a long output its beginning and its end."""
        return self._first + self._last

    @property
    def whole(self) -> bool:
        """Whether every line was kept."""
        return self._count == len(self.lines)

    def read(self, line: OutputLine) -> None:
        """Keep a line."""
        self._count += 1
        if self._count <= 3 * KEPT_LINES:
            self.seconds.append(time.monotonic() - self._begun)
        if len(self._first) < KEPT_LINES:
            self._first.append(line)
            return
        self._last.append(line)
        if len(self._last) > 2 * KEPT_LINES:
            del self._last[:KEPT_LINES]

    def poll(self) -> None:
        """Nothing."""

    def close(self, program: str) -> None:
        """Nothing: what it has written is looked at when it is asked for."""
        del program

    def written(self) -> dict[Path, Path]:
        """The files that are new or have changed, and where each lies below its folder."""
        found: dict[Path, Path] = {}
        for path in _files(self.folders):
            mark = _mark(path)
            if mark is None or (path in self._before and self._before[path][0] == mark[0]):
                continue
            own = path.is_relative_to(self.folders.folder)
            root = self.folders.folder if own else self.folders.working
            if not (own and str(path.relative_to(root)) in _OWN):
                found[path] = path.relative_to(root)
        return found

    def copied(self, path: Path, into: Path) -> None:
        """Copy what the run has written of a file: without the rows that were there before, with their header."""
        into.parent.mkdir(parents=True, exist_ok=True)
        if path not in self._before or "tfevents" in path.name or path.suffix in {".db", ".wandb", ".json"}:
            shutil.copyfile(path, into)
            return
        (_, size, _), end = self._before[path]
        new, anew = GrowingFile(path, size, end).read()
        if not new:  # it was written anew, with what was there before
            shutil.copyfile(path, into)
            return
        with path.open("rb") as file:
            head = b"" if anew or not size or path.suffix not in {".csv", ".tsv"} else file.readline()
        into.write_bytes(head + new)


class Recorder:
    """Reads nothing of a program, and keeps all that it says, in ``record``."""

    def __init__(self) -> None:
        self.record: RunRecord | None = None

    def told(self, folders: RunFolders) -> Mapping[str, str]:
        """What tells its runs of MLflow from others."""
        return context(folders)

    def begin(self, trial: Sink, folders: RunFolders, why: Mapping[str, str], after: int = 0) -> RunRecord:
        """Begin to keep a run."""
        del trial, why, after
        self.record = RunRecord(folders)
        return self.record


def _files(folders: RunFolders) -> Iterator[Path]:
    """Files that may hold numbers, in the trial's folder and the working one."""
    seen = 0
    for root in dict.fromkeys((folders.folder, folders.working)):
        for place, names, files in os.walk(root):
            path = Path(place)
            deep = len(path.relative_to(root).parts) >= DEPTH
            own = root != folders.folder and folders.folder in {path / name for name in names}
            names[:] = (
                [] if deep else [name for name in names if not name.startswith(".") and name not in _ASIDE]
            )
            if own:
                names[:] = [name for name in names if path / name != folders.folder]
            seen += len(files)
            if seen > MOST:
                return
            for name in sorted(files):
                part_of_mlflow = "metrics" in path.parts and (path.parent / "meta.yaml").exists()
                if (
                    name.lower().endswith(_KINDS)
                    or "tfevents" in name
                    or name == "meta.yaml"
                    or part_of_mlflow
                ):
                    yield path / name


def _mark(path: Path) -> tuple[tuple[int, int, int], bytes] | None:
    try:
        with path.open("rb") as file:
            state = os.fstat(file.fileno())
            size = min(_TAIL, state.st_size)
            return (state.st_ino, state.st_size, state.st_mtime_ns), os.pread(
                file.fileno(), size, state.st_size - size
            )
    except OSError:
        return None
