"""Ctrl-C: once asks running trials to checkpoint and leave, twice stops at once.

The second one may only break into the user's own code, never into an append or a fold, so it is held
back until the driver says that the moment is safe.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from types import FrameType

DRAINING = "interrupted by Ctrl-C"


class Interrupt:
    """While entered, the first SIGINT or SIGTERM calls ``drain(reason, hurry=...)``; the second raises KeyboardInterrupt.

    SIGTERM is in a hurry: whoever sends it kills some time later.
    """

    def __init__(self, drain: Callable[..., None]) -> None:
        self._drain = drain
        self._count = 0
        self._safe = False
        self._before: dict[int, object] = {}

    def __enter__(self) -> Interrupt:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(self, *exc: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before.clear()

    @contextlib.contextmanager
    def allowed(self, *, safe: bool) -> Iterator[None]:
        """Whether KeyboardInterrupt may be raised inside; one that was held back is raised at the end."""
        before, self._safe = self._safe, safe
        self._raise()
        try:
            yield
        finally:
            self._safe = before
        self._raise()

    def _raise(self) -> None:
        if self._safe and self._count > 1:
            raise KeyboardInterrupt

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._count += 1
        if self._count == 1:
            print(  # noqa: T201 - the person at the terminal has to know what Ctrl-C did
                "\ndanlu: running trials stop at their next report and can be resumed; "
                "press Ctrl-C again to stop at once.",
                file=sys.stderr,
            )
            if number == signal.SIGINT:
                self._drain(DRAINING, hurry=False)
            else:
                self._drain("asked to leave by SIGTERM", hurry=True)
        self._raise()
