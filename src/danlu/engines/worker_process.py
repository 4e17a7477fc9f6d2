"""The process in which a slot's trials run: how it is begun, spoken to, listened to and ended."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import BinaryIO, cast

import msgspec

from ..contracts.messages import Task
from ..runtime import processes
from .wire import Frames, Run, Setup, Told, Up, packed

LINGER_SECONDS = 10.0
"""How long a worker may live that has closed its pipe: it can never say what its trial comes to."""

Hear = Callable[[int, Up | None], None]
"""Takes what the process of a given life says; None when it is gone."""


class WorkerProcess:
    """A worker, begun with its first task, and begun anew with the next task after it has ended.

    Args:
        environment: of the process.
        hear: called from a thread of its own.

    Attributes:
        life: counts the processes there have been; what an earlier one said is thrown away.
        device: that it sees, None where nobody has said.
    """

    def __init__(self, environment: dict[str, str], hear: Hear) -> None:
        self.life = 0
        self.device: int | None = None
        self._environment = environment
        self._hear = hear
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._given: Setup | None = None

    @property
    def there(self) -> bool:
        """Whether it was begun and not ended by us; it may have died."""
        return self._process is not None

    @property
    def alive(self) -> bool:
        """Whether it is there and has not died."""
        return self._process is not None and not processes.is_dead(self._process.pid)

    def see(self, device: int, environment: dict[str, str]) -> None:
        """Have the next process on another device."""
        self.device = device
        self._environment = {**self._environment, **environment}

    def run(self, setup: Setup, task: Task) -> None:
        """Have it run a task, with another setup first where the last was of another study."""
        first = b"" if setup == self._given else packed(setup)
        self._given = setup
        if self._process is None:
            self._begin(first + packed(Run(task)))
        else:
            self._write(first + packed(Run(task)))

    def tell(self, told: Told) -> None:
        """Answer whoever has asked in it."""
        if self._process is not None:
            self._write(packed(told))

    def used(self, enough: int) -> tuple[int, int]:
        """Bytes of memory that it and its processes hold, counted no further than ``enough``; how many processes these are."""
        own = self._own()
        return processes.memory(own, enough), len(own)

    def left(self, enough: int) -> int:
        """Bytes of memory that its processes hold without itself."""
        beside = [each for each in self._own() if self._process and each.pid != self._process.pid]
        return processes.memory(beside, enough)

    def kill(self) -> None:
        """End it and all that belongs to it at once; it is heard to be gone."""
        if self._process is not None:
            processes.end(self._process.pid)

    def end(self) -> int:
        """End it, if it is there, with all that belongs to it, and hear no more of it; its exit code, negative for a signal."""
        process, self._process, self._given = self._process, None, None
        self.life += 1
        if process is None:
            return 0
        processes.end(process.pid)  # before it is waited for, while its number is its own
        code = process.wait()
        with contextlib.suppress(OSError):
            cast(BinaryIO, process.stdin).close()
        return code

    def join(self) -> None:
        """Wait until the thread that listens is gone."""
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _own(self) -> list[processes.Process]:
        assert self._process is not None
        return processes.belonging(self._process.pid, processes.listed())

    def _begin(self, first: bytes) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "danlu.engines.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._environment,
            start_new_session=True,
        )
        self._thread = threading.Thread(
            target=self._listen, args=(self._process, self.life, first), name="danlu-slot", daemon=True
        )
        self._thread.start()

    def _listen(self, process: subprocess.Popen[bytes], life: int, first: bytes) -> None:
        """Pass on what the worker says until it is dead; a worker that says what nobody understands counts as dead."""
        frames: Frames[Up] = Frames(msgspec.msgpack.Decoder(Up))
        output = cast(BinaryIO, process.stdout)
        with contextlib.suppress(OSError):  # it is dead already, and heard to be so below
            _send(process, first)
        with contextlib.suppress(msgspec.DecodeError):
            for piece in processes.hear(process.pid, output.fileno(), LINGER_SECONDS):
                for frame in frames.take(piece):
                    self._hear(life, frame)
        self._hear(life, None)
        output.close()

    def _write(self, frames: bytes) -> None:
        """Send frames; a worker that is gone is noticed by the thread that watches it."""
        assert self._process is not None
        with contextlib.suppress(BrokenPipeError):
            _send(self._process, frames)


def _send(process: subprocess.Popen[bytes], data: bytes) -> None:
    pipe = cast(BinaryIO, process.stdin)
    pipe.write(data)
    pipe.flush()
