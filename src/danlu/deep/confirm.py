"""A winner is named only after fresh seeds: the best score of a search is optimistic, it was chosen for being high.

The confirmation is a study of its own, candidates by seeds, in the same store and on the same workers: it can be
killed and goes on, like any other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.errors import DanluError
from ..core.events import Status
from ..core.live import LiveTrial
from ..core.parameters import Choice
from ..core.rng import key
from ..samplers.grid import Grid
from ..schedulers.diverged import Diverged
from ..study.result import Result
from ..study.tune import tune
from .metrics import rises
from .objective import Objective


@dataclass(frozen=True)
class Candidate:
    """A configuration and what fresh seeds made of it.

    Attributes:
        trial: its number in the search; -1 for the default when the search did not try it.
        params: its parameters.
        searched: its score in the search (NaN if it was not tried).
        fresh: its score for each fresh seed; NaN where training diverged.
        runs: the trials of the confirming study, one a seed.
    """

    trial: int
    params: dict[str, Any]
    searched: float
    fresh: tuple[float, ...]
    runs: tuple[int, ...]

    @property
    def mean(self) -> float:
        """The mean over fresh seeds; NaN when one diverged."""
        return sum(self.fresh) / len(self.fresh)

    @property
    def deviation(self) -> float:
        """The standard deviation over fresh seeds; 0 of one."""
        if len(self.fresh) < 2:
            return 0.0
        return math.sqrt(sum((value - self.mean) ** 2 for value in self.fresh) / (len(self.fresh) - 1))


class Fresh:
    """The objective of the confirming study: candidate ``candidate`` under seed ``fresh``.

    Args:
        objective: trains.
        candidates: parameters of each.
        seed: that all fresh seeds follow from.
    """

    def __init__(self, objective: Objective, candidates: Sequence[Mapping[str, Any]], seed: int) -> None:
        self.base, self.candidates, self.seed = objective, [dict(each) for each in candidates], seed

    def __call__(self, trial: LiveTrial) -> None:
        """Train one candidate under one seed."""
        params, seed = self.assignment(trial)
        self.base.train(params, seed, trial)

    def assignment(self, trial: LiveTrial) -> tuple[Mapping[str, Any], int]:
        """The candidate's parameters and the seed that a trial trains with."""
        at, fresh = trial["candidate"], trial["fresh"]
        assert isinstance(at, int)
        assert isinstance(fresh, int)
        return self.candidates[at], fresh_seed(self.seed, fresh)


def fresh_seed(seed: int, number: int) -> int:
    """The seed of a number of confirmations; no trial of a search has it but by chance."""
    return key(seed, number, "confirm") % 2**31


def leaders(result: Result, metric: str, count: int) -> list[int]:
    """The numbers of the best trials by a metric, at most ``count``, no configuration twice.

    Raises:
        DanluError: when no trial has the metric.
    """
    sign = -1 if rises(metric) else 1
    scored = [
        (sign * _best_of(trial.curve.metrics.get(metric, ()), sign), trial.number, trial.params)
        for trial in result.trials
        if trial.status is not Status.FAILED and metric in trial.curve.metrics
    ]
    scored.sort(key=lambda row: row[:2])
    kept: list[tuple[int, dict[str, Any]]] = []
    for value, number, params in scored:
        if math.isfinite(value) and all(params != other for _, other in kept):
            kept.append((number, params))
    if not kept:
        raise DanluError(f"no trial of {result.name!r} has a {metric} to confirm. See result.why().")
    return [number for number, _ in kept[:count]]


def confirm(
    objective: Objective, result: Result, *, metric: str = "val_loss", top: int = 3, seeds: int = 3,
    default: Mapping[str, Any] | None = None, seed: int = 0, **how: Any,
) -> tuple[list[Candidate], Result]:  # fmt: skip
    """Train the best configurations of a search again on fresh seeds, best mean first.

    Args:
        objective: of the search.
        result: of the search.
        metric: that decides.
        top: how many of the best to confirm (at least 1).
        seeds: how many fresh seeds each gets (at least 1).
        default: a configuration to judge beside them, whatever it scored.
        seed: that the fresh seeds follow from.
        how: passed to ``danlu.tune``: store, name, workers.

    Returns:
        The candidates, and the confirming study's result.

    Raises:
        DanluError: when there is nothing to confirm.
    """
    numbers = leaders(result, metric, top)
    points = [(number, result.history.trial(number).params) for number in numbers]
    if default is not None and all(params != default for _, params in points):
        tried = [trial.number for trial in result.trials if trial.params == default]
        points.append((tried[0] if tried else -1, dict(default)))
    direction: dict[str, Any] = {"maximize" if rises(metric) else "minimize": metric}
    again = tune(
        Fresh(objective, [params for _, params in points], seed),
        {"candidate": Choice(list(range(len(points)))), "fresh": Choice(list(range(seeds)))},
        trials=len(points) * seeds, sampler=Grid(), scheduler=Diverged(), keep="all", **direction, **how,
    )  # fmt: skip
    found = [_candidate(result, again, metric, at, *point) for at, point in enumerate(points)]
    sign = -1 if rises(metric) else 1
    found.sort(key=lambda each: math.inf if math.isnan(each.mean) else sign * each.mean)
    return found, again


def _candidate(
    result: Result, again: Result, metric: str, at: int, number: int, params: dict[str, Any]
) -> Candidate:
    sign = -1 if rises(metric) else 1
    runs = sorted(
        (trial for trial in again.trials if trial.params["candidate"] == at),
        key=lambda run: run.params["fresh"],
    )
    fresh = tuple(_best_of(run.curve.metrics.get(metric, ()), sign) for run in runs)
    searched = math.nan
    if number >= 0:
        searched = _best_of(result.history.trial(number).curve.metrics.get(metric, ()), sign)
    return Candidate(number, params, searched, fresh, tuple(run.number for run in runs))


def _best_of(values: Sequence[float], sign: int) -> float:
    finite = [value for value in values if math.isfinite(value)]
    return math.nan if not finite else sign * min(sign * value for value in finite)
