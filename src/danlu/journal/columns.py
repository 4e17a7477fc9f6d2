"""The numpy columns of a history, brought up to date only when somebody looks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SpaceError
from ..space.slots import Slot
from ..space.space import INACTIVE
from .arrivals import Arrived, StepArrivals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .definition import Definition
    from .reports import Reports
    from .rows import Rows

    Floats = NDArray[np.float64]
    Bools = NDArray[np.bool_]


class Columns:
    """Growing arrays, row ``i`` of trial ``i``, as read-only views.

    Only new rows and those named by ``touch`` are read, in amortized constant time a row.
    """

    def __init__(self, definition: Definition, rows: Rows, reports: Reports) -> None:
        self._stale = True
        self._definition, self._rows = definition, rows
        self._arrivals = StepArrivals(definition, rows, reports)
        self._touched: list[int] = []
        self._count = 0
        self._points: dict[bytes, int] = {}
        self._packed: dict[int, bytes] = {}
        self._moved: list[int] = []
        self._pointed = 0
        self._store: dict[str, NDArray[Any]] = {}

    def touch(self, number: int) -> None:
        """Trial ``number`` has changed."""
        self._touched.append(number)

    def restart(self) -> None:
        """All rows are to be read anew: the space has changed, or trials have moved in it."""
        self._stale = True

    @property
    def units(self) -> Floats:
        """Unit points, shape (n, d); inactive coordinates are 0.5."""
        return self._current("units")

    @property
    def active(self) -> Bools:
        """Which coordinates are active, shape (n, d)."""
        return self._current("active")

    @property
    def losses(self) -> Floats:
        """Minimized metrics, shape (n, m); NaN until the trial is done, stopped or first paused, and when it failed."""
        return self._current("losses")

    @property
    def slacks(self) -> Floats:
        """For each limit how far the metric is beyond its bound, shape (n, limits); NaN until known."""
        return self._current("slacks")

    @property
    def violations(self) -> Floats:
        """Summed excess over the goal's limits, shape (n,); NaN where there are no losses."""
        return self._current("violations")

    @property
    def statuses(self) -> NDArray[np.uint8]:
        """``Status`` codes, shape (n,)."""
        return self._current("statuses")

    @property
    def fits(self) -> Bools:
        """Whether the trial's values lie in the space as it is now and it was not set aside, shape (n,)."""
        return self._current("fits")

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The longest step at which each trial has reported the goal's first metric, 0 for none, shape (n,)."""
        return self._arrivals.lengths()

    def arrived(self, step: int) -> Arrived:
        """The trials that have come to a step, whatever has become of them, and what counted for them then."""
        return self._arrivals.at(step)

    def _current(self, name: str) -> NDArray[Any]:
        self._refreshed()
        view = self._store[name][: self._count]
        view.flags.writeable = False
        return view

    def _refreshed(self) -> None:
        rows = self._rows
        if self._stale:
            self._restart()
        if self._count < len(rows):
            self._grow(len(rows))
        if self._touched:
            self._refresh(self._touched)
            self._touched = []

    @property
    def seen(self) -> Collection[bytes]:
        """The packed unit points of all trials ever asked but those set aside, where they lie in the space as it is now."""
        rows = self._rows
        if self._stale:
            self._refreshed()
        if self._definition.reshaped:
            return self._placed()
        for row in rows[self._pointed :]:
            if not row.aside:
                self._points[row.asked.unit] = 1
        self._pointed = len(rows)
        return self._points.keys()

    def _placed(self) -> Collection[bytes]:
        """The packed points of trials that fit into the space as it is, those alone looked at that have come or moved."""
        self._refreshed()
        rows, units, fits = self._rows, self._store["units"], self._store["fits"]
        for number in self._moved:
            before = self._packed.pop(number, None)
            if before is not None:
                self._points[before] -= 1
                if not self._points[before]:
                    del self._points[before]
            if fits[number] and not rows[number].aside:
                self._packed[number] = point = units[number].tobytes()
                self._points[point] = self._points.get(point, 0) + 1
        self._moved.clear()
        return self._points.keys()

    def _restart(self) -> None:
        width, goals = len(self._definition.space), max(1, len(self._definition.goal.metrics))
        self._store = {
            "units": np.full((0, width), INACTIVE),
            "active": np.ones((0, width), bool),
            "losses": np.full((0, goals), np.nan),
            "violations": np.full(0, np.nan),
            "slacks": np.full((0, len(self._definition.goal.limits)), np.nan),
            "statuses": np.zeros(0, np.uint8),
            "fits": np.ones(0, bool),
        }
        self._count, self._pointed, self._stale = 0, 0, False
        self._points, self._packed, self._moved = {}, {}, []
        rows = self._rows
        self._touched = list(range(len(rows)))

    def _grow(self, size: int) -> None:
        fills: dict[str, float] = {"units": INACTIVE, "active": True, "fits": True}
        fills |= dict.fromkeys(("losses", "violations", "slacks"), np.nan)
        for name, column in self._store.items():
            if len(column) < size:
                wider = np.full((max(64, 2 * size), *column.shape[1:]), fills.get(name, 0), column.dtype)
                wider[: self._count] = column[: self._count]
                self._store[name] = wider
        new = slice(self._count, size)
        self._place(new)
        self._store["active"][new] = active(self._definition.space.slots, self._store["units"][new])
        self._store["statuses"][new] = [row.status for row in self._rows[new]]
        self._store["fits"][[number for number in self._rows.aside if new.start <= number < size]] = False
        self._count = size
        if self._definition.space.spec.revealed:
            for number in range(new.start, size):
                self._reveal(number)

    def _place(self, new: slice) -> None:
        rows = self._rows[new]
        units = self._store["units"]
        width = units.shape[1] * 8
        if all(len(row.asked.unit) == width for row in rows) and not self._reshaped():
            units[new] = np.frombuffer(b"".join(row.asked.unit for row in rows)).reshape(len(rows), -1)
            return
        for number, row in enumerate(rows, new.start):
            self._replace(number, row.params())

    def _reshaped(self) -> bool:
        return bool(self._definition.space.spec.revealed) or self._definition.reshaped

    def _replace(self, number: int, params: dict[str, Any]) -> None:
        space = self._definition.space
        self._moved.append(number)
        try:
            for slot in space.slots:
                if slot.name in params:
                    slot.parameter.check(slot.name, params[slot.name])
            self._store["units"][number] = space.encode(params)
        except SpaceError:
            self._store["fits"][number] = False

    def _reveal(self, number: int) -> None:
        row = self._rows[number]
        params = row.params()
        names = self._definition.space.names
        self._replace(number, params)
        self._store["active"][number] = [name in params for name in names]

    def _refresh(self, numbers: list[int]) -> None:
        """Fill in where trials are and what they have come to."""
        rows, goal = self._rows, self._definition.goal
        self._store["statuses"][numbers] = [rows[number].status for number in numbers]
        for name in ("losses", "violations", "slacks"):
            self._store[name][numbers] = np.nan
        good = [number for number in numbers if rows[number].losses is not None]
        if good:
            self._store["losses"][good] = [rows[number].losses for number in good]
            self._store["violations"][good] = [rows[number].violation for number in good]
            if goal.limits:
                self._store["slacks"][good] = [goal.slacks(rows[number].metrics or {}) for number in good]
        if self._definition.space.spec.revealed:
            for number in numbers:
                self._reveal(number)


def active(slots: Sequence[Slot], units: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which coordinates of unit points (n, d) are active, shape (n, d).

    Example:
        >>> from ..space.parameters import Float, Switch
        >>> from ..space.space import Space
        >>> slots = Space({"opt": Switch(sgd={"m": Float(0, 1)}, adam={})}).slots
        >>> active(slots, np.array([[0.1, 0.5], [0.9, 0.5]])).tolist()
        [[True, True], [True, False]]
    """
    mask = np.ones(units.shape, bool)
    for position, slot in enumerate(slots):
        if slot.parent >= 0:
            size = int(slots[slot.parent].parameter.size)
            taken = np.minimum(size - 1, (units[:, slot.parent] * size).astype(np.int64))
            mask[:, position] = mask[:, slot.parent] & np.isin(taken, slot.options)
    return mask
