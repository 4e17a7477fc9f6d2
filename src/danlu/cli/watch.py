"""``danlu watch``: follow a study from its journal, from any terminal, without touching it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import click

from ..base.places import without_secrets
from .echo import echo, echo_json

if TYPE_CHECKING:
    from ..contracts.protocols import Journal
    from ..journal.events import Entry
    from ..journal.history import History


@click.command()
@click.argument("store")
@click.argument("name", required=False)
@click.option("--once", is_flag=True, help="Print what there is and leave.")
@click.option("--json", "json_", is_flag=True, help="Events as JSON lines, the export's own format.")
@click.option("--every", type=float, default=0.5, show_default=True, help="Seconds between looks.")
def watch(store: str, name: str | None, once: bool, json_: bool, every: float) -> None:
    """Follow study NAME of STORE until it is closed; plain lines when not a terminal."""
    from ..journal.history import History
    from .show import existing

    opened = existing(store)
    chosen = name or next(iter(opened.studies()), None)
    if chosen is None:
        raise click.ClickException(f"{without_secrets(store)} holds no study yet.")
    journal, history = opened.journal(chosen), History()
    if sys.stdout.isatty() and not once and not json_:
        _live(chosen, journal, history, every)
    else:
        _lines(journal, history, _as_json if json_ else _as_words, every, once=once)


def _live(name: str, journal: Journal, history: History, every: float) -> None:
    from rich.live import Live

    from .board import board
    from .live import render

    with Live(auto_refresh=False) as screen:
        while True:
            entries = list(journal.read(history.seq))
            history.fold(entries)
            now = board(name, history)
            screen.update(render(now, screen.console.encoding), refresh=True)
            if _closed(entries):
                return
            time.sleep(every)


def _as_json(entry: Entry, history: History) -> None:
    """Print an event as the line that an export would hold."""
    from ..stores.jsonlines import line_of

    del history
    echo_json(line_of(entry).rstrip())


def _as_words(entry: Entry, history: History) -> None:
    """Print what there is to say of an event."""
    from .live import event_line

    line = event_line(entry, history)
    if line:
        echo(line)


def _lines(
    journal: Journal, history: History, show: Callable[[Entry, History], None], every: float, *, once: bool
) -> None:
    while True:
        entries = list(journal.read(history.seq))
        for entry in entries:
            history.fold((entry,))
            show(entry, history)
        if once or _closed(entries):
            return
        time.sleep(every)


def _closed(entries: Sequence[Entry]) -> bool:
    from ..journal.events import Closed

    return bool(entries) and isinstance(entries[-1].event, Closed)
