"""``danlu check``, ``backup``, ``restore``, ``repair``, ``delete`` and ``gc``: looking after a store's file, its checkpoints and folders."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from ..base.places import without_secrets
from ..errors import CorruptError, StoreError, StudyBusy
from ..journal.events import Entry
from ..journal.history import History, sound
from ..runtime.blobs import Blobs, blobs_at
from ..runtime.folders import Folders, all_folders, filed, logs_at
from ..stores.seal import busy
from ..study.opening import existing_history
from .echo import echo, echo_json
from .staging import blobs_of, remove_linked, staged

FRESH = 3600.0
"""Seconds for which a checkpoint that no journal names is left alone: it may be on its way into one."""


@click.command()
@click.argument("store")
@click.option("--json", "json_", is_flag=True, help="Machine-readable output.")
def check(store: str, json_: bool) -> None:
    """Read every event and every checkpoint of STORE; exit code 1 when something is damaged."""
    from ..base.plain import as_json

    opened = _opened(store)
    rows = [_checked(opened, name) for name in opened.studies()]
    if json_:
        echo_json(as_json(rows))
    else:
        for row in rows:
            words = "; ".join(row["damage"]) or "sound"
            echo(f"{row['study']}: {row['events']} events, {row['checkpoints']} checkpoints: {words}")
    if any(row["damage"] for row in rows):
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("store")
@click.argument("target", type=click.Path(dir_okay=False))
def backup(store: str, target: str) -> None:
    """Copy STORE, its checkpoints and its trials' folders to TARGET, also while studies run in it."""
    _opened(store)
    echo(f"{_copied(Path(store), Path(target))} and every event of {store} are in {target}")


@click.command()
@click.argument("source")
@click.argument("store", type=click.Path(dir_okay=False))
def restore(source: str, store: str) -> None:
    """Make STORE of the backup SOURCE; a STORE that is there already is not touched."""
    _opened(source)
    echo(f"{_copied(Path(source), Path(store))} and every event of {source} are in {store}")


@click.command()
@click.argument("store")
@click.argument("target", type=click.Path(dir_okay=False))
def repair(store: str, target: str) -> None:
    """Make TARGET of what is sound in STORE: each study up to its first damaged event. STORE stays as it is."""
    from ..journal.written import healed
    from ..study.tune import open_store

    _no_database(target, "repair into a file, then danlu export and danlu import")
    source = _opened(store)
    with staged(Path(target)) as made, contextlib.closing(open_store(str(made))) as sink:
        for name in source.studies():
            found, history = list[str](), History()
            entries = sound(source.journal(name).read(0), found, history)
            first = next(entries, None)
            if first is not None:
                sink.adopt(
                    name, ((entry.op, healed(entry.event)) for entry in itertools.chain([first], entries))
                )
            echo(f"{name}: {history.seq} events are sound{'; ' + found[0] if found else ''}")
            _take(blobs_at(source.blobs), blobs_at(sink.blobs), set(history.keeping.digests))
            Folders(source.blobs, name).copy(_keepers(history), Folders(sink.blobs, name))


@click.command()
@click.argument("store", type=click.Path(dir_okay=False))
@click.option("--study", "name", required=True, help="The study's name.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Also while a worker may be alive.")
def delete(store: str, name: str, yes: bool, force: bool) -> None:
    """Delete a study of STORE, with its checkpoints, its trials' folders and their logs, or a campaign with its studies.

    It asks before it does.
    """
    opened = _opened(store)
    if name not in opened.studies():
        if not _leave_no_folder(opened.blobs, name):
            opened.journal(name)  # says what there is
        echo(
            f"{name} was deleted before; its folders and logs are gone now too. danlu gc removes its checkpoints."
        )
        return
    stages = [each for each in opened.studies() if each != name and _read_of(opened, each, []).parent == name]
    doomed = [*stages, name]  # a campaign last: what is left of it after a kill is still found by its name
    for each in doomed:
        held = opened.journal(each).held()
        if held and not force:
            raise StudyBusy(busy(each, len(held)))
    if not yes:
        states = Counter[str]()
        for each in doomed:
            states += _read_of(opened, each, []).states()
        told = ", ".join(f"{count} {state}" for state, count in states.items()) or "no trials"
        whole = f"the campaign {name} with {', '.join(stages)}" if stages else name
        if not click.confirm(f"Delete {whole} ({told}) for good?"):
            echo("nothing was deleted")
            raise click.exceptions.Exit(1)
    for each in doomed:
        _delete(opened, each, force=force)


def _delete(opened: Any, name: str, *, force: bool) -> None:
    """Delete one study with all that is its own."""
    read = _read_of(opened, name, [])
    damage, others = list[str](), set[str]()
    for other in opened.studies():
        if other != name:
            others |= set(_read_of(opened, other, damage).keeping.digests)
    opened.delete(name, force=force)
    _leave_no_folder(opened.blobs, name)
    mine = set() if damage else set(read.keeping.digests) - others
    blobs_at(opened.blobs).drop(mine)
    echo(f"{name} is deleted, with {len(mine)} checkpoints")
    if damage:
        echo(f"danlu: its checkpoints stay, as it is not known who else needs them: {damage[0]}", err=True)


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
    histories = {name: existing_history(opened, name) for name in opened.studies()}
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
            remove_linked(path)
    verb = "would be removed" if dry_run else "removed"
    folders = f" and {len(left)} folders" if left else ""
    echo(f"{removed} files of {size / 2**20:.1f} MiB{folders} {verb}; {len(kept)} checkpoints are in use")


def _opened(path: str) -> Any:
    from .show import existing

    return existing(path)


def _checked(opened: Any, name: str) -> dict[str, Any]:
    """What was read of a study, and what of it is damaged."""
    history, damage = History(), list[str]()
    events = sum(1 for _ in _sound_of(opened, name, damage, history))
    blobs = blobs_at(opened.blobs)
    for digest in sorted(history.keeping.digests):
        try:
            blobs.get(digest)
        except CorruptError as error:
            damage.append(str(error))
    return {"study": name, "events": events, "checkpoints": len(history.keeping.digests), "damage": damage}


def _sound_of(opened: Any, name: str, damage: list[str], history: History) -> Iterator[Entry]:
    """What is sound of a study; what is wrong with it, its row in the store included, goes into ``damage``."""
    try:
        journal = opened.journal(name)
    except StoreError as error:
        damage.append(str(error))
        return
    yield from sound(journal.read(0), damage, history)


def _read_of(opened: Any, name: str, damage: list[str]) -> History:
    """What a study says as far as it is sound."""
    history = History()
    for _ in _sound_of(opened, name, damage, history):
        pass
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
        _no_database(str(end), "copy a PostgreSQL database with pg_dump, and its blobs folder with it")
    damage, missing, folders, lost = list[str](), 0, 0, 0
    with staged(target) as made, contextlib.closing(_opened(str(source))) as old:
        with contextlib.closing(sqlite3.connect(made)) as new:
            old.connection().backup(new)
        with contextlib.closing(_opened(str(made))) as opened:
            histories = {name: _read_of(opened, name, damage) for name in opened.studies()}
        kept = {digest for history in histories.values() for digest in history.keeping.digests}
        if damage:  # what the rest of a damaged study names is not known
            kept |= {file.name for file in blobs_at(old.blobs).kept() if not file.name.endswith(".part")}
        place = str(blobs_of(made))
        missing = _take(blobs_at(old.blobs), blobs_at(place), kept)
        for name, history in histories.items():
            copied, changed = Folders(old.blobs, name).copy(_keepers(history), Folders(place, name))
            folders, lost = folders + copied, lost + changed
    for sentence in damage:
        echo(f"danlu: the damage was copied too: {sentence}", err=True)
    if missing:
        echo(f"danlu: {missing} checkpoints were replaced or lost before they could be copied.", err=True)
    if lost:
        echo(f"danlu: {lost} files in trials' folders changed or went while they were copied.", err=True)
    return f"{len(kept) - missing} checkpoints" + (f", {folders} folders of trials" if folders else "")


def _no_database(place: str, remedy: str) -> None:
    """Refuse what is not a file.

    Raises:
        StoreError: when it is a URL.
    """
    if ":/" in place:
        raise StoreError(f"{without_secrets(place)} is no file: {remedy}.")


def _leave_no_folder(place: str, name: str) -> bool:
    """Remove the folders and logs of a study; whether there were any."""
    found = [path for path in (Folders(place, name).root, logs_at(place, name)) if path.exists()]
    for path in found:
        remove_linked(path)
    return bool(found)


def _take(source: Blobs, target: Blobs, digests: set[str]) -> int:
    """Copy checkpoints, each checked on the way; how many are missing or damaged."""
    missing = 0
    for digest in digests:
        try:
            target.put(source.get(digest))
        except CorruptError:
            missing += 1
    return missing
