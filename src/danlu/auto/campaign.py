"""The campaign of one call: search over families, put an ensemble together, judge it against the default, look at the test part once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ..base.plain import plain
from ..campaign.contract import Done, Judge, Known, Look, Open, Step
from ..campaign.drive import seen
from ..errors import DanluError
from ..journal.history import History
from ..problem.budget import Budget, TrialLimits
from ..problem.goal import Goal
from ..samplers.nothing import Nothing
from ..schedulers.diverged import Diverged
from ..schedulers.race import Race
from ..space.space import Space
from ..study.result import Result

KIND = "auto"
"""What the journal of such a campaign calls itself."""

SEARCH, REFIT = "search", "refit"
ENSEMBLE, WINNER, TEST = "ensemble", "winner", "test"


class AutoCampaign(msgspec.Struct, frozen=True, kw_only=True):
    """What comes next on the way from a table to a model.

    Args:
        space: of all families.
        goal: the metric.
        points: the families' defaults, which are tried first.
        folds: how many each configuration is fitted on.
        budget: of the search.
        trial_limits: of one fit.
        about: settings to keep.
        refits: whether the winners are fitted again on all rows.
        tests: whether there is a test part.
        sampler: of the search; None leaves it to danlu.
        last: budget of the refits.
    """

    space: Space
    goal: Goal
    points: tuple[dict[str, Any], ...]
    folds: int
    budget: Budget
    trial_limits: TrialLimits | None = None
    about: dict[str, Any] = {}
    refits: bool = False
    tests: bool = True
    sampler: Any = None
    last: Budget = Budget()

    @property
    def kind(self) -> str:
        """The name that the journal keeps it under."""
        return KIND

    @property
    def settings(self) -> dict[str, Any]:
        """What it is run with."""
        return dict(self.about)

    def next(self, own: History, known: Known) -> Step:
        """Search; put together; judge; fit again; look; done."""
        if SEARCH not in known:
            return self._search()
        heads = whole(known[SEARCH], self.folds)
        if not heads:
            raise DanluError(_fruitless(known[SEARCH], self.folds))
        found = ensemble_of(own, known[SEARCH], self.folds)
        if found is None:
            return Look(ENSEMBLE, heads_key(heads), f"{len(heads)} configurations have predicted every row")
        verdict = Judge(WINNER, found["verdict"], found["reason"], {"members": found["members"]})
        newest = [each for each in own.definition.campaign.judgments if each.subject == WINNER][-1:]
        if not newest or newest[0].evidence != plain(verdict.evidence):
            return verdict
        if self.refits and REFIT not in known:
            return self._refit(known[SEARCH], found)
        about = members_key(found)
        if self.tests and seen(own, TEST, about) is None:
            return Look(TEST, about, found["verdict"])
        return Done(found["verdict"])

    def _search(self) -> Open:
        return Open(
            SEARCH, f"{len(self.points)} families of models, their defaults first, each configuration on up to {self.folds} folds",
            self.space, self.goal, self.budget, self.sampler, Race(Diverged()), None, tuple({"fold": fold} for fold in range(self.folds)), "all",
            self.points, self.trial_limits,
        )  # fmt: skip

    def _refit(self, search: Result, found: dict[str, Any]) -> Open:
        points = tuple(search.history.trials[int(each["trial"])].params for each in found["members"])
        return Open(
            REFIT, f"the {len(points)} models of the winner are fitted on all rows, as the folds' own have seen the older ones alone",
            self.space, self.goal, self.last, Nothing(), Race(Diverged(), confidence=1.0), None, ({"fold": 0},), "all", points,
            self.trial_limits,
        )  # fmt: skip


def whole(search: Result, folds: int) -> list[int]:
    """The first trials of the configurations that were fitted on every fold, in order."""
    groups = search.history.trials.groups
    return [
        head
        for head in sorted(groups.over)
        if groups.over[head].whole
        and groups.over[head].losses is not None
        and len(groups.over[head].trials) == folds
    ]


def heads_key(heads: Sequence[int]) -> str:
    """What a choice of an ensemble is about: the configurations that there were to choose from."""
    return f"configurations {', '.join(map(str, heads))}"


def ensemble_of(own: History, search: Result, folds: int) -> dict[str, Any] | None:
    """The ensemble that was chosen of all that the search has; None where it is not yet."""
    return seen(own, ENSEMBLE, heads_key(whole(search, folds)))


def members_key(found: dict[str, Any]) -> str:
    """What a look at the test part is about: the models of the ensemble, by their trials, with their weights."""
    return ", ".join(f"trial {each['trial']} x {each['weight']:.4f}" for each in found["members"])


def _fruitless(search: Result, folds: int) -> str:
    count = len(search.trials)
    why = search.analysis.fruitless
    return (
        f"no model was fitted on all {folds} folds in {search.history.spent.seconds:.0f} s ({count} fits were begun): {(why or 'the time was over before').rstrip('.')}. "
        "Give more time, fewer folds, or fewer models."
    )
