"""How a study came along: its values in order, the best so far, and what stopping early has saved."""

from __future__ import annotations

from itertools import pairwise

import msgspec
import numpy as np

from ..journal.events import Status
from ..journal.history import History
from .measured import Floats, Numbers, measured


class Progress(msgspec.Struct, frozen=True):
    """One metric over the trials.

    Attributes:
        metric: its name.
        maximize: whether large is good.
        numbers: trials that are shown, rising, shape (n,).
        values: in the user's sign, shape (n,).
        statuses: ``Status`` codes, shape (n,).
        best_numbers: trials that became the best, limits kept, shape (b,).
        best_values: what they came to, shape (b,).
        total: how many trials have a value; more than n where they were thinned.
    """

    metric: str
    maximize: bool
    numbers: Numbers
    values: Floats
    statuses: Numbers
    best_numbers: Numbers
    best_values: Floats
    total: int


class Savings(msgspec.Struct, frozen=True):
    """What ending trials early has saved.

    Attributes:
        steps: that were trained, as a budget counts them.
        whole: that all trials would have been, had they run as long as the longest.
        saved: the share of them that was not trained, in [0, 1].
        early: trials that were stopped or paused before their end.
    """

    steps: int
    whole: int
    saved: float
    early: int


class Regret(msgspec.Struct, frozen=True):
    """How far from the best known value a study was at any time.

    Attributes:
        metric: its name.
        best: the value it is measured from, in the user's sign.
        trials: at which it fell, rising, shape (k,).
        steps: that had been trained by then, as a budget counts them, shape (k,).
        regret: distance from ``best``, falling, shape (k,).
    """

    metric: str
    best: float
    trials: Numbers
    steps: Numbers
    regret: Floats


def progress(
    history: History, metric: str | None = None, rows: Numbers | None = None, *, most: int = 2000
) -> Progress:
    """The values of a metric in the order of trials, thinned to about ``most`` (extremes and bests stay).

    Raises:
        SettingError: for a metric that the goal does not have.

    Example:
        >>> import danlu
        >>> found = progress(danlu.tune(lambda t: t["x"], {"x": danlu.Float(0, 1)}, trials=9, seed=0).history)
        >>> found.total, bool((np.diff(found.best_values) < 0).all())
        (9, True)
    """
    known = measured(history, metric, rows)
    fine = history.columns.violations[known.rows] == 0
    if history.trials.groups:  # a configuration that was given up cannot be the best
        over = history.trials.groups.over
        fine &= np.array([over[row].whole and not over[row].violation for row in known.rows.tolist()], bool)
    ended = [row for row in known.rows.tolist() if not history.incumbents.interim(row)]
    if ended:  # where the last report counts, what was cut short is no better than what came to its end
        fine &= np.isin(known.rows, ended)
    running = np.minimum.accumulate(np.where(fine, known.losses, np.inf))
    new = np.flatnonzero(running < np.concatenate([[np.inf], running[:-1]]))
    kept = np.union1d(_extremes(known.losses, most), new)
    return Progress(
        known.name, known.metric.maximize, known.rows[kept], known.values[kept],
        history.columns.statuses[known.rows[kept]].astype(np.int64), known.rows[new], known.values[new], len(known.rows),
    )  # fmt: skip


def savings(history: History, rows: Numbers | None = None) -> Savings:
    """The steps that ending trials early has saved, against all of them running as long as the longest did.

    Example:
        >>> import danlu
        >>> savings(danlu.tune(lambda t: t["x"], {"x": danlu.Float(0, 1)}, trials=3).history).saved
        0.0
    """
    shown = np.setdiff1d(np.arange(len(history)) if rows is None else rows, list(history.rows.aside)).astype(
        np.int64
    )
    lengths = np.array([history.reports.reached(number) for number in shown.tolist()], np.int64)
    early = np.isin(history.columns.statuses[shown], (Status.STOPPED, Status.PAUSED))
    longest, steps = (
        int(lengths.max(initial=0)),
        sum(history.rows[number].trained for number in shown.tolist()),
    )
    whole = steps + int((longest - lengths[early]).sum())
    return Savings(steps, whole, 1.0 - steps / whole if whole else 0.0, int(early.sum()))


def regret(history: History, metric: str | None = None, *, best: float | None = None) -> Regret:
    """How far from the best the study was after every trial that improved on it.

    Args:
        history: of the study.
        metric: of the goal; its first when None.
        best: the value to measure from, in the user's sign; the study's own best when None.

    Raises:
        SettingError: for a metric that the goal does not have.

    Example:
        >>> import danlu
        >>> found = regret(danlu.tune(lambda t: t["x"], {"x": danlu.Float(0, 1)}, trials=9, seed=0).history)
        >>> float(found.regret[-1])
        0.0
    """
    shown = progress(history, metric, most=1)
    ended = dict(history.rows.ended)
    by_then = np.array(
        [ended.get(int(number), len(history.reports)) for number in shown.best_numbers], np.int64
    )
    by_then = history.reports.trained(history.rows.aside)[by_then]
    end = float(shown.best_values[-1]) if len(shown.best_values) else float("nan")
    origin = end if best is None else best
    loss = measured(history, metric).metric.loss
    away = loss(shown.best_values) - loss(origin)
    return Regret(shown.metric, origin, shown.best_numbers, by_then, away)


def _extremes(losses: Floats, most: int) -> Numbers:
    """The places of the smallest and the largest of every stretch, about ``most`` in all."""
    if len(losses) <= most:
        return np.arange(len(losses))
    cuts = np.linspace(0, len(losses), most // 2 + 1).astype(np.int64)
    pairs = [
        (low + np.argmin(losses[low:high]), low + np.argmax(losses[low:high]))
        for low, high in pairwise(cuts)
        if high > low
    ]
    return np.unique(np.array(pairs, np.int64).reshape(-1))
