"""Tables that grow: CSV with a header, and JSONL.

A header may appear late, below comments, and a row may be half written. A file that is written anew (Lightning's CSVLogger does so when a
column is added) is read again, and what was there before counts once. Blank cells (``""``, ``NA``, ``None``) are no values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ...base.failure import NothingFound, ProgramFailed
from ..printed.fields import alike, counter
from ..printed.pattern import Found, number
from .base import RunFolders, SourceRemark, SourceValue
from .files import FileSource, StepColumn, no_file, not_found, refuse_nul, several
from .places import FreshFiles, GrowingLines, decoded
from .rows import BLANK, ColumnRows, ObjectRows, TableRow


def table(path: str, name: str, step: str = "") -> FileSource:
    """A column of a CSV file, or a key of a JSONL file.

    Args:
        path: of the file; what ends in ``.jsonl``, ``.ndjson`` or ``.json`` has an object a line.
        name: of the column; of keys in objects ``val.loss``.
        step: the column of its step.
    """
    return FileSource("csv", path, name, step, TableFollower)


def records(path: str, name: str, step: str = "") -> FileSource:
    """A key of the objects in a JSONL file, one a line; arguments as for ``table``."""
    return FileSource("jsonl", path, name, step, TableFollower)


class TableFollower:
    """Reads a growing table for one run."""

    def __init__(self, source: FileSource, folders: RunFolders) -> None:
        self._source = source
        self._files = FreshFiles(source.path, folders)
        self._lines: GrowingLines | None = None
        self._start = 0
        self._step = StepColumn(source.step)
        self._kind = "column" if source.text.startswith("csv:") else "key"
        self._rows = self._begun()
        self._row = 0
        self._said: list[tuple[float | None, float]] = []
        self._again = 0
        self._known: set[str] = set()
        self._odd: list[SourceRemark] = []

    def poll(self) -> Iterable[SourceValue | SourceRemark]:
        """The rows that are new."""
        yield from self._read(last=False)

    def close(self) -> Iterable[SourceValue | SourceRemark]:
        """The rows that are left, also one without an end."""
        yield from self._read(last=True)
        if self._rows.open:
            raise ProgramFailed(
                f"{self._source.text} cannot be read: a quote in {self._files.shown(self._lines_path)} is not closed after row {self._row}, "
                f"{self._rows.open.strip()[:80]!r}. Have the program close it, or write such quotes twice.", "",
            )  # fmt: skip
        if not self._said and self._start:  # it was written anew, with what was there before
            self._lines, self._start = None, 0
            yield from self._read(last=True, start=0)
        if self._said:
            return
        if self._lines is None:
            raise no_file(self._source.text, self._files.missing())
        if self._rows.headless:
            raise NothingFound(
                f"{self._source.text} found nothing: {self._files.shown(self._lines_path)} has no header, it begins with "
                f"{self._rows.headless.strip()[:80]!r}. Have the program write a first line with the names of the columns.", "",
            )  # fmt: skip
        raise not_found(
            self._source.text,
            self._files.shown(self._lines_path),
            self._source.name,
            self._known,
            self._kind,
        )

    def _begun(self) -> ColumnRows | ObjectRows:
        return ColumnRows() if self._kind == "column" else ObjectRows()

    def _read(self, *, last: bool, start: int | None = None) -> Iterator[SourceValue | SourceRemark]:
        if self._lines is None:
            path = self._files.only()
            if path is None:
                return
            self._lines_path = path
            self._start, end = self._files.start(path) if start is None else (start, b"")
            self._lines = GrowingLines(path, self._start, end)
            if self._start:
                self._rows.head(decoded(path, self._start).split("\n"))
        lines, anew = self._lines.read(last=last)
        if anew:
            self._again, self._row = len(self._said), 0
            self._rows = self._begun()
        at = 0
        for count, line in enumerate(lines, 1):
            value = self._value(line, cut=self._lines.cut and count == len(lines))
            if value is None:
                continue
            odd, self._odd = self._odd, []
            yield from odd
            if isinstance(value, SourceRemark):
                yield value
                continue
            found = (value.found.step, value.found.values[self._source.name])
            if anew and at < self._again:
                at += 1
                if self._said[at - 1] == found or found[1] != found[1]:
                    continue
                raise ProgramFailed(
                    f"{self._files.shown(self._lines_path)} was written anew with another {self._source.name} in row {self._row}: "
                    f"{self._said[at - 1][1]:g} has become {found[1]:g}. It has to be a log, which is only added to.", "",
                )  # fmt: skip
            self._said.append(found)
            yield value

    def _value(self, line: str, *, cut: bool) -> SourceValue | SourceRemark | None:
        refuse_nul(self._source.text, line, self._files.shown(self._lines_path))
        row = self._rows.row(line)
        if row is None:
            return None
        self._row += 1
        place = f"{self._files.shown(self._lines_path)}, row {self._row}"
        if row.doubtful:
            raise ProgramFailed(
                f"{self._source.text} cannot be told: {place} {row.doubtful}: {line.strip()[:80]!r}. Have the program write one field for each "
                "column, and quote texts that have a delimiter in them.", "",
            )  # fmt: skip
        cells = row.cells
        told = {name: value for name, cell in cells.items() if (value := _number(cell)) is not None}
        self._known |= {name for name in told if counter(name) is None}
        name = self._named(cells, told)
        self._refuse_twice(name or self._source.name, row, place)
        if name is None and row.lacks:
            return None if cut else self._passed_over(place, row.lacks, line)
        if name is None or not _says(cells[name]):
            return None
        if name not in told:
            return self._no_number(place, name, cells[name])
        step, how = self._step.of(told, self._kind)
        self._refuse_twice(self._step.name, row, place)
        if step is None and _says(cells.get(self._step.name)):
            self._odd.append(self._no_step(place, cells[self._step.name]))
        return SourceValue(Found(step, {self._source.name: told[name]}, 1, how), place)

    def _named(self, cells: Mapping[str, object], told: Mapping[str, float]) -> str | None:
        """The name that the metric has in a row; of an object's names that are alike, one of a number."""
        name = self._source.name
        if name in cells:
            return name
        return _alike(name, cells) or (_alike(name, told) if self._kind == "key" else None)

    def _no_number(self, place: str, name: str, cell: object) -> SourceRemark:
        """That an object has something else in place of the number; such objects may be about something else.

        Raises:
            ProgramFailed: for a column, which is of one kind.
        """
        if self._kind == "column":
            raise ProgramFailed(
                f"{self._source.text} needs numbers, and {place} has {str(cell)[:40]!r} in {name!r}.", ""
            )
        return SourceRemark(
            f"texts of {self._source.text}",
            f"{place} has {_shown(cell)} in {name!r}, which is no number: it is passed over, as are all such rows",
        )

    def _no_step(self, place: str, cell: object) -> SourceRemark:
        return SourceRemark(
            f"steps of {self._source.text}",
            f"{place} has {_shown(cell)} in {self._step.name!r}, which is no number: its values belong to the step before, as do those of all "
            "such rows",
        )

    def _passed_over(self, place: str, why: str, line: str) -> SourceRemark:
        return SourceRemark(
            f"rows of {self._source.text}",
            f"{place} {why}, and is passed over, as are all such rows: {line.strip()[:80]!r}",
        )

    def _refuse_twice(self, name: str, row: TableRow, place: str) -> None:
        """Refuse a name that is meant where several values have it."""
        if name in row.twice:
            raise several(self._source.text, place, name, self._kind)


def _number(cell: object) -> float | None:
    return cell if isinstance(cell, float) else number(str(cell))


def _says(cell: object) -> bool:
    """Whether something is in a cell."""
    return str(cell).strip().lower() not in BLANK


def _shown(cell: object) -> str:
    return repr(cell[:40]) if isinstance(cell, str) else str(cell)[:40]


def _alike(name: str, row: Mapping[str, object]) -> str | None:
    near = [each for each in row if alike(name, each)]
    return near[0] if len(near) == 1 else None
