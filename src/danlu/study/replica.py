"""A journal with its folds: the history, and the states of sampler and scheduler.

The replica is where facts enter a process. Whatever is appended or read passes ``_fold`` once, in the
journal's order, so every worker that has read the same events holds the same states.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile

import msgspec

from ..base.rng import lender
from ..contracts.messages import Verdict
from ..contracts.protocols import Decision, Journal, Problem, Terms, View
from ..errors import Conflict, StoreGone
from ..journal.events import Action, Ended, Entry, Event, Reported, Reshaped, SetAside
from ..journal.history import History
from ..journal.trial import Trial
from ..maths.threads import one_thread
from ..problem.budget import Budget
from ..runtime.blobs import Blobs
from ..runtime.folders import Folders
from .config import ResolvedConfig
from .copies import Copies

Listener = Callable[[Sequence[Entry]], None]


class Replica:
    """One process's view of one study."""

    def __init__(
        self,
        journal: Journal,
        history: History,
        settings: ResolvedConfig,
        blobs: Blobs,
        folders: Folders,
        copies: Copies,
    ) -> None:
        self.journal = journal
        self.history = history
        self.sampler = settings.sampler
        self.scheduler = settings.scheduler
        self.blobs = blobs
        self.folders = folders
        self.copies = copies
        self.fidelity = settings.fidelity
        self._settings = settings
        self._doubt = False
        self.listeners: list[Listener] = []
        self._problem: Problem | None = None
        history.fold(journal.read(history.seq))
        self._sampler = self.sampler.init(self.problem)
        self._scheduler = self.scheduler.init(self.problem)
        self._stateful = self._sampler is not None or self._scheduler is not None
        if self._stateful:
            self._restate()

    @property
    def budget(self) -> Budget:
        """What the study may spend; a study that was joined without a budget follows the stored one."""
        stored_config = self.history.stored_config
        return (
            stored_config.budget
            if self._settings.follows and stored_config is not None
            else self._settings.budget
        )

    @property
    def problem(self) -> Problem:
        """What algorithms may know of the study as a whole."""
        history = self.history
        known, budget = self._problem, self.budget
        stale = known is None or known.space is not history.space or known.budget is not budget
        if known is None or stale or len(known.aside) != len(history.aside):
            aside = tuple(sorted(history.aside))
            self._problem = known = Problem(
                history.space, history.goal, budget, history.seed, self.fidelity, aside
            )
        return known

    def sync(self) -> None:
        """Read and fold what others have appended."""
        self._fold(list(self.journal.read(self.history.seq)))

    def settle(self) -> None:
        """Read the journal if the last append failed in a way that leaves open whether it arrived."""
        if self._doubt:
            self.sync()
            self._doubt = False

    def append(self, events: Sequence[tuple[str | None, Event]], terms: Terms) -> bool:
        """Append and fold; False when the first operation was in the journal already.

        Raises:
            Outrun, Fenced: as the journal does.
        """
        self._doubt = True
        try:
            last, written = self.journal.append(events, terms)
        except Conflict:
            self._doubt = False
            raise
        self._doubt = False
        first = last - len(events) + 1
        if written and first <= self.history.seq:
            raise StoreGone(
                f"the journal has {first - 1} events, and {self.history.seq} had been read: the store was replaced by an older one while "
                "the study ran. Nothing more is written into it; restore the newer one, and run the same call again."
            )
        if written and first == self.history.seq + 1:
            pairs = enumerate(events, first)
            self._fold([Entry(seq, event, op) for seq, (op, event) in pairs])
        else:
            self.sync()
        self._sweep()
        return written

    def view(self, tag: str = "") -> View:
        """What an algorithm may read now."""
        history = self.history
        return View(history, self.problem, len(history), history.sampled, tag)

    def propose(self, k: int, tag: str) -> list[list[float]]:
        """``k`` unit points from the sampler (fewer when a grid runs out)."""
        view = self.view(tag)
        rng = lender.lend(self.history.seed, view.number, "ask")
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
        trial, planned = self.history.trial(number), None
        if self.history.row(number).longer < 0:
            planned = self.scheduler.horizon(self._scheduler, self.view(trial.tag), trial)
        whole = None if self.fidelity is None else self.fidelity.high
        return whole if planned is None else planned

    def _fold(self, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        if self._stateful:
            for entry in entries:
                self.history.fold((entry,))
                if isinstance(entry.event, SetAside | Reshaped):
                    self._restate()
                else:
                    self._tell(entry.event, self.history)
        else:
            self.history.fold(entries)
        for listener in self.listeners:
            listener(entries)

    def _tell(self, event: Event, history: History) -> None:
        if not isinstance(event, Ended | Reported) or event.trial in self.history.aside:
            return
        over = isinstance(event, Ended) or event.action is not Action.GO
        if self._scheduler is None and not over:
            return
        trial = history.trial(event.trial, history.reports.curve(event.trial))
        if self.history.reshaped:  # algorithms learn where it lies in the space as it is now
            trial = msgspec.structs.replace(trial, unit=self.history.placed(event.trial))
            over = over and bool(trial.unit or not len(self.history.space))
        with one_thread:
            if self._scheduler is not None:
                self._scheduler = self.scheduler.tell(self._scheduler, trial)
            if over and self._sampler is not None:
                self._sampler = self.sampler.tell(self._sampler, trial)

    def _restate(self) -> None:
        """Fold the journal once more from its start and tell the algorithms all that counts, as if there were nothing else."""
        self._sampler = self.sampler.init(self.problem)
        self._scheduler = self.scheduler.init(self.problem)
        again = History(self.history.constraints)
        entries = takewhile(lambda entry: entry.seq <= self.history.seq, self.journal.read(0))
        with collection_paused():
            for entry in entries:
                again.fold((entry,))
                self._tell(entry.event, again)

    def _sweep(self) -> None:
        self.blobs.drop(self.copies.spare(self.history.keeping.sweep()))
        for number in self.history.keeping.vacate():
            if not self.history.rows[number].cut_off and not self.history.keeps(number):
                self.folders.drop(number)

    def leave(self, number: int) -> None:
        """A trial's code has ended here: if a verdict ended it, its folder may go only now."""
        if not self.history.keeps(number):
            self.folders.drop(number)


@contextlib.contextmanager
def collection_paused() -> Iterator[None]:
    """No garbage collection while a long journal is folded: all that is made there is kept."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
