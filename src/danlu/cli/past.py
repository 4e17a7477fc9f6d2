"""``danlu import`` of other tools' studies."""

from __future__ import annotations

import time
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from .echo import echo


def imported(source: Path, store: str, name: str | None, options: Mapping[str, Any]) -> bool:
    """Make a study of another tool's, if that is what is there; whether it was.

    Args:
        source: a file, or a folder.
        store: to write.
        name: of the new study; the old one's when None.
        options: ``study``, ``minimize``, ``maximize`` and ``space`` of the command.

    Raises:
        DanluError: when it cannot be carried over; nothing is written then.
    """
    from ..journal import events as ev
    from ..programs.sweeps.past import events_of
    from ..study.opening import open_store

    found = _read(source, options)
    if found is None:
        return False
    at = time.time()
    events, left = events_of(found, at, str(import_module("danlu").__version__))
    said = [*found.said, *left]
    mark = f"imported from {found.tool}'s {found.name!r} in {source.name} on {time.strftime('%Y-%m-%d')}"
    events.append(ev.Noted(-1, {"imported": " ".join([f"{mark}.", *said])}, at))
    study = name or found.name
    open_store(store).adopt(study, ((None, event) for event in events))
    trials = sum(isinstance(event, ev.Asked) for event in events)
    echo(f"{trials} trials of {found.tool}'s {found.name!r} are the study {study!r}")
    for sentence in said:
        echo(f"danlu: {sentence}", err=True)
    return True


def _read(source: Path, options: Mapping[str, Any]) -> Any:
    """The study of another tool; None for what may be danlu's own."""
    from ..problem.goal import Goal
    from ..programs.sweeps import optuna_study, ray_results
    from .spacefile import read_space

    given = [key for key in ("minimize", "maximize", "space") if options[key]]
    if source.is_dir():
        if not ray_results.is_folder(source):
            raise click.ClickException(
                f"{source} is a folder and has no trials of Ray Tune's, which have a params.json each."
            )
        goal = (
            Goal.of(minimize=options["minimize"], maximize=options["maximize"])
            if given and given != ["space"]
            else None
        )
        space = None if options["space"] is None else read_space(options["space"])
        return ray_results.from_folder(
            source, goal, {} if space is None else {s.name: s.parameter for s in space.slots}
        )
    if given:
        raise click.UsageError(
            f"--{given[0]} is for folders of Ray Tune's, and {source} is a file, which says so itself."
        )
    if is_database(source):
        if not optuna_study.is_database(source):
            raise click.ClickException(
                f"{source} is a database without studies of Optuna's. Of a store of danlu's: danlu export, then import."
            )
        return optuna_study.from_database(source, options["study"])
    with source.open(encoding="utf-8", errors="surrogateescape") as lines:
        first = lines.readline(1 << 20)
    if optuna_study.is_journal(first):
        return optuna_study.from_journal(source, options["study"])
    if options["study"] is not None:
        raise click.UsageError(
            f"--study is for files of Optuna's, and {source} is none. Name the new study by --name."
        )
    return None


def is_database(path: Path) -> bool:
    """Whether an SQLite file is there, by its first bytes; a link to one is one."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\x00"
