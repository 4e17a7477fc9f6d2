"""A Hydra sweep as a study: its overrides are the space, its jobs the trials, whichever launcher starts them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import msgspec
from hydra.core.plugins import Plugins
from hydra.core.singleton import Singleton
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, OmegaConf

from ...base.failure import say
from ...base.names import ENGINES, find
from ...contracts.protocols import Engine
from ...errors import ObjectiveError, SettingError, SpaceError
from ...journal.events import Status
from ...journal.trial import Trial
from ...problem.budget import Budget, TrialLimits
from ...problem.fidelity import Fidelity
from ...programs.sweeps.hydra import settled
from ...programs.sweeps.overrides import Overrides, read
from ...runtime.live import LiveTrial
from ...space.parameters import Choice
from ...study.result import Result
from ...study.tune import tune
from .job import Stoppable, speaking
from .launches import Launches

_log = logging.getLogger(__name__)

_BASIC = "hydra._internal.core_plugins.basic_launcher."
_LOCAL = (_BASIC, "hydra_plugins.hydra_joblib_launcher.")
COMPOSED = 50
"""Jobs whose config is composed before the first one is launched, at most: each takes tens of milliseconds."""


class HydraJob:
    """One job of a launcher as an objective.

    Args:
        launcher: set up.
        overrides: of the sweep.
        metrics: what the job returns, by name.
        task: the application's function, so that a change of its code is noticed.
        here: whether the job runs in this process, one at a time; elsewhere it calls the sweep by itself.
    """

    def __init__(
        self, launcher: Launcher, overrides: Overrides, metrics: Sequence[str], task: Any, *, here: bool
    ) -> None:
        self.here = here
        self.launcher, self.overrides, self.metrics, self.task = launcher, overrides, tuple(metrics), task
        self.fixed = [each.text for each in overrides.given.values() if each.parameter is None]
        self._state = Singleton.get_state()

    def __repr__(self) -> str:
        return f"HydraJob({getattr(self.task, '__name__', self.task)})"

    def __call__(self, trial: LiveTrial) -> Any:
        """Launch it, and wait for it.

        Raises:
            ObjectiveError: when it returns other metrics than the sweep has.
        """
        Singleton.set_state(self._state)  # in a worker there is none yet
        written = self.overrides.written(trial.params)
        with speaking(trial) if self.here else nullcontext():
            [job] = self.launcher.launch([written], initial_job_idx=trial.number)
        return self._returned(job.return_value)

    def _returned(self, value: Any) -> Any:
        """Several metrics by their names; one as it is, None where the reports count."""
        if not isinstance(value, tuple | list) or (len(self.metrics) == 1 and len(value) != 1):
            return value
        if len(value) != len(self.metrics):
            raise ObjectiveError(
                f"the job returns {len(value)} values, and the sweep has {len(self.metrics)} directions. Give hydra.sweeper.direction one "
                "for each."
            )
        return dict(zip(self.metrics, value, strict=True))


def run(
    settings: Any, arguments: Sequence[str], *, context: Any, task: Callable[..., Any], config: DictConfig
) -> Result:
    """Run a sweep to its end.

    Args:
        settings: of ``hydra.sweeper``, as ``hydra_plugins.danlu_sweeper.config`` has them.
        arguments: overrides of the command line.
        context, task, config: of the application, as Hydra gives them to a sweeper.

    Raises:
        DanluError: for settings that make no sense, before any job is launched.
    """
    settings, said = settled(settings)
    params = [f"{key}={value}" for key, value in (settings["params"] or {}).items()]
    overrides = read([*params, *arguments], loader=context.config_loader, defaults=_defaults(config))
    if not overrides.space:
        raise SpaceError(
            "the sweep searches nothing. Give a range among the overrides, 'lr=interval(0.001,0.1)', or in hydra.sweeper.params."
        )
    for sentence in (*said, *overrides.said):
        say(f"danlu: {sentence}")
    folder = Path(str(config.hydra.sweep.dir))
    folder.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(config, folder / "multirun.yaml")
    launcher = Plugins.instance().instantiate_launcher(
        hydra_context=context, task_function=Stoppable(task), config=config
    )
    _compose(overrides, context.config_loader, config)
    minimize, maximize = _goal(settings)
    engine = _engine(settings, config)
    objective = HydraJob(launcher, overrides, _names(settings), task, here=not isinstance(engine, Launches))
    result = tune(
        objective,
        overrides.space,
        minimize=minimize,
        maximize=maximize,
        target=settings["target"],
        trials=settings["n_trials"],
        time=settings["time"],
        budget=None
        if settings["no_improvement"] is None
        else Budget(no_improvement=settings["no_improvement"]),
        engine=engine,
        trial_limits=TrialLimits(
            time=settings["trial_time"],
            memory=settings["trial_memory"],
            same_failures=settings["same_failures"],
        ),
        sampler=_made(settings["sampler"]),
        scheduler=_made(settings["scheduler"]),
        fidelity=_fidelity(settings["fidelity"]),
        store=settings["store"] or str(folder / "danlu.db"),
        name=settings["name"] or str(config.hydra.job.name),
        seed=settings["seed"],
        extend=settings["extend"],
        callbacks=[_tell, *_failing(settings["max_failure_rate"])],
        watch=False,
    )
    _write(result, folder / "optimization_results.yaml")
    return result


def _defaults(config: DictConfig) -> dict[str, Any]:
    """What the config has by itself: values by their paths, and the options that its groups have."""
    found: dict[str, Any] = {}

    def walk(node: Any, path: str) -> None:
        for key, value in node.items():
            name = f"{path}{key}"
            if isinstance(value, dict):
                walk(value, f"{name}.")
            else:
                found[name] = value

    plain = OmegaConf.to_container(config, resolve=False)
    assert isinstance(plain, dict)
    choices = (plain.pop("hydra", None) or {}).get("runtime", {}).get("choices", {})
    walk(plain, "")
    return found | dict(choices)


def _compose(overrides: Overrides, loader: Any, config: DictConfig) -> None:
    """Compose the config of some jobs, every option among them: what is misspelled fails here, and not in each trial."""
    space = overrides.space
    most = max(len(each.values) if isinstance(each, Choice) else 1 for each in space.values())
    for at in range(min(most, COMPOSED)):
        point = {
            name: each.values[at % len(each.values)] if isinstance(each, Choice) else each.decode(0.5)
            for name, each in space.items()
        }
        loader.load_sweep_config(config, overrides.written(point))


def _names(settings: Mapping[str, Any]) -> list[str]:
    """The metrics, one for each direction."""
    directions, given = settings["direction"], settings["optimized_metric"]
    names = [given] if isinstance(given, str) else list(given or [])
    if not names:
        names = ["value"] if len(directions) == 1 else [f"value_{at}" for at in range(len(directions))]
    if len(names) != len(directions):
        raise SettingError(
            f"hydra.sweeper.direction needs one direction for each metric, got {len(directions)} for {', '.join(names)}."
        )
    return [str(name) for name in names]


def _goal(settings: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The metrics to minimize and to maximize."""
    pairs = list(zip(_names(settings), settings["direction"], strict=True))
    return [name for name, way in pairs if way == "minimize"], [
        name for name, way in pairs if way == "maximize"
    ]


def _engine(settings: Mapping[str, Any], config: DictConfig) -> Engine:
    """Jobs of the basic launcher run here or in a pool; any other launcher starts its own."""
    jobs, target = settings["n_jobs"], str(config.hydra.launcher["_target_"])
    if isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1:
        raise SettingError(f"hydra.sweeper.n_jobs needs a whole number >= 1, got {jobs!r}.")
    if "joblib" in target and jobs > 1 and config.hydra.launcher.get("n_jobs") == 1:
        raise SettingError(
            f"hydra.launcher.n_jobs=1 runs jobs in one process, which cannot run {jobs} at once. Give hydra.launcher.n_jobs={jobs}."
        )
    if not target.startswith(_BASIC):
        return Launches(jobs, anywhere=not target.startswith(_LOCAL))
    limited = (
        settings["trial_time"] is not None or settings["trial_memory"] is not None or settings["gpus"] > 0
    )
    made = find(ENGINES, "engine", "pool" if jobs > 1 or limited else "inline")
    engine: Engine = made(jobs, gpus=settings["gpus"]) if jobs > 1 or limited else made()
    return engine


def _made(given: Any) -> Any:
    """A sampler or scheduler by its name, or from a node with ``_target_``."""
    if given is None or isinstance(given, str):
        return given
    from hydra.utils import instantiate

    return instantiate(given)


def _fidelity(text: str | None) -> Fidelity | None:
    if text is None:
        return None
    name, *steps = str(text).split(":")
    if len(steps) != 2 or not all(step.isdigit() for step in steps):
        raise SettingError(
            f"hydra.sweeper.fidelity needs NAME:LOW:HIGH with whole numbers, epoch:1:81, got {text!r}."
        )
    return Fidelity(name, int(steps[0]), int(steps[1]))


def _tell(result: Result, trial: Trial) -> None:
    """A line for each trial in Hydra's log."""
    del result
    what = ", ".join(f"{name}={value:g}" for name, value in trial.metrics.items()) or trial.reason
    _log.info("trial %d %s: %s", trial.number, trial.status.name.lower(), what)


def _failing(rate: float | None) -> list[Callable[[Result, Trial], str | None]]:
    """What ends a sweep of which too many jobs fail."""
    if rate is None:
        return []

    def judge(result: Result, trial: Trial) -> str | None:
        ended = [each.status for each in result.trials if each.status >= Status.DONE]
        failed = ended.count(Status.FAILED)
        over = trial.status is Status.FAILED and failed > rate * len(ended)
        return f"{failed} of {len(ended)} jobs failed, and max_failure_rate is {rate:g}" if over else None

    return [judge]


def _write(result: Result, path: Path) -> None:
    """The outcome, in the form that other sweepers have given it."""
    told: dict[str, Any] = {"name": "danlu", "study": result.study.name, "stopped": result.study.stopped}
    goal, front = result.history.goal, result.history.incumbents.front
    if front and len(goal.metrics) == 1:
        best = result.best
        told |= {"best_params": dict(best.params), "best_value": best.value, "best_trial": best.number}
        _log.info("best parameters: %s", dict(best.params))
        _log.info("best value: %s (trial %d)", best.value, best.number)
    elif front:
        trials = [result.trials[number] for number in front]
        told["solutions"] = [
            {"params": dict(t.params), "values": [t.metrics[n] for n in goal.names]} for t in trials
        ]
        _log.info("trials of which none is better than another in all metrics: %s", list(front))
    OmegaConf.save(OmegaConf.create(msgspec.to_builtins(told)), path)
