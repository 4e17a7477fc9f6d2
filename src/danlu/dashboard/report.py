"""A study as one HTML file: the page with its data inside, for whoever has neither the store nor a server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..base.plain import packed, plain
from ..journal.history import History
from ..maths.threads import one_thread
from . import views
from .page import whole

TRIALS, ROWS = 50, 200
"""This many of the best trials have a page of their own in a report, and this many rows the table."""


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
    held = {
        "view": {**views.view(name, history, {}), "whole": True, "damage": ""},
        "insight": views.insight(history, {}),
        "table": views.table(history, {}, sort=_first(history), count=ROWS, descending=_rises(history)),
        "trials": {number: views.detail(history, number) for number in _best(history)},
        "finder": None if finder is None else _finder(finder),
    }
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(whole(packed(held), name), "utf-8")
    return target


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
