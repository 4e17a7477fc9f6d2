"""Hypothesis strategies for any space, any point of it, and any history."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from ..base.values import typed_key
from ..journal import events as ev
from ..journal.history import History
from ..problem.goal import Goal
from ..space.parameters import Choice, Float, Int, Switch
from ..space.space import Space, pack_unit

_names = st.text("abcdefghijklmnopqrstuvwxyz_丹", min_size=1, max_size=6)
_options = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63) + 1, 2**63 - 1),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=5),
    st.tuples(st.integers(0, 9), st.text(max_size=2)),
)


@st.composite
def _floats(draw: st.DrawFn) -> Float:
    log = draw(st.booleans())
    low = draw(st.floats(1e-300 if log else -1e300, 1e300, allow_subnormal=False))
    least = low * (1 + 1e-12) if log else low
    high = draw(st.floats(least, 1e301, exclude_min=True, allow_subnormal=False))
    return Float(low, high, log=log)


@st.composite
def _steps(draw: st.DrawFn) -> Float:
    low, step = draw(st.sampled_from([-1.0, 0.0, 0.5, 2.0])), draw(st.sampled_from([0.1, 0.25, 1.0]))
    return Float(low, low + step * draw(st.integers(1, 40)), step=step)


@st.composite
def _ints(draw: st.DrawFn) -> Int:
    log = draw(st.booleans())
    low = draw(st.integers(1 if log else -(2**53), 2**53))
    step = 1 if log else draw(st.integers(1, 7))
    return Int(low, low + step * draw(st.integers(1, 1000)), log=log, step=step)


@st.composite
def _choices(draw: st.DrawFn) -> Choice:
    values = draw(st.lists(_options, min_size=1, max_size=5, unique_by=typed_key))
    return Choice(values, ordered=draw(st.booleans()))


def _parameters(depth: int) -> st.SearchStrategy[Any]:
    leaves = st.one_of(_floats(), _steps(), _ints(), _choices())
    if depth == 0:
        return leaves
    inner = st.dictionaries(_names, _parameters(depth - 1), max_size=2)
    return st.one_of(leaves, _switches(inner))


@st.composite
def _switches(draw: st.DrawFn, inner: st.SearchStrategy[dict[str, Any]]) -> Switch:
    options: dict[Any, Any] = draw(st.dictionaries(_names, inner, min_size=1, max_size=3))
    labels = list(options)
    if len(labels) > 1 and draw(st.booleans()):
        options[tuple(draw(st.permutations(labels))[:2])] = draw(inner)
    return Switch(options)


def spaces(*, depth: int = 2, min_size: int = 1) -> st.SearchStrategy[Space]:
    """Spaces of up to five parameters, nested up to ``depth`` switches deep."""
    named = st.dictionaries(_names, _parameters(depth), min_size=min_size, max_size=5)
    return named.map(Space)


def points(space: Space) -> st.SearchStrategy[list[float]]:
    """Unit points of a space, corners included."""
    width = len(space)
    return st.lists(st.floats(0, 1), min_size=width, max_size=width)


@st.composite
def histories(
    draw: st.DrawFn, space: Space | None = None, goal: Goal | None = None, *, max_trials: int = 12
) -> History:
    """Histories with running, finished, stopped and failed trials, NaN and infinite metrics included."""
    space = space or draw(spaces())
    goal = goal or Goal.of(minimize="loss")
    history = History(space.constraints)
    log: list[ev.Event] = [ev.Created(space.spec, goal, draw(st.integers(0, 9)), 1.0)]
    for number in range(draw(st.integers(0, max_trials))):
        unit, values = space.snap(draw(points(space)))
        log.append(ev.Asked(number, ev.pack_params(values), pack_unit(unit), "w", 1.0))
        log += _life(draw, number, goal)
    history.fold(ev.Entry(seq, event) for seq, event in enumerate(log, 1))
    return history


def _life(draw: st.DrawFn, number: int, goal: Goal) -> list[ev.Event]:
    metric = st.floats(width=32)
    steps = range(1, 1 + draw(st.integers(0, 3)))
    names = goal.names
    log: list[ev.Event] = [
        ev.Reported(number, 1, step, {name: draw(metric) for name in names}, 0.1, 1.0) for step in steps
    ]
    status = draw(st.sampled_from([ev.Status.RUNNING, ev.Status.DONE, ev.Status.FAILED]))
    if status is not ev.Status.RUNNING:
        cause = ev.Cause.RAISED if status is ev.Status.FAILED else None
        finite = st.floats(-1e6, 1e6)
        metrics = {name: draw(finite) for name in names}
        log.append(ev.Ended(number, 1, status, metrics, 0.1, 1.0, cause))
    return log
