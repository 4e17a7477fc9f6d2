"""The space behind code that draws its parameters as it runs, as far as what it drew shows it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from ...base.values import typed_key
from ...space.parameters import Choice, Int, Leaf
from ...space.slots import Slot, SpaceSpec

FEW = 32
"""A whole number with up to this many values may decide which parameters there are, as a number of layers does."""


class Draws(NamedTuple):
    """What one trial drew: parameters by name, and their values."""

    parameters: Mapping[str, Leaf]
    values: Mapping[str, Any]


def arranged(drawn: Sequence[Draws]) -> SpaceSpec | None:
    """The space in which all these trials lie; None where ranges differ, or where nothing says why a parameter is there.

    A parameter that some trials lack hangs on the last one before it whose value decides: it is there exactly with some of its options.

    Example:
        >>> kind, rate = Choice(["a", "b"]), Int(1, 9)
        >>> spec = arranged([Draws({"kind": kind}, {"kind": "a"}), Draws({"kind": kind, "rate": rate}, {"kind": "b", "rate": 2})])
        >>> [(slot.name, slot.parent, slot.options) for slot in spec.slots]
        [('kind', -1, (-1,)), ('rate', 0, (1,))]
    """
    known: dict[str, Leaf] = {}
    for each in drawn:
        for name, parameter in each.parameters.items():
            if known.setdefault(name, parameter) != parameter:
                return None
    slots: list[Slot] = []
    for name, parameter in known.items():
        if all(name in each.values for each in drawn):
            slots.append(Slot(name, parameter))
            continue
        found = next(_parents(name, slots, drawn), None)
        if found is None:
            return None
        place, options = found
        slots[place] = msgspec.structs.replace(slots[place], parameter=_options(slots[place].parameter))
        slots.append(Slot(name, parameter, place, options[0], also=tuple(options[1:])))
    return SpaceSpec(tuple(slots))


def lies_in(spec: SpaceSpec, drawn: Draws) -> bool:
    """Whether a trial drew exactly what it has to draw in a space, by its own values, from the same ranges."""
    taken: list[int] = []
    there = 0
    for slot in spec.slots:
        active = slot.parent < 0 or taken[slot.parent] in slot.options
        parameter = drawn.parameters.get(slot.name)
        if active != (parameter is not None):
            return False
        there += active
        taken.append(-1)
        if parameter is not None:
            if parameter != slot.parameter and _options(parameter) != slot.parameter:
                return False
            if isinstance(slot.parameter, Choice):
                taken[-1] = _place(slot.parameter, drawn.values[slot.name])
    return there == len(drawn.parameters)


def _parents(name: str, slots: Sequence[Slot], drawn: Sequence[Draws]) -> Iterator[tuple[int, list[int]]]:
    """The slots that may decide whether a parameter is there, the last one first, and the options with which it is."""
    for place in range(len(slots) - 1, -1, -1):
        options = _options(slots[place].parameter)
        if not isinstance(options, Choice):
            continue
        of = slots[place].name
        with_it = {
            _place(options, each.values[of]) for each in drawn if name in each.values and of in each.values
        }
        needed = all(of in each.values for each in drawn if name in each.values)
        without = {
            _place(options, each.values[of])
            for each in drawn
            if name not in each.values and of in each.values
        }
        if needed and not with_it & without and -1 not in with_it:
            yield place, sorted(with_it)


def _options(parameter: Leaf) -> Leaf:
    """A parameter that may decide, as one of its options; any other as it is."""
    if isinstance(parameter, Int) and parameter.size <= FEW:
        return Choice(list(range(parameter.low, parameter.high + 1, parameter.step)), ordered=True)
    return parameter


def _place(options: Choice, value: Any) -> int:
    """Which option a value is, -1 for none."""
    keys: Iterable[Any] = map(typed_key, options.values)
    return next((at for at, key in enumerate(keys) if key == typed_key(value)), -1)
