"""A space: named parameters, the conditions under which each is active, and constraints between them.

A space is flattened once into *slots*, one for each unit coordinate, parents before children. A
``Switch`` is a slot that holds a ``Choice`` of its options; the parameters of an option are slots
that name the switch as parent. All else reads the slots: ``decode`` walks them from a unit point to
the values of the active ones, ``encode`` walks back, with 0.5 for every inactive coordinate.
"""

from __future__ import annotations

import math
import struct
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec

from .errors import SpaceError
from .expression import Expression
from .parameters import Choice, Float, Int, Leaf, Switch
from .point import InactiveParameter, Point, resolve
from .values import Value, literal, typed_key, unboxed

Constraint: TypeAlias = Callable[[Mapping[str, Value]], bool]
"""A test of the values of one point; a point is allowed when every constraint is true."""

FUNCTION = "<function>"
"""How a journal writes a constraint that was a function."""

INACTIVE = 0.5
"""The coordinate of a parameter that is not active."""


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


class Space:
    """Names mapped to ``Float``, ``Int``, ``Choice``, ``Switch`` or a fixed value.

    Args:
        parameters: the names and what they range over; any other value is a constant.
        constraints: functions of the values, or strings such as ``"batch <= 2 * width"``. A
            constraint that names a parameter which is not active holds. Every sampler honours them.

    Raises:
        SpaceError: when a name, a parameter or a constraint makes no sense.

    Example:
        >>> space = Space({"depth": Int(1, 4), "opt": Switch(sgd={"momentum": Float(0, 1)}, adam={})})
        >>> space.names
        ('depth', 'opt', 'opt.sgd.momentum')
        >>> space.decode([0.0, 0.9, 0.5])
        {'depth': 1, 'opt': 'adam'}
    """

    def __init__(
        self, parameters: Mapping[str, Any] | None = None, *, constraints: Sequence[Constraint | str] = ()
    ) -> None:
        slots: list[Slot] = []
        constants: list[Constant] = []
        _flatten(parameters or {}, "", -1, (-1,), slots, constants)
        self.settle(SpaceSpec(tuple(slots), tuple(constants)), constraints)

    @classmethod
    def from_spec(cls, spec: SpaceSpec, *, constraints: Sequence[Constraint | str] = ()) -> Space:
        """The space a journal describes; constraints that were functions have to be given again.

        Without them the space can be read, but ``forgotten`` is True and nothing may be asked in it.
        """
        space = cls.__new__(cls)
        stored = [text for text in spec.constraints if text != FUNCTION]
        space.settle(spec, constraints or stored)
        space.forgotten = not constraints and len(stored) < len(spec.constraints)
        return space

    def settle(self, spec: SpaceSpec, constraints: Sequence[Constraint | str]) -> None:
        """Check a spec and work out what the other methods need; for the constructors."""
        names = [slot.name for slot in spec.slots] + [constant.name for constant in spec.constants]
        for position, name in enumerate(names):
            if name in names[:position]:
                raise SpaceError(f"a space needs distinct names, got {name!r} twice.")
        self.constraints = tuple(Expression(c) if isinstance(c, str) else c for c in constraints)
        for constraint in self.constraints:
            if isinstance(constraint, Expression):
                for name in constraint.names:
                    resolve(names, name)
        texts = tuple(str(c) if isinstance(c, Expression) else FUNCTION for c in self.constraints)
        self.forgotten = False
        self.spec = msgspec.structs.replace(spec, constraints=texts)
        self.slots = spec.slots
        self.names = tuple(slot.name for slot in spec.slots)
        self.revealed = frozenset(slot.name for slot in spec.slots if slot.revealed)
        parents = {slot.parent for slot in spec.slots} | {constant.parent for constant in spec.constants}
        self._steps = [
            (
                slot.name, slot.parameter.decoder(), slot.parent, slot.options,
                slot.parameter.values if position in parents and isinstance(slot.parameter, Choice) else (),
            )
            for position, slot in enumerate(spec.slots)
        ]  # fmt: skip
        self._flat = parents <= {-1} and not spec.constants
        self._encoders = [(slot.name, slot.parameter.encoder()) for slot in spec.slots]
        self.every = (*self.names, *(constant.name for constant in spec.constants))
        open_ended = self.revealed or not spec.slots
        self._size = math.inf if open_ended else _size(spec.slots, -1, -1, math.inf)

    def __len__(self) -> int:
        return len(self.slots)

    def __repr__(self) -> str:
        lines = [f"  {slot.name}: {slot.parameter!r}" for slot in self.slots]
        lines += [f"  {constant.name} = {constant.value!r}" for constant in self.spec.constants]
        return "Space(\n" + "\n".join(lines) + "\n)"

    @property
    def constrained(self) -> bool:
        """Whether there are constraints between parameters."""
        return bool(self.constraints)

    @property
    def size(self) -> float:
        """The number of distinct points, constraints not applied.

        Infinite for a continuous space and for one that code reveals as it runs.
        """
        return self._size

    def size_at(self, resolution: int) -> float:
        """The number of distinct points when every continuous parameter takes ``resolution`` values."""
        return _size(self.slots, -1, -1, resolution)

    def centre(self) -> list[float]:
        """The middle of every range, or its prior where one is given; shape (d,)."""
        return [_prior(slot.parameter) for slot in self.slots]

    def decode(self, unit: Sequence[float]) -> dict[str, Value]:
        """The values of the active parameters and constants at a unit point of length ``len(self)``."""
        if self._flat:  # the common case, with nothing to decide
            return {step[0]: step[1](at) for step, at in zip(self._steps, unit, strict=True)}
        values: dict[str, Value] = {}
        taken: list[int] = []
        for (name, decode, parent, needed, options), coordinate in zip(self._steps, unit, strict=True):
            if parent >= 0 and taken[parent] not in needed:
                taken.append(-1)
                continue
            value = values[name] = decode(coordinate)
            taken.append(options.index(value) if options else -1)
        for constant in self.spec.constants:
            if constant.parent < 0 or taken[constant.parent] in constant.options:
                values[constant.name] = constant.value
        return values

    def encode(self, values: Mapping[str, Value]) -> list[float]:
        """The unit point of ``values``; coordinates of parameters that are not given are 0.5."""
        return [encode(values[name]) if name in values else INACTIVE for name, encode in self._encoders]

    def snap(self, unit: Sequence[float]) -> tuple[list[float], dict[str, Value]]:
        """The canonical point at ``unit``, and its values: equal values have equal points."""
        values = self.decode(unit)
        return self.encode(values), values

    def complete(self, given: Mapping[str, Value], fill: Sequence[float]) -> dict[str, Value]:
        """Checked values for every active parameter: those given, the others decoded from ``fill``.

        Names may be short where that is not ambiguous.

        Raises:
            SpaceError: for an unknown or inactive name, a value out of range, a broken constraint.
        """
        full = {resolve(self.every, name): unboxed(value) for name, value in given.items()}
        unit = list(fill)
        for position, slot in enumerate(self.slots):
            if slot.name in full:
                full[slot.name] = slot.parameter.check(slot.name, full[slot.name])
                unit[position] = slot.parameter.encode(full[slot.name])
        values = self.decode(unit)
        for name, value in full.items():
            if name not in values:
                raise SpaceError(f"{name} is not active here, got {value!r}. Leave it out or set its switch.")
            if name not in self.names and typed_key(literal(value)) != typed_key(values[name]):
                raise SpaceError(f"{name} is fixed at {values[name]!r}, got {value!r}. Leave it out.")
        values.update({name: value for name, value in full.items() if name in self.names})
        return values

    def fill(
        self, given: Mapping[str, Value], propose: Callable[[], Sequence[float]], tries: int = 10_000
    ) -> dict[str, Value]:
        """``complete`` with proposals until every constraint holds.

        Raises:
            SpaceError: as ``complete``, and when no proposal makes the constraints hold.
        """
        for _ in range(tries if self.constraints else 1):
            values = self.complete(given, propose())
            if self.allows(values):
                return values
        raise SpaceError(f"a constraint forbids the point {dict(given)!r}, whatever the rest. Change it.")

    def allows(self, values: Mapping[str, Value]) -> bool:
        """Whether every constraint holds at ``values``."""
        if not self.constraints:
            return True
        point = Point(values, self.every)
        return all(_holds(constraint, point) for constraint in self.constraints)

    def reveal(self, name: str, parameter: Leaf) -> Space:
        """This space with one more parameter, or with the range of a known one widened to fit."""
        slots = list(self.slots)
        if name in self.names:
            position = self.names.index(name)
            merged = _union(name, slots[position].parameter, parameter)
            slots[position] = msgspec.structs.replace(slots[position], parameter=merged)
        else:
            slots.append(Slot(name, parameter, revealed=True))
        spec = msgspec.structs.replace(self.spec, slots=tuple(slots))
        return Space.from_spec(spec, constraints=self.constraints)


def pack_unit(unit: Sequence[float]) -> bytes:
    """A unit point as the journal keeps it: little-endian float64.

    Example:
        >>> len(pack_unit([0.5, 0.5]))
        16
    """
    return struct.pack(f"<{len(unit)}d", *unit)


def difference(old: SpaceSpec, new: SpaceSpec) -> list[str]:
    """What changed from one space to another, a line for each parameter.

    Example:
        >>> difference(Space({"a": Int(1, 2)}).spec, Space({"a": Int(1, 3)}).spec)
        ['a: Int(low=1, high=2, log=False, step=1, prior=None) became Int(low=1, high=3, log=False, \
step=1, prior=None)']
    """
    before, after = _described(old), _described(new)
    lines = [f"{name}: {what} is gone" for name, what in before.items() if name not in after]
    lines += [f"the constraint {text} is gone" for text in _surplus(old, new)]
    lines += [f"the constraint {text} is new" for text in _surplus(new, old)]
    lines += [f"{name}: {what} is new" for name, what in after.items() if name not in before]
    lines += [
        f"{name}: {what} became {after[name]}"
        for name, what in before.items()
        if name in after and after[name] != what
    ]
    return lines


def _surplus(one: SpaceSpec, other: SpaceSpec) -> list[str]:
    return list((Counter(one.constraints) - Counter(other.constraints)).elements())


def _described(spec: SpaceSpec) -> dict[str, str]:
    slots = {slot.name: repr(slot.parameter) for slot in spec.slots}
    return slots | {constant.name: f"fixed {constant.value!r}" for constant in spec.constants}


def _flatten(
    parameters: Mapping[str, Any],
    prefix: str,
    parent: int,
    options: tuple[int, ...],
    slots: list[Slot],
    constants: list[Constant],
) -> None:
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
                _flatten(inner, f"{full}.{'|'.join(names)}.", here, needed, slots, constants)
            for position, (label, inner) in enumerate(what.options.items()):
                _flatten(inner, f"{full}.{label}.", here, (position,), slots, constants)
        elif isinstance(what, Float | Int | Choice):
            slots.append(Slot(full, what, parent, options[0], also=options[1:]))
        elif isinstance(what, Mapping | list | set | range | type):
            raise SpaceError(
                f"{full} needs Float, Int, Choice, Switch or a fixed value, got {what!r}. "
                "Write Choice([...]) for a list of options, Switch(...) for sub-spaces."
            )
        else:
            constants.append(Constant(full, _constant(full, what), parent, options[0], options[1:]))


def _constant(name: str, value: Value) -> Value:
    try:
        return literal(value)
    except SpaceError:
        raise SpaceError(
            f"{name} needs a fixed value that is None, a bool, a number, a string or a tuple of them, "
            f"got {value!r}."
        ) from None


def _size(slots: Sequence[Slot], parent: int, option: int, resolution: float) -> float:
    total: float = 1
    for position, slot in enumerate(slots):
        if slot.parent != parent or option not in slot.options:
            continue
        own = min(slot.parameter.size, resolution) if slot.parameter.size == math.inf else slot.parameter.size
        if any(child.parent == position for child in slots):
            own = sum(_size(slots, position, each, resolution) for each in range(int(own)))
        total *= own
    return total


def _prior(parameter: Leaf) -> float:
    unset = msgspec.UNSET if isinstance(parameter, Choice) else None
    return INACTIVE if parameter.prior is unset else parameter.encode(parameter.prior)


def _holds(constraint: Constraint, point: Point) -> bool:
    try:
        return bool(constraint(point))
    except InactiveParameter:
        return True


def _union(name: str, known: Leaf, asked: Leaf) -> Leaf:
    if known == asked:
        return known
    same_kind = (isinstance(known, Float) and isinstance(asked, Float)) or (
        isinstance(known, Int) and isinstance(asked, Int)
    )
    if not same_kind or known.log != asked.log or known.step != asked.step:  # type: ignore[union-attr]
        raise SpaceError(
            f"{name} was {known!r} before and is {asked!r} now. "
            "Only the bounds of a Float or Int may move; use another name."
        )
    bounds = (known, asked)
    low = min(p.low for p in bounds)  # type: ignore[union-attr]
    high = max(p.high for p in bounds)  # type: ignore[union-attr]
    return msgspec.structs.replace(known, low=low, high=high) if math.isfinite(high - low) else known
