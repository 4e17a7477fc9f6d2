"""Checkpoints on disk, addressed by the hash of their content.

A blob is written to a temporary name, flushed, and renamed, so a name that exists is whole; reading
checks the hash again, so what comes back is what went in. Which blob is current is the journal's to
say, never the folder's.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from .errors import CorruptError, StoreError


class Blobs:
    """A folder of content-addressed files; safe for any number of processes.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     blobs = Blobs(folder)
        ...     blobs.get(blobs.put(b"weights"))
        b'weights'
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    def put(self, data: bytes) -> str:
        """Keep ``data`` and return its name, 64 hexadecimal digits."""
        digest = hashlib.sha256(data).hexdigest()
        path = self._path(digest)
        if path.exists():
            return digest
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".part")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                Path(temporary).unlink()
            raise
        return digest

    def get(self, digest: str) -> bytes:
        """The data kept under ``digest``.

        Raises:
            CorruptError: when the file is missing or does not match its name.
        """
        try:
            data = self._path(digest).read_bytes()
        except FileNotFoundError:
            raise CorruptError(f"the blob {digest[:12]} is missing from {self.folder}.") from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise CorruptError(f"the blob {digest[:12]} in {self.folder} does not match its checksum.")
        return data

    def drop(self, digests: Iterable[str]) -> None:
        """Remove blobs; those that are gone already do not matter."""
        for digest in digests:
            self._path(digest).unlink(missing_ok=True)

    def names(self) -> set[str]:
        """The digests of all blobs in the folder."""
        return {path.name for path in self.folder.glob("?" * 64)}

    def _path(self, digest: str) -> Path:
        if len(digest) != 64 or not set(digest) <= set("0123456789abcdef"):
            raise StoreError(f"a blob's name is 64 hexadecimal digits, got {digest!r}.")
        return self.folder / digest
