"""The trial as the objective sees it: read parameters, report, save, restore, log.

It holds no study: whatever it has to say goes through one function, its channel, which takes a
message and gives the reply. In a worker process the channel is a pipe; inline it is the study's responder.
"""

from __future__ import annotations

import contextlib
import inspect
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeAlias, overload

import msgspec
import numpy as np

from ..base import rng
from ..base.foreign import ATTRIBUTES, READ_ONLY, attribute
from ..base.turns import Turns
from ..base.values import Value, fresh, legible, real, shaped, shown
from ..contracts.messages import (
    Drawn,
    Message,
    Moving,
    Note,
    Refused,
    Reply,
    Report,
    Save,
    Suggest,
    Task,
    Verdict,
)
from ..errors import (
    CorruptError,
    Fenced,
    ForeignCall,
    GoalError,
    KeepError,
    NoParameter,
    ObjectiveError,
    ReportError,
    SettingError,
    SpaceError,
    StoreError,
    TrialPaused,
    TrialStopped,
)
from ..journal.events import Action
from ..problem.goal import Goal
from ..space.parameters import Choice, Float, Int, Leaf
from ..space.point import Point
from . import checkpoint
from .blobs import blobs_at
from .reporting import numbers, parsed, plain_fact, whole

Channel: TypeAlias = Callable[[Message], Reply]
"""Says a message and waits for the reply."""

_ERRORS: dict[str, type[Exception]] = {
    error.__name__: error
    for error in (Fenced, GoalError, KeepError, NoParameter, ObjectiveError, ReportError, SpaceError)
}


class LiveTrial(Mapping[str, Value]):
    """One running trial: a read-only mapping of its parameters that can also report, save and log.

    ``trial["lr"]`` reads a parameter by full name or unambiguous ending, and so does ``trial.lr`` where the trial has nothing
    else by that name. ``dict(trial)``, ``**trial``, ``in``, ``get``, ``items`` and ``|`` do what they do with a dict. A copy, or
    what arrives in another process, holds the parameters and cannot report.

    Attributes:
        number: the trial's number in the study, from 0.
        attempt: 1 at first, one more each time the trial is taken up again.
    """

    def __init__(self, task: Task, channel: Channel, started: float | None = None) -> None:
        self.number = task.trial
        self.attempt = task.attempt
        self.verdict: Action | None = None
        self.cost: float | None = None
        self.reported = 0
        self._params: dict[str, Value] = {
            name: shaped(value, task.lists.get(name, "")) for name, value in task.params.items()
        }
        self._lacking = [name for name in task.named if name in self._params]
        self._read: set[str] = set()
        self.unsaved = ""
        self.lost: StoreError | None = None
        self._bounds: tuple[float, float] | None = None
        self._missed: set[str] = set()
        self._task = task
        self._channel = channel
        self._started = time.monotonic() if started is None else started
        self._charged = 0.0
        self._counts = False
        self._process = os.getpid()
        self._turns = Turns()
        self._finished = False

    @property
    def params(self) -> dict[str, Value]:
        """The values of all active parameters, by full name, in a dict of one's own."""
        self._read.update(self._params)
        return dict(self._held())

    def __getitem__(self, name: str) -> Value:
        self._read.add(name)
        return Point(self._held(), self._task.names)[name]

    def __iter__(self) -> Iterator[str]:
        self._read.update(self._params)
        return iter(self._params)

    def __len__(self) -> int:
        return len(self._params)

    def __bool__(self) -> bool:
        return True

    def __eq__(self, other: object) -> bool:
        return self is other

    __hash__ = object.__hash__

    def __contains__(self, name: object) -> bool:
        there = name in Point(self._params, self._task.names)
        if not there and not any(own == name or own.endswith(f".{name}") for own in self._task.names):
            self._missed.add(str(name))
        return there

    def get(self, name: str, default: Any = None) -> Any:
        """The value of a parameter, or ``default`` where there is none by that name at this point."""
        if name not in self:
            return default
        return self[name]

    def copy(self) -> dict[str, Value]:
        """The parameters as a dict of one's own."""
        return dict(self)

    def __or__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return dict(self) | dict(other)

    def __ror__(self, other: Mapping[str, Any]) -> dict[str, Any]:
        return dict(other) | dict(self)

    def __setitem__(self, name: str, value: object) -> None:
        raise ForeignCall(
            f"a trial's parameters cannot be changed, got trial[{name!r}] = {value!r}. Write {READ_ONLY}."
        )

    def __delitem__(self, name: str) -> None:
        raise ForeignCall(
            f"a trial's parameters cannot be changed, got del trial[{name!r}]. Write {READ_ONLY}."
        )

    def __getattr__(self, name: str) -> Any:
        """A parameter by its name, where the trial itself has nothing by that name."""
        if name.startswith("__") or "_task" not in self.__dict__:
            raise AttributeError(f"a trial has no attribute {name!r}.")
        if name in Point(self._params, self._task.names):
            hidden = [own for own in self._params if own != name and hasattr(type(self), own)]
            if hidden:
                raise ForeignCall(
                    f"parameters can be read as trial.{name} where none has the name of something that a trial has, and "
                    f"{hidden[0]!r} has. Read them as trial[{name!r}] and trial[{hidden[0]!r}], or rename it in the space."
                )
            return self[name]
        self._missed.add(name)
        if name in ATTRIBUTES:
            own = inspect.currentframe()
            raise ForeignCall(f"a danlu trial has no {name}. Write {attribute(name, own and own.f_back)}.")
        near = get_close_matches(
            name, [*self._params, *(own for own in dir(type(self)) if own[0] != "_")], n=1
        )
        raise ForeignCall(
            f"a trial has no attribute and no parameter {name!r}."
            + (
                f" Did you mean {near[0]!r}?"
                if near
                else f" Its parameters are: {', '.join(self._params) or 'none'}. Add {name!r} to the space, as a plain value where it is not to be "
                f"searched: {{{name!r}: 0.1}}."
            )
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _detached, (msgspec.structs.replace(self._task, lists={}, named=()), self._held())

    def __repr__(self) -> str:
        return f"LiveTrial(number={self.number}, params={dict(self._task.params)!r})"

    def furnish(self, things: Mapping[str, Mapping[str, Any]]) -> None:
        """Give the things that parameters name, for each parameter by name; whoever has the space at hand does so."""
        for name in [name for name in self._lacking if name in things]:
            self._params[name] = fresh(things[name][self._params[name]])
            self._lacking.remove(name)

    @property
    def untouched(self) -> bool:
        """Whether the objective has read none of its parameters, so that what it did cannot depend on them."""
        return not self._read

    def unheard(self) -> str:
        """What the objective asked for and did not get beside parameters that it never read, as a sentence; else ''."""
        every = {name for name in self._params if not self._was_read(name)}
        missed = sorted(name for name in self._missed if name not in ATTRIBUTES and not name.startswith("_"))
        if not every or not missed:
            return ""
        return (
            f"the objective asked for {', '.join(map(repr, missed))}, which the space does not have, and never read "
            f"{', '.join(map(repr, sorted(every)))}. If they are the same, give them one name"
        )

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
        """Seconds since this attempt started; none where the objective has replaced the clock by one that goes back."""
        return max(0.0, time.monotonic() - self._started)

    @property
    def horizon(self) -> int | None:
        """The step this attempt is meant to run to, for schedules that depend on it; None when nobody knows.

        The fidelity's highest level, or the rung at which the scheduler will pause the trial.
        """
        return self._task.horizon

    @property
    def goal(self) -> Goal | None:
        """What the study optimizes; None for a trial that was made by hand."""
        return self._task.goal

    @property
    def context(self) -> Mapping[str, Any]:
        """What the study evaluates this trial in, ``trial.context["fold"]``; empty where every trial is a configuration of its own."""
        return dict(self._task.context)

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

    def beside(self, returned: Any) -> str:
        """What to say of a bare number that lies outside of all that was reported of the metric that it counts for; '' of any other."""
        number = real(returned)
        if number is None or self._bounds is None or not math.isfinite(number):
            return ""
        low, high = self._bounds
        if low <= number <= high:
            return ""
        return (
            f"the number that the objective returns, {number:g} in trial {self.number}, counts as {self._only}, of which it has reported {low:g} to {high:g}. If "
            "it is something else, return it by its name, {'accuracy': ...}, or return nothing."
        )

    @property
    def _only(self) -> str:
        """The one metric of the goal; '' of several, or of none."""
        goal = self._task.goal
        return goal.metrics[0].name if goal is not None and len(goal.metrics) == 1 else ""

    @overload
    def suggest(self, name: str, parameter: Float) -> float: ...
    @overload
    def suggest(self, name: str, parameter: Int) -> int: ...
    @overload
    def suggest(self, name: str, parameter: Choice) -> Any: ...
    def suggest(self, name: str, parameter: Leaf) -> Any:
        """Draw a parameter by name; a name in the declared space gives the value it has there.

        Raises:
            SpaceError: when the name is known with a parameter that cannot be reconciled, or cannot be written.
        """
        if legible(name) != name:
            raise SpaceError(
                f"a parameter needs a name that can be written as UTF-8, got {name!r}. Name it otherwise."
            )
        reply = self._say(Suggest(self.number, self.attempt, name, parameter))
        assert isinstance(reply, Drawn)
        value = shaped(reply.value, "")
        self._params[name] = parameter.given(value) if isinstance(parameter, Choice) else value
        self._read.add(name)
        return self._params[name]

    def report(
        self,
        step: float | Mapping[str, Any] | None = None,
        value: float | Mapping[str, Any] | None = None,
        /,
        **metrics: Any,
    ) -> None:
        """Say how training goes after ``step`` (a whole number that rises); several metrics at once.

        ``report(3, loss=0.2)``, ``report(3, {"val/loss": 0.2})`` and, where there is one goal, ``report(3, 0.2)``; a step that is
        left out, ``report(loss=0.2)``, is the next one. Metrics that the goal does not name and that are no numbers are kept
        as facts.

        Returns when the result is durable. May not return at all: the scheduler can stop or pause the
        trial here, which unwinds the objective with ``TrialStopped`` or ``TrialPaused``.

        Raises:
            ReportError: when the step falls back, a metric contradicts an earlier report or is no number, or the
                arguments can be read in two ways.
            Fenced: when another worker has taken the trial over.
        """
        at, given = parsed(step, value, metrics, self._task.goal)
        values, facts = numbers(given, self._task.goal)
        with self._turn():
            if at is None and not self._counts:
                self._counts = True
                self.remark("steps", "reports without a step are counted: each is one step after the last")
            if facts:
                self.log(facts)
            self._send(self.reported + 1 if at is None else at, values)

    def follow(self, curves: Mapping[str, list[float]]) -> None:
        """Keep curves of a training that is over, one value for each step from 1 on; nothing is judged any more."""
        for at, row in enumerate(zip(*curves.values(), strict=True), 1):
            self._send(at, dict(zip(curves, row, strict=True)), over=True)

    def move(
        self,
        step: int | Mapping[str, Any] | None = None,
        values: Mapping[str, Any] | None = None,
        /,
        *,
        reason: str = "",
        **more: Any,
    ) -> None:
        """Change parameters while the trial runs: ``trial.move(epoch, lr=trial["lr"] / 10, reason="a plateau")``.

        ``trial["lr"]`` is the new value from here on. Move before you save: a checkpoint holds what was moved before it, so an attempt
        that takes the trial up there goes on with those values, and moves the later ones once more. Numbers may leave the range that is
        searched. The change is an event; samplers go on learning from the point that the trial began with, and
        ``result.trials[n].schedule`` says after which step which values held.

        Args:
            step: the last one that was trained with the values before; the one reported last when left out.
            values: by name, beside or in place of arguments.
            reason: why, for the record.
            more: values by name.

        Raises:
            SpaceError: for a name that the trial does not have, a value of another type, a broken constraint, and for what cannot
                change: switches with parameters of their own, and choices of things by name.
            ReportError: for a step that is not a whole number from 0 to 2**53.
        """
        given = dict(step) if isinstance(step, Mapping) else {}
        given |= {**(values or {}), **more}
        if not given:
            raise ReportError("trial.move needs a parameter and its new value, trial.move(epoch, lr=0.001).")
        at = self.reported if step is None or isinstance(step, Mapping) else whole(step, "trial.move")
        reply = self._say(Moving(self.number, self.attempt, at, given, legible(reason)))
        assert isinstance(reply, Drawn)
        for name, value in reply.value.items():
            self._params[name] = shaped(value, "")

    def save(self, step: int, *things: Any) -> None:
        """Keep a checkpoint of things with ``state_dict``, arrays, dicts, lists or bytes.

        Save before the report of the same step: a pause happens in the report.

        Raises:
            ReportError: for a step that is not a whole number from 0 to 2**53.
            StoreError: when it cannot be written; the study ends then, and the same call goes on with this trial.
        """
        if self._task.mute:
            return
        at = whole(step, "trial.save")
        data = checkpoint.pack([[self.number, self.attempt, at, self._task.study, self._task.seed], *things])
        try:
            digest = blobs_at(self._task.blobs).put(data)
        except OSError as error:
            self.unsaved = (
                f"a checkpoint of {len(data)} bytes cannot be written to {self._task.blobs}: {error}. Nothing acknowledged is lost; make room, "
                "or end what keeps the folder from being written, and make the same call again."
            )
            raise StoreError(self.unsaved) from error
        self._say(Save(self.number, self.attempt, at, digest, len(data)))

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
        plain = plain_fact({**(facts or {}), **more})
        self._say(Note(self.number, self.attempt, plain))

    def remark(self, about: str, sentence: str) -> None:
        """Say once in a study how something in it is understood: on stderr of whoever drives it, and in ``result.why()``.

        What was said ``about`` the same before stands.
        """
        self._say(Note(self.number, self.attempt, {legible(about): legible(sentence)}, study=True))

    def charge(self, cost: float) -> None:
        """Add to what this trial costs the budget; without a charge, its seconds count.

        Raises:
            ReportError: for what is not a finite number >= 0: a budget could not count it.
        """
        amount = real(cost)
        if amount is None or not 0 <= amount < math.inf or self._charged + amount == math.inf:
            raise ReportError(
                f"trial.charge needs a finite number >= 0, got {shown(cost)}. Charge what this trial has really cost."
            )
        self._charged += amount
        self.cost = self._charged

    def _newest(self) -> tuple[int, list[Any]] | None:
        for kept in self._task.checkpoints:
            try:
                self.reported = max(self.reported, kept.step)
                return kept.step, checkpoint.unpack(blobs_at(self._task.blobs).get(kept.digest))[1:]
            except CorruptError as error:
                self.log(skipped_checkpoint=kept.step, because=str(error))
        return None

    def _held(self) -> dict[str, Value]:
        if self._lacking:
            raise ObjectiveError(
                f"{self._lacking[0]} is a choice of things by name, and the journal keeps their names alone: "
                f"{self._params[self._lacking[0]]!r} is not at hand here. Start the same call with the space where it is."
            )
        return self._params

    def _was_read(self, name: str) -> bool:
        return any(
            name == read or name.endswith(f".{read}") or name.startswith(f"{read}.") for read in self._read
        )

    def _send(self, step: int, values: dict[str, float], *, over: bool = False) -> None:
        value = values.get(self._only, math.nan)
        if math.isfinite(value):
            low, high = self._bounds or (value, value)
            self._bounds = min(low, value), max(high, value)
        reply = self._say(Report(self.number, self.attempt, step, values, self.seconds, self.cost, over))
        self.reported = step
        self._obey(reply)

    def finish(self) -> None:
        """Let nobody speak in this trial's name any more; who is speaking now is heard first."""
        self._finished = True
        with self._turns.take():
            pass

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """One thread speaks at a time, in the process that runs the trial, and until the trial is over.

        Raises:
            ReportError: for a process that the trial has forked.
            Fenced: for a thread that outlives it.
        """
        if os.getpid() != self._process:
            raise ReportError(
                f"this process was forked by the one that runs trial {self.number}, and only that one can report, save, log or "
                "draw. Hand the values back to it, through a queue or a pipe."
            )
        with self._turns.take():
            if self._finished:
                raise Fenced(
                    f"attempt {self.attempt} of trial {self.number} is over: its objective has returned, and a thread that it left "
                    "behind still speaks. End or join such threads before the objective returns."
                )
            yield

    def _say(self, message: Message) -> Reply:
        try:
            with self._turn():
                reply = self._channel(message)
        except StoreError as error:  # no fault of the objective's, whatever it makes of it
            self.lost = error
            raise
        if isinstance(reply, Refused):
            raise _ERRORS.get(reply.error, ReportError)(reply.sentence)
        return reply

    def _obey(self, reply: Reply) -> None:
        if isinstance(reply, Verdict) and reply.action is not Action.GO:
            self.verdict = reply.action
            exit_ = TrialPaused if reply.action is Action.PAUSE else TrialStopped
            raise exit_(reply.reason)


def _detached(task: Task, params: dict[str, Value]) -> LiveTrial:
    """A copy of a trial, which can be read and nothing else."""
    copied = LiveTrial(task, _nobody)
    copied._params.update(params)  # noqa: SLF001 - the other half of __reduce__
    return copied


def _nobody(message: Message) -> Reply:
    raise ReportError(
        f"this is a copy of trial {message.trial}, which cannot report, save, log or draw. Do so with the trial that the "
        "objective was given."
    )
