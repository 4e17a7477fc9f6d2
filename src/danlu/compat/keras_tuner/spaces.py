"""Keras Tuner's hyperparameters as a danlu space: the same names, values and conditions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from keras_tuner import HyperParameters
from keras_tuner.engine import hyperparameters as kinds

from ...base.values import typed_key
from ...errors import SpaceError
from ...space.parameters import Choice, Float, Int, Leaf
from ...space.slots import Constant, Slot, SpaceSpec
from ...space.space import Space

LEVELS = 64
"""A range on a reverse logarithmic scale is searched at so many values, evenly on that scale; a whole number with at most so many
values can decide which others there are."""


class StudySpace:
    """The hyperparameters of an oracle as a space.

    Args:
        given: the hyperparameters, those that decide about others before them.
        searched: whether danlu draws the points; where the oracle does, ranges are only looked at.

    Attributes:
        space: in danlu's terms. Where one name stands for several hyperparameters in different scopes, the second is ``"name (2)"``.
        read: what is searched otherwise than it is written, a sentence by name.

    Example:
        >>> hp = HyperParameters()
        >>> kind = hp.Choice("kind", ["dense", "conv"])
        >>> with hp.conditional_scope("kind", ["conv"]):
        ...     width = hp.Int("filters", 8, 32, step=8)
        >>> found = StudySpace(hp.space, searched=True)
        >>> found.values({"kind": "conv", "filters": 16}), found.values({"kind": "dense"})
        ({'kind': 'conv', 'filters': 16}, {'kind': 'dense'})
    """

    def __init__(self, given: Sequence[Any], *, searched: bool) -> None:
        self.read: dict[str, str] = {}
        self._searched = searched
        self._named: list[tuple[str, Any]] = []
        self._parameters: dict[str, Leaf | None] = {}
        self._deciding = {condition.name for each in given for condition in each.conditions}
        slots: list[Slot] = []
        constants: list[Constant] = []
        for each in given:
            name, number = each.name, 1
            while name in self._parameters:
                number += 1
                name = f"{each.name} ({number})"
            found = self._parameter(each)
            parent, options = self._parent(each.conditions, slots)
            self._named.append((name, each))
            self._parameters[name] = found if isinstance(found, Float | Int | Choice) else None
            if parent >= 0 and not options:
                continue
            first, also = (options[0], options[1:]) if options else (-1, ())
            if isinstance(found, Float | Int | Choice):
                slots.append(Slot(name, found, parent, first, also=also))
            else:
                constants.append(Constant(name, found, parent, first, also))
        self.space = Space.from_spec(SpaceSpec(tuple(slots), tuple(constants)))

    def values(self, point: Mapping[str, Any]) -> dict[str, Any]:
        """What Keras Tuner calls the values at a point: those of the active hyperparameters."""
        found = HyperParameters()
        for name, each in self._named:
            found.merge([each])
            if found.is_active(each):
                found.values[each.name] = point.get(name, each.default)
        values: dict[str, Any] = found.values
        return values

    def point(self, values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The point at some values, and those that the space does not have."""
        point, other = {}, dict(values)
        for name, each in self._active(values):
            parameter = self._parameters[name]
            value = values.get(each.name, each.default)
            try:
                if parameter is not None and name in self.space.names:
                    point[name] = parameter.check(name, value)
                other.pop(each.name, None)
            except SpaceError:
                other[each.name] = value
        return point, other

    def drawn(self, values: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[tuple[str, Leaf, Any]]:
        """The names, parameters and values of active hyperparameters that a trial did not begin with."""
        point, _ = self.point(values)
        for name, value in point.items():
            parameter = self._parameters[name]
            if name not in known and parameter is not None:
                yield name, parameter, value

    def _active(self, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        found = HyperParameters()
        found.values = dict(values)
        for name, each in self._named:
            if found.is_active(each):
                yield name, each

    def _parent(self, conditions: Sequence[Any], slots: Sequence[Slot]) -> tuple[int, tuple[int, ...]]:
        """The innermost condition that a choice decides: the choice's place, and which of its options."""
        for condition in reversed(conditions):
            for place in range(len(slots) - 1, -1, -1):
                slot = slots[place]
                if slot.name == condition.name and isinstance(slot.parameter, Choice):
                    wanted = [typed_key(value) for value in condition.values]
                    options = slot.parameter.values
                    return place, tuple(at for at, each in enumerate(options) if typed_key(each) in wanted)
        return -1, ()

    def _parameter(self, given: Any) -> Any:
        """A parameter, or the one value that it can have."""
        if isinstance(given, kinds.Fixed):
            return given.value
        if isinstance(given, kinds.Boolean):
            return Choice([False, True])
        if isinstance(given, kinds.Choice):
            return _choice(list(given.values), ordered=bool(given.ordered))
        if given.min_value == given.max_value:
            return given.min_value
        whole = isinstance(given, kinds.Int)
        if given.step is not None and (whole or given.sampling != "linear"):
            values = sorted(set(given.values))
            if given.sampling != "linear" or (given.name in self._deciding and len(values) <= LEVELS):
                return _choice(values, ordered=True)
            return Int(values[0], values[-1], step=given.step) if len(values) > 1 else values[0]
        if given.step is not None:
            count = sum(1 for _ in given.values) - 1
            high = given.min_value + count * given.step
            return Float(given.min_value, high, step=given.step) if count else given.min_value
        if given.sampling == "reverse_log" and self._searched:
            self.read[given.name] = (
                f"{given.name} is searched at {LEVELS} values at most, evenly on its reverse logarithmic scale"
            )
            levels = sorted({given.prob_to_value((place + 0.5) / LEVELS) for place in range(LEVELS)})
            return _choice(levels, ordered=True)
        kind = Int if whole else Float
        return kind(given.min_value, given.max_value, log=given.sampling == "log")


def _choice(values: list[Any], *, ordered: bool) -> Any:
    distinct = list({typed_key(value): value for value in values}.values())
    return Choice(distinct, ordered=ordered) if len(distinct) > 1 else distinct[0]
