"""Which checkpoints the journal names still, by how many trials; those that nobody names any more are garbage."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from .trial import Checkpoint


class Holder(Protocol):
    """What names checkpoints: the row of a trial."""

    checkpoints: list[Checkpoint] | None


class CheckpointRefs:
    """Counts the names of checkpoints as they are given to trials and taken from them.

    Attributes:
        digests: how many trials name each checkpoint.
        garbage: names that nobody has any more, since somebody last took them away.
        vacated: trials whose folders nobody keeps any more, since somebody last looked.
    """

    def __init__(self) -> None:
        self.digests: Counter[str] = Counter()
        self.garbage: list[str] = []
        self.vacated: list[int] = []

    def give(self, row: Holder, kept: list[Checkpoint] | None) -> None:
        """Give a trial these checkpoints instead of those it has."""
        for checkpoint in kept or ():
            self.digests[checkpoint.digest] += 1
        for checkpoint in row.checkpoints or ():
            self.digests[checkpoint.digest] -= 1
            if not self.digests[checkpoint.digest]:
                del self.digests[checkpoint.digest]
                self.garbage.append(checkpoint.digest)
        row.checkpoints = kept

    def sweep(self) -> list[str]:
        """The garbage, which is then the caller's."""
        garbage, self.garbage = self.garbage, []
        return garbage

    def vacate(self) -> list[int]:
        """The trials whose folders may go, which are then the caller's."""
        vacated, self.vacated = self.vacated, []
        return vacated
