"""What a person wants to see of a running study, as plain data: the live view and the lines share it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from ..analysis.pace import Pace, pace
from ..journal.events import Status
from ..journal.history import History
from ..problem.budget import Budget

_BARS = "▁▂▃▄▅▆▇█"


class Board(NamedTuple):
    """The state of a study at one moment.

    ``best`` is the best trial, of several goals the front. ``pace`` is what the page shows too.
    """

    name: str
    asked: int
    total: int | None
    counts: dict[str, int]
    best: str
    pace: Pace
    curves: tuple[tuple[int, int, str, str], ...]


def board(name: str, history: History, budget: Budget | None = None) -> Board:
    """Read a history; the budget is the journal's where none is given."""
    stored = history.definition.stored_config
    limits = budget or (Budget() if stored is None else stored.budget)
    return Board(
        name=name,
        asked=len(history),
        total=limits.trials,
        counts=dict(history.rows.states()),
        best=best_line(history),
        pace=pace(history, limits),
        curves=tuple(_curve(history, number) for number in sorted(history.rows.live[Status.RUNNING])[:8]),
    )


def best_line(history: History) -> str:
    """The best trial in a few words, of several goals how many are on the front and the ends of it; '' when there is none.

    Example:
        >>> import danlu
        >>> space = {"x": danlu.Float(0, 1)}
        >>> result = danlu.tune(lambda t: {"a": t["x"], "b": 1 - t["x"]}, space, minimize=["a", "b"], trials=4, sampler="quasirandom", seed=0)
        >>> best_line(result.history).split(":")[0]
        'front of 4 trials'
    """
    if history.incumbents.best is None:
        return ""
    if len(history.goal.metrics) > 1:
        return front_line(history)
    trial = history.trials.configuration(history.incumbents.best)
    metrics = ", ".join(f"{name}={value:.4g}" for name, value in list(trial.metrics.items())[:3])
    return f"trial {trial.number}: {metrics}"


def front_line(history: History) -> str:
    """The front in a few words: how many trials, and the best value of each goal on it."""
    front = [history.trials.configuration(number) for number in history.incumbents.front]
    ends = []
    for metric in history.goal.metrics[:3]:
        best = min(front, key=lambda trial: metric.loss(trial.metrics[metric.name]))
        ends.append(
            f"{metric.name} {'up' if metric.maximize else 'down'} to {best.metrics[metric.name]:.4g} (trial {best.number})"
        )
    return f"front of {len(front)} {'trial' if len(front) == 1 else 'trials'}: {', '.join(ends)}"


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


def _curve(history: History, number: int) -> tuple[int, int, str, str]:
    """Trial, newest step, newest value, sparkline."""
    curve = history.reports.curve(number)
    metric = history.goal.metrics[0].name
    values = curve.metrics.get(metric, ())
    newest = f"{values[-1]:.4g}" if values else ""
    return number, curve.steps[-1] if len(curve) else 0, newest, sparkline(values)
