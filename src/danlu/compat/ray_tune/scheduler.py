"""A trial scheduler of Ray Tune's that asks one of danlu's.

Beside a ``Search`` it judges the trials of the search's own study, whose journal has every verdict with its reason. Beside another searcher it
follows the trials in a study of its own in memory, which after ``Tuner.restore`` is made again of the results in Ray's folders.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ray import cloudpickle
from ray.tune import Trainable
from ray.tune.experiment import Trial
from ray.tune.result import DEFAULT_METRIC
from ray.tune.schedulers import TrialScheduler
from ray.tune.trainable import FunctionTrainable

from ...base.failure import say
from ...base.names import SCHEDULERS, SchedulerName, find
from ...contracts.protocols import Resume
from ...contracts.protocols import Scheduler as Judge
from ...errors import SettingError
from ...journal.events import Action, Status
from ...problem.budget import Budget, TrialLimits
from ...problem.fidelity import Fidelity
from ...schedulers.pbt import PBT
from ...study.tune import open_study
from .results import STEP, goal_of, metrics_of, seconds_of, step_of
from .search import TuneSearch, searcher_of
from .trials import TuneTrials

LAST = "result.json"
"""The file in a trial's folder that has all its results."""


STALLED = 3
"""So often is Ray asked in vain for a trial to run, with nothing running, before one that waits is ended for the next."""


class TuneScheduler(TrialScheduler):
    """danlu's early stopping in a ``Tuner``: ``tune.TuneConfig(scheduler=danlu.ray_tune.Scheduler("median"))``.

    What danlu would pause is paused where the trial has a checkpoint to go on from, and goes on when danlu says so. What has none is
    stopped for good, which is said. When nothing else is left to run, what is still paused is ended.

    Args:
        scheduler: danlu's, by name or as an object; the forecast gives a trial up when those that were trained in full say that it will hardly
            become the best.
        metric, mode: Ray's, one of each; those of ``TuneConfig`` where they are None.
        time_attr: the result that counts the steps: a whole number that rises.
        max_t: the step at which a trial is whole and ends, 2 at least; None where the tuner's ``stop`` says so, or it is learned from the trials.

    Raises:
        SettingError: for a scheduler that danlu does not have or Ray cannot follow, and for a ``max_t`` below 2.

    Example:
        >>> from types import SimpleNamespace
        >>> from ray.tune.experiment import Trial
        >>> halt = TuneScheduler("median", metric="loss", mode="min")
        >>> trials = [Trial("__fake", stub=True) for _ in range(9)]
        >>> tuner = SimpleNamespace(search_alg=None, get_trials=lambda: trials)
        >>> said = []
        >>> for number, trial in enumerate(trials):
        ...     halt.on_trial_add(tuner, trial)
        ...     for step in range(1, 6):
        ...         said.append(halt.on_trial_result(tuner, trial, {"loss": number + 1 / step, "training_iteration": step}))
        ...     halt.on_trial_complete(tuner, trial, {"loss": number + 1 / 5, "training_iteration": 5})
        >>> sorted(set(said))
        ['CONTINUE', 'STOP']
    """

    def __init__(
        self,
        scheduler: Judge | SchedulerName = "forecast",
        *,
        metric: str | None = None,
        mode: str | None = None,
        time_attr: str = STEP,
        max_t: int | None = None,
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._judge: Judge = (
            find(SCHEDULERS, "scheduler", scheduler)() if isinstance(scheduler, str) else scheduler
        )
        if isinstance(self._judge, PBT):
            raise SettingError(
                "PBT changes the values of a trial while it is trained, which Ray lets its own scheduler do alone. Use "
                "ray.tune.schedulers.PopulationBasedTraining, or danlu.tune(engine='ray', scheduler='pbt')."
            )
        if max_t is not None and (isinstance(max_t, bool) or not isinstance(max_t, int) or max_t < 2):
            raise SettingError(f"max_t needs a whole number of steps, 2 at least, got max_t={max_t!r}.")
        if metric and mode:
            goal_of(metric, mode)
        self._metric, self._mode, self._time, self._whole = metric, mode, time_attr, max_t
        self._begin()

    def _begin(self) -> None:
        self._search: TuneSearch | None = None
        self._trials: TuneTrials | None = None
        self._waiting: dict[str, Trial] = {}
        self._said: set[str] = set()
        self._counts = [0, 0]
        self._stalled = 0

    # What Ray calls.

    def set_search_properties(self, metric: str | None, mode: str | None, **spec: Any) -> bool:
        """Take the tuner's metric and mode, and where its trials end; False where there are a metric or a mode already."""
        if (self._metric and metric) or (self._mode and mode):
            return False
        self._metric, self._mode = self._metric or metric, self._mode or mode
        if self._metric is None and self._mode is not None:
            self._metric = DEFAULT_METRIC
        ends = spec.get("stop")
        end = ends.get(self._time) if isinstance(ends, Mapping) else None
        if self._whole is None and isinstance(end, int) and not isinstance(end, bool) and end >= 2:
            self._whole = end
        return True

    def on_trial_add(self, tune_controller: Any, trial: Any) -> None:
        """A trial is to be run; one that was paused before the tuner was restored waits on."""
        if self._trials is None:
            self._bind(tune_controller, trial)
        if self._search is None:
            if trial.trial_id not in self._the_trials.taken:
                self._waiting.setdefault(trial.trial_id, trial)
        elif self._the_trials.status(trial.trial_id) is Status.PAUSED and trial.status == Trial.PENDING:
            trial.set_status(Trial.PAUSED)

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        """CONTINUE, PAUSE or STOP."""
        self._catch_up()
        step, metrics = step_of(result, self._time), metrics_of(result)
        if step is None or self._metric not in metrics or trial.trial_id not in self._the_trials.taken:
            return str(TrialScheduler.CONTINUE)
        over = self._whole is not None and step >= self._whole
        said = self._the_trials.report(trial.trial_id, step, metrics, seconds_of(result), over=over)
        if said.action is Action.STOP or over:
            self._counts[0] += said.action is Action.STOP
            return str(TrialScheduler.STOP)
        if said.action is Action.GO:
            return str(TrialScheduler.CONTINUE)
        if _resumable(trial, result):
            self._counts[1] += 1
            return str(TrialScheduler.PAUSE)
        self._counts[0] += 1
        self._the_trials.stop(trial.trial_id, f"{said.reason}; it has no checkpoint to wait with")
        self._the_trials.study.session.remark(
            "pauses",
            "danlu: trials that would be paused are stopped where they have no checkpoint to go on from. Report one, "
            "tune.report(metrics, checkpoint=...), to have them wait.",
        )
        return str(TrialScheduler.STOP)

    def on_trial_complete(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> None:
        """A trial is over."""
        self._catch_up()
        if self._search is None and trial.trial_id in self._the_trials.taken:
            self._the_trials.end(trial.trial_id, metrics_of(result), seconds_of(result))

    def on_trial_error(self, tune_controller: Any, trial: Any) -> None:
        """A trial has failed; one that Ray tries again comes once more."""
        if self._trials is None or trial.status == Trial.ERROR:
            return
        self._catch_up()
        reason = _failure(trial)
        if self._search is not None:
            self._search.failed(trial.trial_id, reason)
        elif trial.trial_id in self._the_trials.taken:
            self._the_trials.end(trial.trial_id, None, 0.0, reason)

    def on_trial_remove(self, tune_controller: Any, trial: Any) -> None:
        """A trial that waits is ended."""
        if self._trials is not None and self._search is None:
            self._catch_up()
            if trial.trial_id in self._the_trials.taken:
                self._the_trials.end(trial.trial_id, None)

    def choose_trial_to_run(self, tune_controller: Any) -> Any:
        """A paused trial that danlu takes up, else the first that has not begun; None where all is to wait."""
        trials = tune_controller.get_trials()
        pending = next((trial for trial in trials if trial.status == Trial.PENDING), None)
        paused = {trial.trial_id: trial for trial in trials if trial.status == Trial.PAUSED}
        if not paused or self._trials is None:
            return pending
        self._catch_up()
        for trial_id, trial in paused.items():
            if (
                self._the_trials.status(trial_id) is Status.RUNNING
            ):  # taken up by a search that was asked for the next one
                return trial
        move = self._the_trials.study.session.replica.algorithms.move()
        if isinstance(move, Resume):
            names = {number: name for name, number in self._the_trials.taken.items()}
            chosen = paused.get(names.get(move.trial, ""))
            if chosen is not None:
                self._the_trials.resume(chosen.trial_id, move.reason or "danlu goes on with it")
                return chosen
        if pending is None and not any(trial.status == Trial.RUNNING for trial in trials):
            self._unblock(tune_controller, list(paused.values()))
        else:
            self._stalled = 0
        return pending

    def debug_string(self) -> str:
        """How many trials were stopped and paused."""
        stopped, paused = self._counts
        return f"Using danlu's {type(self._judge).__name__}: {stopped} trials stopped, {paused} pauses."

    def save(self, checkpoint_path: str) -> None:
        """Write what the scheduler goes on from; beside a ``Search``, its study has the trials."""
        with Path(checkpoint_path).open("wb") as file:
            cloudpickle.dump(self.__getstate__(), file)

    def restore(self, checkpoint_path: str) -> None:
        """Go on from what ``save`` has written."""
        with Path(checkpoint_path).open("rb") as file:
            self.__setstate__(cloudpickle.load(file))

    # The study.

    @property
    def _the_trials(self) -> TuneTrials:
        if self._trials is None:
            raise SettingError(
                "a trial has reported that was not added to the scheduler. Call on_trial_add(tune_controller, trial) first, as Ray does."
            )
        return self._trials

    def _bind(self, tune_controller: Any, trial: Any) -> None:
        """Find the study whose trials these are: the search's, else one of the scheduler's own."""
        fidelity = None if self._whole is None else Fidelity("step", 1, self._whole)
        search = searcher_of(tune_controller.search_alg)
        if search is not None:
            trials = search.scheduled(self._judge, fidelity, self._time)
            if trial.trial_id in trials.taken:
                self._search, self._trials = search, trials
                return
        self._trials = TuneTrials(self._own(fidelity), "")

    def _own(self, fidelity: Fidelity | None) -> Any:
        return open_study(
            {}, goal=goal_of(self._metric, self._mode), budget=Budget(), sampler="random", scheduler=self._judge, fidelity=fidelity, seed=0,
            trial_limits=TrialLimits(retries=10_000, same_failures=0),
        )  # fmt: skip

    def _catch_up(self) -> None:
        """Have the study know the trials that were added, those that had run before with the results in their folders, as they came."""
        if not self._waiting or self._trials is None:
            return
        added, self._waiting = self._waiting, {}
        ran: list[tuple[float, str, dict[str, Any]]] = []
        order = sorted(added, key=lambda name: _begun(added[name]))
        for name in order:
            rows = _results(added[name])
            ran += [(float(row.get("timestamp", 0.0)), name, row) for row in rows]
            if _ran(added[name]) and not rows:
                say(
                    f"danlu: Ray's trial {name} has run before, and its {LAST} is not in {added[name].path}, so its curve is not known."
                )
            self._trials.place(name)
        last: dict[str, dict[str, Any]] = {}
        for _, name, row in sorted(ran, key=lambda each: each[0]):
            step, metrics = step_of(row, self._time), metrics_of(row)
            if step is not None and self._metric in metrics:
                self._trials.report(name, step, metrics, seconds_of(row), over=True)
                last[name] = row
        for name in order:
            if added[name].status == Trial.TERMINATED and name in last:
                self._trials.end(name, metrics_of(last[name]), seconds_of(last[name]))
            elif added[name].status in {Trial.TERMINATED, Trial.ERROR}:
                self._trials.end(name, None, 0.0, _failure(added[name]))

    def _unblock(self, tune_controller: Any, paused: list[Any]) -> None:
        """End what waits, when nothing is left that could have it go on: all of it after the last trial, else the least promising one.

        A ``ConcurrencyLimiter`` counts trials that wait, so with as many of them as it allows no search may suggest another.
        """
        if tune_controller.search_alg.is_finished():
            for trial in paused:
                tune_controller.stop_trial(trial)
            return
        self._stalled += 1
        if self._stalled < STALLED:
            return
        replica = self._the_trials.study.session.replica
        replica.sync()
        if replica.history.decisions.halted is not None:  # a person has paused the study
            return
        self._stalled = 0
        worst = max(paused, key=lambda trial: self._last_loss(trial.trial_id))
        self._counts[0] += 1
        self._the_trials.stop(
            worst.trial_id, "all trials that Ray allows at a time wait, and of these it has come to the least"
        )
        tune_controller.stop_trial(worst)

    def _last_loss(self, trial_id: str) -> float:
        """What a trial has come to as a loss; infinite where that is no number."""
        history = self._the_trials.study.session.replica.history
        last = history.reports.last(self._the_trials.taken[trial_id])
        loss = math.nan if last is None else history.goal.losses(last[1])[0]
        return math.inf if math.isnan(loss) else loss

    def __getstate__(self) -> dict[str, Any]:
        opened = ("_search", "_trials", "_waiting")
        return {name: value for name, value in self.__dict__.items() if name not in opened}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._begin()
        self.__dict__.update(state)


def _resumable(trial: Any, result: Mapping[str, Any]) -> bool:
    """Whether a trial can go on where it was: it has reported a checkpoint, or its class writes one when it is asked."""
    if trial.has_checkpoint() or result.get("checkpoint_dir_name") or result.get("should_checkpoint"):
        return True
    kind = trial.get_trainable_cls()
    own = isinstance(kind, type) and issubclass(kind, Trainable) and not issubclass(kind, FunctionTrainable)
    return own and kind.save_checkpoint is not Trainable.save_checkpoint


def _begun(trial: Any) -> tuple[int, float]:
    """What trials are ordered by: the number that Ray's searchers give them, then when they began."""
    first, _, _ = str(trial.experiment_tag or "").partition("_")
    return (int(first) if first.isdigit() else sys.maxsize, float(trial.run_metadata.start_time or 0.0))


def _results(trial: Any) -> list[dict[str, Any]]:
    """The results in the folder of a trial that has run before, flat as Ray hands them on."""
    from ray.tune.utils import flatten_dict

    from ...programs.sweeps.ray_results import rows_of

    if not _ran(trial):
        return []
    folders = [Path(each) for each in (trial.path, trial.local_path) if each]
    found = next((folder / LAST for folder in folders if (folder / LAST).is_file()), None)
    return [] if found is None else [flatten_dict(row) for row in rows_of(found)]


def _ran(trial: Any) -> bool:
    """Whether a trial has reported before."""
    return STEP in (trial.run_metadata.last_result or {})


def _failure(trial: Any) -> str:
    """The last line of what a trial raised."""
    try:
        error = trial.get_error() if trial.error_file else None
    except Exception as broken:
        return f"it raised an error, which cannot be read from {trial.error_file}: {broken}"
    lines = str(error or "").strip().splitlines()
    return lines[-1][:300] if lines else "it raised an error, which Ray keeps in the trial's folder"
