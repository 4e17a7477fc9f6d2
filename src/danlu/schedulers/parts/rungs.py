"""What schedulers that compare trials at rungs have in common: losses there, and who stands where in line."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ...contracts.messages import GO, Verdict, stop
from ...contracts.protocols import Problem, View
from ...journal.events import Status
from ...journal.rows import counted
from ...journal.trial import Curve
from ...maths.halving import keeps
from ...maths.pareto import crowded

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


def losses_at(problem: Problem, curve: Curve, step: int) -> tuple[float, ...]:
    """The losses that count when a curve first comes to ``step``, by the goal's best or last report.

    All are infinite where limits are broken or a metric is missing or NaN.
    """
    size = next(at for at, there in enumerate(curve.steps) if there >= step) + 1
    part = Curve(curve.steps[:size], {name: told[:size] for name, told in curve.metrics.items()})
    return losses_of(problem, counted(part, problem.goal))


def losses_of(problem: Problem, metrics: Mapping[str, float]) -> tuple[float, ...]:
    """The losses of metrics, all infinite where limits are broken or one is missing or NaN."""
    losses = problem.goal.losses(metrics)
    if any(math.isnan(loss) for loss in losses) or problem.goal.violation(metrics):
        return (math.inf,) * len(losses)
    return losses


def better(others: Floats, losses: tuple[float, ...]) -> int:
    """How many of the others, shape (n, m), stand before these losses: less, or by front and crowding."""
    mine = np.array(losses)
    if len(losses) == 1:
        return int((others[:, 0] < mine[0]).sum())
    keys = crowded(np.vstack([others, mine]))
    front, crowd = keys[-1]
    return int(((keys[:-1, 0] < front) | ((keys[:-1, 0] == front) & (keys[:-1, 1] < crowd))).sum())


def compared(others: Floats, losses: tuple[float, ...], step: int, factor: float) -> Verdict:
    """Stop a trial that is not among the best one in ``factor`` at its rung, itself counted."""
    ahead = better(others, losses)
    if keeps(ahead, len(others) + 1, factor):
        return GO
    return stop(f"at step {step} it is number {ahead + 1} of {len(others) + 1}; one in {factor:g} goes on")


def best(trials: Numbers, losses: Floats, count: int) -> NDArray[np.bool_]:
    """Which rows are the ``count`` first in line, ties by trial number, shape (n,)."""
    chosen: NDArray[np.bool_] = np.zeros(len(trials), bool)
    if count >= len(trials) or count <= 0:
        chosen[:] = count > 0
        return chosen
    if losses.shape[1] == 1:
        bar = np.partition(losses[:, 0], count - 1)[count - 1]
        chosen = losses[:, 0] < bar
        level = np.flatnonzero(losses[:, 0] == bar)
        left = count - int(chosen.sum())
        chosen[level[np.argsort(trials[level], kind="stable")[:left]]] = True
        return chosen
    keys = crowded(losses)
    chosen[np.lexsort((trials, keys[:, 1], keys[:, 0]))[:count]] = True
    return chosen


def first(trials: Numbers, losses: Floats) -> int:
    """The trial that stands first."""
    keys = crowded(losses)
    return int(trials[np.lexsort((trials, keys[:, 1], keys[:, 0]))[0]])


def paused(view: View, trials: Numbers, extra: int = -1) -> NDArray[np.bool_]:
    """Which of these trials are paused; ``extra`` counts as if it were."""
    waits: NDArray[np.bool_] = (view.history.columns.statuses[trials] == Status.PAUSED) | (trials == extra)
    return waits
