"""Network file systems break SQLite's locks, so the embedded store refuses them."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import StoreError

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
