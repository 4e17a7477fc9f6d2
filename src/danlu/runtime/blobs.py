"""Checkpoints, addressed by the hash of their content: in a folder, or wherever a URL leads.

A blob is written to a temporary name, flushed, and renamed, so a name that exists is whole; reading
checks the hash again, so what comes back is what went in. Which blob is current is the journal's to
say, never the folder's.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, Protocol, cast

from ..base.names import BLOBS, find
from ..errors import CorruptError, StoreError


class BlobInfo(NamedTuple):
    """A file among the blobs: its name, bytes, and seconds since the epoch at which it was written."""

    name: str
    size: int
    at: float


class Blobs(Protocol):
    """Where checkpoints are; safe for any number of processes."""

    @property
    def place(self) -> str:
        """What ``blobs_at`` makes this of, in any process."""

    def put(self, data: bytes) -> str:
        """Keep ``data`` and return its name, 64 hexadecimal digits."""

    def get(self, digest: str) -> bytes:
        """The data kept under ``digest``.

        Raises:
            CorruptError: when it is missing or does not match its name.
        """

    def drop(self, names: Iterable[str]) -> None:
        """Remove files by name; those that are gone already do not matter."""

    def kept(self) -> Iterator[BlobInfo]:
        """Every blob, and what writers that died have left (``.part``)."""


def blobs_at(place: str) -> Blobs:
    """The blobs in a folder, or at a URL that fsspec knows: ``s3://bucket/tuning``, ``gs://``, ``sftp://``, ...

    Raises:
        MissingExtra: for a URL, when fsspec is not installed.
        StoreError: when the URL cannot be used.
    """
    return cast(Blobs, find(BLOBS, "blobs", "url")(place)) if "://" in place else Folder(place)


class Folder:
    """A folder of content-addressed files; safe for any number of processes.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     blobs = Folder(folder)
        ...     blobs.get(blobs.put(b"weights"))
        b'weights'
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)

    @property
    def place(self) -> str:
        """The folder's path."""
        return str(self.folder)

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

    def drop(self, names: Iterable[str]) -> None:
        """Remove files; those that are gone already do not matter."""
        for name in names:
            (self.folder / ours(name)).unlink(missing_ok=True)

    def kept(self) -> Iterator[BlobInfo]:
        """Every blob of the folder, and what writers that died have left."""
        for path in sorted(self.folder.glob("*")):
            if is_ours(path.name):
                with contextlib.suppress(FileNotFoundError):
                    found = path.stat()
                    yield BlobInfo(path.name, found.st_size, found.st_mtime)

    def _path(self, digest: str) -> Path:
        return self.folder / named(digest)


def is_ours(name: str) -> bool:
    """Whether a file is a blob, or a part of one that never became whole."""
    return name.endswith(".part") or (len(name) == 64 and set(name) <= set("0123456789abcdef"))


def ours(name: str) -> str:
    """The name, if it is one of a file that ``kept`` lists; no path from outside leads anywhere else.

    Raises:
        StoreError: when it is not.
    """
    if not is_ours(name) or "/" in name or "\\" in name:
        raise StoreError(f"a blob's name is 64 hexadecimal digits, got {name!r}.")
    return name


def named(digest: str) -> str:
    """The digest, if it is one.

    Raises:
        StoreError: when it is not.
    """
    if len(digest) != 64:
        raise StoreError(f"a blob's name is 64 hexadecimal digits, got {digest!r}.")
    return ours(digest)
