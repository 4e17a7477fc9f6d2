"""A study: one goal, one space, one journal; ask it for trials and tell it what came out.

``danlu.tune`` is this study with an engine at the wheel. Any number of processes may open the same
study in one store and ask and tell at the same time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ..base.failure import say
from ..base.identity import identity
from ..contracts.protocols import Store, Terms
from ..errors import BudgetError, SettingError
from ..journal import events as ev
from ..journal.events import Cause
from ..journal.history import History
from ..journal.provenance import Provenance
from ..journal.trial import Trial
from ..problem.goal import metrics_of
from ..runtime.blobs import blobs_at
from ..runtime.folders import Folders, logs_at
from ..runtime.live import LiveTrial
from ..space.space import Space
from .claims import Claims, TrialPolicy
from .config import StudyConfig, resolved
from .control import Control
from .copies import Copies
from .heartbeat import Heartbeat
from .opening import StudyDefinition, agree, agree_contexts, find_journal
from .replica import Replica, collection_paused
from .responder import Responder
from .result import Result

Callback = Callable[[Result, Trial], str | None]


class Study:
    """An open study. Use ``danlu.open_study(...)`` to make one; close it, or use it in a ``with``.

    One thread uses it; other threads and processes open the same study of the same store for themselves.

    Attributes:
        name: the study's name in its store.
        responder: answers running trials.
        claims: takes new and abandoned trials.
        replica: journal, history and the algorithms' states.
        settings: what the study is run by here.
        provenance: what runs here, for the journal; None where nobody has said.
    """

    def __init__(
        self,
        opening: StudyDefinition,
        *,
        store: Store,
        settings: StudyConfig = StudyConfig(),
        clock: Callable[[], float] = time.time,
        trust: Sequence[str] = (),
    ) -> None:
        self.name = opening.name
        self.worker = identity()
        self._store = store
        self._things = opening.space.things if opening.space else {}
        self.clock = clock
        journal = find_journal(store, opening, clock())
        history = History(opening.space.constraints if opening.space else ())
        with collection_paused():
            history.fold(journal.read(0))
        reshaped = agree(history, opening, clock())
        if reshaped is not None:
            journal.append([(None, reshaped)], Terms(durable=True))
        contexts = history.contexts if settings.contexts is None else settings.contexts
        agree_contexts(history, opening.name, contexts)
        settings = settings._replace(contexts=contexts)
        joined = history.stored_config if opening.space is None else None
        self.settings = resolved(settings, joined, history.space, trust)
        folders = Folders(store.blobs, opening.name)
        blobs, copies = blobs_at(store.blobs), Copies(store, opening.name)
        self.replica = Replica(journal, history, self.settings, blobs, folders, copies)
        self.responder = Responder(self.replica, self.settings.trial_limits.retries, clock)
        logs = str(logs_at(store.blobs, opening.name))
        self.claims = Claims(
            self.replica,
            self.worker,
            TrialPolicy(
                self.settings.trial_limits.retries,
                self.settings.trial_limits.attempt,
                logs,
                folders,
                opening.name,
            ),
            clock,
        )
        self.provenance: Provenance | None = None
        self._heartbeat: Heartbeat | None = None

    def __enter__(self) -> Study:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _repr_html_(self) -> str:
        return self.result._repr_html_()

    @property
    def space(self) -> Space:
        """The space as it is now."""
        return self.replica.history.space

    @property
    def result(self) -> Result:
        """What has been found so far, other workers' trials included."""
        self.replica.sync()
        return Result(self.name, self.replica.history, self._store)

    def ask(self, *, op: str | None = None) -> LiveTrial:
        """A trial to run, durable before it is returned; the same one again for the same ``op``.

        A trial whose worker died is given out before a new one is made.

        Raises:
            BudgetError: when the budget is spent, the scheduler waits for running trials, or the study was paused.
            Exhausted: when a finite space has no untried point left.
            Fenced: when the trial asked under ``op`` has passed to another worker.
        """
        self._heed()
        if op is not None and op in self.replica.history.ops:
            self.beat()
            return self._live(self.claims.again(op))
        self.beat()
        old = self.claims.old()
        if old is not None:
            return self._live(old)
        return self._new(1, op, read=False)[0]

    def ask_batch(self, k: int) -> list[LiveTrial]:
        """Up to ``k`` new trials in one append, fewer when the budget or a grid runs out.

        Raises:
            BudgetError, Exhausted: as ``ask``.
        """
        if k < 1:
            raise SettingError(f"ask_batch needs k >= 1, got k={k!r}.")
        self._heed()
        self.beat()
        return self._new(k, None)

    def tell(
        self,
        trial: LiveTrial | int,
        value: float | Mapping[str, float] | None = None,
        /,
        *,
        failed: str | None = None,
        **metrics: float,
    ) -> None:
        """Write a trial's result, durable when this returns; telling the same again changes nothing.

        Without value and metrics the trial's reports count. ``failed`` names a cause instead, one of
        ``raised``, ``crashed``, ``diverged``, ``timeout``, ``memory``, ``cancelled``.

        Raises:
            ObjectiveError, GoalError: when the metrics do not serve the goal.
            Conflict: when the trial ended with another result, which stands.
            Fenced: when another worker has taken the trial over.
            TrialMissing: when there is no such trial.
        """
        self.replica.sync()
        self.responder.end([self._ended(trial, value, failed, metrics)])

    def tell_batch(self, told: Iterable[tuple[LiveTrial | int, float | Mapping[str, float]]]) -> None:
        """Tell several (trial, value or metrics) pairs in one append.

        Raises:
            As ``tell``. Nothing is written when a value does not serve the goal; a trial that another
            worker has taken over does not keep the others from being written.
        """
        self.replica.sync()
        self.responder.end([self._ended(trial, value, None, {}) for trial, value in told])

    def enqueue(self, *points: Mapping[str, Any], op: str | None = None) -> None:
        """Have these points tried next, once for each ``op``; parameters left out are drawn.

        Raises:
            SpaceError: for an unknown name or a value out of range; nothing is enqueued then.
        """
        self.control.enqueue(*points, op=op)

    def set_aside(self, trials: Iterable[int], reason: str, *, actor: str = "", trace: str = "") -> None:
        """Keep these trials in the journal and take them out of the search, durable when this returns.

        They are off the budget, nothing is learned from them, none of them is the best, and their points may be tried
        again. Those that run are ended. Setting the same trials aside again changes nothing.

        Args:
            trials: their numbers.
            reason: a sentence that ``result.why()`` and the trials' own records show.
            actor: the person who wants it, '' for danlu itself.
            trace: the traceback of what they failed of, for those who hear of it elsewhere.

        Raises:
            TrialMissing: when there is no such trial; nothing is written then.

        Example:
            >>> import danlu
            >>> with danlu.open_study({"x": danlu.Float(0, 1)}, trials=1) as study:
            ...     study.tell(study.ask(), 0.0)
            ...     study.set_aside([0], "the data was broken")
            ...     study.ask().number
            1
        """
        self.replica.sync()
        history = self.replica.history
        fresh = tuple(n for n in dict.fromkeys(trials) if history.row(n).aside == "")
        if fresh:
            live = tuple(n for n in fresh if history.row(n).status < ev.Status.DONE)
            event = ev.SetAside(fresh, reason, self.clock(), actor, trace)
            self.replica.append([(None, event)], Terms(closes=live, worker=self.worker, durable=True))

    def note(self, text: str) -> None:
        """Keep a decision or remark with the study; ``result.why()`` shows it."""
        self.control.note(text)

    def remark(self, about: str, sentence: str) -> None:
        """Say once in a study how something in it is understood: on stderr, and in ``result.why()``."""
        if about not in self.replica.history.chosen:
            say(sentence)
            self.replica.append(
                [(None, ev.Noted(-1, {about: sentence}, self.clock()))], Terms(worker=self.worker)
            )

    @property
    def control(self) -> Control:
        """How this study is paused, stopped, or one of its trials ended, wherever they run."""
        self.replica.sync()
        return Control(self.replica, self.replica.history, self.worker, self.clock)

    def announce(self) -> None:
        """Write into the journal what this study is run by, for those who join it; ``tune`` does so itself."""
        stored_config = None if self.settings.follows else self.settings.stored_config
        replica = self.replica
        event = ev.Opened(
            self.worker,
            repr(replica.sampler),
            repr(replica.scheduler),
            self.clock(),
            stored_config,
            self.provenance,
        )
        replica.append([(None, event)], Terms(worker=self.worker))

    def beat(self) -> None:
        """Start renewing this worker's leases in the background, if that is not done already."""
        if self._heartbeat is None:
            self._heartbeat = Heartbeat(self.replica.journal, self.worker, self._store.lease_seconds)

    def close(self) -> None:
        """Stop the heart. Trials still running here count as abandoned once their lease is over."""
        if self._heartbeat is not None:
            self._heartbeat.stop()
            self._heartbeat = None
        rows = self.replica.history.rows
        for (
            number,
            _,
        ) in self.replica.folders.made():  # of trials that a verdict ended, and nobody told the outcome of
            if number < len(rows) and rows[number].worker == self.worker:
                self.replica.leave(number)

    def _ended(
        self,
        trial: LiveTrial | int,
        value: float | Mapping[str, float] | None,
        failed: str | None,
        metrics: Mapping[str, float],
    ) -> ev.Ended:
        history = self.replica.history
        number = trial.number if isinstance(trial, LiveTrial) else trial
        row = history.row(number)
        attempt = trial.attempt if isinstance(trial, LiveTrial) else row.attempt
        seconds = trial.seconds if isinstance(trial, LiveTrial) else 0.0
        if failed is not None:
            return self.responder.failed(number, attempt, _cause(failed), f"told as {failed}", seconds)
        given = {} if value is None else metrics_of(value, history.goal)
        reported = {} if row.status >= ev.Status.DONE else history.counted(number)
        named = metrics_of(metrics, history.goal) if metrics else {}
        return self.responder.ended(number, attempt, reported | given | named, seconds)

    def _heed(self) -> None:
        """Before anything is asked: hear whether a person has paused or stopped the study, and let its journal know its contexts.

        Raises:
            BudgetError: when it was halted.
        """
        halted = self.replica.history.halted
        if halted is not None:
            raise BudgetError(f"the study was {halted}. Resume it first: study.control.resume().")
        if self.settings.contexts != self.replica.history.contexts:
            self.announce()

    def _new(self, k: int, op: str | None, *, read: bool = True) -> list[LiveTrial]:
        numbers = self.claims.new(k, op, read=read)
        if not numbers and self.replica.budget.spent(trials=self.replica.history.counting) is None:
            raise BudgetError(
                "the scheduler has nothing to give out until a running trial reports or ends. Tell those first."
            )
        if not numbers:
            raise BudgetError(
                f"the budget of {self.replica.budget.trials} trials is spent. Open the study with a larger one."
            )
        return [self._live(number) for number in numbers]

    def _live(self, number: int) -> LiveTrial:
        trial = LiveTrial(self.claims.task(number), self.responder.answer)
        trial.furnish(self._things)
        return trial

    def __reduce__(self) -> str:
        raise SettingError(
            f"the open study {self.name!r} cannot be copied or sent: it holds a store and leases. Open it by name where it is needed, "
            "danlu.open_study(store=..., name=...), or take its result."
        )


def _cause(name: str) -> Cause:
    try:
        return Cause(name)
    except ValueError:
        names = ", ".join(cause.value for cause in Cause)
        raise SettingError(f"failed needs one of {names}, got {name!r}.") from None
