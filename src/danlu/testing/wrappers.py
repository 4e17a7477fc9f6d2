"""What every sampler or scheduler around another one has to pass on to it, and back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..base.rng import generator
from ..contracts.messages import GO, Verdict, stop
from ..contracts.protocols import (
    BaseSampler,
    BaseScheduler,
    Decision,
    New,
    Problem,
    Sampler,
    Scheduler,
    View,
    Wait,
)
from ..errors import Exhausted, SettingError
from ..journal import events as ev
from ..journal.history import History
from ..journal.trial import Trial
from ..problem.budget import Budget
from ..problem.goal import Goal
from ..space.parameters import Float
from ..space.space import Space

SPACE = Space({"x": Float(0, 1)})


class Inner(BaseSampler):
    """A sampler whose state is the numbers of the trials it was told."""

    def __init__(self, *, refuses: bool = False, exhausted: bool = False, learns: bool = False) -> None:
        self.refuses, self.exhausted, self.learns = refuses, exhausted, learns

    def init(self, problem: Problem) -> Any:
        """Nobody told yet."""
        del problem
        if self.refuses:
            raise SettingError("the inner one refuses")
        return ()

    def tell(self, state: Any, trial: Trial) -> Any:
        """One more."""
        return state if trial.number in state else (*state, trial.number)

    def ask(self, state: Any, view: View, rng: np.random.Generator, k: int) -> Any:
        """Points that tell how many trials it was told."""
        if self.exhausted:
            raise Exhausted("there are no more points")
        return np.full((k, len(view.space)), (len(state) + 1) / 64)

    def why(self, state: Any, view: View) -> str:
        """What it was told."""
        return f"the inner one knows {len(state)} trials"

    def uses_past(self) -> bool:
        """As it was made."""
        return self.learns


class Under(BaseScheduler):
    """A scheduler that stops at step 7, plans to step 5, and waits."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.refuses = refuses

    def init(self, problem: Problem) -> Any:
        """Nobody told yet."""
        del problem
        if self.refuses:
            raise SettingError("the inner one refuses")
        return ()

    def tell(self, state: Any, trial: Trial) -> Any:
        """One more."""
        return state if trial.number in state else (*state, trial.number)

    def judge(self, state: Any, view: View, trial: Trial) -> Verdict:
        """Stop at step 7."""
        return stop("the inner one stops it") if trial.curve.steps[-1] >= 7 else GO

    def next(self, state: Any, view: View) -> Decision:
        """Wait until two trials were told."""
        return Wait() if len(state) < 2 else New("inner")

    def why(self, state: Any, view: View) -> str:
        """What it was told."""
        return f"the inner one knows {len(state)} trials"

    def horizon(self, state: Any, view: View, trial: Trial) -> int | None:
        """Step 5."""
        return 5


WrapSampler = Callable[[Sampler], Sampler]
WrapScheduler = Callable[[Scheduler], Scheduler]


def lets_the_sampler_refuse(wrap: WrapSampler) -> None:
    """What the inner sampler cannot serve is refused, and an exhausted space is one for the wrapper too."""
    _refuses(lambda: wrap(Inner(refuses=True)).init(_problem()))
    sampler, history = wrap(Inner(exhausted=True)), _history(5)
    try:
        sampler.ask(_told(sampler, history), _late(history), generator(0, 5, "ask"), 1)
    except Exhausted:
        return
    raise AssertionError("the inner sampler was exhausted, and the wrapper went on")


def tells_the_sampler_all(wrap: WrapSampler) -> None:
    """The inner sampler is told every trial, and its points come through once the wrapper's own are spent."""
    sampler, history = wrap(Inner()), _history(5)
    points = np.asarray(sampler.ask(_told(sampler, history), _late(history), generator(0, 5, "ask"), 2))
    assert points.tolist() == [[6 / 64]] * 2, (
        f"the inner sampler asked for 6/64 twice, the wrapper for {points.tolist()}"
    )


def says_what_the_sampler_says(wrap: WrapSampler) -> None:
    """The inner sampler's choice is among what the wrapper says of itself."""
    sampler, history = wrap(Inner()), _history(5)
    said = sampler.why(_told(sampler, history), _late(history))
    assert "the inner one knows 5 trials" in said, f"the wrapper says {said!r}"


def learns_from_the_past_as_the_sampler_does(wrap: WrapSampler) -> None:
    """Whether earlier studies are of use is the inner sampler's to say."""
    for learns in (True, False):
        said = wrap(Inner(learns=learns)).uses_past()
        assert said is learns, f"the inner one says {learns}, the wrapper {said}"


def lets_the_scheduler_refuse(wrap: WrapScheduler) -> None:
    """What the inner scheduler cannot serve is refused."""
    _refuses(lambda: wrap(Under(refuses=True)).init(_problem()))


def stops_as_the_scheduler_does(wrap: WrapScheduler) -> None:
    """The inner scheduler's verdict, its wait and the label of its new trials come through."""
    scheduler, history = wrap(Under()), _history(3, step=7)
    state = _told(scheduler, history)
    verdict = scheduler.judge(state, _late(history), history.trials[2])
    assert verdict.reason == "the inner one stops it", f"the wrapper's verdict is {verdict!r}"
    early = scheduler.init(_problem())
    assert scheduler.next(early, _late(history)) == Wait(), "the inner one waits"
    assert scheduler.next(state, _late(history)) == New("inner"), "the inner one labels its trials"


def says_and_plans_what_the_scheduler_does(wrap: WrapScheduler) -> None:
    """What the inner scheduler says, and the step to which it plans, come through."""
    scheduler, history = wrap(Under()), _history(3)
    state, view = _told(scheduler, history), _late(history)
    said, planned = scheduler.why(state, view), scheduler.horizon(state, view, history.trials[1])
    assert "the inner one knows 3 trials" in said, f"the wrapper says {said!r}"
    assert planned == 5, f"the inner one plans to step 5, the wrapper to {planned}"


SAMPLER_WRAPPER_CHECKS: tuple[Callable[[WrapSampler], None], ...] = (
    lets_the_sampler_refuse,
    tells_the_sampler_all,
    says_what_the_sampler_says,
    learns_from_the_past_as_the_sampler_does,
)
"""All checks of samplers around another: each takes a function that wraps one."""

SCHEDULER_WRAPPER_CHECKS: tuple[Callable[[WrapScheduler], None], ...] = (
    lets_the_scheduler_refuse,
    stops_as_the_scheduler_does,
    says_and_plans_what_the_scheduler_does,
)
"""All checks of schedulers around others: each takes a function that wraps one."""


def _refuses(act: Callable[[], Any]) -> None:
    try:
        act()
    except SettingError as error:
        assert "the inner one refuses" in str(error), f"refused for another reason: {error}"
        return
    raise AssertionError("the inner one refused, and the wrapper did not")


def _problem() -> Problem:
    return Problem(SPACE, Goal.of(minimize="loss"), Budget(), 0)


def _late(history: History) -> View:
    """The view of a trial far behind the points that a wrapper may have of its own."""
    return View(history, _problem(), len(history), 1000)


def _told(algorithm: Any, history: History) -> Any:
    state = algorithm.init(_problem())
    for trial in history.trials:
        state = algorithm.tell(state, trial)
    return state


def _history(trials: int, step: int = 2) -> History:
    """A history of running trials, each with one report."""
    events: list[ev.Event] = [ev.Created(SPACE.spec, Goal.of(minimize="loss"), 0, 0.0)]
    for number in range(trials):
        unit = np.array([number / 100]).tobytes()
        events.append(ev.Asked(number, ev.pack_params({"x": number / 100}), unit, "w", 0.0))
        events.append(ev.Reported(number, 1, step, {"loss": 1.0 + number}, 0.0, 0.0))
    history = History()
    history.fold([ev.Entry(seq, event) for seq, event in enumerate(events, 1)])
    return history
