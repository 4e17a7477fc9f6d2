"""A process that ends what a run has started when whoever watches over it is gone, however that died.

A trial's program ends with its worker, which hears when its driver is gone. A run outside of any study has no worker: its guard waits at a
pipe whose other end nobody but its starter holds.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path
from types import TracebackType

from . import marks


class RunGuard:
    """Has what is run in a folder end with this process; use it as a context.

    Args:
        folder: in place of a trial's, as its ``RunMark`` has it.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder, RunGuard(Path(folder)), marks.RunMark(Path(folder)) as mark:
        ...     sorted(mark.variables)
        ['DANLU_RUN']
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> RunGuard:
        held, self._pipe = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, str(self._folder)],
            stdin=held,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(held)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._pipe)
        self._process.wait()


def main() -> None:
    """Wait until the other end of the standard input is closed, and end what is left in a folder."""
    with contextlib.suppress(OSError):
        while os.read(0, 1):
            pass
    marks.end_left(sys.argv[1])


if __name__ == "__main__":
    main()
