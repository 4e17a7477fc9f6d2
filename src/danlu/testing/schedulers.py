"""What every scheduler has to keep."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, given, settings

from ..contracts.messages import Verdict
from ..contracts.protocols import Again, GiveUp, New, Problem, Resume, Scheduler, View, Wait
from ..journal.events import Status
from ..journal.history import History
from ..problem.budget import Budget
from ..space.parameters import Float
from .strategies import histories

Make = Callable[[], Scheduler]
Check = Callable[[Make], None]


def judges_any_history(make: Make) -> None:
    """Every running trial with a curve gets a verdict, NaN and infinite metrics included."""

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(histories())
    def inner(history: History) -> None:
        scheduler = make()
        state = _state(scheduler, history)
        for trial in history.trials:
            if trial.status is Status.RUNNING and len(trial.curve):
                told = {name: values[-1] for name, values in trial.curve.metrics.items()}
                judged = _with_metrics(trial, told)
                one = scheduler.judge(state, _view(history), judged)
                other = scheduler.judge(state, _view(history), judged)
                assert isinstance(one, Verdict), f"judge gave {one!r}"
                assert one == other, "judging twice gave different verdicts"
        move = scheduler.next(state, _view(history))
        assert isinstance(move, New | Resume | Again | GiveUp | Wait), f"next gave {move!r}"

    inner()


def finishes_a_study(make: Make) -> None:
    """A study under this scheduler ends, with no trial still running; the best one is done, stopped or paused."""
    result = _run(make, trials=9)
    open_ = [trial.number for trial in result.trials if trial.status in (Status.RUNNING, Status.WAITING)]
    assert not open_, f"trials {open_} are still under way"
    assert result.best.value < math.inf, "nothing survived"


def decides_the_same_again(make: Make) -> None:
    """The same study run again, or in two sessions, takes the same decisions."""
    whole, again, parts = _run(make, trials=9), _run(make, trials=9), _run(make, trials=5, then=9)
    assert _decisions(whole) == _decisions(again), "a second run decided otherwise"
    assert _decisions(whole) == _decisions(parts), "a resumed study decided otherwise"


def tells_twice_like_once(make: Make) -> None:
    """Telling a trial twice leaves the state as it was."""
    scheduler = make()
    history = _run(make, trials=5).history
    state = _state(scheduler, history)
    if state is None:
        return
    again = state
    for trial in history.trials:
        again = scheduler.tell(again, trial)
    assert scheduler.next(state, _view(history)) == scheduler.next(again, _view(history)), "told twice"


def survives_odd_curves(make: Make) -> None:
    """NaN, infinity, constants and explosions stop or go on; they never raise."""

    def train(trial: Any) -> None:
        kind = trial.number % 4
        curve = [math.nan, 1.0], [1.0, math.inf], [0.0] * 6, [10.0**step for step in range(12)]
        for step, value in enumerate(curve[kind], 1):
            trial.report(step, loss=value)

    from ..study.tune import tune

    result = tune(train, {"x": Float(0, 1)}, minimize="loss", trials=12, scheduler=make(), seed=1)
    left = [t.number for t in result.trials if t.status in (Status.RUNNING, Status.WAITING)]
    assert not left, f"odd curves were left open: {left}"


SCHEDULER_CHECKS: tuple[Check, ...] = (
    judges_any_history,
    finishes_a_study,
    decides_the_same_again,
    tells_twice_like_once,
    survives_odd_curves,
)
"""All checks of schedulers."""


def _train(trial: Any) -> None:
    """A resumable curve that flattens at a floor."""
    memory: dict[str, int] = {"step": 0}
    trial.restore(memory)
    for step in range(memory["step"] + 1, 13):
        memory["step"] = step
        trial.save(step, memory)
        trial.report(step, loss=max(trial["floor"], 1.0 / step))


def _run(make: Make, trials: int, then: int | None = None) -> Any:
    from ..stores.memory import MemoryStore
    from ..study.tune import tune

    store = MemoryStore()
    result = None
    for total in (trials, then) if then else (trials,):
        result = tune(
            _train, {"floor": Float(0, 0.5)}, minimize="loss", trials=total, scheduler=make(),
            store=store, seed=2,
        )  # fmt: skip
    return result


def _decisions(result: Any) -> list[tuple[Any, ...]]:
    return [(t.params, t.status, t.curve, t.tag, t.donor, t.reason) for t in result.trials]


def _view(history: History) -> View:
    problem = Problem(history.space, history.goal, Budget(), history.definition.seed)
    return View(history, problem, len(history), history.spent.sampled)


def _state(scheduler: Scheduler, history: History) -> Any:
    state = scheduler.init(_view(history).problem)
    if state is not None:
        for trial in history.trials:
            state = scheduler.tell(state, trial)
    return state


def _with_metrics(trial: Any, metrics: dict[str, float]) -> Any:
    import msgspec

    return msgspec.structs.replace(trial, metrics=metrics)
