"""Checkpoints behind a URL that fsspec knows: S3, Google Cloud Storage, Azure, SFTP, and the rest.

Object stores put whole objects or none; elsewhere a blob is written under another name and moved. Reading compares the
hash. What the network refuses is tried again for a while: a training should not end because a bucket was slow.
"""

from __future__ import annotations

import contextlib
import hashlib
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

from ..errors import CorruptError, MissingExtra, StoreError
from ..runtime.blobs import BlobInfo, is_ours, named, ours

try:
    import fsspec
except ImportError as error:
    raise MissingExtra("checkpoints at a URL", "fsspec", "fsspec") from error

PATIENCE = 60.0
"""Seconds for which a store that does not answer is asked again."""

_OBJECTS = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "memory"}
_Found = TypeVar("_Found")


class Remote:
    """Content-addressed files under a URL; credentials are what its protocol's package finds by itself.

    Args:
        place: the URL of a folder, ``s3://bucket/tuning``.
        patience: seconds for which a store that does not answer is asked again.

    Raises:
        StoreError: when fsspec does not know the protocol, or its package is not installed.

    Example:
        >>> blobs = Remote("memory://example")
        >>> blobs.get(blobs.put(b"weights"))
        b'weights'
    """

    def __init__(self, place: str, *, patience: float = PATIENCE) -> None:
        self.place = place.rstrip("/")
        self.patience = patience
        try:
            self._files, self._root = fsspec.core.url_to_fs(self.place, use_listings_cache=False)
        except (ImportError, ValueError) as error:
            raise StoreError(f"checkpoints cannot be kept at {_shown(place)}: {error}.") from error

    def put(self, data: bytes) -> str:
        """Keep ``data`` and return its name, 64 hexadecimal digits."""
        digest = hashlib.sha256(data).hexdigest()
        self._patiently(lambda: self._write(digest, data))
        return digest

    def get(self, digest: str) -> bytes:
        """The data kept under ``digest``.

        Raises:
            CorruptError: when it is missing or does not match its name.
        """
        path = f"{self._root}/{named(digest)}"
        try:
            data: bytes = self._patiently(lambda: self._files.cat_file(path))
        except FileNotFoundError:
            raise CorruptError(f"the blob {digest[:12]} is missing from {_shown(self.place)}.") from None
        if hashlib.sha256(data).hexdigest() != digest:
            raise CorruptError(f"the blob {digest[:12]} at {_shown(self.place)} does not match its checksum.")
        return data

    def drop(self, names: Iterable[str]) -> None:
        """Remove files; those that are gone already do not matter."""
        for name in names:
            path = f"{self._root}/{ours(name)}"
            with contextlib.suppress(FileNotFoundError):
                self._patiently(partial(self._files.rm_file, path))

    def kept(self) -> Iterator[BlobInfo]:
        """Every blob, and what writers that died have left."""
        try:
            found = self._patiently(lambda: self._files.ls(self._root, detail=True))
        except FileNotFoundError:
            return
        for file in sorted(found, key=lambda file: str(file["name"])):
            name = file["name"].rpartition("/")[2]
            if is_ours(name):
                yield BlobInfo(name, int(file["size"]), _written(file))

    def _write(self, digest: str, data: bytes) -> None:
        path = f"{self._root}/{digest}"
        try:
            if self._files.info(path)["size"] == len(data):
                return
        except FileNotFoundError:
            pass
        protocols = (
            self._files.protocol if isinstance(self._files.protocol, tuple) else (self._files.protocol,)
        )
        if _OBJECTS.intersection(protocols):
            self._files.pipe_file(path, data)
            return
        self._files.makedirs(self._root, exist_ok=True)
        part = f"{path}.{uuid.uuid4().hex[:12]}.part"
        self._files.pipe_file(part, data)
        self._files.mv(part, path)

    def _patiently(self, act: Callable[[], _Found]) -> _Found:
        """Do something over the network, again with growing pauses when that fails.

        Raises:
            FileNotFoundError: at once.
            StoreError: when it goes on failing.
        """
        until, pause = time.monotonic() + self.patience, 0.1
        while True:
            try:
                return act()
            except FileNotFoundError:
                raise
            except OSError as error:
                if time.monotonic() + pause > until:
                    raise StoreError(f"{_shown(self.place)} cannot be used: {error}.") from error
                time.sleep(pause)
                pause = min(2 * pause, 5.0)


def _written(file: dict[str, Any]) -> float:
    """When a file was written, by whatever name its store calls that; 0 where it does not tell."""
    for name in ("mtime", "LastModified", "created", "updated", "last_modified"):
        found = file.get(name)
        if isinstance(found, datetime):
            return found.timestamp()
        if isinstance(found, int | float):
            return float(found)
        if isinstance(found, str):
            return datetime.fromisoformat(found).timestamp()
    return 0.0


def _shown(place: str) -> str:
    """The URL without what may be a password."""
    scheme, _, rest = place.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
