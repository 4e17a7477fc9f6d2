"""Frames on a pipe: four bytes of length, then msgpack."""

from __future__ import annotations

import struct
from typing import BinaryIO, TypeVar

import msgspec

from ..core.messages import Message, Reply, Task
from .objective import Sent

T = TypeVar("T")


class Setup(msgspec.Struct, frozen=True, tag="setup"):
    """The first frame to a worker: what to run and where to import it from."""

    objective: Sent
    path: list[str]


class Run(msgspec.Struct, frozen=True, tag="run"):
    """A trial to run."""

    task: Task


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The worker has loaded the objective; the clock of its first trial starts here."""


class Broken(msgspec.Struct, frozen=True, tag="broken"):
    """The worker cannot run the objective at all."""

    sentence: str


Down = Setup | Run | Reply
Up = Message | Broken | Ready
_encoder = msgspec.msgpack.Encoder()


def write(pipe: BinaryIO, frame: Down | Up) -> None:
    """Send a frame.

    Raises:
        BrokenPipeError: when nobody listens any more.
    """
    body = _encoder.encode(frame)
    pipe.write(struct.pack("<I", len(body)) + body)
    pipe.flush()


def read(pipe: BinaryIO, decoder: msgspec.msgpack.Decoder[T]) -> T | None:
    """The next frame, or None at the end of the stream (a frame cut short counts as the end)."""
    head = pipe.read(4)
    if len(head) < 4:
        return None
    (size,) = struct.unpack("<I", head)
    body = pipe.read(size)
    return decoder.decode(body) if len(body) == size else None
