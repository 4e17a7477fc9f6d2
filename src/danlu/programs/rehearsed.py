"""A rehearsal that ran to its end, kept to be a study's first trial: what it printed and wrote is read by the metric that was chosen after it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from ..base import rng
from ..runtime.live import LiveTrial
from .checkpoints import ProgramCheckpoints
from .printed.output import OutputLine
from .series.record import RunRecord
from .series.rehearsal import TRIAL, Rehearsal
from .sources.base import RunFolders
from .sources.curve import Readings

_WORK, _LINES = "work", "lines.msgpack"


class RehearsedRun(msgspec.Struct, frozen=True):
    """A run that has ended well, as it lies on this machine.

    Attributes:
        folder: where it lies.
        params: the values that it trained.
        context: what it was evaluated in.
        seed: of the study whose first trial it is.
        seconds: how long it took.
        token: a word that no other run has.
    """

    folder: str
    params: dict[str, Any]
    context: dict[str, Any]
    seed: int
    seconds: float
    token: str

    def stands_for(self, trial: LiveTrial) -> bool:
        """Whether a trial that begins would train the very same, and it is still here."""
        asked = (trial.number, trial.attempt, trial.params, dict(trial.context), trial.seed)
        own = (0, 1, self.params, self.context, rng.key(self.seed, 0, "objective") % 2**31)
        return asked == own and self.there

    @property
    def there(self) -> bool:
        """Whether it lies on this machine, and is no trial yet."""
        return Path(self.folder, TRIAL).is_dir()

    def tell(self, trial: LiveTrial, reads: Readings, why: Mapping[str, str], own: Mapping[str, str]) -> None:
        """Report it as a trial, whose folder it becomes, with the seconds that it took.

        Args:
            trial: that it stands for.
            reads: what is read of it.
            why: for metrics of the goal, which way they go and why.
            own: what holes in a path stand for.

        Raises:
            ProgramFailed: when a metric is not found in it.
        """
        trial.remark(
            "rehearsal",
            f"trial 0 is the rehearsal: it trained for {self.seconds:.1f} s before the metric was chosen, and is not run again",
        )
        shutil.copytree(Path(self.folder, TRIAL), trial.dir, dirs_exist_ok=True, symlinks=True)
        shutil.rmtree(Path(self.folder, TRIAL))
        folders = RunFolders(trial.dir, Path(self.folder, _WORK), past=True, own=own)
        folders.token = self.token
        told = _Retold(trial, ProgramCheckpoints(trial))
        curve = reads.begin(told, folders, why)
        for line, seconds in self._lines():
            told.seconds = seconds
            if not line.draft:
                print(line.text)  # noqa: T201 - the trial's log
            curve.read(line)
        told.seconds = self.seconds
        curve.close("the rehearsal")
        told.charge()

    def _lines(self) -> list[tuple[OutputLine, float]]:
        kept = Path(self.folder, _LINES).read_bytes()
        return msgspec.msgpack.decode(kept, type=list[tuple[OutputLine, float]])


def kept(
    rehearsal: Rehearsal, params: Mapping[str, Any], context: Mapping[str, Any], seed: int
) -> RehearsedRun:
    """Keep a rehearsal that ended by itself, of which every line is there.

    Args:
        rehearsal: as it was run.
        params: the values that it trained.
        context: what it was evaluated in.
        seed: of its study.
    """
    record: RunRecord = rehearsal.record
    for path, below in record.written().items():
        if not path.is_relative_to(record.folders.folder):
            record.copied(path, rehearsal.folder / _WORK / below)
    lines = list(zip(record.lines, record.seconds, strict=True))
    (rehearsal.folder / _LINES).write_bytes(msgspec.msgpack.encode(lines))
    return RehearsedRun(
        str(rehearsal.folder), dict(params), dict(context), seed, rehearsal.seconds, record.folders.token
    )


class _Retold:
    """A trial as what was rehearsed is reported to it: the seconds of each step are charged, the checkpoint is the one of the end."""

    def __init__(self, trial: LiveTrial, checkpoints: ProgramCheckpoints) -> None:
        self._trial, self._checkpoints = trial, checkpoints
        self.seconds = self._charged = 0.0

    def report(self, step: int, /, **metrics: float) -> None:
        """Report a step."""
        self.charge()
        self._checkpoints.note(step, always=True)
        self._trial.report(step, **metrics)

    def remark(self, about: str, sentence: str) -> None:
        """Say once how something is understood."""
        self._trial.remark(about, sentence)

    def fact(self, name: str, value: str) -> None:
        """Keep a fact of the trial."""
        self._trial.log({name: value})

    def charge(self) -> None:
        """Charge the seconds that it had run by now."""
        self._trial.charge(self.seconds - self._charged)
        self._charged = self.seconds
