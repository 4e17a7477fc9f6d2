"""What trials failed of, in groups: the first thing to read of a study in which many do."""

from __future__ import annotations

from typing import Any

from ..analysis.failures import by_error
from ..analysis.measured import Numbers
from ..journal.events import Status
from ..journal.history import History

GROUPS, FIRST = 12, 8
"""At most this many kinds of errors are told, with this many of the first trials of each."""


def errors(history: History, rows: Numbers, *, first: int = FIRST) -> list[dict[str, Any]]:
    """The sentences that trials failed with, the commonest first; sentences that differ in numbers or in a trial's values are one.

    Args:
        history: of the study.
        rows: numbers of the trials that are looked at, rising.
        first: how many trials of each kind are named.

    Example:
        >>> import danlu, numpy as np
        >>> def train(trial):
        ...     if trial.number:
        ...         raise ValueError(f"no file number {trial.number}")
        ...     return 1.0
        >>> result = danlu.tune(train, {"x": danlu.Float(0, 1)}, minimize="loss", trials=5)
        >>> [(each["count"], each["trials"]) for each in errors(result.history, np.arange(5))]
        [(4, [1, 2, 3, 4])]
    """
    found = []
    for numbers in by_error(history, rows[history.columns.statuses[rows] == Status.FAILED])[:GROUPS]:
        row = history.rows[numbers[0]]
        cause = "" if row.cause is None else row.cause.value
        found.append(
            {"text": row.reason or cause, "cause": cause, "count": len(numbers), "trials": numbers[:first]}
        )
    return found
