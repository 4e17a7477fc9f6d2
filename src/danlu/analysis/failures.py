"""Failed trials by what they failed of: the sentence, how many, which first, and where in the space.

Sentences that differ in numbers, paths and values of parameters alone are one error (``base.failure.kind_of``). Where an error
happens is the threshold of a number, or the option of a choice, that tells its trials best from those without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import numpy as np

from ..base.failure import kind_of
from ..journal.events import Cause, Status
from ..journal.history import History
from ..space.parameters import Choice
from ..space.slots import Slot
from .measured import Numbers
from .phrases import Phrase, together

FIRST = 5
"""So many of an error's trials are named."""


class Failure(msgspec.Struct, frozen=True):
    """One error and the trials that failed of it.

    Attributes:
        error: the sentence of its newest trial; the cause's name where nobody gave one.
        cause: the commonest ``Cause`` of its trials.
        count: how many failed so.
        trials: the first of them.
        name: the parameter that tells where it happens, '' for none.
        place: that, as a sentence.
        remedy: what to do about it.
        phrases: the last two by key and values.
    """

    error: str
    cause: str
    count: int
    trials: tuple[int, ...]
    name: str = ""
    place: str = ""
    remedy: str = ""
    phrases: dict[str, tuple[Phrase, ...]] = {}


class FailurePlace(NamedTuple):
    """Where trials fail: the share of the failed ones there above that of the others, and how it is said."""

    gain: float
    name: str
    text: Phrase
    remedy: Phrase


def failures(history: History, rows: Numbers | None = None) -> tuple[Failure, ...]:
    """The errors of a study, the commonest first; trials that were set aside count where no other is over.

    Args:
        history: of the study.
        rows: trial numbers to look at; all when None.

    Example:
        >>> import danlu
        >>> def train(trial):
        ...     if trial["x"] > 0.5:
        ...         raise ValueError(f"no such file: {trial['x']}")
        ...     return trial["x"]
        >>> found = failures(danlu.tune(train, {"x": danlu.Float(0, 1)}, trials=12, sampler="quasirandom", seed=0).history)
        >>> [(each.error.split(" (")[0][:24], each.count) for each in found]
        [('ValueError: no such file', 6)]
    """
    over = over_of(history, rows)
    failed = over[history.columns.statuses[over] == Status.FAILED]
    found = []
    for numbers in by_error(history, failed):
        place = where(history, over, np.isin(over, numbers))
        said: dict[str, tuple[Phrase, ...]] = (
            {} if place is None else {"place": (place.text,), "remedy": (place.remedy,)}
        )
        newest = history.rows[numbers[-1]]
        cause = cause_of(history, numbers)
        found.append(Failure(
            newest.reason or cause, cause, len(numbers), tuple(numbers[:FIRST]), "" if place is None else place.name,
            phrases=said, **{name: together(each) for name, each in said.items()},
        ))  # fmt: skip
    return tuple(found)


def by_error(history: History, failed: Numbers) -> list[list[int]]:
    """Failed trials in groups of one cause and error, rising in each, the largest group first, then the one that failed first.

    Args:
        history: of the study.
        failed: trial numbers, rising.
    """
    kinds: dict[tuple[Cause | None, str], list[int]] = {}
    for number in failed.tolist():
        row = history.rows[number]
        kinds.setdefault((row.cause, kind_of(row.reason, row.params())), []).append(number)
    return sorted(kinds.values(), key=lambda each: (-len(each), each[0]))


def over_of(history: History, rows: Numbers | None = None) -> Numbers:
    """Trials that are over and count, rising; where none counts, those that were set aside, as an objective that cannot work leaves them."""
    over = np.flatnonzero(history.columns.statuses >= Status.DONE) if len(history) else np.zeros(0, np.int64)
    counting = np.setdiff1d(over, np.array(sorted(history.rows.aside), np.int64))
    over = counting if len(counting) else over
    return over if rows is None else np.intersect1d(over, rows)


def cause_of(history: History, numbers: list[int]) -> str:
    """The commonest cause of these trials."""
    causes = [history.rows[number].cause for number in numbers]
    names = [cause.value for cause in causes if cause is not None]
    return max(dict.fromkeys(names), key=names.count) if names else "failed"


def where(history: History, over: Numbers, failed: np.ndarray) -> FailurePlace | None:
    """The threshold of a number, or the option of a choice, that best tells failed trials from others, if one does.

    Args:
        history: of the study.
        over: trial numbers, shape (n,).
        failed: whether each failed, shape (n,).
    """
    best: FailurePlace | None = None
    for at, slot in enumerate(history.space.slots):
        on = history.columns.active[over, at]
        if failed[on].sum() < 3 or (~failed[on]).sum() < 3:
            continue
        column, bad = history.columns.units[over, at][on], failed[on]
        for place in (_options if isinstance(slot.parameter, Choice) else _thresholds)(slot, column, bad):
            if place.gain >= 0.6 and (best is None or place.gain > best.gain):
                best = place
    return best


def _thresholds(slot: Slot, column: np.ndarray, bad: np.ndarray) -> Iterator[FailurePlace]:
    order = np.argsort(column, kind="stable")
    behind = np.cumsum(bad[order][::-1])[::-1]  # failed at this place and beyond
    size = np.arange(len(order), 0, -1)
    for side in ("above", "below"):
        inside, total = (behind, size) if side == "above" else (bad.sum() - behind, len(order) - size)
        gain = _gain(inside, total, bad)
        place = int(np.argmax(gain))
        value: Any = slot.parameter.decode(float(column[order[place]]))
        told = {
            "name": slot.name,
            "value": f"{value:.3g}",
            "hit": str(int(inside[place])),
            "total": str(int(total[place])),
        }
        yield FailurePlace(
            float(gain[place]), slot.name, Phrase(f"failing.threshold.{side}", told),
            Phrase(f"failing.remedy.{side}", told | {"value": f"{value:.2g}"}),
        )  # fmt: skip


def _options(slot: Slot, column: np.ndarray, bad: np.ndarray) -> Iterator[FailurePlace]:
    values = [slot.parameter.decode(float(unit)) for unit in column]
    for value in dict.fromkeys(values):
        there = np.array([each == value and type(each) is type(value) for each in values])
        hit = int(bad[there].sum())
        told = {"name": slot.name, "value": str(value), "hit": str(hit), "total": str(int(there.sum()))}
        yield FailurePlace(
            float(_gain(hit, there.sum(), bad)), slot.name, Phrase("failing.option", told), Phrase("failing.remedy.option", told),
        )  # fmt: skip


def _gain(inside: Any, total: Any, bad: np.ndarray) -> Any:
    """Balanced accuracy of "fails there", from -1 to 1."""
    return inside / bad.sum() - (total - inside) / (~bad).sum()
