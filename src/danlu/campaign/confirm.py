"""A winner is named only after fresh seeds: the best score of a search is optimistic, it was chosen for being high.

Two stages. The search is any study. The confirmation is a study over the same space whose trials are the search's best configurations,
each in as many contexts as there are fresh seeds; what they are is known by their parameters, so a search that is extended adds
candidates to those that were confirmed, and nobody is mistaken for another.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from ..base.plain import plain
from ..base.rng import key
from ..base.values import typed_key
from ..errors import DanluError, SettingError
from ..journal.events import Status
from ..journal.groups import deviation
from ..journal.history import History
from ..journal.trial import Trial
from ..problem.budget import Budget
from ..problem.contexts import Context
from ..problem.goal import Goal, Metric
from ..samplers.nothing import Nothing
from ..schedulers.diverged import Diverged
from ..schedulers.race import Race
from ..space.space import Space
from ..study.result import Result
from .contract import Done, Judge, Known, Look, Open, Step
from .drive import seen

SEARCH, FRESH = "search", "confirm"


class Candidate(msgspec.Struct, frozen=True):
    """A configuration and what fresh seeds made of it.

    Attributes:
        trial: its number in the search; -1 for the default when the search did not try it.
        params: its parameters.
        searched: its score in the search (NaN if it was not tried).
        fresh: its score for each fresh seed; NaN where training failed.
        runs: the trials of the confirming study, one a seed.
    """

    trial: int
    params: dict[str, Any]
    searched: float
    fresh: tuple[float, ...]
    runs: tuple[int, ...]

    @property
    def mean(self) -> float:
        """The mean over fresh seeds; NaN when one failed."""
        return sum(self.fresh) / len(self.fresh) if self.fresh else math.nan

    @property
    def deviation(self) -> float:
        """The standard deviation over fresh seeds (n - 1); 0 of one."""
        return deviation(self.fresh, self.mean)


class Confirm(msgspec.Struct, frozen=True, kw_only=True):
    """Search, confirm the best on fresh seeds, adopt the one whose mean is best, and look at the test part once.

    Args:
        search: the first stage.
        top: how many of the best to confirm (at least 1).
        seeds: how many fresh seeds each gets (at least 1).
        default: a configuration to judge beside them, whatever it scored.
        about: settings to keep beside these.
        looks: whether the test part is looked at when a winner is known.
        name: the kind, which says who can load it again.
        whole: the space that the candidates lie in, where the search was over a part of it.

    Raises:
        SettingError: when a setting is out of its range.
    """

    search: Open
    top: int = 3
    seeds: int = 3
    default: dict[str, Any] | None = None
    about: dict[str, Any] = {}
    looks: bool = False
    name: str = "confirm"
    whole: Space | None = None

    def __post_init__(self) -> None:
        for name, value in (("top", self.top), ("seeds", self.seeds)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise SettingError(f"a confirmation needs {name} to be a whole number >= 1, got {value!r}.")

    @property
    def kind(self) -> str:
        """The name that the journal keeps it under."""
        return self.name

    @property
    def settings(self) -> dict[str, Any]:
        """How many are confirmed on how many seeds, and what is kept beside."""
        return {**self.about, "top": self.top, "seeds": self.seeds}

    @property
    def metric(self) -> Metric:
        """What decides."""
        return self.search.goal.metrics[0]

    def next(self, own: History, known: Known) -> Step:
        """Search; confirm; adopt; look; done."""
        if SEARCH not in known:
            return self.search
        if FRESH not in known:
            return self.confirmation(known[SEARCH], own.definition.seed)
        candidates = self.candidates(known)
        winner = candidates[0]
        if math.isnan(winner.mean):
            raise DanluError(
                f"no candidate of {known[SEARCH].study.name!r} could be trained on all fresh seeds: "
                f"{known[FRESH].analysis.fruitless or 'see result.why() of the confirmation'}"
            )
        verdict = Judge(
            "winner",
            self._verdict(winner),
            self._reason(candidates),
            {"candidates": [_told(each) for each in candidates]},
        )
        newest = [each for each in own.definition.campaign.judgments if each.subject == "winner"][-1:]
        if not newest or newest[0].evidence != plain(verdict.evidence):
            return verdict
        look = look_key(winner, self.usual(candidates))
        if self.looks and seen(own, "test", look) is None:
            return Look("test", look, f"{verdict.verdict} on {len(winner.fresh)} fresh seeds")
        return Done(f"{verdict.verdict} on {len(winner.fresh)} fresh seeds")

    def candidates(self, known: Known) -> list[Candidate]:
        """All that have been confirmed, the best mean first; one that failed on a seed comes last."""
        searched, fresh = known[SEARCH].trials, known[FRESH]
        found = [
            self._candidate(searched, fresh, each.number)
            for each in fresh.history.trials.configurations()
            if not each.aside
        ]
        found.sort(key=lambda each: (math.isnan(each.mean), self.metric.loss(each.mean), each.trial))
        return found

    def usual(self, candidates: list[Candidate]) -> Candidate:
        """The default among those that were confirmed, best first; the winner where it is not among them."""
        default = self.default
        same = (each for each in candidates if default is not None and alike(each.params, default))
        return next(same, candidates[0])

    def confirmation(self, search: Result, seed: int) -> Open:
        """The second stage: the search's best, and the default, on fresh seeds that follow from ``seed``."""
        points = [search.history.trials[number].params for number in leaders(search, self.metric, self.top)]
        if self.default is not None and all(not alike(params, self.default) for params in points):
            points.append(dict(self.default))
        return Open(
            FRESH, f"the {len(points)} candidates are trained on {self.seeds} fresh seeds",
            self.whole or search.history.space, untargeted(self.search.goal), Budget(), Nothing(), Race(Diverged(), confidence=1.0), self.search.fidelity,
            seeds_of(seed, self.seeds), "all", tuple(points),
        )  # fmt: skip

    def _candidate(self, searched: list[Trial], fresh: Result, head: int) -> Candidate:
        history, metric = fresh.history, self.metric
        runs = history.trials.groups.members.counting(head)
        params = history.trials[head].params
        tried = [trial for trial in searched if alike(trial.params, params)]
        found = min((score(trial, metric) for trial in tried), key=metric.loss, default=math.nan)
        number = next(
            (trial.number for trial in tried if score(trial, metric) == found),
            tried[0].number if tried else -1,
        )
        scores = tuple(score(history.trials[run], metric) for run in runs)
        return Candidate(number, params, found, scores, tuple(runs))

    def _verdict(self, winner: Candidate) -> str:
        if self.default is not None and alike(winner.params, self.default):
            return "the default was kept"
        return f"trial {winner.trial} was adopted"

    def _reason(self, candidates: list[Candidate]) -> str:
        best = candidates[0]
        others = ", ".join(
            f"{_named(each)} {each.mean:.4g} +- {each.deviation:.2g}" for each in candidates[1:4]
        )
        searched = (
            "not tried in the search" if math.isnan(best.searched) else f"{best.searched:.4g} in the search"
        )
        count = len(best.fresh)
        said = f"{self.metric.name} {best.mean:.4g} +- {best.deviation:.2g} over {count} fresh seeds ({searched})"
        return f"{said}; beside it {others}" if others else said


def leaders(result: Result, metric: Metric, count: int) -> list[int]:
    """The numbers of the best trials by a metric, at most ``count``, no configuration twice; what keeps the limits comes first.

    Raises:
        DanluError: when no trial has the metric.
    """
    kept: list[Trial] = []
    for trial, _ in sorted(scored(result, metric), key=lambda row: (row[0].violation, row[1], row[0].number)):
        if len(kept) == count:
            break
        if all(not alike(trial.params, other.params) for other in kept):
            kept.append(trial)
    if not kept:
        raise DanluError(
            f"no trial of {result.study.name!r} has a {metric.name} to confirm. See result.why()."
        )
    return [trial.number for trial in kept]


def scored(result: Result, metric: Metric) -> list[tuple[Trial, float]]:
    """The configurations that a metric can be told of, each with its loss, in the order of their numbers."""
    found = [
        (trial, metric.loss(score(trial, metric)))
        for trial in result.history.trials.configurations()
        if trial.status is not Status.FAILED and not trial.aside
    ]
    return [(trial, loss) for trial, loss in found if math.isfinite(loss)]


def score(trial: Trial, metric: Metric) -> float:
    """The metric of a trial: what counts for it, the best of its curve where it ended without; NaN where it failed."""
    if trial.status is Status.FAILED:
        return math.nan
    if metric.name in trial.metrics:
        return trial.metrics[metric.name]
    finite = [value for value in trial.curve.metrics.get(metric.name, ()) if math.isfinite(value)]
    return min(finite, key=metric.loss, default=math.nan)


def fresh_seed(seed: int, number: int) -> int:
    """The seed of a number of confirmations; no trial of a search has it but by chance."""
    return key(seed, number, "confirm") % 2**31


def seeds_of(seed: int, count: int) -> tuple[Context, ...]:
    """The contexts of a confirmation."""
    return tuple({"seed": fresh_seed(seed, number)} for number in range(count))


def own_seed(history: History, number: int) -> int:
    """The fresh seed that a trial of a confirmation was trained with."""
    return int(history.rows[number].asked.context["seed"])


def alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two configurations are the same, types included."""
    return {name: typed_key(value) for name, value in one.items()} == {
        name: typed_key(value) for name, value in other.items()
    }


def look_key(winner: Candidate, usual: Candidate) -> str:
    """What a look at the test part is about: the networks that are looked at, by the trials that trained them."""
    return f"trials {', '.join(map(str, winner.runs))} and {', '.join(map(str, usual.runs))}"


def untargeted(goal: Goal) -> Goal:
    """The goal without targets: a confirmation is not over when the first seed reaches one."""
    metrics = tuple(msgspec.structs.replace(metric, target=None) for metric in goal.metrics)
    return msgspec.structs.replace(goal, metrics=metrics)


def _named(candidate: Candidate) -> str:
    return "the default" if candidate.trial < 0 else f"trial {candidate.trial}"


def _told(candidate: Candidate) -> dict[str, Any]:
    return {
        "trial": candidate.trial,
        "searched": candidate.searched,
        "fresh": list(candidate.fresh),
        "runs": list(candidate.runs),
    }
