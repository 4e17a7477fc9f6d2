"""Scalars of TensorBoard's event files, old style and new, while they are written; nothing of TensorBoard has to be installed.

Fields of the messages, from https://github.com/tensorflow/tensorboard/tree/master/tensorboard/compat/proto: Event (step 2, summary 5),
Summary (value 1), Value (tag 1, simple_value 2, tensor 8, metadata 9), SummaryMetadata (plugin_data 1), PluginData (plugin_name 1), TensorProto
(dtype 1, tensor_content 4, float_val 5, double_val 6, int_val 7, int64_val 10).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from ...base.failure import ProgramFailed
from ..printed.pattern import Found
from .base import RunFolders, SourceValue
from .files import FileSource, no_file, not_found
from .lines import COUNT
from .places import FreshFiles, shown
from .wire import CutError, EventRecords, Message, message, parts, text, whole

EVENTS = "*tfevents*"
_FLOATS = {1: "<f", 2: "<d", 3: "<i", 9: "<q", 19: "<e"}
"""How the bytes of a tensor's one number are read, by its dtype."""


def tensorboard(path: str, name: str, step: str = "") -> FileSource:
    """A scalar of TensorBoard's.

    Args:
        path: folder that holds its event files, at any depth; what ``tensorboard --logdir`` is given, or one run in it.
        name: the tag.
        step: ``count`` to count the values; they have steps of their own.
    """
    return FileSource("tensorboard", path, name, step, EventFollower)


class EventFollower:
    """Reads the event files of one run."""

    def __init__(self, source: FileSource, folders: RunFolders) -> None:
        self._source, self._folders = source, folders
        self._files = FreshFiles(source.path, folders, EVENTS)
        self._open: dict[Path, ScalarEvents] = {}
        self._from: Path | None = None
        self._known: set[str] = set()

    def poll(self) -> Iterable[SourceValue]:
        """The scalars that are new."""
        for path in self._files.find():
            if path not in self._open:
                self._open[path] = ScalarEvents(path, self._files.start(path)[0])
            for tag, step, value in self._open[path].read():
                self._known.add(tag)
                if tag == self._source.name:
                    self._settle(path.parent)
                    at = None if self._source.step == COUNT else float(step)
                    yield SourceValue(
                        Found(at, {tag: value}, 1, "its event's step"),
                        f"{shown([path], self._folders)}, step {step}",
                    )

    def close(self) -> Iterable[SourceValue]:
        """The scalars that are left."""
        yield from self.poll()
        if self._from is None:
            if not self._open:
                raise no_file(self._source.text, self._files.missing())
            raise not_found(
                self._source.text,
                shown(list(self._open), self._folders),
                self._source.name,
                self._known,
                "tag",
            )

    def _settle(self, folder: Path) -> None:
        """Hold to one run of TensorBoard's, which is a folder.

        Raises:
            ProgramFailed: when another has the tag too.
        """
        self._from = self._from or folder
        if folder != self._from:
            raise ProgramFailed(
                f"{self._source.text} is in several runs of one trial, {shown([self._from, folder], self._folders)}. Name one: "
                f"tensorboard:{shown([folder], self._folders)}:{self._source.name}", "",
            )  # fmt: skip


class ScalarEvents:
    """The scalars of one event file as it grows."""

    def __init__(self, path: Path, start: int = 0) -> None:
        self._records = EventRecords(path, start)
        self._scalars: set[str] = set()

    def read(self) -> Iterator[tuple[str, int, float]]:
        """Tags, steps and values that are new."""
        for record in self._records.read():
            try:
                event = message(record)
                for summary in parts(event, 5):
                    for each in parts(message(summary), 1):
                        yield from self._value(message(each), whole(event, 2))
            except CutError:
                continue

    def _value(self, value: Message, step: int) -> Iterator[tuple[str, int, float]]:
        tag = text(value, 1)
        for number in parts(value, 2):
            yield tag, step, float(struct.unpack("<f", number)[0])
        for metadata in parts(value, 9):
            for plugin in parts(message(metadata), 1):
                if text(message(plugin), 1) == "scalars":
                    self._scalars.add(tag)
        if tag in self._scalars:
            for tensor in parts(value, 8):
                number_ = _number(message(tensor))
                if number_ is not None:
                    yield tag, step, number_


def _number(tensor: Message) -> float | None:
    """The one number of a tensor; None where it holds another count of them, or something else."""
    kind = whole(tensor, 1)
    form = _FLOATS.get(kind)
    if form is None:
        return None
    held = b"".join(parts(tensor, 4)) or b"".join([*parts(tensor, 5), *parts(tensor, 6)])
    if held:
        return float(struct.unpack(form, held)[0]) if len(held) == struct.calcsize(form) else None
    numbers = [value for field in (7, 10, 13) for value in tensor.get(field, [])]
    if len(numbers) != 1:
        return None
    number = numbers[0]
    if isinstance(number, bytes):  # packed: one varint
        number = message(b"\x08" + number)[1][0]
    assert isinstance(number, int)
    if kind == 19:
        return float(struct.unpack("<e", number.to_bytes(2, "little"))[0])
    return float(number - (1 << 64) if number >> 63 else number)
