"""A study: one goal, one space, one journal; ask it for trials and tell it what came out.

``danlu.tune`` is this study with an engine at the wheel. Any number of processes may open the same
study in one store and ask and tell at the same time.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from ..base.moved import moved
from ..contracts.protocols import Store
from ..errors import BudgetError, SettingError
from ..journal import events as ev
from ..journal.events import Cause
from ..journal.trial import Trial
from ..problem.goal import metrics_of
from ..runtime.attempt import Attempt
from ..runtime.live import LiveTrial, attempt_of
from ..space.space import Space
from .config import StudyConfig
from .control import Control
from .opening import StudyDefinition
from .result import Result
from .session import Session

Callback = Callable[[Result, Trial], str | None]


class Study:
    """An open study. Use ``danlu.open_study(...)`` to make one; close it, or use it in a ``with``.

    One thread uses it; other threads and processes open the same study of the same store for themselves.

    Attributes:
        name: the study's name in its store.
        session: what this process holds of it, for engines and drivers.
    """

    if not TYPE_CHECKING:
        __getattr__ = moved(
            "a study",
            {
                "enqueue": "study.control.enqueue(...)",
                "note": "study.control.note(text)",
                "tag": "study.control.tag(tag, trial=3)",
                "set_aside": "study.control.set_aside(trials, reason)",
                **{
                    name: f"study.session.{name}"
                    for name in ("replica", "responder", "claims", "announce", "beat", "remark")
                },
            },
        )

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
        self.session = Session(opening, store, settings, clock=clock, trust=trust)
        self._store = store
        self._things = opening.space.forms.things if opening.space else {}

    def __enter__(self) -> Study:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _repr_html_(self) -> str:
        return self.result._repr_html_()

    def show(self, *, live: bool = True, height: int = 720) -> Any:
        """The page of the study, for a notebook, which follows it as it goes on; arguments and errors as of ``result.study.show``."""
        return self.result.study.show(live=live, height=height)

    @property
    def space(self) -> Space:
        """The space as it is now."""
        return self.session.replica.history.space

    @property
    def result(self) -> Result:
        """What has been found so far, other workers' trials included."""
        self.session.replica.sync()
        replica = self.session.replica
        return Result(self.name, replica.history, self._store, appended=replica)

    def ask(self, *, op: str | None = None) -> LiveTrial:
        """A trial to run, durable before it is returned; the same one again for the same ``op``.

        A trial whose worker died is given out before a new one is made.

        Raises:
            BudgetError: when the budget is spent, the scheduler waits for running trials, or the study was paused.
            Exhausted: when a finite space has no untried point left.
            Fenced: when the trial asked under ``op`` has passed to another worker.
        """
        self._heed()
        if op is not None and op in self.session.replica.history.rows.ops:
            self.session.beat()
            return self._live(self.session.claims.again(op))
        self.session.beat()
        old = self.session.claims.old()
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
        self.session.beat()
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
        self.session.replica.sync()
        self.session.responder.end([self._ended(trial, value, failed, metrics)])

    def tell_batch(self, told: Iterable[tuple[LiveTrial | int, float | Mapping[str, float]]]) -> None:
        """Tell several (trial, value or metrics) pairs in one append.

        Raises:
            As ``tell``. Nothing is written when a value does not serve the goal; a trial that another
            worker has taken over does not keep the others from being written.
        """
        self.session.replica.sync()
        self.session.responder.end([self._ended(trial, value, None, {}) for trial, value in told])

    @property
    def control(self) -> Control:
        """How this study is paused, stopped, given points to try and rid of trials, wherever they run."""
        self.session.replica.sync()
        return Control(
            self.session.replica, self.session.replica.history, self.session.worker, self.session.clock
        )

    def close(self) -> None:
        """Stop the heart. Trials still running here count as abandoned once their lease is over."""
        self.session.close()

    def _ended(
        self,
        trial: LiveTrial | int,
        value: float | Mapping[str, float] | None,
        failed: str | None,
        metrics: Mapping[str, float],
    ) -> ev.Ended:
        history = self.session.replica.history
        number = trial.number if isinstance(trial, LiveTrial) else trial
        row = history.rows.of(number)
        attempt = trial.attempt if isinstance(trial, LiveTrial) else row.attempt
        seconds = attempt_of(trial).seconds if isinstance(trial, LiveTrial) else 0.0
        if failed is not None:
            return self.session.responder.failed(
                number, attempt, _cause(failed), f"told as {failed}", seconds
            )
        given = {} if value is None else metrics_of(value, history.goal)
        reported = {} if row.status >= ev.Status.DONE else history.incumbents.counted(number)
        named = metrics_of(metrics, history.goal) if metrics else {}
        return self.session.responder.ended(number, attempt, reported | given | named, seconds)

    def _heed(self) -> None:
        """Before anything is asked: hear whether a person has paused or stopped the study, and let its journal know its contexts.

        Raises:
            BudgetError: when it was halted.
        """
        halted = self.session.replica.history.decisions.halted
        if halted is not None:
            raise BudgetError(f"the study was {halted}. Resume it first: study.control.resume().")
        if self.session.settings.contexts != self.session.replica.history.definition.contexts:
            self.session.announce()

    def _new(self, k: int, op: str | None, *, read: bool = True) -> list[LiveTrial]:
        numbers = self.session.claims.new(k, op, read=read)
        if (
            not numbers
            and self.session.replica.budget.spent(trials=self.session.replica.history.spent.trials) is None
        ):
            raise BudgetError(
                "the scheduler has nothing to give out until a running trial reports or ends. Tell those first."
            )
        if not numbers:
            raise BudgetError(
                f"the budget of {self.session.replica.budget.trials} trials is spent. Open the study with a larger one."
            )
        return [self._live(number) for number in numbers]

    def _live(self, number: int) -> LiveTrial:
        attempt = Attempt(self.session.claims.task(number), self.session.responder.answer)
        attempt.values.furnish(self._things)
        return LiveTrial(attempt)

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


PastLike: TypeAlias = Result | Study | Store | str | os.PathLike[str]
"""What an earlier study may be named by."""
