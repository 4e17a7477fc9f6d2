"""Frames on a pipe: four bytes of length, then msgpack.

What a trial says is numbered, and so is the reply: any number of threads may speak, and whoever has asked gets its own answer.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Generic, TypeVar

import msgspec

from ..contracts.messages import Message, Outcome, Reply, Task
from .objective import Sent

T = TypeVar("T")


class Setup(msgspec.Struct, frozen=True, tag="setup"):
    """What a worker is to run from now on, and where to import it from: the first frame, and another when the study changes."""

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


class Exited(msgspec.Struct, frozen=True, tag="exited"):
    """How an attempt ended that has ended its process too."""

    outcome: Outcome


class Said(msgspec.Struct, frozen=True, tag="said"):
    """What a trial says, by a number that no other message of this worker has."""

    number: int
    message: Message


class Told(msgspec.Struct, frozen=True, tag="told"):
    """The reply to the message of that number."""

    number: int
    reply: Reply


class Free(msgspec.Struct, frozen=True, tag="free"):
    """The worker has put away what the last trial left, and can take another; what went wrong with that, as sentences."""

    warnings: tuple[str, ...] = ()


Down = Setup | Run | Told
Up = Said | Outcome | Broken | Ready | Free | Exited
_encoder = msgspec.msgpack.Encoder()


def packed(frame: Down | Up) -> bytes:
    """A frame as it goes over a pipe."""
    body = _encoder.encode(frame)
    return struct.pack("<I", len(body)) + body


class Frames(Generic[T]):
    """Makes frames of the pieces in which they arrive.

    Example:
        >>> frames = Frames(msgspec.msgpack.Decoder(Up))
        >>> sent = packed(Ready()) + packed(Free())
        >>> list(frames.take(sent[:6])), list(frames.take(sent[6:]))
        ([], [Ready(), Free(warnings=())])
    """

    def __init__(self, decoder: msgspec.msgpack.Decoder[T]) -> None:
        self._decoder = decoder
        self._held = bytearray()

    def take(self, piece: bytes) -> Iterator[T]:
        """The frames that are whole with this piece.

        Raises:
            msgspec.DecodeError: for what is not a frame.
        """
        self._held += piece
        while len(self._held) >= 4:
            (size,) = struct.unpack_from("<I", self._held)
            if len(self._held) < 4 + size:
                return
            body = bytes(self._held[4 : 4 + size])
            del self._held[: 4 + size]
            yield self._decoder.decode(body)
