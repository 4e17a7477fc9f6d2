"""``danlu.tune`` and ``danlu.open_study``: from plain arguments to an open study."""

from __future__ import annotations

import os
import re
import time as clocks
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Protocol, cast

from ..base.failure import at_terminal, say
from ..base.foreign import own_words
from ..base.names import ENGINES, PLANS, EngineName, SamplerName, SchedulerName, find
from ..base.values import shown
from ..contracts.protocols import Engine, Sampler, Scheduler, Store
from ..engines.named import Named, by_signature
from ..engines.objective import fit, furnish, import_path, importing, resolve_objective
from ..errors import BudgetError, GoalError, ObjectiveError, SettingError
from ..journal import events as ev
from ..journal.events import Keep, Status
from ..problem.budget import AttemptLimits, Budget, TrialLimits
from ..problem.contexts import Context, Contexts, contexts_of
from ..problem.direction import contradicted, direction
from ..problem.fidelity import Fidelity
from ..problem.goal import Goal
from ..space.space import Space
from .changed import IfChanged, reconcile
from .config import StudyConfig
from .drive import Driver
from .longer import Longer, reopen, say_unchanged
from .opening import Learned, StudyDefinition, open_store
from .result import Result
from .study import Callback, PastLike, Study

Parameters = Space | Mapping[str, Any]


@own_words
def tune(
    objective: Callable[..., Any] | str,
    space: Parameters | None = None,
    *,
    minimize: str | Sequence[str] = (),
    maximize: str | Sequence[str] = (),
    target: float | Mapping[str, float] | None = None,
    limits: Sequence[str] = (),
    goal: Goal | None = None,
    trials: int | None = None,
    time: str | float | None = None,
    budget: Budget | None = None,
    workers: int = 1,
    gpus: int = 0,
    trial_limits: TrialLimits | None = None,
    sampler: Sampler | SamplerName | None = None,
    scheduler: Scheduler | SchedulerName | None = None,
    fidelity: Fidelity | None = None,
    contexts: Contexts | None = None,
    engine: Engine | EngineName | None = None,
    store: Store | str | os.PathLike[str] | None = None,
    name: str = "study",
    seed: int | None = None,
    extend: bool = False,
    keep: Keep = "best",
    enqueue: Iterable[Mapping[str, Any]] = (),
    callbacks: Sequence[Callback] = (),
    watch: bool | None = None,
    if_changed: IfChanged = "continue",
    longer: Longer | None = None,
    past: Sequence[PastLike] | PastLike = (),
    plan: SearchPlan | None = None,
    confirm: SearchConfirmation | bool = False,
) -> Result:
    """Search for the best configuration of ``objective``; the same call again resumes.

    Args:
        objective: a function of one live trial, or of the parameters by name, ``def train(lr, hidden)``; or
            ``"module:function"`` or ``"file.py:function"``. It returns a number, a mapping of metrics, or nothing when it
            reports.
        space: names mapped to parameters; None when the objective draws with ``trial.suggest``, and when it is a
            function whose arguments are its hyperparameters, ``def train(lr=1e-3, hidden=64)``: then ranges are
            inferred from names and defaults, said on stderr, and the defaults are the first trial.
        minimize, maximize: the metrics of the goal; with none, the returned number is minimized, which is said.
        target: the study ends when the goal reaches it (a mapping when there are several goals).
        limits: constraints on metrics, ``"latency <= 20"``.
        goal: all of these as one value, instead of them: ``Goal.of(minimize="loss", at="last")``.
        trials, time: the budget of the whole study, over all sessions and workers; 100 trials when none is given. ``time`` is seconds
            or text like ``"2h"``.
        budget: limits beside these, ``Budget(steps=4000, no_improvement=20)``; ``Budget()`` alone for none, until the sampler
            has nothing more to try or somebody ends the study.
        workers, gpus: slots on this machine; more than one worker runs a pool of processes.
        trial_limits: what one trial may use and what becomes of those that fail, ``TrialLimits(time="10m", memory=8 << 30)``; a limit of
            time or memory runs trials in a pool.
        fidelity: the range of the steps that are reported, for schedulers that compare trials at some of them.
        contexts: what every configuration is evaluated in, ``{"fold": range(5)}`` or ``[{"fold": 0}, {"fold": 1}]``: a trial for
            each, which finds its own in ``trial.context``. A configuration counts by its means, and is given up between two contexts
            when it will hardly become the best (``danlu.schedulers.Race``). More of them may be given later.
        sampler, scheduler, engine, store: an object or its name; ``store`` may be a file name.
        name: the study's name in the store.
        seed: whole number; the same seed and order of events give the same suggestions.
        extend: allow a changed space for an existing study.
        keep: whose checkpoints a new study keeps when trials are over, those of the ``"best"`` or of ``"all"``.
        enqueue: points to try first; the same call again does not repeat them.
        callbacks: called with (result, trial) after each trial; a returned sentence ends the study.
        watch: a live view of the study; by default when the terminal is interactive.
        if_changed: what becomes of a study whose objective's code has changed since earlier trials: ``"continue"`` says
            so and goes on, ``"refuse"`` raises, ``"set aside"`` takes the trials of other code off the budget and out of the search.
        longer: finished trials to train longer, from their checkpoints as more of the same trials, beside what the budget
            leaves: ``"best"``, ``"all"`` that have a checkpoint, or numbers. The objective has to go further than before.
        past: earlier studies to learn from: results, stores or their files (``"old.db"``, ``"old.db#name"`` for one study of it), databases and
            journals of Optuna, folders of Ray Tune, tables in ``.csv`` files with a column a parameter and a metric. What was best
            there is tried first, and their models count as far as they rank this study's own trials. A new study keeps what it learned.
        plan: search in several studies, ``danlu.Playbook()`` for one question after the other; ``name`` is the campaign's then, ``trials``
            are those of all its studies, and ``danlu.load(store, name)`` gives all of them.
        confirm: whether the search's best are then trained on fresh seeds beside the default, which stays unless one is better beyond a stated
            chance of error; ``danlu.Confirmation(seeds=5, chance=0.99)`` says how. It costs a tenth of the search by default. The objective
            reads its seed in ``trial.context["seed"]``. ``name`` is the campaign's then, and ``danlu.load(store, name)`` gives the verdict.

    Returns:
        The result, other sessions' trials included; with a plan, that of its last study, whose best was confirmed on fresh seeds; with a
        confirmation, that of the fresh runs, whose best is the winner.

    Raises:
        DanluError: one of its branches, for bad input, before any work starts.
        KeyboardInterrupt: at the second Ctrl-C; all running trials are handed back first.
        SystemExit: with code 143 after SIGTERM, when the study is safe; a handler of the program's own is called instead, and
            then the result is returned.

    Example:
        >>> import danlu
        >>> result = danlu.tune(lambda trial: (trial["x"] - 1) ** 2, {"x": danlu.Float(-5, 5)}, trials=30)
        >>> abs(result.best.params["x"] - 1) < 1
        True
    """
    if importing():
        raise ObjectiveError(
            "danlu.tune was called while the objective's file was being imported. Put the call under "
            "if __name__ == '__main__': so that workers can import the file."
        )
    objective, space = prepared(objective, space)
    chosen = engine_of(engine, workers, gpus, trial_limits)
    said = minimize != () or maximize != () or goal is not None
    goal = _goal(goal, minimize=minimize, maximize=maximize, target=target, limits=limits)
    if confirm is not False and confirm is not None:
        beside: dict[str, Any] = {
            "plan": plan, "extend": extend, "callbacks": tuple(callbacks), "longer": longer, "past": past,
            "if_changed": if_changed != "continue", "keep": keep != "best",
        }  # fmt: skip
        _refuse_beside(beside, "confirm")
        if not said:
            say(f"danlu: {_direction_said(objective)}")
        return _confirmation(confirm).run(
            objective, space, goal=goal, budget=_budget(budget, trials, time), sampler=sampler, scheduler=scheduler, fidelity=fidelity,
            trial_limits=trial_limits, engine=chosen, store=open_store(store), name=name, seed=seed, watch=watch,
            contexts=() if contexts is None else contexts_of(contexts), candidates=tuple(enqueue),
        )  # fmt: skip
    if plan is not None:
        unfit = {
            "contexts": contexts, "extend": extend, "enqueue": tuple(enqueue), "callbacks": tuple(callbacks), "longer": longer, "past": past,
            "if_changed": if_changed != "continue", "keep": keep != "best",
        }  # fmt: skip
        _refuse_beside(unfit)
        if not said:
            say(f"danlu: {_direction_said(objective)}")
        return plan.run(
            objective, space, goal=goal, budget=_budget(budget, trials, time), sampler=sampler, scheduler=scheduler, fidelity=fidelity,
            trial_limits=trial_limits, engine=chosen, store=open_store(store), name=name, seed=seed, watch=watch,
        )  # fmt: skip
    opened = open_study(
        space,
        goal=goal, budget=_budget(budget, trials, time), sampler=sampler, scheduler=scheduler, store=store, name=name, seed=seed,
        extend=extend, keep=keep, trial_limits=trial_limits or TrialLimits(), fidelity=fidelity, objective=import_path(objective),
        contexts=contexts, clock=chosen.clock, past=past,
    )  # fmt: skip
    if not said:
        _say_direction(opened, objective)
    with opened:
        result, _ = driven(
            opened, objective, chosen, things=space.forms.things, enqueue=tuple(enqueue), callbacks=callbacks, watch=watch, if_changed=if_changed, longer=longer,
        )  # fmt: skip
        return result


class SearchPlan(Protocol):
    """A search in several studies."""

    def run(
        self, objective: Callable[..., Any] | str, space: Space, *, goal: Goal, budget: Budget, sampler: Any, scheduler: Any,
        fidelity: Fidelity | None, trial_limits: TrialLimits | None, engine: Engine, store: Store, name: str, seed: int | None,
        watch: bool | None,
    ) -> Result:  # fmt: skip
        """Run them to their end, and give the result of the last one."""


class SearchConfirmation(Protocol):
    """A search whose best are confirmed on fresh seeds."""

    def run(
        self, objective: Callable[..., Any] | str, space: Space, *, goal: Goal, budget: Budget, sampler: Any, scheduler: Any,
        fidelity: Fidelity | None, trial_limits: TrialLimits | None, engine: Engine, store: Store, name: str, seed: int | None,
        watch: bool | None, contexts: Sequence[Context], candidates: Sequence[Mapping[str, Any]],
    ) -> Result:  # fmt: skip
        """Search and confirm, and give the result of the fresh runs."""


def _confirmation(given: Any) -> SearchConfirmation:
    """The confirmation that was asked for; the usual one where it is True.

    Raises:
        SettingError: when it is none.
    """
    made = find(PLANS, "plan", "confirmation")
    if given is True:
        return cast(SearchConfirmation, made())
    if not isinstance(given, made):
        raise SettingError(
            f"confirm is True or danlu.Confirmation(top=..., seeds=..., chance=...), got {shown(given)}."
        )
    return cast(SearchConfirmation, given)


def _refuse_beside(given: Mapping[str, Any], what: str = "plan") -> None:
    """Refuse what a plan of several studies has no use for."""
    unfit = [name for name, value in given.items() if value]
    if unfit:
        raise SettingError(
            f"{what}=... takes no {', '.join(unfit)}: it opens several studies of its own. Leave one of both out."
        )


def driven(
    study: Study, objective: Callable[..., Any] | str, engine: Engine, *, things: Mapping[str, Any], enqueue: Sequence[Mapping[str, Any]] = (),
    callbacks: Sequence[Callback] = (), watch: bool | None = None, if_changed: IfChanged = "continue",
    longer: Longer | None = None, keeps_engine: bool = False, stay: bool = False,
) -> tuple[Result, bool]:  # fmt: skip
    """Run an open study to its end.

    Args:
        study: open.
        objective: as ``prepared`` gives it.
        engine: to run it on.
        things: of the space at hand, which the journal has the names of alone.
        enqueue, callbacks, watch, if_changed, longer: as in ``tune``.
        keeps_engine: whether the engine stays open, for another study.
        stay: whether to stay until the trials of other workers are over as well, and take up those whose worker dies.

    Returns:
        What has been found, and whether a person or a signal ended it before its time.
    """
    runs = furnish(objective, things)
    reconcile(study, runs, if_changed, expected=longer is not None)
    taken = [] if longer is None else reopen(study, longer)
    study.control.enqueue_once(*enqueue)
    driver = Driver(study, engine, callbacks, keeps_engine=keeps_engine, stay=stay, lapse=True)
    try:
        with _watching(study, watch):
            stopped = driver.drive(runs)
        say_unchanged(study, taken)
        result = study.result
        result.study.stopped = stopped
        _say_running(study)
        return result, driver.left
    finally:
        driver.pass_on()


@own_words
def open_study(
    space: Parameters | None = None,
    *,
    goal: Goal | None = None,
    minimize: str | Sequence[str] = (),
    maximize: str | Sequence[str] = (),
    budget: Budget | None = None,
    trials: int | None = None,
    sampler: Sampler | SamplerName | None = None,
    scheduler: Scheduler | SchedulerName | None = None,
    store: Store | str | os.PathLike[str] | None = None,
    name: str = "study",
    seed: int | None = None,
    extend: bool = False,
    keep: Keep = "best",
    trial_limits: TrialLimits | None = None,
    fidelity: Fidelity | None = None,
    contexts: Contexts | None = None,
    objective: str = "",
    clock: Callable[[], float] | None = None,
    parent: str = "",
    trust: str | Sequence[str] = (),
    past: Sequence[PastLike] | PastLike | Learned = (),
) -> Study:
    """Open a study to ask and tell by hand; arguments as in ``tune``.

    With ``space=None`` a stored study is joined as it is, with the settings it was last driven by where none are given.
    ``objective`` is only kept for those who join. ``clock`` gives the seconds since some epoch that
    events carry, the system's when it is None; an engine that simulates time has its own. ``parent`` is the campaign that opens it.
    ``trust`` names packages whose samplers and schedulers may be made of what the journal of a study that is joined says.

    Raises:
        SpaceMismatch, GoalError, SettingError: when the stored study is another one.

    Example:
        >>> import danlu
        >>> with danlu.open_study({"x": danlu.Float(0, 1)}, minimize="loss", trials=5) as study:
        ...     trial = study.ask()
        ...     study.tell(trial, loss=trial["x"] ** 2)
        ...     len(study.result.trials)
        1
    """
    if space is not None and not isinstance(space, Space):
        space = Space(space)
    if space is not None or minimize != () or maximize != ():
        goal = _goal(goal, minimize=minimize, maximize=maximize)
    if trials is not None or (budget is None and space is not None):
        budget = (budget or Budget()).merged(trials=trials)
    opened = open_store(store)
    if not isinstance(name, str) or not name.strip():
        raise SettingError(f"a study needs a name that is a non-empty string, got {name!r}.")
    study = Study(
        StudyDefinition(name, space, goal, seed, extend, keep, parent, _learned(past, name)),
        store=opened,
        settings=StudyConfig(
            budget,
            sampler,
            scheduler,
            fidelity,
            trial_limits,
            objective,
            None if contexts is None else contexts_of(contexts),
        ),
        clock=clock or clocks.time,
        trust=(trust,) if isinstance(trust, str) else trust,
    )
    for metric in study.session.replica.history.goal.metrics:
        odd = contradicted(metric.name, maximize=metric.maximize)
        if odd:
            study.session.remark(f"direction of {metric.name}", odd)
    return study


def _learned(past: Sequence[PastLike] | PastLike | Learned, name: str) -> Learned | None:
    """What reads earlier studies when the study at hand is known, and has not begun."""
    if isinstance(past, partial):
        return past
    given = tuple(past) if isinstance(past, list | tuple) else (past,)
    return partial(_recalled, given, name=name, clock=clocks.time) if given else None


def _recalled(*given: Any, **words: Any) -> list[tuple[str | None, ev.Event]]:
    """What earlier studies teach; what reads other tools' files is imported by those who have any."""
    from .past import recalled

    return recalled(*given, **words)


def _say_direction(study: Study, objective: Callable[..., Any] | str) -> None:
    """Say that the value is minimized."""
    study.session.remark("direction", _direction_said(objective))


def _direction_said(objective: Callable[..., Any] | str) -> str:
    """That the value is minimized, as nobody has said which way; also where the objective's own name says otherwise."""
    path = objective.partition("(")[0] if isinstance(objective, str) else ""
    name = path.rpartition(":")[2] or getattr(getattr(objective, "function", objective), "__name__", "")
    way, why = direction(name)
    if way == "maximize" and not re.fullmatch(
        r"[a-z]\d?", name
    ):  # f1 is a function's name before it is a score's
        return (
            f"value is minimized, as nobody said otherwise, although {why} by the name of the objective, {name}. If that is what it "
            "returns, maximize='value', in a study of another name."
        )
    return (
        "value is minimized, as nobody said otherwise (maximize says otherwise, in a study of another name)"
    )


def prepared(
    objective: Callable[..., Any] | str, space: Parameters | None
) -> tuple[Callable[..., Any] | str, Space]:
    """The objective as its arguments want to be called, and the space, which its signature may tell.

    Raises:
        SpaceError, ObjectiveError: when they make no sense, or not together.
    """
    if space is None and not (isinstance(objective, str) and "(" in objective):
        objective, space = _named(objective)
    whole = space if isinstance(space, Space) else Space({} if space is None else space)
    return fit(objective, whole.every), whole


def _named(objective: Callable[..., Any] | str) -> tuple[Callable[..., Any] | str, Parameters | None]:
    """The objective and the space that its signature tells; the objective and None when it tells none."""
    found = by_signature(resolve_objective(objective))
    searched = {each.name: each.parameter for each in found or () if each.parameter is not None}
    if not found or not searched:
        return objective, None
    say("\n".join(map(str, found)))
    if isinstance(objective, str):
        return f"{objective}({','.join(searched)})", searched
    return Named(objective, tuple(searched)), searched


def _goal(goal: Goal | None, **words: Any) -> Goal:
    """The goal, from itself or from the words for it.

    Raises:
        GoalError: when there are both.
    """
    given = [name for name, value in words.items() if value is not None and value != ()]
    if goal is None:
        return Goal.of(**words)
    if given:
        raise GoalError(f"a goal is given as goal= or in words, got goal= and {given[0]}=. Leave one out.")
    if not isinstance(goal, Goal):
        raise GoalError(f"a goal is one of danlu.Goal.of(minimize='loss'), got {shown(goal)}.")
    return goal


def _budget(budget: Budget | None, trials: int | None, time: str | float | None) -> Budget:
    """The whole budget: 100 trials where nothing was said.

    Raises:
        BudgetError: when a limit is given twice, or is out of its range.
    """
    if budget is None:
        return Budget(trials=100 if time is None and trials is None else trials, time=time)
    if not isinstance(budget, Budget):
        raise BudgetError(f"a budget is danlu.Budget(trials=..., time=...), got {shown(budget)}.")
    return budget.merged(trials=trials, time=time)


def engine_of(
    engine: Engine | EngineName | None, workers: int, gpus: int, trial_limits: TrialLimits | None = None
) -> Engine:
    """An engine from itself, its name, or what is asked of it.

    Raises:
        SettingError: for settings out of their range, and names of no engine.
    """
    if isinstance(workers, bool) or not isinstance(workers, int) or workers < 1:
        raise SettingError(f"tune needs workers to be a whole number >= 1, got {workers!r}.")
    if isinstance(gpus, bool) or not isinstance(gpus, int) or gpus < 0:
        raise SettingError(f"tune needs gpus to be a whole number >= 0, got {gpus!r}.")
    if trial_limits is not None and not isinstance(trial_limits, TrialLimits):
        raise SettingError(
            f"the limits of a trial are danlu.TrialLimits(time=..., memory=...), got {shown(trial_limits)}."
        )
    if engine is not None and not isinstance(engine, str):
        return engine
    limited = (trial_limits or TrialLimits()).attempt != AttemptLimits() or gpus > 0 or workers > 1
    name = engine or ("pool" if limited else "inline")
    made = find(ENGINES, "engine", name)
    if name == "pool":
        return cast(Engine, made(workers, gpus=gpus))
    return cast(Engine, made(workers) if name != "inline" and workers > 1 else made())


def _say_running(study: Study) -> None:
    """Say that trials run elsewhere: the result is without them."""
    running = sorted(study.session.replica.history.rows.live[Status.RUNNING])
    if running:
        named = (
            f"trials {', '.join(map(str, running))} run" if len(running) > 1 else f"trial {running[0]} runs"
        )
        say(
            f"danlu: {named} elsewhere, by a worker whose lease is in force: the result is without that. The same call finishes what it "
            "leaves, and danlu worker with --stay waits for it."
        )


def _watching(opened: Study, watch: bool | None) -> Any:
    import contextlib

    if watch is None:
        watch = at_terminal()
    if not watch:
        return contextlib.nullcontext()
    from ..base.names import VIEWS

    return find(VIEWS, "view", "live")(opened.name, opened.session.replica)
