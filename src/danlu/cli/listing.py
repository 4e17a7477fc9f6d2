"""Which trials and columns ``danlu show`` prints: the newest by default, others by ``--top``, ``--sort``, ``--last`` and ``--columns``.

Nothing is left out in silence: a line says how many more there are and how to see them.
"""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

import click

from ..errors import SettingError
from ..journal.history import History
from .echo import echo, visible

ROWS = 40
"""So many trials are printed where nobody says how many; on a screen as many as fit."""

AROUND = 14
"""Lines of a screen that are kept for what stands above and below the trials."""

Row = dict[str, Any]


class Wanted(NamedTuple):
    """What a person wants to see of the trials; None where they did not say."""

    top: int | None = None
    last: int | None = None
    sort: str | None = None
    columns: str | None = None
    whole: bool = False


def listed(
    rows: Sequence[Row], history: History, wanted: Wanted, *, lines: int | None = None
) -> tuple[list[Row], str]:
    """The rows that are shown, and the sentence about those that are not, '' where all are.

    Args:
        rows: one a trial, in order of number.
        history: of the study; a metric of its goal is sorted from good to bad.
        wanted: by the person.
        lines: of the screen, None where there is none.

    Raises:
        SettingError: for a column that there is not.

    Example:
        >>> import danlu
        >>> result = danlu.tune(lambda t: t["x"], {"x": danlu.Float(0, 1)}, trials=60, sampler="quasirandom", seed=0)
        >>> shown, more = listed(result.table(), result.history, Wanted(top=3))
        >>> [row["trial"] for row in shown] == sorted(range(60), key=lambda number: result.trials[number].value)[:3], more
        (True, 'the best 3 of 60 trials are shown; --all shows every one.')
    """
    chosen = list(rows)
    if wanted.top is not None or wanted.sort is not None:
        chosen = _sorted(chosen, history, wanted.sort)
    count = wanted.top if wanted.top is not None else wanted.last
    first = wanted.top is not None or (wanted.sort is not None and wanted.last is None)
    if count is None and not wanted.whole:
        count = ROWS if lines is None else max(5, min(ROWS, lines - AROUND))
    if wanted.top is not None and wanted.last is not None:
        raise SettingError("--top is of the best and --last of the newest trials: give one of them.")
    kept = (
        chosen
        if count is None
        else chosen[:count]
        if first
        else chosen[len(chosen) - min(count, len(chosen)) :]
    )
    if len(kept) == len(chosen):
        return kept, ""
    which = "best" if wanted.top is not None else "first" if first else "newest"
    others = "" if wanted.top or wanted.last else "--top N shows the best, --last N the newest, "
    return (
        kept,
        f"the {which} {len(kept):,} of {len(rows):,} trials are shown; {others}--all {'' if others else 'shows '}every one.",
    )


def arranged(rows: Sequence[Row], wanted: str | None, width: int | None) -> tuple[list[Row], str]:
    """Rows with the columns that are wanted, or that fit, and the sentence about those that do not.

    Args:
        rows: as ``listed`` gives them.
        wanted: names, with commas between them; all when None.
        width: of the screen in characters, None where there is none.

    Raises:
        SettingError: for a column that there is not.

    Example:
        >>> arranged([{"trial": 0, "status": "done", "lr": 0.1}], "lr,trial", None)
        ([{'lr': 0.1, 'trial': 0}], '')
        >>> arranged([{"trial": 0, "a": "x" * 30, "b": 1}], None, 39)[1]
        '1 column does not fit: b. --columns NAME,NAME shows what you want.'
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    if wanted is not None:
        chosen = [_column(each.strip(), names) for each in wanted.split(",") if each.strip()]
        return [{name: row.get(name) for name in chosen} for row in rows], ""
    if width is None:
        return list(rows), ""
    wide = {name: max(len(name), *(len(cell(row.get(name))) for row in rows)) for name in names}
    kept: list[str] = []
    used = 0
    for name in _by_use(names, rows):
        if used + wide[name] + 2 * bool(kept) <= width:
            kept.append(name)
            used += wide[name] + 2 * (len(kept) > 1)
    missing = [name for name in names if name not in kept and any(row.get(name) is not None for row in rows)]
    kept = [name for name in names if name in kept]
    shown = [{name: row.get(name) for name in kept} for row in rows]
    if not missing:
        return shown, ""
    some = f"{', '.join(missing[:8])}{', ...' if len(missing) > 8 else ''}"
    do = "column does not fit" if len(missing) == 1 else "columns do not fit"
    return shown, f"{len(missing)} {do}: {some}. --columns NAME,NAME shows what you want."


def cell(value: Any) -> str:
    """A value as a table shows it."""
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else str(value)


def show_lines(text: str) -> None:
    """Print; through a pager where a person looks at a screen that is lower than the text."""
    screen = screen_of()
    if screen is not None and text.count("\n") >= screen[1]:
        click.echo_via_pager(visible(text))
    else:
        echo(text)


def screen_of() -> tuple[int, int] | None:
    """Columns and lines of the terminal that standard output is, None where it is none."""
    if sys.stdout is None or not sys.stdout.isatty():
        return None
    size = shutil.get_terminal_size()
    return size.columns, size.lines


def _by_use(names: Sequence[str], rows: Sequence[Row]) -> list[str]:
    """Columns by how much a person misses them: those that say nothing come last."""
    first = [name for name in ("trial", "status") if name in names]
    last = [name for name in names if all(row.get(name) in {None, ""} for row in rows)]
    return [*first, *(name for name in names if name not in {*first, *last}), *last]


def _sorted(rows: list[Row], history: History, sort: str | None) -> list[Row]:
    if not rows:
        return rows
    names = list(dict.fromkeys(name for row in rows for name in row))
    goals = {each.name: each for each in history.goal.metrics}
    column = next(iter(goals), "") if sort is None else sort
    descending = column.startswith("-") and column not in names
    column = (
        _column(column.removeprefix("-") if descending else column, names) if sort is not None else column
    )
    if sort is None and len(goals) > 1:
        front = set(history.incumbents.front)
        rows = sorted(rows, key=lambda row: row["trial"] not in front)
        return rows[: len(front)] + _sorted(rows[len(front) :], history, column)
    turned = -1 if descending else 1
    if column in goals and turned == 1:
        metric = goals[column]
        return sorted(
            rows, key=lambda row: _key(None if row.get(column) is None else metric.loss(row[column]))
        )
    return sorted(rows, key=lambda row: _key(row.get(column), turned))


def _key(value: Any, turned: int = 1) -> tuple[int, float, str]:
    """What is not known comes last, either way; numbers come before texts."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return 2, 0.0, ""
    if isinstance(value, int | float):
        return 0, turned * float(value), ""
    return 1, 0.0, str(value)


def _column(name: str, names: Sequence[str]) -> str:
    if name in names:
        return name
    near = get_close_matches(name, names, 1)
    remedy = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(names)}."
    raise SettingError(f"the table has no column {name!r}. {remedy}")
