"""An engine that ends with the time: what still runs then is killed and handed back, so that no fit outlasts a budget."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ..contracts.messages import Message, Outcome, Reply, Task
from ..contracts.protocols import Answer, Engine
from ..journal.events import Cause


class UntilDeadline:
    """Another engine, up to a moment.

    Args:
        engine: that runs the trials; one that can end them (``Pool``) ends them in time, another between two trials.
        seconds: from now.

    Example:
        >>> import danlu
        >>> engine = UntilDeadline(danlu.engines.Inline(), 60.0)
        >>> danlu.tune(lambda trial: trial["x"], {"x": danlu.Int(1, 3)}, trials=3, engine=engine).best.value
        1.0
    """

    def __init__(self, engine: Engine, seconds: float) -> None:
        self._engine = engine
        self._until = time.monotonic() + seconds
        self._running: dict[int, tuple[Task, float]] = {}
        self._answer: Answer | None = None

    def postpone(self, seconds: float) -> None:
        """Let the deadline be so many seconds from now."""
        self._until = time.monotonic() + seconds

    @property
    def slots(self) -> int:
        """As many as the engine has."""
        return self._engine.slots

    def open(self, objective: Callable[..., Any] | str, answer: Answer) -> None:
        """Open the engine, and hear which trials are over."""
        self._answer = answer

        def hear(message: Message) -> Reply:
            if isinstance(message, Outcome):
                self._running.pop(message.trial, None)
            return answer(message)

        self._engine.open(objective, hear)

    def start(self, task: Task) -> None:
        """Start a trial."""
        self._running[task.trial] = task, time.monotonic()
        self._engine.start(task)

    def poll(self, timeout: float) -> None:
        """Deliver what trials say, until the deadline; then end them."""
        left = self._until - time.monotonic()
        if left > 0:
            self._engine.poll(min(timeout, left))
            return
        for task, began in list(self._running.values()):
            self._engine.stop(task.trial)
            self._running.pop(task.trial, None)
            assert self._answer is not None
            spent = time.monotonic() - began
            self._answer(
                Outcome(
                    task.trial,
                    task.attempt,
                    spent,
                    cause=Cause.PREEMPTED,
                    reason="the time of the search was over",
                )
            )

    def stop(self, trial: int) -> None:
        """End a trial."""
        self._running.pop(trial, None)
        self._engine.stop(trial)

    def close(self) -> None:
        """Close the engine."""
        self._engine.close()

    def clock(self) -> float:
        """The engine's."""
        return self._engine.clock()

    def why(self) -> str:
        """What the engine chose."""
        return self._engine.why()
