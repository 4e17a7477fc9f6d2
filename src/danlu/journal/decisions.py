"""What was decided about a study while it ran, by people and by itself."""

from __future__ import annotations

from typing import Any

from . import events as ev


class Decisions:
    """Orders, and what the study says of itself.

    Attributes:
        log: each decision in a sentence, with its time in Unix seconds.
        chosen: what each algorithm has chosen to do last, and why.
        halted: a person's order to pause or stop, None where the study may go on.
        pruned: trials that a person wants ended, and how the study says so.
        queue: configurations that a person wants tried, the next one first.
        trace: the traceback of the trials that were set aside last.
        tags: words by which the study is found again.
    """

    def __init__(self) -> None:
        self.log: list[tuple[float, str]] = []
        self.chosen: dict[str, str] = {}
        self.halted: ev.Steered | None = None
        self.pruned: dict[int, str] = {}
        self.queue: list[dict[str, Any]] = []
        self.trace = ""
        self.tags: tuple[str, ...] = ()

    def steer(self, event: ev.Steered) -> None:
        """A person gave an order."""
        if event.order == "prune":
            self.pruned[event.trial] = str(event)
        else:
            self.halted = None if event.order == "resume" else event
        about = f"trial {event.trial} to be " if event.order == "prune" else ""
        self.note(event, about + str(event))

    def note(self, event: ev.Event, sentence: str) -> None:
        """Keep a sentence about an event."""
        self.log.append((event.at, sentence))
