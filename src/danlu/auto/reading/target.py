"""What is to be predicted: one of two, one of several classes, or a number; and the target's cells as such."""

from __future__ import annotations

from collections import Counter
from typing import Any, Literal

import msgspec
import numpy as np

from ...errors import SettingError
from .columns import listed
from .numbers import as_numbers, is_gap, number_form

Task = Literal["binary", "classes", "numbers"]
"""What is predicted."""

MOST_CLASSES = 200
"""A target of more classes is refused."""


class TargetColumn(msgspec.Struct, frozen=True):
    """The target.

    Attributes:
        name: of its column.
        task: what is predicted.
        reason: why, in words.
        labels: of the classes, as they were given, in order; () for numbers.
        form: how numbers are written.
        notes: what else was noticed, a sentence each.
    """

    name: str
    task: Task
    reason: str
    labels: tuple[Any, ...] = ()
    form: str = "plain"
    notes: tuple[str, ...] = ()


def found_target(cells: Any, name: str, *, task: str = "") -> tuple[TargetColumn, np.ndarray, np.ndarray]:
    """What the target is, its values, and which rows have one.

    Args:
        cells: of the column.
        name: of the column.
        task: what the user says, '' for a guess.

    Returns:
        The target; class numbers or values, shape (m,); and booleans, shape (n,), m of them True.

    Raises:
        SettingError: when nothing can be learned of it.

    Example:
        >>> target, y, held = found_target(["yes", "no", "", "yes"], "paid")
        >>> target.task, target.labels, y.tolist(), held.tolist()
        ('binary', ('no', 'yes'), [1, 0, 1], [True, True, False, True])
    """
    if task not in {"", "binary", "classes", "numbers"}:
        raise SettingError(f"a task is binary, classes or numbers, got {task!r}.")
    raw = list(cells)
    held = np.array([not is_gap(cell) for cell in raw], dtype=bool)
    given = [
        cell.strip() if isinstance(cell, str) else cell
        for cell, there in zip(raw, held, strict=True)
        if there
    ]
    if not given:
        raise SettingError(f"the target {name!r} has no values: nothing can be learned of it.")
    odd = next(
        (cell for cell in given if isinstance(cell, list | dict | set | tuple | bytes | np.ndarray)), None
    )
    if odd is not None:
        raise SettingError(
            f"the target {name!r} holds {type(odd).__name__}. A target holds one number or word a row."
        )
    notes = []
    if not held.all():
        notes.append(f"{int((~held).sum())} rows have no {name!r} and are left out")
    form, values = _numeric(given)
    numbers = values is not None and np.isfinite(values).all()
    if task == "numbers" and values is not None and not numbers and np.isfinite(values).mean() > 0.5:
        lost = ~np.isfinite(values)
        held[np.flatnonzero(held)[lost]] = False
        notes.append(f"{int(lost.sum())} rows whose {name!r} is no finite number are left out")
        given, values, numbers = [cell for cell, bad in zip(given, lost, strict=True) if not bad], values[~lost], True  # fmt: skip
    guess, why = _guess(given, values if numbers else None)
    chosen = task or guess
    reason = "you said so" if task else why
    if chosen == "numbers":
        if not numbers or values is None:
            words = [str(cell) for cell in given if not np.isfinite(as_numbers([_cell(cell)], form)[0])]
            raise SettingError(f"the target {name!r} is to be numbers and holds {listed(map(repr, words), 3)}. Correct them, or leave the task out.")  # fmt: skip
        if len(np.unique(values)) < 2:
            raise SettingError(f"the target {name!r} is always {given[0]!r}: there is nothing to predict.")
        return TargetColumn(name, "numbers", reason, (), form, tuple(notes)), values, held
    if (
        numbers
        and values is not None
        and not any(str(cell)[:1] == "0" and str(cell)[1:].isdigit() for cell in given)
    ):
        given = values.tolist()  # classes that are written as numbers are given back as numbers
    target, y = _classes(given, name, chosen, reason, notes)
    return msgspec.structs.replace(target, form=form), y, held


def _classes(
    given: list[Any], name: str, task: str, reason: str, notes: list[str]
) -> tuple[TargetColumn, np.ndarray]:
    keys = [_key(cell) for cell in given]
    counts = Counter(keys)
    labels: dict[Any, Any] = {}
    for key, cell in zip(keys, given, strict=True):
        labels.setdefault(key, _label(cell))
    order = sorted(counts, key=lambda key: (isinstance(key, str), key))
    if len(order) == 1:
        raise SettingError(
            f"the target {name!r} is always {_label(given[0])!r}: there is nothing to predict."
        )
    if len(order) > MOST_CLASSES or (len(order) > 20 and len(order) > len(given) / 2):
        raise SettingError(
            f"the target {name!r} has {len(order)} different values in {len(given)} rows, and is no numbers: a model needs several examples of "
            "each class. Name another target, or put its values in groups."
        )
    if task == "binary" and len(order) != 2:
        raise SettingError(f"the target {name!r} is to be binary and has {len(order)} values: {listed(map(repr, order), 5)}.")  # fmt: skip
    rare = {str(labels[key]): counts[key] for key in order if counts[key] < 5}
    if rare:
        notes.append(f"rare classes: {', '.join(f'{label!r} has {count}' for label, count in list(rare.items())[:5])}{' ...' if len(rare) > 5 else ''}; what is said of them is hardly more than a guess")  # fmt: skip
    least, most = min(counts.values()), max(counts.values())
    if most > 10 * least and not rare:
        notes.append(f"the classes are imbalanced, {most} rows to {least}: probabilities tell more than the most likely class; metric='balanced_accuracy' or 'roc_auc' counts the rare as much")  # fmt: skip
    place = {key: number for number, key in enumerate(order)}
    found: Task = "binary" if len(order) == 2 else "classes"
    y = np.array([place[key] for key in keys], dtype=np.int64)
    return TargetColumn(name, found, reason, tuple(labels[key] for key in order), notes=tuple(notes)), y


def _guess(given: list[Any], values: np.ndarray | None) -> tuple[str, str]:
    distinct = len({_key(cell) for cell in given})
    if values is None or all(isinstance(cell, bool | np.bool_) for cell in given):
        return ("binary" if distinct == 2 else "classes"), f"{distinct} different values that are no numbers"
    if distinct == 2:
        return "binary", "two different values"
    whole = bool((values == np.floor(values)).all())
    if whole and distinct <= max(2, min(20, len(values) // 20)):
        return "classes", f"whole numbers, {distinct} different ones; task='numbers' if their size counts"
    return "numbers", f"{distinct} different numbers"


def _numeric(given: list[Any]) -> tuple[str, np.ndarray | None]:
    """How numbers are written, and the values; None where half of them are none."""
    if not any(isinstance(cell, str) for cell in given):
        try:
            return "plain", np.array([float(cell) for cell in given])
        except (TypeError, ValueError):
            return "plain", None
    form = number_form([str(cell) for cell in given])
    if form.share < 0.5:
        return "plain", None
    return form.name, as_numbers([_cell(cell) for cell in given], form.name)


def _cell(cell: Any) -> Any:
    return cell if isinstance(cell, str | int | float | np.number) else str(cell)


def _key(cell: Any) -> Any:
    """What two cells are one class by: 1, 1.0 and True are, as are '1' and '1.0' not."""
    if isinstance(cell, bool | np.bool_):
        return str(bool(cell))
    if isinstance(cell, int | float | np.number):
        return float(cell)
    return str(cell)


def _label(cell: Any) -> Any:
    """A class as it is given back: a plain value."""
    if isinstance(cell, np.generic):
        cell = cell.item()
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    return cell if isinstance(cell, bool | int | float | str) else str(cell)
