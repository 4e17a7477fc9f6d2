"""Trials as rows of coordinates and metrics: what parallel coordinates, slices and the front are drawn from."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

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


def trial_table(
    history: History, rows: Numbers | None = None, metric: str | None = None, *, most: int = 1000
) -> TrialTable:
    """At most ``most`` trials: the best fifth of the places, the running ones, the rest evenly spread.

    Args:
        history: of the study.
        rows: trial numbers to choose among, rising; all when None.
        metric: by which the best are chosen, of the goal; its first when None.
        most: how many trials at most (at least 5).

    Example:
        >>> import danlu
        >>> found = trial_table(danlu.tune(lambda t: t["x"], {"x": danlu.Float(0, 1)}, trials=5).history)
        >>> found.units.shape, [axis.name for axis in found.axes]
        ((5, 1), ['x'])
    """
    all_ = np.arange(len(history)) if rows is None else rows
    names = [each.name for each in history.goal.metrics]
    kept = chosen(history, all_, most, names.index(metric) if metric is not None else 0)
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
    round_ = _round_numbers(parameter.low, parameter.high, log=parameter.log, whole=kind == "int")
    marks = list(dict.fromkeys([parameter.low, *round_, parameter.high]))
    if math.isfinite(parameter.size):  # what is written is a value that it can have
        marks = list(dict.fromkeys(parameter.decode(parameter.encode(mark)) for mark in marks))
    places = [parameter.encode(mark) for mark in marks]
    ticks = tuple(zip(places, tick_labels(marks), strict=True))
    return Axis(name, kind, parameter.log, ticks, float(parameter.low), float(parameter.high))


def tick_labels(marks: Sequence[float]) -> list[str]:
    """What is written at the ticks of one axis: each number to a thousandth of the distance between two, none twice.

    The page's own axes are labeled by the same rule (``dashboard/static/format.js``).

    Args:
        marks: the numbers, rising, none twice.

    Example:
        >>> tick_labels([1, 2, 3]), tick_labels([0.001, 0.1, 1.0]), tick_labels([-1.9634e9, -1.96e9])
        (['1', '2', '3'], ['0.001', '0.1', '1'], ['-1.9634e9', '-1.96e9'])
    """
    exact = [float(mark) for mark in marks]
    gap = min((high - low for low, high in pairwise(exact)), default=0.0) or abs(exact[0]) or 1.0
    return [_label(mark, 1e-3 * gap) for mark in marks]


def _label(mark: float, off: float) -> str:
    if isinstance(mark, int) and abs(mark) < 10_000_000:
        return str(mark)
    for digits in range(1, 18):
        text = f"{mark:.{digits - 1}e}"
        if abs(float(text) - mark) <= off or digits == 17:
            break
    size = abs(mark)
    if size == 0 or 1e-4 <= size < 1e7:
        return f"{float(text):.17g}" if float(f"{float(text):.15g}") != float(text) else f"{float(text):.15g}"
    mantissa, _, exponent = text.partition("e")
    return f"{mantissa.rstrip('0').rstrip('.') if '.' in mantissa else mantissa}e{int(exponent)}"


def _round_numbers(low: float, high: float, *, log: bool, whole: bool) -> list[float]:
    """A few round numbers strictly between two bounds, not crowded at either."""
    if log:
        first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
        step = max(1, (last - first) // 5 + 1)
        powers = [float(f"1e{power}") for power in range(first, last + 1, step)]
        finer = [float(f"{size}e{power}") for power in range(first, last + 1) for size in (1, 2, 5)]
        marks = powers if last - first > 3 else finer
        ends = math.log10(low), math.log10(high)
        margin = 0.08 * (ends[1] - ends[0])
        kept = [mark for mark in marks if margin < math.log10(mark) - ends[0] < ends[1] - ends[0] - margin]
        if len(kept) > 4:
            kept = [mark for mark in kept if mark in powers]
    else:
        raw = (high - low) / 4
        unit = 10.0 ** math.floor(math.log10(raw))
        size = next((size * unit for size in (1, 2, 5, 10) if size * unit >= raw), raw)
        size = max(1.0, round(size)) if whole else size
        margin = 0.08 * (high - low)
        steps = np.arange(math.ceil(low / size), math.floor(high / size) + 1) * size
        kept = [float(f"{mark:.12g}") for mark in steps if low + margin < mark < high - margin]
    return list(dict.fromkeys(int(mark) for mark in kept if mark == int(mark))) if whole else kept
