"""Figures whose axes are parameters: importance, effects, slices, parallel coordinates, surfaces, learning rates."""

from __future__ import annotations

import warnings
from itertools import islice
from typing import Any

import numpy as np

from ..analysis.effects import Effects, Surface
from ..analysis.importance import Importance
from ..analysis.ranks import RankedTrials
from ..analysis.trial_table import Axis, TrialTable
from ..errors import SettingError
from ..problem.goal import Metric
from . import limits
from .colors import BLUE, GRAY, GREEN, RED
from .labels import legible, short, ticks

GOOD_TO_BAD = "viridis_r"
"""The color map of values: even steps to any eye, and in gray."""


SHOWN = 30
"""So many parameters are shown as bars; the others matter less than all of them."""


def draw_importance(found: Importance, axes: Any) -> None:
    """Shares as bars, the interval of resampled studies as whiskers; the most important that have room.

    Bars in gray belong to a study in which nothing can be told apart.
    """
    shown = found.parameters[: min(SHOWN, max(5, int(_height(axes) / POINTS)))]
    shares = shown[::-1]
    width = [
        [max(0.0, share.share - share.low) for share in shares],
        [max(0.0, share.high - share.share) for share in shares],
    ]
    axes.barh(
        range(len(shares)),
        [share.share for share in shares],
        color=BLUE if found.told or len(shares) < 2 else GRAY,
        xerr=width,
        error_kw={"ecolor": "black" if not found.told else GRAY, "capsize": 2},
    )
    size = 10 if _height(axes) / max(1, len(shares)) > 14 else 7
    axes.set_yticks(range(len(shares)), legible(share.name for share in shares), fontsize=size)
    rest = len(found.parameters) - len(shown)
    axes.set(xlabel=f"share of {found.metric} ({found.method})", xlim=(0, None))
    said = [
        found.notice,
        f"{rest} more parameters, each with less than {shown[-1].share:.1%}" if rest else "",
    ]
    if any(said):
        axes.set_title("\n".join(filter(None, said)), fontsize=7, wrap=True)


POINTS = 9.0
"""Typographic points that a line of a figure needs."""


def _height(axes: Any) -> float:
    """The height of axes in typographic points."""
    return float(axes.get_position().height * axes.figure.get_figheight() * 72)


def _width(axes: Any) -> float:
    return float(axes.get_position().width * axes.figure.get_figwidth() * 72)


def draw_effects(found: Effects, axes: Any) -> None:
    """Partial dependence with its band, a panel a parameter, the widest first.

    ``axes`` are one or several; with one, the widest effect alone is drawn.
    """
    panels = np.atleast_1d(np.asarray(axes, object)).ravel()
    for panel, effect in zip(panels, found.effects, strict=False):
        if effect.axis.kind == "choice":
            panel.errorbar(
                effect.units,
                effect.mean,
                [effect.mean - effect.low, effect.high - effect.mean],
                fmt="o",
                color=BLUE,
                capsize=3,
            )
        else:
            panel.plot(effect.units, effect.mean, color=BLUE)
            panel.fill_between(effect.units, effect.low, effect.high, color=BLUE, alpha=0.2, linewidth=0)
        _ticks(panel, effect.axis)
        panel.set(ylabel=legible([found.metric])[0], yscale="log" if found.log else "linear")
    for panel in panels[len(found.effects) :]:
        panel.set_axis_off()


def draw_slices(found: TrialTable, axes: Any) -> None:
    """Every trial's first metric over each parameter, later trials darker; axes as in ``draw_effects``."""
    panels = np.atleast_1d(np.asarray(axes, object)).ravel()
    for at, (panel, axis) in enumerate(zip(panels, found.axes, strict=False)):
        panel.scatter(
            found.units[:, at],
            found.values[:, 0],
            s=10,
            c=found.numbers,
            cmap="Blues",
            vmin=-0.3 * max(1, found.numbers.max(initial=0)),
            alpha=0.8,
        )
        _ticks(panel, axis)
        panel.set(ylabel=legible([found.metrics[0]])[0])
        there = np.isfinite(found.units[:, at])
        limits.apply(panel, found.units[there, at], found.values[there, 0], maximize=found.maximize[0])
    for panel in panels[len(found.axes) :]:
        panel.set_axis_off()


PAIRED = 6
"""So many pairs of parameters are drawn."""


def pairs(found: RankedTrials) -> list[tuple[int, int]]:
    """The pairs of parameters of a figure of ranks, as places: the first that any trial has both of; of one parameter it with itself.

    Example:
        >>> import danlu
        >>> from danlu.analysis import ranks
        >>> space = {name: danlu.Float(0, 1) for name in "abc"}
        >>> pairs(ranks(danlu.tune(lambda t: t["a"], space, trials=3).history))
        [(0, 1), (0, 2), (1, 2)]
    """
    there = np.isfinite(found.table.units)
    if there.shape[1] == 1:
        return [(0, 0)]
    both = ((x, y) for y in range(there.shape[1]) for x in range(y) if (there[:, x] & there[:, y]).any())
    return list(islice(both, PAIRED))


def draw_ranks(found: RankedTrials, axes: Any) -> None:
    """Pairs of parameters, each trial in the color of its rank, the best drawn last; trials without a value are gray crosses.

    ``axes`` are as many as ``pairs``, or fewer, which are filled in that order.
    """
    panels = np.atleast_1d(np.asarray(axes, object)).ravel()
    table = found.table
    known = np.isfinite(found.ranks)
    order = np.flatnonzero(known)[np.argsort(-found.ranks[known], kind="stable")]
    drawn = None
    places = pairs(found)
    for panel, (x, y) in zip(panels, places, strict=False):
        panel.scatter(
            table.units[~known, x], table.units[~known, y], s=10, c=GRAY, marker="x", linewidths=0.7
        )
        drawn = panel.scatter(
            table.units[order, x],
            table.units[order, y],
            s=14,
            c=found.ranks[order],
            cmap=GOOD_TO_BAD,
            vmin=0,
            vmax=1,
        )
        _ticks(panel, table.axes[x])
        panel.set_yticks(*ticks(table.axes[y]), fontsize=7)
        panel.set(ylabel=legible([table.axes[y].name])[0], ylim=(-0.03, 1.03))
    for panel in panels[len(places) :]:
        panel.set_axis_off()
    if drawn is not None:
        bar = panels[0].figure.colorbar(drawn, ax=list(panels), label=f"rank in {legible([found.metric])[0]}")
        bar.set_ticks([0, 1], labels=["best", "worst"])


def draw_parallel(found: TrialTable, axes: Any) -> None:
    """A line a trial through its coordinates, colored by the rank of its first metric; gaps where a parameter is off."""
    from matplotlib import colormaps
    from matplotlib.collections import LineCollection

    values = Metric(found.metrics[0], found.maximize[0]).loss(found.values[:, 0])
    known = np.isfinite(values)
    ranks = np.argsort(np.argsort(values[known])) / max(1, known.sum() - 1)
    units = np.column_stack([found.units[known], 1 - ranks])
    order = np.argsort(-ranks, kind="stable")
    lines = [np.column_stack([np.arange(units.shape[1]), line]) for line in units[order]]
    colors = colormaps[GOOD_TO_BAD](ranks[order])
    colors[:, 3] = 0.15 + 0.75 * (1 - ranks[order])
    axes.add_collection(LineCollection(lines, colors=colors, linewidths=1))
    axes.set_xlim(-0.2, len(found.axes) + 0.2)
    axes.set_ylim(-0.05, 1.05)
    names = legible([*(axis.name for axis in found.axes), f"{short(found.metrics[0], 16)} (rank)"])
    room = _width(axes) / len(names)
    axes.set_xticks(
        range(len(names)), names, rotation=20 if room > 6 * max(map(len, names)) else 90,
        ha="right" if room > 6 * max(map(len, names)) else "center", fontsize=8 if room > POINTS else max(3.0, 0.8 * room),
    )  # fmt: skip
    axes.set(yticks=[], ylabel="best on top")
    for at, axis in enumerate(found.axes):
        axes.axvline(at, color=GRAY, linewidth=0.6, zorder=0)
        places, labels = ticks(axis)
        if room < 4 * max(map(len, labels)):
            continue  # they would stand on the next axis
        for place, label in zip(places, labels, strict=True):
            axes.text(at + 0.02, place, label, fontsize=6, color="dimgray", va="center")


def draw_surface(found: Surface, axes: Any, *, uncertain: bool = False) -> None:
    """What two parameters do together as a contour, with the trials on it; its standard deviation with ``uncertain``."""
    shown = found.deviation if uncertain else found.mean
    filled = axes.contourf(
        found.x_units,
        found.y_units,
        shown,
        levels=14,
        cmap="Greys" if uncertain else GOOD_TO_BAD if not found.maximize else "viridis",
    )
    axes.scatter(found.points[:, 0], found.points[:, 1], s=8, c="white", edgecolors="black", linewidths=0.4)
    what = f"standard deviation of {found.metric}" if uncertain else found.metric
    axes.figure.colorbar(filled, ax=axes, label=what)
    _ticks(axes, found.x)
    axes.set_yticks(*ticks(found.y), fontsize=7)
    axes.set(ylabel=legible([found.y.name])[0], xlim=(0, 1), ylim=(0, 1))


def draw_rates(found: Any, axes: Any) -> None:
    """The loss over the learning rate of a ``deep.LRFinderResult``, the advised rate marked."""
    finite = np.where(np.isfinite(found.losses), found.losses, np.nan)
    for row in finite:
        axes.plot(found.rates, row, color=GRAY, alpha=0.5, linewidth=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # rates at which every seed diverged have no mean
        axes.plot(found.rates, np.nanmean(finite, axis=0), color=BLUE, marker=".")
    axes.axvspan(found.low, found.high, color=GREEN, alpha=0.15, label="as good")
    axes.axvline(found.rate, color=GREEN, label=f"advised: {found.rate:.2g}")
    axes.set(
        xscale="log", xlabel=f"learning rate of {found.optimizer}", ylabel=f"loss after {found.steps} steps"
    )
    bottom, start = np.nanmin(finite), np.nanmedian(finite[:, :3])
    axes.set_ylim(bottom - 0.1 * abs(start - bottom), max(start, bottom) + 0.5 * abs(start - bottom) + 1e-9)
    axes.legend()


def draw_forks(curves: Any, axes: Any, *, title: str) -> None:
    """The validation loss of a training and of its forks over the epochs (``deep.diagnose``)."""
    for name, curve in curves.items():
        own = name == "as it was"
        axes.plot(
            range(1, len(curve) + 1),
            [scores["val_loss"] for scores in curve],
            label=name,
            color="black" if own else None,
            linewidth=2 if own else 1,
        )
    own = curves["as it was"]
    axes.plot(
        range(1, len(own) + 1),
        [scores["train_loss"] for scores in own],
        color=RED,
        linestyle=":",
        label="as it was, training",
    )
    first = [curve[0]["val_loss"] for curve in curves.values() if np.isfinite(curve[0]["val_loss"])]
    axes.set(xlabel="epoch", ylabel="validation loss", title=title)
    if first:
        axes.set_ylim(0, 1.5 * max(first) if max(first) < 10 * min(first) else 3 * min(first))
    axes.legend(fontsize=7)


def _ticks(axes: Any, axis: Axis) -> None:
    places, labels = ticks(axis)
    wide = sum(map(len, labels)) * 5 > _width(axes)
    axes.set_xticks(
        places, legible(labels), fontsize=7, rotation=30 if wide else 0, ha="right" if wide else "center"
    )
    axes.set(xlabel=legible([axis.name])[0], xlim=(-0.03, 1.03))


def pair_of(found: Importance) -> tuple[str, str]:
    """The two parameters that matter most.

    Raises:
        SettingError: when the space has one parameter.
    """
    if len(found.parameters) < 2:
        raise SettingError("a surface needs two parameters, the space has one.")
    return found.parameters[0].name, found.parameters[1].name
