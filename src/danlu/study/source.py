"""Which study a result is of, and its journal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..contracts.protocols import Journal, Store
from ..errors import StoreError
from ..journal.events import Entry


class Left:
    """What a result has of the store once it was pickled: where its checkpoints are. Its journal is read by the study alone."""

    def __init__(self, blobs: Any) -> None:
        self.blobs = blobs

    def journal(self, name: str) -> Journal:
        """No journal.

        Raises:
            StoreError: always.
        """
        raise StoreError(
            f"this is a pickled result of {name!r}, which does not follow its journal. Open the study: "
            "danlu.open_study(store=..., name=...).result."
        )


class StudySource:
    """The study that a result is of.

    Attributes:
        name: its name in its store.
        stopped: why the last session ended, as a sentence; '' while it runs.
    """

    def __init__(self, name: str, store: Store | Left, stopped: str = "") -> None:
        self.name = name
        self.stopped = stopped
        self._store = store

    def entries(self, after: int = 0) -> Iterator[Entry]:
        """The journal's entries above a sequence number, for whoever follows the study; each exactly once, in order."""
        return self._store.journal(self.name).read(after)
