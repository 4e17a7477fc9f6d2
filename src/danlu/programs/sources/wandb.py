"""Metrics of W&B's runs, offline or not, from the log that wandb writes beside them; nothing of wandb has to be installed.

A run is ``wandb/offline-run-.../run-ID.wandb`` (``run-...`` when it is online): a header of 7 bytes, then records in LevelDB's log format, each a
message of https://github.com/wandb/wandb/blob/main/wandb/proto/wandb_internal.proto: Record (history 2), HistoryRecord (item 1, step 2),
HistoryItem (key 1, nested_key 2, value_json 16), HistoryStep (num 1). Runs of old versions of wandb have ``files/wandb-history.jsonl``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ...base.failure import ProgramFailed
from ..printed.fields import counter, flattened
from ..printed.pattern import Found
from .base import RunFolders, SourceValue
from .files import FileSource, StepColumn, no_file, not_found
from .places import FreshFiles, GrowingLines, shown
from .wire import CutError, LogRecords, message, parts, text, whole

HEADER = 7
STEP = "_step"
FOLDER = "WANDB_DIR"
FLUSH = "WANDB__TRANSACTION_LOG_FLUSH_INTERVAL"
LATE = "wandb writes its log once a second, older versions in pieces of 32 KB, so a trial is judged some steps late, and a short one at its end alone"


def wandb(path: str, name: str, step: str = "") -> FileSource:
    """A metric that is logged by ``wandb.log``.

    Args:
        path: the folder ``wandb``, or one run in it.
        name: of the metric; of nested ones ``val.loss``.
        step: another logged number that is its step, ``epoch``; wandb's own otherwise.
    """
    return FileSource("wandb", path, name, step, WandbFollower, told, late=LATE)


def told(folders: RunFolders) -> Mapping[str, str]:
    """The variables that make wandb write into the trial's folder, and once a second, where nothing else says so."""
    wanted = {FOLDER: str(folders.folder), FLUSH: "1"}
    return {name: value for name, value in wanted.items() if name not in os.environ}


class WandbFollower:
    """Reads the log of one run."""

    def __init__(self, source: FileSource, folders: RunFolders) -> None:
        self._source, self._folders = source, folders
        self._files = FreshFiles(source.path, folders, "run-*.wandb")
        self._old = FreshFiles(source.path, folders, "wandb-history.jsonl")
        self._open: dict[Path, WandbHistory] = {}
        self._step = StepColumn(source.step or STEP)
        self._from: Path | None = None
        self._known: set[str] = set()

    def poll(self) -> Iterable[SourceValue]:
        """What was logged since the last call."""
        fresh = dict.fromkeys(path.resolve() for path in [*self._files.find(), *self._old.find()])
        for path in fresh:  # latest-run is a link to one of them
            if path not in self._open:
                self._open[path] = WandbHistory(path)
            for row in self._open[path].read():
                self._known |= {name for name in row if counter(name) is None and not name.startswith("_")}
                if self._source.name in row:
                    self._settle(path)
                    step, how = self._step.of(row, "key")
                    place = f"{shown([path], self._folders)}, step {row.get(STEP, 0):g}"
                    yield SourceValue(Found(step, {self._source.name: row[self._source.name]}, 1, how), place)

    def close(self) -> Iterable[SourceValue]:
        """What is left."""
        yield from self.poll()
        if self._from is None:
            if not self._open:
                raise no_file(self._source.text, f"no run of W&B was begun: {self._files.missing()}")
            raise not_found(
                self._source.text,
                shown(list(self._open), self._folders),
                self._source.name,
                self._known,
                "key",
            )

    def _settle(self, path: Path) -> None:
        self._from = self._from or path
        if path != self._from:
            raise ProgramFailed(
                f"{self._source.text} is in several runs, {shown([self._from, path], self._folders)}, and one belongs to each trial. "
                "Give each trial's a folder of its own: WANDB_DIR={dir}.", "",
            )  # fmt: skip


class WandbHistory:
    """The rows of one run's history as it grows."""

    def __init__(self, path: Path) -> None:
        self._log = LogRecords(path, HEADER) if path.suffix == ".wandb" else None
        self._lines = None if path.suffix == ".wandb" else GrowingLines(path)

    def read(self) -> Iterator[Mapping[str, float]]:
        """The rows that are new: numbers by name, with ``_step``."""
        if self._lines is not None:
            for line in self._lines.read()[0]:
                yield dict(flattened(json.loads(line)))
            return
        assert self._log is not None
        for record in self._log.read():
            try:
                for history in parts(message(record), 2):
                    yield _row(history)
            except CutError:
                continue


def _row(history: bytes) -> dict[str, float]:
    record = message(history)
    steps = parts(record, 2)
    row = {STEP: float(whole(message(steps[-1]), 1))} if steps else {}
    for part in parts(record, 1):
        item = message(part)
        key = text(item, 1) or ".".join(name.decode("utf-8", "replace") for name in parts(item, 2))
        row |= dict(flattened({key: json.loads(text(item, 16) or "null")}))
    return row
