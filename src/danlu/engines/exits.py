"""A trial whose code ends its own process: how that is said, and heard where nobody sees with which code it ended."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from ..base.failure import cut

EXITED = "the process exited by itself (os._exit, or a library that ends its process)"


def exited(code: int, log: str) -> str:
    """The reason of a trial whose code ended its worker: as deliberate as an exception, so it is not tried again."""
    return f"{EXITED} with code {code}{_last_words(log)}"


@contextlib.contextmanager
def announced(tell: Callable[[int], None]) -> Iterator[None]:
    """Let ``os._exit`` in this process tell its code first; what is forked from it leaves as it would."""
    process, leave = os.getpid(), os._exit

    def exit_(code: int) -> None:
        if os.getpid() == process:
            tell(code)
        leave(code)

    os._exit = exit_  # type: ignore[assignment]
    try:
        yield
    finally:
        os._exit = leave


def _last_words(log: str) -> str:
    """What a trial printed last, as the end of a sentence."""
    try:
        with Path(log or os.devnull).open("rb") as file:
            file.seek(-min(4096, os.fstat(file.fileno()).st_size), os.SEEK_END)
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return ""
    said = next((" ".join(line.split()) for line in reversed(lines) if line.strip()), "")
    return f"; it printed last: {cut(said)}" if said else ""
