"""A pool of worker processes on this machine: one a slot, reused from trial to trial.

A worker is a fresh interpreter (never a fork), so CUDA and threads are safe, and it does not run the
caller's main script again, so no ``if __name__`` guard is needed. A worker that crashes, hangs or eats
its memory takes down its own trial and nothing else; the slot gets a new one.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import msgspec

from ..base.failure import say
from ..contracts.messages import Outcome, Refused, Reply, Task
from ..contracts.protocols import Answer, BaseEngine
from ..errors import ObjectiveError, SettingError
from ..journal.events import Cause
from ..runtime.processes import oom_kills
from .exits import exited
from .line import MUTE
from .objective import Sent, send
from .packing import Need, Packing
from .slot import WorkerDeath, WorkerSlot, gpu_sizes
from .wire import Broken, Free, Ready, Said, Setup, Told, Up

CLOSE_SECONDS = 2.0
"""Seconds that workers get at the end to write what their last trials printed."""


class Pool(BaseEngine):
    """Slots on this machine.

    Args:
        workers: how many trials run at once (at least 1).
        gpus: GPUs to deal out; each trial sees one of them through ``CUDA_VISIBLE_DEVICES``. With 0
            the slots see whatever the caller sees.
        gpu_memory: how many bytes of a GPU a trial needs, or ``"measured"``: then a GPU begins with one trial, and takes
            as many as the largest seen so far leaves room for, up to ``workers`` in all. Without it the slots are shared out
            evenly. A trial that runs out of memory beside others is tried once more with a GPU (or the pool) for itself.
        pin: whether each slot keeps to cores of its own, where there are enough; leave it off where other
            pools run on the same machine.
        threads: threads a slot's numerical libraries may use; by default the cores divided by slots.

    Raises:
        SettingError: when a setting is out of its range.

    Example:
        >>> import danlu
        >>> engine = danlu.engines.Pool(workers=2)
        >>> danlu.tune(lambda t: t["x"], {"x": danlu.Int(1, 4)}, trials=4, engine=engine).best.value
        1.0
    """

    def __init__(
        self,
        workers: int = 1,
        *,
        gpus: int = 0,
        gpu_memory: Need = None,
        pin: bool = False,
        threads: int | None = None,
    ) -> None:
        for name, value, least in (("workers", workers, 1), ("gpus", gpus, 0), ("threads", threads, 1)):
            if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
                raise SettingError(f"Pool needs {name} to be a whole number >= {least}, got {value!r}.")
        if gpu_memory is not None and (
            gpus < 1 or not (gpu_memory == "measured" or (type(gpu_memory) is int and gpu_memory > 0))
        ):
            raise SettingError(
                f'Pool needs gpu_memory to be bytes > 0 or "measured", and gpus >= 1, got {gpu_memory!r} and gpus={gpus!r}.'
            )
        self._workers = workers
        self._gpus = gpus
        self._need = gpu_memory
        self._pin = pin and (os.cpu_count() or 1) >= workers
        self._packing = Packing(gpus, workers, gpu_memory)
        self._waiting: list[Task] = []
        self._threads = threads or max(1, (os.cpu_count() or 1) // workers)
        self._slots: list[WorkerSlot] = []
        self._inbox: queue.Queue[tuple[WorkerSlot, int, Up | None]] = queue.Queue()
        self._answer: Answer | None = None
        self._sent = Sent()
        self._last: dict[WorkerSlot, int] = {}
        self._warned: set[str] = set()
        self._ooms = 0

    def __repr__(self) -> str:
        return f"Pool(workers={self._workers}, gpus={self._gpus})"

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy is a pool of the same settings, whose workers are its own."""
        made = partial(Pool, gpus=self._gpus, gpu_memory=self._need, pin=self._pin, threads=self._threads)
        return made, (self._workers,)

    def open(self, objective: Callable[..., Any] | str, answer: Answer) -> None:
        """Name or pickle the objective; workers start with their first trial, and stay when another study is opened."""
        self._sent = send(objective)
        self._answer = answer
        self._ooms = oom_kills()
        if self._slots:
            return
        self._packing = Packing(self._gpus, self._workers, self._need, gpu_sizes() if self._need else ())
        self._slots = [WorkerSlot(self._inbox, self._environment(number)) for number in range(self._workers)]

    @property
    def slots(self) -> int:
        """How many trials may run at once now; it grows as memory is measured."""
        return self._packing.room

    def start(self, task: Task) -> None:
        """Give the task to a free slot; one that has to be alone waits until a device is free."""
        self._waiting.append(task)
        self._begin()

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
        self._waiting = [task for task in self._waiting if task.trial != trial]
        self._packing.leave(trial)
        for slot in self._slots:
            if slot.task is not None and slot.task.trial == trial:
                slot.task = None
                slot.kill()

    def close(self) -> None:
        """Kill all workers."""
        self._waiting = []
        for slot in self._slots:
            slot.task = None
        self._let_tidy()
        for slot in self._slots:
            slot.kill()
        for slot in self._slots:
            slot.retire()
            slot.worker.join()
        self._slots = []

    def _let_tidy(self) -> None:
        """Give workers whose trial is over a moment to write the end of its log."""
        until = time.monotonic() + CLOSE_SECONDS
        while any(slot.finishing for slot in self._slots) and time.monotonic() < until:
            with contextlib.suppress(queue.Empty):
                slot, life, frame = self._inbox.get(timeout=0.1)
                if frame is None or isinstance(frame, Free):
                    self._deliver(slot, life, frame)

    def _begin(self) -> None:
        """Start what there is a place for; a worker that saw another device is let go for it."""
        for task in list(self._waiting):
            device = self._packing.place(task.trial, alone=task.alone)
            if device is None:
                continue
            self._waiting.remove(task)
            free = [slot for slot in self._slots if slot.task is None]
            slot = next((slot for slot in free if slot.worker.device == device), None)
            slot = slot or next((slot for slot in free if slot.worker.device is None), free[0])
            if slot.worker.device != device:
                slot.retire()
                slot.worker.see(device, self._visible(device))
            slot.start(Setup(self._sent, sys.path), task)

    def _leave(self, outcome: Outcome) -> Outcome:
        """Give a trial's place back, and learn from what it took; the outcome, marked if memory was short for a crowd."""
        if outcome.memory is not None:
            self._packing.measured(outcome.trial, *outcome.memory)
        short = outcome.cause is Cause.MEMORY
        if short:
            self._packing.burst(outcome.trial)
        crowded = self._packing.leave(outcome.trial)
        self._begin()
        return msgspec.structs.replace(outcome, crowded=crowded) if short else outcome

    def _deliver(self, slot: WorkerSlot, life: int, frame: Up | None) -> None:
        if life != slot.worker.life:
            return
        match frame:
            case None:
                self._bury(slot)
            case Broken():
                raise ObjectiveError(frame.sentence)
            case Ready():
                slot.ready()
            case Free():
                self._warn(slot, frame.warnings)
                slot.free()
            case Outcome():
                self._end(slot, frame)
            case Said():
                self._reply(slot, frame)

    def _reply(self, slot: WorkerSlot, said: Said) -> None:
        """Answer what is said in the name of the trial that runs; who speaks for another is told so."""
        assert self._answer is not None
        message, task = said.message, slot.task
        if task is None or (message.trial, message.attempt) != (task.trial, task.attempt):
            reply: Reply = Refused(
                f"attempt {message.attempt} of trial {message.trial} is over. End or join threads before the objective returns.",
                "Fenced",
            )
        else:
            reply = self._answer(message)
        slot.worker.tell(Told(said.number, reply))

    def _end(self, slot: WorkerSlot, outcome: Outcome) -> None:
        """Pass on how the running attempt ended."""
        assert self._answer is not None
        task = slot.task
        if task is None or (outcome.trial, outcome.attempt) != (task.trial, task.attempt):
            return
        self._last[slot] = outcome.trial
        slot.over()
        if outcome.cause is Cause.MEMORY:
            slot.retire()
        limited = task.limits.memory is not None and "cuda" not in outcome.reason.lower()
        own = self._leave(outcome)
        self._answer(outcome if limited else own)

    def _bury(self, slot: WorkerSlot) -> None:
        """Say why a worker died, if it was at a trial."""
        death = slot.bury()
        if death.task is not None and self._answer is not None:
            outcome = self._post_mortem(death.task, death)
            own = self._leave(outcome)
            self._answer(outcome if death.killed else own)  # over its own limit: no crowd's fault

    def _warn(self, slot: WorkerSlot, warnings: Sequence[str]) -> None:
        """Show what went wrong after a trial's result was told, each kind once."""
        for warning in warnings:
            if warning not in self._warned:
                self._warned.add(warning)
                say(f"danlu: after trial {self._last.get(slot)}: {warning}. Its result stands.")

    def _post_mortem(self, task: Task, death: WorkerDeath) -> Outcome:
        """Why a worker died: by our hand, for want of memory, by a request to leave, or by itself."""
        code = death.code
        if death.killed is not None:
            cause, reason = death.killed
        elif code == -signal.SIGKILL and oom_kills() > self._ooms:
            self._ooms = oom_kills()
            cause, reason = Cause.MEMORY, "the system killed its worker for want of memory"
        elif code == -signal.SIGTERM:
            cause, reason = Cause.PREEMPTED, "its worker was asked to leave (SIGTERM)"
        elif code < 0:
            cause, reason = Cause.CRASHED, f"its worker was killed by {_signal(-code)}"
        elif code == MUTE:
            cause = Cause.RAISED
            reason = "the objective closed the pipe on which its worker speaks. Close what it has opened itself, and nothing else"
        else:
            cause, reason = Cause.RAISED, exited(code, task.log)
        return Outcome(task.trial, task.attempt, death.seconds, cause=cause, reason=reason)

    def _environment(self, number: int) -> dict[str, str]:
        count = str(self._threads)
        threads = {
            name: os.environ.get(name, count)
            for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
        }
        if self._workers > 1 and "OMP_NUM_THREADS" not in os.environ:
            threads["DANLU_THREADS"] = count
        environment = {**os.environ, **threads, "OMP_WAIT_POLICY": "PASSIVE", "DANLU_SLOT": str(number)}
        if self._pin:
            cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
            each = len(cores) // self._workers
            environment["DANLU_CORES"] = ",".join(map(str, cores[number * each : (number + 1) * each]))
        return environment

    def _visible(self, device: int) -> dict[str, str]:
        """What shows a worker its device and no other."""
        if not self._gpus:
            return {}
        seen = os.environ.get("CUDA_VISIBLE_DEVICES", "")
        devices = seen.split(",") if seen else [str(each) for each in range(self._gpus)]
        return {"CUDA_VISIBLE_DEVICES": devices[device % len(devices)]}


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
