"""Ray Tune's result folders: ``params.json`` and ``result.json`` of every trial; nothing of Ray has to be installed, no pickle is read.

Ray keeps the space and the goal in pickles alone, so ranges are those of the values that were tried, and the goal has to be said.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import msgspec

from ...base.values import typed_key
from ...errors import StoreError
from ...journal.events import Status
from ...problem.goal import Goal
from ...space.parameters import Choice, Float, Int, Leaf
from .past import PastStudy, PastTrial
from .sweep import listed

STEP = "training_iteration"
OWN = {
    STEP, "timestamp", "done", "trial_id", "date", "time_this_iter_s", "time_total_s", "pid", "hostname", "node_ip", "time_since_restore",
    "iterations_since_restore", "checkpoint_dir_name", "experiment_tag", "timesteps_total", "episodes_total", "warmup_time",
    "should_checkpoint", "timesteps_since_restore", "experiment_id",
}  # fmt: skip
"""What Ray puts beside the metrics."""


def is_folder(path: Path) -> bool:
    """Whether a folder holds trials of Ray Tune's."""
    return path.is_dir() and next(path.glob("*/params.json"), None) is not None


def from_folder(
    path: Path, goal: Goal | None, space: Mapping[str, Leaf] | None = None, *, between: str = "."
) -> PastStudy:
    """The experiment in a folder.

    Args:
        path: of the experiment.
        goal: that it had.
        space: its parameters, where they are known; else what was tried is taken for the ranges.
        between: what parts the parts of a metric's name, ``eval.loss``.

    Raises:
        StoreError: when there is no goal, or nothing to carry over.
    """
    said: list[str] = []
    trials = past_trials(path, goal, said, between=between)
    if not space:
        space = _tried([trial.params for trial in trials], said)
    return PastStudy("Ray Tune", path.name, dict(space), cast(Goal, goal), tuple(trials), tuple(said))


def past_trials(path: Path, goal: Goal | None, said: list[str], *, between: str = ".") -> list[PastTrial]:
    """The trials in a folder, in the order of ``configurations``, each with what it has come to.

    Args:
        path, goal, between: as of ``from_folder``.
        said: sentences, to which this adds its own.

    Raises:
        StoreError: when there is no goal, or no trial has reported it.
    """
    trials = [_trial(number, folder, between) for number, folder in enumerate(_folders(path))]
    names = list(dict.fromkeys(name for trial in trials for row in trial.curve.values() for name in row))
    if goal is None:
        raise StoreError(
            f"Ray keeps the goal of an experiment in a pickle, which is not read. Say --minimize or --maximize: {', '.join(names) or 'no trial reported'}."
        )
    missing = [metric.name for metric in goal.metrics if metric.name not in names]
    if missing:
        raise StoreError(
            f"no trial of {path.name} reported {missing[0]}. They reported: {', '.join(names) or 'nothing'}."
        )
    return [_counted(trial, goal) for trial in _ended(trials, said)]


def configurations(path: Path) -> list[dict[str, Any]]:
    """The configurations of the trials in a folder, as their files have them."""
    return [json.loads((folder / "params.json").read_text("utf-8")) for folder in _folders(path)]


def _folders(path: Path) -> list[Path]:
    return sorted(each.parent for each in path.glob("*/params.json"))


def _trial(number: int, folder: Path, between: str) -> PastTrial:
    params = dict(_flat(json.loads((folder / "params.json").read_text("utf-8")), "", "."))
    rows = list(rows_of(folder / "result.json"))
    curve = {
        int(row.get(STEP, at)): {
            name: float(value) for name, value in _flat({k: v for k, v in row.items() if k not in OWN and k != "config"}, "", between)
            if isinstance(value, int | float) and not isinstance(value, bool)
        }
        for at, row in enumerate(rows, 1)
    }  # fmt: skip
    ended = float(rows[-1].get("timestamp", 0.0)) if rows else 0.0
    begun = ended - float(rows[-1].get("time_total_s", 0.0)) if rows else 0.0
    error = folder / "error.txt"
    last = error.read_text("utf-8", "replace").strip().splitlines() if error.is_file() else []
    status = Status.FAILED if last or not rows else Status.DONE
    reason = last[-1][:300] if last else "" if rows else "it reported nothing"
    return PastTrial(number, params, status, {}, curve, begun, ended, {"folder": folder.name}, reason)


def _ended(trials: Sequence[PastTrial], said: list[str]) -> list[PastTrial]:
    """The trials, with those that came less far than the longest as stopped: that is all that their files say of it."""
    far = max((max(trial.curve, default=0) for trial in trials), default=0)
    short = {trial.number for trial in trials if trial.status is Status.DONE and max(trial.curve) < far}
    if short:
        said.append(f"trials that ended before {STEP} {far} are taken for stopped early: {len(short)}.")
    reason = f"it ended before {STEP} {far}"
    return [
        msgspec.structs.replace(trial, status=Status.STOPPED, reason=reason)
        if trial.number in short
        else trial
        for trial in trials
    ]


def rows_of(path: Path) -> Iterator[dict[str, Any]]:
    """The results in a file of Ray's, one a line; what a dying process has left of the last one is no result."""
    if not path.is_file():
        return
    for line in path.read_text("utf-8", "replace").splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            return


def _flat(tree: Mapping[str, Any], path: str, between: str) -> Iterator[tuple[str, Any]]:
    """Values by their paths, ``optimizer.lr``."""
    for name, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{path}{name}{between}", between)
        else:
            yield f"{path}{name}", value


def _counted(trial: PastTrial, goal: Goal) -> PastTrial:
    """A trial with what its curve comes to: the best report of the first metric, with the others of that report."""
    first = goal.metrics[0]
    rows = [row for row in trial.curve.values() if first.name in row and not goal.missing(row)]
    best = min(rows, key=lambda row: first.rank(row[first.name]), default={})
    return msgspec.structs.replace(trial, metrics=best)


def _tried(points: Sequence[Mapping[str, Any]], said: list[str]) -> dict[str, Leaf]:
    """Ranges of what was tried."""
    names = [
        name
        for name in dict.fromkeys(name for point in points for name in point)
        if all(name in point for point in points)
    ]
    found: dict[str, Leaf] = {}
    for name in names:
        values = list(
            {typed_key(point[name]): point[name] for point in points if _plain(point[name])}.values()
        )
        if len(values) > 1 and len(values) == len({repr(point[name]) for point in points}):
            found[name] = _range(values)
    if not found:
        raise StoreError(
            "no parameter of the experiment had two values, so there is nothing that was searched."
        )
    ranges = [
        f"{name} from {each.low:g} to {each.high:g}"
        for name, each in found.items()
        if not isinstance(each, Choice)
    ]
    if ranges:
        said.append(
            f"Ray keeps the space in a pickle, which is not read, so ranges are of what was tried: {listed(ranges)}. --space FILE gives the real "
            "ones."
        )
    return found


def _plain(value: Any) -> bool:
    return value is None or (isinstance(value, bool | int | float | str) and value == value)


def _range(values: Sequence[Any]) -> Leaf:
    numbers = all(
        isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        for value in values
    )
    if not numbers or len(values) < 4:
        return Choice(sorted(values) if numbers else list(values))
    low, high = min(values), max(values)
    log = low > 0 and high / low >= 100
    if all(isinstance(value, int) for value in values):
        return Int(low, high, log=log)
    return Float(low, high, log=log)
