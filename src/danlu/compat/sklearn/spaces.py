"""What scikit-learn's users write for a space, read as a danlu space: lists, scipy distributions, lists of grids, danlu's own parameters."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...base.values import shown
from ...errors import SpaceError
from ...space.parameters import Choice, Float, Int, Leaf, Switch
from ...space.space import Space
from ..naming import rising, words_of
from .candidates import GRID, WIDE

TAIL = 1e-3
"""A distribution without an end is searched between the quantiles that leave this much on either side."""

PLAIN = ("uniform", "loguniform", "reciprocal", "randint")
"""Distributions that are ranges."""

REMEDY = "Give a list of options, a distribution of scipy.stats, or danlu.Float, Int and Choice"


class SearchSpace:
    """A space in scikit-learn's terms.

    Args:
        given: parameter names mapped to lists, frozen scipy distributions or danlu's parameters; or a list of such mappings.

    Attributes:
        space: in danlu's terms.
        read: how distributions were read whose shape or ends are not kept, a sentence each.

    Raises:
        SpaceError: for what is none of these.

    Example:
        >>> from scipy.stats import loguniform
        >>> found = SearchSpace([{"C": loguniform(0.1, 10), "kernel": ["rbf"]}, {"C": [1.0, 2.0]}])
        >>> found.params({"grid": "1", "grid.1.C": 0.5}), found.params({"grid": "2", "grid.2.C": 2.0})
        ({'kernel': 'rbf', 'C': 0.5}, {'C': 2.0})
    """

    def __init__(self, given: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
        grids = (
            [given] if isinstance(given, Mapping) else list(given) if isinstance(given, list | tuple) else []
        )
        if not grids or not all(isinstance(each, Mapping) and each for each in grids):
            raise SpaceError(
                f"SearchCV needs a mapping of parameter names, or a list of them, got {shown(given)}. {REMEDY}."
            )
        self.read: list[str] = []
        self._fixed: dict[str, dict[str, Any]] = {}
        self._branches: dict[str | tuple[str, ...], dict[str, Any]] = {}
        for number, grid in enumerate(grids, 1):
            self._fixed[str(number)] = {}
            self._branches[str(number)] = {}
            for name, value in grid.items():
                parameter = self._parameter(str(name), value)
                if parameter is None:
                    self._fixed[str(number)][str(name)] = next(iter(value))
                else:
                    self._branches[str(number)][str(name)] = parameter
        self.several = len(grids) > 1
        self.space = Space({GRID: Switch(self._branches)} if self.several else self._branches["1"])

    def params(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters of an estimator at a point, things for their names."""
        number = str(values[GRID]) if self.several else "1"
        head = f"{GRID}.{number}." if self.several else ""
        own = {name[len(head) :]: value for name, value in values.items() if not self.several or name != GRID}
        return self._fixed[number] | own

    def searches(self, name: str) -> bool:
        """Whether the search says what a parameter is, in one of its grids at least."""
        return any(name in own for own in (*self._branches.values(), *self._fixed.values()))

    def defaults(self, settings: Mapping[str, Any]) -> dict[str, Any] | None:
        """The point at which an estimator stands already; None where it lies in no grid."""
        for number, fixed in self._fixed.items():
            if any(settings.get(name, self) is not value for name, value in fixed.items()):
                continue
            head = f"{GRID}.{number}." if self.several else ""
            try:
                point = {
                    head + name: _standing(name, parameter, settings.get(name))
                    for name, parameter in self._branches[number].items()
                }
            except SpaceError:
                continue
            return ({GRID: number} if self.several else {}) | point
        return None

    def center(self) -> dict[str, Any]:
        """The point in the middle of the first grid."""
        head = f"{GRID}.1." if self.several else ""
        point = {head + name: parameter.decode(0.5) for name, parameter in self._branches["1"].items()}
        return ({GRID: "1"} if self.several else {}) | point

    def given(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Values as journals have them with the things that they name."""
        return self.space.forms.given(values)

    def _parameter(self, name: str, value: Any) -> Leaf | None:
        """A parameter; None for a list of one, which is no question."""
        if isinstance(value, Float | Int | Choice):
            return value
        if isinstance(value, Switch):
            raise SpaceError(
                f"{name} is a Switch, whose parts have no names in scikit-learn. Give a list of mappings, one for each option."
            )
        if hasattr(value, "rvs"):
            found, why = _distribution(name, value)
            if why:
                self.read.append(f"{name}: {why}")
            return found
        flat = (
            not isinstance(value, np.ndarray) or value.ndim == 1
        )  # an option may be a tuple, whatever its length
        if isinstance(value, str | bytes | Mapping) or not hasattr(value, "__iter__") or not flat:
            raise SpaceError(f"{name} needs options or a range, got {shown(value)}. {REMEDY}.")
        options = list(value)
        if not options:
            raise SpaceError(f"{name} needs at least one option, got none. {REMEDY}.")
        if len(options) == 1:
            return None
        plain = [each.item() if isinstance(each, np.generic) else each for each in options]
        if all(each is None or isinstance(each, bool | int | float | str) for each in plain):
            return Choice(list(dict.fromkeys(plain)), ordered=rising(plain))
        return Choice(dict(zip(words_of(options), options, strict=True)))


def _standing(name: str, parameter: Leaf, value: Any) -> Any:
    """The option or number at which an estimator stands.

    Raises:
        SpaceError: when it lies outside.
    """
    if isinstance(parameter, Choice) and parameter.named:
        for each in parameter.values:
            option = parameter[each]
            if option is value or (type(option) is type(value) is tuple and option == value):
                return each
        raise SpaceError(f"{name} stands at {shown(value)}, which is no option.")
    return parameter.check(name, value)


def _distribution(name: str, given: Any) -> tuple[Leaf, str]:
    """The range of a frozen distribution of scipy, and how it was found."""
    try:
        low, high = map(float, given.support())
        ends = [float(given.ppf(TAIL)), float(given.ppf(1 - TAIL))]
    except (AttributeError, TypeError, ValueError) as error:
        raise SpaceError(
            f"{name} can be drawn from, but does not tell its range, got {shown(given)}. {REMEDY}."
        ) from error
    open_ = [math.isinf(low), math.isinf(high)]
    low, high = (end if each else bound for bound, end, each in zip((low, high), ends, open_, strict=True))
    kind = getattr(getattr(given, "dist", None), "name", type(given).__name__)
    whole = isinstance(given.mean(), float | np.floating) and _discrete(given)
    middle = float(given.ppf(0.5))
    log = low > 0 and high / low >= WIDE and math.log(middle / low) > 0.25 * math.log(high / low)
    scale = ", on a logarithmic scale" if log else ""
    range_ = f"{low:g} to {high:g}{scale}"
    cut = f", as {1 - TAIL:.1%} of it {'lie' if all(open_) else 'lies'} there" if any(open_) else ""
    why = "" if kind in PLAIN and not cut else f"{kind} is read as {range_}{cut}"
    if whole:
        return Int(round(low), round(high), log=log), why
    return Float(low, high, log=log), why


def _discrete(given: Any) -> bool:
    return hasattr(given, "pmf") and not hasattr(getattr(given, "dist", given), "pdf")
