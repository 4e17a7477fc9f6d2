"""The responder answers what running trials say: each message becomes at most one append, then a reply.

It decides from the folded history alone and holds no state of its own but ``draining``, so the same
message said twice gets the same answer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np

from ..base.rng import generator
from ..base.values import LARGEST_INT, legible, shown, typed_key, unboxed
from ..contracts.messages import (
    GO,
    Attach,
    Drawn,
    Message,
    Moving,
    Note,
    Outcome,
    Refused,
    Reply,
    Report,
    Save,
    Suggest,
    Tag,
    Verdict,
    stop,
)
from ..contracts.protocols import Terms
from ..errors import (
    Conflict,
    Fenced,
    GoalError,
    KeepError,
    ObjectiveError,
    ReportError,
    SpaceError,
    TrialMissing,
)
from ..journal import events as ev
from ..journal.events import Action, Cause, Status
from ..journal.rows import Row
from ..journal.trial import Curve
from ..problem.budget import TrialLimits
from ..problem.direction import direction
from ..problem.goal import metrics_of
from ..runtime.attachments import MOST_FILES
from ..runtime.returned import nearest
from ..space.parameters import Choice, Int, Leaf
from ..space.point import resolve
from ..space.reveal import reveal
from .replica import Replica

_FORGIVEN = (Cause.PREEMPTED, Cause.DRAINED)

PREEMPTIONS = (20, 200)
"""Attempts after which a trial that is told to end once more is given up: one without a checkpoint, one with."""


class Responder:
    """Answers the trials of one worker."""

    def __init__(self, replica: Replica, limits: TrialLimits, clock: Callable[[], float]) -> None:
        self.draining = ""
        self._replica = replica
        self._limits = limits
        self._clock = clock

    def answer(self, message: Message) -> Reply:
        """The reply to a message; what the study refuses comes back as a sentence, never as a crash."""
        self._replica.settle()
        try:
            match message:
                case Report():
                    return self._report(message)
                case Suggest():
                    return Drawn(self._suggest(message))
                case Save():
                    return self._save(message)
                case Moving():
                    return Drawn(self._move(message))
                case Note():
                    return self._note(message)
                case Tag():
                    return self._tag(message)
                case Attach():
                    return self._attach(message)
                case Outcome():
                    return self._outcome(message)
        except Conflict as error:  # fenced, or over meanwhile: what the journal holds stands
            self._replica.sync()
            return Refused(str(error), "Fenced")
        except (GoalError, KeepError, ObjectiveError, ReportError, SpaceError, TrialMissing) as error:
            return Refused(str(error), type(error).__name__)

    def ended(
        self,
        number: int,
        attempt: int,
        metrics: dict[str, float],
        seconds: float = 0.0,
        cost: float | None = None,
    ) -> ev.Ended:
        """The end of a trial with these metrics, for ``end``.

        Raises:
            GoalError: when a metric of the goal is missing.
        """
        goal = self._replica.history.goal
        missing = goal.missing(metrics)
        if missing:
            told = ", ".join(metrics) or "nothing"
            raise GoalError(
                f"the goal needs {', '.join(missing)}, the objective gave {told}. "
                f"Return or report {missing[0]!r}, or name another goal{_named(metrics)}.{nearest(missing[0], list(metrics))}"
            )
        bad = [name for name in goal.names if not math.isfinite(metrics[name])]
        status, cause, reason = Status.DONE, None, ""
        if bad:
            status, cause, reason = Status.FAILED, Cause.DIVERGED, f"{bad[0]} is {metrics[bad[0]]}"
        return ev.Ended(number, attempt, status, metrics, seconds, self._clock(), cause, reason, cost)

    def failed(self, number: int, attempt: int, cause: Cause, reason: str, seconds: float = 0.0) -> ev.Ended:
        """The end of a trial that failed, for ``end``."""
        at = self._clock()
        return ev.Ended(number, attempt, Status.FAILED, {}, seconds, at, cause, legible(reason))

    def end(self, events: Sequence[ev.Ended]) -> None:
        """Write the ends of trials in one append; saying the same again changes nothing.

        Raises:
            Conflict: when a trial ended otherwise; ``stored`` holds its metrics.
            Fenced: when an attempt is over.
        """
        history = self._replica.history
        fresh = {event.trial: event for event in reversed(events)}
        fresh = {n: event for n, event in fresh.items() if history.rows.of(n).status < Status.DONE}
        if fresh and not self._write_ends(list(reversed(fresh.values()))):
            fresh = {}
        for event in events:
            if fresh.get(event.trial) is not event:
                self._agree(event)

    def _write_ends(self, events: list[ev.Ended]) -> bool:
        """Append them as one, or each for itself when a lease is over; False when one was written before."""
        holds = tuple((event.trial, event.attempt) for event in events)
        terms = Terms(holds=holds, closes=tuple(event.trial for event in events), durable=True)
        try:
            self._replica.append([(None, event) for event in events], terms)
        except Fenced:
            self._replica.sync()
            if len(events) == 1:
                if self._replica.history.rows.of(events[0].trial).status < Status.DONE:
                    raise
                return False
            self._write_each(events)
        return True

    def _write_each(self, events: list[ev.Ended]) -> None:
        refused: list[Conflict] = []
        for event in events:
            try:
                self.end([event])
            except Conflict as error:
                refused.append(error)
        if refused:
            raise refused[0]

    def release(self, number: int, attempt: int, cause: Cause, reason: str, seconds: float = 0.0) -> None:
        """Hand a trial back to be resumed later.

        Raises:
            Fenced: when the attempt is over.
        """
        event = ev.Released(number, attempt, cause, legible(reason), seconds, self._clock())
        self._append(event, number, attempt)

    # Reports.

    def _report(self, message: Report) -> Reply:
        history = self._replica.history
        row = self._running(message.trial, message.attempt)
        last = None if row.fresh else history.reports.last(message.trial)
        if last is not None and last[0] == message.step and self._told(message, last[1]):
            return GO
        if last is not None and message.step < last[0]:
            raise ReportError(
                f"steps have to rise: trial {message.trial} reported step {last[0]} before "
                f"{message.step}. Report each step once, in order."
            )
        verdict = self._judge(message, row)
        event = ev.Reported(
            message.trial, message.attempt, message.step, message.metrics, message.seconds, self._clock(),
            verdict.action, verdict.reason, verdict.cause, message.cost,
            verdict.conclusive, verdict.expected,
        )  # fmt: skip
        events: list[tuple[str | None, ev.Event]] = [(None, event)]
        leave = verdict.action is not Action.GO
        if self.draining and not leave and not message.over:
            verdict, leave = Verdict(Action.PAUSE, self.draining), True
            events.append((None, self._drained(message)))
        over = (message.trial,) if event.action is Action.STOP else ()
        drops = (message.trial,) if leave and not over else ()
        holds = ((message.trial, message.attempt),)
        self._replica.append(events, Terms(holds=holds, drops=drops, closes=over, durable=leave))
        return verdict

    def _told(self, message: Report, stored: dict[str, float]) -> bool:
        """Whether the step already holds all of this; raises when it holds something else."""
        known = {name: stored.get(name, math.nan) for name in message.metrics}
        for name, value in message.metrics.items():
            if not math.isnan(known[name]) and known[name] != value:
                raise ReportError(
                    f"step {message.step} of trial {message.trial} has {name}={known[name]!r} already, "
                    f"got {value!r}. Report each metric of a step once."
                )
        return all(known[name] == value for name, value in message.metrics.items())

    def _judge(self, message: Report, row: Row) -> Verdict:
        goal = self._replica.history.goal
        wanted = self._replica.history.decisions.pruned.get(message.trial)
        if wanted is not None and not message.over:
            known = {**self._replica.history.incumbents.counted(message.trial), **message.metrics}
            return stop(wanted, cause=Cause.CANCELLED if goal.missing(known) else None)
        if goal.metrics[0].name not in message.metrics:
            return GO
        curve = self._replica.history.reports.extended(
            message.trial, message.step, message.metrics, restart=row.fresh
        )
        trial = self._replica.history.trials.record(message.trial, curve)
        judged = msgspec.structs.replace(trial, metrics=message.metrics)
        verdict = self._replica.algorithms.judge(judged)
        if (row.longer >= 0 or message.over) and verdict.cause is None:
            return GO  # a person wants it trained to its end, or it is there: only what has diverged is another matter
        if verdict.action is Action.STOP and verdict.cause is None and goal.missing(_latest(curve)):
            return GO
        return verdict

    def _drained(self, message: Report) -> ev.Event:
        return ev.Released(
            message.trial, message.attempt, Cause.DRAINED, self.draining, message.seconds, self._clock()
        )

    # Parameters drawn while running, checkpoints, facts.

    def _suggest(self, message: Suggest) -> Any:
        row = self._running(message.trial, message.attempt)
        params = row.params()
        space = self._replica.history.space
        if message.name in params:
            return message.parameter.check(message.name, params[message.name])
        if message.name in space.names and message.name not in space.spec.revealed:
            raise SpaceError(f"{message.name} is declared and not active here. Set its switch first.")
        grown = reveal(space, message.name, message.parameter)
        value = self._shared(message, row)
        if value is None:
            value = self._draw(message, row, grown.names.index(message.name))
        parameter = message.parameter
        event = ev.Suggested(message.trial, message.attempt, message.name, parameter, value, self._clock())
        self._append(event, message.trial, message.attempt)
        return value

    def _shared(self, message: Suggest, row: Row) -> Any:
        """What another trial of the same configuration has drawn by this name; None where none has."""
        history = self._replica.history
        for number in history.trials.groups.members.whole(message.trial) if row.asked.context else ():
            drawn = history.rows[number].drawn or {}
            if message.name in drawn:
                return message.parameter.check(message.name, drawn[message.name])
        return None

    def _draw(self, message: Suggest, row: Row, position: int) -> Any:
        """The sampler's proposal where it made one for this range, else a keyed random value."""
        history = self._replica.history
        unit = np.frombuffer(row.asked.unit)
        if position < len(unit):
            value = history.space.slots[position].parameter.decode(float(unit[position]))
            try:
                return message.parameter.check(message.name, value)
            except SpaceError:
                pass
        head = history.trials.groups.members.head(message.trial)
        share = generator(history.definition.seed, head, f"suggest/{message.name}").random()
        return message.parameter.decode(float(share))

    def _move(self, message: Moving) -> dict[str, Any]:
        """Keep parameters that change; their values as the space has them.

        Raises:
            SpaceError: when they cannot change so.
        """
        row = self._running(message.trial, message.attempt)
        space, current = self._replica.history.space, row.current()
        checked = {}
        for given, value in message.values.items():
            name = resolve(space.every, given)
            if name not in current or name not in space.names:
                raise SpaceError(f"{name} is fixed or not active here, so it cannot be moved. Leave it out.")
            slot = space.slots[space.names.index(name)]
            if (
                any(space.slots[other.parent] is slot for other in space.slots if other.parent >= 0)
                or name in space.forms.named
            ):
                raise SpaceError(
                    f"{name} decides what there is to train, and cannot be moved while it trains. Start another trial."
                )
            checked[name] = _moved(name, slot.parameter, unboxed(value))
        if not space.constraints.hold(current | checked):
            raise SpaceError(f"a constraint forbids {checked!r} here. Move less, or change the constraint.")
        if any(typed_key(current[name]) != typed_key(value) for name, value in checked.items()):
            params = ev.pack_params(checked)
            event = ev.Moved(
                message.trial, message.attempt, message.step, params, self._clock(), message.reason
            )
            self._append(event, message.trial, message.attempt)
        return checked

    def _save(self, message: Save) -> Reply:
        self._running(message.trial, message.attempt)
        event = ev.Saved(
            message.trial, message.attempt, message.step, message.digest, message.size, self._clock()
        )
        self._append(event, message.trial, message.attempt)
        return GO

    def _note(self, message: Note) -> Reply:
        row = self._running(message.trial, message.attempt)
        if message.study:
            return self._remark(message)
        if message.note in row.notes and not message.facts:
            return GO
        event = ev.Noted(message.trial, message.facts, self._clock(), message.attempt, note=message.note)
        self._append(event, message.trial, message.attempt)
        return GO

    def _tag(self, message: Tag) -> Reply:
        row = self._running(message.trial, message.attempt)
        fresh = tuple(each for each in message.tags if each not in row.tags)
        if fresh:
            event = ev.Tagged(message.trial, fresh, self._clock(), attempt=message.attempt)
            self._append(event, message.trial, message.attempt)
        return GO

    def _attach(self, message: Attach) -> Reply:
        """Keep a file, also one of a trial that a verdict has ended, as long as nobody else has taken it up.

        Raises:
            Fenced: when somebody has.
            ReportError: when the trial has too many files.
        """
        row = self._replica.history.rows.of(message.trial)
        if row.attempt != message.attempt:
            self._running(message.trial, message.attempt)
        files = row.files or {}
        if message.name not in files and len(files) >= MOST_FILES:
            raise ReportError(
                f"a trial has {MOST_FILES} files at most, and trial {message.trial} has them. Attach {message.name!r} under one of "
                "their names, which replaces that one, or put several into one archive."
            )
        runs = row.status is Status.RUNNING
        event = ev.Attached(
            message.trial, message.attempt, message.name, message.digest, message.size, self._clock()
        )
        self._replica.append(
            [(None, event)], Terms(holds=((message.trial, message.attempt),) if runs else ())
        )
        return GO

    def _remark(self, message: Note) -> Reply:
        """Keep what was not said about the study before."""
        known = self._replica.history.decisions.chosen
        fresh = {about: said for about, said in message.facts.items() if about not in known}
        if fresh:
            self._replica.append(
                [(None, ev.Noted(-1, fresh, self._clock()))], Terms(holds=((message.trial, message.attempt),))
            )
        return GO

    # Ends.

    def _outcome(self, message: Outcome) -> Reply:
        """Write how an attempt ended; one that a verdict ended is in the journal already."""
        row = self._replica.history.rows.of(message.trial)
        if row.attempt == message.attempt and row.cut_off:
            self._replica.files.leave(message.trial)
        if message.verdict is not None or row.status in (Status.WAITING, Status.PAUSED):
            return GO
        if row.status >= Status.DONE:
            came = Status.DONE if message.cause is None else Status.FAILED
            if row.attempt == message.attempt and row.status is came:
                return GO
            return Refused(
                f"trial {message.trial} is over already: {row.status.name.lower()}. That stands.", "Fenced"
            )
        endless = row.attempt >= PREEMPTIONS[bool(row.usable())]
        if message.cause is Cause.PREEMPTED and endless:
            reason = f"{message.reason}, and so were {row.attempt - 1} attempts before; this configuration is quarantined"
            self.end([self.failed(message.trial, message.attempt, Cause.PREEMPTED, reason, message.seconds)])
        elif message.cause in _FORGIVEN:
            self.release(message.trial, message.attempt, message.cause, message.reason, message.seconds)
        elif message.cause is Cause.CRASHED and row.deaths < self._retries(row):
            self.release(message.trial, message.attempt, Cause.CRASHED, message.reason, message.seconds)
        elif message.cause is Cause.MEMORY and message.crowded:
            reason = f"{message.reason}; it shared its device, and is tried once more alone"
            self.release(message.trial, message.attempt, Cause.MEMORY, reason, message.seconds)
        elif message.cause is not None:
            reason = message.reason
            if message.cause is Cause.CRASHED:
                times = f"{row.deaths + 1} times" if row.deaths else "once"
                reason = f"{reason}, {times}; this configuration is quarantined"
            failed = self.failed(message.trial, message.attempt, message.cause, reason, message.seconds)
            self.end([msgspec.structs.replace(failed, blind=message.blind)])
        else:
            self._end_returned(message)
        return GO

    def _retries(self, row: Row) -> int:
        """How often a trial is taken up again after its worker died.

        The first one is, as the machine may be to blame. Where that never led to a report, and no trial after it has come to anything else,
        it is the objective, and the next ones show it at once.
        """
        history = self._replica.history
        over = [number for number, _ in history.rows.ended]
        tried = any(history.rows[number].deaths >= self._limits.retries for number in over)
        silent = all(history.reports.last(number) is None for number in (*over, row.asked.trial))
        crashed = all(history.rows[number].cause is Cause.CRASHED for number in over)
        dies = self._limits.same_failures and tried and crashed and silent
        return 0 if dies else self._limits.retries

    def _end_returned(self, message: Outcome) -> None:
        """Write what a trial came to; one whose result no journal can keep has failed, and the journal says why."""
        try:
            self.end([self._returned(message)])
        except KeepError as error:
            self.end([self.failed(message.trial, message.attempt, Cause.INVALID, str(error))])

    def _returned(self, message: Outcome) -> ev.Ended:
        history = self._replica.history
        counted = history.incumbents.counted(message.trial)
        try:
            given = {} if message.returned is None else metrics_of(message.returned, history.goal)
            return self.ended(message.trial, message.attempt, counted | given, message.seconds, message.cost)
        except (ObjectiveError, GoalError) as error:
            return ev.Ended(
                message.trial, message.attempt, Status.FAILED, counted, message.seconds, self._clock(),
                Cause.INVALID, str(error), message.cost,
            )  # fmt: skip

    def _agree(self, event: ev.Ended) -> None:
        """Check that the journal holds this end and no other."""
        row = self._replica.history.rows.of(event.trial)
        if row.status is not event.status or not _alike(row.metrics or {}, event.metrics):
            raise Conflict(
                f"trial {event.trial} ended already: {row.status.name.lower()} with {row.metrics!r}, "
                f"not {event.status.name.lower()} with {event.metrics!r}. The first result stands.",
                row.metrics,
            )

    def _running(self, number: int, attempt: int) -> Row:
        row = self._replica.history.rows.of(number)
        if row.attempt != attempt or row.status is not Status.RUNNING:
            raise Fenced(
                f"attempt {attempt} of trial {number} is over: it is {row.status.name.lower()} under attempt "
                f"{row.attempt}. Drop it and ask for new work."
            )
        return row

    def _append(self, event: ev.Event, number: int, attempt: int) -> None:
        drops = (number,) if isinstance(event, ev.Released) else ()
        terms = Terms(holds=((number, attempt),), drops=drops, durable=bool(drops))
        self._replica.append([(None, event)], terms)


def _named(metrics: Mapping[str, float]) -> str:
    """How the goal would be named for what was given: by the first metric whose direction its name says, else the first."""
    ways = {name: direction(name).way for name in metrics}
    name = next((name for name, way in ways.items() if way), next(iter(ways), ""))
    return f", {ways[name] or 'minimize'}={name!r}" if name else ""


def _moved(name: str, parameter: Leaf, value: Any) -> Any:
    """A value that a parameter may move to: an option, or a number of its kind, which may lie outside the range that is searched.

    Raises:
        SpaceError: for anything else.
    """
    if isinstance(parameter, Choice):
        return parameter.check(name, value)
    whole = isinstance(parameter, Int)
    number = (
        None if isinstance(value, bool) or not isinstance(value, int if whole else int | float) else value
    )
    if number is None or not -LARGEST_INT <= number <= LARGEST_INT or (parameter.log and number <= 0):
        kind = "a whole number" if whole else "a finite number"
        raise SpaceError(
            f"{name} can move to {kind}{' above 0' if parameter.log else ''}, got {shown(value)}."
        )
    return number if whole else float(number)


def _alike(one: dict[str, float], other: dict[str, float]) -> bool:
    """Whether two sets of metrics are the same, NaN being equal to itself."""
    return repr(sorted(one.items())) == repr(sorted(other.items()))


def _latest(curve: Curve) -> dict[str, float]:
    return {name: values[-1] for name, values in curve.metrics.items()}
