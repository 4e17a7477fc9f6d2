"""Which checkpoints and files of trials the journal names still, by how many trials; those that nobody names any more are garbage."""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from .trial import AttachedFile, Checkpoint


class Holder(Protocol):
    """What names checkpoints and files: the row of a trial."""

    checkpoints: list[Checkpoint] | None
    files: dict[str, AttachedFile] | None


class CheckpointRefs:
    """Counts the names of checkpoints as they are given to trials and taken from them.

    Attributes:
        digests: how many trials name each checkpoint and each file.
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
            self._release(checkpoint.digest)
        row.checkpoints = kept

    def attach(self, row: Holder, file: AttachedFile) -> None:
        """Give a trial a file, in place of the one that it has by this name."""
        before = (row.files or {}).get(file.name)
        self.digests[file.digest] += 1
        row.files = (row.files or {}) | {file.name: file}
        if before is not None:
            self._release(before.digest)

    def refuse(self, digest: str) -> None:
        """Give nobody what a worker attached whose attempt was over."""
        self.digests[digest] += 1
        self._release(digest)

    def _release(self, digest: str) -> None:
        self.digests[digest] -= 1
        if not self.digests[digest]:
            del self.digests[digest]
            self.garbage.append(digest)

    def sweep(self) -> list[str]:
        """The garbage, which is then the caller's."""
        garbage, self.garbage = self.garbage, []
        return garbage

    def vacate(self) -> list[int]:
        """The trials whose folders may go, which are then the caller's."""
        vacated, self.vacated = self.vacated, []
        return vacated
