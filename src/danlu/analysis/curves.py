"""The learning curves of many trials at once, and which of them were ended early."""

from __future__ import annotations

import msgspec
import numpy as np

from ..errors import SettingError
from ..journal.events import Status
from ..journal.history import History
from ..journal.trial import Curve
from .measured import Floats, Numbers, chosen, measured, thinned


class CurveLine(msgspec.Struct, frozen=True):
    """One trial's curve, thinned.

    Attributes:
        trial: its number.
        status: its ``Status`` code.
        steps: at which it reported, rising, shape (k,).
        values: in the user's sign, shape (k,).
        along: where each point stands on the axis that was asked for, NaN where that is not known, shape (k,).
    """

    trial: int
    status: int
    steps: Numbers
    values: Floats
    along: Floats


class Curves(msgspec.Struct, frozen=True):
    """The curves of a metric.

    Attributes:
        metric: its name.
        metrics: all that were reported.
        maximize: whether large is good.
        lines: one a trial, the best trial's last.
        best: the best trial's number among all, -1 when there is none.
        total: how many trials have a curve; more than lines where they were thinned.
        x: what ``along`` is, one of ``xs``.
        xs: what curves can be drawn over: ``step``, ``seconds``, ``cost`` where the objective charges, and every reported metric
            (``epoch`` where it is one).
        unit: what a step is, ``epoch`` for example, where the study says so; ``step`` where it does not.
    """

    metric: str
    metrics: tuple[str, ...]
    maximize: bool
    lines: tuple[CurveLine, ...]
    best: int
    total: int
    x: str = "step"
    xs: tuple[str, ...] = ("step",)
    unit: str = "step"


def curves(
    history: History,
    metric: str | None = None,
    rows: Numbers | None = None,
    *,
    most: int = 200,
    points: int = 60,
    x: str = "step",
) -> Curves:
    """At most ``most`` curves of at most ``points`` points: the best, the running, the rest evenly spread.

    Args:
        history: of the study.
        metric: any that was reported; the goal's first when None. A metric that nobody reported has no lines.
        rows: trial numbers to choose among, rising; all when None.
        most: how many trials at most.
        points: how many points a curve at most, its ends among them (at least 2).
        x: what they are drawn over: ``"step"``; ``"seconds"`` of run time since the trial began, over all its attempts, pauses not
            counted; ``"cost"`` that its objective has charged by then; or another metric that was reported. A metric that is named like
            one of these three is ``"seconds (metric)"``.

    Raises:
        SettingError: for an ``x`` that this study does not have.

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
    xs = _axes(history)
    if x not in xs:
        raise SettingError(f"curves of this study are drawn over {', '.join(xs)}, not {x!r}.")
    trained = all_[history.columns.lengths[all_] > 0] if len(all_) else all_
    best = -1 if history.incumbents.best is None else history.incumbents.best
    lines = []
    for number in sorted(chosen(history, trained, most).tolist(), key=lambda each: each == best):
        curve = history.reports.curve(number)
        values = np.array(curve.metrics.get(name, ()))
        kept = thinned(len(values), points)
        if len(kept):
            steps = np.array(curve.steps, np.int64)[kept]
            along = steps.astype(float) if x == "step" else _along(history, number, curve, x, xs[x])[kept]
            lines.append(CurveLine(number, int(history.columns.statuses[number]), steps, values[kept], along))
    config = history.definition.stored_config
    unit = "step" if config is None or config.fidelity is None else config.fidelity.name
    return Curves(name, history.reports.names, maximize, tuple(lines), best, len(trained), x, tuple(xs), unit)


def _axes(history: History) -> dict[str, str]:
    """What curves can be drawn over, each with the metric that it is, '' for what danlu itself knows."""
    charged = "cost" in history.reports.taken(-1)
    own = dict.fromkeys(("step", "seconds", "cost") if charged else ("step", "seconds"), "")
    return own | {f"{name} (metric)" if name in own else name: name for name in history.reports.names}


def _along(history: History, number: int, curve: Curve, x: str, metric: str) -> Floats:
    """Where the points of a curve stand, NaN where that is not known, shape (k,)."""
    if metric:
        return np.array(curve.metrics.get(metric, np.full(len(curve), np.nan)), float)
    found = history.reports.taken(number)[x]
    return found[: len(curve)]


EARLY = (int(Status.STOPPED), int(Status.PAUSED))
"""The statuses of trials whose curves end before their time."""
