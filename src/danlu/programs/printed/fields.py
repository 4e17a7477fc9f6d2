r"""Named numbers in the lines that a program prints, whatever the form: they are what a metric that is given by its name is read from.

Forms that are read: ``key=value`` and logfmt, ``key: value``, ``key value``, tqdm's and Lightning's postfix, Keras' ``- loss: 0.5``, JSON and
Python dicts (Hugging Face's ``{'loss': 0.5, 'epoch': 1.0}``), and tables with a header. The step is the number beside a word that
counts: ``Epoch 3/10``, ``[3/10] ...``, ``"global_step": 100``, a column ``epoch``.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from ...problem.direction import direction
from .pattern import GROUPED, NUMBER, PLAIN_NUMBER, SIGN, UnreadNumber, doubt, number

COUNTERS = (
    "epoch", "epochs", "ep", "round", "generation", "global_step", "total_steps", "total_timesteps", "num_timesteps", "step", "steps",
    "iteration", "iterations", "iter", "itr", "update", "updates", "timestep", "timesteps", "episode", "tree", "batch", "batches",
)  # fmt: skip
"""Words whose number is a step, those that are taken first before the others."""

LONGEST = 4000
"""Characters of a line that are looked at, where it is no JSON."""

LONGEST_WORD = 80
"""Characters before a name that are looked at for a word which belongs to it."""

NEAR = 12
"""Characters before a name in which a sign belongs to it."""

BAR = "bar"
"""How the counter of a progress bar is named, 9/20."""

HEADINGS = frozenset({"epoch", "epochs", "ep", "round", "generation", "iteration", "episode"})
"""Counters that hold for the lines below them, as in Keras' ``Epoch 3/10``."""

_VALUE = rf"{SIGN}(?:{GROUPED}|{PLAIN_NUMBER})"
_WORD = r"[A-Za-z_][\w./'@%+-]*+"
_CALLED = r"(?:(?:tensor|array|(?:np|numpy|jnp)\.\w+)\(|\[)?"
_ENDS = r"(?![\w])(?![./:,-]\d)(?!/\d)"
_NAMED = re.compile(
    rf"(?<![\w./@-])(?P<key>{_WORD}(?:[ \t]{_WORD}){{0,3}})(?P<sign>[ \t]*=[ \t]*|[ \t]*:[ \t]*|[ \t]*[│┃][ \t]*|[ \t]+)"
    rf"[\"']?{_CALLED}(?P<value>{_VALUE}){_ENDS}",
    re.IGNORECASE,
)
_WORD_BEFORE = re.compile(r"([A-Za-z_][\w./'@%+-]*)[ \t]+$")
_SHARE = re.compile(
    rf"(?<![\w./@-])(?P<key>{_WORD}(?:[ \t]{_WORD}){{0,3}})[ \t]*[:=]?[ \t]*\d+/\d+ *\((?P<value>{_VALUE}) ?%\)",
    re.IGNORECASE,
)
_COUNTED = re.compile(
    rf"(?<![\w./@-])(?<!\bper )(?P<key>(?:\w+/)?(?:{'|'.join(sorted(COUNTERS, key=len, reverse=True))}))\b[\"']?[ \t]*[:=#]?[ \t]*[\[(]?[ \t]*"
    rf"(?P<value>\d+(?:\.\d+)?)(?![\w.]|,\d)",
    re.IGNORECASE,
)
_TURNING = re.compile(r"[-/*\u2010-\u2015\u2212\ufe63\uff0d\u00d7]|neg|minus|inv|non|not", re.IGNORECASE)
_OVER = re.compile(r"(?<![\w.])1(?:\.0*)?\s*/\s*$|[\d)]\s*[*x]\s*$|(?:^|\s)-$")
_LEADING = re.compile(r"^\s*(?:\[\s*(?P<box>\d+)\s*(?:/\s*\d+\s*)?\]|(?P<colon>\d+):(?=\s))")
_DRAWN = re.compile(r"(?<![\w./])(?P<at>\d+)/(?P<of>\d+|\?) \[(?:\d+:)?\d+:\d+")
_NONE = re.compile(r"-?\b(?:nan|inf)\b")
_CALL = re.compile(
    rf"(?<![\w.'\"])(?:tensor|array|(?:np|numpy|jnp)\.\w+)\((?P<value>{_VALUE})(?:,[^()]*)?\)", re.IGNORECASE
)
_BOOL = re.compile(r"(?<![\w.'\"])(?:np|numpy)\.(True|False)_")
_RULE = re.compile(r"[\s\-=+|│┃┏┓┗┛┡┩━┳┻╇└┘┴┬─╋┼├┤]*")
_DASHES = re.compile(r"\s*(?:[-=─━]{2,}\s+)+[-=─━]{2,}\s*")
_SKIPPED = re.compile(r"-|None|NaN|\d+(?::\d\d)+(?:\.\d+)?|[✓✔+x*]?", re.IGNORECASE)


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


_NOISE = _listed("""
info debug warning root main done finished complete completed end the and with of is at got has results result after in for on
""")
"""Words before a name that are no part of it."""
_QUALIFIERS = _listed("""
train training trn val valid validation test testing eval evaluation dev holdout cv best min max mean avg average total running ema
smoothed final last neg negative minus inverse inverted not non
""")
"""Words before a name that make it another one."""


class LineNumbers(NamedTuple):
    """The numbers of a line: by name in the order in which they stand, and the steps that it says by the words beside them."""

    values: Mapping[str, list[float]]
    steps: Mapping[str, float]


class LineReader:
    """Reads lines one after the other, as tables have a header above their rows.

    Example:
        >>> reader = LineReader()
        >>> reader.read("Epoch 3/10 - loss: 0.5 - val_loss: 0.25")
        LineNumbers(values={'loss': [0.5], 'val_loss': [0.25]}, steps={'epoch': 3.0})
        >>> _ = reader.read("epoch  train_loss  valid_loss")
        >>> reader.read("    2         0.5        0.25").values
        {'train_loss': [0.5], 'valid_loss': [0.25]}
    """

    def __init__(self) -> None:
        self._columns: list[str] = []
        self._above: list[str] = []
        self._last = ""

    def read(self, line: str) -> LineNumbers:
        """What a line says, without color codes."""
        record = _record(line)
        if record is not None:
            start, found = record
            inside, steps = _sorted_out(found)
            return LineNumbers(inside, steps or dict(_counters(line[:start])))
        line = line[:LONGEST]
        row = self._row(line)
        if row is not None:
            return row
        steps = dict(_counters(line))
        values: dict[str, list[float]] = {}
        for name, value in _named(line):
            values.setdefault(name, []).append(value)
        return LineNumbers(values, steps)

    def _row(self, line: str) -> LineNumbers | None:
        """The line as a row below a header; None when it is none."""
        above, self._last = self._last, line
        if _RULE.fullmatch(line):
            ruled = _ruled(above, line)
            self._above = ruled if _is_header(ruled) else self._above
            return None
        cells = _cells(line)
        for columns in (self._columns, self._above):
            if columns and len(columns) == len(cells) and _is_row(cells):
                self._columns = columns
                found = {
                    column: value
                    for column, cell in zip(columns, cells, strict=True)
                    if (value := number(cell.rstrip("%"))) is not None
                }
                return LineNumbers(*_sorted_out(found))
        self._above = cells if _is_header(cells) else []
        return None


@lru_cache(4096)
def counter(name: str) -> int | None:
    """How early a word is taken for the step, 0 first; None for a word that does not count.

    Example:
        >>> counter("epoch"), counter("trainer/global_step"), counter("val_loss")
        (0, 5, None)
    """
    word = name.strip().rpartition("/")[2].strip("_ ").lower().replace(" ", "_")
    return COUNTERS.index(word) if word in COUNTERS else None


def step_of(steps: Mapping[str, float]) -> str | None:
    """The counter that is the step where a line has several; None where it has none.

    Example:
        >>> step_of({"step": 100.0, "epoch": 3.0})
        'epoch'
    """
    ranked = [
        (len(COUNTERS) if (rank := counter(name)) is None else rank, name) for name in steps if name != BAR
    ]
    return min(ranked)[1] if ranked else None


def alike(name: str, written: str) -> bool:
    """Whether a name is meant by one that is printed: in whatever case, words apart or joined.

    Example:
        >>> alike("val_loss", "Val loss"), alike("loss", "val loss")
        (True, False)
    """
    return _folded(name) == _folded(written)


def unread(name: str, line: str) -> UnreadNumber | None:
    """What stands beside a name in place of a number; None where the name is not there, or a number is.

    Example:
        >>> unread("val_loss", "epoch 1 val loss: 0,25, lr 0.1"), unread("loss", "val loss: 0,25")
        (UnreadNumber(text='0,25', at=18), None)
    """
    line = line[:LONGEST]
    for found in _beside(name).finditer(line):
        text = found["value"].rstrip(",.;:")
        before = _WORD_BEFORE.search(line[max(0, found.start("key") - LONGEST_WORD) : found.start("key")])
        word = before[1].lower().strip(".:") if before is not None else ""
        belongs = word in _QUALIFIERS if "=" in found["sign"] else word not in _NOISE | {""}
        nothing = text.lower() in {"null", "none"} and "{" in line[: found.start("key")]
        if text and not nothing and not belongs and not _turned(line, found.start("key"), name):
            return UnreadNumber(text, found.start("value")) if number(text) is None else None
    return None


def flattened(record: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, float]]:
    """The numbers of a record by name, those of records in it as ``outer.inner``; texts that are numbers count.

    Example:
        >>> dict(flattened({"val": {"loss": 0.5}, "epoch": "3", "best": True}))
        {'val.loss': 0.5, 'epoch': 3.0}
    """
    for key, value in record.items():
        if isinstance(value, Mapping):
            yield from flattened(value, f"{above}{key}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            yield f"{above}{key}", float(value)
        elif isinstance(value, str) and (told := number(value)) is not None:
            yield f"{above}{key}", told


@lru_cache(4096)
def _folded(name: str) -> str:
    return re.sub(r"[\s_]+", "_", name.strip()).lower()


@lru_cache(64)
def _beside(name: str) -> re.Pattern[str]:
    written = r"[\s_]+".join(map(re.escape, re.split(r"[\s_]+", name.strip())))
    return re.compile(
        rf"(?<![\w./@-])(?P<key>{written})(?P<sign>[\"']?[ \t]*[=:│┃][ \t]*|[ \t]+)[\"']?{_CALLED}(?P<value>[^\s\"'(){{}}\[\]|;]+)",
        re.IGNORECASE,
    )


def _sorted_out(found: Mapping[str, float]) -> tuple[dict[str, list[float]], dict[str, float]]:
    steps = {name: value for name, value in found.items() if counter(name) is not None}
    return {name: [value] for name, value in found.items() if name not in steps}, steps


def _record(line: str) -> tuple[int, dict[str, float]] | None:
    """Where a JSON object or a Python dict begins in the line, and its numbers; None where there is none."""
    start = line.find("{")
    if start < 0:
        return None
    try:
        told, _ = json.JSONDecoder().raw_decode(line, start)
    except (ValueError, RecursionError):
        end = line.rfind("}") + 1
        try:
            bare = _BOOL.sub(r"\1", _CALL.sub(lambda call: call["value"], line[start:end]))
            told = ast.literal_eval(_NONE.sub(lambda word: repr(word[0]), bare))
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return None
    found = dict(flattened(told)) if isinstance(told, dict) else {}
    return (start, found) if found else None


def _counters(line: str) -> Iterator[tuple[str, float]]:
    leading = _LEADING.match(line)
    for found in _COUNTED.finditer(line):
        yield found["key"].lower(), float(found["value"])
    if leading is not None:
        yield "[n]" if leading["box"] else "n:", float(leading["box"] or leading["colon"])
    drawn = _DRAWN.search(line)
    if drawn is not None:
        yield BAR, float(drawn["at"])


def _named(line: str) -> Iterator[tuple[str, float]]:
    """LineNumbers with the words before them."""
    shares = {found.end("key"): found for found in _SHARE.finditer(line)} if "%" in line else {}
    for found in sorted([*_NAMED.finditer(line), *shares.values()], key=re.Match.start):
        if found.re is _NAMED and found.end("key") in shares:
            continue
        key, sign = found["key"], found["sign"].strip() if found.re is _NAMED else ":"
        words = _before_equals(key.split()) if sign == "=" else key.split()
        while len(words) > 1 and words[0].lower().strip(".:") in _NOISE:
            words = words[1:]
        name = " ".join(words)
        begins = found.end("key") - len(name)
        if name.endswith("'") and line[:begins].endswith("'"):
            name = name[:-1]
        value = number(found["value"])
        if value is None or counter(name.rpartition(" ")[2]) is not None or _turned(line, begins, name):
            continue
        yield name, value


def _before_equals(words: list[str]) -> list[str]:
    """The words of a name before =: one, and those before it that say of what it is."""
    first = len(words) - 1
    while first and words[first - 1].lower() in _QUALIFIERS:
        first -= 1
    return words[first:]


def _turned(line: str, begins: int, name: str) -> bool:
    """Whether what stands before a name may turn its meaning around: a sign, 1 - or 1 /."""
    near = line[max(0, begins - NEAR) : begins]
    if not _TURNING.search(near):
        return False
    near = re.split(r"[,;|{}\[\]]", near)[-1]
    return bool(
        _OVER.search(near) or doubt(near + name, _folded(name), first=begins <= NEAR and not near.strip())
    )


def _cells(line: str) -> list[str]:
    text = line.strip()
    for mark in ("│", "┃", "|", "\t", ";", ","):
        if text.count(mark) and not (mark == "," and "=" in text):
            cells = [
                cell.strip()
                for cell in re.split(r"[│┃]" if mark in "│┃" else re.escape(mark), text.strip("│┃|"))
            ]
            return cells if mark != "\t" else [cell for cell in cells if cell]
    cells = re.split(r"\s{2,}", text)
    return cells if len(cells) > 1 and all(" " not in cell for cell in cells) else text.split()


def _ruled(header: str, rule: str) -> list[str]:
    """The cells of a header above a line of dashes, which says where each column is: names may be of several words.

    Example:
        >>> _ruled("E    #       LOSS NER  SCORE ", "---  ------  --------  ------")
        ['E', '#', 'LOSS NER', 'SCORE']
    """
    if not _DASHES.fullmatch(rule):
        return []
    return [header[found.start() : found.end()].strip() for found in re.finditer(r"\S+", rule)]


def _is_row(cells: Sequence[str]) -> bool:
    told = [number(cell.rstrip("%")) is not None for cell in cells]
    return any(told) and all(is_ or _SKIPPED.fullmatch(cell) for is_, cell in zip(told, cells, strict=True))


def _is_header(cells: Sequence[str]) -> bool:
    """Whether names stand side by side, and one of them counts or is a metric's."""
    named = all(
        re.fullmatch(r"[A-Za-z_#%][\w ./@%()#'-]*", cell) and NUMBER.fullmatch(cell) is None for cell in cells
    )
    return (
        len(cells) > 1
        and named
        and len(set(cells)) == len(cells)
        and any(counter(cell) is not None or direction(cell).way for cell in cells)
    )
