"""A journal as JSON lines: for eyes, version control and moving house. Imports back to an equal study.

Each line is ``{"crc": "8 hex digits", "row": {...}}`` with the CRC-32 of the row's bytes. JSON has no
NaN, infinity or bytes, so those are written as ``{"$float": "nan"}`` and ``{"$bytes": "base64"}``. The
first row names the study and the schema, the last one says how many events there are and gives the SHA-256 of all
lines before it: a line that was removed, added, moved or edited is found, and so is an end that is missing. Exports of
early versions have no such last row.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from ..base.values import shown
from ..contracts.protocols import Store
from ..errors import CorruptError, DanluError, SchemaError, StoreError, StudyExists
from ..journal import events as ev
from ..journal.history import History
from ..journal.written import encodable, healed

_ESCAPED = ("$float", "$bytes", "$dict")


class Loaded(NamedTuple):
    """What an import brought in: the study's name, its events, what had to be left out, and what else is to be known."""

    name: str
    events: int
    lost: str
    remark: str = ""


def dump(name: str, entries: Iterable[ev.Entry], damage: Sequence[str] = ()) -> Iterator[str]:
    """The lines of an export, each with its line end; ``damage``, read at the end, says why entries are missing there."""
    marked, count = hashlib.sha256(), 0
    header = _line({"danlu": "journal", "schema": ev.SCHEMA, "study": name, "marked": True})
    marked.update(header.encode())
    yield header
    for entry in entries:
        line = line_of(entry)
        marked.update(line.encode())
        count += 1
        yield line
    yield _line({"end": count, "sha256": marked.hexdigest()} | ({"lost": " ".join(damage)} if damage else {}))


def line_of(entry: ev.Entry) -> str:
    """The line of one entry, with its line end."""
    body = msgspec.to_builtins(entry.event, builtin_types=(bytes,))
    if body.get("params"):
        body["params"] = ev.unpack_params(body["params"])
    return _line({"seq": entry.seq, "op": entry.op, "event": _written(body)})


def load(
    lines: Iterable[str], store: Store, name: str | None = None, *, sound: bool = False, mark: Mapping[str, str] | None = None
) -> Loaded:  # fmt: skip
    """Make a study of an export's lines, under its own name or another: all of it in one transaction, or nothing.

    An imported journal has no leases: whatever ran when it was written is taken up again. With ``sound``, the lines before
    the first that is damaged, missing or out of its place make the study, and ``lost`` says what that one was. ``mark`` is
    noted of the study at its end: where it came from.

    Raises:
        SchemaError: when a newer danlu wrote it.
        CorruptError: when there is no sound header; for a line that is damaged or not where it was written, with its
            number; when the end is missing. Of an export without an end mark, a damaged last line is left out instead.
        StudyExists: when the store has a study of that name.
    """
    export = _Export(lines)
    name = name or export.name
    if name in store.studies():
        raise StudyExists(f"there is a study {name!r} already. Import under another name.")
    events = export.events(sound=sound)
    first = next(events, None)
    if first is None:
        raise CorruptError(f"this export of {name!r} holds no event that is sound. {export.lost}".strip())
    store.adopt(name, _after(first, events, mark))
    return Loaded(name, export.count, export.lost, " ".join(export.remarks))


class _Export:
    """The lines of an export as they are read: each is held to its checksum, its place, and to what is before it."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = enumerate((line.replace("\r\n", "\n") for line in lines), 1)
        self._marked = hashlib.sha256()
        self.count, self.lost = 0, ""
        self.remarks: list[str] = []
        _, line = next(self._lines, (1, ""))
        header = _parse(line)
        if not isinstance(header, dict) or header.get("danlu") != "journal":
            raise CorruptError('this is no danlu export: the first line lacks {"danlu": "journal"}.')
        if not isinstance(header.get("schema"), int) or not isinstance(header.get("study"), str):
            raise CorruptError("line 1 of this export names no schema and no study.")
        if header["schema"] > ev.SCHEMA:
            raise SchemaError(
                f"this export has schema {header['schema']}, this danlu reads up to {ev.SCHEMA}. Upgrade danlu."
            )
        self.name: str = header["study"]
        self._has_mark = header.get("marked") is True
        self._marked.update(line.encode())

    def events(self, *, sound: bool) -> Iterator[tuple[str | None, ev.Event]]:
        """Operations and events, in order, to the end mark."""
        try:
            yield from self._events()
        except CorruptError as error:
            if not sound:
                raise CorruptError(f"{error} {self._remedy()}") from error
            self.lost = str(error)

    def _events(self) -> Iterator[tuple[str | None, ev.Event]]:
        history = History()
        for number, line in self._lines:
            row = _parse(line)
            if row is None:
                self._damaged(number)
                return
            if isinstance(row, dict) and "end" in row and self._has_mark:
                self._end(number, row)
                return
            op, event = self._event(number, row)
            try:
                history.fold((ev.Entry(self.count + 1, event, op),))
            except StoreError as error:
                raise CorruptError(f"line {number}: {error}") from error
            self._marked.update(line.encode())
            self.count += 1
            yield op, event
        if self._has_mark:
            raise CorruptError(
                f"this export is cut off: it ends after line {self.count + 1} without its end mark."
            )
        self.remarks.append(
            "This export has no end mark, as early versions wrote none: whether lines are missing at its end cannot be known."
        )

    def _event(self, number: int, row: Any) -> tuple[str | None, ev.Event]:
        """The operation and the event of a line that belongs here."""
        if not isinstance(row, dict) or not isinstance(row.get("event"), dict):
            raise CorruptError(f"line {number} is no event.")
        if row.get("seq") != self.count + 1:
            raise CorruptError(
                f"line {number} holds event {shown(row.get('seq'))} where event {self.count + 1} has to be: lines before it were removed, "
                "doubled or moved."
            )
        op = row.get("op")
        if op is not None and not isinstance(op, str):
            raise CorruptError(f"line {number} has {shown(op)} where an operation's name has to be.")
        try:
            event = event_of(row["event"])
        except (DanluError, ArithmeticError, LookupError, RecursionError, TypeError, ValueError) as error:
            raise CorruptError(f"line {number} is no event that this danlu knows: {error}.") from error
        if not self.count and not isinstance(event, ev.Created):
            raise CorruptError(f"line {number} has to create the study, and does not.")
        sane = healed(event)
        if sane is not event:
            self.remarks.append(
                f"Line {number} had a time or cost that no budget can count, and has none now."
            )
        return op, sane

    def _damaged(self, number: int) -> None:
        """A line that does not match its checksum: the torn last one of an early export is left out, any other is refused."""
        behind = next(self._lines, None)
        if self._has_mark or behind is not None:
            more = " Lines behind it follow, so it is no torn end." if behind is not None else ""
            raise CorruptError(f"line {number} is damaged: its checksum does not match.{more}")
        self.lost = f"line {number} is damaged and was left out."

    def _end(self, number: int, row: dict[str, Any]) -> None:
        if row["end"] != self.count:
            raise CorruptError(
                f"line {number} says that there are {shown(row['end'])} events, and there are {self.count}."
            )
        if row.get("sha256") != self._marked.hexdigest():
            raise CorruptError(
                f"line {number}, the end mark, does not match the {number - 1} lines before it: one was edited."
            )
        if next(self._lines, None) is not None:
            raise CorruptError(f"line {number + 1} stands behind the end mark.")
        self.lost = str(row.get("lost", ""))

    def _remedy(self) -> str:
        return f"Nothing was imported. Export the study again; or take the {self.count} events before it: danlu import SOURCE STORE --sound."


def _after(first: Any, rest: Iterator[Any], mark: Mapping[str, str] | None) -> Iterator[Any]:
    yield first
    yield from rest
    if mark:
        yield None, ev.Noted(-1, dict(mark), time.time())


def event_of(body: dict[str, Any]) -> ev.Event:
    """The event whose JSON form is ``body``."""
    read = _read(body)
    if isinstance(read.get("params"), dict):
        read["params"] = ev.pack_params(read["params"])
    event: ev.Event = msgspec.convert(read, ev.Event, builtin_types=(bytes,))
    return event


def _line(row: dict[str, Any]) -> str:
    text = json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return f'{{"crc":"{zlib.crc32(text.encode()):08x}","row":{text}}}\n'


def _parse(line: str) -> Any:
    head, middle, tail = '{"crc":"', '","row":', "}\n"
    if not line.startswith(head) or not line.endswith(tail) or not line.startswith(middle, len(head) + 8):
        return None
    text = line[len(head) + 8 + len(middle) : -len(tail)]
    if not encodable(text) or f"{zlib.crc32(text.encode()):08x}" != line[len(head) : len(head) + 8]:
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # its checksum is right, and it is no JSON that anybody can read
        return None


def _written(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": repr(value)}
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode("ascii")}
    if isinstance(value, dict):
        plain = {name: _written(item) for name, item in value.items()}
        return {"$dict": plain} if len(value) == 1 and next(iter(value)) in _ESCAPED else plain
    if isinstance(value, list | tuple):
        return [_written(item) for item in value]
    return value


def _read(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"$float"}:
            return float(value["$float"])
        if set(value) == {"$bytes"}:
            return base64.b64decode(value["$bytes"], validate=True)
        if set(value) == {"$dict"}:
            return {name: _read(item) for name, item in value["$dict"].items()}
        return {name: _read(item) for name, item in value.items()}
    return [_read(item) for item in value] if isinstance(value, list) else value
