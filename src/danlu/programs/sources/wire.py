"""The two encodings that event files and W&B's logs are written in: protocol buffers, and records with a length before them.

- Protocol buffers: https://protobuf.dev/programming-guides/encoding
- TFRecord: length (8 bytes), its masked CRC-32C, data, its masked CRC-32C,
  https://www.tensorflow.org/tutorials/load_data/tfrecord#tfrecords_format_details
- LevelDB's log: blocks of 32768 bytes; CRC-32, length (2 bytes), kind (1 byte), data,
  https://github.com/google/leveldb/blob/main/doc/log_format.md
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from .places import GrowingFile

BLOCK = 32768
_RECORD = struct.Struct("<IHB")
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4

Message = dict[int, list[int | bytes]]
"""The fields of a message by number, in the order in which they came: whole numbers, and the bytes of all else."""


class CutError(ValueError):
    """What is no message, as of a file of another kind."""


def message(data: bytes) -> Message:
    r"""The fields of a message; floats are the 4 or 8 bytes that they are.

    Raises:
        CutError: when it is none.

    Example:
        >>> message(b"\x08\x96\x01\x12\x02hi")
        {1: [150], 2: [b'hi']}
    """
    fields: Message = {}
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        value: int | bytes
        match key & 7:
            case 0:
                value, at = _varint(data, at)
            case 1:
                value, at = data[at : at + 8], at + 8
            case 2:
                size, at = _varint(data, at)
                value, at = data[at : at + size], at + size
            case 5:
                value, at = data[at : at + 4], at + 4
            case other:
                raise CutError(f"a field of kind {other}")
        if at > len(data):
            raise CutError("a field that is longer than its message")
        fields.setdefault(key >> 3, []).append(value)
    return fields


def parts(fields: Message, number: int) -> list[bytes]:
    """The values of a field that are bytes."""
    return [value for value in fields.get(number, []) if isinstance(value, bytes)]


def text(fields: Message, number: int) -> str:
    """A field that is a text, "" where there is none."""
    found = parts(fields, number)
    return found[-1].decode("utf-8", "replace") if found else ""


def whole(fields: Message, number: int) -> int:
    """A field that is a signed whole number, 0 where there is none."""
    found = [value for value in fields.get(number, []) if isinstance(value, int)]
    value = found[-1] if found else 0
    return value - (1 << 64) if value >> 63 else value


class EventRecords:
    """The records of a TFRecord file as it grows."""

    def __init__(self, path: Path, start: int = 0) -> None:
        self._file = GrowingFile(path, start)
        self._rest = b""

    def read(self) -> Iterator[bytes]:
        """The records that are complete and new."""
        new, anew = self._file.read()
        data = (b"" if anew else self._rest) + new
        at = 0
        while len(data) - at >= 12:
            size = int.from_bytes(data[at : at + 8], "little")
            if len(data) - at < size + 16:
                break
            yield data[at + 12 : at + 12 + size]
            at += size + 16
        self._rest = data[at:]


class LogRecords:
    """The records of a log in LevelDB's format as it grows.

    Args:
        path: of the file.
        header: bytes before its first record.
    """

    def __init__(self, path: Path, header: int) -> None:
        self._file = GrowingFile(path)
        self._data, self._at, self._header = b"", header, header
        self._begun = b""

    def read(self) -> Iterator[bytes]:
        """The records that are complete and new."""
        new, anew = self._file.read()
        if anew:
            self._data, self._at, self._begun = b"", self._header, b""
        self._data += new
        while True:
            left = BLOCK - self._at % BLOCK
            if left < _RECORD.size:
                self._at += left
                continue
            if len(self._data) < self._at + _RECORD.size:
                return
            _, size, kind = _RECORD.unpack_from(self._data, self._at)
            end = self._at + _RECORD.size + size
            if len(self._data) < end or kind not in {_FULL, _FIRST, _MIDDLE, _LAST}:
                return
            piece = self._data[self._at + _RECORD.size : end]
            self._at = end
            self._begun = piece if kind in {_FULL, _FIRST} else self._begun + piece
            if kind in {_FULL, _LAST}:
                yield self._begun


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise CutError("a number that does not end")
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if not byte & 128:
            return value & (1 << 64) - 1, at
