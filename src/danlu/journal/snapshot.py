"""A history as it was at one moment, for analyses that take their time while the history itself goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from .history import History

_COLUMNS = ("units", "active", "losses", "slacks", "violations", "statuses", "fits", "lengths")


class Snapshot:
    """The columns of a history, copied, with everything else as the history has it.

    What is not a column is read from the history itself: single trials may be a few events further on than the
    columns, never behind them.
    """

    def __init__(self, history: History) -> None:
        self._history = history
        self.seq = history.seq
        self.best = history.best
        self.front = list(history.front)
        self.ended = list(history.ended)  # before the rows: whoever has ended has a row
        self.rows = list(history.rows)
        for name in _COLUMNS:
            column = getattr(history, name).copy()
            column.flags.writeable = False
            setattr(self, name, column)

    def __len__(self) -> int:
        return len(self.rows)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # one that is being copied has no history yet
            raise AttributeError(name)
        return getattr(self._history, name)


def snapshot(history: History) -> History:
    """A snapshot of a history, which analyses read as they read the history.

    Example:
        >>> import danlu
        >>> study = danlu.open_study({"x": danlu.Float(0, 1)}, minimize="loss")
        >>> seen = snapshot(study.result.history)
        >>> study.tell(study.ask(), 0.5)
        >>> len(seen), len(study.result.history)
        (0, 1)
    """
    return cast("History", Snapshot(history))
