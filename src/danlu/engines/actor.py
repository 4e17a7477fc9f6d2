"""A seat far away: an object that runs trials and hands out, call by call, what they say.

Whoever drives it calls ``say(turn, frame)`` with a task or a reply and gets the trial's next message. The same turn again gives
the same message again and does nothing, so a call whose answer was lost is simply made once more.
"""

from __future__ import annotations

import contextlib
import os
import queue
import stat
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from ..base.failure import say, sentence
from ..contracts.messages import Message, Outcome, Reply, Task
from ..journal.events import Cause
from .child import unsendable
from .exits import announced, exited
from .line import Exchange
from .objective import resolve_objective
from .run import run_apart
from .surroundings import State, Streams, limited
from .wire import Broken, Down, Exited, Run, Told, Up

TIDY_SECONDS = 10.0
"""How long a seat may take to put away what a trial left, before its process is given up."""

LEAVE_SECONDS = 60.0
"""How long a process that its trial ends may wait until it is heard, and ended by whoever drives it."""

_encoder = msgspec.msgpack.Encoder()
_down: msgspec.msgpack.Decoder[Down] = msgspec.msgpack.Decoder(Down)


def _itself(objective: Callable[..., Any] | str) -> Callable[..., Any] | str:
    return objective


class Actor:
    """Runs one trial at a time, in a thread, and speaks for it.

    Args:
        objective: itself, its import path, or whatever ``fetch`` makes one of those of.
        path: folders where the objective's modules may lie, after this process's own.
        node: where this is, for whoever asks.
        fetch: called once those folders are there, so that what cannot be loaded is told like any other failure.
    """

    def __init__(
        self,
        objective: Any,
        path: Sequence[str] = (),
        node: Callable[[], str] = str,
        fetch: Callable[[Any], Callable[..., Any] | str] = _itself,
    ) -> None:
        self._given, self._fetch = objective, fetch
        self._objective: Callable[..., Any] | None = None
        self._node = node
        self._turn = 0
        self._last = b""
        self._said: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._exchange = Exchange()
        self._trial: threading.Thread | None = None
        self._streams, self._state = Streams(), State()
        self._sockets: list[int] = []
        os.register_at_fork(after_in_child=self._hang_up)
        sys.path.extend(folder for folder in path if folder not in sys.path)

    def where(self) -> str:
        """The node this runs on; the answer says that it is up."""
        return self._node()

    def say(self, turn: int, frame: bytes) -> bytes:
        """Take a task or a reply; the trial's next message, as frames of ``wire``."""
        if turn != self._turn:
            said = _down.decode(frame)
            if isinstance(said, Run):
                before, self._sockets = self._trial, _sockets()
                self._trial = threading.Thread(
                    target=self._run, args=(said.task, before), name="danlu-trial", daemon=True
                )
                self._trial.start()
            elif isinstance(said, Told):
                self._exchange.told(said)
            self._last = self._said.get()
            self._turn = turn
        return self._last

    def _run(self, task: Task, before: threading.Thread | None) -> None:
        if before is not None:
            before.join(TIDY_SECONDS)
            if before.is_alive():
                os._exit(1)
        try:
            if self._objective is None:
                self._objective = resolve_objective(self._fetch(self._given))
        except BaseException as error:
            self._send(Broken(f"a worker cannot load the objective: {sentence(error)}"))
            return
        warnings: list[str] = []
        with self._streams.logged(task, warnings):
            self._attempt(self._objective, task)
            self._state.put_back(warnings)
        for warning in warnings:
            say(f"danlu: after trial {task.trial}: {warning}. Its result stands.")

    def _attempt(self, objective: Callable[..., Any], task: Task) -> None:
        began = time.monotonic()

        def leave(code: int) -> None:
            reason, seconds = exited(code, task.log), time.monotonic() - began
            self._send(Exited(Outcome(task.trial, task.attempt, seconds, cause=Cause.RAISED, reason=reason)))
            time.sleep(LEAVE_SECONDS)

        try:
            with limited(task), announced(leave):
                outcome = run_apart(objective, task, self._channel)
        except BaseException as error:  # whatever it is, the driver has to hear of it
            outcome = Outcome(task.trial, task.attempt, 0.0, cause=Cause.RAISED, reason=sentence(error))
        try:
            self._send(outcome)
        except Exception as error:
            self._send(unsendable(outcome, error))

    def _channel(self, message: Message) -> Reply:
        return self._exchange.ask(message, self._send)

    def _send(self, frame: Up) -> None:
        self._said.put(_encoder.encode(frame))

    def _hang_up(self) -> None:
        """Close what a forked process holds of the cluster's connections, which say by their end that this one is dead."""
        for descriptor in self._sockets:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def _sockets() -> list[int]:
    """The connections that this process has now, before a trial makes its own; [] where the system does not list them."""
    found = []
    with contextlib.suppress(OSError):
        for name in os.listdir("/proc/self/fd"):  # noqa: PTH208 - descriptors, not paths
            with contextlib.suppress(OSError):  # the listing's own is closed by now
                if stat.S_ISSOCK(os.fstat(int(name)).st_mode):
                    found.append(int(name))
    return found
