"""Speaks with danlu for a program that is held at its parser, and watches that it does nothing else meanwhile."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
from collections.abc import Callable
from typing import Any

PLAIN = (bool, int, float, str, type(None))


class Reader:
    """Speaks with danlu through two pipes."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.fixed: list[str] = told["fixed"]
        self.staged: bool = told["staged"]
        self.folders = [os.path.abspath(folder) for folder in told["folders"]]
        self.questions = os.fdopen(told["read"], "r")
        self.answers = os.fdopen(told["write"], "w")
        self.last_resort: Callable[[], None] | None = None
        self.note = ""
        self.done = False

    def say(self, answer: dict[str, Any]) -> None:
        print(json.dumps(answer, default=str), file=self.answers, flush=True)

    def end(self, flags: list[dict[str, Any]], kind: str, check: Any) -> None:
        """Answer, and answer questions until nobody asks any more; the program never goes on."""
        self.done = True
        signal.alarm(0)
        self.say({"flags": flags, "kind": kind, "checks": check is not None, "note": self.note})
        for line in self.questions:
            complaint = io.StringIO()
            try:
                with contextlib.redirect_stderr(complaint), contextlib.redirect_stdout(complaint):
                    values = check(json.loads(line))
                self.say({"values": {name: plain(value) for name, value in values.items()}})
            except BaseException as error:  # parsers leave by SystemExit, and types may raise anything
                told = [text.strip(" \t│╭╮╰╯─") for text in complaint.getvalue().splitlines()]
                told = [text for text in told if text and not text.startswith("For full help")]
                last = [text for text in told if "rror" in text or "nvalid" in text][-1:] or told[-1:]
                said = "" if isinstance(error, SystemExit) else f"{type(error).__name__}: {error}"
                self.say({"error": said or (last[0] if last else "the parser refused")})
        os._exit(0)

    def refuse(self, sentence: str) -> None:
        if self.last_resort is not None:
            self.note = sentence
            self.last_resort()
        self.done = True
        self.say({"error": sentence})
        os._exit(0)

    def watch(self, event: str, args: tuple[Any, ...]) -> None:
        """A program that writes beside its script before it has parsed its arguments does something else than parsing."""
        if event != "open" or self.done or not isinstance(args[0], str):
            return
        mode, flags = args[1], args[2]
        writes = (isinstance(mode, str) and set(mode) & set("wax+")) or (
            isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        )
        path = os.path.abspath(args[0])
        if (
            writes
            and "__pycache__" not in path
            and any(path.startswith(folder + os.sep) for folder in self.folders)
        ):
            self.refuse(f"it opens {args[0]} for writing before it reads its arguments")


def plain(value: Any) -> Any:
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    inner = getattr(value, "value", None)
    return {
        "text": str(value),
        "name": getattr(value, "name", None),
        "value": inner if isinstance(inner, PLAIN) else None,
    }
