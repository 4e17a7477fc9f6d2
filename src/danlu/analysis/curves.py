"""The learning curves of many trials at once, and which of them were ended early."""

from __future__ import annotations

import msgspec
import numpy as np

from ..journal.events import Status
from ..journal.history import History
from .measured import Floats, Numbers, chosen, measured, thinned


class CurveLine(msgspec.Struct, frozen=True):
    """One trial's curve, thinned: steps (k,), values (k,) in the user's sign, and how the trial stands."""

    trial: int
    status: int
    steps: Numbers
    values: Floats


class Curves(msgspec.Struct, frozen=True):
    """The curves of a metric.

    Attributes:
        metric: its name.
        metrics: all that were reported.
        maximize: whether large is good.
        lines: one a trial, the best trial's last.
        best: the best trial's number among all, -1 when there is none.
        total: how many trials have a curve; more than lines where they were thinned.
    """

    metric: str
    metrics: tuple[str, ...]
    maximize: bool
    lines: tuple[CurveLine, ...]
    best: int
    total: int


def curves(
    history: History,
    metric: str | None = None,
    rows: Numbers | None = None,
    *,
    most: int = 200,
    points: int = 60,
) -> Curves:
    """At most ``most`` curves of at most ``points`` points: the best, the running, the rest evenly spread.

    ``metric`` may be any that was reported; the goal's first when None. A metric that nobody reported has no lines.

    Example:
        >>> import danlu
        >>> def train(trial):
        ...     for step in range(1, 5):
        ...         trial.report(step, loss=trial["x"] / step)
        >>> found = curves(danlu.tune(train, {"x": danlu.Float(0, 1)}, minimize="loss", trials=3).history)
        >>> found.total, found.lines[-1].trial == found.best
        (3, True)
    """
    goal = measured(history)
    name = metric or goal.name
    maximize = (
        goal.metric.maximize
        if name == goal.name
        else any(m.name == name and m.maximize for m in history.goal.metrics)
    )
    all_ = np.arange(len(history)) if rows is None else rows
    trained = all_[history.columns.lengths[all_] > 0] if len(all_) else all_
    best = -1 if history.incumbents.best is None else history.incumbents.best
    lines = []
    for number in sorted(chosen(history, trained, most).tolist(), key=lambda each: each == best):
        curve = history.reports.curve(number)
        values = np.array(curve.metrics.get(name, ()))
        kept = thinned(len(values), points)
        if len(kept):
            steps = np.array(curve.steps, np.int64)[kept]
            lines.append(CurveLine(number, int(history.columns.statuses[number]), steps, values[kept]))
    return Curves(name, history.reports.names, maximize, tuple(lines), best, len(trained))


EARLY = (int(Status.STOPPED), int(Status.PAUSED))
"""The statuses of trials whose curves end before their time."""
