"""The files of a study's trials, checkpoints and folders, and which of them may go."""

from __future__ import annotations

from ..journal.history import History
from ..runtime.blobs import Blobs
from ..runtime.folders import Folders
from .copies import Copies


class TrialFiles:
    """Drops what only the best trials keep.

    Args:
        history: says which trials keep theirs.
        blobs: where checkpoints are.
        folders: where trials' own files are.
        copies: what other studies still need.
    """

    def __init__(self, history: History, blobs: Blobs, folders: Folders, copies: Copies) -> None:
        self.blobs = blobs
        self.folders = folders
        self._history = history
        self._copies = copies

    def sweep(self) -> None:
        """Drop what the history has let go of."""
        rows = self._history.rows
        self.blobs.drop(self._copies.spare(rows.checkpoints.sweep()))
        for number in rows.checkpoints.vacate():
            if not rows[number].cut_off and not self._history.incumbents.keeps(number):
                self.folders.drop(number)

    def leave(self, number: int) -> None:
        """A trial's code has ended here: if a verdict ended it, its folder may go only now."""
        if not self._history.incumbents.keeps(number):
            self.folders.drop(number)
