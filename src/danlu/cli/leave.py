"""How a command leaves that worked on a study: its exit code says whether the study has come to something."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import click

from ..core.events import Status


@contextlib.contextmanager
def told_of_sigterm() -> Iterator[None]:
    """Have SIGTERM end the study and not the command, which still prints what has been found."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def leave(result: Any, ended: Sequence[int]) -> None:
    """Say what the exit code means, and leave with it: 130 after Ctrl-C, 143 after SIGTERM, 1 when no trial worked.

    Args:
        result: of a study, its ``stopped`` set.
        ended: the trials that have come to an end in this call.
    """
    if result.stopped.startswith("asked to leave"):
        raise click.exceptions.Exit(143)
    if result.stopped.startswith("interrupted"):
        raise click.exceptions.Exit(130)
    why = fruitless(result)
    if why:
        click.echo(f"danlu: {why}", err=True)
        raise click.exceptions.Exit(1)
    if not ended:
        click.echo("danlu: this call has ended no trial; what is shown is from earlier ones.", err=True)


def fruitless(result: Any) -> str:
    """Why a study has no result, as a sentence; '' when it has one.

    Example:
        >>> import danlu
        >>> fruitless(danlu.tune(lambda t: float("nan"), {"x": danlu.Float(0, 1)}, trials=2))
        'no trial has a result: 2 of 2 failed, 2 of them so: value is nan. See them: result.why(), danlu show STORE NAME.'
        >>> fruitless(danlu.tune(lambda t: 1.0, {"x": danlu.Float(0, 1)}, trials=2))
        ''
    """
    history = result.history
    if history.front:
        return ""
    failed = [row for row in history.rows if row.status is Status.FAILED and not row.aside]
    if not failed:
        return "" if any(history.live) else "no trial has a result, as none has ended."
    reason, count = Counter(row.reason for row in failed).most_common(1)[0]
    return (
        f"no trial has a result: {len(failed)} of {history.counting} failed, {count} of them so: {reason.rstrip('.')}. "
        "See them: result.why(), danlu show STORE NAME."
    )
