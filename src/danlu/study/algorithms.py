"""Sampler and scheduler of a study in one process, each with its state: a fold of the same journal as the history."""

from __future__ import annotations

import msgspec

from ..base.rng import lender
from ..contracts.messages import Verdict
from ..contracts.protocols import Decision, Problem, View
from ..journal.events import Action, Ended, Event, Reported
from ..journal.history import History
from ..journal.past import Past
from ..journal.trial import Trial
from ..maths.threads import one_thread
from .config import ResolvedConfig


class Algorithms:
    """Asks the algorithms, and tells them what has come to be known.

    Args:
        settings: what the study is run by.
        history: what they read.

    Attributes:
        sampler: says which point is next.
        scheduler: says how long a trial may live.
        stateful: whether either has a state, so that each event has to be told.
    """

    def __init__(self, settings: ResolvedConfig, history: History) -> None:
        self.sampler = settings.sampler
        self.scheduler = settings.scheduler
        self._settings = settings
        self._history = history
        self._problem: Problem | None = None
        self.restart()
        self.stateful = self._sampler is not None or self._scheduler is not None

    @property
    def problem(self) -> Problem:
        """What algorithms may know of the study as a whole."""
        history = self._history
        known, budget = self._problem, self._settings.budget_of(history.definition)
        stale = known is None or known.space is not history.space or known.budget is not budget
        if known is None or stale or len(known.aside) != len(history.rows.aside):
            aside = tuple(sorted(history.rows.aside))
            past = known.past if known is not None and known.space is history.space else self._recalled()
            self._problem = known = Problem(
                history.space,
                history.goal,
                budget,
                history.definition.seed,
                self._settings.fidelity,
                aside,
                past,
            )
        return known

    def _recalled(self) -> tuple[Past, ...]:
        """What earlier studies have taught, as far as it lies in the space as it is now."""
        definition = self._history.definition
        made = (Past.read(event, definition.space) for event in definition.recalled)
        return tuple(past for past in made if len(past.losses) > 1 and past.known.any())

    def view(self, tag: str = "") -> View:
        """What an algorithm may read now."""
        history = self._history
        return View(history, self.problem, len(history), history.spent.sampled, tag)

    def propose(
        self, k: int, tag: str, *, number: int | None = None, index: int | None = None
    ) -> list[list[float]]:
        """``k`` unit points from the sampler (fewer when a grid runs out).

        ``number`` and ``index`` are those of the view where the trials are another tool's, which counts them itself.
        """
        view = self.view(tag)
        view.number = view.number if number is None else number
        view.index = view.index if index is None else index
        rng = lender.lend(self._history.definition.seed, view.number, "ask")
        with one_thread:
            points: list[list[float]] = self.sampler.ask(self._sampler, view, rng, k).tolist()
        return points

    def why(self, tag: str) -> dict[str, str]:
        """What sampler and scheduler have chosen to do next, and why, where they choose."""
        view = self.view(tag)
        pairs = (("sampler", self.sampler, self._sampler), ("scheduler", self.scheduler, self._scheduler))
        with one_thread:
            told = {who: algorithm.why(state, view) for who, algorithm, state in pairs}
        return {who: why for who, why in told.items() if why}

    def judge(self, trial: Trial) -> Verdict:
        """The scheduler's verdict on a trial whose newest report ends its curve."""
        with one_thread:
            return self.scheduler.judge(self._scheduler, self.view(trial.tag), trial)

    def move(self) -> Decision:
        """What the scheduler wants done with a free slot."""
        with one_thread:
            return self.scheduler.next(self._scheduler, self.view())

    def horizon(self, number: int) -> int | None:
        """The step to which an attempt of this trial that begins now will run; None when nobody knows."""
        trial, planned = self._history.trials[number], None
        if self._history.rows.of(number).longer < 0:
            planned = self.scheduler.horizon(self._scheduler, self.view(trial.tag), trial)
        fidelity = self._settings.fidelity
        whole = None if fidelity is None else fidelity.high
        return whole if planned is None else planned

    def restart(self) -> None:
        """Back to the states before any trial."""
        self._sampler = self.sampler.init(self.problem)
        self._scheduler = self.scheduler.init(self.problem)

    def tell(self, event: Event, history: History) -> None:
        """An event was folded into a history: the study's own, or one that is folded once more."""
        if not isinstance(event, Ended | Reported) or event.trial in self._history.rows.aside:
            return
        over = isinstance(event, Ended) or event.action is not Action.GO
        if self._scheduler is None and not over:
            return
        trial = history.trials.record(event.trial, history.reports.curve(event.trial))
        if self._history.definition.reshaped:  # algorithms learn where it lies in the space as it is now
            trial = msgspec.structs.replace(trial, unit=self._history.trials.unit(event.trial))
            over = over and bool(trial.unit or not len(self._history.space))
        with one_thread:
            if self._scheduler is not None:
                self._scheduler = self.scheduler.tell(self._scheduler, trial)
            if over and self._sampler is not None:
                self._sampler = self.sampler.tell(self._sampler, trial)
