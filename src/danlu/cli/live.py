"""The live view: a few calm lines that redraw in place; plain lines where there is no terminal."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..analysis.pace import duration
from ..base.failure import at_terminal
from ..journal.events import Ended, Entry, Reported, Status, Steered
from ..journal.history import History
from .board import Board, board
from .echo import drawn, echo, visible
from .spelled import spelled

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

    from ..study.replica import Replica


_OVER = tuple(status.name.lower() for status in Status if status >= Status.DONE)


class LiveView:
    """Follows one replica while it is entered."""

    def __init__(self, name: str, replica: Replica) -> None:
        self._name = name
        self._replica = replica
        self._drawn = 0.0
        self._live: Live | None = None

    def __enter__(self) -> LiveView:
        if at_terminal():
            from rich.console import Console
            from rich.live import Live

            self._live = Live(console=Console(stderr=True), auto_refresh=False)
            self._live.start()
            self._draw()
        self._replica.listeners.append(self._see)
        return self

    def __exit__(self, *exc: object) -> None:
        self._replica.listeners.remove(self._see)
        if self._live is not None:
            self._draw()
            self._live.stop()

    def _see(self, entries: Sequence[Entry]) -> None:
        if self._live is None:
            for entry in entries:
                line = event_line(entry, self._replica.history)
                if line:
                    echo(line, err=True)
        elif time.monotonic() - self._drawn > 0.1:
            self._draw()

    def _draw(self) -> None:
        history = self._replica.history
        if self._live is not None:
            now = board(self._name, history, self._replica.budget)
            self._live.update(render(now, self._live.console.encoding), refresh=True)
        self._drawn = time.monotonic()


def event_line(entry: Entry, history: History) -> str:
    """A line for an event that ends a trial, or halts the study or lets it go on; '' for the others."""
    event = entry.event
    if isinstance(event, Steered) and event.order != "prune":
        return f"the study was {event}"
    if isinstance(event, Ended) or (isinstance(event, Reported) and event.action == 2):
        row = history.rows.of(event.trial)
        first = history.goal.metrics[0].name
        value = (row.metrics or {}).get(first)
        shown = "" if value is None else f" {first}={value:.6g}"
        best = _place(history, event.trial)
        why = f": {spelled(row.reason)}" if row.reason else ""
        return f"trial {event.trial} {row.status.name.lower()}{shown}{best}{why}"
    return ""


def _place(history: History, number: int) -> str:
    if len(history.goal.metrics) > 1:
        return " (on the front)" if number in history.incumbents.front else ""
    return " (best)" if history.incumbents.best == number else ""


def _outlook(now: Board, over: int) -> str:
    """How long it takes, or why nobody waits."""
    if now.pace.halted:
        return "paused" if now.pace.halted.startswith("paused") else "stopped"
    if now.pace.left is None or (now.total is not None and over >= now.total):
        return ""
    return f"{duration(now.pace.left)} left"


def render(now: Board, encoding: str) -> RenderableType:
    """The board as rich draws it, in what the terminal's encoding can show."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    over = sum(count for state, count in now.counts.items() if state in _OVER)
    head = Table.grid(padding=(0, 2))
    total = now.total or max(now.asked, 1)
    mark = drawn("丹", encoding)
    head.add_row(
        Text(visible(f"{mark} {now.name}"), style="bold"),
        ProgressBar(total=total, completed=over, width=30),
        f"{over}/{now.total or '?'}",
        str(now.pace) or "-",
        Text(_outlook(now, over), style="bold yellow" if now.pace.halted else ""),
    )
    states = "  ".join(f"{count} {state}" for state, count in sorted(now.counts.items()))
    lines: list[RenderableType] = [head, Text(states or "starting", style="dim")]
    if now.pace.halted:
        lines.append(
            Text(
                visible(f"{now.pace.halted}; go on with: danlu steer STORE resume {now.name}"),
                style="bold yellow",
            )
        )
    if now.best:
        label = "" if now.best.startswith("front") else "best  "
        lines.append(Text(visible(f"{label}{now.best}"), style="green"))
    curves = Table.grid(padding=(0, 2))
    for number, step, newest, spark in now.curves:
        curves.add_row(f"trial {number}", f"step {step}", newest, Text(drawn(spark, encoding), style="cyan"))
    return Group(*lines, curves)
