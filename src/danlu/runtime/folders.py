"""Folders that trials have to themselves, for files a training writes: models, figures, logs.

A trial's folder lies beside the checkpoints, ``<blobs>/trials/<study>/<trial>``, and is made when somebody first
wants it. It stays as long as the trial's checkpoints do; which trials keep theirs is the journal's to say
(``History.keeps``), so a folder that is left behind by a crash is garbage that ``danlu gc`` finds.
"""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator
from pathlib import Path


def filed(name: str) -> str:
    """A study's name as the name of a file or folder; no two studies have the same, on any file system.

    Example:
        >>> filed("resnet-18"), filed("a/b")
        ('resnet-18', 'a_b=c14cddc033f64b9d')
    """
    if re.fullmatch(r"[a-z0-9_-][a-z0-9_.-]{0,79}", name) and not name.endswith("."):
        return name
    near = re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:60].strip(".")
    return f"{near}={hashlib.sha256(name.encode()).hexdigest()[:16]}"


def beside(place: str) -> Path:
    """Where things that belong to the blobs at ``place`` but are no blobs are kept on this machine.

    In the blobs' own folder; for blobs at a URL in a folder at home, which other machines do not see.
    """
    return Path.home() / ".danlu" / filed(place) if "://" in place else Path(place).absolute()


def logs_at(place: str, study: str) -> Path:
    """Where what trials of a study print is kept on this machine.

    Example:
        >>> logs_at("/data/study.db.blobs", "resnet").as_posix()
        '/data/study.db.blobs/logs/resnet'
    """
    return beside(place) / "logs" / filed(study)


class Folders:
    """The folders of one study's trials.

    Args:
        place: where the study's checkpoints are, as ``blobs_at`` reads it.
        study: the study's name.

    Example:
        >>> Folders("/data/study.db.blobs", "resnet").of(7).as_posix()
        '/data/study.db.blobs/trials/resnet/000007'
    """

    def __init__(self, place: str, study: str) -> None:
        self.root = beside(place) / "trials" / filed(study)

    def of(self, trial: int) -> Path:
        """The folder of a trial, whether it is there or not."""
        return self.root / f"{trial:06d}"

    def made(self) -> Iterator[tuple[int, Path]]:
        """The trials that have a folder, each with it, in order."""
        for path in sorted(self.root.glob("*")):
            if path.is_dir() and re.fullmatch(r"\d{6,}", path.name):
                yield int(path.name), path

    def drop(self, trial: int) -> None:
        """Remove a trial's folder with all that is in it; what cannot be removed now is left to ``danlu gc``."""
        shutil.rmtree(self.of(trial), ignore_errors=True)

    def copy(self, trials: Iterator[int] | list[int], target: Folders) -> tuple[int, list[Path]]:
        """Copy the folders of these trials; how many there were, and which files went meanwhile or cannot be read."""
        wanted, copied, missing = set(trials), 0, list[Path]()
        for number, path in self.made():
            if number not in wanted:
                continue
            try:
                shutil.copytree(path, target.of(number), symlinks=True)
            except (
                shutil.Error
            ) as error:  # a running trial writes there: whatever can be read has been copied
                missing += [Path(source) for source, _, _ in error.args[0]]
            copied += 1
        return copied, missing


def all_folders(place: str) -> list[Path]:
    """The folders of studies beside the blobs at ``place``, of their trials and of their logs, also of studies that are gone."""
    return sorted(
        path for kind in ("trials", "logs") for path in (beside(place) / kind).glob("*") if path.is_dir()
    )
