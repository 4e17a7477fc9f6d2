"""Which of several ways to search did better, and whether that could be chance.

A way is a group of studies that differ in their seed alone. Groups are compared by the best value of each study after the same
number of trials: Mann and Whitney's test (1947; exact where there are no ties), with Holm's correction (1979) over all pairs, or
Wilcoxon's signed ranks (1945) where the groups have the same seeds; and Vargha and Delaney's A (2000), the
probability that a study of the one does better than one of the other.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np
from scipy import stats

from ..errors import SettingError
from ..journal.history import History
from ..problem.goal import Metric
from .measured import Floats, Numbers, measured

FEW = 5
"""Studies a group below which a test can hardly find anything."""


class Contender(msgspec.Struct, frozen=True):
    """One way: how many studies, their best values in the user's sign (rising trial by trial in ``curve``).

    Attributes:
        name: the group's.
        best: each study's best value after ``trials`` of the comparison, shape (studies,).
        median: of them.
        low, high: the middle half of them.
        curve: median best value after each of the comparison's ``marks``, shape (k,).
    """

    name: str
    best: Floats
    median: float
    low: float
    high: float
    curve: Floats


class Versus(msgspec.Struct, frozen=True):
    """Two groups: the chance that the first does better, the test's p (corrected), and the test's name ('' when there is none)."""

    names: tuple[str, str]
    better: float
    p: float
    test: str


class Comparison(msgspec.Struct, frozen=True):
    """Groups of studies beside each other, the best median first."""

    metric: str
    maximize: bool
    trials: int
    marks: Numbers
    groups: tuple[Contender, ...]
    pairs: tuple[Versus, ...]
    notice: str = ""


def compare(
    groups: Mapping[str, Sequence[History]], metric: str | None = None, *, trials: int | None = None
) -> Comparison:
    """Compare groups of studies of the same goal.

    Args:
        groups: histories by the group's name.
        metric: of the goal; its first when None.
        trials: after how many the studies are compared; as many as the shortest has when None.

    Raises:
        SettingError: for fewer than two groups, an empty one, goals that differ, a study without a result
            among its first ``trials``, and ``trials`` below 1.

    Example:
        >>> import danlu
        >>> def studies(sampler):
        ...     space = {"x": danlu.Float(0, 1), "y": danlu.Float(0, 1)}
        ...     run = lambda t: t["x"] ** 2 + t["y"] ** 2
        ...     return [danlu.tune(run, space, trials=15, sampler=sampler, seed=seed).history for seed in range(6)]
        >>> found = compare({"random": studies("random"), "gp": studies("gp")})
        >>> found.groups[0].name, found.pairs[0].p < 0.05
        ('gp', True)
    """
    if len(groups) < 2 or not all(groups.values()):
        raise SettingError(
            f"a comparison needs two groups of studies or more, got {[(n, len(g)) for n, g in groups.items()]}."
        )
    every = [history for group in groups.values() for history in group]
    goals = {tuple((m.name, m.maximize) for m in history.goal.metrics) for history in every}
    if len(goals) > 1:
        told = " and ".join(", ".join(name for name, _ in goal) for goal in sorted(goals))
        raise SettingError(f"a comparison needs studies of one goal, got {told}.")
    least = min(len(history) for history in every)
    count = least if trials is None else trials
    if count < 1:
        raise SettingError(f"a comparison needs trials >= 1, got {trials!r}.")
    marks = np.unique(np.round(np.geomspace(1, count, 12)).astype(np.int64))
    runs = {
        name: np.stack([_best(history, metric, count) for history in group]) for name, group in groups.items()
    }
    first = measured(every[0], metric)
    found = [_group(name, series, first.metric, marks) for name, series in runs.items()]
    seeds = {name: [history.definition.seed for history in group] for name, group in groups.items()}
    pairs = _pairs(runs, seeds)
    found.sort(key=lambda group: first.metric.loss(group.median))
    return Comparison(first.name, first.metric.maximize, count, marks, tuple(found), pairs, _notice(groups))


def _best(history: History, metric: str | None, count: int) -> Floats:
    """The best loss after each of the first ``count`` trials; infinite before the first."""
    known = measured(history, metric)
    series = np.full(max(count, 1), np.inf)
    early = (known.rows < count) & (history.columns.violations[known.rows] == 0)
    series[known.rows[early]] = known.losses[early]
    if not np.isfinite(series).any():
        raise SettingError(
            f"a comparison needs a result in every study; one has none among its first {count} trials."
        )
    found: Floats = np.minimum.accumulate(series)
    return found


def _group(name: str, series: Floats, metric: Metric, marks: Numbers) -> Contender:
    best = metric.value(series[:, -1])
    low, median, high = np.percentile(best, [25, 50, 75])
    curve = metric.value(np.median(series[:, marks - 1], axis=0))
    return Contender(name, best, float(median), float(low), float(high), curve)


def _pairs(runs: Mapping[str, Floats], seeds: Mapping[str, list[int]]) -> tuple[Versus, ...]:
    found = []
    for one, other in itertools.combinations(runs, 2):
        a, b = runs[one][:, -1], runs[other][:, -1]
        wins = (a[:, None] < b[None]).mean() + 0.5 * (a[:, None] == b[None]).mean()
        p, test = _test(
            a,
            b,
            paired=sorted(seeds[one]) == sorted(seeds[other]) and len(set(seeds[one])) == len(a),
            seeds=(seeds[one], seeds[other]),
        )
        found.append(Versus((one, other), float(wins), p, test))
    return _holm(found)


def _test(a: Floats, b: Floats, *, paired: bool, seeds: tuple[list[int], list[int]]) -> tuple[float, str]:
    if min(len(a), len(b)) < 2:
        return float("nan"), ""
    if paired and len(a) >= FEW:
        difference = a[np.argsort(seeds[0], kind="stable")] - b[np.argsort(seeds[1], kind="stable")]
        if not difference.any():
            return 1.0, "Wilcoxon"
        return float(stats.wilcoxon(difference).pvalue), "Wilcoxon"
    return float(stats.mannwhitneyu(a, b).pvalue), "Mann-Whitney"


def _holm(pairs: list[Versus]) -> tuple[Versus, ...]:
    """The p values corrected for their number, each at least as large as the ones before it."""
    tested = sorted((at for at, pair in enumerate(pairs) if pair.test), key=lambda at: pairs[at].p)
    highest = 0.0
    for rank, at in enumerate(tested):
        highest = max(highest, min(1.0, pairs[at].p * (len(tested) - rank)))
        pairs[at] = msgspec.structs.replace(pairs[at], p=highest)
    return tuple(pairs)


def _notice(groups: Mapping[str, Sequence[History]]) -> str:
    least = min(len(group) for group in groups.values())
    if least < 2:
        return "One study a group shows what happened once; that it would again can only be tested with several seeds each."
    if least < FEW:
        return (
            f"With {least} studies a group hardly any difference can be told from chance; {FEW} and more can."
        )
    return ""
