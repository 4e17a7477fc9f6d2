"""The trial as the objective sees it: read parameters, report, save, restore, log.

What it says goes through its attempt, which the engine holds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, overload

import msgspec

from ..base.values import Value, legible, real, shaped, shown
from ..contracts.messages import (
    Attach,
    Drawn,
    Message,
    Moving,
    Note,
    Reply,
    Save,
    Suggest,
    Tag,
    Task,
)
from ..errors import (
    CorruptError,
    ReportError,
    SpaceError,
    StoreError,
)
from ..journal.tags import checked_tags
from ..space.parameters import Choice, Float, Int, Leaf
from . import checkpoint
from .attachments import attachment, file_name, put_file
from .attempt import Attempt
from .blobs import blobs_at
from .given import GivenTrial
from .reporting import numbers, parsed, plain_fact, whole


class LiveTrial(GivenTrial):
    """One running trial: a read-only mapping of its parameters that can also report, save and log.

    A copy, or what arrives in another process, holds the parameters and cannot report.
    """

    def __init__(self, attempt: Attempt) -> None:
        super().__init__(attempt.task, attempt.values)
        self._speaks = attempt
        self._charged = 0.0
        self._counts = False

    def __reduce__(self) -> tuple[Any, ...]:
        return _detached, (msgspec.structs.replace(self._task, lists={}, named=()), self._values.held())

    @property
    def saved(self) -> tuple[Any, ...] | None:
        """The parts of the newest readable checkpoint as plain data; None when there is none."""
        found = self._newest()
        return None if found is None else tuple(found[1])

    @overload
    def suggest(self, name: str, parameter: Float) -> float: ...
    @overload
    def suggest(self, name: str, parameter: Int) -> int: ...
    @overload
    def suggest(self, name: str, parameter: Choice) -> Any: ...
    def suggest(self, name: str, parameter: Leaf) -> Any:
        """Draw a parameter by name; a name in the declared space gives the value it has there.

        Raises:
            SpaceError: when the name is known with a parameter that cannot be reconciled, or cannot be written.
        """
        if legible(name) != name:
            raise SpaceError(
                f"a parameter needs a name that can be written as UTF-8, got {name!r}. Name it otherwise."
            )
        reply = self._speaks.say(Suggest(self.number, self.attempt, name, parameter))
        assert isinstance(reply, Drawn)
        value = shaped(reply.value, "")
        self._values[name] = parameter.given(value) if isinstance(parameter, Choice) else value
        return self._values[name]

    def report(
        self,
        step: float | Mapping[str, Any] | None = None,
        value: float | Mapping[str, Any] | None = None,
        /,
        **metrics: Any,
    ) -> None:
        """Say how training goes after ``step`` (a whole number that rises); several metrics at once.

        ``report(3, loss=0.2)``, ``report(3, {"val/loss": 0.2})`` and, where there is one goal, ``report(3, 0.2)``; a step that is
        left out, ``report(loss=0.2)``, is the next one. Metrics that the goal does not name and that are no numbers are kept
        as facts.

        Returns when the result is durable. May not return at all: the scheduler can stop or pause the
        trial here, which unwinds the objective with ``TrialStopped`` or ``TrialPaused``.

        Raises:
            ReportError: when the step falls back, a metric contradicts an earlier report or is no number, or the
                arguments can be read in two ways.
            Fenced: when another worker has taken the trial over.
        """
        at, given = parsed(step, value, metrics, self._task.goal)
        values, facts = numbers(given, self._task.goal)
        with self._speaks.voice.turn():
            if at is None and not self._counts:
                self._counts = True
                self.remark("steps", "reports without a step are counted: each is one step after the last")
            if facts:
                self.log(facts)
            self._speaks.send(self._speaks.reported + 1 if at is None else at, values)

    def move(
        self,
        step: int | Mapping[str, Any] | None = None,
        values: Mapping[str, Any] | None = None,
        /,
        *,
        reason: str = "",
        **more: Any,
    ) -> None:
        """Change parameters while the trial runs: ``trial.move(epoch, lr=trial["lr"] / 10, reason="a plateau")``.

        ``trial["lr"]`` is the new value from here on. Move before you save: a checkpoint holds what was moved before it, so an attempt
        that takes the trial up there goes on with those values, and moves the later ones once more. Numbers may leave the range that is
        searched. The change is an event; samplers go on learning from the point that the trial began with, and
        ``result.trials[n].schedule`` says after which step which values held.

        Args:
            step: the last one that was trained with the values before; the one reported last when left out.
            values: by name, beside or in place of arguments.
            reason: why, for the record.
            more: values by name.

        Raises:
            SpaceError: for a name that the trial does not have, a value of another type, a broken constraint, and for what cannot
                change: switches with parameters of their own, and choices of things by name.
            ReportError: for a step that is not a whole number from 0 to 2**53.
        """
        given = dict(step) if isinstance(step, Mapping) else {}
        given |= {**(values or {}), **more}
        if not given:
            raise ReportError("trial.move needs a parameter and its new value, trial.move(epoch, lr=0.001).")
        at = self._speaks.reported if step is None or isinstance(step, Mapping) else whole(step, "trial.move")
        reply = self._speaks.say(Moving(self.number, self.attempt, at, given, legible(reason)))
        assert isinstance(reply, Drawn)
        for name, value in reply.value.items():
            self._values[name] = shaped(value, "")

    def save(self, step: int, *things: Any) -> None:
        """Keep a checkpoint of things with ``state_dict``, arrays, dicts, lists or bytes.

        Save before the report of the same step: a pause happens in the report.

        Raises:
            ReportError: for a step that is not a whole number from 0 to 2**53.
            StoreError: when it cannot be written; the study ends then, and the same call goes on with this trial.
        """
        if self._task.mute:
            return
        at = whole(step, "trial.save")
        data = checkpoint.pack([[self.number, self.attempt, at, self._task.study, self._task.seed], *things])
        digest = self._put(f"a checkpoint of {len(data)} bytes", lambda: blobs_at(self._task.blobs).put(data))
        self._speaks.say(Save(self.number, self.attempt, at, digest, len(data)))

    def attach(
        self, name: str | Path, data: bytes | bytearray | memoryview | str | Path | None = None
    ) -> str:
        """Keep a file with the trial: ``trial.attach("confusion.png")``, ``trial.attach("notes.txt", text.encode())``.

        It lives as long as the study, whether the trial is among the best or not; the page shows images and text and offers the rest
        for download. A file of the same name replaces it, so a later attempt may attach its own.

        Args:
            name: of the file; a path of its own when nothing else is given, of which the last part is the name. What not every system can
                have in a name is replaced, and names of more than 100 characters are cut.
            data: its bytes, or the path of a file.

        Returns:
            The name under which it is kept.

        Raises:
            ReportError: for a file that cannot be read or has more than 100 MiB, and when the trial has 100 files.
            StoreError: when it cannot be written; the study ends then, and the same call goes on with this trial.
        """
        given, raw = attachment(name, data)
        kept = file_name(given)
        if self._task.mute:
            return kept
        digest = self._put(
            f"the file {kept} of {len(raw)} bytes",
            lambda: put_file(blobs_at(self._task.blobs), self._task, kept, raw),
        )
        self._speaks.say(Attach(self.number, self.attempt, kept, digest, len(raw)))
        return kept

    def _put(self, what: str, write: Callable[[], str]) -> str:
        """Write a blob.

        Raises:
            StoreError: when it cannot be written.
        """
        try:
            return write()
        except OSError as error:
            self._speaks.unsaved = (
                f"{what} cannot be written to {self._task.blobs}: {error}. Nothing acknowledged is lost; make room, "
                "or end what keeps the folder from being written, and make the same call again."
            )
            raise StoreError(self._speaks.unsaved) from error

    def restore(self, *things: Any) -> int:
        """Load the newest readable checkpoint into ``things``; return its step, 0 when fresh."""
        found = self._newest()
        if found is None:
            return 0
        step, parts = found
        checkpoint.load(parts, things)
        return step

    def log(self, facts: Mapping[str, Any] | None = None, /, **more: Any) -> None:
        """Keep facts beside the metrics: None, bools, numbers, strings, lists and dicts of them.

        Raises:
            ReportError: for a fact that no journal can keep.
        """
        plain = plain_fact({**(facts or {}), **more})
        self._speaks.say(Note(self.number, self.attempt, plain))

    def note(self, text: str) -> None:
        """Keep a remark with the trial, for people: ``result.trials[n].notes``, ``danlu show --trial`` and the page show it.

        The same remark again, of a later attempt, is kept once.
        """
        if text.strip():
            self._speaks.say(Note(self.number, self.attempt, {}, note=legible(text.strip())))

    def tag(self, *tags: str) -> None:
        """Put words on the trial by which it is found again: ``trial.tag("good")``, then ``tag: good`` as a filter of the page.

        Raises:
            SettingError: for what is no text of 1 to 60 characters on one line without a comma or ``|``.
        """
        self._speaks.say(Tag(self.number, self.attempt, checked_tags(tags)))

    def remark(self, about: str, sentence: str) -> None:
        """Say once in a study how something in it is understood: on stderr of whoever drives it, and in ``result.why()``.

        What was said ``about`` the same before stands.
        """
        self._speaks.say(Note(self.number, self.attempt, {legible(about): legible(sentence)}, study=True))

    def charge(self, cost: float) -> None:
        """Add to what this trial costs the budget; without a charge, its seconds count.

        Raises:
            ReportError: for what is not a finite number >= 0: a budget could not count it.
        """
        amount = real(cost)
        if amount is None or not 0 <= amount < math.inf or self._charged + amount == math.inf:
            raise ReportError(
                f"trial.charge needs a finite number >= 0, got {shown(cost)}. Charge what this trial has really cost."
            )
        self._charged += amount
        self._speaks.cost = self._charged

    def _newest(self) -> tuple[int, list[Any]] | None:
        for kept in self._task.checkpoints:
            try:
                self._speaks.reported = max(self._speaks.reported, kept.step)
                return kept.step, checkpoint.unpack(blobs_at(self._task.blobs).get(kept.digest))[1:]
            except CorruptError as error:
                self.log(skipped_checkpoint=kept.step, because=str(error))
        return None


def attempt_of(trial: LiveTrial) -> Attempt:
    """The attempt that a trial speaks through, for engines and integrations."""
    return trial._speaks  # noqa: SLF001 - what an objective needs none of


def _detached(task: Task, params: dict[str, Value]) -> LiveTrial:
    """A copy of a trial, which can be read and nothing else."""
    attempt = Attempt(task, _nobody)
    for name, value in params.items():
        attempt.values[name] = value
    return LiveTrial(attempt)


def _nobody(message: Message) -> Reply:
    raise ReportError(
        f"this is a copy of trial {message.trial}, which cannot report, save, log or draw. Do so with the trial that the "
        "objective was given."
    )
