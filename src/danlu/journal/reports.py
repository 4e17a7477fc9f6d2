"""Every report of every trial, in columns: one row a report, one float64 column a metric.

A trial's curve is a list of row numbers. When a trial starts over from an earlier step, it goes on with a new list
without the steps it repeats; the columns only grow. So a curve that was handed out stays what it was.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ..base.series import Series
from .trial import Curve

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Reports:
    """A growing table of reports."""

    def __init__(self) -> None:
        self.merged = 0
        self._steps = array("q")
        self._trials = array("q")
        self._trained = array("q")
        self._seconds = array("f")  # to a hundredth of a second within a day, in half the room
        self._costs: array[float] | None = (
            None  # NaN until something was charged; most studies charge nothing
        )
        self._columns: dict[str, array[float]] = {}
        self._rows: dict[int, array[int]] = {}
        self._told: dict[int, tuple[str, ...]] = {}

    def __len__(self) -> int:
        return len(self._steps)

    @property
    def names(self) -> tuple[str, ...]:
        """All metrics that anybody has reported, in the order in which they came."""
        return tuple(self._columns)

    def add(
        self,
        trial: int,
        step: int,
        metrics: Mapping[str, float],
        trained: int,
        *,
        seconds: float = math.nan,
        cost: float | None = None,
    ) -> None:
        """Append a report, with the steps trained since the one before; a second one at the same step fills in further metrics.

        ``seconds`` and ``cost`` are what the trial has taken by then, over all attempts; ``cost`` where its objective charges.
        """
        rows = self._rows.setdefault(trial, array("q"))
        told = self._told.get(trial, ())
        if not all(name in told for name in metrics):
            self._told[trial] = tuple(dict.fromkeys((*told, *metrics)))
        if rows and self._steps[rows[-1]] == step:
            self.merged += 1
            self._trained[rows[-1]] += trained
            self._take(rows[-1], seconds, cost)
            for name, value in metrics.items():
                self._column(name)[rows[-1]] = value
            return
        for name in metrics:
            self._column(name)
        at = len(self._steps)
        self._steps.append(step)
        self._trials.append(trial)
        self._trained.append(trained)
        self._seconds.append(math.nan)
        if self._costs is not None:
            self._costs.append(math.nan)
        self._take(at, seconds, cost)
        for name, column in self._columns.items():
            column.append(metrics.get(name, math.nan))
        rows.append(at)  # last: another thread that looks at a curve sees the report as a whole or not at all

    def rewind(self, trial: int, step: int) -> None:
        """Forget the trial's reports at ``step`` and later: it is about to make them again."""
        rows = self._rows.get(trial)
        keep = 0 if rows is None else self._before(rows, step)
        if rows is not None and keep < len(rows):
            self._rows[trial] = rows[:keep]

    def last(self, trial: int) -> tuple[int, dict[str, float]] | None:
        """The newest step of a trial and what was reported there (NaN where nothing was)."""
        rows = self._rows.get(trial)
        if not rows:
            return None
        return self._steps[rows[-1]], {name: column[rows[-1]] for name, column in self._columns.items()}

    def curve(self, trial: int) -> Curve:
        """The trial's whole curve, metrics it never reported left out."""
        rows = self._rows.get(trial)
        if not rows:
            return Curve()
        size, names = len(rows), self._told.get(trial, ())
        end = rows[size - 1]
        return self._cut(rows, size - 1, self._steps[end], {name: self._columns[name][end] for name in names})

    def extended(self, trial: int, step: int, metrics: Mapping[str, float], *, restart: bool) -> Curve:
        """The trial's curve as it will be with this report; at a restart, without the steps from there on."""
        rows = self._rows.get(trial) or array("q")
        size = self._before(rows, step) if restart else len(rows)
        names = dict.fromkeys((*self._told.get(trial, ()), *metrics))
        last = dict.fromkeys(names, math.nan)
        if size and self._steps[rows[size - 1]] == step:
            size -= 1
            last |= {name: self._columns[name][rows[size]] for name in self._told[trial]}
        return self._cut(rows, size, step, last | dict(metrics))

    def taken(self, trial: int) -> dict[str, NDArray[np.float64]]:
        """What a trial had taken by each report of its curve, in ``seconds`` and, where anybody charges, in ``cost``; each of shape (k,)."""
        import numpy as np

        rows = self._rows.get(trial, ())
        columns = {"seconds": self._seconds} | ({} if self._costs is None else {"cost": self._costs})
        return {name: np.array([column[row] for row in rows], float) for name, column in columns.items()}

    def reached(self, trial: int) -> int:
        """The newest step of a trial, 0 for none."""
        rows = self._rows.get(trial)
        return self._steps[rows[-1]] if rows else 0

    def trained(self, without: Iterable[int] = ()) -> NDArray[np.int64]:
        """The steps trained by the time of this many reports, those of some trials left out, shape (reports + 1,)."""
        import numpy as np

        trials, steps = np.array(self._trials, np.int64), np.array(self._trained, np.int64)
        steps[np.isin(trials, list(without))] = 0
        return np.concatenate([[0], np.cumsum(steps)])

    def since(self, row: int, name: str) -> Iterator[tuple[int, int, int, float]]:
        """Row, trial, step and one metric of all reports from ``row`` on, those later repeated included."""
        column = self._column(name)
        for at in range(row, len(self._steps)):
            yield at, self._trials[at], self._steps[at], column[at]

    def values(self, name: str, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """One metric in these rows, shape (n,)."""
        import numpy as np

        return np.frombuffer(self._column(name), float)[rows] if len(rows) else np.zeros(0)

    def _cut(self, rows: array[int], before: int, step: int, last: Mapping[str, float]) -> Curve:
        """A curve of the first rows and one more report."""
        metrics = {name: Series(self._columns.get(name), rows, before, value) for name, value in last.items()}
        return Curve(Series(self._steps, rows, before, step), metrics)

    def _take(self, row: int, seconds: float, cost: float | None) -> None:
        if seconds == seconds:
            self._seconds[row] = seconds
        if cost is not None:
            if self._costs is None:
                self._costs = array("d", [math.nan]) * len(self._steps)
            self._costs[row] = cost

    def _before(self, rows: Sequence[int], step: int) -> int:
        """How many of a trial's rows come before a step."""
        return bisect_left(rows, step, key=self._steps.__getitem__)

    def _column(self, name: str) -> array[float]:
        if name not in self._columns:
            self._columns[name] = array("d", [math.nan]) * len(self._steps)
        return self._columns[name]
