"""One slot of a pool: a worker process, the thread that reads it, and the limits of its trial."""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from ..core.events import Cause
from ..core.messages import Reply, Task
from .wire import Run, Setup, Up, read, write

Inbox = queue.Queue[tuple["Slot", int, Up | None]]


START_SECONDS = 120.0
"""How long a worker may take to start and to import the objective, when trials have a time limit."""


class Slot:
    """Starts a worker when there is work, and a new one when the last is gone.

    ``life`` counts the workers this slot has had; what an earlier one said is thrown away.
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
        self._began = 0.0
        self._up = False

    def start(self, setup: Setup, task: Task) -> None:
        """Run a task."""
        self.task, self.killed, self._began = task, None, time.monotonic()
        if self._process is None:
            self._spawn()
            self._write(setup)
        self._write(Run(task))

    def see(self, device: int, environment: dict[str, str]) -> None:
        """Have the next worker of this slot on another device."""
        self.device = device
        self._environment = {**self._environment, **environment}

    def reply(self, reply: Reply) -> None:
        """Answer the running trial."""
        self._write(reply)

    def ready(self) -> None:
        """The worker is up: what it took to start is not its first trial's time."""
        self._up, self._began = True, time.monotonic()

    def seconds(self) -> float:
        """How long the current task has been running."""
        return time.monotonic() - self._began

    def enforce(self) -> None:
        """Kill the worker when its trial is over its time or memory."""
        if self.task is None or self._process is None or self.killed is not None:
            return
        limits = self.task.limits
        patience = 0.0 if self._up else START_SECONDS
        if limits.seconds is not None and self.seconds() > max(limits.seconds, patience):
            self.killed = (Cause.TIMEOUT, f"it ran longer than its limit of {limits.seconds:g} s")
        elif limits.memory is not None and (used := _resident(self._process.pid)) > limits.memory:
            megabytes = f"{used >> 20} MiB, its limit is {limits.memory >> 20} MiB"
            self.killed = (Cause.MEMORY, f"it used {megabytes}")
        if self.killed is not None:
            self.kill()

    def kill(self) -> None:
        """End the worker and its children at once."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def retire(self) -> None:
        """Let this worker go; the next task gets a new one."""
        self.kill()
        self.bury()

    def bury(self) -> int:
        """Collect a dead worker; its exit code, negative for a signal."""
        process, self._process = self._process, None
        self.life += 1
        self.task = None
        self._up = False
        if process is None:
            return 0
        code = process.wait()
        for pipe in (process.stdin, process.stdout):
            with contextlib.suppress(OSError):
                cast(BinaryIO, pipe).close()
        return code

    def join(self) -> None:
        """Wait until the worker and the reading thread are gone."""
        thread = self._thread
        self.bury()
        if thread is not None:
            thread.join(timeout=5)

    def _spawn(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "danlu.engines.child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self._environment,
            start_new_session=True,
        )
        self._thread = threading.Thread(
            target=self._listen, args=(self._process.stdout, self.life), name="danlu-slot", daemon=True
        )
        self._thread.start()

    def _listen(self, pipe: BinaryIO, life: int) -> None:
        decoder = msgspec.msgpack.Decoder(Up)
        with contextlib.suppress(OSError, ValueError):
            while (frame := read(pipe, decoder)) is not None:
                self._inbox.put((self, life, frame))
        self._inbox.put((self, life, None))

    def _write(self, frame: Setup | Run | Reply) -> None:
        """Send a frame; a worker that is gone is noticed by the thread that reads it."""
        assert self._process is not None
        with contextlib.suppress(BrokenPipeError):
            write(cast(BinaryIO, self._process.stdin), frame)


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


def _resident(pid: int) -> int:
    """Bytes of memory a process holds, 0 where the system does not tell."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text("ascii").split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
