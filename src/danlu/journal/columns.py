"""The numpy columns of a history, brought up to date only when somebody looks."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import SpaceError
from ..space.space import INACTIVE, Slot

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .rows import Folded


class Columns:
    """Growing arrays behind the properties of ``History``.

    ``stale`` asks for all rows anew (the space changed); otherwise only new rows and those named by
    ``touch`` are read, in amortized constant time a row.
    """

    def __init__(self, history: Folded) -> None:
        self.stale = True
        self._history = history
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

    def current(self) -> Columns:
        """Self, up to date."""
        rows = self._history.rows
        if self.stale:
            self._restart()
        if self._count < len(rows):
            self._grow(len(rows))
        if self._touched:
            self._refresh(self._touched)
            self._touched = []
        return self

    def points(self) -> Collection[bytes]:
        """The packed points of all trials, each looked at once; of a space that has changed, where they lie in it now."""
        rows = self._history.rows
        if self.stale:
            self.current()
        if self._history.reshaped:
            return self._placed()
        for row in rows[self._pointed :]:
            if not row.aside:
                self._points[row.asked.unit] = 1
        self._pointed = len(rows)
        return self._points.keys()

    def _placed(self) -> Collection[bytes]:
        """The packed points of trials that fit into the space as it is, those alone looked at that have come or moved."""
        self.current()
        rows, units, fits = self._history.rows, self._store["units"], self._store["fits"]
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

    def __getattr__(self, name: str) -> NDArray[Any]:
        if name.startswith("_"):  # what is being copied has no columns yet
            raise AttributeError(name)
        try:
            view = self._store[name][: self._count]
        except KeyError:
            raise AttributeError(name) from None
        view.flags.writeable = False
        return view

    def _restart(self) -> None:
        width, goals = len(self._history.space), max(1, len(self._history.goal.metrics))
        self._store = {
            "units": np.full((0, width), INACTIVE),
            "active": np.ones((0, width), bool),
            "losses": np.full((0, goals), np.nan),
            "violations": np.full(0, np.nan),
            "slacks": np.full((0, len(self._history.goal.limits)), np.nan),
            "statuses": np.zeros(0, np.uint8),
            "fits": np.ones(0, bool),
        }
        self._count, self._pointed, self.stale = 0, 0, False
        self._points, self._packed, self._moved = {}, {}, []
        rows = self._history.rows
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
        self._store["active"][new] = active(self._history.space.slots, self._store["units"][new])
        self._store["statuses"][new] = [row.status for row in self._history.rows[new]]
        self._store["fits"][[number for number in self._history.aside if new.start <= number < size]] = False
        self._count = size
        if self._history.space.revealed:
            for number in range(new.start, size):
                self._reveal(number)

    def _place(self, new: slice) -> None:
        rows = self._history.rows[new]
        units = self._store["units"]
        width = units.shape[1] * 8
        if all(len(row.asked.unit) == width for row in rows) and not self._reshaped():
            units[new] = np.frombuffer(b"".join(row.asked.unit for row in rows)).reshape(len(rows), -1)
            return
        for number, row in enumerate(rows, new.start):
            self._replace(number, row.params())

    def _reshaped(self) -> bool:
        return bool(self._history.space.revealed) or self._history.reshaped

    def _replace(self, number: int, params: dict[str, Any]) -> None:
        space = self._history.space
        self._moved.append(number)
        try:
            for slot in space.slots:
                if slot.name in params:
                    slot.parameter.check(slot.name, params[slot.name])
            self._store["units"][number] = space.encode(params)
        except SpaceError:
            self._store["fits"][number] = False

    def _reveal(self, number: int) -> None:
        row = self._history.rows[number]
        params = row.params()
        names = self._history.space.names
        self._replace(number, params)
        self._store["active"][number] = [name in params for name in names]

    def _refresh(self, numbers: list[int]) -> None:
        """Fill in where trials are and what they have come to."""
        rows, goal = self._history.rows, self._history.goal
        self._store["statuses"][numbers] = [rows[number].status for number in numbers]
        for name in ("losses", "violations", "slacks"):
            self._store[name][numbers] = np.nan
        good = [number for number in numbers if rows[number].losses is not None]
        if good:
            self._store["losses"][good] = [rows[number].losses for number in good]
            self._store["violations"][good] = [rows[number].violation for number in good]
            if goal.limits:
                self._store["slacks"][good] = [goal.slacks(rows[number].metrics or {}) for number in good]
        if self._history.space.revealed:
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
