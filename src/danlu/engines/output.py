"""From what a program prints to a trial's curve: lines as they come, redrawn ones included, and the steps they belong to."""

from __future__ import annotations

import codecs
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ..base.failure import ProgramFailed
from ..errors import ObjectiveError
from ..runtime.live import LiveTrial
from .pattern import Found, Pattern, plain

SHOWN = 20
"""Lines of the end that are shown where none has matched."""

KEPT = 200
"""Lines of the beginning, and of the end, that are kept to say what came nearest to a match."""


class OutputLine(NamedTuple):
    """A line, or a draft of one: what a progress bar draws, to be drawn over."""

    text: str
    draft: bool = False


def lines(read: Callable[[], bytes]) -> Iterator[OutputLine]:
    r"""The lines of a program's output, without color codes.

    A carriage return ends a draft; a draft that is blank wipes the line, which ends it.

    Args:
        read: the next bytes, b"" at the end.

    Example:
        >>> chunks = iter([b"1/2 loss=0.5\r2/2 loss=0.25\nover\r", b"\n", b""])
        >>> [(line.text, line.draft) for line in lines(lambda: next(chunks))]
        [('1/2 loss=0.5', True), ('2/2 loss=0.25', False), ('over', False)]
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    rest, drafts = "", False
    while True:
        chunk = read()
        rest += decoder.decode(chunk, final=not chunk)
        if not chunk and rest.endswith("\r"):
            rest = rest[:-1] + "\n"
        parts = re.split(r"(\r+\n|\n|\r(?=[^\r\n]))", rest)
        rest = parts.pop()
        for text, mark in zip(parts[::2], parts[1::2], strict=True):
            text = plain(text).strip("\r")
            wiped = mark == "\r" and drafts and not text.strip()
            drafts = mark == "\r" and not wiped
            if mark != "\r" or text.strip() or wiped:
                yield OutputLine(text, draft=drafts)
        if not chunk:
            if rest or drafts:
                yield OutputLine(plain(rest).strip("\r"))
            return


class PrintedCurve:
    """Values as they are printed, reported to a trial step by step.

    Lines without a step are counted from 1: the first metric that comes again begins a new step. Where other lines say the
    step, they belong to the one before, or to the next when they came before the first. A progress bar's drafts are one
    line, whose last value counts. Where a step is printed several times its last value counts, which is known when the next one
    begins; the first step is held back until then, later ones only where the first was repeated.

    Args:
        trial: to report to.
        patterns: of the lines.
        why: for metrics of the goal, which way they go and why.
    """

    def __init__(self, trial: LiveTrial, patterns: Sequence[Pattern], why: Mapping[str, str]) -> None:
        self._trial, self._patterns, self._why = trial, patterns, why
        self._names = {name for pattern in patterns for name in pattern.names}
        self._stepped = any(pattern.steps for pattern in patterns)
        self._step: int | None = None
        self._told, self._last = -1, dict[str, float]()
        self._all: dict[int, dict[str, float]] = {}
        self._open: dict[str, float] = {}
        self._holds: bool | None = None
        self._ahead: set[int] = set()
        self._next: dict[str, float] = {}
        self._drafts: dict[int, tuple[Found, str]] = {}
        self._redrawn: set[int] = set()
        self._seen: set[int] = set()
        self._kinds: dict[int, tuple[frozenset[str], str]] = {}
        self._mixed: set[int] = set()
        self._first: list[str] = []
        self._recent: deque[str] = deque(maxlen=KEPT)

    def read(self, line: OutputLine) -> None:
        """Take in one line.

        Raises:
            ObjectiveError: for steps that go back or are no whole numbers.
        """
        (self._first if len(self._first) < KEPT else self._recent).append(line.text)
        for at, pattern in enumerate(self._patterns):
            found = pattern.find(line.text)
            if found is not None and found.step is None:
                if at in self._drafts and self._drafts[at][0].values != found.values:
                    self._redrawn.add(at)
                self._drafts[at] = found, line.text
            elif found is not None:
                self._take(at, found, line.text)
        if not line.draft:
            drafts, self._drafts = self._drafts, {}
            self._settle(drafts)

    def close(self, program: str) -> None:
        """Report what is open.

        Raises:
            ProgramFailed: when a pattern has matched nothing, with the line that came nearest.
        """
        self._settle(self._drafts)
        for at, pattern in enumerate(self._patterns):
            if at not in self._seen:
                printed = [*self._first, *self._recent]
                near = pattern.nearest(printed)
                ended = next((text.strip() for text in reversed(printed) if text.strip()), "")
                near = near or (f"it ended with {ended[:200]!r}" if ended else "it printed nothing")
                raise ProgramFailed(
                    f"no line of {program} matched {pattern.text!r}: {near}", "\n".join(printed[-SHOWN:])
                )
        self._report()

    def _settle(self, drafts: Mapping[int, tuple[Found, str]]) -> None:
        """Take what a line has come to; of one that was redrawn with other values the last counts, which is said."""
        for at, (found, text) in drafts.items():
            self._take(at, found, text)
            if at in self._redrawn:
                self._trial.remark(f"redraws of {self._patterns[at].text}", _redraws(self._patterns[at]))

    def _compare(self, at: int, text: str) -> None:
        """Say once in a study that lines with other words in them match as well: they may be about something else."""
        if at in self._mixed:
            return
        words = frozenset(word.lower() for word in re.findall(r"[^\W\d_]{3,}", text))
        first = self._kinds.setdefault(at, (words, text))
        if first[0] != words:
            self._mixed.add(at)
            self._trial.remark(
                f"lines of {self._patterns[at].text}",
                f"lines of several kinds match {self._patterns[at].text!r}, in whatever case, and make one curve: {first[1].strip()[:120]!r} and "
                f"{text.strip()[:120]!r}. To tell them apart, write more of the line.",
            )

    def _take(self, at: int, found: Found, text: str) -> None:
        self._compare(at, text)
        step = found.step
        if step is not None and not (step >= 0 and step == int(step)):
            raise ObjectiveError(
                f"{{step}} has to be a whole number >= 0, got {step:g} in {text.strip()[:200]!r}. Leave {{step}} out, and each line "
                "is a step."
            )
        if step is None and not self._stepped:
            if self._open.keys() & found.values.keys():
                self._report()
            self._step = max(self._told, 0) + 1
        elif step is not None:
            told = self._all.get(int(step), {})
            if step < self._told and found.values.items() <= told.items():
                self._trial.remark(
                    "output repeated", f"a step that was reported before is printed again with the same value ({text.strip()[:200]!r}): "
                    "it counts once",
                )  # fmt: skip
                return
            self._turn(int(step), text)
        elif self._step is None or at in self._ahead:
            self._ahead.add(at)
            self._introduce(at, found, text)
            self._next |= found.values
            return
        self._introduce(at, found, text)
        if (
            self._step is not None
            and self._step == self._told
            and not self._open
            and self._same(found.values)
        ):
            return
        if self._open.keys() & found.values.keys():
            self._holds = True
        self._open |= found.values
        if self._open.keys() == self._names and (not self._stepped or self._holds is False):
            self._report()

    def _turn(self, step: int, text: str) -> None:
        """Begin a step, if it is another one."""
        if self._step is not None and step != self._step:
            if self._open and self._holds is None:
                self._holds = False
            self._report()
        if step < self._told:
            raise ObjectiveError(
                f"{{step}} has to rise, and went from {self._told} back to {step} in {text.strip()[:200]!r}. A program that "
                "trains several times, as over folds, begins its steps anew: have it print a line with the average over them, and match "
                "that. Or match a number that counts on. Without {step} each line is a step."
            )
        self._step = step
        self._open, self._next = self._open | self._next, {}

    def _same(self, values: Mapping[str, float]) -> bool:
        """Whether a step that was reported already is printed again; its first values count then, and later steps are held."""
        again = values.keys() & self._last.keys()
        if again and self._holds is False and any(self._last[name] != values[name] for name in again):
            self._holds = True
            self._trial.remark(
                "output again",
                f"step {self._told} was printed again after it was reported: its first value counts, of later steps the last",
            )
        return bool(again)

    def _introduce(self, at: int, found: Found, text: str) -> None:
        """Say once in a study how the first matched line is read."""
        if at in self._seen:
            return
        self._seen.add(at)
        values = " and ".join(f"{name} {value:g}" for name, value in found.values.items())
        step = f"step {self._step}"
        if at in self._ahead:
            step = "the step that the next line says"
        elif found.step is None:
            step += " (of the line before)" if self._stepped else " (counted: each such line is a step)"
        why = "".join(f", {name} is {self._why[name]}" for name in found.values if name in self._why)
        more = f"; {found.places} places of it match, the first counts" if found.places > 1 else ""
        said = f"first matched line {text.strip()[:200]!r}: {values} at {step}{why}{more}"
        self._trial.remark(f"output of {self._patterns[at].text}", said)

    def _report(self) -> None:
        values, self._open = self._open, {}
        if values and self._step is not None:
            self._told, self._last = self._step, values
            self._all[self._step] = values
            self._trial.report(self._step, **values)


def _redraws(pattern: Pattern) -> str:
    remedy = repr("{step}/{*}" + pattern.text) if pattern.parts else "by a group named step"
    return (
        f"a line that {pattern.text!r} matches is redrawn with other values: they are one step, whose last value counts. "
        f"To make a step of each, match the counter that is drawn with it: {remedy}"
    )
