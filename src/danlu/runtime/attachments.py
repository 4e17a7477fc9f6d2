"""Files of a trial: what is attached, under which name, and how a blob holds it.

A file is kept as a checkpoint is, with the trial, the study and the moment before it, so no two attachments have the same blob and
none can take another's away.
"""

from __future__ import annotations

import hashlib
import re
import time
import unicodedata
from pathlib import Path

from ..base.values import legible, shown
from ..contracts.messages import Task
from ..errors import ReportError
from . import checkpoint
from .blobs import Blobs

LARGEST_FILE = 100 * 2**20
"""Bytes that a file of a trial may have; what is larger is for ``trial.save`` and ``trial.dir``."""

MOST_FILES = 100
"""Files that a trial may have."""

FILES = "files"
"""The folder in ``DANLU_DIR`` whose files a program's trial has."""

_LONGEST = 100
_UNUSUAL = re.compile(r"[^\w .()+=,@#-]")


def file_name(name: str) -> str:
    """The name under which a file is kept: as it is given, where every system can have a file of it, else one near it that no other has.

    Example:
        >>> file_name("confusion.png"), file_name("混淆.png")
        ('confusion.png', '混淆.png')
        >>> file_name("../../etc/passwd"), file_name("<script>.svg")
        ('_.._etc_passwd=3754d6cb', '_script_=82b568af.svg')
    """
    given = unicodedata.normalize("NFC", legible(name))
    near = _UNUSUAL.sub("_", given).strip(". ")
    if near == given and 1 <= len(near) <= _LONGEST:
        return near
    stem, dot, suffix = near.rpartition(".")
    if not dot or not re.fullmatch(r"[A-Za-z0-9]{1,10}", suffix):
        stem, suffix = near, ""
    known = hashlib.sha256(given.encode()).hexdigest()[:8]
    return f"{stem[:60]}={known}{dot and suffix and '.'}{suffix}"


def attachment(
    name: str | Path, data: bytes | bytearray | memoryview | str | Path | None
) -> tuple[str, bytes]:
    """What is attached: the name that it was given, and its bytes.

    Raises:
        ReportError: for a file that is not there, cannot be read or is too large, and for what is neither bytes nor a path.
    """
    if not isinstance(name, str | Path) or not str(name):
        raise ReportError(f"a file needs a name, got {shown(name)}. Write trial.attach('confusion.png').")
    if data is None:
        return Path(name).name, _read(Path(name))
    if isinstance(data, str | Path):
        return str(name), _read(Path(data))
    if not isinstance(data, bytes | bytearray | memoryview):
        raise ReportError(
            f"trial.attach takes bytes or the path of a file, got {shown(data)}. Write text.encode(), or save it into a file first."
        )
    raw = bytes(data)
    _fits(str(name), len(raw))
    return str(name), raw


def _read(path: Path) -> bytes:
    try:
        if not path.is_file():
            raise ReportError(
                f"there is no file {path} to attach. Write it first, or attach bytes: trial.attach('a.txt', text.encode())."
            )
        _fits(str(path), path.stat().st_size)
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise ReportError(f"{path} cannot be read to be attached: {error}.") from error


def _fits(what: str, size: int) -> None:
    if size > LARGEST_FILE:
        raise ReportError(
            f"a file of a trial has {LARGEST_FILE >> 20} MiB at most, and {what} has {size / 2**20:,.0f}. Keep it with trial.save, or in trial.dir."
        )


def put_file(blobs: Blobs, task: Task, name: str, data: bytes) -> str:
    """Keep a file among the blobs; the blob's name."""
    about = [task.trial, task.attempt, time.time_ns(), task.study, task.seed, name]
    return blobs.put(checkpoint.pack([about, data]))


def get_file(blobs: Blobs, digest: str) -> bytes:
    """The bytes of an attached file.

    Raises:
        CorruptError: when the blob is missing or damaged.
    """
    data: bytes = checkpoint.unpack(blobs.get(digest))[1]
    return data
