"""Ctrl-C: once asks running trials to checkpoint and leave, twice stops at once. SIGTERM asks too, and then ends the program.

The second one may only break into the user's own code, never into an append or a fold, so it is held
back until the driver says that the moment is safe.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from ..base.failure import say
from ..errors import Interrupted
from .handled import handled

DRAINING = "interrupted by Ctrl-C"

TERMINATED = 128 + signal.SIGTERM
"""The exit code of a program that SIGTERM has ended."""


class Interrupt:
    """While entered, the first SIGINT or SIGTERM calls ``drain(reason, hurry=...)``; the second raises Interrupted.

    SIGTERM is in a hurry: whoever sends it kills some time later. A signal that the program ignores stays ignored.
    """

    interrupts = True
    """Who asks for the handler of SIGINT sees by this that a Ctrl-C raises ``Interrupted``, and nothing else does."""

    def __init__(self, drain: Callable[..., None]) -> None:
        self._drain = drain
        self._count = 0
        self._safe = False
        self._asked = False
        self._before: dict[int, Any] = {}
        self._handled = contextlib.ExitStack()

    def __enter__(self) -> Interrupt:
        self._before = self._handled.enter_context(handled((signal.SIGINT, signal.SIGTERM), self._handle))
        return self

    def __exit__(self, *exc: object) -> None:
        self._handled.close()

    @contextlib.contextmanager
    def allowed(self, *, safe: bool) -> Iterator[None]:
        """Whether Interrupted may be raised inside; one that was held back is raised at the end."""
        before, self._safe = self._safe, safe
        self._raise()
        try:
            yield
        finally:
            self._safe = before
        self._raise()

    def pass_on(self) -> None:
        """Let SIGTERM, if it came, do what it would have done without a study: a handler of the program's own hears of it.

        Raises:
            SystemExit: with code 143, where the program has no handler of its own.
        """
        if not self._asked:
            return
        self._asked = False
        handler = self._before.get(signal.SIGTERM)
        if callable(handler):
            handler(signal.SIGTERM, None)
        else:
            raise SystemExit(TERMINATED)

    def _raise(self) -> None:
        if self._safe and self._count > 1:
            raise Interrupted

    def _handle(self, number: int, frame: FrameType | None) -> None:
        del frame
        self._count += 1
        self._asked = self._asked or number == signal.SIGTERM
        if self._count == 1:
            again = (
                "press Ctrl-C again to stop at once."
                if number == signal.SIGINT
                else "then this program ends."
            )
            say(f"\ndanlu: running trials stop at their next report and can be resumed; {again}")
            if number == signal.SIGINT:
                self._drain(DRAINING, hurry=False)
            else:
                self._drain("asked to leave by SIGTERM", hurry=True)
        self._raise()
