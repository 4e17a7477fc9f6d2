"""A searcher of Ray Tune's that a danlu study answers."""

from __future__ import annotations

import os
import uuid
import weakref
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ray import cloudpickle
from ray.tune.result import DEFAULT_METRIC
from ray.tune.search import Searcher

from ...base.failure import say
from ...base.names import SamplerName
from ...base.rng import key
from ...contracts.messages import GO, Verdict
from ...contracts.protocols import Resume, Sampler, Scheduler, Store, Terms
from ...errors import BudgetError, Exhausted, SettingError
from ...journal import events as ev
from ...journal.events import Entry, Status
from ...journal.history import History
from ...problem.budget import Budget, TrialLimits
from ...problem.fidelity import Fidelity
from ...programs.sweeps.past import PastTrial, lived
from ...space.space import pack_unit
from ...stores.memory import MemoryStore
from ...study.opening import existing_history, open_store
from ...study.result import Result
from ...study.study import Study
from ...study.tune import open_study
from .results import STEP, goal_of, metrics_of, seconds_of, step_of
from .spaces import TuneSpace
from .trials import RUN, TuneTrials


class Unmoved:
    """What ``HyperBandForBOHB`` tells a search, and no other scheduler of Ray's: nothing that a study has to know."""

    def on_pause(self, trial_id: str) -> None:
        """A trial waits; what it has reported is known, and the study holds it for one that runs."""
        del trial_id

    def on_unpause(self, trial_id: str) -> None:
        """A trial goes on: its next report says from where."""
        del trial_id


class TuneSearch(Unmoved, Searcher):
    """danlu's search in a ``Tuner``: ``tune.TuneConfig(search_alg=danlu.ray_tune.Search())``.

    Results on the way are the trial's curve. With ``store`` every trial is kept as soon as it is asked, reported and over: the study can be
    watched and explained while the tuner runs, and ``Tuner.restore`` goes on from it. Without, the study lives in memory and in the
    searcher's part of Ray's checkpoints.

    Args:
        space: Ray's, as ``param_space``; the tuner's own where it is None.
        metric, mode: Ray's, one or a list of each; those of ``TuneConfig`` where they are None.
        points_to_evaluate: configurations that are tried first; what they leave out is drawn.
        evaluated_rewards: what they have come to, where that is known: they are learned from then, and not run.
        sampler: danlu's, by name or as an object.
        seed: 0 to 2**63 - 1; None for any.
        store: a file, a URL or a store of danlu's.
        name: of the study in it.

    Raises:
        SpaceError: for a space that danlu cannot search.
        SettingError: for a mode that there is not, and for rewards of another number than the points.

    Example:
        >>> from ray import tune
        >>> search = TuneSearch({"x": tune.uniform(-5, 5)}, metric="loss", mode="min", seed=1)
        >>> for number in range(15):
        ...     config = search.suggest(str(number))
        ...     search.on_trial_complete(str(number), {"loss": (config["x"] - 2) ** 2, "training_iteration": 1})
        >>> search.result.best.metrics["loss"] < 0.1
        True
    """

    def __init__(
        self,
        space: Mapping[str, Any] | None = None,
        metric: str | Sequence[str] | None = None,
        mode: str | Sequence[str] | None = None,
        points_to_evaluate: Sequence[Mapping[str, Any]] | None = None,
        *,
        evaluated_rewards: Sequence[float] | None = None,
        sampler: Sampler | SamplerName | None = None,
        seed: int | None = None,
        store: Store | str | os.PathLike[str] | None = None,
        name: str = "search",
    ) -> None:
        if metric and mode:
            goal_of(metric, mode)
        named: Any = {"metric": metric, "mode": mode}
        super().__init__(**named)
        self._points = [dict(point) for point in points_to_evaluate or ()]
        self._rewards = None if evaluated_rewards is None else [float(each) for each in evaluated_rewards]
        if self._rewards is not None and len(self._rewards) != len(self._points):
            raise SettingError(
                f"evaluated_rewards needs one number for each point, got {len(self._rewards)} for {len(self._points)} of points_to_evaluate."
            )
        self._sampler, self._seed, self._name = sampler, seed, name
        self._store = _absolute(store)
        self._run = uuid.uuid4().hex[:12]
        self._taken: dict[str, int] = {}
        self._samples: int | None = None
        self._budget: int | None = None
        self._kept: list[tuple[str | None, bytes]] | None = None
        self._space: TuneSpace | None = None
        self._told = False
        self._begin()
        if space:
            self._space = TuneSpace(space)

    def _begin(self) -> None:
        self._trials: TuneTrials | None = None
        self._memory: MemoryStore | None = None
        self._scheduler: tuple[Scheduler, Fidelity | None, str] | None = None
        self._reasons: dict[str, str] = {}
        self._unknown: set[str] = set()
        self._closes: weakref.finalize[Any, Any] | None = None

    # What Ray calls.

    def set_search_properties(
        self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any
    ) -> bool:
        """Take the tuner's metric, mode and space; False where there is a space already.

        Raises:
            SpaceError: for a space that danlu cannot search.
            SettingError: when a grid has more combinations than the samples can cover evenly.
        """
        if self._space is not None:
            self._metric = self._metric or metric
            self._mode = self._mode or mode
            self._count(spec.get("num_samples"))
            return False
        found = TuneSpace(config)
        self._metric, self._mode = metric or self._metric, mode or self._mode
        self._space, self._told = found, True
        self._count(spec.get("num_samples"))
        return True

    def suggest(self, trial_id: str) -> Any:
        """The configuration of the trial that Ray calls so; None while there is to be none, FINISHED where there is none any more.

        Raises:
            SettingError: without a space, a metric and a mode.
        """
        trials = self._opened()
        if trial_id in trials.taken:
            return self._config(trials.taken[trial_id])
        known = set(trials.taken.values())
        move = trials.study.session.replica.algorithms.move() if self._scheduler is not None else None
        if isinstance(move, Resume) and move.trial in known:
            return None  # what waits goes first, which the scheduler says
        try:
            number = trials.ask(trial_id)
        except Exhausted:
            trials.study.session.remark(
                "end",
                "danlu: every configuration of the space has been tried, so the search ends before it has num_samples trials.",
            )
            return Searcher.FINISHED
        except BudgetError as error:
            return self._waits(str(error))
        if number in known:  # one that was paused, which goes on under its own name
            trials.taken.pop(trial_id)
            return None
        self._complete_grid(number)
        return self._config(number)

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """A trial has reported."""
        self.judge(trial_id, result)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """A trial is over, with its last result or by an error."""
        trials = self._opened()
        if not self._knows(trial_id, trials):
            return
        if error:
            reason = self._reasons.pop(trial_id, "it raised an error, which Ray keeps in the trial's folder")
            trials.end(trial_id, None, seconds_of(result), reason)
            return
        if result and trials.status(trial_id) is Status.RUNNING:
            self.judge(trial_id, result, over=True)
        trials.end(trial_id, metrics_of(result) if result else None, seconds_of(result))

    def add_evaluated_point(
        self, parameters: dict[str, Any], value: float | None, error: bool = False, pruned: bool = False,
        intermediate_values: Sequence[float] | None = None,
    ) -> None:  # fmt: skip
        """Learn from a configuration that was evaluated elsewhere.

        Args:
            parameters: the configuration.
            value: what the first metric has come to.
            error: whether it failed.
            pruned: whether it was ended early.
            intermediate_values: the metric after every step.

        Raises:
            SpaceError: for a configuration outside of the space.
        """
        trials = self._opened()
        name = trials.study.session.replica.history.goal.metrics[0].name
        curve = {step: {name: float(each)} for step, each in enumerate(intermediate_values or (), 1)}
        status = Status.FAILED if error else Status.STOPPED if pruned else Status.DONE
        metrics = {} if value is None else {name: float(value)}
        self.add_past(PastTrial(len(trials.taken), dict(parameters), status, metrics, curve))

    def save(self, checkpoint_path: str) -> None:
        """Write all that a search goes on from: the same suggestions come after ``restore``."""
        with Path(checkpoint_path).open("wb") as file:
            cloudpickle.dump(self.__getstate__(), file)

    def restore(self, checkpoint_path: str) -> None:
        """Go on from what ``save`` has written; where there is a store, the study in it is right, and trials that Ray has forgotten come again."""
        with Path(checkpoint_path).open("rb") as file:
            state = cloudpickle.load(file)
        own, told, store = self._space, self._told, self._store
        self._close()
        self.__setstate__(state)
        self._told, self._store = told, store or self._store
        if own is not None and self._space is not None and own.space == self._space.space:
            self._space = own  # with the objects of this process

    # The study.

    @property
    def result(self) -> Result:
        """The danlu result of the search so far."""
        return self._opened().study.result

    def judge(self, trial_id: str, result: Mapping[str, Any], *, over: bool = False) -> Verdict:
        """Keep a result of a trial; what the study says of it, which counts where a ``Scheduler`` asks."""
        trials = self._opened()
        if not self._knows(trial_id, trials):
            return GO
        step = step_of(result, self._scheduler[2] if self._scheduler else STEP)
        metrics = metrics_of(result)
        if step is None or not metrics:
            return GO
        return trials.report(trial_id, step, metrics, seconds_of(result), over=over)

    def scheduled(self, scheduler: Scheduler, fidelity: Fidelity | None, time_attr: str) -> TuneTrials:
        """Have a scheduler of danlu's judge the trials of this search; its trials, by Ray's names."""
        trials = self._opened()
        if self._scheduler != (scheduler, fidelity, time_attr):
            trials.study.session.reschedule(scheduler, fidelity)
            self._scheduler = scheduler, fidelity, time_attr
            trials.study.session.announce()
        return trials

    def failed(self, trial_id: str, reason: str) -> None:
        """Why a trial failed, which Ray tells its schedulers alone."""
        self._reasons[trial_id] = reason

    def add_past(self, past: PastTrial) -> int:
        """Keep a trial that has been, whose parameters are a configuration of Ray's; its number.

        Raises:
            SpaceError: for one outside of the space.
        """
        session, found = self._opened().study.session, self._spec
        space, number = session.replica.history.space, len(session.replica.history)
        point = found.point(past.params)
        missing = [name for name in space.decode(space.encode(point)) if name not in point]
        if missing:
            raise SettingError(
                f"a configuration that was evaluated has a value for everything that is searched, and {missing[0]} is missing."
            )
        unit = pack_unit(space.encode(point))
        events = list(lived("Ray Tune", past, number, point, unit, session.replica.history.goal))
        terms = Terms(trials=number, closes=(number,), worker=session.worker, durable=True)
        session.replica.append([(None, event) for event in events], terms)
        return number

    @property
    def _spec(self) -> TuneSpace:
        if self._space is None:
            raise SettingError(
                "a search needs a space: give param_space= to the Tuner, and to Tuner.restore as well, or space= to danlu.ray_tune.Search."
            )
        if self._space.hidden and not self._told:
            raise SettingError(
                "the space has functions or objects that Ray keeps to itself, and it has none of them after Tuner.restore. Give it the same space "
                "again, Tuner.restore(path, trainable, param_space=...)."
            )
        return self._space

    def _opened(self) -> TuneTrials:
        """The trials, with the study open."""
        if self._trials is not None:
            return self._trials
        space = self._spec
        if not len(space.space):
            raise SettingError(
                "there is nothing to search in this space: it has constants alone. Use a domain, as tune.uniform(0, 1), or no search_alg."
            )
        if self._mode and not self._metric:
            self._metric = DEFAULT_METRIC
        goal = goal_of(self._metric, self._mode)
        store = self._place()
        study = open_study(
            space.space, goal=goal, budget=Budget(trials=self._room(store)), sampler=self._sampler, scheduler="none", store=store,
            name=self._name, seed=None if self._name in store.studies() else self._seed,
            trial_limits=TrialLimits(retries=10_000, same_failures=0),
        )  # fmt: skip
        self._closes = weakref.finalize(self, study.close)
        self._trials = TuneTrials(study, self._run, self._taken)
        self._taken = self._trials.taken
        self._greet(study)
        return self._trials

    def _greet(self, study: Study) -> None:
        """Say how the space is read, and have the points of the user's tried, once in a run."""
        study.session.announce()
        own = study.session.replica.history.definition.seed
        if self._seed is not None and own != self._seed:
            study.session.remark(
                "seed",
                f"danlu: the study {self._name!r} goes on by the seed it was begun with, {own}. seed= counts for a new study.",
            )
        for about, sentence in self._spec.said.items():
            study.session.remark(about, f"danlu: {sentence}.")
        if self._spec.grid:
            many = len(self._spec.combinations)
            study.session.remark(
                "grid",
                f"danlu: every point is tried in all {many} combinations of {', '.join(self._spec.grid)} (grid_search). num_samples counts "
                f"trials, so it has {many} for every point.",
            )
        points, self._points = self._points, []
        if self._rewards is not None:
            rewards, self._rewards = self._rewards, None
            for point, reward in zip(points, rewards, strict=True):
                self.add_evaluated_point(point, reward)
        elif points:
            study.control.enqueue(*map(self._spec.point, points), op=f"{RUN}{self._run}: points")

    def _place(self) -> Store:
        """The store of the study: the one given, else memory, with what was kept of it."""
        if self._store is not None:
            return open_store(self._store)
        if self._memory is None:
            self._memory = MemoryStore()
            if self._kept:
                entries = [(op, ev.decode(body)) for op, body in self._kept]
                self._memory.adopt(self._name, [*entries, *_released(entries)])
                self._kept = None
        return self._memory

    def _room(self, store: Store) -> int | None:
        """How many trials the study may have: those of others, and as many as Ray is to run; None where nobody has said."""
        if self._budget is None and self._samples is not None:
            others = 0
            if self._name in store.studies():
                rows = existing_history(store, self._name).rows
                own = sum(op.startswith(f"{RUN}{self._run}/") for op in rows.ops)
                others = len(rows) - len(rows.aside) - own
            rewards = len(self._rewards or ())
            self._budget = others + rewards + self._samples
        return self._budget

    def _count(self, samples: Any) -> None:
        """Take the number of trials that Ray will run.

        Raises:
            SettingError: when they are too few, or too many, for a grid.
        """
        if not isinstance(samples, int) or samples < 1:
            return
        many = len(self._spec.combinations)
        if samples % many:
            raise SettingError(
                f"grid_search gives {many} combinations of {', '.join(self._spec.grid)}, in each of which every point is tried, and with a searcher "
                f"num_samples counts trials: it needs a multiple of {many}, got num_samples={samples}. Give {many * max(1, samples)} for {max(1, samples)} "
                "points, or use tune.choice to have the search choose among the values."
            )
        self._samples = samples

    def _config(self, number: int) -> dict[str, Any]:
        history = self._opened().study.session.replica.history
        values = history.rows.of(number).params()
        return self._spec.config(values, key(history.definition.seed, number, "sample_from"))

    def _complete_grid(self, number: int) -> None:
        """See that a new point is tried in all combinations of the grid, each once."""
        space = self._spec
        if not space.grid:
            return
        study = self._opened().study
        history = study.session.replica.history

        def mark(values: Mapping[str, Any]) -> str:
            return repr(sorted(space.shared(values).items()))

        mine = history.rows.of(number).params()
        if any(mark(row.params()) == mark(mine) for row in history.rows[:number] if not row.aside):
            return
        shared = space.shared(mine)
        waiting = [
            {name: point.get(name) for name in space.grid}
            for point in history.decisions.queue
            if mark(point) == mark(mine)
        ]
        wanted = [
            shared | each
            for each in space.combinations
            if each not in waiting and any(mine[name] != each[name] for name in space.grid)
        ]
        if wanted:
            study.control.enqueue(*wanted, op=f"{RUN}{self._run}: grid of {number}")

    def _waits(self, why: str) -> Any:
        """None where trials may come again, FINISHED where the study has all of them or a person has ended it."""
        replica = self._opened().study.session.replica
        halted = replica.history.decisions.halted
        spent = replica.budget.spent(trials=replica.history.spent.trials) is not None
        if spent or (halted is not None and halted.order == "stop"):
            say(f"danlu: {why}")
            return Searcher.FINISHED
        return None

    def _knows(self, trial_id: str, trials: TuneTrials) -> bool:
        """Whether a trial is one of this search; of one that is not, it is said once."""
        if trial_id in trials.taken:
            return True
        if trial_id not in self._unknown:
            self._unknown.add(trial_id)
            say(
                f"danlu: Ray's trial {trial_id} was not suggested by this search, so nothing is learned from it."
            )
        return False

    def _close(self) -> None:
        if self._closes is not None:
            self._closes()
            self._closes = None
        self._trials = None

    def __getstate__(self) -> dict[str, Any]:
        opened = ("_trials", "_memory", "_scheduler", "_reasons", "_unknown", "_closes")
        state = {name: value for name, value in self.__dict__.items() if name not in opened} | {
            "_told": False
        }
        state["_taken"] = dict(self._taken)
        if self._memory is not None and self._name in self._memory.studies():
            journal = self._memory.journal(self._name)
            state["_kept"] = [(entry.op, ev.encode(entry.event)) for entry in journal.read(0)]
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._begin()


def searcher_of(algorithm: Any) -> TuneSearch | None:
    """The search of danlu's that a search algorithm of Ray's wraps; None where it is another's, or trials are not told to it one by one."""
    while algorithm is not None and not isinstance(algorithm, TuneSearch):
        algorithm = getattr(algorithm, "searcher", None)
    return algorithm


def _released(entries: Iterable[tuple[str | None, ev.Event]]) -> list[tuple[str | None, ev.Event]]:
    """The trials that ran when a journal was kept, handed back to be taken up."""
    history = History()
    history.fold([Entry(seq, event, op) for seq, (op, event) in enumerate(entries, 1)])
    return [
        (None, ev.Released(number, history.rows[number].attempt, ev.Cause.PREEMPTED, "the searcher was restored", 0.0, history.rows[number].asked.at))
        for number in sorted(history.rows.live[Status.RUNNING])
    ]  # fmt: skip


def _absolute(store: Any) -> Any:
    """A store that is a file's name, wherever the tuner is restored."""
    plain = isinstance(store, os.PathLike) or (isinstance(store, str) and store and "://" not in store)
    return str(Path(store).absolute()) if plain else store
