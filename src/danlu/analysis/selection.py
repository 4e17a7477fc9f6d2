"""Which trials a person wants to see: one small language for the page, its address and the command line.

A selection is a mapping of names to texts, all of which have to hold: ``{"lr": "1e-4..1e-2", "opt": "sgd|adam",
"status": "done", "trial": "..99", "layers": "3|5..8", "val_loss": "..0.3", "tag": "good|odd"}``. A range has either end open; options and ranges are
parted by ``|``. ``true``, ``false`` and ``none`` may be written small or large.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from ..errors import SettingError
from ..journal.events import Status
from ..journal.history import History
from ..space.parameters import Choice
from ..space.slots import Slot

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Numbers = NDArray[np.int64]


def select(history: History, terms: Mapping[str, str]) -> Numbers:
    """The numbers of the trials for which every term holds, rising.

    A parameter that is not active in a trial holds no term about it; neither does a metric that is not known yet.

    Raises:
        SettingError: for an unknown name, option or status, or a range that is none.

    Example:
        >>> import danlu
        >>> result = danlu.tune(lambda t: t["x"], {"x": danlu.Float(0, 1)}, trials=20, seed=0)
        >>> rows = select(result.history, {"x": "..0.5", "status": "done"})
        >>> all(result.trials[row].params["x"] <= 0.5 for row in rows)
        True
    """
    kept = np.ones(len(history), bool)
    for name, text in terms.items():
        kept &= _holds(history, name, text)
    return np.flatnonzero(kept)


def _holds(history: History, name: str, text: str) -> Bools:
    slots = {slot.name: at for at, slot in enumerate(history.space.slots)}
    goals = [metric.name for metric in history.goal.metrics]
    if name in slots:
        return _parameter(history, slots[name], text)
    if name in goals:
        column = goals.index(name)
        return _within(history.goal.metrics[column].value(history.columns.losses[:, column]), name, text)
    if name == "status":
        codes = [_status(option) for option in text.split("|")]
        return np.isin(history.columns.statuses, codes)
    if name == "trial":
        return _within(np.arange(len(history), dtype=float), name, text)
    if name == "tag":
        wanted = {each.strip() for each in text.split("|")}
        return np.array([not wanted.isdisjoint(row.tags) for row in history.rows], bool)
    known = ", ".join([*slots, *goals, "status", "trial", "tag"])
    raise SettingError(f"there is nothing called {name!r} to select by. There are: {known}.")


def _parameter(history: History, at: int, text: str) -> Bools:
    slot = history.space.slots[at]
    column, on = history.columns.units[:, at], history.columns.active[:, at] & history.columns.fits
    if isinstance(slot.parameter, Choice):
        return on & np.isin(_taken(slot, column), _options(slot, text))
    holds = np.zeros(len(column), bool)
    for part in text.split("|"):
        holds |= _stretch(slot, column, *span(slot.name, part))
    return on & holds


def _stretch(slot: Slot, column: Floats, low: float, high: float) -> Bools:
    parameter = slot.parameter
    assert not isinstance(parameter, Choice)
    # what is at a bound of the range is at 0 or 1 exactly; the hair's breadth is for what was rounded on its way
    first = -1.0 if low <= parameter.low else parameter.encode(min(low, parameter.high)) - 1e-9
    last = 2.0 if high >= parameter.high else parameter.encode(max(high, parameter.low)) + 1e-9
    if low > parameter.high or high < parameter.low:
        return np.zeros(len(column), bool)
    return (column >= first) & (column <= last)


def _taken(slot: Slot, column: Floats) -> Numbers:
    size = int(slot.parameter.size)
    return np.minimum(size - 1, (column * size).astype(np.int64))


def _options(slot: Slot, text: str) -> list[int]:
    assert isinstance(slot.parameter, Choice)
    names = [str(value) for value in slot.parameter.values]
    small = {name.lower(): name for name in names if name in {"True", "False", "None"}}
    wanted = [option if option in names else small.get(option.lower(), option) for option in text.split("|")]
    for option in wanted:
        if option not in names:
            raise SettingError(f"{slot.name} has the options {', '.join(names)}, not {option!r}.")
    return [at for at, option in enumerate(names) if option in wanted]


def _status(option: str) -> int:
    names = [status.name.lower() for status in Status]
    if option not in names:
        raise SettingError(f"a trial is {', '.join(names)}, not {option!r}.")
    return names.index(option)


def _within(column: Floats, name: str, text: str) -> Bools:
    holds = np.zeros(len(column), bool)
    for part in text.split("|"):
        low, high = span(name, part)
        with np.errstate(invalid="ignore"):
            holds |= (column >= low) & (column <= high)
    return holds


def span(name: str, text: str) -> tuple[float, float]:
    """The two ends of a range as it is written.

    Raises:
        SettingError: when it is not ``low..high``, with numbers that rise.

    Example:
        >>> span("lr", "1e-4..0.01"), span("lr", "..3"), span("lr", "2")
        ((0.0001, 0.01), (-inf, 3.0), (2.0, 2.0))
    """
    first, dots, last = text.partition("..")
    try:
        low = float(first) if first else -math.inf
        high = (float(last) if last else math.inf) if dots else low
    except ValueError:
        low, high = math.nan, math.nan
    if not low <= high or not text:
        raise SettingError(
            f"a range of {name} reads low..high, ..high or low.., with low <= high, got {text!r}."
        )
    return low, high
