"""Each column as what it is taken for, with the reason, and a table's cells as values of these kinds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
import numpy as np

from ...errors import SettingError
from .dates import as_dates, date_form
from .numbers import as_numbers, is_gap, number_form

Kind = Literal["number", "boolean", "category", "date", "text", "left out"]
"""What a column is used as."""

KINDS: tuple[Kind, ...] = ("number", "boolean", "category", "date", "text", "left out")

MANY = 30
"""From so many values on a category is high-cardinal: its values are told by the target's mean, not by a column each."""

SURE = 0.98
"""A column is numbers when this share of its values are; the others are gaps then."""

FEW = 50
"""A column of numbers and words has at most so many values to be a category."""

_TRUE = {"true", "yes", "y", "t", "ja", "oui", "si", "sí", "是", "on"}
_FALSE = {"false", "no", "n", "f", "nein", "non", "否", "off"}
_NAMED_ID = re.compile(r"(^|[\s_.-])(id|uuid|guid|key|index|row ?names?|rownum(ber)?|serial|nr|no)$|[a-z](Id|ID)$|^Unnamed: 0$|^column 1$", re.IGNORECASE)  # fmt: skip


class TypedColumn(msgspec.Struct, frozen=True):
    """A column of the table.

    Attributes:
        name: its own.
        kind: what it is used as.
        reason: why, in words.
        form: how its numbers or dates are written, as ``number_form`` and ``date_form`` name it.
        values: how many different ones the rows that were looked at have.
        gaps: the share of rows without a value, in [0, 1].
        high: whether a category has so many values that they get no columns of their own.
        true: what the true one of two values is, as text.
        leaks: whether it is left out because it gives the target away.
    """

    name: str
    kind: Kind
    reason: str
    form: str = ""
    values: int = 0
    gaps: float = 0.0
    high: bool = False
    true: str = ""
    leaks: bool = False

    @property
    def used(self) -> bool:
        """Whether models see it."""
        return self.kind != "left out"


def typed(frame: Any, *, kinds: Mapping[str, str] | None = None) -> tuple[TypedColumn, ...]:
    """What each column of a data frame is taken for.

    Args:
        frame: cells as they were read.
        kinds: what the user says of columns, by name.

    Raises:
        SettingError: when the user names a column or kind that there is not.

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"age": ["31", "45", "?"], "smokes": ["yes", "no", "yes"], "same": ["a"] * 3})
        >>> [(column.kind, column.reason) for column in typed(frame)]  # doctest: +NORMALIZE_WHITESPACE
        [('number', 'numbers; 33 % gaps'), ('boolean', "two values, 'yes' and 'no'"), ('left out', "it is always 'a'")]
    """
    said = dict(kinds or {})
    for name, kind in said.items():
        if name not in frame.columns:
            raise SettingError(f"there is no column {name!r} to be taken for {kind}. There are: {listed(frame.columns)}.")  # fmt: skip
        if kind not in KINDS:
            raise SettingError(f"a column is taken for one of {', '.join(KINDS)}, got {name}={kind!r}.")
    return tuple(_column(str(name), frame[name], said.get(str(name), "")) for name in frame.columns)


def _column(name: str, cells: Any, said: str) -> TypedColumn:
    held = [cell for cell in cells.tolist() if not is_gap(cell)]
    gaps = 1.0 - len(held) / max(1, len(cells))
    if said == "left out":
        return TypedColumn(name, "left out", "you said so", gaps=gaps)
    if not held:
        return TypedColumn(name, "left out", "it has no values", gaps=1.0)
    odd = next((cell for cell in held if isinstance(cell, list | dict | set | tuple | bytes | complex | np.ndarray)), None)  # fmt: skip
    if odd is not None:
        return TypedColumn(name, "left out", f"its cells hold {type(odd).__name__}, and a cell holds one number, word or date", gaps=gaps)  # fmt: skip
    found = _native(name, cells, held, gaps) if not said else None
    if found is None:
        text = [_text(cell) for cell in held]
        found = _said(name, text, said, gaps) if said else _read(name, text, gaps, len(cells))
    told = f"; {gaps:.0%} gaps".replace("%", " %") if gaps >= 0.005 and found.used else ""
    return msgspec.structs.replace(found, reason=found.reason + told)


def _native(name: str, cells: Any, held: Sequence[Any], gaps: float) -> TypedColumn | None:
    """A column whose cells have a type already; None for text and for a mixture."""
    import pandas as pd

    distinct = len(set(held)) if all(map(_hashable, held)) else len(held)
    if distinct == 1:
        return _constant(name, held[0], gaps)
    if isinstance(cells.dtype, pd.CategoricalDtype):
        return _category(name, [_text(cell) for cell in held], gaps, "the data frame says so")
    if pd.api.types.is_datetime64_any_dtype(cells):
        return TypedColumn(name, "date", "the data frame says so", "native", distinct, gaps)
    if pd.api.types.is_timedelta64_dtype(cells):
        return TypedColumn(name, "left out", "it holds durations: turn them into numbers of seconds to have them used", gaps=gaps)  # fmt: skip
    if all(isinstance(cell, bool | np.bool_) for cell in held):
        return TypedColumn(name, "boolean", "true or false", "", 2, gaps, true="True")
    if all(isinstance(cell, int | float | np.number) and not isinstance(cell, bool) for cell in held):
        values = np.array(held, dtype=np.float64)
        endless = int((~np.isfinite(values)).sum())
        if endless == len(values):
            return TypedColumn(name, "left out", "it has no finite values", gaps=gaps)
        row_id = _row_number(name, values, len(cells))
        if row_id:
            return TypedColumn(name, "left out", row_id, "", distinct, gaps)
        told = f"numbers; {endless} infinite ones are gaps" if endless else "numbers"
        return TypedColumn(name, "number", told, "plain", distinct, gaps)
    return None


def _read(name: str, text: list[str], gaps: float, rows: int) -> TypedColumn:
    """A column of text."""
    distinct = sorted(set(text))
    if len(distinct) == 1:
        return _constant(name, distinct[0], gaps)
    folded = {each.casefold(): each for each in distinct}
    if len(folded) == 2 and len(folded.keys() & _TRUE) == 1 and len(folded.keys() & _FALSE) == 1:
        yes = next(folded[each] for each in folded if each in _TRUE)
        no = next(folded[each] for each in folded if each in _FALSE)
        return TypedColumn(name, "boolean", f"two values, {yes!r} and {no!r}", "", 2, gaps, true=yes)
    moments = date_form(text)
    if moments is not None:
        return TypedColumn(name, "date", moments.words, moments.name, len(distinct), gaps)
    numbers = number_form(text)
    codes = sum(re.fullmatch(r"0\d+", each) is not None for each in text)
    if numbers.share >= SURE and codes > 0.02 * len(text):
        return _category(name, text, gaps, f"digits with zeros before them, as {next(each for each in text if each[:1] == '0')!r}, are codes and no numbers")  # fmt: skip
    if numbers.share >= SURE:
        return _numbers(name, text, numbers.name, numbers.words, distinct, gaps, rows)
    if numbers.share >= 0.9 or (numbers.share >= 0.5 and len(distinct) > FEW):
        words = sorted({each for each in text if np.isnan(as_numbers([each], numbers.name)[0])})
        told = f"{numbers.share:.0%} are {numbers.words}; the rest, as {_some(words)}, are gaps"
        return TypedColumn(name, "number", told.replace("%", " %"), numbers.name, len(distinct), gaps)
    return _words(name, text, distinct, gaps)


def _numbers(name: str, text: list[str], form: str, words: str, distinct: list[str], gaps: float, rows: int) -> TypedColumn:  # fmt: skip
    values = as_numbers(text, form)
    finite = values[np.isfinite(values)]
    row_id = _row_number(name, finite, rows)
    if row_id:
        return TypedColumn(name, "left out", row_id, "", len(distinct), gaps)
    if len(set(finite.tolist())) < 2:
        return _constant(name, distinct[0], gaps)
    lost = len(values) - len(finite)
    told = f"{words}; {lost} values that are none, as {_some([t for t, v in zip(text, values, strict=True) if np.isnan(v)])}, are gaps" if lost else words  # fmt: skip
    return TypedColumn(name, "number", told, form, len(distinct), gaps)


def _words(name: str, text: list[str], distinct: list[str], gaps: float) -> TypedColumn:
    words = float(np.mean([len(each.split()) for each in text[:1000]]))
    own = len(distinct) / len(text)
    if words >= 4 and own > 0.3 and len(distinct) > 10:
        return TypedColumn(name, "text", f"{words:.0f} words a value on average, hardly two alike", "", len(distinct), gaps)  # fmt: skip
    if (
        (own > 0.95 and len(text) >= 20)
        or (own == 1.0 and len(text) >= 5)
        or (_NAMED_ID.search(name) and own > 0.5)
    ):
        return TypedColumn(name, "left out", f"{len(distinct)} different values in {len(text)} rows: they name the rows", "", len(distinct), gaps)  # fmt: skip
    return _category(name, text, gaps, "")


def _category(name: str, text: list[str], gaps: float, reason: str) -> TypedColumn:
    distinct = sorted(set(text))
    high = len(distinct) > MANY
    told = f"{len(distinct)} different values, as {_some(distinct)}"
    if high:
        told += ": too many for a column each, they are told by the target's mean"
    if _NAMED_ID.search(name):
        told += f" (if it says whom a row is about, give group={name!r})"
    return TypedColumn(name, "category", f"{reason}; {told}" if reason else told, "", len(distinct), gaps, high=high)  # fmt: skip


def _said(name: str, text: list[str], said: str, gaps: float) -> TypedColumn:
    distinct = sorted(set(text))
    if said == "number":
        form = number_form(text)
        if form.share == 0:
            raise SettingError(
                f"the column {name!r} is to be taken for numbers and holds none: {_some(distinct)}."
            )
        return TypedColumn(name, "number", f"you said so; {form.words}", form.name, len(distinct), gaps)
    if said == "date":
        moments = date_form(text)
        if moments is None:
            raise SettingError(f"the column {name!r} is to be taken for dates, and {_some(distinct)} are written as none that danlu reads. Write them as 2024-02-29.")  # fmt: skip
        return TypedColumn(name, "date", f"you said so; {moments.words}", moments.name, len(distinct), gaps)
    if said == "boolean":
        if len(distinct) != 2:
            raise SettingError(f"the column {name!r} is to be taken for boolean and has {len(distinct)} values: {_some(distinct)}.")  # fmt: skip
        return TypedColumn(name, "boolean", "you said so", "", 2, gaps, true=distinct[1])
    if said == "text":
        return TypedColumn(name, "text", "you said so", "", len(distinct), gaps)
    return _category(name, text, gaps, "you said so")


def _constant(name: str, value: Any, gaps: float) -> TypedColumn:
    shown = value if isinstance(value, str) else getattr(value, "item", lambda: value)()
    if gaps >= 0.005:
        return TypedColumn(
            name, "boolean", f"it is {_short(shown)!r} or a gap", "", 1, gaps, true=_text(value)
        )
    return TypedColumn(name, "left out", f"it is always {_short(shown)!r}", "", 1, gaps)


def _row_number(name: str, values: np.ndarray, rows: int) -> str:
    """Why whole numbers are those of the rows; '' where they are not."""
    if (
        len(values) < max(5, 0.9 * rows)
        or (values != np.floor(values)).any()
        or len(np.unique(values)) < len(values)
    ):
        return ""
    steps = np.diff(values)
    if (steps > 0).all() and values[-1] - values[0] <= 2 * len(values):
        return "whole numbers that rise from row to row: it counts the rows"
    if _NAMED_ID.search(name) or (_NAMED_ID.search(name.strip()) and (steps > 0).all()):
        return "whole numbers, no two alike, and its name says that they name the rows"
    return ""


def values_of(frame: Any, columns: Sequence[TypedColumn]) -> Any:
    """The columns that are used, as models see them: float64, text with None for gaps, or moments.

    Args:
        frame: cells as they were read, by column; further columns do not matter.
        columns: as ``typed`` gave them.

    Raises:
        SettingError: when a column that is used is missing.

    Example:
        >>> import pandas as pd
        >>> frame = pd.DataFrame({"price": ["1.5", "n/a", "2"], "fresh": ["yes", "no", "no"]})
        >>> values_of(frame, typed(frame)).to_dict("list")
        {'price': [1.5, nan, 2.0], 'fresh': [1.0, 0.0, 0.0]}
    """
    import pandas as pd

    used = [column for column in columns if column.used]
    missing = [column.name for column in used if column.name not in frame.columns]
    if missing:
        raise SettingError(
            f"the rows lack the column{'s' * (len(missing) > 1)} {listed(missing)} that the model was made with. They have: {listed(frame.columns)}."
        )
    made = {
        column.name: pd.Series(found, dtype=object if column.kind in {"category", "text"} else None)
        for column in used
        if (found := _values(frame[column.name], column)) is not None
    }
    return pd.DataFrame(made, index=range(len(frame)))


def _values(cells: Any, column: TypedColumn) -> Any:
    held = cells.tolist()
    if column.kind == "number":
        return as_numbers(map(_plain, held), column.form)  # fmt: skip
    if column.kind == "boolean":
        other = 0.0 if column.values == 1 else float("nan")
        return np.array([other if is_gap(cell) else float(_text(cell).casefold() == column.true.casefold()) for cell in held])  # fmt: skip
    if column.kind == "date":
        return as_dates([None if is_gap(cell) else cell for cell in held], column.form).to_numpy()
    return np.array([None if is_gap(cell) else _text(cell) for cell in held], dtype=object)


def _plain(cell: Any) -> Any:
    """A cell of a column of numbers: what is neither number nor text is a gap."""
    return cell if isinstance(cell, str | int | float | np.number | np.bool_) else None


def _text(cell: Any) -> str:
    """A cell as text: whole numbers without a point, so that 3 and 3.0 are one."""
    if isinstance(cell, str):
        return cell.strip()
    if isinstance(cell, float | np.floating) and float(cell).is_integer():
        return str(int(cell))
    return str(cell)


def _hashable(cell: Any) -> bool:
    try:
        hash(cell)
    except TypeError:
        return False
    return True


def listed(names: Any, most: int = 20) -> str:
    """Names for a sentence, the first of many."""
    held = [str(each) for each in names]
    return ", ".join(held[:most]) + (f" and {len(held) - most} more" if len(held) > most else "")


def _some(values: Sequence[str]) -> str:
    return ", ".join(repr(_short(each)) for each in values[:3])


def _short(value: Any) -> Any:
    return value if not isinstance(value, str) or len(value) <= 40 else value[:37] + "..."
