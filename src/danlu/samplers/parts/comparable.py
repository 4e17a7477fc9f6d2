"""What samplers learn from: trials compared at one step of their curves, in the order in which they came there.

Where no trial was cut short these are the finished trials and their results, those included that were stopped
because they would hardly become the best. Where some were cut, by a scheduler that stops or pauses them, all are
compared at the deepest step that enough of them have reached (as in Falkner et al., "BOHB", ICML 2018): a loss after
three epochs says little beside one after fifty. Ranking those that never came so far behind the others, by where they
ended, was measured and is worse.

A configuration in several contexts is one row, under the number of its first trial: the mean over its contexts once it is over.
Where curves are cut, rows are compared in the first context, which all of them have.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...journal.events import Status
from ...journal.history import History

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Numbers = NDArray[np.int64]


PRIOR = 4.0
"""This many trials' worth of the pooled variance are added to what a configuration's own trials say of it."""


class Comparable(NamedTuple):
    """Trials and what they have come to.

    Attributes:
        numbers: in the order in which they came, those that failed included, shape (n,).
        losses: NaN for those that failed, shape (n, m).
        slacks: for each limit how far the metric is beyond its bound, shape (n, limits).
        violations: summed excess over the limits, shape (n,).
        step: of the curves at which they are compared; 0 for whole trials.
        counts: how many trials each row is the mean of, shape (n,); above 1 for configurations in several contexts.
        spreads: standard deviations over them without the contexts' own effects, shape (n, m); NaN where that is not known.
    """

    numbers: Numbers
    losses: Floats
    slacks: Floats
    violations: Floats
    step: int
    counts: Numbers
    spreads: Floats

    @property
    def good(self) -> Bools:
        """Which of them have losses, shape (n,)."""
        found: Bools = np.all(np.isfinite(self.losses), axis=1)
        return found

    def first(self, count: int) -> Comparable:
        """What was known after this many trials."""
        return Comparable(
            self.numbers[:count], self.losses[:count], self.slacks[:count], self.violations[:count], self.step,
            self.counts[:count], self.spreads[:count],
        )  # fmt: skip

    def noise(self) -> Floats:
        """The variance of each row's error beside that of a single trial of usual noise, shape (n,); 1 for single trials.

        The variance of a mean is that of its trials over their number. Of few trials their own variance says little, so it is
        drawn to the pooled one as if that had been seen in ``PRIOR`` of them. Losses of the first goal alone are looked at.
        """
        several = (self.counts > 1) & np.isfinite(self.spreads[:, 0])
        freedom = np.where(several, self.counts - 1, 0)
        squares = np.where(several, self.spreads[:, 0], 0.0) ** 2 * freedom
        pooled = squares.sum() / max(int(freedom.sum()), 1)
        own = (squares + PRIOR * pooled) / (freedom + PRIOR) / pooled if pooled > 0 else np.ones(len(freedom))
        found: Floats = own / self.counts
        return found


def comparable(history: History, need: int | None = None) -> Comparable:
    """The trials that fit into the space as it is now, at the deepest step that ``need`` of them have reached.

    Args:
        need: by default three more than there are parameters.
    """
    statuses, lengths = history.columns.statuses, history.columns.lengths
    if not (lengths[np.fromiter(history.rows.cut, dtype=np.int64, count=len(history.rows.cut))] > 0).any():
        return _whole(history)
    over = (statuses >= Status.PAUSED) & (lengths > 0)
    over[list(history.rows.aside)] = False
    reached = np.sort(lengths[history.columns.fits])[::-1]
    enough = reached[min(len(reached), len(history.space) + 3 if need is None else need) - 1]
    ends = np.unique(lengths[over])
    deepest = ends[ends <= enough]
    step = int(deepest[-1] if len(deepest) else ends[0])
    return _at(history, step)


def running(history: History, known: Comparable) -> Numbers:
    """The trials under way that are no evidence yet, shape (n,)."""
    fits = history.columns.fits
    live = history.rows.live[Status.RUNNING] | history.rows.live[Status.WAITING]
    if history.trials.groups:
        live = {
            history.trials.groups.members.head(number) for number in live
        } | history.trials.groups.pending.keys()
    numbers = sorted(live.difference(known.numbers.tolist()))
    return np.array([number for number in numbers if fits[number]], dtype=np.int64)


def _whole(history: History) -> Comparable:
    """The finished trials, and those that were paused because of what they would have come to, with that loss."""
    if history.trials.groups:
        return _configurations(history)
    ended, awaited = history.rows.ended, history.rows.awaited
    if awaited:
        paused = [(number, reports) for number, (reports, _) in awaited.items()]
        ended = sorted([*ended, *paused], key=lambda told: told[1])
    numbers = np.array([number for number, _ in ended], dtype=np.int64)
    numbers = numbers[history.columns.fits[numbers]]
    losses = history.columns.losses[numbers]
    for row, number in enumerate(numbers.tolist() if awaited else ()):
        losses[row, 0] = awaited[number][1] if number in awaited else losses[row, 0]
    ones, spreads = np.ones(len(numbers), np.int64), np.full(losses.shape, np.nan)
    return Comparable(
        numbers,
        losses,
        history.columns.slacks[numbers],
        history.columns.violations[numbers],
        0,
        ones,
        spreads,
    )


def _configurations(history: History) -> Comparable:
    """The configurations that are over, by their means; what some have come to in fewer contexts than others is as good as it is."""
    goal, fits = history.goal, history.columns.fits
    heads = [(head, whole) for head, whole in history.trials.groups.over.items() if fits[head]]
    rows = [(goal.losses({}) if whole.losses is None else whole.losses) for _, whole in heads]
    return Comparable(
        np.array([head for head, _ in heads], dtype=np.int64),
        np.array(rows, dtype=np.float64).reshape(len(heads), len(goal.metrics)),
        np.array([goal.slacks(whole.metrics) for _, whole in heads]).reshape(len(heads), len(goal.limits)),
        np.array([whole.violation for _, whole in heads], dtype=np.float64),
        0,
        np.array([max(1, len(whole.trials)) for _, whole in heads], dtype=np.int64),
        np.array(
            [[whole.errors.get(metric.name, np.nan) for metric in goal.metrics] for _, whole in heads]
        ).reshape(len(heads), len(goal.metrics)),
    )


def _at(history: History, step: int) -> Comparable:
    """All that have come to a step; of the others those that failed, or were whole before."""
    goal, came = history.goal, history.columns.arrived(step)
    there = set(came.numbers.tolist())
    ended = [
        (number, reports)
        for number, reports in history.rows.ended
        if history.rows[number].status is Status.FAILED
        or (number not in history.rows.cut and number not in there)
    ]
    late = np.array([number for number, _ in ended], dtype=np.int64)
    n, m, limits = len(came.numbers), len(goal.metrics), len(goal.limits)
    losses, slacks, violations = np.empty((n, m)), np.empty((n, limits)), np.zeros(n)
    for column, metric in enumerate(goal.metrics):
        losses[:, column] = metric.loss(came.metrics[metric.name])
    for column, limit in enumerate(goal.limits):
        slacks[:, column] = limit.slack(came.metrics[limit.name])
        violations += np.maximum(slacks[:, column], 0.0)
    order = np.concatenate([came.order, np.array([reports - 0.5 for _, reports in ended])])
    kept = np.argsort(order, kind="stable")
    numbers = np.concatenate([came.numbers, late])
    kept = kept[history.columns.fits[numbers[kept]]]
    if (
        history.trials.groups
    ):  # in one and the same context trials can be compared, and what is known there stays as it is
        kept = kept[
            [history.trials.groups.members.head(number) == number for number in numbers[kept].tolist()]
        ]
    return Comparable(
        numbers[kept],
        np.vstack([losses, history.columns.losses[late]])[kept],
        np.vstack([slacks, history.columns.slacks[late]])[kept],
        np.concatenate([violations, history.columns.violations[late]])[kept],
        step,
        np.ones(len(kept), np.int64),
        np.full((len(kept), m), np.nan),
    )
