"""A table as it lies there: a file of any encoding and separator, or a data frame, as columns of cells nobody has interpreted."""

from __future__ import annotations

import contextlib
import csv
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ...errors import MissingExtra, SettingError

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "vertical bars"}
LOOKED = 200
"""Lines that tell which separator a file has."""

MOST_BAD = 0.1
"""A file of which more lines than this share do not fit its header is not read."""


class Table(NamedTuple):
    """A table and what was noticed while it was read.

    Attributes:
        frame: a pandas data frame, its index 0 to n-1, its columns' names text, no two the same.
        notes: a sentence each.
        source: the file's name, '' for none.
    """

    frame: Any
    notes: tuple[str, ...]
    source: str = ""


def read_table(source: Any) -> Table:
    """Read a table.

    Args:
        source: the path of a ``.csv``, ``.tsv``, ``.txt`` (with ``.gz``, ``.bz2``, ``.xz`` or ``.zip`` behind or not) or ``.parquet`` file; a pandas
            data frame; a mapping of columns; or a sequence of mappings, one a row.

    Raises:
        SettingError: when there is no such file, or it is no table.

    Example:
        >>> read_table({"a": [1, 2], "b": ["x", "y"]}).frame.shape
        (2, 2)
    """
    pandas()
    if isinstance(source, str | os.PathLike):
        return _file(Path(source))
    return _frame(source)


def pandas() -> Any:
    """The library.

    Raises:
        MissingExtra: when it, or scikit-learn, is not installed.
    """
    for name, package in (("sklearn", "scikit-learn"), ("pandas", "pandas")):
        try:
            found = __import__(name)
        except ImportError as error:
            raise MissingExtra("danlu.automl", package, "auto") from error
    return found


def _file(path: Path) -> Table:
    if not path.exists():
        raise SettingError(f"there is no file {str(path)!r}. Name a .csv, .tsv or .parquet file.")
    if path.is_dir():
        raise SettingError(
            f"a table is one file, and {str(path)!r} is a folder. Name a .csv, .tsv or .parquet file."
        )
    endings = [each.lower() for each in path.suffixes]
    if ".parquet" in endings:
        return _parquet(path)
    if {".xlsx", ".xls", ".ods", ".json", ".npz", ".npy", ".pkl", ".db"} & set(endings[-1:]):
        raise SettingError(f"a table is read from a .csv, .tsv, .txt or .parquet file, got {path.name!r}. Save it as one of these, or give a data frame.")  # fmt: skip
    text, notes = _text(path)
    frame, more = _separated(text, path)
    named, also = _named(frame)
    return Table(named, (*notes, *more, *also), path.name)


def _parquet(path: Path) -> Table:
    pd = pandas()
    try:
        frame = pd.read_parquet(path)
    except ImportError:
        raise SettingError("a .parquet file needs pyarrow: pip install pyarrow, or save the table as a .csv file.") from None  # fmt: skip
    except Exception as error:
        raise SettingError(f"{path.name!r} cannot be read as a parquet file: {error}") from error
    table = _frame(frame)
    return table._replace(source=path.name)


def _text(path: Path) -> tuple[str, list[str]]:
    """What a file says, by its mark, as UTF-8, or in the Western encoding, which is said."""
    import bz2
    import gzip
    import lzma
    import zipfile

    openers: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
    try:
        if path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as held:
                (name,) = held.namelist()
                raw = held.read(name)
        elif path.suffix.lower() in openers:
            with openers[path.suffix.lower()](path, "rb") as file:
                raw = file.read()
        else:
            raw = path.read_bytes()
    except PermissionError:
        raise SettingError(f"the file {str(path)!r} may not be read. Change its rights.") from None
    except (OSError, EOFError, ValueError, lzma.LZMAError, zipfile.BadZipFile) as error:
        raise SettingError(f"{path.name!r} cannot be unpacked: {error}. Unpack it, and name the one file of it.") from error  # fmt: skip
    assert isinstance(raw, bytes)
    if not raw.strip(b"\x00\r\n\t \xef\xbb\xbf"):
        raise SettingError(f"the file {path.name!r} is empty: a table needs a header and rows.")
    if raw[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return raw.decode("utf-16", "replace"), ["read as UTF-16, by the mark at its beginning"]
    if b"\x00" in raw[:4096]:
        raise SettingError(f"{path.name!r} is no text: it holds zero bytes. Save the table as a .csv file.")
    try:
        return raw.decode("utf-8-sig"), []
    except UnicodeDecodeError as error:
        told = f"byte {error.start} is not UTF-8: read as Windows-1252. Save the file as UTF-8 if letters look wrong"
        return raw.decode("cp1252", "replace"), [told]


def _separated(text: str, path: Path) -> tuple[Any, list[str]]:
    pd = pandas()
    text = text.replace("\x00", "")
    notes: list[str] = []
    with _long_values():
        separator = "\t" if ".tsv" in path.suffixes else _separator(text)
        rows, spoilt = _rows(text, separator, path)
    if separator != ",":
        notes.append(f"its columns are parted by {SEPARATORS[separator]}")
    if not rows:
        raise SettingError(f"the file {path.name!r} is empty: a table needs a header and rows.")
    header, body = rows[0], rows[1:]
    if not body:
        raise SettingError(f"the file {path.name!r} has a header and no rows. A model needs examples.")
    while len(header) > 1 and not header[-1].strip() and all(len(row) < len(header) or not row[-1].strip() for row in body):  # fmt: skip
        header, body = header[:-1], [row[: len(header) - 1] for row in body]
    width = len(header)
    long = [at for at, row in enumerate(body, 2) if len(row) > width]
    short = [at for at, row in enumerate(body, 2) if len(row) < width]
    if long and len(long) == len(body) and len({len(row) for row in body}) == 1 and len(body[0]) == width + 1:
        notes.append("its lines have one value more than its header: the first is taken for the rows' names")
        header, width, long = ["", *header], width + 1, []
    if len(long) > MOST_BAD * len(body):
        raise SettingError(
            f"{len(long)} of the {len(body)} lines of {path.name!r} have more values than its header has names ({width}), the first in line {long[0]}. "
            "Quote values that hold the separator."
        )
    if long:
        notes.append(f"{len(long)} lines have more values than the header has names and are left out (the first is line {long[0]})")  # fmt: skip
        body = [row for row in body if len(row) <= width]
    if short:
        notes.append(f"{len(short)} lines have fewer values than the header has names: the rest are gaps (the first is line {short[0]})")  # fmt: skip
    if spoilt:
        notes.append("a quotation mark in it is never closed: what follows it is read as it stands")
    padded = [row + [""] * (width - len(row)) for row in body]
    if all(_numeric(each) for each in header):
        notes.append(f"its first line holds numbers alone ({', '.join(header[:4])}{', ...' if width > 4 else ''}) and is taken for the header all the same: give the file names of columns if that is wrong")  # fmt: skip
    return pd.DataFrame(padded, columns=pd.Index(header, dtype=object), dtype=object), notes


def _numeric(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


@contextlib.contextmanager
def _long_values() -> Iterator[None]:
    """Have values of any length read; the limit is the whole process's, and is put back."""
    usual = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(usual)


def _rows(text: str, separator: str, path: Path) -> tuple[list[list[str]], bool]:
    """The lines as lists of values, blank lines left out; and whether quotation marks had to be taken for plain letters."""
    spoilt = False
    try:
        try:
            rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))
        except csv.Error as error:
            spoilt = "unexpected end" in str(error)  # within quotation marks that nobody closes
            how = {"quoting": csv.QUOTE_NONE} if spoilt else {}
            lines = text.splitlines() if spoilt else io.StringIO(text, newline="")
            rows = list(csv.reader(lines, delimiter=separator, **how))  # type: ignore[arg-type]
    except csv.Error as error:
        raise SettingError(
            f"{path.name!r} cannot be read as a table: {error}. Save it anew as a .csv file."
        ) from error
    return [row for row in rows if any(value.strip() for value in row)], spoilt


def _separator(text: str) -> str:
    """The separator by which most of the first lines have as many values as the header, the more of them the better."""
    lines = "\n".join(text.splitlines()[:LOOKED])
    best, merit = ",", (0.0, 0)
    for separator in SEPARATORS:
        rows = [row for row in csv.reader(io.StringIO(lines), delimiter=separator) if row]
        width = len(rows[0]) if rows else 0
        if width > 1:
            alike = sum(len(row) == width for row in rows) / len(rows)
            if (round(alike, 1), width) > merit:
                best, merit = separator, (round(alike, 1), width)
    return best


def _frame(source: Any) -> Table:
    pd = pandas()
    if isinstance(source, pd.Series):
        source = (
            source.to_frame().T
            if source.name is None or not isinstance(source.name, str)
            else source.to_frame()
        )
    if isinstance(source, pd.DataFrame):
        frame = source.copy()
    elif isinstance(source, Mapping):
        frame = _made(source)
    elif isinstance(source, Sequence) and not isinstance(source, str | bytes) and all(isinstance(row, Mapping) for row in source):  # fmt: skip
        frame = pd.DataFrame(list(source), dtype=object)
    elif hasattr(source, "to_pandas"):
        frame = source.to_pandas()
    else:
        raise SettingError(f"a table is a file's path, a data frame, or rows as mappings, got {type(source).__name__}. Give pandas.DataFrame(...).")  # fmt: skip
    if not len(frame.columns):
        raise SettingError("the table has no columns. A model needs a target and what to predict it from.")
    named, notes = _named(frame)
    return Table(named.reset_index(drop=True), tuple(notes))


def _made(columns: Mapping[Any, Any]) -> Any:
    pd = pandas()
    try:
        scalar = all(isinstance(value, str) or not hasattr(value, "__len__") for value in columns.values())
        return pd.DataFrame([columns], dtype=object) if columns and scalar else pd.DataFrame(columns)
    except ValueError as error:
        raise SettingError(f"the columns of a table are equally long: {error}.") from error


def _named(frame: Any) -> tuple[Any, list[str]]:
    """With names that are text, each once."""
    notes: list[str] = []
    taken: dict[str, int] = {}
    names: list[str] = []
    for at, column in enumerate(frame.columns):
        name = " ".join(map(str, column)).strip() if isinstance(column, tuple) else str(column).strip()
        name = name or f"column {at + 1}"
        if name in taken:
            taken[name] += 1
            notes.append(f"two columns are called {name!r}: the later one is called '{name} ({taken[name]})' here")  # fmt: skip
            name = f"{name} ({taken[name]})"
        taken.setdefault(name, 1)
        names.append(name)
    frame = frame.copy(deep=False)
    frame.columns = pandas().Index(names, dtype=object)
    return frame, notes
