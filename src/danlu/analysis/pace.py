"""How fast a study goes and how long it will take: one answer for the page, the live view, ``watch`` and the notebook.

It is a function of the journal alone, so whoever looks at the same moment sees the same. Nothing counts down while a person has
paused or stopped the study.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from ..journal.history import History
from ..problem.budget import Budget

RECENT = 30
"""So many of the newest ends say how fast trials end."""

REST = 20.0
"""A gap between ends that is so many times the usual (and ten seconds at least) is a rest, such as a pause or a night, and does not count."""


class Pace(msgspec.Struct, frozen=True):
    """How fast a study goes.

    Attributes:
        rate: trials that end a second; 0 while that is unknown.
        left: seconds until the budget is spent, by its trials or its time, whichever is first; None where that is unknown,
            where nothing of the kind limits the study, and while it is halted.
        halted: who paused or stopped the study, as a sentence; '' while it may go on.
        number, unit: the rate for eyes: ``24`` a ``min``; '' while it is unknown.
    """

    rate: float
    left: float | None
    halted: str
    number: str
    unit: str

    def __str__(self) -> str:
        return f"{self.number}/{self.unit}" if self.unit else ""


def pace(history: History, budget: Budget | None = None) -> Pace:
    """How fast the trials of a study end, and what is left of its budget at that rate.

    The rate is that of the newest ``RECENT`` ends, from the end before them (the first trial's begin, where there is none), without rests.

    Args:
        history: of the study.
        budget: its limits; as its journal keeps them when None.

    Example:
        >>> import danlu
        >>> found = pace(danlu.tune(lambda t: t["x"], {"x": danlu.Float(0, 1)}, trials=9, seed=0).history)
        >>> found.rate > 0, found.left, found.halted
        (True, 0.0, '')
    """
    stored = history.definition.stored_config
    limits = budget if budget is not None else Budget() if stored is None else stored.budget
    rate = _rate(history)
    halted = "" if history.decisions.halted is None else str(history.decisions.halted)
    number, unit = readable(rate)
    return Pace(rate, None if halted else _left(history, limits, rate), halted, number, unit)


def readable(rate: float) -> tuple[str, str]:
    """A rate a second as a number from 1 to a few hundred and its unit, ``s``, ``min``, ``h`` or ``day``; ('', '') for none.

    Example:
        >>> readable(0.4), readable(995.0), readable(0.0001), readable(0.0)
        (('24', 'min'), ('995', 's'), ('8.6', 'day'), ('', ''))
    """
    if not 0 < rate < math.inf:
        return "", ""
    for unit, seconds, least in (("s", 1, 3.0), ("min", 60, 1.0), ("h", 3600, 1.0)):
        if rate * seconds >= least:
            return _short(rate * seconds), unit
    return _short(rate * 86400), "day"


def duration(seconds: float | None) -> str:
    """Seconds for eyes: ``71us``, ``2.5ms``, ``0.35s``, ``8s``, ``2m05s``, ``3h20m``, ``2d04h``.

    Example:
        >>> duration(125), duration(0.000071), duration(0.35), duration(187200)
        ('2m05s', '71us', '0.35s', '2d04h')
    """
    if seconds is None or not math.isfinite(seconds):
        return "?"
    if 0 < seconds < 1:
        small = f"{1e6 * seconds:.0f}us" if seconds < 1e-3 else f"{1e3 * seconds:.2g}ms"
        return small if seconds < 0.0995 else f"{seconds:.2g}s"
    if seconds < 9.95 and seconds != int(seconds):
        return f"{seconds:.1f}s"
    whole = int(seconds)
    if whole < 60:
        return f"{whole}s"
    if whole < 3600:
        return f"{whole // 60}m{whole % 60:02d}s"
    if whole < 86400:
        return f"{whole // 3600}h{whole % 3600 // 60:02d}m"
    return f"{whole // 86400}d{whole % 86400 // 3600:02d}h"


def _short(number: float) -> str:
    if number >= 9.95:
        return f"{number:.0f}"
    return f"{number:.1f}".removesuffix(".0") if number >= 1 else f"{number:.2g}"


def _rate(history: History) -> float:
    numbers = [number for number, _ in history.rows.ended][-RECENT - 1 :]
    ends = np.array([history.rows[number].ended_at or 0.0 for number in numbers])
    if len(ends) and len(ends) <= RECENT:
        ends = np.concatenate([[min(history.rows[number].asked.at for number in numbers)], ends])
    gaps = np.diff(np.sort(ends))
    if not len(gaps):
        return 0.0
    worked = gaps[gaps <= max(10.0, REST * float(np.median(gaps)))]
    return float(len(worked) / worked.sum()) if worked.sum() > 0 else 0.0


def _left(history: History, limits: Budget, rate: float) -> float | None:
    """Seconds until the first limit; without a rate only time itself can tell."""
    found = []
    if limits.trials is not None and (rate > 0 or history.spent.finished >= limits.trials):
        remaining = max(0, limits.trials - history.spent.finished)
        found.append(remaining / rate if remaining else 0.0)
    if limits.seconds is not None:
        found.append(max(0.0, limits.seconds - history.spent.seconds))
    return min(found, default=None)
