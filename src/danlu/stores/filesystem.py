"""What becomes of a store's file where it is: network file systems break SQLite's locks, and not every path can be a file."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import StoreError

NETWORK = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "afs",
        "ceph",
        "fuse.sshfs",
        "fuse.gcsfuse",
        "fuse.s3fs",
        "davfs",
    }
)


def kind(path: Path, mounts: str | None = None) -> str:
    r"""The type of the file system ``path`` lies on, '' where the system does not tell.

    Example:
        >>> kind(Path("/data/a.db"), "server:/x /data nfs4 rw 0 0\nroot / ext4 rw 0 0")
        'nfs4'
    """
    if mounts is None:
        try:
            mounts = Path("/proc/mounts").read_text("utf-8")
        except OSError:
            return ""
    best = ("", "")
    for line in mounts.splitlines():
        _, point, name, *_ = line.split(" ")
        point = point.replace("\\040", " ")
        inside = point == "/" or str(path) == point or str(path).startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best[0]):
            best = (point, name)
    return best[1]


def refuse_network(path: Path, mounts: str | None = None) -> None:
    """Raise when ``path`` lies on a network file system.

    Raises:
        StoreError: with the type of the file system and the remedy.
    """
    found = kind(path, mounts)
    if found in NETWORK:
        raise StoreError(
            f"an embedded store needs a local disk, {path} lies on {found}, whose locks lose data. "
            "Use a local path, or a PostgreSQL store for several machines."
        )


def make_room(path: Path) -> None:
    """Make the folder that a store's file is to lie in.

    Raises:
        StoreError: when ``path`` is a folder itself, or its folder cannot be made.
    """
    if path.is_dir():
        raise StoreError(
            f"a store is a file, and {path} is a folder. Name a file in it: {path / 'study.db'}."
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        blocked = isinstance(error, FileExistsError | NotADirectoryError)
        why = "a file is where its folder would be" if blocked else f"{error.filename}: {error.strerror}"
        raise StoreError(
            f"{path} cannot be made: {why}. Name a file in a folder where you may write."
        ) from error


def unusable(path: Path, error: Exception) -> str:
    """What SQLite's complaint over a file means, with the remedy."""
    said = str(error)
    if "not a database" in said:
        return (
            f"{path} is no store of danlu: it is a file of another kind, or its beginning is damaged ({said}). "
            "Name another file; what danlu export wrote is read by danlu import."
        )
    if "unable to open" in said or "readonly" in said:
        return f"{path} cannot be written: {_refusal(path) or said}. Name a file in a folder where you may write."
    return f"{path} cannot be used: {said}."


def _refusal(path: Path) -> str:
    """Why the system does not open a file for writing, '' where it does."""
    made = not path.exists()
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o644))
    except OSError as error:
        return error.strerror or ""
    if made:
        path.unlink(missing_ok=True)
    return ""
