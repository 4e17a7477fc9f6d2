"""An experiment of Ray Tune's that is over, as a danlu study: from its ``ResultGrid``, or from its folder, no pickle of which is read."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
from ray.tune import ResultGrid

from ...contracts.protocols import Store, Terms
from ...errors import SettingError, SpaceError, StoreError
from ...journal import events as ev
from ...problem.goal import Goal
from ...programs.sweeps import ray_results
from ...programs.sweeps.past import events_of
from ...study.opening import open_store
from ...study.result import Result
from ...study.tune import open_study
from .results import goal_of
from .search import TuneSearch


def result(
    experiment: ResultGrid | str | os.PathLike[str],
    *,
    space: Mapping[str, Any] | None = None,
    metric: str | Sequence[str] | None = None,
    mode: str | Sequence[str] | None = None,
    store: Store | str | os.PathLike[str] | None = None,
    name: str | None = None,
) -> Result:
    """The danlu result of an experiment: tables, importance, figures, a report in one file.

    Args:
        experiment: what ``Tuner.fit`` returned, or the experiment's folder.
        space: its ``param_space``. Without it, ranges are those of what was tried, which is said.
        metric, mode: Ray's; those of the ``ResultGrid`` where they are None.
        store: where the study is kept; None for memory.
        name: of the study; that of the experiment where it is None.

    Raises:
        SettingError: without a metric and a mode.
        StoreError: when the folder has no trial that can be carried over, or the store has a study by that name.

    Example:
        >>> import json, pathlib, tempfile
        >>> folder = pathlib.Path(tempfile.mkdtemp(), "demo")
        >>> for number in range(4):
        ...     trial = folder / f"train_{number}"
        ...     trial.mkdir(parents=True)
        ...     _ = (trial / "params.json").write_text(json.dumps({"lr": 0.1 * (number + 1)}))
        ...     _ = (trial / "result.json").write_text(json.dumps({"loss": 1 - 0.1 * number, "training_iteration": 1}))
        >>> from ray import tune
        >>> found = result(folder, space={"lr": tune.uniform(0, 1)}, metric="loss", mode="min")
        >>> found.best.number, len(found.trials)
        (3, 4)
    """
    path = _folder(experiment)
    if isinstance(experiment, ResultGrid):
        analysis = experiment._experiment_analysis
        metric, mode = metric or analysis.default_metric, mode or analysis.default_mode
    goal = goal_of(metric, mode)
    called, opened = name or path.name, open_store(store)
    if called in opened.studies():
        raise StoreError(f"there is a study {called!r} already. Choose another name=.")
    if space is None:
        past = ray_results.from_folder(path, goal, between="/")
        events, left = events_of(past, time.time(), str(import_module("danlu").__version__))
        events.append(_imported(path, [*past.said, *left]))
        opened.adopt(called, ((None, event) for event in events))
    else:
        said = _learned(path, goal, TuneSearch(space, metric, mode, store=opened, name=called))
    with open_study(store=opened, name=called) as study:
        if space is not None:
            noted = _imported(path, said)
            study.session.replica.append([(None, noted)], Terms(worker=study.session.worker))
        return study.result


def _learned(path: Path, goal: Goal, search: TuneSearch) -> list[str]:
    """Have a search learn from all trials in a folder; sentences about what could not be carried over.

    Raises:
        StoreError: when none lies in its space.
    """
    said: list[str] = []
    outside: Counter[str] = Counter()
    trials = ray_results.past_trials(path, goal, said, between="/")
    for past, config in zip(trials, ray_results.configurations(path), strict=True):
        try:
            search.add_past(msgspec.structs.replace(past, params=config))
        except SpaceError as error:
            outside[str(error)] += 1
    said += [f"{many} of its trials are left out: {reason}" for reason, many in outside.items()]
    if sum(outside.values()) == len(trials):
        raise StoreError(f"no trial of {path.name!r} can be carried over. {' '.join(said)}".strip())
    return said


def _imported(path: Path, said: Iterable[str]) -> ev.Noted:
    mark = f"imported from Ray Tune's {path.name!r} on {time.strftime('%Y-%m-%d')}"
    return ev.Noted(-1, {"imported": " ".join([f"{mark}.", *said])}, time.time())


def _folder(experiment: Any) -> Path:
    """The experiment's folder on this machine.

    Raises:
        SettingError: where there is none with trials of Ray's.
    """
    named = experiment.experiment_path if isinstance(experiment, ResultGrid) else experiment
    if not isinstance(named, str | os.PathLike):
        raise SettingError(
            f"danlu.ray_tune.result takes a ResultGrid or an experiment's folder, got {type(experiment).__name__}."
        )
    path = Path(named).expanduser()
    if not ray_results.is_folder(path):
        raise SettingError(
            f"{path} is no folder with trials of Ray Tune's, which have a params.json each. Copy an experiment that is elsewhere to this machine first."
        )
    return path
