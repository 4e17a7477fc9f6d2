"""Who may speak in a trial's name: one thread at a time, in the process that runs it, until it is over."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from ..base.turns import Turns
from ..errors import Fenced, ReportError


class Voice:
    """A trial's right to speak.

    Args:
        trial: its number.
        attempt: which attempt this is.
    """

    def __init__(self, trial: int, attempt: int) -> None:
        self._trial, self._attempt = trial, attempt
        self._process = os.getpid()
        self._turns = Turns()
        self._finished = False

    def finish(self) -> None:
        """Let nobody speak any more; who is speaking now is heard first."""
        self._finished = True
        with self._turns.take():
            pass

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """While one speaks, the others wait.

        Raises:
            ReportError: for a process that the trial has forked.
            Fenced: for a thread that outlives it.
        """
        if os.getpid() != self._process:
            raise ReportError(
                f"this process was forked by the one that runs trial {self._trial}, and only that one can report, save, log or "
                "draw. Hand the values back to it, through a queue or a pipe."
            )
        with self._turns.take():
            if self._finished:
                raise Fenced(
                    f"attempt {self._attempt} of trial {self._trial} is over: its objective has returned, and a thread that it left "
                    "behind still speaks. End or join such threads before the objective returns."
                )
            yield
