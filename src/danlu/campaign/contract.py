"""What a campaign is: frozen settings with one pure function of what its studies have found.

A campaign's state is its own journal, folded: the stages that it opened, what it has judged, what it has looked at. So there is no
state to hand around, and whatever happens to the process, the same call asks the same function about the same journals.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

import msgspec

from ..journal.events import Keep
from ..journal.history import History
from ..problem.budget import Budget, TrialLimits
from ..problem.contexts import Context
from ..problem.fidelity import Fidelity
from ..problem.goal import Goal
from ..space.space import Space
from ..study.result import Result

Known: TypeAlias = Mapping[str, Result]
"""What the stages have found that were run to their end in this call, by stage."""


class Open(msgspec.Struct, frozen=True):
    """Run a stage to the end of its budget: open its study, or go on with it.

    Attributes:
        stage: its name; the study is ``campaign/stage``.
        reason: why it comes now.
        space, goal, budget, sampler, scheduler, fidelity, contexts, keep: of the study; None leaves a choice to danlu.
        candidates: points to try before all others, each once, however often the stage is opened.
        trial_limits: what one trial may use, and what becomes of those that fail; None for none.
        past: stages that this one learns from, as a study does from earlier ones; those that teach it nothing are passed over.
    """

    stage: str
    reason: str
    space: Space
    goal: Goal
    budget: Budget
    sampler: Any = None
    scheduler: Any = None
    fidelity: Fidelity | None = None
    contexts: tuple[Context, ...] = ()
    keep: Keep = "best"
    candidates: tuple[dict[str, Any], ...] = ()
    trial_limits: TrialLimits | None = None
    past: tuple[str, ...] = ()


class Widen(msgspec.Struct, frozen=True):
    """Change a stage's space to that of ``then``, for its reason, and go on with it; trials stay where they still fit."""

    then: Open


class Judge(msgspec.Struct, frozen=True):
    """Keep a decision: what it is about, what was decided, why, and the figures behind it. The same one is kept once."""

    subject: str
    verdict: str
    reason: str
    evidence: dict[str, Any] = {}


class Look(msgspec.Struct, frozen=True):
    """Have something measured that no study measures, as the test part is: once for each ``key``, kept as a judgment.

    ``subject`` is the name of one of the functions that the campaign is conducted with.
    """

    subject: str
    key: str
    reason: str


class Done(msgspec.Struct, frozen=True):
    """There is nothing left to do."""

    reason: str


Step: TypeAlias = Open | Widen | Judge | Look | Done


class Campaign(Protocol):
    """Says what comes next; ``next`` changes nothing and draws no random number."""

    @property
    def kind(self) -> str:
        """The name that the journal keeps it under."""

    @property
    def settings(self) -> dict[str, Any]:
        """What it is run with, as plain data; those of the last call are in ``own.settings``."""

    def next(self, own: History, known: Known) -> Step:
        """What comes next, by the campaign's own folded journal and what its stages have found.

        A stage that is not in ``known`` has not been run to its end in this call. Opening one that has been costs nothing.
        """
