"""The part of a space that is searched while the rest of it stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from ..base.values import Value
from ..errors import SpaceError
from .expression import Expression
from .parameters import Choice, Leaf
from .slots import Constant, Slot, SpaceSpec
from .space import Space


class _Condition(NamedTuple):
    """What a coordinate of the part needs: the options of a parent in the part; no parent where it is always there."""

    parent: int = -1
    options: tuple[int, ...] = (-1,)


def restricted(space: Space, fixed: Mapping[str, Value], ranges: Mapping[str, Leaf] | None = None) -> Space:
    """The space where some parameters have one value, and others lie in other ranges.

    A parameter of an option that is not the fixed one is gone; those of the fixed option are always there. Points of the part have all the
    names that they have in the whole space, so the one is read by the other's names.

    Args:
        space: the whole one.
        fixed: values by the full names of parameters, which become constants.
        ranges: other ranges by full name, of the same kind as those they replace.

    Raises:
        SpaceError: for a name that is no parameter of the space, a value that does not lie in it, or a range of another kind.

    Example:
        >>> from .parameters import Float, Int, Switch
        >>> whole = Space({"depth": Int(1, 4), "opt": Switch(sgd={"lr": Float(0, 1)}, adam={"lr": Float(0, 0.1)})})
        >>> part = restricted(whole, {"opt": "adam"}, {"depth": Int(2, 3)})
        >>> part.names, part.decode([0.0, 0.5])
        (('depth', 'opt.adam.lr'), {'depth': 2, 'opt.adam.lr': 0.05, 'opt': 'adam'})
    """
    ranges = ranges or {}
    for name in (*fixed, *ranges):
        if name not in space.names:
            raise SpaceError(
                f"there is no parameter {name!r} to restrict. There are: {', '.join(space.names)}."
            )
    slots: list[Slot] = []
    constants: list[Constant] = []
    kept: list[int] = []  # the place in the part of each coordinate of the whole, -1 for those without one
    chosen: list[int] = []  # the option of a fixed one, -1 for those without
    needs: list[_Condition | None] = []  # None for what is gone

    def need(parent: int, options: tuple[int, ...]) -> _Condition | None:
        if parent < 0:
            return _Condition()
        if kept[parent] >= 0:
            return _Condition(kept[parent], options)
        return needs[parent] if chosen[parent] in options else None

    for slot in space.slots:
        condition, leaf = need(slot.parent, slot.options), slot.parameter
        needs.append(condition)
        held = slot.name in fixed and condition is not None
        if held:
            value = leaf.check(slot.name, fixed[slot.name])
        chosen.append(leaf.index(value) if held and isinstance(leaf, Choice) else -1)
        kept.append(-1 if held or condition is None else len(slots))
        if condition is None:
            continue
        first, *more = condition.options
        if held:
            constants.append(Constant(slot.name, value, condition.parent, first, tuple(more)))
        else:
            leaf = _ranged(slot, ranges)
            slots.append(
                msgspec.structs.replace(
                    slot, parameter=leaf, parent=condition.parent, option=first, also=tuple(more)
                )
            )
    for constant in space.spec.constants:
        condition = need(constant.parent, constant.options)
        if condition is not None:
            first, *more = condition.options
            constants.append(Constant(constant.name, constant.value, condition.parent, first, tuple(more)))
    names = {slot.name for slot in slots} | {constant.name for constant in constants}
    held_to = [
        each for each in space.constraints if not isinstance(each, Expression) or _about(each, space, names)
    ]
    return Space.from_spec(SpaceSpec(tuple(slots), tuple(constants)), constraints=held_to)


def _ranged(slot: Slot, ranges: Mapping[str, Leaf]) -> Leaf:
    leaf = ranges.get(slot.name, slot.parameter)
    if type(leaf) is not type(slot.parameter):
        raise SpaceError(
            f"{slot.name} is {slot.parameter!r}, and cannot lie in {leaf!r}. Give a range of its own kind."
        )
    return leaf


def _about(constraint: Expression, space: Space, names: set[str]) -> bool:
    """Whether all that a constraint names is still there; one that names what is not active holds."""
    from .point import resolve

    found: Any = (resolve(list(space.every), name) for name in constraint.names)
    return all(name in names for name in found)
