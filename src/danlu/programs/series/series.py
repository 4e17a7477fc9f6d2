"""A series of numbers that a program printed or wrote, with what to write after ``--metric`` to have it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from ...problem.direction import Way, direction
from ..sources.curve import TRAINING

MOST_SERIES = 80
"""How many series are tried, of what is printed and of files."""

FEW = 3
"""Values from which on a series may be called a constant, and one step is too few for them."""


class NumberSeries(NamedTuple):
    """Numbers that belong together.

    Attributes:
        spec: what to write after ``--metric``.
        name: of the metric.
        place: where it was found.
        step: how its steps are known, "" where they are counted.
        steps: how many it has.
        first: its first value.
        last: its last value.
        way: which way it is optimized, None where nobody can know.
        why: why.
        doubts: what looks wrong about it.
        head: how its lines begin, up to their first number.
    """

    spec: str
    name: str
    place: str
    step: str
    steps: int
    first: float
    last: float
    way: Way | None
    why: str
    doubts: tuple[str, ...] = ()
    head: str = ""

    @property
    def rank(self) -> tuple[bool, ...]:
        """How likely it is what is to be optimized; small is likely."""
        words = set(re.split(r"[\W_]+", self.name.lower()))
        if not words & (TRAINING | _HELD_OUT):
            words |= set(re.split(r"[\W_]+", self.head.lower()))
        return (
            self.way is None,
            bool(self.doubts),
            bool(words & TRAINING),
            not words & _HELD_OUT,
            bool(words & _COSTS),
        )


_HELD_OUT = {"val", "valid", "validation", "test", "eval", "dev"}
_COSTS = {"time", "seconds", "sec", "duration", "runtime", "latency", "memory"}


class SeriesSink:
    """Takes in what a series would report."""

    def __init__(self) -> None:
        self.values: dict[int, Mapping[str, float]] = {}
        self.remarks: dict[str, str] = {}

    def report(self, step: int, /, **metrics: float) -> None:
        """Keep the values of a step."""
        self.values[step] = metrics

    def remark(self, about: str, sentence: str) -> None:
        """Keep what is said."""
        self.remarks.setdefault(about, sentence)

    def fact(self, name: str, value: str) -> None:
        """Keep a fact of the trial."""
        del name, value


def judged(spec: str, name: str, place: str, told: SeriesSink) -> NumberSeries | str:
    """A series by what its specification would report, with what looks wrong about it; why it is none."""
    values = [values[name] for values in told.values.values() if name in values]
    if not values:
        return "it has no value"
    said = told.remarks.get(f"output of {spec}", "")
    how = re.search(r"at step \d+ \((.*?)\)(?:[,;]|$)", said)
    step = how[1] if how is not None and not how[1].startswith("counted") else ""
    if "{step}" in spec:
        step = "{step}"
    way, why = direction(name)
    doubts = [
        sentence
        for about, sentence in told.remarks.items()
        if about.startswith(("lines of", "rows of", "redraws", "late"))
    ]
    doubts += ["several numbers of a line match"] if "places of it match" in said else []
    if len(values) >= FEW and len(set(values)) == 1:
        doubts.append("a constant")
    if len(values) == 1 and not spec.startswith("file:"):
        doubts.append("found once, so no trial can be stopped early")
    return NumberSeries(spec, name, place, step, len(values), values[0], values[-1], way, why, tuple(doubts))
