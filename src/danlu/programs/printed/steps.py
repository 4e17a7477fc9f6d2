"""Values as they are read, reported to a trial step by step."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple, Protocol

from ...errors import ObjectiveError
from .pattern import Found


class Sink(Protocol):
    """Whoever a curve is reported to, as a trial is."""

    def report(self, step: int, /, **metrics: float) -> None:
        """Take the values of a step."""

    def remark(self, about: str, sentence: str) -> None:
        """Say once how something is understood."""

    def fact(self, name: str, value: str) -> None:
        """Keep a fact of the trial."""


class ReadPlace(NamedTuple):
    """Where a value was read.

    Attributes:
        of: the metric as it was asked for, ``loss={x}`` or ``csv:log.csv:loss``.
        text: what is shown of the place, ``'epoch 1 loss=0.5'`` or ``log.csv, row 1``.
        kind: how the first of its kind is announced.
        counted: what to write so that each value is a step.
    """

    of: str
    text: str
    kind: str
    counted: str


class StepCurve:
    """Makes steps of values.

    Values without a step are counted from 1: the first metric that comes again begins a new step. Where other values say the
    step, they belong to the one before, or to the next when they came before the first. Where a step is read several times its last
    value counts, which is known when the next one begins; the first step is held back until then, later ones only where the first was
    repeated.

    Args:
        sink: to report to.
        names: of the metrics.
        stepped: whether it is known that values say their steps.
        why: for metrics of the goal, which way they go and why.
        after: the step from which values without one are counted on.
    """

    def __init__(
        self, sink: Sink, names: Collection[str], *, stepped: bool, why: Mapping[str, str], after: int = 0
    ) -> None:
        self._after = after
        self._sink, self._names, self._stepped, self._why = sink, set(names), stepped, why
        self._step: int | None = None
        self._told, self._last = -1, dict[str, float]()
        self._all: dict[int, dict[str, float]] = {}
        self._open: dict[str, float] = {}
        self._holds: bool | None = None
        self._ahead: set[str] = set()
        self._next: dict[str, float] = {}
        self._seen: set[str] = set()

    def take(self, found: Found, place: ReadPlace) -> None:
        """Take in what was found.

        Raises:
            ObjectiveError: for steps that go back or are no whole numbers.
        """
        step, word = found.step, found.how or "{step}"
        if step is not None and not (step >= 0 and step == int(step)):
            raise ObjectiveError(
                f"{word} has to be a whole number >= 0, got {step:g} in {place.text}. {place.counted}, and each value is a step."
            )
        self._stepped = self._stepped or step is not None
        if step is None and not self._stepped:
            if self._open.keys() & found.values.keys():
                self.report()
            if self._after:
                self._sink.remark(
                    "counted on",
                    f"a program is taken up where {self._after} steps were counted, and they are counted on: where it begins anew, or skips one, "
                    "that is not so. Match the step that it prints, {step}, and it is exact.",
                )
            self._step = max(self._told, self._after) + 1
        elif step is not None:
            told = self._all.get(int(step), {})
            if step < self._told and found.values.items() <= told.items():
                self._sink.remark(
                    "output repeated", f"a step that was reported before is there again with the same value ({place.text}): "
                    "it counts once",
                )  # fmt: skip
                return
            self._turn(int(step), word, place)
        elif self._step is None or place.of in self._ahead:
            self._ahead.add(place.of)
            self._introduce(found, place)
            self._next |= found.values
            return
        self._introduce(found, place)
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
            self.report()

    def report(self) -> None:
        """Report the step that is open."""
        values, self._open = self._open, {}
        if values and self._step is not None:
            self._told, self._last = self._step, values
            self._all[self._step] = values
            self._sink.report(self._step, **values)

    def _turn(self, step: int, word: str, place: ReadPlace) -> None:
        """Begin a step, if it is another one."""
        if self._step is not None and step != self._step:
            if self._open and self._holds is None:
                self._holds = False
            self.report()
        if step < self._told:
            raise ObjectiveError(
                f"{word} has to rise, and went from {self._told} back to {step} in {place.text}. A program that "
                "trains several times, as over folds, begins its steps anew: have it print a line with the average over them, and match "
                f"that. Or take a number that counts on. {place.counted}, and each value is a step."
            )
        self._step = step
        self._open, self._next = self._open | self._next, {}

    def _same(self, values: Mapping[str, float]) -> bool:
        """Whether a step that was reported already is there again; its first values count then, and later steps are held."""
        again = values.keys() & self._last.keys()
        if again and self._holds is False and any(self._last[name] != values[name] for name in again):
            self._holds = True
            self._sink.remark(
                "output again",
                f"step {self._told} came again after it was reported: its first value counts, of later steps the last",
            )
        return bool(again)

    def _introduce(self, found: Found, place: ReadPlace) -> None:
        """Say once in a study how the first value is read."""
        if place.of in self._seen:
            return
        self._seen.add(place.of)
        values = " and ".join(f"{name} {value:g}" for name, value in found.values.items())
        step = f"step {self._step}" + (f" ({found.how})" if found.step is not None and found.how else "")
        if place.of in self._ahead:
            step = "the step that the next line says"
        elif found.step is None:
            step += (
                " (of the line before)" if self._stepped else f" (counted: each such {place.kind} is a step)"
            )
        why = "".join(f", {name} is {self._why[name]}" for name in found.values if name in self._why)
        more = f"; {found.places} places of it match, the first counts" if found.places > 1 else ""
        matched = "first matched line" if place.kind == "line" else "first value found in"
        self._sink.remark(f"output of {place.of}", f"{matched} {place.text}: {values} at {step}{why}{more}")
