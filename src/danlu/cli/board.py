"""What a person wants to see of a running study, as plain data: the live view and the lines share it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from ..journal.events import Status
from ..journal.history import History
from ..problem.budget import Budget

_BARS = "▁▂▃▄▅▆▇█"


class Board(NamedTuple):
    """The state of a study at one moment."""

    name: str
    asked: int
    total: int | None
    counts: dict[str, int]
    best: str
    rate: float
    left: float | None
    curves: tuple[tuple[int, int, str, str], ...]


def board(name: str, history: History, budget: Budget, seconds: float) -> Board:
    """Read a history; ``seconds`` is the time it has been driven, the source of rates."""
    counts = history.rows.states()
    rate = history.spent.finished / seconds if seconds > 0 else 0.0
    left = None
    if budget.trials is not None and rate > 0:
        left = max(0, budget.trials - history.spent.finished) / rate
    return Board(
        name=name,
        asked=len(history),
        total=budget.trials,
        counts=dict(counts),
        best=best_line(history),
        rate=rate,
        left=left,
        curves=tuple(_curve(history, number) for number in sorted(history.rows.live[Status.RUNNING])[:8]),
    )


def best_line(history: History) -> str:
    """The best trial in a few words, '' when there is none."""
    if history.incumbents.best is None:
        return ""
    trial = history.trials.configuration(history.incumbents.best)
    metrics = ", ".join(f"{name}={value:.4g}" for name, value in list(trial.metrics.items())[:3])
    return f"trial {trial.number}: {metrics}"


def sparkline(values: Sequence[float], width: int = 24) -> str:
    """A curve in one line of text; values that are not finite are gaps.

    Example:
        >>> sparkline((1.0, 2.0, 3.0))
        '▁▅█'
    """
    shown = values[-width:]
    finite = [value for value in shown if math.isfinite(value)]
    if not finite:
        return " " * len(shown)
    low, high = min(finite), max(finite)
    span = high - low or 1.0
    marks = [
        _BARS[math.floor((value - low) / span * (len(_BARS) - 1) + 0.5)] if math.isfinite(value) else " "
        for value in shown
    ]
    return "".join(marks)


def duration(seconds: float | None) -> str:
    """Seconds for eyes: ``8s``, ``2m05s``, ``3h20m``.

    Example:
        >>> duration(125)
        '2m05s'
    """
    if seconds is None or not math.isfinite(seconds):
        return "?"
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    return f"{whole // 3600}h{whole % 3600 // 60:02d}m"


def _curve(history: History, number: int) -> tuple[int, int, str, str]:
    """Trial, newest step, newest value, sparkline."""
    curve = history.reports.curve(number)
    metric = history.goal.metrics[0].name
    values = curve.metrics.get(metric, ())
    newest = f"{values[-1]:.4g}" if values else ""
    return number, curve.steps[-1] if len(curve) else 0, newest, sparkline(values)
