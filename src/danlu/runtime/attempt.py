"""One attempt of a trial, as whoever runs it sees it: the conversation with the study, and what came of it.

It holds no study: whatever it has to say goes through one function, its channel, which takes a
message and gives the reply. In a worker process the channel is a pipe; inline it is the study's responder.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, TypeAlias

from ..base.values import real
from ..contracts.messages import Message, Refused, Reply, Report, Task, Verdict
from ..errors import (
    Fenced,
    GoalError,
    KeepError,
    NoParameter,
    ObjectiveError,
    ReportError,
    SpaceError,
    StoreError,
    TrialPaused,
    TrialStopped,
)
from ..journal.events import Action
from .parameter_values import ParameterValues
from .voice import Voice

Channel: TypeAlias = Callable[[Message], Reply]
"""Says a message and waits for the reply."""

_ERRORS: dict[str, type[Exception]] = {
    error.__name__: error
    for error in (Fenced, GoalError, KeepError, NoParameter, ObjectiveError, ReportError, SpaceError)
}


class Attempt:
    """Speaks for a trial while its objective runs.

    Attributes:
        task: what is run.
        values: the trial's parameters, and what the objective has asked of them.
        voice: who may speak in its name.
        reported: the last step that was reported, or that a checkpoint holds.
        cost: charged so far, None where seconds count.
        verdict: that ended it, None while there is none.
        unsaved: why a checkpoint could not be written, else "".
        lost: the store's error, when the store was lost while the objective spoke.
    """

    def __init__(self, task: Task, channel: Channel) -> None:
        self.task = task
        self.values = ParameterValues(task.params, task.lists, task.named, task.names)
        self.voice = Voice(task.trial, task.attempt)
        self.reported = 0
        self.cost: float | None = None
        self.verdict: Action | None = None
        self.unsaved = ""
        self.lost: StoreError | None = None
        self._channel = channel
        self._started = time.monotonic()
        self._bounds: tuple[float, float] | None = None

    @property
    def seconds(self) -> float:
        """Seconds since it started; none where the objective has replaced the clock by one that goes back."""
        return max(0.0, time.monotonic() - self._started)

    def say(self, message: Message) -> Reply:
        """Say a message and hear the reply.

        Raises:
            ReportError, SpaceError, GoalError, ...: when it is refused.
            StoreError: when nobody hears it any more.
        """
        try:
            with self.voice.turn():
                reply = self._channel(message)
        except StoreError as error:  # no fault of the objective's, whatever it makes of it
            self.lost = error
            raise
        if isinstance(reply, Refused):
            raise _ERRORS.get(reply.error, ReportError)(reply.sentence)
        return reply

    def send(self, step: int, values: dict[str, float], *, over: bool = False) -> None:
        """Report a step, and obey the verdict.

        Raises:
            TrialStopped, TrialPaused: when the study says so.
        """
        value = values.get(self._only, math.nan)
        if math.isfinite(value):
            low, high = self._bounds or (value, value)
            self._bounds = min(low, value), max(high, value)
        reply = self.say(
            Report(self.task.trial, self.task.attempt, step, values, self.seconds, self.cost, over)
        )
        self.reported = step
        if isinstance(reply, Verdict) and reply.action is not Action.GO:
            self.verdict = reply.action
            exit_ = TrialPaused if reply.action is Action.PAUSE else TrialStopped
            raise exit_(reply.reason)

    def beside(self, returned: Any) -> str:
        """What to say of a bare number that lies outside of all that was reported of the metric that it counts for; '' of any other."""
        number = real(returned)
        if number is None or self._bounds is None or not math.isfinite(number):
            return ""
        low, high = self._bounds
        if low <= number <= high:
            return ""
        return (
            f"the number that the objective returns, {number:g} in trial {self.task.trial}, counts as {self._only}, of which it has reported {low:g} to {high:g}. If "
            "it is something else, return it by its name, {'accuracy': ...}, or return nothing."
        )

    @property
    def _only(self) -> str:
        """The one metric of the goal; '' of several, or of none."""
        goal = self.task.goal
        return goal.metrics[0].name if goal is not None and len(goal.metrics) == 1 else ""
