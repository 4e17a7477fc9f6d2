"""The driver turns the wheel: fill free slots, listen, judge, until the budget or the user says stop.

It holds no truth. Whatever happens to it, the journal and the leases say what runs, what waits and
what is done, and the next driver goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from ..base.failure import say
from ..contracts.messages import Message, Note, Outcome, Reply
from ..contracts.protocols import Engine, Terms, Wait
from ..errors import Conflict, Exhausted, Fenced, Interrupted, StoreError
from ..journal import events as ev
from ..journal.events import Cause, Status
from .failures import Failures
from .interrupt import Interrupt
from .study import Callback, Study

LATE = 10.0
"""Seconds that running trials get to reach a report once the time budget is spent."""

GRACE = 25.0
"""Seconds that they get after SIGTERM; schedulers of clusters kill half a minute after it."""


TAKEN_BACK = "taken back:"
"""How a sentence begins that says that an earlier one no longer holds."""


class Driver:
    """Drives one study through one engine.

    Attributes:
        left: whether a person or a signal has ended the drive before its time.
    """

    def __init__(
        self,
        study: Study,
        engine: Engine,
        callbacks: Sequence[Callback],
        *,
        grace: float = GRACE,
        stay: bool = False,
        lapse: bool = False,
        keeps_engine: bool = False,
    ) -> None:
        self._study, self._session = study, study.session
        self._engine = engine
        self._callbacks = callbacks
        self._grace = grace
        self._stay = stay
        self._lapse = lapse
        self._unsaved = ""
        self._keeps_engine = keeps_engine
        self.left = False
        self._running: set[tuple[int, int]] = set()
        self._ended: list[int] = []
        self._shown: set[int] = set()
        self._stopped = ""
        self._leave_by: float | None = None
        self._idle = 0.1
        self._heard = 0.0
        self._interrupt = Interrupt(self._drain)
        self._failures = Failures(
            self._session.replica.history, self._session.settings.trial_limits.same_failures
        )

    def drive(self, objective: Callable[..., Any] | str) -> str:
        """Run until something says stop; why, as a sentence.

        Raises:
            GoalError, ObjectiveError: when the first trials show that the objective cannot work; they are set aside then.
            KeyboardInterrupt: at the second Ctrl-C, after all running trials have been handed back.
        """
        session = self._session
        session.beat()
        self._engine.open(objective, self._answer)
        with self._interrupt:
            try:
                session.announce()
                self._clear()
                self._turn()
            except BaseException as error:
                self._keeps_engine = False
                self._hand_back("the driver was interrupted")
                if isinstance(error, Interrupted):
                    raise KeyboardInterrupt from None  # by which Python itself ends with SIGINT's code
                raise
            finally:
                if not self._keeps_engine:
                    self._engine.close()
        self._failures.close()
        closed = ev.Closed(session.worker, self._stopped, session.clock())
        session.replica.append([(None, closed)], Terms(worker=session.worker, durable=True))
        return self._stopped

    def pass_on(self) -> None:
        """Once the study is safe, let SIGTERM end the program, or let the program's own handler hear of it.

        Raises:
            SystemExit: with code 143, when SIGTERM came and the program has no handler.
        """
        self._interrupt.pass_on()

    def _clear(self) -> None:
        """Set aside what an earlier session would have, had it not died: this call is the next try."""
        broken, said = self._failures.verdict(self._session.replica.history)
        if broken:
            self._study.control.set_aside(broken, said)
            self._failures.know(broken)
            say(f"danlu: set aside from an earlier session that came to no end: {said}")

    def _turn(self) -> None:
        while True:
            reason = self._fill()
            if reason and not self._running:
                self._stopped = reason
                return
            if self._running:
                self._idle = 0.1
                self._listen()
                with self._interrupt.allowed(safe=True):
                    self._engine.poll(0.2)
            else:  # other workers hold the rest of the work; look again, less and less often
                with self._interrupt.allowed(safe=True):
                    time.sleep(self._idle)
                self._idle = min(2 * self._idle, 1.0)
            self._after()
            self._watch_end()
            if self._leave_by is not None and time.monotonic() > self._leave_by:
                self._hand_back(self._stopped)

    def _listen(self) -> None:
        """Read once a second what others have said: a trial that reports seldom is no reason not to hear a person."""
        if time.monotonic() - self._heard > 1.0:
            self._session.replica.sync()
            self._heard = time.monotonic()

    def _fill(self) -> str:
        """Give work to free slots; why there is no more of it, or '' while there may be."""
        while not self._stopped and len(self._running) < self._engine.slots:
            number, reason = self._next()
            if number is None:
                return reason
            task = self._session.claims.task(number)
            self._running.add((number, task.attempt))
            self._engine.start(task)
        return self._stopped

    def _next(self) -> tuple[int | None, str]:
        """A trial to run: an abandoned one first, then a new one; or why there is none.

        A budget of trials counts trials asked: abandoned and paused ones go on even when it is spent.
        """
        session = self._session
        spent = self._spent()
        if spent:
            return None, spent
        session.replica.sync()
        if session.replica.history.decisions.halted is not None:
            return None, self._nothing_left()
        number = session.claims.old()
        try:
            number = (
                next(iter(session.claims.new(1, read=False, probe=self._probe)), None)
                if number is None
                else number
            )
        except Exhausted as error:
            return None, "" if self._awaits() else str(error).rstrip(".")
        history = session.replica.history
        trials = session.replica.budget.spent(trials=history.spent.trials)
        if number is None and self._failures.holds(history):
            return None, ""
        if number is None and not trials and not history.rows.live[Status.RUNNING]:
            return None, "the scheduler has no more work"
        if number is None and trials and self._awaits():
            return None, ""
        return number, trials or ""

    def _awaits(self) -> bool:
        """Whether there are trials to wait for, though there are no new ones any more."""
        if self._stay:
            return bool(self._session.replica.history.rows.live[Status.RUNNING])
        return self._lapse and bool(self._session.claims.awaited())

    def _probe(self) -> list[float] | Wait | None:
        history = self._session.replica.history
        return Wait() if self._failures.holds(history) else self._failures.probe(history)

    def _nothing_left(self) -> str:
        """Why a study that is halted has nothing to wait for, '' while it has."""
        history, budget = self._session.replica.history, self._session.replica.budget
        return "" if any(history.rows.live) else budget.spent(trials=history.spent.trials) or ""

    def _spent(self) -> str:
        session, history = self._session, self._session.replica.history
        if history.incumbents.reached is not None:
            return f"the target was reached in trial {history.incumbents.reached}"
        spent = session.replica.budget.spent(
            seconds=self._seconds(),
            steps=history.spent.steps,
            cost=history.spent.cost,
            no_improvement=history.incumbents.since,
        )
        return spent or ""

    def _seconds(self) -> float:
        history = self._session.replica.history
        if history.decisions.halted is not None and not history.rows.live[Status.RUNNING]:
            return history.spent.seconds
        return history.spent.seconds + max(0.0, self._session.clock() - history.spent.last_at)

    def _watch_end(self) -> None:
        """When the target is reached or the time is over, running trials leave at their next report."""
        halted = self._session.replica.history.decisions.halted
        if halted is not None and halted.order == "stop":
            self._drain(f"the study was {halted}", hurry=False)
        limit = self._session.replica.budget.seconds
        late = limit is not None and self._seconds() >= limit
        if late or self._session.replica.history.incumbents.reached is not None:
            self._stopped = self._stopped or self._spent()
            self._session.responder.draining = self._stopped
        if late:
            self._leave_by = self._leave_by or time.monotonic() + LATE

    def _drain(self, reason: str, *, hurry: bool) -> None:
        self._stopped, self.left = reason, True
        if hurry:
            self._leave_by = time.monotonic() + self._grace
        self._session.responder.draining = reason

    def _answer(self, message: Message) -> Reply:
        with self._interrupt.allowed(safe=False):
            return self._decide(message)

    def _decide(self, message: Message) -> Reply:
        self._watch_end()
        known = (
            dict(self._session.replica.history.decisions.chosen)
            if isinstance(message, Note) and message.study
            else {}
        )
        reply = self._session.responder.answer(message)
        if isinstance(message, Note) and message.study:
            for about in message.facts.keys() - known.keys():
                say(message.facts[about])
        if isinstance(message, Outcome):
            self._running.discard((message.trial, message.attempt))
            self._ended.append(message.trial)
            self._failures.hear(message, self._session.replica.history)
            self._unsaved = self._unsaved or message.unsaved
        return reply

    def _after(self) -> None:
        """What follows the end of trials: the first one's lesson, callbacks, budget; and what the engine chose."""
        history = self._session.replica.history
        said = self._engine.why()
        if said and said != history.decisions.chosen.get("engine"):
            self._session.replica.append(
                [(None, ev.Noted(-1, {"engine": said}, self._session.clock()))], Terms()
            )
        ended, self._ended = self._ended, []
        for number in dict.fromkeys(ended):
            row = history.rows.of(number)
            if row.status < Status.DONE or number in self._shown:
                continue
            self._shown.add(number)
            for callback in self._callbacks:
                ends = callback(self._study.result, history.trials[number])
                self._stopped = self._stopped or (str(ends) if ends else "")
        if ended and history.spent.finished >= 4:  # fewer cannot tell
            self._notice()
        if self._unsaved:
            self._stopped = self._unsaved
            raise StoreError(self._unsaved)
        broken, said = self._failures.verdict(history)
        if said:
            self._study.control.set_aside(broken, said, trace=self._failures.trace)
            self._stopped = said
            raise self._failures.error(said, history)

    def _notice(self) -> None:
        """Say once that the metric tells nothing, or no scheduler can act on it, and take it back when that changes."""
        from ..analysis.findings import unmoved, unreached  # late: two or three trials need none of it

        history, fidelity = self._session.replica.history, self._session.replica.algorithms.problem.fidelity
        seen = [*unmoved(history), *unreached(history, fidelity)]
        found = {finding.kind: str(finding) for finding in seen}
        for kind in ("alike", "still", "unreached"):
            said = history.decisions.chosen.get(kind, TAKEN_BACK)
            if (kind in found) is (not said.startswith(TAKEN_BACK)):
                continue
            text = (
                found.get(kind)
                or f"{TAKEN_BACK} {'it is reached' if kind == 'unreached' else history.goal.metrics[0].name + ' moves'} now. It was said: {said}"
            )
            self._session.replica.append([(None, ev.Noted(-1, {kind: text}, self._session.clock()))], Terms())
            say(f"danlu: {text}")

    def _hand_back(self, reason: str) -> None:
        """End whatever runs here and leave it to be resumed."""
        for number, attempt in sorted(self._running):
            self._engine.stop(number)
            self._running.discard((number, attempt))
            try:
                self._session.responder.release(number, attempt, Cause.PREEMPTED, reason)
            except (Fenced, Conflict):
                continue
