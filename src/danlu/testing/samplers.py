"""What every sampler has to keep."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ..base.rng import generator
from ..contracts.protocols import Problem, Sampler, View
from ..errors import BudgetError, Exhausted
from ..journal import events as ev
from ..journal.history import History
from ..journal.trial import Trial
from ..problem.budget import Budget
from ..problem.goal import Goal
from ..space.parameters import Choice, Float, Int, Switch
from ..space.space import Space, pack_unit
from .strategies import histories, spaces

Make = Callable[[], Sampler]
Check = Callable[[Make], None]

MIXED = {
    "lr": Float(1e-5, 1e-1, log=True),
    "depth": Int(1, 8),
    "act": Choice(["relu", "gelu", None]),
    "opt": Switch(sgd={"momentum": Float(0, 0.99)}, adam={"beta2": Float(0.9, 0.999), "eps": Int(1, 3)}),
}


def gives_points_of_the_cube(make: Make) -> None:
    """``ask`` gives k points of the right width inside [0, 1], on any space and any history."""

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.data(), st.integers(1, 5))
    def inner(data: st.DataObject, k: int) -> None:
        space = data.draw(spaces())
        history = data.draw(histories(space))
        asked = _ask(make(), history, k)
        if asked is not None:
            points = asked
            assert 1 <= len(points) <= k, f"{len(points)} points for {k} asked"
            assert points.shape == (len(points), len(space)), f"shape {points.shape}"
            assert ((points >= 0) & (points <= 1)).all(), "left the cube"

    inner()


def asks_the_same_twice(make: Make) -> None:
    """``ask`` changes no state: the same question gets the same answer."""
    history = _told(Space(MIXED), 6)
    sampler = make()
    one, other = _ask(sampler, history, 3), _ask(sampler, history, 3)
    fresh = _ask(make(), history, 3)
    assert one is not None
    assert other is not None
    assert fresh is not None
    assert (one == other).all(), "asking twice gave different points"
    assert (one == fresh).all(), "a fresh sampler gave different points"


def honors_constraints(make: Make) -> None:
    """No point breaks a constraint between parameters."""
    parameters = {"a": Float(0, 1), "b": Float(0, 1), "n": Int(1, 9)}
    for rule in (lambda p: p["a"] < p["b"], "a + b <= 1 and n >= 3"):
        space = Space(parameters, constraints=[rule])
        history = _history(space)
        for _ in range(12):
            asked = _ask(make(), history, 1)
            assert asked is not None
            values = space.decode(asked[0].tolist())
            assert space.constraints.hold(values), f"{values} breaks a constraint"
            _append(history, asked[0].tolist(), loss=values["a"])


def never_repeats_in_a_finite_space(make: Make) -> None:
    """Every point of a finite space is asked once, conditions and running trials included; then it ends."""
    space = Space({"a": Int(1, 3), "s": Switch(x={"b": Choice(["p", "q"])}, y={})})
    history = _history(space)
    for number in range(9):
        asked = _ask(make(), history, 1)
        assert asked is not None, f"gave up after {number} of 9 points"
        unit, _ = space.snap(asked[0].tolist())
        assert pack_unit(unit) not in history.columns.seen, f"asked {space.decode(unit)} twice"
        _append(history, unit, loss=None if number % 3 == 0 else float(number))
    try:
        _ask_plainly(make(), history, 1)
    except Exhausted:
        return
    raise AssertionError("did not say that the space is exhausted")


def resumes_exactly(make: Make) -> None:
    """10 trials and then 10 more are the same 20 trials."""
    from ..stores.memory import MemoryStore
    from ..study.tune import tune

    def run(parts: tuple[int, ...]) -> list[dict[str, Any]]:
        store, result = MemoryStore(), None
        for total in parts:
            until = partial(_enough, total)
            result = tune(
                _objective, MIXED_FINITE, sampler=make(), store=store, trials=1000, seed=5, callbacks=[until]
            )
        assert result is not None
        return [trial.params for trial in result.trials]

    assert run((20,)) == run((10, 20)), "a resumed study went another way"


def tells_twice_like_once(make: Make) -> None:
    """Telling a trial twice leaves the state as it was, failed trials included."""
    sampler = make()
    history = _told(Space(MIXED_FINITE), 4)
    problem = _problem(history)
    try:
        state = sampler.init(problem)
    except BudgetError:
        return
    if state is None:
        return
    for trial in history.trials:
        state = sampler.tell(state, trial)
    again = sampler.tell(state, history.trials[3])
    one = sampler.ask(state, _view(history), generator(1, 4, "ask"), 2)
    other = sampler.ask(again, _view(history), generator(1, 4, "ask"), 2)
    assert (np.asarray(one) == np.asarray(other)).all(), "telling twice changed what is asked"


MIXED_FINITE = {
    "depth": Int(1, 40),
    "act": Choice(["relu", "gelu", None]),
    "opt": Switch(sgd={"momentum": Float(0, 1, step=0.25)}, adam={}),
}

SAMPLER_CHECKS: tuple[Check, ...] = (
    gives_points_of_the_cube,
    asks_the_same_twice,
    honors_constraints,
    never_repeats_in_a_finite_space,
    resumes_exactly,
    tells_twice_like_once,
)
"""All checks of samplers."""


def _objective(trial: Any) -> float:
    if trial["depth"] == 7:
        raise ValueError("a configuration that fails")
    return float(trial["depth"])


def _enough(total: int, result: Any, trial: Any) -> str | None:
    del trial
    return "enough" if len(result.trials) >= total else None


def _problem(history: History) -> Problem:
    return Problem(history.space, history.goal, Budget(), history.definition.seed)


def _view(history: History) -> View:
    return View(history, _problem(history), len(history), history.spent.sampled)


def _ask(sampler: Sampler, history: History, k: int) -> NDArray[np.float64] | None:
    """The points; None when this sampler cannot serve this space, which it has to say in ``init``."""
    try:
        sampler.init(_problem(history))
    except BudgetError:
        return None
    try:
        return _ask_plainly(sampler, history, k)
    except Exhausted:
        return None


def _ask_plainly(sampler: Sampler, history: History, k: int) -> NDArray[np.float64]:
    state = sampler.init(_problem(history))
    if state is not None:
        for trial in _finished(history):
            state = sampler.tell(state, trial)
    rng = generator(history.definition.seed, len(history), "ask")
    return np.asarray(sampler.ask(state, _view(history), rng, k))


def _finished(history: History) -> list[Trial]:
    return [trial for trial in history.trials if trial.finished]


def _history(space: Space) -> History:
    history = History(space.constraints)
    history.fold([ev.Entry(1, ev.Created(space.spec, Goal.of(minimize="loss"), 3, 1.0))])
    return history


def _append(history: History, unit: list[float], loss: float | None) -> None:
    """One more trial: done with a loss, or failed without."""
    number, seq = len(history), history.seq
    point, values = history.space.snap(unit)
    asked = ev.Asked(number, ev.pack_params(values), pack_unit(point), "w", 1.0)
    status = ev.Status.FAILED if loss is None else ev.Status.DONE
    cause = ev.Cause.RAISED if loss is None else None
    ended = ev.Ended(number, 1, status, {} if loss is None else {"loss": loss}, 0.1, 1.0, cause)
    history.fold([ev.Entry(seq + 1, asked), ev.Entry(seq + 2, ended)])


def _told(space: Space, count: int) -> History:
    history = _history(space)
    for number in range(count):
        unit = generator(0, number, "told").random(len(space)).tolist()
        _append(history, unit, None if number == 2 else number / count)
    return history
