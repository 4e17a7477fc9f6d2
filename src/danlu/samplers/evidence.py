"""What samplers learn from: trials compared at one step of their curves, in the order in which they came there.

Where no trial was cut short these are the finished trials and their results, those included that were stopped
because they would hardly become the best. Where some were cut, by a scheduler that stops or pauses them, all are
compared at the deepest step that enough of them have reached (as in Falkner et al., "BOHB", ICML 2018): a loss after
three epochs says little beside one after fifty. Ranking those that never came so far behind the others, by where they
ended, was measured and is worse.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..core.events import Status
from ..core.history import History

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Numbers = NDArray[np.int64]


class Evidence(NamedTuple):
    """Trials and what they have come to.

    Attributes:
        numbers: in the order in which they came, those that failed included, shape (n,).
        losses: NaN for those that failed, shape (n, m).
        slacks: for each limit how far the metric is beyond its bound, shape (n, limits).
        violations: summed excess over the limits, shape (n,).
        step: of the curves at which they are compared; 0 for whole trials.
    """

    numbers: Numbers
    losses: Floats
    slacks: Floats
    violations: Floats
    step: int

    @property
    def good(self) -> Bools:
        """Which of them have losses, shape (n,)."""
        found: Bools = np.all(np.isfinite(self.losses), axis=1)
        return found

    def first(self, count: int) -> Evidence:
        """What was known when it were so many."""
        return Evidence(
            self.numbers[:count], self.losses[:count], self.slacks[:count], self.violations[:count], self.step
        )


def evidence(history: History, need: int | None = None) -> Evidence:
    """The trials that fit into the space as it is now, at the deepest step that ``need`` of them have reached.

    Args:
        need: by default three more than there are parameters.
    """
    statuses, lengths = history.statuses, history.lengths
    if not (lengths[np.fromiter(history.cut, dtype=np.int64, count=len(history.cut))] > 0).any():
        return _whole(history)
    over = (statuses >= Status.PAUSED) & (lengths > 0)
    over[list(history.aside)] = False
    reached = np.sort(lengths[history.fits])[::-1]
    enough = reached[min(len(reached), len(history.space) + 3 if need is None else need) - 1]
    ends = np.unique(lengths[over])
    deepest = ends[ends <= enough]
    step = int(deepest[-1] if len(deepest) else ends[0])
    return _at(history, step)


def running(history: History, known: Evidence) -> Numbers:
    """The trials under way that are no evidence yet, shape (n,)."""
    fits = history.fits
    live = history.live[Status.RUNNING] | history.live[Status.WAITING]
    numbers = sorted(live.difference(known.numbers.tolist()))
    return np.array([number for number in numbers if fits[number]], dtype=np.int64)


def _whole(history: History) -> Evidence:
    """The finished trials, and those that were paused because of what they would have come to, with that loss."""
    ended, awaited = history.ended, history.awaited
    if awaited:
        paused = [(number, reports) for number, (reports, _) in awaited.items()]
        ended = sorted([*ended, *paused], key=lambda told: told[1])
    numbers = np.array([number for number, _ in ended], dtype=np.int64)
    numbers = numbers[history.fits[numbers]]
    losses = history.losses[numbers]
    for row, number in enumerate(numbers.tolist() if awaited else ()):
        losses[row, 0] = awaited[number][1] if number in awaited else losses[row, 0]
    return Evidence(numbers, losses, history.slacks[numbers], history.violations[numbers], step=0)


def _at(history: History, step: int) -> Evidence:
    """All that have come to a step; of the others those that failed, or were whole before."""
    goal, came = history.goal, history.arrived(step)
    there = set(came.numbers.tolist())
    ended = [
        (number, reports)
        for number, reports in history.ended
        if history.rows[number].status is Status.FAILED or (number not in history.cut and number not in there)
    ]
    late = np.array([number for number, _ in ended], dtype=np.int64)
    n, m, limits = len(came.numbers), len(goal.metrics), len(goal.limits)
    losses, slacks, violations = np.empty((n, m)), np.empty((n, limits)), np.zeros(n)
    for column, metric in enumerate(goal.metrics):
        losses[:, column] = came.metrics[metric.name] * (-1.0 if metric.maximize else 1.0)
    for column, limit in enumerate(goal.limits):
        slacks[:, column] = (came.metrics[limit.name] - limit.bound) * (1.0 if limit.below else -1.0)
        violations += np.maximum(slacks[:, column], 0.0)
    order = np.concatenate([came.order, np.array([reports - 0.5 for _, reports in ended])])
    kept = np.argsort(order, kind="stable")
    numbers = np.concatenate([came.numbers, late])
    kept = kept[history.fits[numbers[kept]]]
    return Evidence(
        numbers[kept],
        np.vstack([losses, history.losses[late]])[kept],
        np.vstack([slacks, history.slacks[late]])[kept],
        np.concatenate([violations, history.violations[late]])[kept],
        step,
    )
