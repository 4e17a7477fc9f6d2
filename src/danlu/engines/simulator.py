"""Replays recorded curves under a virtual clock with any number of workers: schedulers compared in seconds.

The objective is a function of a trial's parameters that gives the ``Recording`` of its training. What is
simulated is time and nothing else: the study, its journal and its algorithms are the real ones.
"""

from __future__ import annotations

import hashlib
import heapq
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from ..contracts.messages import Outcome, Report, Save, Task, Verdict
from ..contracts.protocols import Answer, BaseEngine
from ..errors import ObjectiveError, SettingError
from ..journal.events import Action, Cause


class Recording(msgspec.Struct, frozen=True):
    """A training as it was: the steps it reported, what it reported, how long each took.

    Args:
        steps: rising.
        metrics: one value a step for each metric.
        seconds: that each step took, one value a step; a second each when empty.
        cause: why it failed after its last step; None when it ended well.
        returned: metrics that count in place of the curve's, if any.

    Raises:
        ObjectiveError: when the columns do not have the same length.
    """

    steps: Sequence[int]
    metrics: Mapping[str, Sequence[float]]
    seconds: tuple[float, ...] = ()
    cause: Cause | None = None
    returned: dict[str, float] | None = None

    def __post_init__(self) -> None:
        lengths = {len(self.steps), *(len(column) for column in self.metrics.values())}
        if len(lengths) > 1 or (self.seconds and len(self.seconds) != len(self.steps)):
            raise ObjectiveError(
                "a recording needs one value of every metric, and of seconds, for each step."
            )


class Simulator(BaseEngine):
    """Virtual workers that report recorded curves, each step at its time.

    Args:
        workers: how many trials run at once (at least 1).
        resumes: whether a trial that is taken up again goes on where it was; if not, it begins anew.
        by_number: whether recordings are looked up by the trial's number instead of its parameters.

    Raises:
        SettingError: when there is no worker.

    Example:
        >>> import danlu
        >>> def train(params):
        ...     return danlu.engines.Recording((1, 2, 3), {"loss": (params["x"] + 2, params["x"] + 1, params["x"])})
        >>> clock = danlu.engines.Simulator(workers=4)
        >>> result = danlu.tune(train, {"x": danlu.Float(0, 1)}, minimize="loss", trials=10, engine=clock)
        >>> clock.clock()
        9.0
    """

    def __init__(self, workers: int = 1, *, resumes: bool = True, by_number: bool = False) -> None:
        if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
            raise SettingError(f"a simulator needs workers to be a whole number >= 1, got {workers!r}.")
        self.slots = workers
        self._by_number = by_number
        self._resumes = resumes
        self._now = 0.0
        self._reached: dict[int, int] = {}
        self._due: list[tuple[float, int, Task, int, Recording, float]] = []
        self._turn = 0
        self._replay: Callable[..., Recording] | None = None
        self._answer: Answer | None = None

    def clock(self) -> float:
        """Seconds of virtual time since the simulator was made."""
        return self._now

    def open(self, objective: Callable[..., Any] | str, answer: Answer) -> None:
        """Take the function that gives recordings.

        Raises:
            ObjectiveError: when it is only a name.
        """
        if isinstance(objective, str):
            raise ObjectiveError(f"a simulator needs a function that gives recordings, got {objective!r}.")
        self._replay, self._answer = objective, answer

    def start(self, task: Task) -> None:
        """Look the trial's recording up and plan its next step."""
        assert self._replay is not None
        recording = self._replay(task.trial if self._by_number else task.params)
        if not isinstance(recording, Recording):
            raise ObjectiveError(f"a simulated objective gives a danlu.engines.Recording, got {recording!r}.")
        reached = self._reached.get(task.trial, 0) if self._resumes else 0
        position = sum(step <= reached for step in recording.steps)
        self._plan(task, position, recording, self._now)

    def poll(self, timeout: float) -> None:
        """Move the clock to the next report or end, and deliver it."""
        del timeout
        if not self._due or self._answer is None:
            return
        self._now, _, task, position, recording, started = heapq.heappop(self._due)
        if position == len(recording.steps):
            reason = "" if recording.cause is None else "as recorded"
            self._end(task, started, returned=recording.returned, cause=recording.cause, reason=reason)
            return
        metrics = {
            name: column[position]
            for name, column in recording.metrics.items()
            if not math.isnan(column[position]) or len(recording.metrics) == 1
        }
        step = recording.steps[position]
        if self._resumes:  # as an objective saves that can be taken up again where it was
            digest = hashlib.sha256(f"simulated {task.trial}".encode()).hexdigest()
            self._answer(Save(task.trial, task.attempt, step, digest, 0))
        reply = self._answer(Report(task.trial, task.attempt, step, metrics, self._now - started))
        self._reached[task.trial] = step
        if isinstance(reply, Verdict) and reply.action is Action.GO:
            self._plan(task, position + 1, recording, started)
        else:
            self._end(task, started, verdict=reply.action if isinstance(reply, Verdict) else Action.STOP)

    def stop(self, trial: int) -> None:
        """Forget what the trial would have reported."""
        self._due = [due for due in self._due if due[2].trial != trial]
        heapq.heapify(self._due)

    def close(self) -> None:
        """Nothing is held."""
        self._due.clear()

    def _plan(self, task: Task, position: int, recording: Recording, started: float) -> None:
        at_end = position == len(recording.steps)
        took = 0.0 if at_end else recording.seconds[position] if recording.seconds else 1.0
        self._turn += 1
        heapq.heappush(self._due, (self._now + took, self._turn, task, position, recording, started))

    def _end(self, task: Task, started: float, **how: Any) -> None:
        assert self._answer is not None
        self._answer(Outcome(task.trial, task.attempt, self._now - started, **how))
