"""What a trial's program has printed, over all its attempts, as a file that says where each began."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from types import TracebackType

_ATTEMPT = "danlu: attempt "
_ANEW = ", from its beginning"


class ProgramLog:
    """A log to append lines to; use it as a context.

    What cannot be written, as the disk is full, is dropped: no trial fails for its log.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = path.open("ab", buffering=0)

    def __enter__(self) -> ProgramLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def begin(self, attempt: int, *, anew: bool) -> None:
        """Say which attempt what follows is of, and whether it begins anew; the first needs no word."""
        if attempt > 1:
            self.write(f"{_ATTEMPT}{attempt}{_ANEW if anew else ''}")

    def write(self, line: str) -> None:
        """Append a line."""
        with contextlib.suppress(OSError):
            self._file.write(line.encode("utf-8", "replace") + b"\n")

    def attempts(self) -> list[list[str]]:
        """The lines of each attempt, from the last one on that began anew."""
        found: list[list[str]] = [[]]
        for text in self._path.read_text("utf-8", errors="replace").split("\n"):
            if re.fullmatch(rf"{_ATTEMPT}\d+{_ANEW}", text):
                found = [[]]
            elif re.fullmatch(rf"{_ATTEMPT}\d+", text):
                found.append([])
            else:
                found[-1].append(text)
        return found
