"""One slot of a pool: a worker process, the thread that reads it, and the limits of its trial."""

from __future__ import annotations

import contextlib
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from ..contracts.messages import Task
from ..journal.events import Cause
from . import processes
from .wire import Frames, Run, Setup, Told, Up, packed

Inbox = queue.Queue[tuple["WorkerSlot", int, Up | None]]


START_SECONDS = 120.0
"""How long a worker may take to start and to import the objective, when trials have a time limit."""

TIDY_SECONDS = 10.0
"""How long a worker may take to put away what a trial left, before it is replaced for the next."""

LINGER_SECONDS = 10.0
"""How long a worker may live that has closed its pipe: it can never say what its trial comes to."""

LOOK_SECONDS = 0.25
"""Seconds between two looks at the memory of a trial's processes; a look takes some milliseconds where there are many."""

LEFT = 0.1
"""The share of a trial's memory that processes which it leaves behind may hold, before its worker is replaced and they end."""


class WorkerSlot:
    """Starts a worker when there is work, and a new one when the last is gone.

    A task waits here while the worker puts away what the trial before has left; when that takes too long, or ends the worker, the task
    goes to a new one. ``life`` counts the workers this slot has had; what an earlier one said is thrown away.
    """

    def __init__(self, inbox: Inbox, environment: dict[str, str]) -> None:
        self.task: Task | None = None
        self.killed: tuple[Cause, str] | None = None
        self.life = 0
        self.device: int | None = None
        self._inbox = inbox
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._setup: Setup | None = None
        self._given: Setup | None = None
        self._limit: int | None = None
        self._began = self._looked = 0.0
        self._up = self._free = self._sent = False

    @property
    def finishing(self) -> bool:
        """Whether its worker still puts away what the last trial left."""
        return self._process is not None and self._up and not self._free and not self._sent

    def start(self, setup: Setup, task: Task) -> None:
        """Run a task, at once where the worker is free."""
        self.task, self.killed, self._setup, self._sent = task, None, setup, False
        self._began = time.monotonic()
        if self._process is None:
            self._given = setup
            self._spawn(Run(task))
        elif self._free:
            if setup != self._given:  # of the study that ran here before
                self._given = setup
                self._write(setup)
            self._write(Run(task))
        else:
            return
        self._take()

    def see(self, device: int, environment: dict[str, str]) -> None:
        """Have the next worker of this slot on another device."""
        self.device = device
        self._environment = {**self._environment, **environment}

    def tell(self, told: Told) -> None:
        """Answer whoever has asked in the worker."""
        if self._process is not None:
            self._write(told)

    def ready(self) -> None:
        """The worker is up: what it took to start is not its first trial's time."""
        self._up, self._began = True, time.monotonic()

    def over(self) -> None:
        """The task is over; the worker puts away what it left."""
        self.task, self._sent, self._began = None, False, time.monotonic()

    def free(self) -> None:
        """The worker can take a task; it is let go when the last trial left processes that hold much of its memory."""
        self._free = True
        if self._limit is not None and self._process is not None:
            left = [each for each in self._own() if each.pid != self._process.pid]
            if processes.memory(left, self._limit) > self._limit * LEFT:
                self._renew()
        if self.task is not None and self._setup is not None and not self._sent:
            self.start(self._setup, self.task)

    def seconds(self) -> float:
        """How long the current task has been running."""
        return time.monotonic() - self._began

    def enforce(self) -> None:
        """Kill the worker when its trial is over its time or memory, or when it does not become free for the next."""
        if self.task is None or self._process is None or self.killed is not None:
            return
        if not self._sent:
            if self.seconds() > TIDY_SECONDS:
                self.kill()
            return
        limits = self.task.limits
        patience = 0.0 if self._up else START_SECONDS
        if limits.seconds is not None and self.seconds() > max(limits.seconds, patience):
            self.killed = (Cause.TIMEOUT, f"it ran longer than its limit of {limits.seconds:g} s")
        elif limits.memory is not None and time.monotonic() - self._looked > LOOK_SECONDS:
            self._looked = time.monotonic()
            own = self._own()
            used = processes.memory(own, limits.memory)
            if used > limits.memory:
                many = f" in {len(own)} processes" if len(own) > 1 else ""
                self.killed = (
                    Cause.MEMORY,
                    f"it used {used >> 20} MiB{many}, its limit is {limits.memory >> 20} MiB",
                )
        if self.killed is not None:
            self.kill()

    def kill(self) -> None:
        """End the worker and all that belongs to it at once."""
        if self._process is not None:
            self._free = False
            processes.end(self._process.pid)

    def retire(self) -> None:
        """Let this worker go; the next task gets a new one."""
        self._renew()
        self.task = None

    def bury(self) -> tuple[Task | None, int]:
        """Collect a dead worker, and end what it left; the task it was at and its exit code, negative for a signal.

        A task that it had not begun goes to a new worker.
        """
        alive = self._process is not None and not processes.is_dead(self._process.pid)
        if alive and self.killed is None:
            self.killed = (Cause.RAISED, "its worker closed the pipe on which it speaks, and was ended")
        waits = None if self._sent else self.task
        code, task = self._renew(), self.task
        if waits is not None and self._setup is not None:
            self.start(self._setup, waits)
            return None, code
        self.task = None
        return task, code

    def join(self) -> None:
        """Wait until the worker and the reading thread are gone."""
        thread = self._thread
        self._renew()
        self.task = None
        if thread is not None:
            thread.join(timeout=5)

    def _take(self) -> None:
        assert self.task is not None
        self._free, self._sent, self._limit = False, True, self.task.limits.memory
        self._began = time.monotonic()

    def _renew(self) -> int:
        """End the worker, if there is one, with all that belongs to it; its exit code."""
        process, self._process = self._process, None
        self.life += 1
        self._up = self._free = self._sent = False
        if process is None:
            return 0
        processes.end(process.pid)  # before it is waited for, while its number is its own
        code = process.wait()
        with contextlib.suppress(OSError):
            cast(BinaryIO, process.stdin).close()
        return code

    def _own(self) -> list[processes.Process]:
        assert self._process is not None
        return processes.belonging(self._process.pid, processes.listed())

    def _spawn(self, run: Run) -> None:
        assert self._setup is not None
        self._process = subprocess.Popen(
            [sys.executable, "-m", "danlu.engines.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._environment,
            start_new_session=True,
        )
        first = packed(self._setup) + packed(run)
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
                    self._inbox.put((self, life, frame))
        self._inbox.put((self, life, None))
        output.close()

    def _write(self, frame: Setup | Run | Told) -> None:
        """Send a frame; a worker that is gone is noticed by the thread that watches it."""
        assert self._process is not None
        with contextlib.suppress(BrokenPipeError):
            _send(self._process, packed(frame))


def _send(process: subprocess.Popen[bytes], data: bytes) -> None:
    pipe = cast(BinaryIO, process.stdin)
    pipe.write(data)
    pipe.flush()


def oom_kills() -> int:
    """How many processes the system has killed for want of memory since boot, 0 where it does not tell."""
    try:
        lines = Path("/proc/vmstat").read_text("ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def gpu_sizes() -> tuple[int, ...]:
    """Bytes of memory of each GPU, as NVIDIA's driver tells; () where it does not."""
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
        return tuple(int(line) << 20 for line in ran.stdout.split())
    except (OSError, subprocess.SubprocessError, ValueError):
        return ()
