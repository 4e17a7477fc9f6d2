"""A pool of worker processes on this machine: one a slot, reused from trial to trial.

A worker is a fresh interpreter (never a fork), so CUDA and threads are safe, and it does not run the
caller's main script again, so no ``if __name__`` guard is needed. A worker that crashes, hangs or eats
its memory takes down its own trial and nothing else; the slot gets a new one.
"""

from __future__ import annotations

import os
import queue
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from ..core.errors import ObjectiveError, SettingError
from ..core.events import Cause
from ..core.messages import Outcome, Task
from ..core.protocols import Answer
from .objective import Sent, send
from .slot import Slot, oom_kills
from .wire import Broken, Ready, Setup, Up


class Pool:
    """Slots on this machine.

    Args:
        workers: how many trials run at once (at least 1).
        gpus: GPUs to deal out; each slot sees one of them through ``CUDA_VISIBLE_DEVICES``. With 0
            the slots see whatever the caller sees.
        threads: threads a slot's numerical libraries may use; by default the cores divided by slots.

    Raises:
        SettingError: when a setting is out of its range.

    Example:
        >>> import danlu
        >>> engine = danlu.Pool(workers=2)
        >>> danlu.tune(lambda t: t["x"], {"x": danlu.Int(1, 4)}, trials=4, engine=engine).best.value
        1.0
    """

    def __init__(self, workers: int = 1, *, gpus: int = 0, threads: int | None = None) -> None:
        for name, value, least in (("workers", workers, 1), ("gpus", gpus, 0), ("threads", threads, 1)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
                raise SettingError(f"Pool needs {name} to be a whole number >= {least}, got {value!r}.")
        self.slots = workers
        self._gpus = gpus
        self._threads = threads or max(1, (os.cpu_count() or 1) // workers)
        self._slots: list[Slot] = []
        self._inbox: queue.Queue[tuple[Slot, int, Up | None]] = queue.Queue()
        self._answer: Answer | None = None
        self._sent = Sent()
        self._ooms = 0

    def open(self, objective: Callable[..., Any] | str, answer: Answer) -> None:
        """Name or pickle the objective; workers start with their first trial."""
        self._sent = send(objective)
        self._answer = answer
        self._ooms = oom_kills()
        self._slots = [Slot(self._inbox, self._environment(number)) for number in range(self.slots)]

    def start(self, task: Task) -> None:
        """Give the task to a free slot."""
        slot = next(slot for slot in self._slots if slot.task is None)
        slot.start(Setup(self._sent, sys.path), task)

    def poll(self, timeout: float) -> None:
        """Deliver what workers said; end trials that are over their time or memory."""
        limited = any(slot.task and slot.task.limits.seconds is not None for slot in self._slots)
        watched = any(slot.task and slot.task.limits.memory is not None for slot in self._slots)
        until = time.monotonic() + timeout
        wait = min(timeout, 0.1) if limited or watched else timeout
        while True:
            try:
                self._deliver(*self._inbox.get(timeout=max(0.0, wait)))
                wait = 0.0
            except queue.Empty:
                for slot in self._slots:
                    slot.enforce()
                left = until - time.monotonic()
                if wait == 0.0 or left <= 0:
                    return
                wait = min(left, 0.1)

    def stop(self, trial: int) -> None:
        """Kill the worker that runs the trial, its own children included."""
        for slot in self._slots:
            if slot.task is not None and slot.task.trial == trial:
                slot.task = None
                slot.kill()

    def close(self) -> None:
        """Kill all workers."""
        for slot in self._slots:
            slot.task = None
            slot.kill()
        for slot in self._slots:
            slot.join()
        self._slots = []

    def _deliver(self, slot: Slot, life: int, message: Up | None) -> None:
        if life != slot.life:
            return
        if isinstance(message, Broken):
            raise ObjectiveError(message.sentence)
        assert self._answer is not None
        if message is None:
            task, exit_code, killed = slot.task, slot.bury(), slot.killed
            if task is not None:
                self._answer(self._post_mortem(task, exit_code, killed, slot.seconds()))
            return
        if isinstance(message, Ready):
            slot.ready()
            return
        if slot.task is None:
            return
        if isinstance(message, Outcome):
            slot.task = None
            if message.cause is Cause.MEMORY:
                slot.retire()
            self._answer(message)
        else:
            slot.reply(self._answer(message))

    def _post_mortem(
        self, task: Task, code: int, killed: tuple[Cause, str] | None, seconds: float
    ) -> Outcome:
        """Why a worker died: by our hand, for want of memory, by a request to leave, or by itself."""
        if killed is not None:
            cause, reason = killed
        elif code == -signal.SIGKILL and oom_kills() > self._ooms:
            self._ooms = oom_kills()
            cause, reason = Cause.MEMORY, "the system killed its worker for want of memory"
        elif code == -signal.SIGTERM:
            cause, reason = Cause.PREEMPTED, "its worker was asked to leave (SIGTERM)"
        elif code < 0:
            cause, reason = Cause.CRASHED, f"its worker was killed by {_signal(-code)}"
        else:
            cause, reason = Cause.CRASHED, f"its worker exited with code {code}"
        return Outcome(task.trial, task.attempt, seconds, cause=cause, reason=reason)

    def _environment(self, number: int) -> dict[str, str]:
        count = str(self._threads)
        threads = {
            name: os.environ.get(name, count)
            for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
        }
        environment = {**os.environ, **threads, "OMP_WAIT_POLICY": "PASSIVE", "DANLU_SLOT": str(number)}
        if self._gpus:
            seen = os.environ.get("CUDA_VISIBLE_DEVICES", "")
            devices = seen.split(",") if seen else [str(device) for device in range(self._gpus)]
            environment["CUDA_VISIBLE_DEVICES"] = devices[number % min(self._gpus, len(devices))]
        return environment


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
