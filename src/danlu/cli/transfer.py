"""``danlu export`` and ``danlu import``: studies as JSON lines."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click

from .echo import echo


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
@click.option("--follow", is_flag=True, help="With --tensorboard: go on until the study is closed.")
def export(store: str, name: str | None, output: str | None, folder: str | None, follow: bool) -> None:
    """Write study NAME of STORE as JSON lines with checksums, or for TensorBoard."""
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
    if output is not None and _is_database(Path(output)):
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


def _is_database(path: Path) -> bool:
    """Whether an SQLite file is there, by its first bytes; a link to one is one."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(16) == b"SQLite format 3\x00"


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
@click.argument("source", type=click.Path(dir_okay=False, exists=True))
@click.argument("store")
@click.option("--name", help="Another name for the study.")
@click.option("--sound", is_flag=True, help="Take what is before the first damaged line, instead of nothing.")
def import_(source: str, store: str, name: str | None, sound: bool) -> None:
    """Make a study in STORE of the JSON lines in SOURCE: all of it, or nothing."""
    from ..stores.jsonlines import load
    from ..study.tune import open_store

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
