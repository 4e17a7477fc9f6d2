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
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from ..base.moved import moved
from ..base.values import Value
from ..errors import SpaceError
from .constraints import FUNCTION, Constraint, Constraints
from .forms import ValueForms
from .parameters import Choice, Leaf
from .size import size_at
from .slots import Constant, Slot, SpaceSpec, flatten

INACTIVE = 0.5
"""The coordinate of a parameter that is not active."""


class Space:
    """Names mapped to ``Float``, ``Int``, ``Choice``, ``Switch`` or a fixed value.

    Args:
        parameters: the names and what they range over; any other value is a constant.
        constraints: functions of the values, or strings such as ``"batch <= 2 * width"``. A
            constraint that names a parameter which is not active holds. Every sampler honors them.

    Attributes:
        spec: the space as plain data.
        slots: its coordinates, in order.
        names: of the slots.
        every: those and the names of the constants.
        constraints: between parameters; ``space.constraints.hold(values)``.
        forms: the forms that values have outside of the journal.
        size: the number of distinct points, constraints not applied; infinite for a continuous space and for one that code
            reveals as it runs.

    Raises:
        SpaceError: when a name, a parameter or a constraint makes no sense.

    Example:
        >>> from .parameters import Float, Int, Switch
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
        self._settle(SpaceSpec(tuple(slots), tuple(constants)), constraints)
        self.constraints.refuse_pointless(_truths(self.spec))

    @classmethod
    def from_spec(cls, spec: SpaceSpec, *, constraints: Sequence[Constraint | str] = ()) -> Space:
        """The space a journal describes; constraints that were functions have to be given again.

        Without them the space can be read, but its constraints are ``forgotten`` and nothing may be asked in it.
        """
        space = cls.__new__(cls)
        stored = [text for text in spec.constraints if text != FUNCTION]
        forgotten = not constraints and len(stored) < len(spec.constraints)
        space._settle(spec, constraints or stored, forgotten=forgotten)  # noqa: SLF001 - its own
        return space

    def _settle(
        self, spec: SpaceSpec, constraints: Iterable[Constraint | str], *, forgotten: bool = False
    ) -> None:
        """Check a spec and work out what the other methods need."""
        names = [slot.name for slot in spec.slots] + [constant.name for constant in spec.constants]
        for position, name in enumerate(names):
            if name in names[:position]:
                raise SpaceError(f"a space needs distinct names, got {name!r} twice.")
        self.every = tuple(names)
        self.constraints = Constraints(constraints, self.every, forgotten=forgotten)
        self.spec = msgspec.structs.replace(spec, constraints=self.constraints.texts)
        self.slots = spec.slots
        self.names = tuple(slot.name for slot in spec.slots)
        parents = {slot.parent for slot in spec.slots} | {constant.parent for constant in spec.constants}
        self.forms = ValueForms(spec.slots)
        self._steps = [
            (
                slot.name, slot.parameter.decoder(), slot.parent, slot.options,
                slot.parameter.values if position in parents and isinstance(slot.parameter, Choice) else (),
            )
            for position, slot in enumerate(spec.slots)
        ]  # fmt: skip
        self._flat = parents <= {-1} and not spec.constants
        self._encoders = [(slot.name, slot.parameter.encoder()) for slot in spec.slots]
        open_ended = not spec.slots or any(slot.revealed for slot in spec.slots)
        self.size = math.inf if open_ended else size_at(spec.slots)

    if not TYPE_CHECKING:
        __getattr__ = moved(
            "a space",
            {
                "allows": "space.constraints.hold(values)",
                "constrained": "bool(space.constraints)",
                "forgotten": "space.constraints.forgotten",
                "given": "space.forms.given(values)",
                "kept": "space.forms.shown(values)",
                "lists_of": "space.forms.lists(values)",
                "named": "space.forms.named",
                "things": "space.forms.things",
                "complete": "danlu.space.feasible.complete(space, values, fill)",
                "reveal": "danlu.space.reveal.reveal(space, name, parameter)",
                "revealed": "space.spec.revealed",
                "size_at": "danlu.space.size.size_at(space.slots, resolution)",
            },
        )

    def __len__(self) -> int:
        return len(self.slots)

    def __repr__(self) -> str:
        lines = [f"  {slot.name}: {slot.parameter!r}" for slot in self.slots]
        lines += [f"  {constant.name} = {constant.value!r}" for constant in self.spec.constants]
        return "Space(\n" + "\n".join(lines) + "\n)"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Space):
            return NotImplemented
        return self.spec == other.spec and self.constraints == other.constraints

    def __hash__(self) -> int:
        return hash((self.names, self.spec.constraints))

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self.spec, tuple(self.constraints), self.constraints.forgotten)

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

    def encode(self, values: Mapping[str, Value]) -> list[float]:
        """The unit point of ``values``; coordinates of parameters that are not given are 0.5."""
        return [encode(values[name]) if name in values else INACTIVE for name, encode in self._encoders]

    def snap(self, unit: Sequence[float]) -> tuple[list[float], dict[str, Value]]:
        """The canonical point at ``unit``, and its values: equal values have equal points."""
        values = self.decode(unit)
        return self.encode(values), values


def _restored(spec: SpaceSpec, constraints: tuple[Constraint | str, ...], forgotten: bool) -> Space:
    """A space that was copied or sent; the other half of ``Space.__reduce__``."""
    space = Space.from_spec(spec, constraints=constraints)
    space.constraints.forgotten = forgotten
    return space


def _truths(spec: SpaceSpec) -> set[str]:
    """The names whose values are all true or false by themselves."""
    return {
        slot.name
        for slot in spec.slots
        if isinstance(slot.parameter, Choice)
        and all(isinstance(value, bool) for value in slot.parameter.values)
    } | {constant.name for constant in spec.constants if isinstance(constant.value, bool)}


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
        >>> from .parameters import Int
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


def _prior(parameter: Leaf) -> float:
    unset = msgspec.UNSET if isinstance(parameter, Choice) else None
    return INACTIVE if parameter.prior is unset else parameter.encode(parameter.prior)
