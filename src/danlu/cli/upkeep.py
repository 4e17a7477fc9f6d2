"""``danlu check``, ``backup``, ``restore``, ``repair`` and ``gc``: looking after a store's file, its checkpoints and folders."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from ..core.blobs import Blobs, blobs_at
from ..core.errors import CorruptError, StoreError
from ..core.folders import Folders, all_folders, filed
from ..core.history import History

FRESH = 3600.0
"""Seconds for which a checkpoint that no journal names is left alone: it may be on its way into one."""


@click.command()
@click.argument("store")
@click.option("--json", "json_", is_flag=True, help="Machine-readable output.")
def check(store: str, json_: bool) -> None:
    """Read every event and every checkpoint of STORE; exit code 1 when something is damaged."""
    from ..core.plain import as_json

    rows = [_checked(store, name) for name in _opened(store).studies()]
    if json_:
        click.echo(as_json(rows))
    else:
        for row in rows:
            words = "; ".join(row["damage"]) or "sound"
            click.echo(f"{row['study']}: {row['events']} events, {row['checkpoints']} checkpoints: {words}")
    if any(row["damage"] for row in rows):
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("store")
@click.argument("target", type=click.Path(dir_okay=False))
def backup(store: str, target: str) -> None:
    """Copy STORE, its checkpoints and its trials' folders to TARGET, also while studies run in it."""
    _opened(store)
    click.echo(f"{_copied(Path(store), Path(target))} and every event of {store} are in {target}")


@click.command()
@click.argument("source")
@click.argument("store", type=click.Path(dir_okay=False))
def restore(source: str, store: str) -> None:
    """Make STORE of the backup SOURCE; a STORE that is there already is not touched."""
    _opened(source)
    click.echo(f"{_copied(Path(source), Path(store))} and every event of {source} are in {store}")


@click.command()
@click.argument("store")
@click.argument("target", type=click.Path(dir_okay=False))
def repair(store: str, target: str) -> None:
    """Make TARGET of what is sound in STORE: each study up to its first damaged event. STORE stays as it is."""
    from ..stores.jsonlines import dump, load
    from ..study.tune import open_store

    _absent(Path(target))
    source, sink = _opened(store), open_store(target)
    for name in source.studies():
        found: list[str] = []
        lines = _sound(dump(name, source.journal(name).read(0)), found)
        loaded = load(lines, sink, name)
        click.echo(f"{name}: {loaded.events} events are sound{'; ' + found[0] if found else ''}")
        history = _history(sink, name)
        _take(blobs_at(source.blobs), blobs_at(sink.blobs), set(history.keeping.digests))
        Folders(source.blobs, name).copy(_keepers(history), Folders(sink.blobs, name))


@click.command()
@click.argument("store")
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
@click.option(
    "--older", type=float, default=FRESH, show_default=True, help="Only files older than N seconds."
)
def gc(store: str, dry_run: bool, older: float) -> None:
    """Remove checkpoints and trials' folders that no study of STORE names any more, and what dying writers left behind."""
    opened = _opened(store)
    blobs = blobs_at(opened.blobs)
    histories = {name: _history(opened, name) for name in opened.studies()}
    kept = {digest for history in histories.values() for digest in history.keeping.digests}
    now, removed, size = time.time(), 0, 0
    for file in blobs.kept():
        if file.name in kept or now - file.at < older:
            continue
        removed, size = removed + 1, size + file.size
        if not dry_run:
            blobs.drop([file.name])
    left = [path for path in _left(opened.blobs, histories) if now - _newest(path) >= older]
    for path in left:
        if not dry_run:
            shutil.rmtree(path)
    verb = "would be removed" if dry_run else "removed"
    folders = f" and {len(left)} folders" if left else ""
    click.echo(
        f"{removed} files of {size / 2**20:.1f} MiB{folders} {verb}; {len(kept)} checkpoints are in use"
    )


def _opened(path: str) -> Any:
    from .show import existing

    return existing(path)


def _checked(store: str, name: str) -> dict[str, Any]:
    """What was read of a study, and what of it is damaged."""
    opened, history = _opened(store), History()
    events, damage = 0, []
    try:
        for entry in opened.journal(name).read(0):
            history.fold((entry,))
            events += 1
    except (CorruptError, StoreError) as error:
        damage.append(str(error))
    blobs = blobs_at(opened.blobs)
    for digest in sorted(history.keeping.digests):
        try:
            blobs.get(digest)
        except CorruptError as error:
            damage.append(str(error))
    return {"study": name, "events": events, "checkpoints": len(history.keeping.digests), "damage": damage}


def _history(store: Any, name: str) -> History:
    """What a study's journal says.

    Raises:
        CorruptError: when it is damaged: what it names cannot be known.
    """
    history = History()
    history.fold(store.journal(name).read(0))
    return history


def _keepers(history: History) -> list[int]:
    """The trials that keep their folders."""
    return [number for number in range(len(history)) if history.keeps(number)]


def _left(place: str, histories: dict[str, History]) -> Iterator[Path]:
    """The folders of trials that keep none, and of studies that are gone."""
    yield from (path for path in all_folders(place) if path.name not in {filed(name) for name in histories})
    for name, history in histories.items():
        for number, path in Folders(place, name).made():
            if number >= len(history) or not history.keeps(number):
                yield path


def _newest(path: Path) -> float:
    """When something was last written in a folder, in seconds since the epoch."""
    return max(each.lstat().st_mtime for each in (path, *path.rglob("*")))


def _copied(source: Path, target: Path) -> str:
    """Copy a store under another name, the database as of one instant; how many checkpoints and folders went with it."""
    for end in (source, target):
        if ":/" in str(end):
            raise StoreError(
                f"{end} is no file: copy a PostgreSQL database with pg_dump, and its blobs folder with it."
            )
    _absent(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(target.name + ".part")
    try:
        with sqlite3.connect(source) as old, sqlite3.connect(partial) as new:
            old.backup(new)
        new.close()
        old.close()
        opened = _opened(str(partial))
        histories = {name: _history(opened, name) for name in opened.studies()}
        opened.close()
        kept = {digest for history in histories.values() for digest in history.keeping.digests}
        old_place, new_place = f"{source.absolute()}.blobs", f"{target.absolute()}.blobs"
        missing = _take(blobs_at(old_place), blobs_at(new_place), kept)
        folders = lost = 0
        for name, history in histories.items():
            copied, changed = Folders(old_place, name).copy(_keepers(history), Folders(new_place, name))
            folders, lost = folders + copied, lost + changed
        partial.replace(target)
    finally:
        for left in (partial, Path(f"{partial}-wal"), Path(f"{partial}-shm")):
            left.unlink(missing_ok=True)
    if missing:
        click.echo(
            f"danlu: {missing} checkpoints were replaced or lost before they could be copied.", err=True
        )
    if lost:
        click.echo(
            f"danlu: {lost} files in trials' folders changed or went while they were copied.", err=True
        )
    return f"{len(kept) - missing} checkpoints" + (f", {folders} folders of trials" if folders else "")


def _take(source: Blobs, target: Blobs, digests: set[str]) -> int:
    """Copy checkpoints, each checked on the way; how many are missing or damaged."""
    missing = 0
    for digest in digests:
        try:
            target.put(source.get(digest))
        except CorruptError:
            missing += 1
    return missing


def _absent(target: Path) -> None:
    """Refuse to write over anything.

    Raises:
        StoreError: when the target is there.
    """
    if target.exists() or Path(f"{target}.blobs").exists():
        raise StoreError(f"{target} is there already. Name another file, or move it away.")


def _sound(lines: Iterator[str], found: list[str]) -> Iterator[str]:
    try:
        yield from lines
    except (CorruptError, StoreError) as error:
        found.append(str(error))
