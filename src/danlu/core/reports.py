"""Every report of every trial, in columns: one row a report, one float64 column a metric.

A trial's curve is a list of row numbers. When a trial starts over from an earlier step, the rows of
the steps it repeats are dropped from its list; the columns only grow.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

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
        self._columns: dict[str, array[float]] = {}
        self._rows: dict[int, array[int]] = {}
        self._told: dict[int, tuple[str, ...]] = {}

    def __len__(self) -> int:
        return len(self._steps)

    @property
    def names(self) -> tuple[str, ...]:
        """All metrics that anybody has reported, in the order in which they came."""
        return tuple(self._columns)

    def add(self, trial: int, step: int, metrics: Mapping[str, float]) -> None:
        """Append a report; a second one at the same step fills in further metrics."""
        rows = self._rows.setdefault(trial, array("q"))
        told = self._told.get(trial, ())
        if not all(name in told for name in metrics):
            self._told[trial] = tuple(dict.fromkeys((*told, *metrics)))
        if rows and self._steps[rows[-1]] == step:
            self.merged += 1
            for name, value in metrics.items():
                self._column(name)[rows[-1]] = value
            return
        for name in metrics:
            self._column(name)
        at = len(self._steps)
        self._steps.append(step)
        self._trials.append(trial)
        for name, column in self._columns.items():
            column.append(metrics.get(name, math.nan))
        rows.append(at)  # last: another thread that looks at a curve sees the report as a whole or not at all

    def rewind(self, trial: int, step: int) -> None:
        """Forget the trial's reports at ``step`` and later: it is about to make them again."""
        rows = self._rows.get(trial)
        while rows and self._steps[rows[-1]] >= step:
            rows.pop()

    def last(self, trial: int) -> tuple[int, dict[str, float]] | None:
        """The newest step of a trial and what was reported there (NaN where nothing was)."""
        rows = self._rows.get(trial)
        if not rows:
            return None
        return self._steps[rows[-1]], {name: column[rows[-1]] for name, column in self._columns.items()}

    def curve(self, trial: int) -> Curve:
        """The trial's whole curve, metrics it never reported left out."""
        rows = self._rows.get(trial, array("q"))[:]
        if not rows:
            return Curve()
        metrics = {
            name: tuple(self._columns[name][row] for row in rows) for name in self._told.get(trial, ())
        }
        return Curve(tuple(self._steps[row] for row in rows), metrics)

    def count(self, trial: int) -> int:
        """The number of reports of one trial."""
        return len(self._rows.get(trial, ()))

    def since(self, row: int, name: str) -> Iterator[tuple[int, int, int, float]]:
        """Row, trial, step and one metric of all reports from ``row`` on, those later repeated included."""
        column = self._column(name)
        for at in range(row, len(self._steps)):
            yield at, self._trials[at], self._steps[at], column[at]

    def values(self, name: str, rows: NDArray[np.int64]) -> NDArray[np.float64]:
        """One metric in these rows, shape (n,)."""
        import numpy as np

        return np.frombuffer(self._column(name), float)[rows] if len(rows) else np.zeros(0)

    def _column(self, name: str) -> array[float]:
        if name not in self._columns:
            self._columns[name] = array("d", [math.nan]) * len(self._steps)
        return self._columns[name]
