"""An engine of Hydra's launchers: every trial is a job that a thread launches and waits for, so none waits for another."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from typing import Any

from ...contracts.messages import Message, Outcome, Refused, Reply, Task, Verdict
from ...contracts.protocols import Answer, BaseEngine
from ...engines.objective import resolve_objective
from ...engines.run import guarded
from ...errors import SettingError
from ...journal.events import Action
from ...problem.budget import AttemptLimits
from ...runtime.attempt import Attempt
from ...runtime.live import LiveTrial
from .line import JobLine


class Launches(BaseEngine):
    """So many jobs of a launcher at once.

    Args:
        slots: how many (at least 1).
        anywhere: whether the launcher starts jobs on other machines.
    """

    def __init__(self, slots: int, *, anywhere: bool = False) -> None:
        self.slots = slots
        self._anywhere = anywhere
        self._objective: Callable[..., Any] | None = None
        self._answer: Answer | None = None
        self._inbox: queue.Queue[tuple[Message, queue.SimpleQueue[Reply]]] = queue.Queue()
        self._tasks: dict[int, Task] = {}
        self._verdicts: dict[int, Action] = {}
        self._line: JobLine | None = None

    def open(self, objective: Callable[..., Any] | str, answer: Answer) -> None:
        """Take the objective, and listen for its jobs."""
        self._objective, self._answer = resolve_objective(objective), answer
        if self._line is None:
            self._line = JobLine(self._tasks.get, self._say, anywhere=self._anywhere)

    def start(self, task: Task) -> None:
        """Launch its job."""
        if task.limits != AttemptLimits():
            raise SettingError(
                "a launcher's jobs cannot be ended from here, so limits of time and memory are its own. Leave trial_time out, or use "
                "hydra/launcher=basic."
            )
        self._tasks[task.trial] = task
        self._verdicts.pop(task.trial, None)
        threading.Thread(target=self._run, args=(task,), daemon=True).start()

    def poll(self, timeout: float) -> None:
        """Answer what jobs have said."""
        wait = timeout
        while True:
            try:
                message, reply = self._inbox.get(timeout=wait)
            except queue.Empty:
                return
            reply.put(self._heard(message))
            wait = 0.001

    def stop(self, trial: int) -> None:
        """Answer its job no more, which ends it at its next report."""
        self._tasks.pop(trial, None)

    def close(self) -> None:
        """Listen no more."""
        self._tasks.clear()
        if self._line is not None:
            self._line.close()
            self._line = None

    def _heard(self, message: Message) -> Reply:
        assert self._answer is not None
        task = self._tasks.get(message.trial)
        if task is None or task.attempt != message.attempt:
            return Refused(f"attempt {message.attempt} of trial {message.trial} is over.", "Fenced")
        if isinstance(message, Outcome):
            del self._tasks[message.trial]
        reply = self._answer(message)
        if isinstance(reply, Verdict) and reply.action is not Action.GO:
            self._verdicts[message.trial] = reply.action
        return reply

    def _say(self, message: Message) -> Reply:
        """From any thread: have the message answered by the one that polls."""
        replied: queue.SimpleQueue[Reply] = queue.SimpleQueue()
        self._inbox.put((message, replied))
        while True:
            with contextlib.suppress(queue.Empty):
                return replied.get(timeout=1.0)
            if self._line is None:
                raise EOFError("the sweep has ended")

    def _run(self, task: Task) -> None:
        attempt = Attempt(task, self._say)
        trial = LiveTrial(attempt)
        objective = self._objective
        assert objective is not None

        def launched() -> Any:
            try:
                return objective(trial)
            finally:  # its job has a trial of its own, which has heard the verdict
                attempt.verdict = self._verdicts.get(task.trial)

        with contextlib.suppress(EOFError):
            outcome = guarded(trial, launched)
            assert outcome is not None
            self._say(outcome)
