"""A journal as JSON lines: for eyes, version control and moving house. Imports back to an equal study.

Each line is ``{"crc": "8 hex digits", "row": {...}}`` with the CRC-32 of the row's bytes. JSON has no
NaN, infinity or bytes, so those are written as ``{"$float": "nan"}`` and ``{"$bytes": "base64"}``. The
first row names the study and the schema. A torn last line is cut off and reported.
"""

from __future__ import annotations

import base64
import json
import math
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from ..core import events as ev
from ..core.errors import CorruptError, SchemaError, StudyExists
from ..core.protocols import Journal, Store, Terms


class Loaded(NamedTuple):
    """What an import brought in: the study's name, its events, and what had to be cut off."""

    name: str
    events: int
    lost: str


def dump(name: str, entries: Iterable[ev.Entry]) -> Iterator[str]:
    """The lines of an export, each with its line end."""
    yield _line({"danlu": "journal", "schema": ev.SCHEMA, "study": name})
    for entry in entries:
        yield line_of(entry)


def line_of(entry: ev.Entry) -> str:
    """The line of one entry, with its line end."""
    body = msgspec.to_builtins(entry.event, builtin_types=(bytes,))
    if body.get("params"):
        body["params"] = ev.unpack_params(body["params"])
    return _line({"seq": entry.seq, "op": entry.op, "event": _written(body)})


def load(lines: Iterable[str], store: Store, name: str | None = None) -> Loaded:
    """Make a study of an export's lines, under its own name or another.

    An imported journal has no leases: whatever ran when it was written is taken up again.

    Raises:
        SchemaError: when a newer danlu wrote it.
        CorruptError: when there is no sound header, or a damaged line has sound ones behind it.
        StudyExists: when the store has a study of that name.
    """
    rows = _sound(lines)
    header = next(rows, None)
    if not isinstance(header, dict) or header.get("danlu") != "journal":
        raise CorruptError('this is no danlu export: the first line lacks {"danlu": "journal"}.')
    if header["schema"] > ev.SCHEMA:
        raise SchemaError(
            f"this export has schema {header['schema']}, this danlu reads up to {ev.SCHEMA}. Upgrade danlu."
        )
    name = name or str(header["study"])
    if name in store.studies():
        raise StudyExists(f"there is a study {name!r} already. Import under another name.")
    journal: Journal | None = None
    count, lost = 0, ""
    for row in rows:
        if isinstance(row, str):
            lost = row
            break
        event = event_of(row["event"])
        count += 1
        if journal is None:
            journal = store.create(name, event)
        else:
            journal.append([(row["op"], event)], Terms())
    return Loaded(name, count, lost)


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


def _sound(lines: Iterable[str]) -> Iterator[Any]:
    """The rows of all sound lines; a sentence instead of a damaged last one."""
    damaged = ""
    for number, line in enumerate(lines, 1):
        if damaged:
            raise CorruptError(
                f"{damaged} Lines behind it are sound, so it is no torn end. Nothing is guessed."
            )
        row = _parse(line)
        if row is None:
            damaged = f"line {number} is damaged and was left out."
        else:
            yield row
    if damaged:
        yield damaged


def _parse(line: str) -> Any:
    head, tail = '{"crc":"', "}\n"
    if not line.startswith(head) or not line.endswith(tail):
        return None
    text = line[len(head) + 8 + len('","row":') : -len(tail)]
    if f"{zlib.crc32(text.encode()):08x}" != line[len(head) : len(head) + 8]:
        return None
    return json.loads(text)


def _written(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return {"$float": repr(value)}
    if isinstance(value, bytes):
        return {"$bytes": base64.b64encode(value).decode("ascii")}
    if isinstance(value, dict):
        return {name: _written(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_written(item) for item in value]
    return value


def _read(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"$float"}:
            return float(value["$float"])
        if set(value) == {"$bytes"}:
            return base64.b64decode(value["$bytes"])
        return {name: _read(item) for name, item in value.items()}
    return [_read(item) for item in value] if isinstance(value, list) else value
