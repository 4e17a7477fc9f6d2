"""How a SQLite store is read where nobody may write: on a read-only disk, or in somebody else's folder.

SQLite wants to write even to read: a write-ahead log has an index beside it. Where it may not, a file without a log is
opened as one that nobody changes, and one with a log is copied, log and all, to a temporary folder.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote


def may_write(path: Path) -> bool:
    """Whether this process may write the file and make others beside it; a file that is not there yet can be tried.

    Example:
        >>> may_write(Path("/there/is/none"))
        True
    """
    return not path.is_file() or (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK))


def as_it_is(path: Path) -> tuple[str, Callable[[], None]]:
    """The URI of a database as it is now, and what removes the copy that had to be made for it."""
    log = path.with_name(f"{path.name}-wal")
    if not log.exists() or not log.stat().st_size:
        return f"file:{quote(str(path))}?mode=ro&immutable=1", lambda: None
    folder = Path(tempfile.mkdtemp(prefix="danlu-"))
    for file in (path, log):
        shutil.copyfile(file, folder / file.name)
    return f"file:{quote(str(folder / path.name))}?mode=rw", lambda: shutil.rmtree(folder, ignore_errors=True)


def refusal(path: Path) -> str:
    """What to say of an attempt to write there."""
    return f"{path} cannot be written here: it or its folder is read-only. It can be shown, checked and exported."
