"""The fold of a journal: everything that is known of a study, by trial and in columns.

``fold`` takes events in order, any number at a time, at a cost that depends on the new events alone.
The numpy columns are brought up to date when somebody looks at them, so a study whose sampler never
looks pays nothing. All columns are read-only views; row ``i`` is trial ``i``.
"""

from __future__ import annotations

import copy
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..base.values import shown
from ..errors import CorruptError, DanluError, SpaceError, StoreError, TrialMissing
from ..problem.contexts import Context
from ..problem.goal import Goal
from ..space.space import Constraint, Space
from . import events as ev
from .arrivals import Arrived, StepArrivals
from .checkpoint_refs import CheckpointRefs
from .columns import Columns
from .events import Cause, Status
from .groups import Group, Groups
from .programs import Programs
from .reports import Reports
from .rows import Row, counted, covers, scheduled
from .trial import Checkpoint, Curve, Trial

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class History:
    """What a journal says, folded. Algorithms read it; only ``fold`` changes it.

    ``ended`` holds the trials that are over in the order in which they ended, each with the number of reports
    there were by then. ``aside`` holds those that were set aside, each with the reason: they keep their rows, and are
    in nothing else that is counted, ranked or learned from. ``steps`` is how many steps were trained, as the budget counts them. ``trace`` is the traceback of those set aside last. ``groups`` says which
    trials are one configuration in several contexts; such a configuration is ranked as a whole, under its first trial's number.
    Of a campaign there are ``settings``, ``stages`` (studies by stage) and ``judgments``, and no trials.
    """

    def __init__(self, constraints: Sequence[Constraint | str] = ()) -> None:
        self.seq = self.seed = 0
        self.ops: dict[str, int] = {}
        self.constraints = constraints
        self.keeping = CheckpointRefs()
        self.space = Space()
        self.declared = self.space.spec
        self.goal = Goal(())
        self.keep: ev.Keep = "best"
        self.reshaped = False
        self.reports = Reports()
        self.queue: list[dict[str, Any]] = []
        self.live: tuple[set[int], set[int], set[int]] = (set(), set(), set())
        self.decisions: list[tuple[float, str]] = []
        self.chosen: dict[str, str] = {}
        self.finished = self.sampled = self.since_best = self.steps = 0
        self.reached: int | None = None
        self.created_at = self.last_at = self.spent_seconds = self.spent_cost = 0.0
        self.front: list[int] = []
        self.halted: ev.Steered | None = None
        self.pruned: dict[int, str] = {}  # trials that a person wants ended, and how the study says so
        self.cut: set[int] = set()  # trials whose curves end before they have come to a result
        self.awaited: dict[int, tuple[int, float]] = {}  # of paused trials: reports by then, expected loss
        self.rows: list[Row] = []
        self.stored_config: ev.StoredConfig | None = None
        self.groups = Groups(self)
        self.judgments: list[ev.Judged] = []
        self.campaign = self.parent = ""
        self.settings: dict[str, Any] = {}
        self.stages: dict[str, str] = {}
        self.ended: list[tuple[int, int]] = []
        self.programs = Programs()
        self.aside: dict[int, str] = {}
        self.trace = ""
        self._columns = Columns(self)
        self._arrivals = StepArrivals(self)
        self._handlers: dict[type, Callable[[Any], None]] = {
            ev.Created: self._created, ev.Opened: self._opened, ev.Closed: self._closed,
            ev.Reshaped: self._reshaped, ev.Enqueued: self._enqueued, ev.Steered: self._steered, ev.Asked: self._asked,
            ev.Suggested: self._suggested, ev.Saved: self._saved, ev.Reported: self._reported,
            ev.Moved: self._moved, ev.Noted: self._noted, ev.Released: self._released, ev.Resumed: self._resumed,
            ev.Ended: self._ended, ev.Reopened: self._reopened, ev.SetAside: self._set_aside,
            ev.Staged: self._staged, ev.Judged: self._judged,
        }  # fmt: skip

    def fold(self, entries: Iterable[ev.Entry]) -> None:
        """Take the next events of the journal, in order.

        Raises:
            CorruptError: at the first event that contradicts those before it, or that no danlu should have written.
        """
        handlers = self._handlers
        for entry in entries:
            event = entry.event
            try:
                handlers[type(event)](event)
            except (DanluError, ArithmeticError, LookupError, TypeError, ValueError) as error:
                raise CorruptError(unfoldable(entry, error)) from error
            at = event.at
            rested = type(event) is ev.Opened or (type(event) is ev.Steered and event.order == "resume")
            if at > self.last_at > 0 and not rested:
                self.spent_seconds += at - self.last_at
            self.last_at = at
            self.seq = entry.seq
            if entry.op is not None and type(event) is ev.Asked:
                self.ops[entry.op] = event.trial

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"History({len(self.rows)} trials, {self.seq} events)"

    __copy__ = copy.deepcopy  # half a copy would fold into the other half

    @property
    def counting(self) -> int:
        """How many trials the budget counts: all but those that were set aside."""
        return len(self.rows) - len(self.aside)

    @property
    def contexts(self) -> tuple[Context, ...]:
        """The contexts that every configuration is evaluated in; none where a trial is a configuration of its own."""
        return () if self.stored_config is None else self.stored_config.contexts

    def states(self) -> Counter[str]:
        """How many trials are in which state, in words; those set aside are a state of their own."""
        return Counter("set aside" if row.aside else row.status.name.lower() for row in self.rows)

    def row(self, number: int) -> Row:
        """The row of one trial.

        Raises:
            TrialMissing: when there is no such trial.
        """
        if not hasattr(number, "__index__") or not 0 <= number < len(self.rows):
            raise TrialMissing(f"there is no trial {shown(number)}; the study has {len(self.rows)}.")
        return self.rows[number]

    def trial(self, number: int, curve: Curve | None = None) -> Trial:
        """The frozen record of one trial.

        Args:
            number: the trial's.
            curve: shown in place of a copy of its own, which costs more the longer it is.

        Raises:
            TrialMissing: when there is no such trial.
        """
        row = self.row(number)
        asked = row.asked
        metrics = self._ordered(row.metrics or {})
        return Trial(
            number=number,
            status=row.status,
            params=self.space.kept(row.params()),
            unit=self.placed(number),
            metrics=metrics,
            losses=row.losses or self.goal.losses({}),
            violation=row.violation,
            curve=self.reports.curve(number).whole() if curve is None else curve,
            source=asked.source,
            tag=asked.tag,
            attempt=row.attempt,
            deaths=row.deaths,
            donor=row.donor,
            seconds=row.seconds + row.attempt_seconds,
            cost=row.seconds if row.cost is None else row.cost,
            asked_at=asked.at,
            ended_at=row.ended_at,
            cause=row.cause,
            reason=row.reason,
            why=row.why,
            facts=dict(row.facts or {}),
            checkpoints=tuple(reversed(row.usable())),
            code=row.code,
            schedule=scheduled(row),
            aside=row.aside,
            doubted=row.doubted,
            context=asked.context,
            of=self.groups.head(number) if asked.context else -1,
        )

    def placed(self, number: int) -> tuple[float, ...]:
        """A trial's unit point; in a space that was changed where it lies now, and () where it lies outside."""
        if not self.reshaped:
            return tuple(np.frombuffer(self.rows[number].asked.unit).tolist())
        columns = self._columns.current()
        outside = not columns.fits[number] and not self.aside.get(number)
        return () if outside else tuple(columns.units[number].tolist())

    def configuration(self, number: int) -> Trial:
        """The record of a configuration by its first trial: its metrics are means over its contexts, once it is over.

        Raises:
            TrialMissing: when there is no such trial.
        """
        trial, whole = self.trial(number), self.groups.over.get(number)
        if whole is None:
            return trial
        return msgspec.structs.replace(
            trial, metrics=self._ordered(whole.metrics), losses=whole.losses or self.goal.losses({}), violation=whole.violation,
            spread=whole.spread, contexts=len(whole.trials),
        )  # fmt: skip

    def trials(self) -> list[Trial]:
        """The frozen records of all trials, in order."""
        return [self.trial(number) for number in range(len(self.rows))]

    @property
    def units(self) -> Floats:
        """Unit points, shape (n, d); inactive coordinates are 0.5."""
        return self._columns.current().units

    @property
    def active(self) -> Bools:
        """Which coordinates are active, shape (n, d)."""
        return self._columns.current().active

    @property
    def losses(self) -> Floats:
        """Minimized metrics, shape (n, m); NaN until the trial is done, stopped or first paused, and when it failed."""
        return self._columns.current().losses

    @property
    def slacks(self) -> Floats:
        """For each limit how far the metric is beyond its bound, shape (n, limits); NaN until known."""
        return self._columns.current().slacks

    @property
    def violations(self) -> Floats:
        """Summed excess over the goal's limits, shape (n,); NaN where there are no losses."""
        return self._columns.current().violations

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The longest step at which each trial has reported the goal's first metric, 0 for none, shape (n,)."""
        return self._arrivals.lengths()

    def arrived(self, step: int) -> Arrived:
        """The trials that have come to a step, whatever has become of them, and what counted for them then."""
        return self._arrivals.at(step)

    @property
    def statuses(self) -> NDArray[np.uint8]:
        """``Status`` codes, shape (n,)."""
        return self._columns.current().statuses

    @property
    def fits(self) -> Bools:
        """Whether the trial's values lie in the space as it is now and it was not set aside, shape (n,)."""
        return self._columns.current().fits

    @property
    def seen(self) -> Collection[bytes]:
        """The packed unit points of all trials ever asked but those set aside, where they lie in the space as it is now."""
        return self._columns.points()

    @property
    def best(self) -> int | None:
        """The number of the best trial by the first metric, limits kept first; None when none is done."""
        return min(self.front, key=self._order, default=None)

    # The handlers, one an event, in the order of a trial's life.

    def _created(self, event: ev.Created) -> None:
        if self.rows:
            raise ValueError("a study is created once, before its trials")
        self.space = Space.from_spec(event.space, constraints=self.constraints)
        self.goal, self.seed, self.declared = event.goal, event.seed, event.space
        self.created_at, self.keep, self._columns.stale = event.at, event.keep, True
        self.campaign, self.parent = event.campaign, event.parent

    def _opened(self, event: ev.Opened) -> None:
        if self.campaign:
            self.settings = event.settings
            with_ = ", ".join(f"{name} {value!r}" for name, value in event.settings.items())
            self.decisions.append((event.at, f"the campaign was opened with {with_ or 'no settings'}"))
            return
        self.decisions.append((event.at, f"opened with {event.sampler}, {event.scheduler}"))
        if event.provenance is not None:
            said = self.programs.open(event.worker, event.provenance, len(self.rows))
            self.decisions += [(event.at, sentence) for sentence in said]
        if event.stored_config is not None:
            before, self.stored_config, self.halted = self.contexts, event.stored_config, None
            if self.contexts != before:
                self.groups.reconsider()
                if self.groups:
                    self._rank_anew()

    def _closed(self, event: ev.Closed) -> None:
        self.decisions.append((event.at, f"closed: {event.reason}"))

    def _reshaped(self, event: ev.Reshaped) -> None:
        self.space = Space.from_spec(event.space, constraints=self.constraints)
        self.decisions.append((event.at, event.reason))
        self.declared = event.space
        self.reshaped = self._columns.stale = True

    def _enqueued(self, event: ev.Enqueued) -> None:
        self.queue.extend(event.points)

    def _steered(self, event: ev.Steered) -> None:
        if event.order == "prune":
            self.pruned[event.trial] = str(event)
        else:
            self.halted = None if event.order == "resume" else event
        about = f"trial {event.trial} to be " if event.order == "prune" else ""
        self.decisions.append((event.at, about + str(event)))

    def _asked(self, event: ev.Asked) -> None:
        if event.trial != len(self.rows):
            raise ValueError(f"trial {event.trial} is asked where trial {len(self.rows)} comes next")
        self.live[Status.RUNNING].add(event.trial)
        self.rows.append(
            Row(event, worker=event.worker, why=event.reason, code=self.programs.run(event.worker))
        )
        if event.context:
            self.groups.add(event.trial, self.rows[-1])
        self.sampled += event.source == "sampler"
        if event.source == "enqueued" and self.queue:
            self.queue.pop(0)

    def _suggested(self, event: ev.Suggested) -> None:
        row = self.rows[event.trial]
        try:
            space = self.space.reveal(event.name, event.parameter)
        except (
            SpaceError
        ) as error:  # two workers revealed one name as two things at the same time: the first stands
            row.facts = (row.facts or {}) | {event.name: event.value}
            self.decisions.append((event.at, f"trial {event.trial} drew {event.name} otherwise: {error}"))
            return
        row.drawn = (row.drawn or {}) | {event.name: event.value}
        if space.spec != self.space.spec:
            self.space = space
            self._columns.stale = True

    def _saved(self, event: ev.Saved) -> None:
        row = self.rows[event.trial]
        earlier = [kept for kept in row.checkpoints or () if kept.step < event.step]
        self.keeping.give(row, [*earlier[-2:], Checkpoint(event.step, event.digest)])
        row.unsettled = True
        if row.moved:
            row.moves_at = (row.moves_at or {}) | {event.step: len(row.moved)}

    def _reported(self, event: ev.Reported) -> None:
        row = self.rows[event.trial]
        if row.fresh:
            self.reports.rewind(event.trial, event.step)
        row.attempt_seconds = event.seconds
        trained = row.advance(event.step)
        self.steps += 0 if row.aside else trained
        self.reports.add(event.trial, event.step, event.metrics, trained)
        if row.unsettled and row.checkpoints and row.checkpoints[-1].step <= event.step:
            row.unsettled = False
            self.keeping.give(row, row.checkpoints[-2:])
        if event.expected is not None and row.doubted is None:
            row.doubted = event.step
            if event.action is ev.Action.GO:
                self.decisions.append((event.at, f"trial {event.trial}: {event.reason}"))
        if event.action is not ev.Action.GO and event.cause is None and not event.conclusive:
            self.cut.add(event.trial)
        if event.action is ev.Action.PAUSE:
            if event.conclusive and event.expected is not None:
                self.awaited[event.trial] = len(self.reports), self.goal.metrics[0].loss(event.expected)
            row.attempt_cost = event.cost
            self._leave(event.trial, row, Status.PAUSED, event.reason)
            self.since_best += row.losses is None
            self._count(event.trial, row, self.counted(event.trial))
        elif event.action is ev.Action.STOP:
            failed = event.cause is not None
            metrics = self.counted(event.trial)
            row.cause, row.attempt_cost, row.cut_off = event.cause, event.cost, True
            self._finish(
                event.trial, row, Status.FAILED if failed else Status.STOPPED, metrics, event.reason, event.at
            )

    def _moved(self, event: ev.Moved) -> None:
        row = self.rows[event.trial]
        row.moved = [*(row.moved or ()), event]

    def _noted(self, event: ev.Noted) -> None:
        if event.trial < 0:
            self.decisions += [(event.at, str(fact)) for fact in event.facts.values()]
            self.chosen |= {who: str(fact) for who, fact in event.facts.items()}
            return
        row = self.rows[event.trial]
        row.facts = (row.facts or {}) | event.facts

    def _released(self, event: ev.Released) -> None:
        row = self.rows[event.trial]
        row.attempt_seconds = event.seconds
        row.cause, row.alone = event.cause, event.cause is Cause.MEMORY
        row.deaths += event.cause is Cause.CRASHED
        self._leave(event.trial, row, Status.WAITING, event.reason)

    def _resumed(self, event: ev.Resumed) -> None:
        row = self.rows[event.trial]
        row.attempt, row.worker, row.fresh, row.cause = event.attempt, event.worker, True, None
        row.code = self.programs.run(event.worker, "" if event.anew else row.code)
        self.cut.discard(event.trial)
        self.awaited.pop(event.trial, None)
        self.keeping.give(row, None if event.anew else row.usable())
        row.unsettled = False
        if row.moved:  # what follows is trained once more, and moved once more
            kept = (row.moves_at or {}).get(row.checkpoints[-1].step, 0) if row.checkpoints else 0
            row.moved = row.moved[:kept]
        row.deaths += event.orphan
        self.live[row.status].discard(event.trial)
        row.status = Status.RUNNING
        self.live[Status.RUNNING].add(event.trial)
        self._columns.touch(event.trial)
        self._settle(row)
        if event.reason:
            row.why = event.reason
        if event.donor >= 0:
            row.donor = event.donor
            self.keeping.give(row, self.rows[event.donor].usable())
            row.unsettled = False
        row.starts = tuple(kept.step for kept in row.checkpoints or ())
        if event.unit:
            row.moved = None
            source = row if event.donor < 0 else self.rows[event.donor]
            before = source.schedule or [(0, source.asked.params)]
            step = row.checkpoints[-1].step if row.checkpoints else 0
            row.schedule = [*(each for each in before if each[0] < step or not each[0]), (step, event.params)]
            row.asked = msgspec.structs.replace(row.asked, params=event.params, unit=event.unit)
            self._columns.stale = True

    def _ended(self, event: ev.Ended) -> None:
        row = self.rows[event.trial]
        row.attempt_seconds = event.seconds
        row.cause, row.attempt_cost, row.blind = event.cause, event.cost, event.blind
        self._finish(event.trial, row, event.status, event.metrics, event.reason, event.at)

    def _reopened(self, event: ev.Reopened) -> None:
        row = self.rows[event.trial]
        if row.aside or row.status < Status.DONE or not row.usable():
            return  # somebody else was faster, or its checkpoint has gone since somebody looked
        last = self.reports.last(event.trial)
        row.longer = 0 if last is None else last[0]
        row.before = None if row.status is Status.FAILED else (row.status, dict(row.metrics or {}))
        row.status, row.reason, row.why, row.ended_at = Status.WAITING, event.reason, event.reason, None
        row.cause, row.cut_off, row.deaths = None, False, 0
        self.live[Status.WAITING].add(event.trial)
        self.ended = [each for each in self.ended if each[0] != event.trial]
        self.finished -= 1
        self.cut.discard(event.trial)
        self.pruned.pop(event.trial, None)
        self.since_best, self.reached = 0, None
        self._columns.touch(event.trial)
        self.decisions.append(
            (event.at, f"trial {event.trial} is trained on from step {row.longer}: {event.reason}")
        )

    def _set_aside(self, event: ev.SetAside) -> None:
        named = [number for number in event.trials if number < len(self.rows)]
        if self.groups:  # what is left of a configuration would count for the whole of it
            named = list(dict.fromkeys(other for number in named for other in self.groups.whole(number)))
        fresh = [number for number in named if number not in self.aside]
        asked_for = []
        for number in fresh:
            row = self.rows[number]
            self.aside[number] = row.aside = event.reason
            if row.status < Status.DONE:
                self.live[row.status].discard(number)
                row.status, row.ended_at = Status.STOPPED, event.at
                self._settle(row)
            row.losses, row.violation = None, 0.0
            self.cut.discard(number)
            if self.keep == "best":
                self.keeping.give(row, None)
            self.spent_cost -= row.taken
            self.steps -= row.trained
            self.sampled -= row.asked.source == "sampler"
            if row.asked.source == "enqueued":  # a person wanted it tried, and it has not been
                asked_for.append({name: row.params()[name] for name in ev.unpack_params(row.asked.params)})
        self.queue[:0] = asked_for
        self._recount()
        self._columns.stale = True
        self.trace = event.trace
        told = ", ".join(map(str, fresh[:8])) + (", ..." if len(fresh) > 8 else "")
        if fresh:
            by = f" by {event.actor}" if event.actor else ""
            self.decisions.append((event.at, f"trials set aside{by} ({told}): {event.reason}"))

    def _staged(self, event: ev.Staged) -> None:
        self.stages[event.stage] = event.study
        self.decisions.append((event.at, f"stage {event.stage} is the study {event.study!r}: {event.reason}"))

    def _judged(self, event: ev.Judged) -> None:
        self.judgments.append(event)
        self.decisions.append((event.at, f"{event.subject} {event.verdict}: {event.reason}"))
        if event.trial >= 0 and event.trial in self.groups.members:
            self.groups.given_up[event.trial] = event.reason
            self._count_together(event.trial)

    def _recount(self) -> None:
        """Rank and count the trials anew, as some no longer count."""
        self.ended = [each for each in self.ended if each[0] not in self.aside]
        self.finished, self.front, self.reached, self.since_best = len(self.ended), [], None, 0
        if not self.ended and not self.live[Status.PAUSED]:
            self.spent_seconds = 0.0  # nothing has come of that time
        over = [each[0] for each in self.ended]
        others = {number for number, row in enumerate(self.rows) if row.losses is not None}.difference(over)
        self.groups.drop(self.aside)
        for number in (*over, *sorted(others)):  # paused ones, and those that train on
            row = self.rows[number]
            self.since_best += 1
            if row.losses is not None:
                self._place(number, row)

    def counted(self, number: int) -> dict[str, float]:
        """The metrics that count for a trial by its curve: the goal's best step, or the last."""
        return counted(self.reports.curve(number), self.goal)

    def counting_steps(self, number: int) -> tuple[int, ...]:
        """The steps whose report of the goal's first metric is what counts for a trial; none where a returned value does."""
        curve, name = self.reports.curve(number), self.goal.metrics[0].name
        value = (self.rows[number].metrics or self.counted(number)).get(name)
        pairs = zip(curve.steps, curve.metrics.get(name, ()), strict=False)
        return tuple(step for step, told in pairs if told == value)

    def keeps(self, number: int) -> bool:
        """Whether a trial keeps its checkpoints and its folder: while it is not over, and as the study was told then."""
        if self.rows[number].status < Status.DONE or self.keep == "all":
            return True
        head = self.groups.head(number)
        return head in self.front or head in self.groups.pending

    # What several handlers share.

    def _leave(self, number: int, row: Row, status: Status, reason: str) -> None:
        self.live[row.status].discard(number)
        self.live[status].add(number)
        row.status, row.reason = status, reason
        self._columns.touch(number)
        self._settle(row)

    def _finish(
        self, number: int, row: Row, status: Status, metrics: dict[str, float], reason: str, at: float
    ) -> None:
        self.live[row.status].discard(number)
        if status is Status.FAILED and row.before is not None:
            (status, metrics), row.cause = row.before, None
            reason = f"what it had come to stands, as training it longer failed: {reason}"
        row.before = None
        row.status, row.metrics, row.reason, row.ended_at = status, metrics, reason, at
        row.unsettled = False
        self._settle(row)
        self.ended.append((number, len(self.reports)))
        self.finished += 1
        self.since_best += row.losses is None  # else it was counted when it was first paused
        self._columns.touch(number)
        self._count(number, row, {} if status is Status.FAILED else metrics)
        if row.asked.context:
            self._count_together(self.groups.head(number))
        if not self.keeps(number):
            self._forget(number, row)

    def _count(self, number: int, row: Row, metrics: dict[str, float]) -> None:
        """What a trial has come to, for good or for now: a paused one can be the best."""
        losses, violation = self.goal.losses(metrics), self.goal.violation(metrics)
        if self.goal.missing(metrics) or not all(math.isfinite(loss) for loss in losses):
            self._uncount(number, row)
            return
        if row.losses is not None and not covers(Row(row.asked, losses=losses, violation=violation), row):
            self._uncount(number, row)  # trained anew, or its last step counts, and it has become worse
        row.metrics, row.losses, row.violation = metrics, losses, violation
        if not row.asked.context:
            self._place(number, row)

    def _count_together(self, head: int) -> None:
        """What a configuration has come to in its contexts, if it is over; it counts when it was evaluated in all of them."""
        before, after = self.groups.over.get(head), self.groups.settle(head)
        if after is None:
            return
        if before is not None and before.whole:
            self._rank_anew()
        if after.whole and after.losses is not None and all(map(math.isfinite, after.losses)):
            self._place(head, after)
        if not self.keeps(head):
            for number in self.groups.whole(head):
                if self.rows[number].status >= Status.DONE:
                    self._forget(number, self.rows[number])

    def _place(self, number: int, merit: Row | Group) -> None:
        """Rank a trial, or a configuration by its first; note whether it is the best, and whether the target is reached."""
        if isinstance(merit, Row) and merit.asked.context:
            whole = self.groups.over.get(self.groups.head(number))
            if whole is None or not whole.whole or whole.trials[-1] != number:
                return
            number, merit = self.groups.head(number), whole
        if self._rank(number):
            self.since_best = 0
            if self.reached is None and not self.interim(number) and self.goal.reached(merit.metrics or {}):
                self.reached = number

    def interim(self, number: int) -> bool:
        """Whether what a trial has come to is not what counts: where the last report does, and it was not trained to its end.

        Such a trial is among the best only as long as no other has come to its end.
        """
        if self.goal.at != "last" or self.rows[number].asked.context:
            return False
        return self.rows[number].status < Status.DONE or number in self.cut

    def _merit(self, number: int) -> Row | Group:
        """What a trial is ranked by: itself, or what its configuration has come to."""
        return self.groups.over.get(number) or self.rows[number]

    def _order(self, number: int) -> tuple[float, tuple[float, ...]]:
        merit = self._merit(number)
        return merit.violation, merit.losses or ()

    def _uncount(self, number: int, row: Row) -> None:
        """Take back what a trial had counted for while it was paused."""
        row.losses = None
        if number in self.front:
            self._rank_anew()

    def _rank_anew(self) -> None:
        """Find the best once more among all that count."""
        self.front = []
        for other, theirs in enumerate(self.rows):
            if theirs.losses is not None and not theirs.asked.context and not theirs.aside:
                self._rank(other)
        for head, whole in self.groups.over.items():
            if whole.whole and whole.losses is not None and head not in self.aside:
                self._rank(head)

    def _forget(self, number: int, row: Row) -> None:
        """Take from a trial what only the best keep; where a verdict ended it, its code may be in its folder still."""
        if row.checkpoints:
            self.keeping.give(row, None)
        self.keeping.vacated.append(number)

    def _settle(self, row: Row) -> None:
        """What an attempt that is over has taken."""
        taken = row.settle()
        self.spent_cost += (
            taken if math.isfinite(taken) else 0.0
        )  # early versions let NaN in, which no budget ends

    def _beats(self, one: int, other: int) -> bool:
        """Whether a trial, or configuration, is at least as good as another; what came to its end beats what did not."""
        interim = self.interim(one)
        if interim != self.interim(other):
            return not interim
        return covers(self._merit(one), self._merit(other))

    def _rank(self, number: int) -> bool:
        """Whether the trial, or configuration, is on the front of the best; those it beats leave it."""
        others = [other for other in self.front if other != number]
        if any(self._beats(other, number) for other in others):
            return False
        for other in others:
            if self._beats(number, other):
                self.front.remove(other)
                for each in self.groups.whole(other):
                    if not self.keeps(each):
                        self._forget(each, self.rows[each])
        if number not in self.front:
            self.front.append(number)
        return True

    def _ordered(self, metrics: dict[str, float]) -> dict[str, float]:
        first = {name: metrics[name] for name in self.goal.names if name in metrics}
        return first | metrics


def unfoldable(entry: ev.Entry, error: Exception) -> str:
    """What to say of an event that cannot be folded."""
    kind = entry.event.__struct_config__.tag
    return (
        f"event {entry.seq} ({kind}) contradicts what is before it, or says what cannot be: {type(error).__name__}: {error}. "
        f"The {entry.seq - 1} events before it are sound. Save them with danlu repair."
    )


def sound(
    entries: Iterable[ev.Entry], damage: list[str], history: History | None = None
) -> Iterator[ev.Entry]:
    """The entries up to the first that is damaged or cannot be folded; the sentence about that one goes into ``damage``.

    They are folded into ``history`` on the way, where one is given.
    """
    history = History() if history is None else history
    try:
        for entry in entries:
            history.fold((entry,))
            yield entry
    except StoreError as error:
        damage.append(str(error))
