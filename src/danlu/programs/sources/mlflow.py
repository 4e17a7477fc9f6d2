"""Metrics of MLflow's local runs, in a folder or an SQLite file, while they are logged; nothing of MLflow has to be installed.

A run is known by a tag: MLflow gives each that is begun the tags in ``MLFLOW_RUN_CONTEXT``, which the program is started with. In a folder a
metric is a file ``EXPERIMENT/RUN/metrics/NAME`` with lines of time, value and step; in SQLite a row of the table ``metrics``.
"""

from __future__ import annotations

import json
import math
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from ...base.failure import ProgramFailed
from ..printed.pattern import Found, number
from .base import RunFolders, SourceValue
from .files import FileSource, no_file, not_found
from .lines import COUNT
from .places import GrowingLines, shown

CONTEXT = "MLFLOW_RUN_CONTEXT"
TAG = "danlu.run"
BUSY_SECONDS = 5.0
"""How long the end of a run is waited for where its database is being written."""

_METRICS = (
    "SELECT m.rowid, m.run_uuid, m.step, m.value, m.is_nan FROM metrics m JOIN tags t ON t.run_uuid = m.run_uuid "
    "WHERE t.key = ? AND t.value = ? AND m.key = ? AND m.rowid > ? ORDER BY m.rowid"
)
_NAMES = "SELECT DISTINCT m.key FROM metrics m JOIN tags t ON t.run_uuid = m.run_uuid WHERE t.key = ? AND t.value = ?"


class LoggedValue(NamedTuple):
    """A value of one of MLflow's runs."""

    run: str
    step: int
    value: float


def mlflow(path: str, name: str, step: str = "") -> FileSource:
    """A metric that is logged by MLflow.

    Args:
        path: the folder ``mlruns``, or the file ``mlflow.db``.
        name: of the metric.
        step: ``count`` to count the values; they have steps of their own.
    """
    return FileSource("mlflow", path, name, step, MLflowFollower, context)


def context(folders: RunFolders) -> Mapping[str, str]:
    """The variable that makes MLflow tag the runs of a program, beside the tags that it is to have anyway."""
    try:
        given = json.loads(os.environ.get(CONTEXT, "{}"))
    except ValueError:
        given = {}
    return {CONTEXT: json.dumps({**(given if isinstance(given, dict) else {}), TAG: folders.token})}


class MLflowFollower:
    """Reads what one run of a program logs."""

    def __init__(self, source: FileSource, folders: RunFolders) -> None:
        self._source, self._folders = source, folders
        own = folders.filled(source.path)
        self._places = dict.fromkeys([folders.folder / own, folders.working / own])
        self._stores: dict[Path, RunFiles | RunTables] = {}
        for place in self._places:
            if place.is_dir():
                self._stores[place] = RunFiles(
                    place, folders.token, () if folders.past else place.glob("*/*/meta.yaml")
                )
        self._from = ""

    def poll(self) -> Iterable[SourceValue]:
        """What was logged since the last call."""
        yield from self._read(0.0)

    def close(self) -> Iterable[SourceValue]:
        """What is left."""
        yield from self._read(BUSY_SECONDS)
        if not self._from:
            known = {name for store in self._stores.values() for name in store.known()}
            if not known:
                raise no_file(self._source.text, f"the program has logged no metric to {self._source.path}")
            raise not_found(self._source.text, self._source.path, self._source.name, known, "metric")

    def _read(self, seconds: float) -> Iterator[SourceValue]:
        for place in self._places:
            if place not in self._stores and place.exists():
                token = self._folders.token
                self._stores[place] = RunFiles(place, token) if place.is_dir() else RunTables(place, token)
            if place not in self._stores:
                continue
            for run, step, value in self._stores[place].read(self._source.name, seconds):
                self._from = self._from or run
                if run != self._from:
                    raise ProgramFailed(
                        f"{self._source.text} is logged in several of MLflow's runs by one trial, {self._from} and {run}. Name the metric of one "
                        "of them otherwise.", "",
                    )  # fmt: skip
                at = None if self._source.step == COUNT else float(step)
                yield SourceValue(
                    Found(at, {self._source.name: value}, 1, "its logged step"),
                    f"{shown([place], self._folders)}, step {step}",
                )


class RunFiles:
    """Runs in a folder of MLflow's, those of one program.

    Args:
        folder: ``mlruns``.
        token: the tag of the program's runs.
        others: files that describe runs which are known to be others'.
    """

    def __init__(self, folder: Path, token: str, others: Iterable[Path] = ()) -> None:
        self._folder, self._token, self._others = folder, token, set(others)
        self._own: list[Path] = []
        self._open: dict[Path, GrowingLines] = {}

    def read(self, name: str, seconds: float) -> Iterator[LoggedValue]:
        """The values of a metric that are new."""
        del seconds
        for meta in set(self._folder.glob("*/*/meta.yaml")) - self._others:
            tag = meta.parent / "tags" / TAG
            if tag.is_file():  # it is written a moment after the run
                self._others.add(meta)
                if tag.read_text("utf-8").strip() == self._token:
                    self._own.append(meta.parent)
        for run in self._own:
            path = run / "metrics" / name
            if path not in self._open and path.is_file():
                self._open[path] = GrowingLines(path)
            for line in self._open[path].read()[0] if path in self._open else ():
                _, value, step, *_ = line.split()
                told = number(value)
                if told is not None:
                    yield LoggedValue(run.name, int(step), told)

    def known(self) -> set[str]:
        """The names of all metrics of the runs."""
        folders = [run / "metrics" for run in self._own]
        return {
            str(path.relative_to(folder))
            for folder in folders
            for path in folder.rglob("*")
            if path.is_file()
        }


class RunTables:
    """Runs in an SQLite file of MLflow's, those of one program."""

    def __init__(self, path: Path, token: str) -> None:
        self._path, self._token = path, token
        self._row = -1

    def read(self, name: str, seconds: float) -> Iterator[LoggedValue]:
        """The values of a metric that are new; none while the file is locked for longer."""
        for row, run, step, value, is_nan in self._ask(
            _METRICS, (TAG, self._token, name, self._row), seconds
        ):
            self._row = max(self._row, row)
            yield LoggedValue(run, step, math.nan if is_nan else value)

    def known(self) -> set[str]:
        """The names of all metrics of the runs."""
        return {str(name) for (name,) in self._ask(_NAMES, (TAG, self._token), BUSY_SECONDS)}

    def _ask(self, query: str, given: tuple[object, ...], seconds: float) -> list[tuple[Any, ...]]:
        try:
            with closing(
                sqlite3.connect(f"{self._path.absolute().as_uri()}?mode=ro", uri=True, timeout=seconds)
            ) as file:
                return file.execute(query, given).fetchall()
        except sqlite3.OperationalError:  # it is locked, or has no tables yet
            return []
