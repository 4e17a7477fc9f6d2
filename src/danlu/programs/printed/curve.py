"""From what a program prints to a trial's curve."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from typing import Protocol

from ...base.failure import NothingFound
from .kinds import LineKinds
from .output import OutputLine
from .pattern import Found, UnreadNumber
from .steps import ReadPlace, Sink, StepCurve
from .units import LineUnits
from .unread import UnreadLines

SHOWN = 20
"""Lines of the end that are shown where none has matched."""

KEPT = 200
"""Lines of the beginning, and of the end, that are kept to say what came nearest to a match."""


class LinePattern(Protocol):
    """Finds metrics in lines; made anew for each trial, as it may remember the lines before.

    Attributes:
        text: as it was asked for.
        names: of its metrics.
        steps: whether each line that matches says its step.
        counted: what to write so that each line is a step.
        redrawn: what to write so that each redrawing of a progress bar is a step.
    """

    text: str
    names: tuple[str, ...]
    steps: bool

    @property
    def counted(self) -> str:
        """What to write so that each line is a step."""

    @property
    def redrawn(self) -> str:
        """What to write so that each redrawing of a progress bar is a step."""

    def find(self, line: str) -> Found | None:
        """The step and the values in a line; None where they are not in it."""

    def unread(self, line: str) -> UnreadNumber | None:
        """What stands in a line that matches in place of its number; None for other lines."""

    def nearest(self, lines: Sequence[str]) -> str:
        """The line that comes nearest to a match, and why it is none; '' where none does."""


class PrintedCurve:
    """Values as they are printed, reported to a trial step by step.

    A progress bar's drafts are one line, whose last value counts; which step a value belongs to is said by ``StepCurve``.

    Args:
        trial: to report to.
        patterns: of the lines.
        why: for metrics of the goal, which way they go and why.
        after: the step from which lines without one are counted on.
    """

    def __init__(
        self, trial: Sink, patterns: Sequence[LinePattern], why: Mapping[str, str], after: int = 0
    ) -> None:
        self._trial, self._patterns = trial, patterns
        names = {name for pattern in patterns for name in pattern.names}
        stepped = any(pattern.steps for pattern in patterns)
        self._curve = StepCurve(trial, names, stepped=stepped, why=why, after=after)
        self._drafts: dict[int, tuple[Found, str]] = {}
        self._redrawn: set[int] = set()
        self._seen: set[int] = set()
        self._kinds = LineKinds(trial, [pattern.text for pattern in patterns])
        self._unread = UnreadLines(trial, patterns)
        self._units = LineUnits(trial)
        self._first: list[str] = []
        self._recent: deque[str] = deque(maxlen=KEPT)

    def read(self, line: OutputLine) -> None:
        """Take in one line.

        Raises:
            ObjectiveError: for steps that go back or are no whole numbers, for numbers with a decimal comma and for units that change.
        """
        (self._first if len(self._first) < KEPT else self._recent).append(line.text)
        if not line.draft:
            self._kinds.pass_by(line.text)
        for at, pattern in enumerate(self._patterns):
            found = pattern.find(line.text)
            if found is None and not line.draft:
                self._unread.missed(at, line.text)
            if found is not None and found.step is None:
                if at in self._drafts and self._drafts[at][0].values != found.values:
                    self._redrawn.add(at)
                self._drafts[at] = found, line.text
            elif found is not None:
                self._take(at, found, line.text, draft=line.draft)
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
                raise NothingFound(
                    f"no line of {program} matched {pattern.text!r}: {near}", "\n".join(printed[-SHOWN:])
                )
        self._unread.close()
        self._units.close()
        self._curve.report()

    def _settle(self, drafts: Mapping[int, tuple[Found, str]]) -> None:
        """Take what a line has come to; of one that was redrawn with other values the last counts, which is said."""
        for at, (found, text) in drafts.items():
            self._take(at, found, text)
            if at in self._redrawn:
                pattern = self._patterns[at]
                self._trial.remark(
                    f"redraws of {pattern.text}",
                    f"a line that {pattern.text!r} matches is redrawn with other values: they are one step, whose last value counts. "
                    f"To make a step of each, match the counter that is drawn with it: {pattern.redrawn}",
                )

    def _take(self, at: int, found: Found, text: str, *, draft: bool = False) -> None:
        pattern = self._patterns[at]
        if not draft:
            self._kinds.read(at, text, found.step)
            self._unread.read(at, text, found.values)
            self._units.read(text, found.values)
        self._seen.add(at)
        self._curve.take(found, ReadPlace(pattern.text, repr(text.strip()[:200]), "line", pattern.counted))
