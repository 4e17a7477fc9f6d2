"""Points that constraints allow, where hardly any does: found by descent, then kept as near as may be to what was proposed.

A constraint that is text says how far it is from holding (``Expression.excess``), so a point can walk down to where all hold; one
that is a function says yes or no, and is met by chance. Some allowed points of a space, its anchors, are found once; a proposal
that is refused is then answered with the point on the way from the nearest anchor to it that is still allowed. All of it is a
function of the space and the proposal alone, so every process finds the same.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from weakref import WeakKeyDictionary

import numpy as np

from ..base.rng import generator
from ..base.values import Value, literal, typed_key, unboxed
from ..errors import InactiveParameter, SpaceError
from .constraints import Constraint
from .expression import Expression
from .parameters import levels
from .point import Point, resolve
from .space import Space

CHANCES = 300_000
"""Points drawn at random before a space counts as empty; one in 100,000 is found then 19 times in 20. Once for a space, about two seconds."""

ANCHORS = 24
"""Allowed points that are kept of a space."""

STEPS = 3_000
"""Points that one descent may look at."""

HALVINGS = 18
"""How often a way is halved before it counts as closed."""

_anchors: WeakKeyDictionary[Space, list[list[float]]] = WeakKeyDictionary()
"""The anchors found so far: a memo, never the truth."""


def meet(space: Space, unit: Sequence[float]) -> list[float]:
    """The canonical point near ``unit`` that every constraint allows.

    Raises:
        SpaceError: when none is found, with the share of points found to be allowed and the constraint that is in the way.

    Example:
        >>> from .parameters import Float, levels
        >>> space = Space({"a": Float(0, 1), "b": Float(0, 1)}, constraints=["a + b <= 0.001"])
        >>> at = meet(space, [0.5, 0.75])
        >>> sum(space.decode(at).values()) <= 0.001
        True
    """
    near = descend(space, unit, np.random.default_rng(_seed(unit)))
    if near is None:
        anchors = _anchors.get(space)
        if anchors is None:
            anchors = _anchors[space] = _found(space)
        near = min(anchors, key=lambda anchor: sum((a - u) ** 2 for a, u in zip(anchor, unit, strict=True)))
    return _pulled(space, near, unit)


def descend(
    space: Space,
    unit: Sequence[float],
    rng: np.random.Generator,
    fixed: frozenset[int] = frozenset(),
    steps: int = STEPS,
) -> list[float] | None:
    """An allowed point found by walking from ``unit`` to less excess, coordinates in ``fixed`` kept; None when it gets stuck."""
    free = [position for position in range(len(space)) if position not in fixed]
    here, values = space.snap(unit)
    worst = excess(space, values)
    looked, patience = 0, 0
    while worst > 0 and looked < steps and free and patience < 4:
        before = worst
        for position in rng.permutation(free).tolist():
            for coordinate in _moves(space, position, here[position], rng):
                moved, values = space.snap([*here[:position], coordinate, *here[position + 1 :]])
                looked += 1
                at = excess(space, values)
                if at < worst or (at == worst and rng.random() < 0.1):
                    here, worst = moved, at
                if worst == 0:
                    return here
        patience = 0 if worst < before else patience + 1
    return here if worst == 0 else None


def fill(
    space: Space, given: Mapping[str, Value], propose: Callable[[], Sequence[float]], tries: int = 1_000
) -> dict[str, Value]:
    """Checked values for every active parameter: those given, the others such that every constraint holds.

    Args:
        space: whose constraints have to hold.
        given: values by name, as in ``complete``.
        propose: unit points, shape (d,), for the others.
        tries: how many are looked at before what is wrong is walked down from the last one.

    Raises:
        SpaceError: as ``complete``, and when nothing makes the constraints hold.

    Example:
        >>> from .parameters import Float, levels
        >>> space = Space({"a": Float(0, 1), "b": Float(0, 1)}, constraints=["a + b <= 0.5"])
        >>> fill(space, {"a": 0.4}, lambda: [0.9, 0.9])["b"] <= 0.1
        True
    """
    for _ in range(tries if space.constraints else 1):
        values = complete(space, given, propose())
        if space.constraints.hold(values):
            return values
    names = {resolve(space.every, name) for name in given}
    fixed = frozenset(position for position, slot in enumerate(space.slots) if slot.name in names)
    found = descend(space, space.encode(values), generator(0, 0, "fill"), fixed)
    if found is None:
        raise SpaceError(f"a constraint forbids the point {dict(given)!r}, whatever the rest. Change it.")
    return {**space.decode(found), **{name: value for name, value in values.items() if name in names}}


def complete(space: Space, given: Mapping[str, Value], fill: Sequence[float]) -> dict[str, Value]:
    """Checked values for every active parameter: those given, the others decoded from ``fill``.

    Names may be short where that is not ambiguous.

    Raises:
        SpaceError: for an unknown or inactive name, a value out of range, a broken constraint.
    """
    full = {resolve(space.every, name): unboxed(value) for name, value in given.items()}
    unit = list(fill)
    for position, slot in enumerate(space.slots):
        if slot.name in full:
            full[slot.name] = slot.parameter.check(slot.name, full[slot.name])
            unit[position] = slot.parameter.encode(full[slot.name])
    values = space.decode(unit)
    for name, value in full.items():
        if name not in values:
            raise SpaceError(f"{name} is not active here, got {value!r}. Leave it out or set its switch.")
        if name not in space.names and typed_key(literal(value)) != typed_key(values[name]):
            raise SpaceError(f"{name} is fixed at {values[name]!r}, got {value!r}. Leave it out.")
    values.update({name: value for name, value in full.items() if name in space.names})
    return values


def excess(space: Space, values: dict[str, Value]) -> float:
    """How far the constraints are from holding, summed: 0 where all hold, and 1 at least for a function that says no."""
    point = Point(values, space.every)
    return math.fsum(_excess(constraint, point) for constraint in space.constraints)


def _excess(constraint: Constraint, point: Point) -> float:
    try:
        if isinstance(constraint, Expression):
            return constraint.excess(point)
        return 0.0 if constraint(point) else 1.0
    except InactiveParameter:
        return 0.0


def _moves(space: Space, position: int, at: float, rng: np.random.Generator) -> list[float]:
    """Coordinates to try: options and neighboring values of what is discrete, near and far ones of what is not."""
    parameter = space.slots[position].parameter
    size = parameter.size
    if size <= 12:
        return levels(parameter)
    near = [at + sign * 10.0**-power for power in (1, 2, 3, 5) for sign in (-1, 1)]
    if size < math.inf:
        near += [at - 1 / size, at + 1 / size]
    return [min(1.0, max(0.0, each)) for each in (*near, *rng.random(4).tolist(), 0.0, 1.0)]


def _pulled(space: Space, allowed: Sequence[float], unit: Sequence[float]) -> list[float]:
    """From an allowed point as far as may be toward ``unit``: all coordinates at once, then each by itself."""
    rng = np.random.default_rng(_seed(unit))
    here = list(allowed)
    for share in _shares(rng):
        point, values = space.snap([a + (u - a) * share for a, u in zip(here, unit, strict=True)])
        if space.constraints.hold(values):
            here = point
            break
    for position in rng.permutation(len(here)).tolist():
        for share in _shares(rng):
            coordinate = here[position] + (unit[position] - here[position]) * share
            point, values = space.snap([*here[:position], coordinate, *here[position + 1 :]])
            if space.constraints.hold(values):
                here = point
                break
    return here


def _shares(rng: np.random.Generator) -> list[float]:
    """Shares of a way to try, all of it first, then ever less, not always at the same places."""
    return [1.0, *(rng.uniform(0.5, 1.0, HALVINGS) * 0.5 ** np.arange(HALVINGS)).tolist()]


def _found(space: Space) -> list[list[float]]:
    """Allowed points of a space: by descent from points all over it, and by chance.

    Raises:
        SpaceError: when there is none.
    """
    rng = np.random.default_rng(0)
    anchors = []
    told = (
        any(isinstance(constraint, Expression) for constraint in space.constraints)
        or len(space.constraints) > 1
    )
    for _ in range(ANCHORS if told else 0):
        point = descend(space, rng.random(len(space)).tolist(), rng)
        anchors += [] if point is None else [point]
    drawn = 0
    while len(anchors) < (1 if told else ANCHORS) and drawn < CHANCES:
        block = rng.random((1_000, len(space))).tolist()
        drawn += len(block)
        for unit in block:
            point, values = space.snap(unit)
            if space.constraints.hold(values):
                anchors.append(point)
    if not anchors:
        raise SpaceError(
            f"the constraints allow none of {drawn:,} points drawn at random, and none was found by search. {blame(space)}"
        )
    return anchors[:ANCHORS]


def blame(space: Space) -> str:
    """Which constraint of a space that has no allowed point holds least often, and what to do about it."""
    rng, shares = np.random.default_rng(0), [0] * len(space.constraints)
    looked = 2_000
    for unit in rng.random((looked, len(space))).tolist():
        point = Point(space.decode(unit), space.every)
        for position, constraint in enumerate(space.constraints):
            shares[position] += _excess(constraint, point) == 0.0
    least = min(range(len(shares)), key=shares.__getitem__)
    worst = space.constraints[least]
    name = (
        repr(str(worst))
        if isinstance(worst, Expression)
        else f"the function {getattr(worst, '__name__', worst)}"
    )
    several = len(shares) > 1 and shares[least] > looked / 100
    fault = "Each holds somewhere, but not all together" if several else "One is in the way"
    return (
        f"{fault}: {name} holds at {shares[least] / looked:.2%} of {looked:,} points by itself"
        f"{', least of all' if len(shares) > 1 else ''}. Loosen it, or express it in the ranges."
    )


def _seed(unit: Sequence[float]) -> int:
    return int.from_bytes(np.asarray(unit, np.float64).tobytes()[:64], "little")
