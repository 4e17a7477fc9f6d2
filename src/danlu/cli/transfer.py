"""``danlu export`` and ``danlu import``: studies as JSON lines."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from .echo import echo
from .past import imported, is_database


@click.command()
@click.argument("store")
@click.argument("name", required=False)
@click.option("-o", "--output", type=click.Path(dir_okay=False), help="File to write (default: stdout).")
@click.option(
    "--tensorboard",
    "folder",
    type=click.Path(file_okay=False),
    help="Write TensorBoard's files there instead.",
)
@click.option(
    "--optuna", "storage", metavar="URL", help="Write a study of Optuna's there instead: sqlite:///optuna.db"
)
@click.option("--follow", is_flag=True, help="With --tensorboard: go on until the study is closed.")
def export(
    store: str, name: str | None, output: str | None, folder: str | None, storage: str | None, follow: bool
) -> None:
    """Write study NAME of STORE as JSON lines with checksums, or for TensorBoard or Optuna."""
    from ..journal.history import sound
    from ..stores.jsonlines import dump
    from .show import existing

    opened = existing(store)
    names = opened.studies()
    if name is None and len(names) != 1:
        raise click.ClickException(f"name one of the studies: {', '.join(names) or 'there is none'}.")
    chosen = name or names[0]
    if folder is not None:
        _tensorboard(opened, chosen, folder, follow=follow)
        return
    if storage is not None:
        _optuna(opened, chosen, storage)
        return
    if output is not None and is_database(Path(output)):
        raise click.ClickException(f"{output} is a store, which an export would replace. Name another file.")
    count, damage = -2, list[str]()
    # a file gets its name when all of it is there
    with click.open_file(output or "-", "w", encoding="utf-8", atomic=output not in (None, "-")) as target:
        for line in dump(chosen, sound(opened.journal(chosen).read(0), damage), damage):
            target.write(line)
            count += 1
    if damage:
        raise click.ClickException(f"{damage[0]} {count} events were written.")
    echo(f"{count} events of {chosen!r} written", err=True)


def _optuna(store: Any, name: str, storage: str) -> None:
    from ..compat.optuna import theirs, write

    if "://" not in storage:
        raise click.UsageError(
            f"--optuna needs the URL of a storage, got {storage!r}. Of a file: sqlite:///{storage}"
        )
    try:
        said = write(store, storage, name=name)
    except theirs.exceptions.DuplicatedStudyError as error:
        raise click.ClickException(f"{storage} has a study {name!r} already. Name another file.") from error
    echo(f"the trials of {name!r} are written to {storage}", err=True)
    for sentence in said:
        echo(f"danlu: {sentence}", err=True)


def _tensorboard(store: Any, name: str, folder: str, *, follow: bool) -> None:
    from ..integrations.tensorboard import TensorBoard
    from ..journal.events import Closed

    board, journal, seq, closed = TensorBoard(folder), store.journal(name), 0, False
    while True:
        entries = list(journal.read(seq))
        board.take(name, entries)
        if entries:
            seq, closed = entries[-1].seq, isinstance(entries[-1].event, Closed)
        if closed or not follow:
            break
        time.sleep(1.0)
    echo(f"{seq} events of {name!r} written; look at them: tensorboard --logdir {folder}", err=True)


@click.command(name="import")
@click.argument("source", type=click.Path(exists=True))
@click.argument("store")
@click.option("--name", help="Another name for the study.")
@click.option("--sound", is_flag=True, help="Take what is before the first damaged line, instead of nothing.")
@click.option("--study", help="Which of several studies of Optuna's.")
@click.option(
    "--minimize", multiple=True, metavar="METRIC", help="Metric that Ray Tune minimized; repeatable."
)
@click.option(
    "--maximize", multiple=True, metavar="METRIC", help="Metric that Ray Tune maximized; repeatable."
)
@click.option("--space", metavar="FILE", help="Space of Ray Tune's experiment: space.toml or file.py:name.")
def import_(source: str, store: str, name: str | None, sound: bool, **past: Any) -> None:
    """Make a study in STORE of what is in SOURCE: all of it, or nothing.

    SOURCE has JSON lines of danlu export; or it is a study of Optuna's (an SQLite file or a journal file), or a folder of Ray Tune's results,
    whose trials become those of a study that a search goes on from.
    """
    from ..stores.jsonlines import load
    from ..study.opening import open_store

    if imported(Path(source), store, name, past):
        return
    # a byte that is not UTF-8 damages its line, and no line end but \n ends one
    with Path(source).open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
        mark = {"imported": f"imported from {Path(source).name} on {time.strftime('%Y-%m-%d')}"}
        loaded = load(lines, open_store(store), name, sound=sound, mark=mark)
    echo(f"{loaded.events} events of {loaded.name!r} read")
    if loaded.remark:
        echo(f"danlu: {source}: {loaded.remark}", err=True)
    if loaded.lost:
        echo(f"danlu: {source}: {loaded.lost}", err=True)
        raise click.exceptions.Exit(1)
