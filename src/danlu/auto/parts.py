"""Which rows teach, which choose and which judge at the end: rows that belong together never stand in two parts."""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ..errors import SettingError

LEAST = 10
"""A model needs so many rows with a target."""

TINY = 3
"""A class with fewer rows than this is left in the training part: nothing could be learned of it otherwise."""


class RowParts(NamedTuple):
    """The rows of each part.

    Attributes:
        train: all rows that are trained on or validated on.
        test: those that are looked at once, at the end; empty for none.
        folds: pairs of rows that are trained on and validated on, all of them in ``train``.
        refit: whether the winners are fitted again on all of ``train``, because the folds' own models have seen its older part alone.
        note: how it was done, in words.
    """

    train: np.ndarray
    test: np.ndarray
    folds: list[tuple[np.ndarray, np.ndarray]]
    refit: bool
    note: str


def parted(
    y: np.ndarray, *, share: float, folds: int, seed: int, classes: bool, units: np.ndarray | None = None,
    order: np.ndarray | None = None, grouped: bool = False,
) -> RowParts:  # fmt: skip
    """Deal rows out to the test part and the folds.

    Args:
        y: class numbers or values, shape (n,).
        share: of the test part, in [0, 0.5].
        folds: how many (2 or more).
        seed: of the drawing.
        classes: whether classes keep their shares in every part; numbers do so by their size.
        units: for each row whom it belongs to, shape (n,): rows of one stay together. None where every row is its own.
        order: for each row when it was, shape (n,): what is validated and tested on is later than what is trained on.
        grouped: whether the units are groups that a user named, and not rows that repeat.

    Raises:
        SettingError: when there are too few rows or groups.

    Example:
        >>> found = parted(np.arange(50) % 2, share=0.2, folds=4, seed=1, classes=True)
        >>> len(found.train), len(found.test), [len(valid) for _, valid in found.folds]
        (40, 10, [10, 10, 10, 10])
    """
    if len(y) < LEAST:
        raise SettingError(
            f"a model needs at least {LEAST} rows with a target, got {len(y)}. Give more rows."
        )
    if order is not None:
        return _ordered(order, share, folds)
    rng = np.random.default_rng([seed, 7])
    own = np.arange(len(y)) if units is None else np.unique(units, return_inverse=True)[1].ravel()
    count = int(own.max()) + 1
    if grouped and count < folds + (share > 0):
        raise SettingError(f"{folds} folds{' and a test part' if share else ''} need at least {folds + (share > 0)} groups, and there are {count}. Leave the group out, or give fewer folds.")  # fmt: skip
    rows = np.arange(len(y))
    test = np.zeros(len(y), dtype=bool)
    if share > 0:
        test = _dealt(y, own, max(2, round(1 / share)), rng, grouped=grouped) == 0
        if classes and not grouped:
            test &= ~_rare(y, test)
    train = rows[~test]
    place = _dealt(
        y[train], np.unique(own[train], return_inverse=True)[1].ravel(), folds, rng, grouped=grouped
    )
    pairs = [(train[place != fold], train[place == fold]) for fold in range(folds)]
    if not all(len(a) and len(b) for a, b in pairs):
        raise SettingError(
            f"{len(train)} rows cannot be dealt out to {folds} folds. Give fewer folds or more rows."
        )
    how = "groups stay together" if grouped else "drawn at random, classes and sizes spread evenly"
    return RowParts(train, rows[test], pairs, False, f"{len(train)} rows train and validate in {folds} folds, {int(test.sum())} test; {how}")  # fmt: skip


def _rare(y: np.ndarray, test: np.ndarray) -> np.ndarray:
    """Rows of classes of which too few would be left to train on."""
    names, left = np.unique(y[~test], return_counts=True)
    enough = names[left >= TINY]
    return ~np.isin(y, enough)


def _dealt(
    y: np.ndarray, own: np.ndarray, count: int, rng: np.random.Generator, *, grouped: bool
) -> np.ndarray:
    """A number below ``count`` for each row, the same for rows of one unit.

    Units are sorted by their target and dealt out in blocks of ``count``, each block at random, so every part has as much of each class and
    size; groups, which differ in size, go to the part that has the fewest rows, the largest first.
    """
    units, first, sizes = np.unique(own, return_index=True, return_counts=True)
    draws = rng.random(len(units))
    place = np.empty(len(units), dtype=np.int64)
    if grouped:
        load = np.zeros(count)
        for unit in np.lexsort((draws, -sizes)):
            place[unit] = int(np.argmin(load))
            load[place[unit]] += sizes[unit]
        return np.asarray(place[own])
    order = np.lexsort((draws, y[first]))
    blocks = np.tile(np.arange(count), (-(-len(units) // count), 1))
    place[order] = rng.permuted(blocks, axis=1).ravel()[: len(units)]
    return np.asarray(place[own])


def _ordered(order: np.ndarray, share: float, folds: int) -> RowParts:
    """The newest rows test; each fold is validated on a block and trained on all that is older."""
    rows = np.argsort(order, kind="stable")
    held = order[rows]
    steps = [0, *_cuts(held[: _cut(held, len(rows) - round(share * len(rows)))], folds + 1)]
    train = rows[: steps[-1]]
    if len(set(steps)) < len(steps) or len(train) < LEAST:
        raise SettingError(f"{len(rows)} rows with {len(np.unique(order))} different times cannot be dealt out to {folds} folds, each later than the last. Give fewer folds.")  # fmt: skip
    pairs = [(rows[:start], rows[start:end]) for start, end in pairwise(steps[1:])]
    note = f"{len(train)} rows train and validate in {folds} folds, each on rows older than those it is validated on; the newest {len(rows) - len(train)} test"  # fmt: skip
    return RowParts(train, rows[len(train) :], pairs, True, note)


def _cut(held: np.ndarray, at: int) -> int:
    """The place nearest below ``at`` where the time changes, so that rows of one moment are in one part."""
    if at >= len(held):
        return len(held)
    return int(np.searchsorted(held, held[at], side="left"))


def _cuts(held: np.ndarray, count: int) -> list[int]:
    return [*(_cut(held, len(held) * part // count) for part in range(1, count)), len(held)]


def repeated(keys: np.ndarray) -> tuple[np.ndarray, int]:
    """For each row the first one that is the same, and how many repeat an earlier one.

    Args:
        keys: hashes of rows, shape (n,).

    Example:
        >>> repeated(np.array([5, 6, 5]))[1]
        1
    """
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    units = first[inverse.ravel()]
    return units, int(len(keys) - len(first))
