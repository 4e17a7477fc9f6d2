"""What a space is made of: one slot for each coordinate, its constants, and the dicts that people write them as."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ..base.foreign import refuse
from ..base.values import Value, label, literal, unboxed
from ..errors import SpaceError
from .parameters import Choice, Float, Int, Leaf, Switch


class Slot(msgspec.Struct, frozen=True):
    """One coordinate: its full name, its parameter, and the option of a parent slot it needs.

    ``also`` lists further options of the parent that make it active; ``revealed`` marks a parameter
    that was not declared but drawn by running code.
    """

    name: str
    parameter: Leaf
    parent: int = -1
    option: int = -1
    revealed: bool = False
    also: tuple[int, ...] = ()

    @property
    def options(self) -> tuple[int, ...]:
        """All options of the parent that make it active."""
        return (self.option, *self.also)


class Constant(msgspec.Struct, frozen=True):
    """A fixed value that appears among the values of a point but owns no coordinate."""

    name: str
    value: Value
    parent: int = -1
    option: int = -1
    also: tuple[int, ...] = ()

    @property
    def options(self) -> tuple[int, ...]:
        """All options of the parent that make it appear."""
        return (self.option, *self.also)


class SpaceSpec(msgspec.Struct, frozen=True):
    """A space as plain data, the form in which the journal keeps it."""

    slots: tuple[Slot, ...] = ()
    constants: tuple[Constant, ...] = ()
    constraints: tuple[str, ...] = ()

    @property
    def revealed(self) -> frozenset[str]:
        """The names that code has drawn as it ran."""
        return frozenset(slot.name for slot in self.slots if slot.revealed)


def flatten(
    parameters: Mapping[str, Any],
    prefix: str,
    parent: int,
    options: tuple[int, ...],
    slots: list[Slot],
    constants: list[Constant],
) -> None:
    """Write the slots and constants of a dict into ``slots`` and ``constants``, switches and groups opened.

    Raises:
        SpaceError: for what is not a parameter and no fixed value, with what to write.
    """
    foreign: Any = parameters  # whatever was given in a mapping's place
    if not isinstance(foreign, Mapping):
        swapped = (
            " Are objective and space swapped? Write tune(objective, space)." if callable(foreign) else ""
        )
        raise SpaceError(
            f"a space is a mapping of names to parameters, {{'lr': Float(1e-5, 0.1)}}, got {foreign!r}.{swapped}"
        )
    for name, what in parameters.items():
        if not isinstance(name, str) or not name:
            raise SpaceError(f"a parameter needs a name that is a non-empty string, got {name!r}.")
        full = prefix + name
        if isinstance(what, Switch):
            labels = list(what.options)
            slots.append(Slot(full, what.choice, parent, options[0], also=options[1:]))
            here = len(slots) - 1
            for names, inner in what.shared.items():
                needed = tuple(sorted({labels.index(name) for name in names}))
                flatten(inner, f"{full}.{'|'.join(names)}.", here, needed, slots, constants)
            for position, (label, inner) in enumerate(what.options.items()):
                flatten(inner, f"{full}.{label}.", here, (position,), slots, constants)
        elif isinstance(what, Float | Int | Choice):
            slots.append(Slot(full, what, parent, options[0], also=options[1:]))
        elif isinstance(what, range):
            slots.append(Slot(full, _whole(full, what), parent, options[0], also=options[1:]))
        elif isinstance(what, Mapping) and _searches(what):
            flatten(what, f"{full}.", parent, options, slots, constants)
        else:
            _refuse(full, what)
            constants.append(Constant(full, _constant(full, what), parent, options[0], options[1:]))


def _whole(name: str, numbers: range) -> Int:
    """The parameter that a ``range`` of rising numbers is."""
    if len(numbers) < 2 or numbers.step < 1:
        raise SpaceError(
            f"{name} needs a range of at least two rising numbers, got {numbers!r}. Write Int(low, high)."
        )
    return Int(numbers[0], numbers[-1], step=numbers.step)


def _searches(what: Mapping[Any, Any]) -> bool:
    """Whether there is a parameter anywhere in it."""
    return any(
        isinstance(each, Float | Int | Choice | Switch | range)
        or (isinstance(each, Mapping) and _searches(each))
        for each in what.values()
    )


def _refuse(name: str, what: Any) -> None:
    """Refuse what could be options, a range or a fixed value, and what only other tools read.

    Raises:
        SpaceError: with what to write for each reading.
    """
    foreign = refuse(name, what)
    if foreign is not None:
        raise foreign
    plural = isinstance(what, list | tuple | set | frozenset | Mapping) or getattr(what, "ndim", 0) > 0
    if not plural and not isinstance(what, type) and not callable(what):
        return
    needs = f"{name} needs Float, Int, Choice, Switch or a fixed value, got {what!r:.120}."
    if isinstance(what, Mapping):
        raise SpaceError(f"{needs} Write Choice([...]) for a list of options, Switch(...) for sub-spaces.")
    if not plural:
        raise SpaceError(f"{needs} Write Choice({{{label(what)!r}: ...}}) for things by name.")
    options = list(what)
    options = sorted(options, key=repr) if isinstance(what, set | frozenset) else options
    choice = f"Choice({options!r:.120}) for a list of options"
    fixed = f"Choice([{what!r:.120}]) for this one fixed value"
    bounds = [unboxed(each) for each in options]
    if len(bounds) == 2 and all(type(each) in (int, float) for each in bounds) and bounds[0] < bounds[1]:
        kind = "Int" if all(type(each) is int for each in bounds) else "Float"
        raise SpaceError(
            f"{needs} Write {kind}({bounds[0]!r}, {bounds[1]!r}) for a range, {choice}, {fixed}."
        )
    raise SpaceError(f"{needs} Write {choice}, {fixed}.")


def _constant(name: str, value: Value) -> Value:
    try:
        return literal(value)
    except SpaceError:
        raise SpaceError(
            f"{name} needs a fixed value that is None, a bool, a number, a string or a tuple of them, "
            f"got {value!r}."
        ) from None
