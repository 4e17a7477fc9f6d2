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

from ..base.values import Value, literal, shown, typed_key, unboxed
from ..errors import InactiveParameter, SpaceError
from .expression import Expression
from .parameters import Choice, Float, Int, Leaf
from .point import Point, resolve
from .slots import Constant, Slot, SpaceSpec, flatten

__all__ = [
    "FUNCTION",
    "INACTIVE",
    "Constant",
    "Constraint",
    "Slot",
    "Space",
    "SpaceSpec",
    "difference",
    "pack_unit",
]

Constraint: TypeAlias = Callable[[Mapping[str, Value]], bool]
"""A test of the values of one point; a point is allowed when every constraint is true."""

FUNCTION = "<function>"
"""How a journal writes a constraint that was a function."""

INACTIVE = 0.5
"""The coordinate of a parameter that is not active."""


class Space:
    """Names mapped to ``Float``, ``Int``, ``Choice``, ``Switch`` or a fixed value.

    Args:
        parameters: the names and what they range over; any other value is a constant.
        constraints: functions of the values, or strings such as ``"batch <= 2 * width"``. A
            constraint that names a parameter which is not active holds. Every sampler honors them.

    Raises:
        SpaceError: when a name, a parameter or a constraint makes no sense.

    Example:
        >>> from .parameters import Switch
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
        flatten(parameters or {}, "", -1, (-1,), slots, constants)
        self.settle(SpaceSpec(tuple(slots), tuple(constants)), constraints)
        self._compare_something()

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

    def _compare_something(self) -> None:
        """Refuse texts that hold wherever a number is not 0, which nobody means."""
        truths = {
            slot.name
            for slot in self.slots
            if isinstance(slot.parameter, Choice)
            and all(isinstance(value, bool) for value in slot.parameter.values)
        } | {constant.name for constant in self.spec.constants if isinstance(constant.value, bool)}
        for constraint in self.constraints:
            if isinstance(constraint, Expression) and not constraint.names:
                raise SpaceError(
                    f"the constraint {str(constraint)!r} names no parameter, so it is the same at every point. Leave it out, or write "
                    f"{f'{self.names[0]} < 1' if self.names else 'a comparison'!r}."
                )
            for name in constraint.judged if isinstance(constraint, Expression) else ():
                if resolve(self.names + tuple(each.name for each in self.spec.constants), name) not in truths:
                    raise SpaceError(
                        f"the constraint {str(constraint)!r} compares {name} with nothing, and it is not true or false by itself. Write a "
                        f"comparison, '{name} < 1'."
                    )

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
        self.named = tuple(
            s.name for s in spec.slots if isinstance(s.parameter, Choice) and s.parameter.named
        )
        self._listed = {
            s.name: s.parameter for s in spec.slots if isinstance(s.parameter, Choice) and s.parameter.lists
        }
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

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Space):
            return NotImplemented
        mine, others = (
            [c for c in space.constraints if not isinstance(c, Expression)] for space in (self, other)
        )
        return self.spec == other.spec and self.forgotten == other.forgotten and mine == others

    def __hash__(self) -> int:
        return hash((self.names, self.spec.constraints))

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self.spec, self.constraints, self.forgotten)

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

    def center(self) -> list[float]:
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

    @property
    def things(self) -> dict[str, Mapping[str, Any]]:
        """For each choice of things by name that is at hand, its things."""
        return {
            s.name: s.parameter.things
            for s in self.slots
            if isinstance(s.parameter, Choice) and s.parameter.things
        }

    def given(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """Values as journals have them with what the objective gets for them: things for names, lists where they were lists.

        Raises:
            SpaceError: for a name whose thing is not at hand.

        Example:
            >>> space = Space({"lr": Float(0, 1), "widths": Choice([[64, 32], [128]]), "root": Choice({"square": math.sqrt})})
            >>> space.given({"lr": 0.5, "widths": (64, 32), "root": "square"})
            {'lr': 0.5, 'widths': [64, 32], 'root': <built-in function sqrt>}
        """
        own = {
            s.name: s.parameter
            for s in self.slots
            if isinstance(s.parameter, Choice) and (s.parameter.named or s.parameter.lists)
        }
        return {name: own[name][value] if name in own else value for name, value in values.items()}

    def kept(self, values: dict[str, Value]) -> dict[str, Value]:
        """Values as results show them: lists where they were lists, things by their names."""
        if not self._listed:
            return values
        return {
            name: self._listed[name].given(v) if name in self._listed else v for name, v in values.items()
        }

    def lists_of(self, values: Mapping[str, Value]) -> dict[str, str]:
        """For each value that is a list, how its lists and tuples lie in it (``values.shape``)."""
        return {
            name: choice.lists[choice.index(values[name])]
            for name, choice in self._listed.items()
            if name in values
        }

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


def _restored(spec: SpaceSpec, constraints: tuple[Constraint | str, ...], forgotten: bool) -> Space:
    """A space that was copied or sent; the other half of ``Space.__reduce__``."""
    space = Space.from_spec(spec, constraints=constraints)
    space.forgotten = forgotten
    return space


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
        held: Any = constraint(point)
    except InactiveParameter:
        return True
    if held is None:
        raise SpaceError(
            f"the constraint {getattr(constraint, '__name__', constraint)} gave None, and it has to say True where it holds and False "
            "where not. Has it a return?"
        )
    if (
        not isinstance(held, bool)
        and getattr(getattr(held, "dtype", None), "kind", "") + str(getattr(held, "ndim", "")) != "b0"
    ):
        raise SpaceError(
            f"the constraint {getattr(constraint, '__name__', constraint)} gave {shown(held)}, and it has to say True where it holds and "
            "False where not. Return a comparison, or bool(...)."
        )
    return bool(held)


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
