"""What a failure says: one sentence that names its root, one traceback, and whether two failures are alike.

Whatever an objective raises is somebody else's object: its text may be endless, or raise in turn. Everything here
gives a text all the same.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import sysconfig
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from .values import legible

HEAD, TAIL = 300, 600
"""Characters of a message that are kept from its start and from its end, where the cause often is."""

TRACE = 8_000
"""Characters of a traceback that are kept, most of them from its end."""

_OWN = str(Path(__file__).absolute().parent.parent)
_PLUMBING = str(Path(_OWN, "engines"))
_STANDARD = tuple(filter(None, (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"))))


class ProgramFailed(RuntimeError):
    """A program ended with a code other than 0, or did not print its metric; what it printed last stands for its traceback.

    ``signal`` is the one that killed it, 0 where it ended by itself; ``diverged`` says whether it gave its training up.
    """

    def __init__(self, message: str, printed: str, signal: int = 0, *, diverged: bool = False) -> None:
        super().__init__(message)
        self.printed, self.signal, self.diverged = printed, signal, diverged

    def __reduce__(self) -> tuple[Callable[..., ProgramFailed], tuple[str, str, int], dict[str, bool]]:
        return ProgramFailed, (str(self), self.printed, self.signal), {"diverged": self.diverged}


class NothingFound(ProgramFailed):
    """A program has not told a metric at all, which one that was taken up at its end need not do again."""


def sentence(error: BaseException) -> str:
    """The error, what it came from, and the deepest line of the user's own code; the line itself where there is no message.

    Example:
        >>> sentence(ValueError("no such optimizer"))
        'ValueError: no such optimizer'
    """
    root = _root(error)
    text = _named(error)
    if root is not error:
        text = f"{text}, from {_named(root)}"
    return legible(f"{text}{_place(root) or _place(error)}")


def trace_of(error: BaseException) -> str:
    """The traceback as text from the user's code on, cut in its middle when it is long.

    With DANLU_TRACEBACK=full in the environment danlu's own frames stay, and nothing is cut.
    """
    full = os.environ.get("DANLU_TRACEBACK") == "full"
    try:
        told = traceback.TracebackException.from_exception(error)
        if not full:
            _without_plumbing(told, set())
        whole = "".join(told.format())
    except BaseException:  # a formatter of the error's own
        whole = f"{_named(error)}\n"
    if isinstance(error, ProgramFailed) and not full:
        whole = (error.printed or message_of(error)) + "\n"
    return legible(whole if full else cut(whole, TRACE // 4, 3 * TRACE // 4))


def cut(text: str, head: int = HEAD, tail: int = TAIL) -> str:
    """A text without its middle when it is too long.

    Example:
        >>> cut("lbfgs supports only l2", 5, 7)
        'lbfgs ... only l2'
    """
    return text if len(text) <= head + tail + 5 else f"{text[:head]} ... {text[-tail:]}".replace("  ", " ")


def say(text: str, *, end: str = "\n") -> None:
    """A line on standard error, if there still is one: an objective may have closed it, or put anything in its place."""
    with contextlib.suppress(
        BaseException
    ):  # an interrupt that comes here is remembered by who handles the signal
        print(text, end=end, file=sys.stderr, flush=True)  # noqa: T201 - a person has to see it


def at_terminal() -> bool:
    """Whether standard error is a terminal; False where it is closed, missing, or something that cannot tell."""
    try:
        return bool(sys.stderr.isatty())
    except (
        Exception
    ):  # None has no isatty, a closed stream refuses, and what stands in its place may do anything
        return False


def kind_of(reason: str, params: Mapping[str, Any]) -> str:
    """What failures have in common that are alike: their sentence without numbers, paths, addresses and parameters' values.

    Example:
        >>> one = kind_of("ValueError: bad rate 0.1 at 0x7f31 (train.py:12)", {"lr": 0.1})
        >>> one == kind_of("ValueError: bad rate 0.25 at 0x7f88 (train.py:12)", {"lr": 0.25})
        True
        >>> one == kind_of("ValueError: bad rate 0.25 at 0x7f88 (train.py:80)", {"lr": 0.25})
        False
    """
    text, place = reason, ""
    found = re.search(r" \([^()]*:\d+\)$", reason)
    if found is not None:
        text, place = reason[: found.start()], found[0]
    for value in sorted({str(value) for value in params.values()}, key=len, reverse=True):
        if len(value) > 1:
            text = re.sub(rf"(?<!\w){re.escape(value)}(?!\w)", "#", text)
    text = re.sub(r"0x[0-9a-fA-F]+|\b[0-9a-f]{8,}\b", "#", text)
    text = re.sub(r"(?<![\w])/[^\s'\":,;()]+", "/", text)
    return re.sub(r"[-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?", "#", text) + place


def message_of(error: BaseException) -> str:
    """The error's own text in one line, '' when it has none or will not give it."""
    try:
        text = str(error)
    except BaseException as refusal:
        return f"its message cannot be read ({type(refusal).__name__} in __str__)"
    if len(text) > 4 * (HEAD + TAIL):
        text = cut(text, 2 * HEAD, 2 * TAIL)  # before it is split into words
    return cut(" ".join(text.split()))


def _named(error: BaseException) -> str:
    if isinstance(error, ProgramFailed):
        return message_of(error)
    text = message_of(error)
    return f"{type(error).__name__}: {text or _line(error)}".removesuffix(": ")


def _line(error: BaseException) -> str:
    """The line of the user's code where an error without a message was raised, '' where it only says so."""
    frame = _deepest(error)
    line = "" if frame is None or not frame.line else " ".join(frame.line.split())
    return "" if line.startswith("raise ") else legible(cut(line))


def _root(error: BaseException) -> BaseException:
    """Where a chain of errors began; in a group, with its first one."""
    seen = {id(error)}
    while True:
        group = getattr(error, "exceptions", None) if isinstance(error, BaseExceptionGroup) else None
        before = group[0] if group else error.__cause__
        if before is None and not error.__suppress_context__:
            before = error.__context__
        if before is None or id(before) in seen:
            return error
        seen.add(id(before))
        error = before


def _place(error: BaseException) -> str:
    frame = _deepest(error)
    return "" if frame is None else f" ({frame.filename.rpartition('/')[2]}:{frame.lineno})"


def _deepest(error: BaseException) -> traceback.FrameSummary | None:
    """The deepest frame of the user's own code, else of a library's; None where all is danlu's."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if not _foreign(frame.filename)]
    others = [frame for frame in frames if not frame.filename.startswith(_OWN)]
    return next((frame for frame in (*reversed(own), *reversed(others))), None)


def _without_plumbing(told: traceback.TracebackException, seen: set[int]) -> None:
    """Let the traceback, and those of the errors that it came from, begin where danlu called somebody's code."""
    if id(told) in seen:
        return
    seen.add(id(told))
    frames = list(told.stack)
    theirs = any(not _foreign(frame.filename) for frame in frames)
    plumbing = _OWN if theirs else _PLUMBING  # danlu's own networks are somebody's code too
    first = next((at for at, frame in enumerate(frames) if not frame.filename.startswith(plumbing)), 0)
    told.stack[:] = frames[first:]
    for other in (told.__cause__, told.__context__, *(told.exceptions or ())):
        if other is not None:
            _without_plumbing(other, seen)


def _foreign(file: str) -> bool:
    """Whether code is a library's."""
    return "site-packages" in file or file.startswith((_OWN, "<frozen", *_STANDARD))
