"""``danlu run sweep.yaml``: a W&B sweep, or a block of a Hydra sweeper, from the command line."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ..errors import MissingExtra
from ..programs.arguments.yaml_numbers import readings
from .echo import echo

_SWEEPS = (".yaml", ".yml")
_OURS = {"flags": "--tune", "space": "--space", "module": "-m", "terminal": "--terminal"}
_HYDRA = {
    "trials": "n_trials", "time_": "time", "no_improvement": "no_improvement", "gpus": "gpus", "store": "store", "name": "name",
    "target": "target", "sampler": "sampler", "scheduler": "scheduler", "fidelity": "fidelity", "trial_time": "trial_time", "seed": "seed",
}  # fmt: skip
"""Options of ``danlu run`` by the name that ``hydra.sweeper`` has for them."""


def is_sweep(objective: str) -> bool:
    """Whether what is to be tuned is a sweep file by its name."""
    return objective.endswith(_SWEEPS)


def swept(path: str, options: dict[str, Any]) -> tuple[Any, Any]:
    """The objective of a sweep file, and its space; options that were not given are filled in from the file.

    A block of a Hydra sweeper does not come back: the application takes this process over, with danlu as its sweeper.

    Raises:
        UsageError: for a file that is no sweep, and for options that a sweep's file has an own word for.
        DanluError: for what the file says that makes no sense.
    """
    from ..programs.sweeps import hydra, wandb

    text, tree = _tree(path)
    if hydra.is_block(tree):
        _over(text, tree, path, options)
    if not wandb.is_sweep(tree):
        raise click.UsageError(
            f"{path} is no sweep: it has neither method and parameters, as W&B's, nor hydra.sweeper. Tune a program by its flags: "
            "danlu run train.py --tune lr --metric 'val loss: {x}'."
        )
    _refuse(path, options)
    sweep, line = wandb.read(tree, path)
    for sentence in sweep.said:
        echo(f"danlu: {sentence}", err=True)
    return _objective(sweep, line, options), sweep.space


def _tree(path: str) -> tuple[str, Any]:
    try:
        import yaml
    except ImportError as error:
        raise MissingExtra("reading a sweep file", "pyyaml", "sweeps") from error
    if not Path(path).is_file():
        raise click.UsageError(f"there is no file {path}.")
    text = Path(path).read_text("utf-8")
    try:
        tree, words = yaml.safe_load(text), _unclear(yaml.compose(text, yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise click.UsageError(f"{path} is no YAML: {' '.join(str(error).split())}.") from None
    for word in words:
        echo(f"danlu: {path}: {word}. Write the one that is meant.", err=True)
    return text, tree


def _unclear(node: Any) -> list[str]:
    """The words of a file that are other numbers to other readers."""
    if node is None:
        return []
    if isinstance(node.value, str):
        found = readings(node.value) if node.style is None else None
        return [] if found is None else [str(found)]
    parts = [part for each in node.value for part in (each if isinstance(each, tuple) else (each,))]
    return list(dict.fromkeys(word for part in parts for word in _unclear(part)))


def _refuse(path: str, options: Mapping[str, Any]) -> None:
    for name, spelled in _OURS.items():
        if options[name]:
            raise click.UsageError(
                f"{path} says what is run and searched, so {spelled} would be ignored. Leave it out."
            )
    if options["fixed"]:
        raise click.UsageError(
            f"the command of a sweep is in its file, so {' '.join(options['fixed'])!r} after -- would be ignored. Write it under command."
        )
    if options["engine"] not in {None, "pool"}:
        raise click.UsageError(
            f"a sweep's program is run by the pool, got --engine {options['engine']}. Leave it out."
        )


def _objective(sweep: Any, line: Any, options: dict[str, Any]) -> Any:
    """The program, with what the file says of its search in options."""
    from ..programs.command import Command
    from ..programs.program import program_of
    from ..space.space import Space

    named = (*options["minimize"], *options["maximize"])
    if not named and not sweep.metric:
        raise click.UsageError(
            "the sweep names no metric, and danlu has to know what is best. Write metric: {name: val_loss, goal: minimize}, or give --minimize."
        )
    if not named:
        options["maximize" if sweep.maximize else "minimize"] = (sweep.metric,)
        named = (sweep.metric,)
    why = dict.fromkeys(options["minimize"], "minimized") | dict.fromkeys(options["maximize"], "maximized")
    metrics = options["metrics"] or tuple(f"wandb:wandb:{name}:count" for name in named)
    space = Space(sweep.space)
    program, _ = program_of(line.words(space.decode(space.center()), {"dir": ""}))
    objective = Command(program, {}, metrics, line=line, why=why)
    for name in named:
        if name not in objective.names:
            raise click.UsageError(
                f"no --metric is named {name!r}: they give {', '.join(objective.names)}. Name its hole: {{{name}}}."
            )
    _filled(sweep, options)
    return objective


def _filled(sweep: Any, options: dict[str, Any]) -> None:
    """Options that were not given, as the file has them."""
    from ..samplers.initial_points import InitialPoints
    from ..samplers.random import Random
    from ..schedulers.asha import ASHA

    if options["trials"] is None and (sweep.trials is not None or options["time_"] is None):
        options["trials"] = sweep.trials or 100
    options["target"] = sweep.target if options["target"] is None else options["target"]
    options["name"] = options["name"] or sweep.name
    if options["sampler"] is None:
        points = sweep.drawn(options["trials"] or 1000, options["seed"] or 0)
        options["sampler"] = InitialPoints(points, Random()) if points else sweep.sampler
    if options["scheduler"] is None:
        rungs = sweep.rungs
        options["scheduler"] = (
            "none" if rungs is None else ASHA(low=rungs.low, high=rungs.high, factor=rungs.factor)
        )
        if rungs is None:
            echo(
                "danlu: the file has no early_terminate, so every trial runs in full (--scheduler auto ends hopeless ones).",
                err=True,
            )


def _over(text: str, tree: Any, path: str, options: Mapping[str, Any]) -> None:
    """Start the application in this process's place, with danlu as its sweeper."""
    from ..programs.sweeps.hydra import command

    words = list(options["fixed"])
    if not words:
        raise click.UsageError(
            f"{path} has settings of a Hydra sweeper, and not which application they are of. Name it: danlu run {path} -- python train.py."
        )
    for name, spelled in {
        **_OURS,
        "metrics": "--metric",
        "constraints": "--constraint",
        "contexts": "--context",
    }.items():
        if options[name]:
            raise click.UsageError(
                f"a Hydra application returns its metric and has its overrides, so {spelled} would be ignored. Leave it out."
            )
    settings = {ours: options[name] for name, ours in _HYDRA.items() if options[name]}
    if options["workers"] > 1:
        settings["n_jobs"] = options["workers"]
    if options["minimize"] or options["maximize"]:
        settings["optimized_metric"] = [*options["minimize"], *options["maximize"]]
        settings["direction"] = ["minimize"] * len(options["minimize"]) + ["maximize"] * len(
            options["maximize"]
        )
    apart = any(line.split() == ["#", "@package", "_global_"] for line in text.splitlines()[:20])
    started = command(tree, words, settings, apart=apart)
    echo(f"danlu: {shlex.join(started)}", err=True)
    try:
        os.execvp(started[0], started)  # noqa: S606 - the user's own command
    except OSError as error:
        raise click.UsageError(f"{started[0]} cannot be run: {error.strerror}.") from None
