"""Columns that give the target away: what alone predicts it all but perfectly is hardly known when a prediction is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from .columns import TypedColumn, listed, values_of
from .target import TargetColumn

PERFECT = 0.997
"""A column that predicts so large a share of rows it was not fitted on gives the target away, unless others do nearly as well."""

ROWS, COLUMNS = 4000, 300
"""So many rows and columns are looked at: of more columns those that differ most between the target's values."""


def without_leaks(
    frame: Any,
    y: np.ndarray,
    columns: Sequence[TypedColumn],
    target: TargetColumn,
    kept: Sequence[str] = (),
    *,
    seed: int = 0,
) -> tuple[tuple[TypedColumn, ...], list[str]]:
    """The columns with those left out that give the target away, and a sentence for each.

    Args:
        frame: cells of the training part.
        y: its targets.
        columns: as ``typed`` gave them.
        target: what is predicted.
        kept: columns to use whatever they say, as the user named them.
        seed: of the rows that are looked at.
    """
    rng = np.random.default_rng([seed, 17])
    rows = np.sort(rng.permutation(len(y))[:ROWS])
    values = values_of(frame.iloc[rows], columns)
    coded = {name: _coded(values[name]) for name in telling(values, y[rows], COLUMNS)}
    merits = {name: _merit(code, y[rows], target, seed) for name, code in coded.items()}
    sentences, found = [], list(columns)
    for place, column in enumerate(columns):
        merit = merits.get(column.name, 0.0)
        if merit < PERFECT:
            continue
        told = f"{column.name!r} alone predicts {target.name!r} all but perfectly ({merit:.1%} of rows it was not fitted on)".replace("%", " %")  # fmt: skip
        if target.task == "numbers":
            told = f"{column.name!r} alone tells {target.name!r} all but exactly (R2 {merit:.4f})"
        if column.name in kept:
            sentences.append(f"{told}; it is used, as you said what it is")
            continue
        sentences.append(f"{told}, so it gives it away and is not used. If it is known when a prediction is wanted, say what it is: kinds={{{column.name!r}: {column.kind!r}}}")  # fmt: skip
        found[place] = msgspec.structs.replace(column, kind="left out", leaks=True, reason=f"it gives the target away: {told}")  # fmt: skip
    return tuple(found), sentences


def telling(values: Any, y: np.ndarray, most: int) -> list[str]:
    """The columns that rise and fall with the target most, at most so many of them.

    Args:
        values: as models see them.
        y: targets.
        most: how many.
    """
    if len(values.columns) <= most:
        return list(values.columns)
    matrix = np.column_stack([_coded(values[name]) for name in values.columns])
    centered = matrix - matrix.mean(axis=0)
    spread = centered.std(axis=0)
    spread[spread == 0] = np.inf
    found = np.abs(centered.T @ (y - y.mean())) / spread
    return [values.columns[place] for place in np.argsort(-found)[:most]]


def _coded(cells: Any) -> np.ndarray:
    """A column as numbers, gaps as a number of their own."""
    import pandas as pd

    if pd.api.types.is_datetime64_any_dtype(cells):
        numbers = cells.astype("int64").to_numpy(dtype=np.float64)
        least = float(numbers[cells.notna().to_numpy()].min(initial=0.0))
        return np.asarray(np.where(cells.isna(), least - 1e9, numbers))
    if cells.dtype == object:
        return np.asarray(pd.factorize(cells, sort=False)[0], dtype=np.float64)
    numbers = cells.to_numpy(dtype=np.float64)
    if not np.isfinite(numbers).any():
        return np.zeros(len(numbers))
    least, most = np.nanmin(numbers), np.nanmax(numbers)
    return np.asarray(np.where(np.isnan(numbers), least - 1.0 - (most - least), numbers))


def _merit(code: np.ndarray, y: np.ndarray, target: TargetColumn, seed: int) -> float:
    """How well a small tree of this column alone does on rows it was not fitted on: the share that is right, as it would be of even classes."""
    if len(np.unique(code)) < 2:
        return 0.0
    if target.task == "numbers":
        return _explained(code, y)
    from sklearn.tree import DecisionTreeClassifier

    along = y[np.lexsort((y, code))]
    runs = int((along[1:] != along[:-1]).sum()) + 1
    if runs > 3 * len(target.labels) + 0.02 * len(y):
        return 0.0  # no small tree can be right nearly everywhere
    place = np.random.default_rng([seed, 19]).permutation(len(y)) % 3
    right = np.zeros(len(y), dtype=bool)
    for fold in range(3):
        tree = DecisionTreeClassifier(
            max_leaf_nodes=max(4, 3 * len(target.labels)), min_samples_leaf=2, random_state=0
        )
        tree.fit(code[place != fold, None], y[place != fold])
        right[place == fold] = tree.predict(code[place == fold, None]) == y[place == fold]
    held = [label for label in np.unique(y) if (y == label).sum() >= 4]
    return float(np.mean([right[y == label].mean() for label in held])) if held else 0.0


def _explained(code: np.ndarray, y: np.ndarray) -> float:
    """The share of the target's variance that the column explains by a line, or by ranks."""
    from scipy.stats import rankdata

    line = float(np.corrcoef(code, y)[0, 1]) ** 2
    ranks = float(np.corrcoef(rankdata(code), rankdata(y))[0, 1]) ** 2
    found = max(line, ranks)
    return found if found > 0.9995 else 0.0


def told_leaks(columns: Sequence[TypedColumn]) -> str:
    """The columns that were left out as leaks, for a sentence; '' where there are none."""
    return listed([column.name for column in columns if column.leaks])
