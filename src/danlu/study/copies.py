"""What copies of a study in the same store still need.

A study's checkpoints hold its name, so two studies never save the same bytes. A copy, as ``danlu import`` makes it, names the
checkpoints of the study that was exported; either may go on, and neither may take from the other what it still names.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

from ..contracts.protocols import Journal, Store
from ..errors import CorruptError, StudyMissing
from ..journal import events as ev
from ..journal.history import History


class Copies:
    """Follows those studies of a store that began with the same event as this one.

    Args:
        store: where to look for them.
        name: the study whose copies they are.
    """

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._name = name
        self._began: bytes | None = None
        self._others: dict[str, History | None] = {}

    def spare(self, digests: Iterable[str]) -> list[str]:
        """Those of the checkpoints that no copy names; none while a copy is damaged, as what it names is not known then.

        Raises:
            StoreError: when the store cannot be read.
        """
        found = list(digests)
        if not found:
            return []
        names = [each for each in self._store.studies() if each != self._name]
        self._others = {
            each: self._others[each] if each in self._others else self._begun(each) for each in names
        }
        for name, history in self._others.items():
            if history is None:
                continue
            try:
                history.fold(self._store.journal(name).read(history.seq))
            except StudyMissing:  # deleted since its name was read
                continue
            except CorruptError:  # who works on the copy, or checks it, is told
                return []
            found = [digest for digest in found if digest not in history.rows.checkpoints.digests]
        return found

    def _begun(self, name: str) -> History | None:
        """An empty history for a copy, to be read; None for any other study."""
        if self._began is None:
            self._began = _first(self._store.journal(self._name))
        with contextlib.suppress(StudyMissing):  # deleted since its name was read
            if _first(self._store.journal(name)) == self._began:
                return History()
        return None


def _first(journal: Journal) -> bytes | None:
    """A journal's first event; None when it is damaged: nobody could open it."""
    try:
        return next((ev.encode(entry.event) for entry in journal.read(0)), None)
    except CorruptError:
        return None
