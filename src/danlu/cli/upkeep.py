"""``danlu check``, ``backup``, ``restore``, ``repair``, ``delete`` and ``gc``: looking after a store's file, its checkpoints and folders."""

from __future__ import annotations

import contextlib
import itertools
import os
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
from ..stores import sharing
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
    _leave(any(row["damage"] for row in rows))


@click.command()
@click.argument("store")
@click.argument("target", type=click.Path(dir_okay=False))
def backup(store: str, target: str) -> None:
    """Copy STORE, its checkpoints and its trials' folders to TARGET, also while studies run in it.

    Exit code 1 when something in it is damaged or missing: the copy is made then, and holds what could be read.
    """
    _opened(store)
    copied, damage = _copied(Path(store), Path(target))
    echo(f"{copied} and every event of {store} are in {target}")
    _leave(damage)


@click.command()
@click.argument("source")
@click.argument("store", type=click.Path(dir_okay=False))
def restore(source: str, store: str) -> None:
    """Make STORE of the backup SOURCE; a STORE that is there already is not touched.

    Exit code 1 when something in SOURCE is damaged or missing: STORE is made then, and holds what could be read.
    """
    _opened(source)
    copied, damage = _copied(Path(source), Path(store))
    echo(f"{copied} and every event of {source} are in {store}")
    _leave(damage)


@click.command()
@click.argument("store")
@click.argument("target", type=click.Path(dir_okay=False))
def repair(store: str, target: str) -> None:
    """Make TARGET of what is sound in STORE: each study up to its first damaged event. STORE stays as it is.

    Exit code 1 when something is damaged or missing, and so is not in TARGET.
    """
    from ..journal.written import healed
    from ..study.opening import open_store

    _no_database(target, "repair into a file, then danlu export and danlu import")
    source, lost = _opened(store), False
    with staged(Path(target)) as made, contextlib.closing(open_store(str(made))) as sink:
        for name in source.studies():
            found, history = list[str](), History()
            entries = sound(source.journal(name).read(0), found, history)
            first = next(entries, None)
            if first is not None:
                sink.adopt(
                    name, ((entry.op, healed(entry.event)) for entry in itertools.chain([first], entries))
                )
            digests = set(history.rows.checkpoints.digests)
            missing = len(_take(blobs_at(source.blobs), blobs_at(sink.blobs), digests))
            _, changed = Folders(source.blobs, name).copy(_keepers(history), Folders(sink.blobs, name))
            found += [f"{missing} of its checkpoints are damaged or missing"] * bool(missing)
            found += [f"{len(changed)} files in its trials' folders cannot be read"] * bool(changed)
            echo("; ".join([f"{name}: {history.seq} events are sound", *found]))
            lost = lost or bool(found)
    _leave(lost)


@click.command()
@click.argument("store", type=click.Path(dir_okay=False))
@click.option("--study", "name", required=True, help="The study's name.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--force", is_flag=True, help="Also while a worker may be alive.")
def delete(store: str, name: str, yes: bool, force: bool) -> None:
    """Delete a study of STORE, with its checkpoints, its trials' folders and their logs, or a campaign with its studies.

    It asks before it does. Exit code 1 when the answer is no, and when a study that is read for it is damaged.
    """
    opened = _opened(store)
    if name not in opened.studies():
        if not _leave_no_folder(opened.blobs, name):
            opened.journal(name)  # says what there is
        echo(
            f"{name} was deleted before; its folders and logs are gone now too. danlu gc removes its checkpoints."
        )
        return
    stages = [
        each
        for each in opened.studies()
        if each != name and _read_of(opened, each, []).definition.campaign.parent == name
    ]
    doomed = [*stages, name]  # a campaign last: what is left of it after a kill is still found by its name
    for each in doomed:
        held = opened.journal(each).held()
        if held and not force:
            raise StudyBusy(busy(each, len(held)))
    if not yes:
        states = Counter[str]()
        for each in doomed:
            states += _read_of(opened, each, []).rows.states()
        told = ", ".join(f"{count} {state}" for state, count in states.items()) or "no trials"
        whole = f"the campaign {name} with {', '.join(stages)}" if stages else name
        if not click.confirm(f"Delete {whole} ({told}) for good?"):
            echo("nothing was deleted")
            raise click.exceptions.Exit(1)
    damaged = [each for each in doomed if _delete(opened, each, force=force)]
    _leave(damaged)


def _delete(opened: Any, name: str, *, force: bool) -> bool:
    """Delete one study with all that is its own; whether something was damaged."""
    own, damage, others = list[str](), list[str](), set[str]()
    read = _read_of(opened, name, own)
    for other in opened.studies():
        if other != name:
            others |= set(_read_of(opened, other, damage).rows.checkpoints.digests)
    opened.delete(name, force=force)
    _leave_no_folder(opened.blobs, name)
    mine = set() if damage else set(read.rows.checkpoints.digests) - others
    shared = sharing.others(opened.blobs, repr(opened))
    mine = set() if shared else mine
    blobs_at(opened.blobs).drop(mine)
    echo(f"{name} is deleted, with {len(mine)} checkpoints")
    if shared:
        echo(
            f"danlu: its checkpoints stay, as {', '.join(shared)} keeps its own in {opened.blobs} too.",
            err=True,
        )
    if own:
        echo(
            f"danlu: it was damaged, and danlu gc removes the checkpoints that could not be read of it: {own[0]}",
            err=True,
        )
    if damage:
        echo(f"danlu: its checkpoints stay, as it is not known who else needs them: {damage[0]}", err=True)
    return bool(own or damage)


@click.command()
@click.argument("store")
@click.option("--dry-run", is_flag=True, help="Say what would be removed, and remove nothing.")
@click.option(
    "--older", type=float, default=FRESH, show_default=True, help="Only files older than N seconds."
)
@click.option(
    "--beside",
    multiple=True,
    metavar="URL",
    help="Another database with the same folder of checkpoints; repeatable.",
)
def gc(store: str, dry_run: bool, older: float, beside: tuple[str, ...]) -> None:
    """Remove checkpoints and trials' folders that no study of STORE names any more, and what dying writers left behind.

    Where other databases keep checkpoints in the same folder, each has to be named (--beside), so that what they need stays.
    """
    opened = _opened(store)
    neighbors = [_opened(each) for each in beside]
    _all_named(opened, neighbors)
    blobs = blobs_at(opened.blobs)
    histories = {name: existing_history(opened, name) for name in opened.studies()}
    theirs = [existing_history(each, name) for each in neighbors for name in each.studies()]
    foreign = {filed(name) for each in neighbors for name in each.studies()}
    kept = {digest for history in theirs for digest in history.rows.checkpoints.digests}
    kept |= {digest for history in histories.values() for digest in history.rows.checkpoints.digests}
    now, removed, size = time.time(), 0, 0
    for file in blobs.kept():
        if file.name in kept or now - file.at < older:
            continue
        removed, size = removed + 1, size + file.size
        if not dry_run:
            blobs.drop([file.name])
    left = [
        path
        for path in _left(opened.blobs, histories)
        if not foreign & {path.name, path.parent.name} and now - _newest(path) >= older
    ]
    for path in left:
        if not dry_run:
            remove_linked(path)
    verb = "would be removed" if dry_run else "removed"
    folders = f" and {len(left)} folders" if left else ""
    echo(
        f"{removed} files of {size / 2**20:.1f} MiB{folders} {verb}; {len(kept)} checkpoints and files of trials are in use"
    )


def _all_named(opened: Any, neighbors: list[Any]) -> None:
    """Refuse to sweep a folder that a database which was not named uses as well.

    Raises:
        StoreError: when there is one.
    """
    known = {repr(each) for each in neighbors}
    left = [each for each in sharing.others(opened.blobs, repr(opened)) if each not in known]
    if left:
        raise StoreError(
            f"{', '.join(left)} keeps checkpoints in {opened.blobs} too, which look like garbage from {opened!r}. Name "
            f"each with --beside URL, and what it needs stays; or give every database a folder of its own (blobs=...). Of one that is "
            f"gone for good, remove its file in {opened.blobs}/{sharing.USERS}."
        )


def _opened(path: str) -> Any:
    from .show import existing

    return existing(path)


def _checked(opened: Any, name: str) -> dict[str, Any]:
    """What was read of a study, and what of it is damaged."""
    history, damage = History(), list[str]()
    events = sum(1 for _ in _sound_of(opened, name, damage, history))
    blobs = blobs_at(opened.blobs)
    for digest in sorted(history.rows.checkpoints.digests):
        try:
            blobs.get(digest)
        except CorruptError as error:
            damage.append(str(error))
    return {
        "study": name,
        "events": events,
        "checkpoints": len(history.rows.checkpoints.digests),
        "damage": damage,
    }


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
    return [number for number in range(len(history)) if history.incumbents.keeps(number)]


def _left(place: str, histories: dict[str, History]) -> Iterator[Path]:
    """The folders of trials that keep none, and of studies that are gone."""
    yield from (path for path in all_folders(place) if path.name not in {filed(name) for name in histories})
    for name, history in histories.items():
        for number, path in Folders(place, name).made():
            if number >= len(history) or not history.incumbents.keeps(number):
                yield path


def _newest(path: Path) -> float:
    """When something was last written in a folder, in seconds since the epoch."""
    return max(each.lstat().st_mtime for each in (path, *path.rglob("*")))


def _copied(source: Path, target: Path) -> tuple[str, bool]:
    """Copy a store under another name, the database as of one instant.

    How many checkpoints and folders went with it, as words, and whether something was damaged or missing.
    """
    for end in (source, target):
        _no_database(str(end), "copy a PostgreSQL database with pg_dump, and its blobs folder with it")
    damage, missing, folders, lost = list[str](), set[str](), 0, list[Path]()
    with staged(target) as made, contextlib.closing(_opened(str(source))) as old:
        with contextlib.closing(sqlite3.connect(made)) as new:
            old.file.connection().backup(new)
        with contextlib.closing(_opened(str(made))) as opened:
            histories = {name: _read_of(opened, name, damage) for name in opened.studies()}
        kept = {digest for history in histories.values() for digest in history.rows.checkpoints.digests}
        if damage:  # what the rest of a damaged study names is not known
            kept |= {file.name for file in blobs_at(old.blobs).kept() if not file.name.endswith(".part")}
        place = str(blobs_of(made))
        missing = _take(blobs_at(old.blobs), blobs_at(place), kept)
        for name, history in histories.items():
            copied, unread = Folders(old.blobs, name).copy(_keepers(history), Folders(place, name))
            folders, lost = folders + copied, lost + unread
        needed = missing & _named(old) if missing and not damage else missing
    for sentence in damage:
        echo(f"danlu: the damage was copied too: {sentence}", err=True)
    if needed:
        echo(f"danlu: {len(needed)} checkpoints are damaged or missing, and are not in the copy.", err=True)
    if missing - needed:
        replaced = len(missing - needed)
        echo(f"danlu: {replaced} checkpoints were replaced before they could be copied.", err=True)
    unreadable = [path for path in lost if os.path.lexists(path)]
    if unreadable:
        told = f"{len(unreadable)} files in trials' folders cannot be read, {unreadable[0]} first"
        echo(f"danlu: {told}, and are not in the copy.", err=True)
    if len(lost) > len(unreadable):
        went = len(lost) - len(unreadable)
        echo(f"danlu: {went} files in trials' folders went while they were copied.", err=True)
    words = f"{len(kept) - len(missing)} checkpoints" + (f", {folders} folders of trials" if folders else "")
    return words, bool(damage or needed or unreadable)


def _named(opened: Any) -> set[str]:
    """The checkpoints that the studies of a store name now."""
    return {
        digest for name in opened.studies() for digest in _read_of(opened, name, []).rows.checkpoints.digests
    }


def _leave(damage: object) -> None:
    """End with exit code 1 where damage was found: what a script has to know when the work is done all the same."""
    if damage:
        raise click.exceptions.Exit(1)


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


def _take(source: Blobs, target: Blobs, digests: set[str]) -> set[str]:
    """Copy checkpoints, each checked on the way; those that are missing or damaged."""
    missing = set[str]()
    for digest in digests:
        try:
            target.put(source.get(digest))
        except CorruptError:
            missing.add(digest)
    return missing
