"""One slot of a pool: the task at hand, how far its worker is with it, and the limits it must keep."""

from __future__ import annotations

import queue
import subprocess
import time
from typing import NamedTuple

from ..contracts.messages import Task
from ..journal.events import Cause
from ..runtime import marks
from .wire import Setup, Up
from .worker_process import WorkerProcess

Inbox = queue.Queue[tuple["WorkerSlot", int, Up | None]]


START_SECONDS = 120.0
"""How long a worker may take to start and to import the objective, when trials have a time limit."""

TIDY_SECONDS = 10.0
"""How long a worker may take to put away what a trial left, before it is replaced for the next."""

LOOK_SECONDS = 0.25
"""Seconds between two looks at the memory of a trial's processes; a look takes some milliseconds where there are many."""

LEFT = 0.1
"""The share of a trial's memory that processes which it leaves behind may hold, before its worker is replaced and they end."""


class WorkerDeath(NamedTuple):
    """What a worker left behind.

    Attributes:
        task: that it was at, None where it was at none.
        code: its exit code, negative for a signal.
        killed: why we have ended it, None where it has died by itself.
        seconds: how long the task had been running.
    """

    task: Task | None
    code: int
    killed: tuple[Cause, str] | None
    seconds: float


class WorkerSlot:
    """Gives its worker one task after the other.

    A task waits here while the worker puts away what the trial before has left; when that takes too long, or ends the worker, the task
    goes to a new one.
    """

    def __init__(self, inbox: Inbox, environment: dict[str, str]) -> None:
        self.task: Task | None = None
        self.worker = WorkerProcess(environment, lambda life, frame: inbox.put((self, life, frame)))
        self._killed: tuple[Cause, str] | None = None
        self._setup: Setup | None = None
        self._limit: int | None = None
        self._began = self._looked = 0.0
        self._up = self._free = self._sent = False

    @property
    def finishing(self) -> bool:
        """Whether its worker still puts away what the last trial left."""
        return self.worker.there and self._up and not self._free and not self._sent

    def start(self, setup: Setup, task: Task) -> None:
        """Run a task, at once where the worker is free."""
        self.task, self._killed, self._setup, self._sent = task, None, setup, False
        self._began = time.monotonic()
        if self.worker.there and not self._free:
            return
        self.worker.run(setup, task)
        self._free, self._sent, self._limit = False, True, task.limits.memory
        self._began = time.monotonic()

    def ready(self) -> None:
        """The worker is up: what it took to start is not its first trial's time."""
        self._up, self._began = True, time.monotonic()

    def over(self) -> None:
        """The task is over; the worker puts away what it left."""
        self.task, self._sent, self._began = None, False, time.monotonic()

    def free(self) -> None:
        """The worker can take a task; it is let go when the last trial left processes that hold much of its memory."""
        self._free = True
        limit = self._limit
        if limit is not None and self.worker.there and self.worker.left(limit) > limit * LEFT:
            self._renew()
        if self.task is not None and self._setup is not None and not self._sent:
            self.start(self._setup, self.task)

    def enforce(self) -> None:
        """Kill the worker when its trial is over its time or memory, or when it does not become free for the next."""
        if self.task is None or not self.worker.there or self._killed is not None:
            return
        if not self._sent:
            if self._seconds() > TIDY_SECONDS:
                self.kill()
            return
        limits = self.task.limits
        patience = 0.0 if self._up else START_SECONDS
        if limits.seconds is not None and self._seconds() > max(limits.seconds, patience):
            self._killed = (Cause.TIMEOUT, f"it ran longer than its limit of {limits.seconds:g} s")
        elif limits.memory is not None and time.monotonic() - self._looked > LOOK_SECONDS:
            self._looked = time.monotonic()
            used, count = self.worker.used(limits.memory)
            if used > limits.memory:
                many = f" in {count} processes" if count > 1 else ""
                self._killed = (
                    Cause.MEMORY,
                    f"it used {used >> 20} MiB{many}, its limit is {limits.memory >> 20} MiB",
                )
        if self._killed is not None:
            self.kill()

    def kill(self) -> None:
        """End the worker and all that belongs to it at once."""
        if self.worker.there:
            self._free = False
            self.worker.kill()
            self._end_left()

    def retire(self) -> None:
        """Let this worker go; the next task gets a new one."""
        self._renew()
        self.task = None

    def bury(self) -> WorkerDeath:
        """Collect a dead worker, and end what it left.

        A task that it had not begun goes to a new worker.
        """
        seconds = self._seconds()
        if self.worker.alive and self._killed is None:
            self._killed = (Cause.RAISED, "its worker closed the pipe on which it speaks, and was ended")
        waits = None if self._sent else self.task
        death = WorkerDeath(None if waits else self.task, self._renew(), self._killed, seconds)
        if waits is not None and self._setup is not None:
            self.start(self._setup, waits)
        else:
            self.task = None
        return death

    def _seconds(self) -> float:
        """How long the current task has been running."""
        return time.monotonic() - self._began

    def _renew(self) -> int:
        """End the worker, if there is one, with all that belongs to it; its exit code."""
        self._up = self._free = self._sent = False
        there, code = self.worker.there, self.worker.end()
        if there:
            self._end_left()
        return code

    def _end_left(self) -> None:
        """Kill daemons that the trial has left with a mark."""
        if self.task is not None and self.task.folder:
            marks.end_left(self.task.folder)


def gpu_sizes() -> tuple[int, ...]:
    """Bytes of memory of each GPU, as NVIDIA's driver tells; () where it does not."""
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
        return tuple(int(line) << 20 for line in ran.stdout.split())
    except (OSError, subprocess.SubprocessError, ValueError):
        return ()
