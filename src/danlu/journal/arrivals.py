"""When trials first came to a step, and what counted for them then: curves as a sampler compares them.

A fold of the reports in the order of the journal, brought up to date when somebody looks. A trial that starts
anew keeps what it had when it first came to a step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .definition import Definition
    from .reports import Reports
    from .rows import Rows


class Arrived(NamedTuple):
    """The trials that have come to a step, in the order in which they came.

    Attributes:
        numbers: trial numbers, shape (n,).
        order: numbers of the reports with which they came, rising, shape (n,).
        metrics: for each metric of the goal what counted by then (the goal's best or last report), shape (n,).
    """

    numbers: NDArray[np.int64]
    order: NDArray[np.int64]
    metrics: dict[str, NDArray[np.float64]]


class StepArrivals:
    """Behind ``Columns.arrived`` and ``Columns.lengths``."""

    def __init__(self, definition: Definition, rows: Rows, reports: Reports) -> None:
        self._definition, self._rows, self._reports = definition, rows, reports
        self._steps: dict[int, dict[int, tuple[int, int]]] = {}
        self._restart()

    def lengths(self) -> NDArray[np.int64]:
        """The longest step at which each trial has reported the goal's first metric, 0 for none, shape (n,)."""
        self._catch_up()
        found = np.zeros(len(self._rows), np.int64)
        if self._longest:
            found[list(self._longest)] = list(self._longest.values())
        return found

    def at(self, step: int) -> Arrived:
        """The trials that have come to ``step`` or beyond."""
        if step not in self._steps:
            self._steps = {**dict(list(self._steps.items())[-7:]), step: {}}
            self._restart()
        self._catch_up()
        came = self._steps[step]
        rows = np.array(list(came.values()), dtype=np.int64).reshape(-1, 2)
        goal, reports = self._definition.goal, self._reports
        return Arrived(
            np.fromiter(came, np.int64, len(came)),
            rows[:, 0],
            {name: reports.values(name, rows[:, 1]) for name in goal.names},
        )

    def _restart(self) -> None:
        self._next = 0
        self._merged = self._reports.merged
        self._aside = len(self._rows.aside)
        self._longest: dict[int, int] = {}
        self._last: dict[int, int] = {}
        self._best: dict[int, tuple[float, int]] = {}
        for came in self._steps.values():
            came.clear()

    def _catch_up(self) -> None:
        """Take the reports that came in since somebody looked last."""
        goal, reports = self._definition.goal, self._reports
        aside = self._rows.aside
        if (reports.merged, len(aside)) != (self._merged, self._aside):
            self._restart()  # a report that was looked at has been filled in since, or no longer counts
        if not goal.metrics:
            return  # nothing has been read yet
        first = goal.metrics[0]
        for row, trial, step, value in reports.since(self._next, first.name):
            if value != value:
                continue
            loss = first.loss(value)
            again = step <= self._last.get(trial, -1)
            if again or goal.at == "last" or trial not in self._best or loss < self._best[trial][0]:
                self._best[trial] = loss, row
            self._last[trial] = step
            if step > self._longest.get(trial, 0):
                self._longest[trial] = step
            for there, came in self._steps.items():
                if step >= there and trial not in came and trial not in aside:
                    came[trial] = row, self._best[trial][1]
        self._next = len(reports)
