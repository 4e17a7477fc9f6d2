"""Which databases keep checkpoints in one folder: each leaves its name there, so that none sweeps away what another needs.

A file has its folder to itself. The folder of a PostgreSQL database is named in its URL, ``blobs=/shared/folder``, and two may name the same.
"""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path

USERS = "used-by"
"""The folder in it that holds a file for each database."""


def use(place: str, store: str) -> None:
    """Leave a store's name, without secrets, among those that use a folder; where checkpoints are at a URL, nothing is left.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     use(folder, "postgresql://db/one")
        ...     use(folder, "postgresql://db/two")
        ...     others(folder, "postgresql://db/one")
        ['postgresql://db/two']
    """
    if "://" in place:
        return
    file = Path(place) / USERS / hashlib.sha256(store.encode()).hexdigest()[:16]
    with contextlib.suppress(OSError):  # a folder that cannot be written says so when a checkpoint is saved
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(store, encoding="utf-8")


def others(place: str, store: str) -> list[str]:
    """The stores beside this one that have kept checkpoints there."""
    if "://" in place:
        return []
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        found = {each.read_text("utf-8") for each in (Path(place) / USERS).iterdir()}
        return sorted(found - {store})
    return []
