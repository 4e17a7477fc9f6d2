"""A history as it was at one moment, for analyses that take their time while the history itself goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from .rows import Rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from .columns import Columns
    from .history import History

_COLUMNS = ("units", "active", "losses", "slacks", "violations", "statuses", "fits", "lengths")


class Snapshot:
    """A part of a history with some of its attributes as they were, and everything else as it is now.

    Single trials may be a few events further on than the columns, never behind them.
    """

    def __init__(self, behind: Any, **fixed: Any) -> None:
        self._behind = behind
        self.__dict__.update(fixed)

    def __len__(self) -> int:
        return len(self.rows)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # one that is being copied has nothing behind it yet
            raise AttributeError(name)
        return getattr(self._behind, name)


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
    incumbents = Snapshot(
        history.incumbents, best=history.incumbents.best, front=list(history.incumbents.front)
    )
    ended = list(history.rows.ended)  # before the rows: whoever has ended has a row
    rows = Rows()
    rows.__dict__.update(history.rows.__dict__, ended=ended)
    rows.extend(history.rows)
    columns = Snapshot(history.columns, **{name: _copy(history.columns, name) for name in _COLUMNS})
    return cast(
        "History", Snapshot(history, seq=history.seq, incumbents=incumbents, rows=rows, columns=columns)
    )


def _copy(columns: Columns, name: str) -> NDArray[Any]:
    column: NDArray[Any] = getattr(columns, name).copy()
    column.flags.writeable = False
    return column
