"""Which metric an analysis is about, and which trials it may use."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingError
from ..journal.events import Status
from ..journal.history import History
from ..problem.goal import Metric

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]


class Measured(NamedTuple):
    """One metric of the goal over the trials that have it.

    Attributes:
        name: the metric's.
        column: its place among the goal's metrics.
        metric: as the goal has it; it turns losses into the user's values.
        rows: trial numbers, rising, shape (n,); in a study of several contexts the first trials of configurations.
        losses: shape (n,); of configurations their means, as they would be over all contexts.
    """

    name: str
    column: int
    metric: Metric
    rows: Numbers
    losses: Floats

    @property
    def values(self) -> Floats:
        """The metric in the user's own sign, shape (n,)."""
        return self.metric.value(self.losses)


def measured(
    history: History, metric: str | None = None, rows: Numbers | None = None, *, fits: bool = False
) -> Measured:
    """The trials with a finite value of a metric of the goal (its first when None).

    Args:
        history: of the study.
        metric: of the goal.
        rows: trial numbers to choose among, rising; all when None.
        fits: only trials whose point lies in the space as it is now.

    Raises:
        SettingError: for a metric that the goal does not have.
    """
    names = [each.name for each in history.goal.metrics]
    if metric is not None and metric not in names:
        raise SettingError(f"the goal has {', '.join(names)}, not {metric!r}.")
    column = 0 if metric is None else names.index(metric)
    if not names:
        return Measured("", 0, Metric(""), np.zeros(0, np.int64), np.zeros(0))
    losses = history.columns.losses[:, column]
    if history.trials.groups:
        losses = np.full(len(losses), np.nan)
        for head, whole in list(history.trials.groups.over.items()):
            if whole.losses is not None and head < len(losses):
                losses[head] = whole.losses[column]
    known = np.isfinite(losses) & history.columns.fits if fits else np.isfinite(losses)
    kept = np.flatnonzero(known) if rows is None else rows[known[rows]]
    return Measured(names[column], column, history.goal.metrics[column], kept, losses[kept])


def thinned(count: int, most: int) -> Numbers:
    """At most ``most`` of ``count`` places, evenly spread, the first and the last among them.

    Example:
        >>> thinned(10, 4).tolist(), thinned(3, 4).tolist()
        ([0, 3, 6, 9], [0, 1, 2])
    """
    if count <= most:
        return np.arange(count)
    return np.unique(np.round(np.linspace(0, count - 1, most)).astype(np.int64))


def chosen(history: History, rows: Numbers, most: int, column: int = 0) -> Numbers:
    """At most ``most`` of the trials for a picture: the best fifth of the places, those that run, the rest evenly spread.

    The best are those by the goal's metric in ``column``.
    """
    if len(rows) <= most:
        return rows
    losses = history.columns.losses[rows, column]
    merit = np.where(np.isnan(losses), np.inf, losses)
    best = rows[np.argsort(merit, kind="stable")[: most // 5]]
    running = rows[history.columns.statuses[rows] == Status.RUNNING][-(most // 5) :]
    kept = np.union1d(best, running)
    rest = np.setdiff1d(rows, kept, assume_unique=True)
    return np.union1d(kept, rest[thinned(len(rest), most - len(kept))])
