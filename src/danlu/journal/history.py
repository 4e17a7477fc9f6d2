"""The fold of a journal: everything that is known of a study, by trial and in columns.

``fold`` takes events in order, any number at a time, at a cost that depends on the new events alone.
The numpy columns are brought up to date when somebody looks at them, so a study whose sampler never
looks pays nothing. All columns are read-only views; row ``i`` is trial ``i``.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import msgspec

from ..errors import CorruptError, DanluError, SpaceError, StoreError
from ..problem.goal import Goal
from ..space.constraints import Constraint
from ..space.reveal import reveal
from ..space.space import Space
from . import events as ev
from .columns import Columns
from .decisions import Decisions
from .definition import Definition
from .events import Cause, Status
from .groups import Groups
from .incumbents import Incumbents
from .reports import Reports
from .rows import Row, Rows
from .spent import Spent
from .tags import tagged
from .trial import AttachedFile, Checkpoint
from .trials import Trials


class History:
    """What a journal says, folded. Algorithms read it; only ``fold`` changes it.

    Attributes:
        seq: the number of the newest event.
        definition: what the study is beside that: seed, contexts, programs; of a campaign its stages and judgments.
        rows: what is kept of each trial.
        trials: the same as frozen records.
        columns: the same as arrays.
        reports: the curves.
        incumbents: the best trials so far.
        spent: of the budget.
        decisions: orders of people, and what the study says of itself.
    """

    def __init__(self, constraints: Sequence[Constraint | str] = ()) -> None:
        self.seq = 0
        self.definition = Definition(constraints)
        self.rows = Rows()
        self.reports = Reports()
        self.columns = Columns(self.definition, self.rows, self.reports)
        self._groups = Groups(self.definition, self.rows, self.reports)
        self.trials = Trials(self.definition, self.rows, self.reports, self._groups, self.columns)
        self.incumbents = Incumbents(self.definition, self.rows, self.reports, self._groups)
        self.spent = Spent(self.rows)
        self.decisions = Decisions()
        self._handlers: dict[type, Callable[[Any], None]] = {
            ev.Created: self._created, ev.Opened: self._opened, ev.Closed: self._closed,
            ev.Reshaped: self._reshaped, ev.Enqueued: self._enqueued, ev.Steered: self.decisions.steer, ev.Asked: self._asked,
            ev.Suggested: self._suggested, ev.Saved: self._saved, ev.Reported: self._reported,
            ev.Moved: self._moved, ev.Noted: self._noted, ev.Tagged: self._tagged, ev.Attached: self._attached, ev.Released: self._released, ev.Resumed: self._resumed,
            ev.Ended: self._ended, ev.Reopened: self._reopened, ev.SetAside: self._set_aside,
            ev.Staged: self._staged, ev.Judged: self._judged, ev.Recalled: self._recalled,
        }  # fmt: skip

    def fold(self, entries: Iterable[ev.Entry]) -> None:
        """Take the next events of the journal, in order.

        Raises:
            CorruptError: at the first event that contradicts those before it, or that no danlu should have written.
        """
        handlers, spent = self._handlers, self.spent
        for entry in entries:
            event = entry.event
            try:
                handlers[type(event)](event)
            except (DanluError, ArithmeticError, LookupError, TypeError, ValueError) as error:
                raise CorruptError(unfoldable(entry, error)) from error
            rested = type(event) is ev.Opened or (type(event) is ev.Steered and event.order == "resume")
            spent.pass_time(event.at, rested=rested)
            self.seq = entry.seq
            if entry.op is not None and type(event) is ev.Asked:
                self.rows.ops[entry.op] = event.trial

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def space(self) -> Space:
        """That is searched, as it is now."""
        return self.definition.space

    @property
    def goal(self) -> Goal:
        """What counts."""
        return self.definition.goal

    def __repr__(self) -> str:
        return f"History({len(self)} trials, {self.seq} events)"

    __copy__ = copy.deepcopy  # half a copy would fold into the other half

    # The handlers, one an event, in the order of a trial's life.

    def _created(self, event: ev.Created) -> None:
        if self.rows:
            raise ValueError("a study is created once, before its trials")
        self.definition.space = Space.from_spec(event.space, constraints=self.definition.constraints)
        self.definition.goal, self.definition.seed, self.definition.declared = (
            event.goal,
            event.seed,
            event.space,
        )
        self.spent.created_at, self.definition.keep = event.at, event.keep
        self.columns.restart()
        self.definition.campaign.kind, self.definition.campaign.parent = event.campaign, event.parent

    def _opened(self, event: ev.Opened) -> None:
        if self.definition.campaign.kind:
            self.definition.campaign.settings = event.settings
            with_ = ", ".join(f"{name} {value!r}" for name, value in event.settings.items())
            self.decisions.note(event, f"the campaign was opened with {with_ or 'no settings'}")
            return
        self.decisions.note(event, f"opened with {event.sampler}, {event.scheduler}")
        if event.provenance is not None:
            said = self.definition.programs.open(event.worker, event.provenance, len(self.rows))
            for sentence in said:
                self.decisions.note(event, sentence)
        if event.stored_config is not None:
            before = self.definition.contexts
            self.definition.stored_config, self.decisions.halted = event.stored_config, None
            if self.definition.contexts != before:
                self._groups.reconsider()
                if self._groups:
                    self.incumbents.rank_anew()

    def _recalled(self, event: ev.Recalled) -> None:
        if self.rows:
            raise ValueError("what earlier studies have taught stands before the trials")
        points = ev.unpack_points(event.points)
        if len(points) != len(event.losses):
            raise ValueError(f"{len(points)} points have {len(event.losses)} losses")
        self.definition.recalled.append(event)
        self.decisions.note(event, event.reason)

    def _closed(self, event: ev.Closed) -> None:
        self.decisions.note(event, f"closed: {event.reason}")

    def _reshaped(self, event: ev.Reshaped) -> None:
        self.definition.space = Space.from_spec(event.space, constraints=self.definition.constraints)
        self.decisions.note(event, event.reason)
        self.definition.declared = event.space
        self.definition.reshaped = True
        self.columns.restart()

    def _enqueued(self, event: ev.Enqueued) -> None:
        self.decisions.queue.extend(event.points)

    def _asked(self, event: ev.Asked) -> None:
        if event.trial != len(self.rows):
            raise ValueError(f"trial {event.trial} is asked where trial {len(self.rows)} comes next")
        self.rows.live[Status.RUNNING].add(event.trial)
        self.rows.append(
            Row(event, worker=event.worker, why=event.reason, code=self.definition.programs.run(event.worker))
        )
        if event.context:
            self._groups.add(event.trial, self.rows[-1])
        self.spent.sampled += event.source == "sampler"
        if event.source == "enqueued" and self.decisions.queue:
            self.decisions.queue.pop(0)

    def _suggested(self, event: ev.Suggested) -> None:
        row = self.rows[event.trial]
        try:
            space = reveal(self.space, event.name, event.parameter)
        except (
            SpaceError
        ) as error:  # two workers revealed it as two things at the same time: the first stands
            row.facts = (row.facts or {}) | {event.name: event.value}
            self.decisions.note(event, f"trial {event.trial} drew {event.name} otherwise: {error}")
            return
        row.drawn = (row.drawn or {}) | {event.name: event.value}
        if space.spec != self.space.spec:
            self.definition.space = space
            self.columns.restart()

    def _saved(self, event: ev.Saved) -> None:
        row = self.rows[event.trial]
        earlier = [kept for kept in row.checkpoints or () if kept.step < event.step]
        self.rows.checkpoints.give(row, [*earlier[-2:], Checkpoint(event.step, event.digest)])
        row.unsettled = True
        if row.moved:
            row.moves_at = (row.moves_at or {}) | {event.step: len(row.moved)}

    def _reported(self, event: ev.Reported) -> None:
        row = self.rows[event.trial]
        if row.fresh:
            self.reports.rewind(event.trial, event.step)
        row.attempt_seconds = event.seconds
        trained = row.advance(event.step)
        self.spent.steps += 0 if row.aside else trained
        cost = None if event.cost is None else (row.cost or 0.0) + event.cost
        self.reports.add(
            event.trial, event.step, event.metrics, trained, seconds=row.seconds + event.seconds, cost=cost
        )
        if row.unsettled and row.checkpoints and row.checkpoints[-1].step <= event.step:
            row.unsettled = False
            self.rows.checkpoints.give(row, row.checkpoints[-2:])
        if event.expected is not None and row.doubted is None:
            row.doubted = event.step
            if event.action is ev.Action.GO:
                self.decisions.note(event, f"trial {event.trial}: {event.reason}")
        if event.action is not ev.Action.GO and event.cause is None and not event.conclusive:
            self.rows.cut.add(event.trial)
        if event.action is ev.Action.PAUSE:
            if event.conclusive and event.expected is not None:
                self.rows.awaited[event.trial] = len(self.reports), self.goal.metrics[0].loss(event.expected)
            row.attempt_cost = event.cost
            self._leave(event.trial, row, Status.PAUSED, event.reason)
            self.incumbents.since += row.losses is None
            self.incumbents.count(event.trial, self.incumbents.counted(event.trial))
        elif event.action is ev.Action.STOP:
            failed = event.cause is not None
            metrics = self.incumbents.counted(event.trial)
            row.cause, row.attempt_cost, row.cut_off = event.cause, event.cost, True
            self._finish(
                event.trial, row, Status.FAILED if failed else Status.STOPPED, metrics, event.reason, event.at
            )

    def _moved(self, event: ev.Moved) -> None:
        row = self.rows[event.trial]
        row.moved = [*(row.moved or ()), event]

    def _noted(self, event: ev.Noted) -> None:
        if event.trial < 0:
            told = {who: str(fact) for who, fact in event.facts.items() if not who.startswith(ev.DOOR)}
            for sentence in told.values():
                self.decisions.note(event, sentence)
            self.decisions.chosen |= told
            return
        row = self.rows[event.trial]
        facts = event.facts
        notes: tuple[str, ...] = (event.note,) if event.note else ()
        if event.actor and isinstance(
            facts.get("notes"), list
        ):  # how an early danlu kept a person's remarks: all of them again
            facts, notes = {}, tuple(each for each in map(str, facts["notes"]) if each not in row.notes)
        row.notes += notes
        if facts:
            row.facts = (row.facts or {}) | facts

    def _tagged(self, event: ev.Tagged) -> None:
        if event.trial < 0:
            self.decisions.tags = tagged(self.decisions.tags, event.add, event.remove)
            return
        row = self.rows[event.trial]
        row.tags = tagged(row.tags, event.add, event.remove)

    def _attached(self, event: ev.Attached) -> None:
        row = self.rows[event.trial]
        if event.attempt < row.attempt:  # the trial was taken over meanwhile: what it attaches there counts
            self.rows.checkpoints.refuse(event.digest)
            return
        self.rows.checkpoints.attach(row, AttachedFile(event.name, event.digest, event.size, event.at))

    def _released(self, event: ev.Released) -> None:
        row = self.rows[event.trial]
        row.attempt_seconds = event.seconds
        row.cause, row.alone = event.cause, event.cause is Cause.MEMORY
        row.deaths += event.cause is Cause.CRASHED
        self._leave(event.trial, row, Status.WAITING, event.reason)

    def _resumed(self, event: ev.Resumed) -> None:
        row = self.rows[event.trial]
        row.attempt, row.worker, row.fresh, row.cause = event.attempt, event.worker, True, None
        row.code = self.definition.programs.run(event.worker, "" if event.anew else row.code)
        self.rows.cut.discard(event.trial)
        self.rows.awaited.pop(event.trial, None)
        self.rows.checkpoints.give(row, None if event.anew else row.usable())
        row.unsettled = False
        if row.moved:  # what follows is trained once more, and moved once more
            kept = (row.moves_at or {}).get(row.checkpoints[-1].step, 0) if row.checkpoints else 0
            row.moved = row.moved[:kept]
        row.deaths += event.orphan
        self.rows.live[row.status].discard(event.trial)
        row.status = Status.RUNNING
        self.rows.live[Status.RUNNING].add(event.trial)
        self.columns.touch(event.trial)
        self._settle(row)
        if event.reason:
            row.why = event.reason
        if event.donor >= 0:
            row.donor = event.donor
            self.rows.checkpoints.give(row, self.rows[event.donor].usable())
            row.unsettled = False
        row.starts = tuple(kept.step for kept in row.checkpoints or ())
        if event.unit:
            row.moved = None
            source = row if event.donor < 0 else self.rows[event.donor]
            before = source.schedule or [(0, source.asked.params)]
            step = row.checkpoints[-1].step if row.checkpoints else 0
            row.schedule = [*(each for each in before if each[0] < step or not each[0]), (step, event.params)]
            row.asked = msgspec.structs.replace(row.asked, params=event.params, unit=event.unit)
            self.columns.restart()

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
        self.rows.live[Status.WAITING].add(event.trial)
        self.rows.ended = [each for each in self.rows.ended if each[0] != event.trial]
        self.spent.finished -= 1
        self.rows.cut.discard(event.trial)
        self.decisions.pruned.pop(event.trial, None)
        self.incumbents.since, self.incumbents.reached = 0, None
        self.columns.touch(event.trial)
        self.decisions.note(
            event, f"trial {event.trial} is trained on from step {row.longer}: {event.reason}"
        )

    def _set_aside(self, event: ev.SetAside) -> None:
        named = [number for number in event.trials if number < len(self.rows)]
        if self._groups:  # what is left of a configuration would count for the whole of it
            named = list(
                dict.fromkeys(other for number in named for other in self._groups.members.whole(number))
            )
        fresh = [number for number in named if number not in self.rows.aside]
        asked_for = []
        for number in fresh:
            row = self.rows[number]
            self.rows.aside[number] = row.aside = event.reason
            if row.status < Status.DONE:
                self.rows.live[row.status].discard(number)
                row.status, row.ended_at = Status.STOPPED, event.at
                self._settle(row)
            row.losses, row.violation = None, 0.0
            self.rows.cut.discard(number)
            if self.definition.keep == "best":
                self.rows.checkpoints.give(row, None)
            self.spent.cost -= row.taken
            self.spent.steps -= row.trained
            self.spent.sampled -= row.asked.source == "sampler"
            if row.asked.source == "enqueued":  # a person wanted it tried, and it has not been
                asked_for.append({name: row.params()[name] for name in ev.unpack_params(row.asked.params)})
        self.decisions.queue[:0] = asked_for
        self._recount()
        self.columns.restart()
        self.decisions.trace = event.trace
        told = ", ".join(map(str, fresh[:8])) + (", ..." if len(fresh) > 8 else "")
        if fresh:
            by = f" by {event.actor}" if event.actor else ""
            self.decisions.note(event, f"trials set aside{by} ({told}): {event.reason}")

    def _recount(self) -> None:
        """Count and rank the trials anew, as some no longer count."""
        rows, spent = self.rows, self.spent
        rows.ended = [each for each in rows.ended if each[0] not in rows.aside]
        spent.finished = len(rows.ended)
        if not rows.ended and not rows.live[Status.PAUSED]:
            spent.seconds = 0.0  # nothing has come of that time
        self.incumbents.recount()

    def _staged(self, event: ev.Staged) -> None:
        self.definition.campaign.stages[event.stage] = event.study
        self.decisions.note(event, f"stage {event.stage} is the study {event.study!r}: {event.reason}")

    def _judged(self, event: ev.Judged) -> None:
        self.definition.campaign.judgments.append(event)
        self.decisions.note(event, f"{event.subject} {event.verdict}: {event.reason}")
        if event.trial >= 0 and event.trial in self._groups.members:
            self._groups.given_up[event.trial] = event.reason
            self.incumbents.count_together(event.trial)

    # What several handlers share.

    def _leave(self, number: int, row: Row, status: Status, reason: str) -> None:
        self.rows.live[row.status].discard(number)
        self.rows.live[status].add(number)
        row.status, row.reason = status, reason
        self.columns.touch(number)
        self._settle(row)

    def _finish(
        self, number: int, row: Row, status: Status, metrics: dict[str, float], reason: str, at: float
    ) -> None:
        self.rows.live[row.status].discard(number)
        if status is Status.FAILED and row.before is not None:
            (status, metrics), row.cause = row.before, None
            reason = f"what it had come to stands, as training it longer failed: {reason}"
        row.before = None
        row.status, row.metrics, row.reason, row.ended_at = status, metrics, reason, at
        row.unsettled = False
        self._settle(row)
        self.rows.ended.append((number, len(self.reports)))
        self.spent.finished += 1
        self.incumbents.since += row.losses is None  # else it was counted when it was first paused
        self.columns.touch(number)
        self.incumbents.count(number, {} if status is Status.FAILED else metrics)
        if row.asked.context:
            self.incumbents.count_together(self._groups.members.head(number))
        if not self.incumbents.keeps(number):
            self.incumbents.forget(number)

    def _settle(self, row: Row) -> None:
        """What an attempt that is over has taken."""
        taken = row.settle()
        if math.isfinite(taken):  # early versions let NaN in, which no budget ends
            self.spent.cost += taken


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
