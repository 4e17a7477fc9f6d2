"""Units after printed numbers: they are not converted, so that one curve has to be in one of them, and all trials in the same.

Whether the trials are is seen in their facts, when they are over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ...errors import ObjectiveError
from .pattern import NUMBER, number
from .steps import Sink

_ALIKE = {
    "\u03bcs": "us", "\u00b5s": "us", "sec": "s", "secs": "s", "second": "s", "seconds": "s", "mins": "min", "minutes": "min", "hr": "h",
    "hrs": "h", "hours": "h", "kB": "KB", "K": "k",
}  # fmt: skip
_UNITS = (
    "ns", "us", "ms", "s", "min", "h", "B", "KB", "MB", "GB", "TB", "KiB", "MiB", "GiB", "TiB", "k", "M", "G", "T", *_ALIKE,
)  # fmt: skip
_UNIT = re.compile(
    rf"\s?(?P<percent>%)|\s(?P<unit>(?:{'|'.join(sorted(_UNITS, key=len, reverse=True))})(?:/[A-Za-z]+)?)(?![\w./@-]\w|\w|\s*[:=]|\s+[-+.]?\d)"
)
_TOKEN = re.compile(rf"(?<![\d.])(?P<value>{NUMBER.pattern})", re.IGNORECASE)


def unit_after(value: float, line: str) -> str | None:
    """The unit that a line has after a value; '' where it has none, None where the value is in it several times.

    Example:
        >>> unit_after(1.2, "  Median: 1.20 ms"), unit_after(0.5, "loss 0.5 min 0.3"), unit_after(3.0, "3 ms/step, loss 3")
        ('ms', '', None)
    """
    ends = [found.end() for found in _TOKEN.finditer(line) if number(found["value"]) == value]
    unit = _UNIT.match(line, ends[0]) if len(ends) == 1 else None
    if unit is None:
        return "" if len(ends) == 1 else None
    word, slash, per = (unit["unit"] or unit["percent"]).partition("/")
    return _ALIKE.get(word, word) + slash + per


UNIT = "unit of "
"""What a fact of a trial begins with that says the unit of a metric; there is none where it has none."""

UNKNOWN = "?"
"""The unit of a metric whose value stood in each of its lines several times."""


class LineUnits:
    """Watches over the units of one trial's numbers.

    Args:
        sink: that remarks are made to.
    """

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._first: dict[str, tuple[str, str]] = {}
        self._known: dict[str, bool] = {}

    def read(self, line: str, values: Mapping[str, float]) -> None:
        """Take in a line that was read.

        Raises:
            ObjectiveError: where a number has another unit than that of a line before.
        """
        for name, value in values.items():
            unit = unit_after(value, line)
            self._known[name] = self._known.get(name, False) or unit is not None
            if unit is None:
                continue
            if unit and not self._first.get(name, ("",))[0]:
                self._sink.fact(f"{UNIT}{name}", unit)
            first, above = self._first.setdefault(name, (unit, line))
            if first and unit and first != unit:
                raise ObjectiveError(
                    f"numbers of {name} have to be in one unit, got {unit} in {line.strip()[:200]!r} after {first} in {above.strip()[:200]!r}. "
                    "Have the program print one unit."
                )
            if unit and not (unit == "%" and first == unit):
                self._sink.remark(
                    f"unit of {name}: {unit}",
                    f"{name} is in {unit} in {line.strip()[:200]!r}, which is not converted: every line of every trial has to be in one unit",
                )
            if first != unit:
                self._sink.remark(
                    f"units of {name}",
                    f"{name} has {f'the unit {first}' if first else 'no unit'} in {above.strip()[:120]!r} and "
                    f"{f'the unit {unit}' if unit else 'none'} in {line.strip()[:120]!r}, and is not converted: have the program print one",
                )

    def close(self) -> None:
        """Keep which units are not known."""
        for name in [name for name, known in self._known.items() if not known]:
            self._sink.fact(f"{UNIT}{name}", UNKNOWN)
