"""Figures whose marks are trials: history, curves, front, timeline, regret, comparison."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..analysis.compare import Comparison
from ..analysis.curves import EARLY, Curves
from ..analysis.edf import Edf
from ..analysis.progress import Progress, Regret
from ..analysis.timeline import Timeline
from ..analysis.trial_table import TrialTable
from ..errors import SettingError
from ..journal.events import Status
from . import limits
from .colors import BLUE, CYCLE, GRAY, ORANGE, RED, STATUS
from .labels import legible, whole_numbers


def draw_progress(found: Progress, axes: Any) -> None:
    """Every trial's value, and the best so far as a line."""
    for status, (color, marker) in STATUS.items():
        at = found.statuses == status
        if at.any():
            label = status.name.lower()
            axes.scatter(
                found.numbers[at], found.values[at], s=14, c=color, marker=marker, alpha=0.7, label=label
            )
    if len(found.best_numbers):
        ends = [*found.best_numbers, found.numbers[-1]]
        axes.step(
            ends, [*found.best_values, found.best_values[-1]], where="post", color=RED, label="best so far"
        )
    axes.set(xlabel="trial", ylabel=legible([found.metric])[0])
    whole_numbers(axes.xaxis)
    limits.apply(axes, found.numbers, found.values, maximize=found.maximize)
    _legend(axes)


def draw_curves(found: Curves, axes: Any) -> None:
    """Learning curves; those that were ended early end in a triangle, the best is thick."""
    for line in found.lines:
        best = line.trial == found.best
        early = line.status in EARLY
        color = RED if best else ORANGE if early else STATUS[Status(line.status)][0]
        axes.plot(
            line.along,
            line.values,
            color=color,
            linewidth=2 if best else 0.8,
            alpha=1 if best else 0.5,
            zorder=3 if best else 2,
        )
        if early:
            axes.plot(line.along[-1], line.values[-1], marker="v", color=ORANGE, markersize=4, zorder=3)
    called = {"step": found.unit, "seconds": "seconds of run time"}.get(found.x, found.x)
    axes.set(xlabel=legible([called])[0], ylabel=legible([found.metric])[0])
    if found.x == "step":
        whole_numbers(axes.xaxis)
    if found.lines:
        steps = np.concatenate([line.along for line in found.lines])
        values = np.concatenate([line.values for line in found.lines])
        limits.apply(axes, steps, values, maximize=found.maximize, what="report")
    for label, color, marker in (("best", RED, ""), ("ended early", ORANGE, "v"), ("done", BLUE, "")):
        axes.plot([], [], color=color, marker=marker, label=label)
    _legend(axes)


def draw_front(found: TrialTable, axes: Any) -> None:
    """Two metrics of several goals over each other, the trials that none beats marked.

    Raises:
        SettingError: for a study with one goal.
    """
    if len(found.metrics) < 2:
        raise SettingError("a front needs a goal of two metrics or more, this study has one.")
    x, y = found.values[:, 0], found.values[:, 1]
    axes.scatter(x, y, s=12, c=GRAY, alpha=0.6, label="trial")
    at = np.isin(found.numbers, found.front)
    order = np.argsort(x[at])
    axes.plot(
        x[at][order],
        y[at][order],
        color=RED,
        marker="o",
        markersize=5,
        label="front",
        drawstyle="steps-post" if len(found.metrics) == 2 else "default",
        linestyle="-" if len(found.metrics) == 2 else "",
    )
    axes.set(xlabel=_directed(found, 0), ylabel=_directed(found, 1))
    _legend(axes)


def draw_timeline(found: Timeline, axes: Any) -> None:
    """What each worker ran when."""
    for status, (color, _) in STATUS.items():
        at = found.statuses == status
        if at.any():
            axes.barh(
                found.lanes[at],
                (found.ends - found.starts)[at],
                left=found.starts[at],
                height=0.8,
                color=color,
                edgecolor="white",
                linewidth=0.3,
                label=status.name.lower(),
            )
    axes.set(
        xlabel="seconds",
        ylabel="worker",
        yticks=range(len(found.workers)) if len(found.workers) <= 20 else [],
    )
    axes.set_ylim(-0.6, max(0.6, len(found.workers) - 0.4))
    _legend(axes)


def draw_regret(found: Regret, axes: Any) -> None:
    """How far from the best the study was, by steps trained (trials where nobody reported any)."""
    steps = found.steps if found.steps.any() else found.trials + 1
    positive = found.regret > 0
    axes.step(steps, np.where(positive, found.regret, np.nan), where="post", color=BLUE)
    if positive.any():
        axes.set(yscale="log")
    axes.set(
        xlabel="steps trained" if found.steps.any() else "trials",
        ylabel=f"distance from the best {found.metric}",
    )


def draw_edf(found: Edf, axes: Any) -> None:
    """Which share of trials is not above a value, a line a study."""
    for color, line in zip(CYCLE * (1 + len(found.lines) // len(CYCLE)), found.lines, strict=False):
        if len(line.values):
            axes.step(
                [line.values[0], *line.values], [0.0, *line.shares], where="post", color=color,
                label=f"{legible([line.name])[0]} ({line.trials})",
            )  # fmt: skip
    better = "larger" if found.maximize else "smaller"
    axes.set(
        xlabel=f"{legible([found.metric])[0]} ({better} is better)", ylabel="share of trials", ylim=(0, 1.02)
    )
    values = np.concatenate([line.values for line in found.lines])
    shown = limits.limits(values, maximize=found.maximize)
    if np.isnan(shown.low):
        return
    axes.set_xscale("log" if shown.log else "linear")
    axes.set_xlim(shown.low, shown.high)
    if shown.cut:
        side = "left" if found.maximize else "right"
        axes.set_title(
            f"{shown.cut} {'value lies' if shown.cut == 1 else 'values lie'} further to the {side}",
            fontsize=7,
        )
    if len(found.lines) > 1:
        _legend(axes)


def draw_comparison(found: Comparison, axes: Any) -> None:
    """The median best value of each group by trials, the middle half of the ends as a bar."""
    for color, group in zip(CYCLE * (1 + len(found.groups) // len(CYCLE)), found.groups, strict=False):
        axes.step(
            found.marks, group.curve, where="post", color=color, label=f"{group.name} ({len(group.best)})"
        )
        axes.errorbar(
            found.trials,
            group.median,
            [[group.median - group.low], [group.high - group.median]],
            color=color,
            capsize=3,
        )
    axes.set(
        xlabel="trials",
        ylabel=f"best {legible([found.metric])[0]}",
        xscale="log" if found.trials > 20 else "linear",
    )
    limits.apply(
        axes, np.concatenate([found.marks for _ in found.groups]), np.concatenate([group.curve for group in found.groups]),
        maximize=found.maximize, what="point",
    )  # fmt: skip
    _legend(axes)


def _directed(found: TrialTable, at: int) -> str:
    return f"{legible([found.metrics[at]])[0]} ({'larger' if found.maximize[at] else 'smaller'} is better)"


def _legend(axes: Any) -> None:
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7, frameon=False)
