"""The sockets: what a sampler, a scheduler, a store and an engine have to be.

Algorithms are frozen settings with pure functions; their state is a value that is handed in and out,
so it can be thrown away and folded again from the journal. None of them ever sees the study.
"""

from __future__ import annotations

import time
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, ClassVar, Protocol, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..journal.events import Entry, Event, Status
from ..journal.history import History
from ..journal.past import Past
from ..journal.trial import Trial
from ..problem.budget import Budget
from ..problem.contexts import Context
from ..problem.fidelity import Fidelity
from ..problem.goal import Goal
from ..space.space import Space
from .messages import Message, Reply, Task, Verdict


class Problem(msgspec.Struct, frozen=True):
    """What a sampler or scheduler may know before the first trial.

    Attributes:
        space, goal, budget, seed, fidelity: of the study.
        aside: the trials set aside, rising.
        past: what earlier studies have taught, in this study's space.
    """

    space: Space
    goal: Goal
    budget: Budget
    seed: int
    fidelity: Fidelity | None = None
    aside: tuple[int, ...] = ()
    past: tuple[Past, ...] = ()

    def place(self, number: int) -> int:
        """Where a trial stands among those that count, for rules that deal trials out by their numbers."""
        return number - bisect_left(self.aside, number)

    def at(self, place: int) -> int:
        """The number of the trial that stands there.

        Example:
            >>> from ..problem.goal import Goal
            >>> problem = Problem(Space(), Goal.of(), Budget(), 0, aside=(0, 1, 4))
            >>> [problem.at(place) for place in range(4)], problem.place(5)
            ([2, 3, 5, 6], 2)
        """
        number = place
        for each in self.aside:
            if each > number:
                break
            number += 1
        return number

    @property
    def resume_safe(self) -> bool:
        """Whether a trial may be trained on from where it was paused."""
        return self.fidelity is None or self.fidelity.resume_safe


class View:
    """What a sampler may read when it is asked: the history's columns, and which trial this is.

    Attributes:
        history: read-only; its columns hold all trials, running and failed ones included.
        problem: space, goal, budget and seed.
        number: the number the (first) new trial will have.
        index: how many points this study's sampler has been asked before.
        tag: the scheduler's label for the new trial.
    """

    __slots__ = ("history", "index", "number", "problem", "tag")

    def __init__(self, history: History, problem: Problem, number: int, index: int, tag: str = "") -> None:
        self.history = history
        self.problem = problem
        self.number = number
        self.index = index
        self.tag = tag

    @property
    def space(self) -> Space:
        """The space as it is now."""
        return self.history.space

    @property
    def points(self) -> NDArray[np.float64]:
        """The unit points of all trials that have a result and fit the space, in the order in which they were asked, shape (n, d)."""
        found: NDArray[np.float64] = self.history.columns.units[self._known()]
        return found

    @property
    def losses(self) -> NDArray[np.float64]:
        """What they have come to, each metric of the goal as a loss that is minimized, shape (n, m)."""
        found: NDArray[np.float64] = self.history.columns.losses[self._known()]
        return found

    @property
    def pending(self) -> NDArray[np.float64]:
        """The unit points of trials that are under way, shape (r, d)."""
        history = self.history
        running = (history.columns.statuses <= Status.WAITING) & history.columns.fits
        found: NDArray[np.float64] = history.columns.units[running]
        return found

    def _known(self) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = np.isfinite(self.history.columns.losses).all(1) & self.history.columns.fits
        return found

    def shifted(self, by: int) -> View:
        """The same view for a sampler inside another one, ``by`` points later."""
        return View(self.history, self.problem, self.number, self.index - by, self.tag)


class Sampler(Protocol):
    """Says which point next.

    A sampler whose ``init`` returns None keeps no state and is never told; it reads the view. ``ask``
    changes no state and uses no randomness but ``rng``; ``tell`` draws no random number. A sampler around another
    passes all of this on to it.
    """

    def init(self, problem: Problem) -> Any:
        """The state before any trial; raises when the sampler cannot serve this problem."""

    def tell(self, state: Any, trial: Trial) -> Any:
        """The state after a trial has ended or paused; telling a trial twice changes nothing."""

    def ask(self, state: Any, view: View, rng: np.random.Generator, k: int) -> NDArray[np.float64]:
        """``k`` unit points, shape (k, d).

        Raises:
            Exhausted: when a finite space has no untried point left.
        """

    def why(self, state: Any, view: View) -> str:
        """Which method proposes now, and why, where there is a choice; '' where there is none.

        When what it says changes, ``result.why()`` tells it.
        """

    def cites(self, said: Sequence[str]) -> tuple[str, ...]:
        """The keys in ``study/sources.bib`` of what the method is from.

        ``said`` are the decisions that a study's journal tells, by which one that chooses knows what it chose.
        """

    def uses_past(self) -> bool:
        """Whether it learns from ``Problem.past``; a study that is given earlier ones refuses a sampler that does not."""


class BaseSampler:
    """What a sampler says of itself that chooses nothing.

    Example:
        >>> class Middle(BaseSampler):
        ...     def init(self, problem): return None
        ...     def tell(self, state, trial): return None
        ...     def ask(self, state, view, rng, k): return np.full((k, len(view.space)), 0.5)
        >>> Middle().why(None, None)
        ''
    """

    __slots__ = ()
    sources: ClassVar[tuple[str, ...]] = ()
    """Keys in ``study/sources.bib``."""

    def why(self, state: Any, view: View) -> str:
        """Nothing is chosen."""
        del state, view
        return ""

    def cites(self, said: Sequence[str]) -> tuple[str, ...]:
        """Its ``sources``."""
        del said
        return self.sources

    def uses_past(self) -> bool:
        """It learns from the study's own trials alone."""
        return False


class New(msgspec.Struct, frozen=True):
    """Start a new trial; ``tag`` is the scheduler's own label for it, a bracket's name for example."""

    tag: str = ""
    reason: str = ""


class Resume(msgspec.Struct, frozen=True):
    """Go on with a paused trial, at another point or from another trial's checkpoint if given."""

    trial: int
    unit: tuple[float, ...] | None = None
    donor: int | None = None
    reason: str = ""


class Again(msgspec.Struct, frozen=True):
    """Start a new trial of the configuration that ``trial`` was the first of, in another context."""

    trial: int
    context: Context
    reason: str = ""


class GiveUp(msgspec.Struct, frozen=True):
    """Try the configuration that ``trial`` was the first of in no further context; ``evidence`` are the figures behind it."""

    trial: int
    reason: str
    evidence: dict[str, Any] = {}


class Wait(msgspec.Struct, frozen=True):
    """Nothing to do until a running trial says something."""


Decision: TypeAlias = New | Resume | Again | GiveUp | Wait


class Scheduler(Protocol):
    """Says how long a trial may live.

    A scheduler whose ``init`` returns None keeps no state and is never told; it reads the view. A scheduler around
    others passes all of this on to them.
    """

    def init(self, problem: Problem) -> Any:
        """The state before any trial; raises when the scheduler cannot serve this problem."""

    def tell(self, state: Any, trial: Trial) -> Any:
        """The state after a report or the end of a trial; telling twice changes nothing."""

    def judge(self, state: Any, view: View, trial: Trial) -> Verdict:
        """What to do with a running trial whose newest report ends ``trial.curve``.

        ``trial.metrics`` is that newest report. State and view are as they were before it.
        """

    def next(self, state: Any, view: View) -> Decision:
        """What a free slot should do."""

    def why(self, state: Any, view: View) -> str:
        """From when on trials are ended or paused now, and why, where that is decided as it goes; else ''."""

    def horizon(self, state: Any, view: View, trial: Trial) -> int | None:
        """The step to which an attempt of this trial that begins now will run, for ``trial.horizon``; None for the whole."""

    def cites(self, said: Sequence[str]) -> tuple[str, ...]:
        """As of a sampler."""


class BaseScheduler:
    """What a scheduler says of itself that decides by fixed rules and lets every trial run to its whole.

    Example:
        >>> class Patient(BaseScheduler):
        ...     def init(self, problem): return None
        ...     def tell(self, state, trial): return None
        ...     def judge(self, state, view, trial): return GO
        ...     def next(self, state, view): return New()
        >>> Patient().why(None, None), Patient().horizon(None, None, None)
        ('', None)
    """

    __slots__ = ()
    sources: ClassVar[tuple[str, ...]] = ()
    """Keys in ``study/sources.bib``."""

    def why(self, state: Any, view: View) -> str:
        """Nothing is chosen."""
        del state, view
        return ""

    def horizon(self, state: Any, view: View, trial: Trial) -> int | None:
        """To the whole, as far as that is known."""
        del state, view, trial
        return None

    def cites(self, said: Sequence[str]) -> tuple[str, ...]:
        """Its ``sources``."""
        del said
        return self.sources


OVER = -1
"""The attempt that holds the lease of a trial that is over."""


class Terms(msgspec.Struct, frozen=True):
    """On what terms an append is made, checked in the same transaction.

    Attributes:
        trials: the study must hold exactly this many trials (a claim of the next numbers).
        holds: (trial, attempt) leases that must still be in force under that attempt; attempt ``OVER`` for
            a trial that must be closed.
        takes: (trial, attempt) leases that must be absent, expired, or left by a dead worker,
            of trials that are not closed.
        grants: (trial, attempt) leases to give to ``worker``.
        drops: trials whose leases end; they may be taken up again.
        closes: trials that are over: nobody can hold or take them any more.
        worker: who writes.
        durable: whether the append has to survive power loss before it returns.
    """

    trials: int | None = None
    holds: tuple[tuple[int, int], ...] = ()
    takes: tuple[tuple[int, int], ...] = ()
    grants: tuple[tuple[int, int], ...] = ()
    drops: tuple[int, ...] = ()
    closes: tuple[int, ...] = ()
    worker: str = ""
    durable: bool = False


class Journal(Protocol):
    """One study's events in a store."""

    def read(self, after: int) -> Iterator[Entry]:
        """All entries with a sequence number above ``after``, in order, each exactly once.

        Raises:
            CorruptError: at the first entry whose checksum does not match.
        """

    def append(self, events: Sequence[tuple[str | None, Event]], terms: Terms) -> tuple[int, bool]:
        """Append (operation id, event) pairs as one, on these terms.

        Every store passes them through ``journal.written`` first, so that nothing is kept that could not be read back.

        Returns the last sequence number and True; or, when the first operation id is in the journal
        already, its sequence number and False, and nothing is written.

        Raises:
            KeepError: when no journal can keep one of the events.
            StoreError: when it cannot be written (a full disk); nothing was, then.
            StudyMissing: when the study has been deleted.
            Outrun: when ``trials`` or ``takes`` does not hold.
            Fenced: when ``holds`` does not hold.
        """

    def renew(self, worker: str) -> None:
        """Extend all leases of a worker by the store's lease time."""

    def orphans(self, running: Sequence[int]) -> list[int]:
        """Those of the running trials whose lease is absent, expired, or left by a dead worker."""

    def held(self) -> list[int]:
        """The trials whose lease is in force: a worker that may be alive runs them."""


class Store(Protocol):
    """Where journals and checkpoints are kept."""

    lease_seconds: float

    @property
    def blobs(self) -> str:
        """The folder that keeps checkpoints and logs."""

    def studies(self) -> list[str]:
        """The names of all studies, in order of creation."""

    def create(self, name: str, event: Event) -> Journal:
        """A new study with its first event.

        Raises:
            StudyExists: when there is one by that name.
            KeepError: when no store can keep the name or the event.
        """

    def adopt(self, name: str, events: Iterable[tuple[str | None, Event]]) -> Journal:
        """A new study with all these events, in one transaction: the whole study, or none.

        Raises:
            StudyExists, KeepError: as ``create``; and whatever ``events`` raises. Nothing is written then.
        """

    def delete(self, name: str, *, force: bool = False) -> None:
        """Remove a study's journal and leases in one transaction; checkpoints and folders are the caller's.

        Raises:
            StudyMissing: when there is none by that name.
            StudyBusy: while a lease of its trials is in force, unless forced.
        """

    def journal(self, name: str) -> Journal:
        """The journal of an existing study.

        Raises:
            StudyMissing: when there is none by that name.
        """

    def close(self) -> None:
        """Let go of files and connections."""


Answer: TypeAlias = Callable[[Message], Reply]
"""How an engine passes on what a trial says: called for each message, gives the reply."""


class Engine(Protocol):
    """Runs objectives in slots."""

    slots: int

    def open(self, objective: Callable[..., Any] | str, answer: Answer) -> None:
        """Make ready to run ``objective``; every message of a trial will go through ``answer``.

        May be called again while nothing runs, for another study; workers that are up may then stay so.

        Raises:
            ObjectiveError: when the objective cannot be sent to where it should run.
        """

    def start(self, task: Task) -> None:
        """Begin one attempt of a trial; only called while fewer than ``slots`` are under way."""

    def poll(self, timeout: float) -> None:
        """Deliver what has come in, waiting at most ``timeout`` seconds for the first message."""

    def stop(self, trial: int) -> None:
        """End a trial's attempt at once, without an outcome."""

    def close(self) -> None:
        """End everything that still runs and free all resources."""

    def clock(self) -> float:
        """Seconds, as trials in this engine take them."""

    def why(self) -> str:
        """How trials are run together now, and why, where that is decided as it goes; else ''."""


class BaseEngine:
    """What an engine says of itself that lives in this world's time and chooses nothing.

    Example:
        >>> abs(BaseEngine().clock() - time.time()) < 60, BaseEngine().why()
        (True, '')
    """

    def clock(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def why(self) -> str:
        """Nothing is chosen."""
        return ""
