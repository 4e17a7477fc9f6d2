"""How a command leaves that worked on a study: its exit code says whether the study has come to something."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator, Sequence
from typing import Any

import click

from .echo import echo


@contextlib.contextmanager
def told_of_sigterm() -> Iterator[None]:
    """Have SIGTERM end the study and not the command, which still prints what has been found."""
    from ..study.handled import handled

    with handled((signal.SIGTERM,), lambda *_: None):
        yield


def leave(result: Any, ended: Sequence[int]) -> None:
    """Say what the exit code means, and leave with it: 130 after Ctrl-C, 143 after SIGTERM, 1 when no trial worked.

    Args:
        result: of a study, its ``stopped`` set.
        ended: the trials that have come to an end in this call.
    """
    if result.study.stopped.startswith("asked to leave"):
        raise click.exceptions.Exit(143)
    if result.study.stopped.startswith("interrupted"):
        raise click.exceptions.Exit(130)
    if result.analysis.fruitless and not any(result.history.rows.live):
        echo(f"danlu: {result.analysis.fruitless}", err=True)
        raise click.exceptions.Exit(1)
    if not ended:
        echo("danlu: this call has ended no trial; what is shown is from earlier ones.", err=True)
