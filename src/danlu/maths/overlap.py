"""Whether samples are among other samples, told by numbers of their rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

WIDTH = 64
"""So many columns tell a row; of wider data those that differ most."""

SAMPLE = 256
"""So many rows say which columns differ."""

LARGE = 2**28
"""Data of more numbers than this is not looked at."""

HALF = 0.5
"""From this share on rows are no chance."""

DOUBLES = 0.1
"""Data of which more rows are doubles may share rows with any other data."""


@dataclass(frozen=True, eq=False)
class RowKeys:
    """The rows of some data, told apart by a number for each.

    Attributes:
        width: how many numbers a row has.
        columns: the places of those that tell rows apart.
        keys: of the rows, in order.
        unique: the share of them that no earlier row has.
    """

    width: int
    columns: NDArray[np.int64]
    keys: NDArray[np.uint64]
    unique: float

    def share(self, array: Any) -> float | None:
        """The share of an array's rows that are among these; None where it cannot be compared.

        Example:
            >>> keys_of([[1, 2], [3, 4], [5, 6]]).share([[5.0, 6.0], [7.0, 8.0]])
            0.5
        """
        found = _flat(array)
        if found is None or found.shape[1] != self.width:
            return None
        return float(np.isin(_mixed(found[:, self.columns]), self.keys).mean())

    def shared(self, array: Any) -> float | None:
        """The share of an array's rows that are among these, where it is no chance: at least half, of data that has few doubles.

        Example:
            >>> keys = keys_of([[1, 2], [3, 4], [5, 6]])
            >>> keys.shared([[5.0, 6.0]]), keys.shared([[7.0, 8.0]])
            (1.0, None)
        """
        share = self.share(array) if self.unique >= 1 - DOUBLES else None
        return share if share is not None and share >= HALF else None


def keys_of(array: Any) -> RowKeys | None:
    """The rows of an array of numbers, along its first axis; None for anything else.

    Args:
        array: with at least one row; each is taken as float64.
    """
    found = _flat(array)
    if found is None:
        return None
    width = found.shape[1]
    columns = np.arange(width)
    if width > WIDTH:
        step = max(1, len(found) // SAMPLE)
        spread = np.nan_to_num(found[::step][:SAMPLE].astype(np.float64)).std(0)
        columns = np.sort(np.argsort(spread, kind="stable")[-WIDTH:])
    keys = np.sort(_mixed(found[:, columns]))
    unique = (1 + int((np.diff(keys) != 0).sum())) / len(keys)
    return RowKeys(width, columns.astype(np.int64), keys, unique)


def _flat(array: Any) -> NDArray[Any] | None:
    """As a table of numbers."""
    if not hasattr(array, "shape") and not isinstance(array, list | tuple):
        return None
    try:
        found = np.asarray(array)
    except ValueError:  # a list of rows of several lengths, a tensor of another device
        return None
    if found.dtype.kind not in "biuf" or found.ndim < 1 or not found.size or found.size > LARGE:
        return None
    return found.reshape(len(found), -1)


def _mixed(table: NDArray[Any]) -> NDArray[np.uint64]:
    """A number for each row, the same for the same row; of different rows one in 2^64 by chance."""
    bits = (np.ascontiguousarray(table, np.float64) + 0.0).view(np.uint64)  # -0.0 is 0.0
    odd = np.random.default_rng(0).integers(0, 2**63, bits.shape[1], np.uint64) * np.uint64(2) + np.uint64(1)
    mixed = (bits ^ (bits >> np.uint64(31))) * odd
    mixed ^= mixed >> np.uint64(29)
    return np.asarray((mixed * odd[::-1]).sum(1, dtype=np.uint64))
