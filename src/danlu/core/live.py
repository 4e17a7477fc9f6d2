"""The trial as the objective sees it: read parameters, report, save, restore, log.

It holds no study: whatever it has to say goes through one function, its channel, which takes a
message and gives the reply. In a worker process the channel is a pipe; inline it is the study's desk.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from . import checkpoint, rng
from .blobs import blobs_at
from .errors import (
    CorruptError,
    Fenced,
    GoalError,
    ObjectiveError,
    ReportError,
    SettingError,
    SpaceError,
    TrialPaused,
    TrialStopped,
)
from .events import Action
from .messages import Drawn, Message, Note, Refused, Reply, Report, Save, Suggest, Task, Verdict
from .parameters import Leaf
from .point import Point
from .values import Value, real, unboxed

Channel: TypeAlias = Callable[[Message], Reply]
"""Says a message and waits for the reply."""

_ERRORS: dict[str, type[Exception]] = {
    error.__name__: error for error in (Fenced, GoalError, ObjectiveError, ReportError, SpaceError)
}


class LiveTrial:
    """One running trial. ``trial["lr"]`` reads a parameter, by full name or unambiguous ending.

    Attributes:
        number: the trial's number in the study, from 0.
        attempt: 1 at first, one more each time the trial is taken up again.
        params: the values of all active parameters.
    """

    def __init__(self, task: Task, channel: Channel, started: float | None = None) -> None:
        self.number = task.trial
        self.attempt = task.attempt
        self.params: dict[str, Value] = dict(task.params)
        self.verdict: Action | None = None
        self.cost: float | None = None
        self._task = task
        self._channel = channel
        self._started = time.monotonic() if started is None else started
        self._charged = 0.0

    def __getitem__(self, name: str) -> Value:
        return Point(self.params, self._task.names)[name]

    def __repr__(self) -> str:
        return f"LiveTrial(number={self.number}, params={self.params!r})"

    @property
    def seed(self) -> int:
        """A seed for this trial's own training, the same on every attempt, below 2**31."""
        return rng.key(self._task.seed, self.number, "objective") % 2**31

    @property
    def rng(self) -> np.random.Generator:
        """A fresh numpy generator for this trial, the same on every attempt."""
        return rng.generator(self._task.seed, self.number, "objective")

    @property
    def seconds(self) -> float:
        """Seconds since this attempt started."""
        return time.monotonic() - self._started

    @property
    def horizon(self) -> int | None:
        """The step this attempt is meant to run to, for schedules that depend on it; None when nobody knows.

        The fidelity's highest level, or the rung at which the scheduler will pause the trial.
        """
        return self._task.horizon

    @property
    def dir(self) -> Path:
        """A folder for this trial's own files, made when it is first asked for; ``result.dir()`` finds the best trial's.

        An attempt that takes the trial up again finds it as it was left. It stays or goes with the trial's checkpoints:
        by default the folders of the best trials stay, with ``keep="all"`` everybody's. It lies beside the store's
        checkpoints; in a study without a store, in a temporary folder that goes with the process. Where checkpoints
        are at a URL it is on the machine that runs the trial, and another machine begins with an empty one.

        Raises:
            SettingError: for a trial that no study has made.
        """
        if not self._task.folder:
            raise SettingError("this trial was made by hand and has no folder. Ask a study for one.")
        folder = Path(self._task.folder)
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def saved(self) -> tuple[Any, ...] | None:
        """The parts of the newest readable checkpoint as plain data; None when there is none."""
        found = self._newest()
        return None if found is None else tuple(found[1])

    def suggest(self, name: str, parameter: Leaf) -> Value:
        """Draw a parameter by name; a name in the declared space gives the value it has there.

        Raises:
            SpaceError: when the name is known with a parameter that cannot be reconciled.
        """
        reply = self._say(Suggest(self.number, self.attempt, name, parameter))
        assert isinstance(reply, Drawn)
        value = tuple(reply.value) if isinstance(reply.value, list) else reply.value
        self.params[name] = value
        return value

    def report(self, step: int, **metrics: float) -> None:
        """Say how training goes after ``step`` (a whole number that rises); several metrics at once.

        Returns when the result is durable. May not return at all: the scheduler can stop or pause the
        trial here, which unwinds the objective with ``TrialStopped`` or ``TrialPaused``.

        Raises:
            ReportError: when the step falls back or a metric contradicts an earlier report.
            Fenced: when another worker has taken the trial over.
        """
        if isinstance(step, bool) or int(step) != step or step < 0:
            raise ReportError(f"a report needs a step that is a whole number >= 0, got {step!r}.")
        if not metrics:
            raise ReportError("a report needs at least one metric. Write trial.report(step, loss=...).")
        values = {name: _number(name, value) for name, value in metrics.items()}
        verdict = self._say(Report(self.number, self.attempt, int(step), values, self.seconds, self.cost))
        self._obey(verdict)

    def save(self, step: int, *things: Any) -> None:
        """Keep a checkpoint of things with ``state_dict``, arrays, dicts, lists or bytes.

        Save before the report of the same step: a pause happens in the report.
        """
        if self._task.mute:
            return
        data = checkpoint.pack([[self.number, self.attempt, int(step)], *things])
        digest = blobs_at(self._task.blobs).put(data)
        self._say(Save(self.number, self.attempt, int(step), digest, len(data)))

    def restore(self, *things: Any) -> int:
        """Load the newest readable checkpoint into ``things``; return its step, 0 when fresh."""
        found = self._newest()
        if found is None:
            return 0
        step, parts = found
        checkpoint.load(parts, things)
        return step

    def log(self, facts: Mapping[str, Any] | None = None, /, **more: Any) -> None:
        """Keep facts beside the metrics: None, bools, numbers, strings, lists and dicts of them.

        Raises:
            ReportError: for a fact that no journal can keep.
        """
        plain = {str(name): _plain(value) for name, value in {**(facts or {}), **more}.items()}
        self._say(Note(self.number, self.attempt, plain))

    def charge(self, cost: float) -> None:
        """Add to what this trial costs the budget; without a charge, its seconds count."""
        self._charged += float(cost)
        self.cost = self._charged

    def _newest(self) -> tuple[int, list[Any]] | None:
        for kept in self._task.checkpoints:
            try:
                return kept.step, checkpoint.unpack(blobs_at(self._task.blobs).get(kept.digest))[1:]
            except CorruptError as error:
                self.log(skipped_checkpoint=kept.step, because=str(error))
        return None

    def _say(self, message: Message) -> Reply:
        reply = self._channel(message)
        if isinstance(reply, Refused):
            raise _ERRORS.get(reply.error, ReportError)(reply.sentence)
        return reply

    def _obey(self, reply: Reply) -> None:
        if isinstance(reply, Verdict) and reply.action is not Action.GO:
            self.verdict = reply.action
            exit_ = TrialPaused if reply.action is Action.PAUSE else TrialStopped
            raise exit_(reply.reason)


def _plain(value: Any) -> Any:
    value = unboxed(value)
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    raise ReportError(
        f"trial.log keeps None, bools, numbers, strings, lists and dicts, got {value!r}. Log str(value)."
    )


def _number(name: str, value: Any) -> float:
    number = real(value)
    if number is None:
        raise ReportError(f"the metric {name} needs a real number, got {value!r}. Report float({name}).")
    return number
