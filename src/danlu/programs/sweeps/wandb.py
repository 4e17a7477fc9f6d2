"""A W&B sweep file as danlu's: ``method``, ``metric``, ``parameters``, ``early_terminate``, ``run_cap`` and ``command``."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from ...base.values import shown
from ...errors import ObjectiveError, SettingError, SpaceError
from ...maths.halving import rungs
from .distributions import Searched, searched
from .macros import Macros, checked
from .sweep import Rungs, Sweep, listed

_KEYS = (
    "apiVersion", "kind", "controller", "description", "program", "entity", "project", "method", "command", "name", "run_cap", "metric",
    "early_terminate", "parameters",
)  # fmt: skip
_REFUSED = {
    "job": "a launch sweep starts jobs of W&B's queues, which need its server. Name the program: program: train.py",
    "image_uri": "a launch sweep starts images of W&B's queues, which need its server. Name the program: program: train.py",
    "scheduler": "a scheduler of W&B's own engines is not read. Leave it out: danlu searches",
    "metrics": "several metrics of a custom scheduler are not read. Write metric: {name: ..., goal: ...}",
}
_INNER = {
    "metric": ("name", "goal", "target", "impute", "impute_while_running"),
    "early_terminate": ("type", "min_iter", "max_iter", "s", "eta", "strict"),
}
_UNDONE = {
    "metric.impute": "runs that failed have no value in danlu's search",
    "metric.impute_while_running": "runs that are under way have none in danlu's search",
    "early_terminate.strict": "runs are compared as they come to a step, and none is stopped later for those that follow",
}
"""Settings that change a search of W&B's and that danlu has not."""
_METHODS = {"grid": "grid", "random": "random", "bayes": "auto"}
FAR = 10**9
"""Steps beyond which nobody is compared, where the file gives no last one."""


class Read(NamedTuple):
    """A sweep file: what is searched, and how the program is started."""

    sweep: Sweep
    command: Macros


def is_sweep(tree: Any) -> bool:
    """Whether a YAML tree looks like a W&B sweep."""
    return isinstance(tree, Mapping) and "parameters" in tree and ("method" in tree or "program" in tree)


def read(tree: Mapping[str, Any], file: str = "sweep.yaml") -> Read:
    """A sweep of W&B's.

    Args:
        tree: the file as YAML has it.
        file: its name, for the study's.

    Raises:
        SpaceError: for parameters that make no sense.
        SettingError, ObjectiveError: for what danlu cannot do as the file says.

    Example:
        >>> found = read({"method": "random", "program": "t.py", "parameters": {"lr": {"min": 0.0, "max": 1.0}, "epochs": {"value": 3}}})
        >>> found.sweep.sampler, found.command.words({"lr": 0.5}, {"dir": "."})[2:]
        ('random', ['t.py', '--epochs=3', '--lr=0.5'])
    """
    _refuse(tree)
    method = tree.get("method")
    if method not in _METHODS:
        raise SettingError(f"a sweep needs method: grid, random or bayes, got {shown(method)}.")
    found = list(_parameters(tree.get("parameters"), ()))
    space = {".".join(path): each.parameter for path, each in found if each.parameter is not None}
    if not space:
        raise SpaceError(
            "the sweep searches nothing: all its parameters have one value. Give one min and max, or values."
        )
    said = [sentence for _, each in found for sentence in each.said]
    said += [
        f"{setting} counts for nothing: {why}."
        for setting, why in _UNDONE.items()
        if _inner(tree, *setting.split(".")) not in {None, False}
    ]
    if method == "bayes":
        said.append("method bayes is danlu's own search, not W&B's Gaussian process.")
    trials = _cap(tree, method, space, said)
    name = str(tree.get("name") or Path(file).stem)
    metric, goal = _metric(tree)
    shapes = {".".join(path): each.shape for path, each in found if each.shape is not None}
    if method != "random" and shapes:
        said.append(
            f"how {listed(list(shapes))} {'is' if len(shapes) == 1 else 'are'} distributed counts with method random only."
        )
    sweep = Sweep(
        name, space, metric, goal == "maximize", _target(tree), trials, _sampler(method, trials, space), _rungs(tree, said),
        shapes if method == "random" else {}, tuple(said),
    )  # fmt: skip
    program = str(tree.get("program") or "")
    command = Macros(checked(tree.get("command"), program), program, _paths(found), _fixed(found), name)
    return Read(sweep, command)


def _refuse(tree: Mapping[str, Any]) -> None:
    for key in tree:
        if key in _REFUSED:
            raise ObjectiveError(f"{key}: {_REFUSED[key]}.")
        if key not in _KEYS:
            near = get_close_matches(str(key), _KEYS, n=1)
            remedy = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(_KEYS)}."
            raise SettingError(f"a sweep has no {shown(key)}. {remedy}")
    for key, known in _INNER.items():
        inner = tree.get(key)
        for name in inner if isinstance(inner, Mapping) else ():
            if name not in known:
                near = get_close_matches(str(name), known, n=1)
                remedy = f"Did you mean {near[0]}?" if near else f"It has: {', '.join(known)}."
                raise SettingError(f"{key} has no {shown(name)}. {remedy}")


def _inner(tree: Mapping[str, Any], key: str, name: str) -> Any:
    inner = tree.get(key)
    value = inner.get(name) if isinstance(inner, Mapping) else None
    return str(value) if isinstance(value, list | dict) else value


def _parameters(tree: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Searched]]:
    """Every parameter with its path, those of groups behind the group's name."""
    where = f"{'.'.join(path)}.parameters" if path else "parameters"
    if not isinstance(tree, Mapping) or not tree:
        raise SpaceError(
            f"{where} needs parameters by name, got {shown(tree)}. Write {where}: {{lr: {{min: 0.0, max: 1.0}}}}."
        )
    for name, config in tree.items():
        here = (*path, str(name))
        if not isinstance(config, Mapping):
            raise SpaceError(
                f"{'.'.join(here)} needs settings by name, got {shown(config)}. Write {name}: {{value: {config}}}."
            )
        if isinstance(config.get("parameters"), Mapping):
            if len(config) > 1:
                raise SpaceError(
                    f"{'.'.join(here)} has parameters of its own and cannot have {next(k for k in config if k != 'parameters')}."
                )
            yield from _parameters(config["parameters"], here)
        else:
            yield here, searched(".".join(here), config)


def _paths(found: list[tuple[tuple[str, ...], Searched]]) -> dict[str, tuple[str, ...]]:
    return {".".join(path): path for path, each in found if each.parameter is not None}


def _fixed(found: list[tuple[tuple[str, ...], Searched]]) -> dict[str, Any]:
    """Values that are the same in every trial, groups in each other."""
    tree: dict[str, Any] = {}
    for path, each in found:
        if each.parameter is None:
            inner = tree
            for part in path[:-1]:
                inner = inner.setdefault(part, {})
            inner[path[-1]] = each.value
    return tree


def _metric(tree: Mapping[str, Any]) -> tuple[str, str]:
    metric = tree.get("metric")
    if metric is None:
        return "", "minimize"
    if not isinstance(metric, Mapping) or not metric.get("name"):
        raise SettingError(
            f"metric needs a name, got {shown(metric)}. Write metric: {{name: val_loss, goal: minimize}}."
        )
    goal = metric.get("goal", "minimize")
    if goal not in {"minimize", "maximize"}:
        raise SettingError(f"metric needs goal: minimize or maximize, got {shown(goal)}.")
    return str(metric["name"]), str(goal)


def _target(tree: Mapping[str, Any]) -> float | None:
    target = (tree.get("metric") or {}).get("target")
    if target is not None and (
        isinstance(target, bool) or not isinstance(target, int | float) or not math.isfinite(target)
    ):
        raise SettingError(f"metric needs target to be a finite number, got {shown(target)}.")
    return target


def _cap(tree: Mapping[str, Any], method: str, space: Mapping[str, Any], said: list[str]) -> int | None:
    """How many trials, None where the file leaves it open."""
    cap = tree.get("run_cap")
    if cap is not None and (isinstance(cap, bool) or not isinstance(cap, int) or cap < 1):
        raise SettingError(f"run_cap needs a whole number >= 1, got {shown(cap)}.")
    if method != "grid":
        if cap is None:
            said.append(
                "run_cap is not given, and W&B would go on for ever: danlu ends after 100 trials (-n says otherwise)."
            )
        return cap
    open_ended = [name for name, each in space.items() if each.size == math.inf]
    if open_ended:
        raise SettingError(
            f"method grid needs values that can be counted, and {open_ended[0]} is continuous. Give it values, or method: bayes."
        )
    size = math.prod(int(each.size) for each in space.values())
    if cap is not None and cap < size:
        said.append(
            f"run_cap is {cap} and the grid has {size} combinations: danlu draws {cap} of them, where W&B takes the first."
        )
    return cap if cap is not None and cap < size else size


def _sampler(method: str, trials: int | None, space: Mapping[str, Any]) -> str:
    if (
        method == "grid"
        and trials is not None
        and trials < math.prod(int(each.size) for each in space.values())
    ):
        return "quasirandom"
    return _METHODS[method]


def _rungs(tree: Mapping[str, Any], said: list[str]) -> Rungs | None:
    """W&B's Hyperband, which stops runs that are not among the best at certain steps, as danlu's asynchronous halving."""
    stop = tree.get("early_terminate")
    if stop is None:
        return None
    if not isinstance(stop, Mapping) or stop.get("type") not in {"hyperband", "envelope"}:
        raise SettingError(f"early_terminate needs type: hyperband, got {shown(stop)}.")
    if stop["type"] == "envelope":
        raise SettingError(
            "early_terminate of type envelope is not read. Write type: hyperband with min_iter."
        )
    factor, first, last, count = (stop.get(key) for key in ("eta", "min_iter", "max_iter", "s"))
    factor = 3 if factor is None else factor
    if isinstance(factor, bool) or not isinstance(factor, int | float) or not 1 < factor < math.inf:
        raise SettingError(f"early_terminate needs a finite eta > 1, got {shown(factor)}. 3 is usual.")
    for key, value in (("min_iter", first), ("max_iter", last), ("s", count)):
        if value is not None and (
            isinstance(value, bool) or not isinstance(value, int | float) or value < 1 or value % 1
        ):
            raise SettingError(f"early_terminate needs {key} to be a whole number >= 1, got {shown(value)}.")
    if first is not None and (last is not None or count is not None):
        used, other = ("max_iter and s", "min_iter") if last is not None and count is not None else (
            "min_iter", "max_iter without s" if count is None else "s without max_iter",
        )  # fmt: skip
        said.append(f"early_terminate has {used}, so {other} counts for nothing.")
    if last is not None and count is not None:
        found = _counted(int(last), int(count), float(factor))
    elif first is not None:
        found = Rungs(int(first), max(FAR, int(first) * 2), float(factor))
    else:
        raise SettingError(
            "early_terminate needs min_iter, or max_iter and s. Write early_terminate: {type: hyperband, min_iter: 3}."
        )
    steps = rungs(found.low, found.high, found.factor)[:-1]
    shown_steps = ", ".join(map(str, steps[:4])) + (", ..." if len(steps) > 4 else "")
    said.append(
        f"early_terminate is danlu's asynchronous halving: at steps {shown_steps} the best one in {factor:g} of all trials that came there "
        "goes on, the others end."
    )
    return found


def _counted(last: int, count: int, factor: float) -> Rungs:
    """``count`` comparisons before ``last``, each a ``factor``-th of the next, as many as there are steps for."""
    while count > 1 and last / factor**count < 1:
        count -= 1
    low = last / factor**count
    near = min(
        {max(1, math.floor(low)), max(1, math.ceil(low))},
        key=lambda step: (abs(len(rungs(step, last, factor)) - 1 - count), abs(step - low)),
    )
    if near >= last:
        raise SettingError(
            f"early_terminate needs max_iter above eta={factor:g}, got max_iter={last}. Nobody would be compared."
        )
    return Rungs(near, last, factor)
