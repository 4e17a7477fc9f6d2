"""What scikit-learn calls a candidate, a mapping of an estimator's parameters, as a point of a danlu space."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...space.parameters import Choice, Float, Int, Leaf, Switch
from ...space.space import Space
from ..naming import words_of

WIDE = 100.0
"""A positive number whose largest candidate is so many times its smallest is looked at on a logarithmic scale."""

GRID = "grid"
"""The parameter that tells candidates with different names apart, as those of a list of grids."""


class Candidates:
    """Candidates that are known beforehand, the space that they span, and their points in it.

    Numbers span ranges, everything else are options by name, as no journal can keep an estimator.

    Args:
        candidates: in scikit-learn's order.

    Attributes:
        space: which they span.
        points: one for each candidate, in their order.

    Example:
        >>> found = Candidates([{"C": 0.1, "kernel": "rbf"}, {"C": 10.0, "kernel": None}])
        >>> found.points
        [{'C': 0.1, 'kernel': 'rbf'}, {'C': 10.0, 'kernel': 'None'}]
    """

    def __init__(self, candidates: Sequence[Mapping[str, Any]]) -> None:
        families: dict[tuple[str, ...], list[int]] = {}
        for place, each in enumerate(candidates):
            families.setdefault(tuple(sorted(each)), []).append(place)
        points: list[dict[str, Any]] = [{}] * len(candidates)
        branches: dict[str | tuple[str, ...], dict[str, Any]] = {}
        for number, (names, places) in enumerate(families.items(), 1):
            parameters: dict[str, Leaf] = {}
            own: dict[str, list[Any]] = {}
            for name in names:
                parameters[name], own[name] = _parameter([candidates[place][name] for place in places])
            branches[str(number)] = parameters
            for index, place in enumerate(places):
                points[place] = {name: own[name][index] for name in names}
                if len(families) > 1:
                    points[place] = {
                        GRID: str(number),
                        **{f"{GRID}.{number}.{name}": value for name, value in points[place].items()},
                    }
        self.space = Space(branches["1"] if len(families) == 1 else {GRID: Switch(branches)})
        self.points = points


def _parameter(values: Sequence[Any]) -> tuple[Leaf, list[Any]]:
    """A parameter that has all these values, and what each of them is called in it."""
    if all(_whole(value) for value in values) and len(set(map(int, values))) > 1:
        whole = [int(value) for value in values]
        if max(map(abs, whole)) < 2**53:
            return Int(min(whole), max(whole), log=_wide(whole)), whole
    if all(_real(value) for value in values) and len(set(map(float, values))) > 1:
        real = [float(value) for value in values]
        return Float(min(real), max(real), log=_wide(real)), real
    kinds: list[Any] = []
    places: list[int] = []
    for value in values:
        place = next((at for at, kind in enumerate(kinds) if _same(kind, value)), len(kinds))
        if place == len(kinds):
            kinds.append(value)
        places.append(place)
    words = words_of(kinds)
    return Choice(words), [words[place] for place in places]


def _whole(value: Any) -> bool:
    return isinstance(value, numbers.Integral) and not isinstance(value, bool | np.bool_)


def _real(value: Any) -> bool:
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        return False
    return math.isfinite(value) and abs(float(value)) < 1e300


def _wide(values: Sequence[float]) -> bool:
    return min(values) > 0 and max(values) / min(values) >= WIDE


def _same(one: Any, other: Any) -> bool:
    """Whether two options are one; where comparing tells nothing, as with arrays, they are one only if they are the same object."""
    if one is other:
        return True
    if type(one) is not type(other) or not isinstance(one, str | int | float | bool | tuple | None):
        return False
    try:
        return bool(one == other)
    except (TypeError, ValueError):
        return False
