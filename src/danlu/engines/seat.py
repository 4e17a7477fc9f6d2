"""A seat far away: an object that runs trials and hands out, call by call, what they say.

Whoever drives it calls ``say(turn, frame)`` with a task or a reply and gets the trial's next message. The same turn again gives
the same message again and does nothing, so a call whose answer was lost is simply made once more.
"""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from ..core.events import Cause
from ..core.failure import sentence
from ..core.messages import Message, Outcome, Reply, Task
from .child import limited, logged
from .objective import resolve_objective
from .run import run_apart
from .wire import Broken, Down, Run, Up

_encoder = msgspec.msgpack.Encoder()
_down: msgspec.msgpack.Decoder[Down] = msgspec.msgpack.Decoder(Down)


class Seat:
    """Runs one trial at a time, in a thread, and speaks for it.

    Args:
        objective: itself, or its import path.
        path: folders where the objective's modules may lie, after this process's own.
        node: where this is, for whoever asks.
    """

    def __init__(
        self, objective: Callable[..., Any] | str, path: Sequence[str] = (), node: Callable[[], str] = str
    ) -> None:
        self._given = objective
        self._node = node
        self._turn = 0
        self._last = b""
        self._said: queue.SimpleQueue[Up] = queue.SimpleQueue()
        self._told: queue.SimpleQueue[Reply] = queue.SimpleQueue()
        sys.path.extend(folder for folder in path if folder not in sys.path)

    def where(self) -> str:
        """The node this runs on; the answer says that it is up."""
        return self._node()

    def say(self, turn: int, frame: bytes) -> bytes:
        """Take a task or a reply; the trial's next message, as frames of ``wire``."""
        if turn != self._turn:
            said = _down.decode(frame)
            if isinstance(said, Run):
                threading.Thread(target=self._run, args=(said.task,), name="danlu-trial", daemon=True).start()
            else:
                self._told.put(said)  # type: ignore[arg-type]
            self._last = _encoder.encode(self._said.get())
            self._turn = turn
        return self._last

    def _run(self, task: Task) -> None:
        try:
            objective = resolve_objective(self._given)
        except BaseException as error:
            self._said.put(Broken(f"a worker cannot load the objective: {type(error).__name__}: {error}"))
            return
        try:
            with logged(task), limited(task):
                outcome = run_apart(objective, task, self._channel)
        except BaseException as error:  # whatever it is, the driver has to hear of it
            outcome = Outcome(task.trial, task.attempt, 0.0, cause=Cause.RAISED, reason=sentence(error))
        self._said.put(outcome)

    def _channel(self, message: Message) -> Reply:
        self._said.put(message)
        return self._told.get()
