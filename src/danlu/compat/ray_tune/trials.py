"""The trials of a study by the names that Ray gives them: who asks, reports and ends, whatever has been killed in between.

A trial that Ray began is asked under a name that holds its run, so that whoever goes on with a run that was killed knows which trials Ray had
when its own files were last written, and gives out again those that it has forgotten, with the values that they had.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ...base.failure import say
from ...contracts.messages import GO, Refused, Report, Verdict, stop
from ...contracts.protocols import Terms
from ...errors import Conflict
from ...journal import events as ev
from ...journal.events import Cause, Status
from ...journal.rows import Row
from ...space.space import pack_unit
from ...study.study import Study

RUN = "ray-tune/"
"""What the name of an operation begins with that asks for a trial."""

FACT = "ray-tune trial"
"""The fact of a trial that has Ray's name of it."""


class TuneTrials:
    """The trials of one run of Ray's.

    Args:
        study: open.
        run: what tells this run from others on the same study.
        taken: the numbers of trials that Ray knows, by its names.

    Attributes:
        study: as given.
        taken: the numbers by Ray's names, those that came since included.
    """

    def __init__(self, study: Study, run: str, taken: Mapping[str, int] | None = None) -> None:
        self.study = study
        self.taken = dict(taken or {})
        self._run = run
        self._attempts: dict[int, int] = {}
        self._replayed: set[int] = set()
        self._refused: set[int] = set()
        study.session.beat()
        rows = study.session.replica.history.rows
        known = set(self.taken.values())
        self._forgotten = sorted(
            number
            for op, number in rows.ops.items()
            if op.startswith(f"{RUN}{run}/") and number not in known and not rows[number].aside
        )
        for number in sorted(known):
            if rows.of(number).status in {Status.RUNNING, Status.WAITING}:
                self._take(number, "Ray goes on with it")

    def ask(self, trial_id: str) -> int:
        """The number of the trial that Ray calls so: one that it has forgotten, else the study's next.

        Raises:
            BudgetError, Exhausted: as a study's ``ask``.
        """
        self.study.session.replica.sync()
        if self._forgotten:
            number = self._forgotten.pop(0)
            self._take(number, "Ray runs it again, as its own files had not come to it")
            if self._row(number).status >= Status.DONE:
                self._replayed.add(number)
        else:
            number = self.study.ask(op=f"{RUN}{self._run}/{trial_id}").number
        return self._named(trial_id, number)

    def place(self, trial_id: str) -> int:
        """A trial without parameters, for a study that only hears how Ray's trials go."""
        session = self.study.session
        number = len(session.replica.history)
        event = ev.Asked(
            number, ev.pack_params({}), pack_unit([]), session.worker, session.clock(), "Ray Tune"
        )
        terms = Terms(trials=number, grants=((number, 1),), worker=session.worker)
        session.replica.append([(f"{RUN}{self._run}/{trial_id}", event)], terms)
        return self._named(trial_id, number)

    def report(
        self,
        trial_id: str,
        step: int,
        metrics: dict[str, float],
        seconds: float = 0.0,
        *,
        over: bool = False,
    ) -> Verdict:
        """What the study says of a report; one that it has already changes nothing."""
        number = self.taken[trial_id]
        row = self._row(number)
        last = self.study.session.replica.history.reports.last(number)
        if row.status >= Status.DONE:
            ended = row.status is Status.STOPPED and last is not None and step >= last[0]
            return stop(row.reason or "it was stopped before") if ended else GO
        if last is not None and not row.fresh and step == last[0] and _alike(last[1], metrics):
            return GO  # told before
        if row.status is not Status.RUNNING:
            self._take(number, "Ray runs it")
        elif last is not None and not row.fresh and step <= last[0]:
            self._take(number, "Ray has started it once more")
        said = self.study.session.responder.answer(
            Report(number, self._attempts.get(number, row.attempt), step, metrics, seconds, None, over)
        )
        if isinstance(said, Refused) and number not in self._refused:
            self._refused.add(number)
            say(f"danlu: the report of Ray's trial {trial_id} at step {step} is not kept: {said.sentence}")
        return said if isinstance(said, Verdict) else GO

    def end(
        self, trial_id: str, metrics: dict[str, float] | None, seconds: float = 0.0, failed: str = ""
    ) -> None:
        """Write what a trial has come to; what the journal holds already stands.

        Args:
            trial_id: Ray's name of it.
            metrics: that it came to, None where Ray has none.
            seconds: that it took.
            failed: why it failed, '' where it did not.
        """
        number = self.taken[trial_id]
        row = self._row(number)
        if row.status >= Status.DONE:
            self._compare(trial_id, row, metrics)
            return
        if row.status is not Status.RUNNING and metrics is None and not failed:
            self.study.control.prune(number, "Ray has ended it while it was paused")
            return
        if row.status is not Status.RUNNING:
            self._take(number, "Ray has ended it")
        try:
            self.study.session.responder.end([self._ended(number, metrics, seconds, failed)])
        except Conflict as error:
            say(f"danlu: what Ray's trial {trial_id} has come to is not kept: {error}")

    def stop(self, trial_id: str, reason: str) -> None:
        """End a trial that waits, for good."""
        self.study.control.prune(self.taken[trial_id], reason)

    def status(self, trial_id: str) -> Status | None:
        """Where a trial is in its life; None for one that the study does not have."""
        number = self.taken.get(trial_id)
        return None if number is None else self._row(number).status

    def resume(self, trial_id: str, reason: str) -> None:
        """Take up a trial that waits."""
        self._take(self.taken[trial_id], reason)

    def _named(self, trial_id: str, number: int) -> int:
        session = self.study.session
        self.taken[trial_id] = number
        self._attempts[number] = self._row(number).attempt
        noted = ev.Noted(number, {FACT: trial_id}, session.clock())
        session.replica.append([(None, noted)], Terms(worker=session.worker))
        return number

    def _row(self, number: int) -> Row:
        return self.study.session.replica.history.rows.of(number)

    def _take(self, number: int, reason: str) -> None:
        """Make a trial that is not over run here, under an attempt of its own: its next report says from where."""
        session = self.study.session
        row = self._row(number)
        if row.status >= Status.DONE:
            return
        if row.status is Status.RUNNING:
            session.responder.release(number, row.attempt, Cause.PREEMPTED, reason)
        attempt = row.attempt + 1
        event = ev.Resumed(
            number, attempt, session.worker, session.clock(), False, reason=f"taken up again: {reason}"
        )
        terms = Terms(takes=((number, row.attempt),), grants=((number, attempt),), worker=session.worker)
        session.replica.append([(None, event)], terms)
        self._attempts[number] = attempt

    def _ended(self, number: int, metrics: dict[str, float] | None, seconds: float, failed: str) -> ev.Ended:
        session = self.study.session
        attempt = self._attempts.get(number, self._row(number).attempt)
        if failed:
            return session.responder.failed(number, attempt, Cause.RAISED, failed, seconds)
        history = session.replica.history
        known = history.incumbents.counted(number) | (metrics or {})
        missing = history.goal.missing(known)
        if metrics is not None and not missing:
            return session.responder.ended(number, attempt, known, seconds)
        if missing:
            reason = f"Ray ended it before it had reported {' and '.join(missing)}"
            return session.responder.failed(number, attempt, Cause.CANCELLED, reason, seconds)
        return ev.Ended(
            number,
            attempt,
            Status.STOPPED,
            known,
            seconds,
            session.clock(),
            None,
            "Ray ended it before its end",
        )

    def _compare(self, trial_id: str, row: Row, metrics: dict[str, float] | None) -> None:
        """Say where a trial that Ray had to run again has come to something else."""
        goal = self.study.session.replica.history.goal
        number = self.taken[trial_id]
        kept = row.metrics or {}
        other = [
            name
            for name in goal.names
            if metrics and name in kept and not _alike(kept, {name: metrics.get(name, math.nan)})
        ]
        if number in self._replayed and other:
            say(
                f"danlu: Ray's trial {trial_id} was run again, as Ray's files had not come to its end, and comes to {other[0]}="
                f"{(metrics or {}).get(other[0])!r}. The study keeps its first result, {kept[other[0]]!r}."
            )


def _alike(kept: Mapping[str, Any], metrics: Mapping[str, float]) -> bool:
    """Whether all of these are kept with the same values, NaN being equal to itself."""
    return all(
        name in kept and (kept[name] == value or (math.isnan(kept[name]) and math.isnan(value)))
        for name, value in metrics.items()
    )
