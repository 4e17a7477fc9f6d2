"""Rows of tables: lines of CSV below a header, and objects of JSON, one a line."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from ..printed.fields import flattened
from ..printed.pattern import number

BLANK = {"", "na", "none", "null", "-", "n/a"}
"""Cells that hold no value."""


class TableRow(NamedTuple):
    """A row of a table.

    Attributes:
        cells: by name.
        twice: names that several of its cells have, so that nobody can tell which is meant.
        lacks: why there may be no value in it; "" where it is whole.
        doubtful: why nobody can tell which cell is which; "" where that is plain.
    """

    cells: Mapping[str, object]
    twice: frozenset[str] = frozenset()
    lacks: str = ""
    doubtful: str = ""


class ColumnRows:
    """Rows of a CSV file by the names in its header: the first line of several names, none of which is a number.

    Example:
        >>> columns = ColumnRows()
        >>> [columns.row(line) for line in ("# a run", "epoch,loss")]
        [None, None]
        >>> columns.row("1,0.5").cells
        {'epoch': '1', 'loss': '0.5'}
    """

    def __init__(self) -> None:
        self._names: list[str] = []
        self._mark = ","
        self._open: list[str] = []
        self._first = ""

    @property
    def headless(self) -> str:
        """The first line, where no header has come yet."""
        return "" if self._names else self._first

    def head(self, lines: Iterable[str]) -> None:
        """Read the header among lines that were there before."""
        for line in lines:
            self.row(line)

    @property
    def open(self) -> str:
        """The beginning of a row whose quote is not closed yet."""
        return self._open[0] if self._open else ""

    def row(self, line: str) -> TableRow | None:
        """The row that ends in a line; None for a header, for what is no row, and within quotes."""
        if not self._open and (not line.strip() or _comment(line)):
            return None
        self._open.append(line)
        if len(self._open) > 1 and '"' not in line:
            return None
        mark = self._mark if self._names else _delimiter(self._open[0])
        rows = csv.reader(["\n".join(self._open), ""], delimiter=mark, skipinitialspace=True)
        try:
            cells = [cell.strip() for cell in next(rows, [])]
        except csv.Error as error:
            self._open = []
            return TableRow({}, doubtful=f"is no row, {error}")
        if rows.line_num > 1:  # the quote goes on
            return None
        self._open = []
        named = [cell for cell in cells if number(cell) is None and cell.lower() not in BLANK]
        heads = bool(named) and len(named) == len([cell for cell in cells if cell])
        if heads and (not self._names or cells == self._names):
            self._names, self._mark = cells, mark
            return None
        if not self._names:
            self._first = self._first or line
            return None
        over = any(cells[len(self._names) :])
        uneven = f"has {len(cells)} field{'s' * (len(cells) != 1)}, and the header {len(self._names)}"
        if over and len(named) < len(cells):
            return TableRow({}, doubtful=uneven)
        return TableRow(
            {} if over else dict(zip(self._names, cells, strict=False)),
            _repeated(self._names),
            lacks=uneven if over or len(cells) < len(self._names) else "",
        )


class ObjectRows:
    """Rows of a JSONL file: the values of its objects, those of objects in them as ``outer.inner``; texts that are numbers are such.

    Example:
        >>> ObjectRows().row('{"epoch": 1, "val": {"loss": 0.5}}').cells
        {'epoch': 1.0, 'val.loss': 0.5}
        >>> ObjectRows().row('{"loss": 1, "loss": 2}').twice
        frozenset({'loss'})
    """

    open = headless = ""

    def head(self, lines: Iterable[str]) -> None:
        """Nothing, as each names its numbers."""
        del lines

    def row(self, line: str) -> TableRow | None:
        """A row; None for a line with nothing in it."""
        if not line.strip():
            return None
        try:
            told = loaded(line)
        except (ValueError, RecursionError):
            told = None
        if isinstance(told, dict):
            return TableRow(dict(_others(told)) | dict(flattened(told)), repeated(told))
        return TableRow({}, lacks="is no JSON object")


class _Several:
    """Stands for the values of a key that an object has several times."""


def loaded(text: str) -> Any:
    """What a JSON text holds, for ``repeated``; keys that an object has several times have no value in it.

    Raises:
        ValueError: for what is no JSON.
    """
    return json.loads(text, object_pairs_hook=_object)


def repeated(told: Mapping[str, Any]) -> frozenset[str]:
    """The names of an object that stand for several values.

    Example:
        >>> sorted(repeated(loaded('{"a": 1, "b": {"c": 1, "c": 2}, "d.e": 1, "d": {"e": 2}}')))
        ['b.c', 'd.e']
    """
    return frozenset(_several(told)) | _repeated([name for name, _ in flattened(told)])


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return dict(pairs) | dict.fromkeys(_repeated([key for key, _ in pairs]), _Several())


def _several(told: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for key, value in told.items():
        if isinstance(value, _Several):
            yield f"{above}{key}"
        elif isinstance(value, Mapping):
            yield from _several(value, f"{above}{key}.")


def _others(told: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, object]]:
    """What is in an object by name, whatever it is."""
    for key, value in told.items():
        if isinstance(value, Mapping):
            yield from _others(value, f"{above}{key}.")
        elif not isinstance(value, _Several):
            yield f"{above}{key}", value


def _repeated(names: list[str]) -> frozenset[str]:
    if len(set(names)) == len(names):
        return frozenset()
    return frozenset(name for name in names if names.count(name) > 1)


def _comment(line: str) -> bool:
    return line.lstrip().startswith(("#", "//", "%"))


def _delimiter(line: str) -> str:
    counts = {mark: line.count(mark) for mark in ",;\t|"}
    best = max(counts, key=lambda mark: counts[mark])
    return best if counts[best] else (" " if len(line.split()) > 1 else ",")
