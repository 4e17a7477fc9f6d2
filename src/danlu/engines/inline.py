"""Runs trials one after the other in this process: nothing to send, nothing to start, easy to debug."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from ..contracts.messages import Task
from ..contracts.protocols import Answer, BaseEngine
from ..errors import SettingError
from .objective import resolve_objective
from .run import run


class Inline(BaseEngine):
    """One slot, in the calling process and thread. Limits of time and memory need ``Pool``.

    Example:
        >>> import danlu
        >>> danlu.tune(lambda t: t["x"], {"x": danlu.Int(1, 3)}, trials=3, engine=danlu.engines.Inline()).best.value
        1.0
    """

    slots = 1

    def __init__(self) -> None:
        self._waiting: deque[Task] = deque()
        self._objective: Callable[..., Any] | None = None
        self._answer: Answer | None = None

    def open(self, objective: Callable[..., Any] | str, answer: Answer) -> None:
        """Take the objective as it is."""
        self._objective = resolve_objective(objective)
        self._answer = answer

    def start(self, task: Task) -> None:
        """Note the task; ``poll`` runs it."""
        if task.limits.seconds is not None or task.limits.memory is not None:
            raise SettingError(
                "time and memory limits need a process to end: use engine=danlu.engines.Pool(workers=1)."
            )
        self._waiting.append(task)

    def poll(self, timeout: float) -> None:
        """Run the next task from start to end."""
        del timeout
        if self._waiting and self._objective is not None and self._answer is not None:
            self._answer(run(self._objective, self._waiting.popleft(), self._answer))

    def stop(self, trial: int) -> None:
        """Forget the task if it has not begun; one that runs here cannot be ended from outside."""
        self._waiting = deque(task for task in self._waiting if task.trial != trial)

    def close(self) -> None:
        """Nothing is held."""
        self._waiting.clear()
