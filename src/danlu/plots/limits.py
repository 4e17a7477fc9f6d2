"""How far an axis of values goes: never past the good ones, and not after the wild bad ones, of which the figure says how many there are."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..analysis.effects import of_many_sizes
from ..analysis.measured import Floats, Numbers
from ..problem.goal import Metric
from .colors import RED

REACH = 8.0
"""So many times the spread beyond the median a bad value may lie and still be shown at its place."""


class Limits(NamedTuple):
    """The ends of an axis of values.

    Attributes:
        low, high: the ends; NaN where there is no finite value.
        log: whether the scale is logarithmic.
        cut: how many values lie beyond the bad end.
    """

    low: float
    high: float
    log: bool
    cut: int


def limits(values: Floats, *, maximize: bool = False) -> Limits:
    """The ends of an axis that holds all good values, and bad ones up to ``REACH`` spreads beyond the median.

    The spread is twice the way from the median to the quartile on the good side, on the scale of the axis, so any share of wild values
    below a half leaves it as it is, however wild.

    Args:
        values: in the user's sign, shape (n,); those that are not finite count for nothing.
        maximize: whether large is good.

    Example:
        >>> found = limits(np.array([0.90, 0.91, 0.92, 0.93, 0.99, 0.0]), maximize=True)
        >>> found.high > 0.99, found.low > 0, found.cut
        (True, True, 1)
    """
    finite = values[np.isfinite(values)]
    if not len(finite):
        return Limits(float("nan"), float("nan"), log=False, cut=0)
    log = of_many_sizes(finite)
    shown = Metric("", maximize).loss(np.log(finite) if log else finite)
    best, low, middle = (float(each) for each in np.quantile(shown, [0, 0.25, 0.5]))
    kept = finite[shown <= middle + REACH * (2 * (middle - low) or middle - best or 0.1 * abs(middle) or 1.0)]
    log = log and of_many_sizes(kept)
    ends = np.log([kept.min(), kept.max()]) if log else np.array([kept.min(), kept.max()])
    room = 0.05 * (float(np.ptp(ends / 2)) * 2 or 0.1 * abs(float(ends[0])) or 1.0)
    around = np.array([-room, room])
    bounds = np.exp(np.clip(ends + around, -700, 700)) if log else np.clip(ends, -1e307, 1e307) + around
    return Limits(float(bounds[0]), float(bounds[1]), log, len(finite) - len(kept))


def apply(axes: Any, x: Floats | Numbers, values: Floats, *, maximize: bool, what: str = "trial") -> None:
    """Give an axes object its range of values, with marks at the rim for those that are cut, and a word on how many.

    Args:
        axes: matplotlib's.
        x: where the values stand, shape (n,).
        values: as drawn, shape (n,).
        maximize: whether large is good.
        what: is counted in the word on them.
    """
    found = limits(values, maximize=maximize)
    if np.isnan(found.low):
        return
    axes.set_yscale("log" if found.log else "linear")
    axes.set_ylim(found.low, found.high)
    if not found.cut:
        return
    rim = found.low if maximize else found.high
    loss = Metric("", maximize).loss
    beyond = np.isfinite(values) & (loss(values) > loss(rim))
    axes.scatter(
        x[beyond], np.full(int(beyond.sum()), rim), s=22, c=RED, marker="v" if maximize else "^", clip_on=False, zorder=4,
    )  # fmt: skip
    side = "below" if maximize else "above"
    axes.annotate(
        f"{found.cut} {what if found.cut == 1 else f'{what}s'} {side}", (0.99, 0.02 if maximize else 0.98), xycoords="axes fraction",
        ha="right", va="bottom" if maximize else "top", fontsize=7, color=RED,
    )  # fmt: skip
