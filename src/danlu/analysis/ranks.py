"""Trials by the rank of what they came to: colors that no wild value can flatten.

The picture is that of Optuna's ``plot_rank``: two parameters over each other, each trial in the color of its rank.
"""

from __future__ import annotations

import msgspec
import numpy as np

from ..journal.history import History
from .measured import Floats, Numbers, measured
from .trial_table import TrialTable, trial_table


class RankedTrials(msgspec.Struct, frozen=True):
    """Trials by coordinates, and how each ranks.

    Attributes:
        metric: by which they are ranked, '' where the study has no goal.
        table: their coordinates, n trials.
        ranks: from the best at 0 to the worst at 1 among all trials with a value, equal values sharing their mean; NaN without a
            value, shape (n,).
        ranked: how many trials have a value, those that are not in the table included.
    """

    metric: str
    table: TrialTable
    ranks: Floats
    ranked: int


def ranks(
    history: History, metric: str | None = None, rows: Numbers | None = None, *, most: int = 1000
) -> RankedTrials:
    """The trials of ``trial_table`` with their ranks in a metric of the goal, its first when None.

    Args:
        history: of the study.
        metric: of the goal.
        rows: trial numbers to choose and rank among, rising; all when None.
        most: how many trials at most (at least 5); those that are left out count in the ranks.

    Raises:
        SettingError: for a metric that the goal does not have.

    Example:
        >>> import danlu
        >>> values = iter([0.3, 0.1, 0.2])
        >>> found = ranks(danlu.tune(lambda t: next(values), {"x": danlu.Float(0, 1)}, trials=3).history)
        >>> found.ranks.tolist()
        [1.0, 0.0, 0.5]
    """
    known = measured(history, metric)  # refuses what the goal does not have
    table = trial_table(history, rows, metric, most=most)
    all_ = np.arange(len(history)) if rows is None else rows
    losses = history.columns.losses[:, known.column]
    shown, among = losses[table.numbers], losses[all_]
    among = np.sort(among[np.isfinite(among)])
    below, above = np.searchsorted(among, shown, "left"), np.searchsorted(among, shown, "right") - 1
    places = (below + above) / 2 / max(1, len(among) - 1)
    return RankedTrials(known.name, table, np.where(np.isfinite(shown), places, np.nan), len(among))
