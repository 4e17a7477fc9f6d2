"""A study as one HTML file: the page with its data inside, for whoever has neither the store nor a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..analysis.curves import curves
from ..base.plain import packed, plain
from ..journal.history import History
from ..maths.threads import one_thread
from . import views
from .errors import errors
from .page import whole

TRIALS, ROWS = 50, 1000
"""This many of the best trials have a page of their own in a report; this many are in its table and its panels, which it filters and sorts itself."""


@one_thread
def report(name: str, history: History, path: str | Path, *, finder: Any = None) -> Path:
    """Write a study into one file that opens anywhere, without a network.

    Args:
        name: the study's.
        history: what is shown, as it is now.
        path: the file; its folder is made.
        finder: a ``deep.LRFinderResult`` to be shown beside it.

    Example:
        >>> import danlu, tempfile
        >>> result = danlu.tune(lambda t: t["x"], {"x": danlu.Float(0, 1)}, trials=9, name="first")
        >>> written = report("first", result.history, Path(tempfile.mkdtemp()) / "first.html")
        >>> "<title>first</title>" in written.read_text("utf-8")
        True
    """
    names = [metric.name for metric in history.goal.metrics]
    view = {**views.view(name, history, {}, places=ROWS), "whole": True, "damage": ""}
    rows = np.asarray(view["sheet"].numbers)
    view["errors"] = errors(history, rows, first=ROWS)
    held = {
        "view": view,
        "views": {each: _about(name, history, each, view) for each in names[1:]},
        "curves": {each: curves(history, each, most=views.LINES, points=views.POINTS) for each in history.reports.names},
        "along": _along(history, names[0] if names else ""),
        "insights": {each: views.insight(history, {}, each) for each in names} or {"": views.insight(history, {})},
        "table": views.table(history, {}, sort=_first(history), count=ROWS, descending=_rises(history), rows=rows),
        "trials": {number: views.detail(history, number) for number in _best(history)},
        "missing": len(history) - len(rows),
        "finder": None if finder is None else _finder(finder),
    }  # fmt: skip
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(whole(packed(held), name), "utf-8")
    return target


def _about(name: str, history: History, metric: str, view: dict[str, Any]) -> dict[str, Any]:
    """The same panels of another of the goals, over the same trials."""
    other = views.view(name, history, {}, metric, places=ROWS)
    return {
        **view,
        **{part: other[part] for part in ("metric", "measured", "progress", "curves", "ranks", "edf")},
    }


def _along(history: History, metric: str) -> dict[str, dict[int, Any]]:
    """Where the points of each curve stand on the axes that danlu itself knows, steps apart."""
    found: dict[str, dict[int, Any]] = {}
    for x in ("seconds", "cost"):
        if x in history.reports.taken(-1):
            lines = curves(history, metric or None, most=views.LINES, points=views.POINTS, x=x).lines
            found[x] = {line.trial: line.along for line in lines}
    return found


def _first(history: History) -> str:
    return history.goal.metrics[0].name if history.goal.metrics else "trial"


def _rises(history: History) -> bool:
    return bool(history.goal.metrics) and history.goal.metrics[0].maximize


def _best(history: History) -> list[int]:
    """The best trials by the first metric, then those without a value."""
    if not len(history):
        return []
    merit = np.where(np.isfinite(history.columns.losses[:, 0]), history.columns.losses[:, 0], np.inf)
    order = np.argsort(merit, kind="stable")[:TRIALS].tolist()
    return [*order, *(number for number in history.incumbents.front if number not in order)]


def _finder(found: Any) -> dict[str, Any]:
    names = ("optimizer", "rates", "losses", "rate", "low", "high", "steps", "how")
    return {name: plain(getattr(found, name)) for name in names}
