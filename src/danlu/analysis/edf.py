"""The empirical distribution of what trials came to: which share of them is at least so good, for one study or several.

Random searches of two spaces are compared by it (Radosavovic et al. 2019, "On network design spaces for visual recognition", who
call it the error EDF); Optuna draws it as ``plot_edf``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np

from ..errors import SettingError
from ..journal.history import History
from .measured import Floats, Numbers, measured, thinned


class EdfLine(msgspec.Struct, frozen=True):
    """One study's distribution.

    Attributes:
        name: the study's, as it was given.
        values: in the user's sign, rising, shape (k,).
        shares: of trials whose value is not above each, rising to 1, shape (k,).
        trials: how many trials have a value; more than k where the line was thinned or values are equal.
    """

    name: str
    values: Floats
    shares: Floats
    trials: int


class Edf(msgspec.Struct, frozen=True):
    """The distributions of a metric.

    Attributes:
        metric: its name.
        maximize: whether large is good.
        lines: one a study, that which was asked about first.
    """

    metric: str
    maximize: bool
    lines: tuple[EdfLine, ...]


def edf(
    history: History,
    metric: str | None = None,
    rows: Numbers | None = None,
    *,
    beside: Mapping[str, Any] | None = None,
    name: str = "study",
    most: int = 400,
) -> Edf:
    """Which share of a study's trials came to what, and of other studies beside it.

    Args:
        history: of the study.
        metric: of the goal; its first when None.
        rows: trial numbers to choose among, rising; all when None.
        beside: other studies by name, each a ``Result`` or its history, whose goal has the same metric in the same direction.
        name: how the study itself is called.
        most: points of a line at most, its ends among them (at least 2).

    Raises:
        SettingError: for a metric that a goal does not have, and for studies that do not want the same of it.

    Example:
        >>> import danlu
        >>> values = iter([0.3, 0.1, 0.3, 0.2])
        >>> line, = edf(danlu.tune(lambda t: next(values), {"x": danlu.Float(0, 1)}, trials=4).history).lines
        >>> line.values.tolist(), line.shares.tolist()
        ([0.1, 0.2, 0.3], [0.25, 0.5, 1.0])
    """
    own = measured(history, metric, rows)
    lines = [_line(name, own.values, most)]
    for other, result in (beside or {}).items():
        found = measured(getattr(result, "history", result), own.name)
        if found.metric.maximize != own.metric.maximize:
            raise SettingError(
                f"{other!r} wants {own.name} {'large' if found.metric.maximize else 'small'}, {name!r} the opposite: their distributions say "
                "nothing beside each other. Leave one out."
            )
        lines.append(_line(other, found.values, most))
    return Edf(own.name, own.metric.maximize, tuple(lines))


def _line(name: str, values: Floats, most: int) -> EdfLine:
    distinct, counts = np.unique(values, return_counts=True)
    shares = np.cumsum(counts) / max(1, len(values))
    kept = thinned(len(distinct), most)
    return EdfLine(name, distinct[kept], shares[kept], len(values))
