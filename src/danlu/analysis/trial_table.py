"""Trials as rows of coordinates and metrics: what parallel coordinates, slices and the front are drawn from."""

from __future__ import annotations

import math

import msgspec
import numpy as np

from ..journal.history import History
from ..space.parameters import Choice, Float, Leaf
from .measured import Floats, Numbers, chosen


class Axis(msgspec.Struct, frozen=True):
    """A parameter as an axis from 0 to 1.

    Attributes:
        name: the parameter's.
        kind: ``float``, ``int`` or ``choice``.
        log: whether its scale is logarithmic.
        ticks: places in [0, 1], rising, with what stands there.
        low, high: its bounds; for a choice the first and last number of its options.
    """

    name: str
    kind: str
    log: bool
    ticks: tuple[tuple[float, str], ...]
    low: float
    high: float


class TrialTable(msgspec.Struct, frozen=True):
    """Trials by coordinates and metrics.

    Attributes:
        numbers: of the trials, rising, shape (n,).
        statuses: ``Status`` codes, shape (n,).
        axes: one a parameter, d in all.
        units: coordinates in [0, 1]; NaN where a parameter is not active, shape (n, d).
        metrics: names of the goal's.
        maximize: for each metric whether large is good.
        values: in the user's sign, NaN where not known, shape (n, m).
        front: of these trials those that no trial beats.
        total: how many trials there are; more than n where they were thinned.
    """

    numbers: Numbers
    statuses: Numbers
    axes: tuple[Axis, ...]
    units: Floats
    metrics: tuple[str, ...]
    maximize: tuple[bool, ...]
    values: Floats
    front: Numbers
    total: int


def trial_table(history: History, rows: Numbers | None = None, *, most: int = 1000) -> TrialTable:
    """At most ``most`` trials: the best fifth of the places, the running ones, the rest evenly spread.

    Example:
        >>> import danlu
        >>> found = trial_table(danlu.tune(lambda t: t["x"], {"x": danlu.Float(0, 1)}, trials=5).history)
        >>> found.units.shape, [axis.name for axis in found.axes]
        ((5, 1), ['x'])
    """
    all_ = np.arange(len(history)) if rows is None else rows
    kept = chosen(history, all_, most)
    on = history.columns.active[kept] & history.columns.fits[kept][:, None]
    goal = history.goal.metrics
    losses = history.columns.losses[kept]
    values = [metric.value(losses[:, column]) for column, metric in enumerate(goal)]
    front = np.array(sorted(history.incumbents.front), np.int64)
    return TrialTable(
        kept, history.columns.statuses[kept].astype(np.int64), axes(history),
        np.where(on, history.columns.units[kept], np.nan), tuple(metric.name for metric in goal),
        tuple(metric.maximize for metric in goal),
        np.column_stack(values) if values else np.zeros((len(kept), 0)),
        np.intersect1d(front, kept), len(all_),
    )  # fmt: skip


def axes(history: History) -> tuple[Axis, ...]:
    """The parameters of a study as axes."""
    return tuple(axis(slot.name, slot.parameter) for slot in history.space.slots)


def axis(name: str, parameter: Leaf) -> Axis:
    """One parameter as an axis.

    Example:
        >>> axis("x", Float(0, 1)).ticks
        ((0.0, '0'), (0.5, '0.5'), (1.0, '1'))
    """
    if isinstance(parameter, Choice):
        size = len(parameter.values)
        ticks = tuple(((at + 0.5) / size, str(value)) for at, value in enumerate(parameter.values))
        return Axis(name, "choice", False, ticks, 0.0, size - 1.0)
    kind = "float" if isinstance(parameter, Float) else "int"
    marks = [parameter.low, *_round_numbers(parameter.low, parameter.high, log=parameter.log), parameter.high]
    ticks = tuple(
        (parameter.encode(mark if kind == "float" else int(mark)), f"{mark:.4g}")
        for mark in dict.fromkeys(marks)
    )
    return Axis(name, kind, parameter.log, ticks, float(parameter.low), float(parameter.high))


def _round_numbers(low: float, high: float, *, log: bool) -> list[float]:
    """A few round numbers strictly between two bounds, not crowded at either."""
    if log:
        first, last = math.ceil(math.log10(low) + 0.3), math.floor(math.log10(high) - 0.3)
        step = max(1, (last - first) // 4 + 1)
        return [float(f"1e{power}") for power in range(first, last + 1, step)]
    raw = (high - low) / 4
    unit = 10.0 ** math.floor(math.log10(raw))
    step_ = next(size * unit for size in (1, 2, 5, 10) if size * unit >= raw)
    marks = np.arange(math.ceil(low / step_), math.floor(high / step_) + 1) * step_
    margin = 0.08 * (high - low)
    return [float(f"{mark:.12g}") for mark in marks if low + margin < mark < high - margin]
