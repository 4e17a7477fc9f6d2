"""A store in the making: it has another name until all of it is there.

What a killed command leaves behind is called ``<target>.unfinished``; the same command again clears it away and starts anew.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from ..errors import StoreError

try:
    import fcntl
except ImportError:  # Windows: two commands with one target at the same time are not told apart there
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def staged(target: Path) -> Iterator[Path]:
    """The path at which to make the store that becomes ``target``, with its ``.blobs``, when the block ends well.

    Raises:
        StoreError: when the target is there, or another command makes it just now.
    """
    target = target.absolute()
    folder = target.with_name(f"{target.name}.unfinished")
    if target.exists():
        if folder.exists():  # of one that was killed when all was done
            with _alone(folder, target):
                clear(folder)
                folder.rmdir()
        raise StoreError(f"{target} is there already. Name another file, or move it away.")
    if not folder.exists() and blobs_of(target).exists():
        raise StoreError(f"{blobs_of(target)} is there already. Name another file, or move it away.")
    folder.mkdir(parents=True, exist_ok=True)
    with _alone(folder, target):
        clear(folder)
        remove(blobs_of(target))  # of one that was killed between its last two steps
        made = folder / "store"
        try:
            yield made
            _finish(made, target)
        finally:
            clear(folder)
            folder.rmdir()


def blobs_of(store: Path) -> Path:
    """The folder that keeps the checkpoints of a store in a file."""
    return store.with_name(f"{store.name}.blobs")


def remove(path: Path) -> None:
    """Remove a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def remove_linked(path: Path) -> None:
    """Remove a file or a folder, and where it is a link what it links to as well."""
    remove(path.resolve())
    remove(path)


def clear(folder: Path) -> None:
    """Remove all that is in a folder; what makes its content a store first."""
    for path in sorted(folder.iterdir()):
        remove(path)


def _finish(made: Path, target: Path) -> None:
    """Give the store its name: its checkpoints before its journal, which is what others look for."""
    if blobs_of(made).exists():
        blobs_of(made).rename(blobs_of(target))
    _sync(made)
    made.rename(target)
    _sync(target.parent)


def _sync(path: Path) -> None:
    """Have what was written to a file, or the names in a folder, survive the loss of power."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _alone(folder: Path, target: Path) -> Iterator[None]:
    """Hold the folder against other commands.

    Raises:
        StoreError: when one of them holds it.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        if fcntl is not None:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StoreError(
                    f"another command makes {target} just now. Wait for it, or name another file."
                ) from None
        yield
    finally:
        os.close(handle)
