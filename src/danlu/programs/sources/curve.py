"""The curve of a trial, from all that its metrics are read from."""

from __future__ import annotations

import math
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from ..printed.curve import PrintedCurve
from ..printed.output import OutputLine
from ..printed.steps import ReadPlace, Sink, StepCurve
from .base import RunFolders, Source, SourceRemark, SourceValue
from .renamed import told_apart
from .spec import source_of

TRAINING = frozenset({"train", "training", "trn"})
"""Words of metrics that are of the training itself."""

POLL_SECONDS = 0.2
"""How often files are looked at while a program runs."""

FEW = 3
"""Values that are alike before they are called a constant."""


class RunCurve(Protocol):
    """Whoever takes in what one run of a program prints and writes."""

    @property
    def polls(self) -> bool:
        """Whether there are files to look at."""

    def read(self, line: OutputLine) -> None:
        """Take in a line of the program's output."""

    def poll(self) -> None:
        """Take in what files have more, if it is time to look."""

    def close(self, program: str) -> None:
        """Take in what is left after the program's end."""


class Readings(Protocol):
    """What is read of a program."""

    def told(self, folders: RunFolders) -> Mapping[str, str]:
        """Environment variables that a run has to be given."""

    def begin(self, trial: Sink, folders: RunFolders, why: Mapping[str, str], after: int = 0) -> RunCurve:
        """Begin to read a run, before it is started; lines without a step are counted on after ``after``."""


class MetricSources:
    """The metrics of a program, and what each is read from.

    Args:
        metrics: as in ``source_of``.

    Raises:
        ObjectiveError: for what names no source, and where two give one metric.
    """

    def __init__(self, metrics: Sequence[str]) -> None:
        self.sources = told_apart([source_of(text) for text in metrics])
        self.names = tuple(name for source in self.sources for name in source.names)
        self.doubts = {name: why for source in self.sources for name, why in source.doubts.items()}

    @property
    def main(self) -> str:
        """The metric that is meant when none is named: what ``{x}`` is, else the first that is not of the training itself."""
        for source in self.sources:
            if source.main:
                return source.main
        tested = [name for name in self.names if not TRAINING & set(re.split(r"[\W_]+", name.lower()))]
        return (tested or self.names)[0]

    def told(self, folders: RunFolders) -> Mapping[str, str]:
        """Environment variables that a run has to be given."""
        return {name: value for source in self.sources for name, value in source.told(folders).items()}

    def begin(self, trial: Sink, folders: RunFolders, why: Mapping[str, str], after: int = 0) -> RunCurve:
        """Begin to read a run, before it is started; lines without a step are counted on after ``after``."""
        return TrialCurve(trial, self.sources, folders, why, after)


class TrialCurve:
    """What a program prints and writes, reported to its trial step by step.

    Where metrics come from several places, a step is reported when all places of the goal's metrics have come to it.

    Args:
        trial: to report to.
        sources: of the metrics.
        folders: where the program may write.
        why: for metrics of the goal, which way they go and why.
        after: the step from which lines without one are counted on.
    """

    def __init__(
        self,
        trial: Sink,
        sources: Sequence[Source],
        folders: RunFolders,
        why: Mapping[str, str],
        after: int = 0,
    ) -> None:
        self._watch = MetricWatch(trial, sources)
        patterns = [pattern for source in sources if (pattern := source.pattern()) is not None]
        files = [(source, follower) for source in sources if (follower := source.follow(folders)) is not None]
        groups = [{name for pattern in patterns for name in pattern.names}] if patterns else []
        groups += [set(source.names) for source, _ in files]
        merged = MergedSteps(self._watch, groups, set(why))
        self._merged = merged
        self._printed = PrintedCurve(merged.part(0), patterns, why, after) if patterns else None
        self._files = [
            (source, follower, StepCurve(merged.part(at), source.names, stepped=False, why=why))
            for at, (source, follower) in enumerate(files, 1 if patterns else 0)
        ]
        for source in sources:
            if source.late:
                trial.remark(f"late {source.text}", f"{source.text}: {source.late}")
        self._next = 0.0

    @property
    def polls(self) -> bool:
        """Whether there are files to look at."""
        return bool(self._files)

    def read(self, line: OutputLine) -> None:
        """Take in a line of the program's output.

        Raises:
            ObjectiveError: for steps that make no sense.
        """
        if self._printed is not None:
            self._printed.read(line)

    def poll(self) -> None:
        """Take in what files have more, if it is time to look.

        Raises:
            ObjectiveError: for steps that make no sense.
            ProgramFailed: for files that cannot be told apart, or hold something else.
        """
        if not self._files or time.monotonic() < self._next:
            return
        for source, follower, steps in self._files:
            self._take(source, steps, follower.poll())
        self._merged.looked()
        self._next = time.monotonic() + POLL_SECONDS

    def close(self, program: str) -> None:
        """Report what is left, and say what looks wrong.

        Raises:
            ProgramFailed: when a metric was never found.
        """
        self._merged.hold()
        try:
            if self._printed is not None:
                self._printed.close(program)
            for source, follower, steps in self._files:
                self._take(source, steps, follower.close())
                steps.report()
        finally:  # what was found counts although something else was not
            self._merged.close()
        self._watch.close()

    def _take(self, source: Source, steps: StepCurve, read: Iterable[SourceValue | SourceRemark]) -> None:
        for each in read:
            if isinstance(each, SourceRemark):
                self._watch.remark(each.about, each.sentence)
            else:
                steps.take(each.found, ReadPlace(source.text, each.place, "value", source.counted))


class MergedSteps:
    """Steps from several places in one order.

    A step is reported when each place of the goal has said it or a later one, and the others have too or were looked at once more
    since: a program writes one after the other. What the others say of a step that was reported is left out, which is said.

    Args:
        sink: to report to.
        groups: the names that each place has.
        goal: the names of the goal; all names where it is empty.
    """

    def __init__(self, sink: Sink, groups: Sequence[set[str]], goal: set[str]) -> None:
        self._sink = sink
        leading = [at for at, names in enumerate(groups) if not goal or names & goal]
        self._leading = frozenset(leading or range(len(groups)))
        self._heads = dict.fromkeys(range(len(groups)), -1.0)
        self._single = len(groups) == 1
        self._waiting: dict[int, dict[str, float]] = {}
        self._told, self._settled = -1, -1.0
        self._held = False

    def part(self, at: int) -> Sink:
        """Where one of the places reports."""
        return self._sink if self._single else MergedPart(self, at)

    def remark(self, about: str, sentence: str) -> None:
        """Say once how something is understood."""
        self._sink.remark(about, sentence)

    def fact(self, name: str, value: str) -> None:
        """Keep a fact of the trial."""
        self._sink.fact(name, value)

    def take(self, at: int, step: int, values: Mapping[str, float]) -> None:
        """Take in what a place says of a step."""
        if step <= self._told:
            self._sink.remark(
                f"late {', '.join(values)}",
                f"{', '.join(values)} of step {step} came after step {self._told} was reported, and is left out of the curve",
            )
            return
        self._waiting[step] = self._waiting.get(step, {}) | dict(values)
        self._heads[at] = max(self._heads[at], step)
        if not self._held:
            self._report(min(self._heads.values()))

    def looked(self) -> None:
        """Report what waited for places that were looked at once more and had nothing."""
        self._report(self._settled)
        self._settled = min(self._heads[at] for at in self._leading)

    def hold(self) -> None:
        """Report nothing more until the end, as all places are read to theirs."""
        self._held = True

    def close(self) -> None:
        """Report all that waits."""
        self._report(math.inf)

    def _report(self, to: float) -> None:
        for step in sorted(step for step in self._waiting if step <= to):
            self._told = step
            self._sink.report(step, **self._waiting.pop(step))


class MergedPart:
    """One of the places of merged steps."""

    def __init__(self, merged: MergedSteps, at: int) -> None:
        self._merged, self._at = merged, at

    def report(self, step: int, /, **metrics: float) -> None:
        """Take the values of a step."""
        self._merged.take(self._at, step, metrics)

    def remark(self, about: str, sentence: str) -> None:
        """Say once how something is understood."""
        self._merged.remark(about, sentence)

    def fact(self, name: str, value: str) -> None:
        """Keep a fact of the trial."""
        self._merged.fact(name, value)


class MetricWatch:
    """Passes on what is reported, and says at the end which metrics look like something else.

    Args:
        sink: to report to.
        sources: of the metrics.
    """

    def __init__(self, sink: Sink, sources: Sequence[Source]) -> None:
        self._sink = sink
        self._once = {name for source in sources if source.once for name in source.names}
        self._values: dict[str, tuple[int, float, bool]] = {}

    def report(self, step: int, /, **metrics: float) -> None:
        """Take the values of a step."""
        for name, value in metrics.items():
            count, first, same = self._values.get(name, (0, value, True))
            self._values[name] = count + 1, first, same and value == first
        self._sink.report(step, **metrics)

    def remark(self, about: str, sentence: str) -> None:
        """Say once how something is understood."""
        self._sink.remark(about, sentence)

    def fact(self, name: str, value: str) -> None:
        """Keep a fact of the trial."""
        self._sink.fact(name, value)

    def close(self) -> None:
        """Say what looks wrong: constants, and what came once where steps were expected."""
        for name, (count, first, same) in self._values.items():
            if count >= FEW and same:
                self._sink.remark(
                    f"constant {name}",
                    f"{name} was {first:g} at each of {count} steps: a constant tells no trial from another. If something else is meant, "
                    "name it by another --metric",
                )
            if count == 1 and name not in self._once:
                self._sink.remark(
                    f"once {name}",
                    f"{name} was found once in a trial, so no trial can be stopped early: for that it has to come once a step, as after each "
                    "epoch",
                )
