"""A store in this process's memory: the fastest, gone with the process, and the model for the others."""

from __future__ import annotations

import math
import shutil
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ..contracts.protocols import Terms
from ..errors import CorruptError, Fenced, Outrun, StudyBusy, StudyExists, StudyMissing
from ..journal.events import Asked, Entry, Event
from ..journal.written import name_of, written
from .seal import busy, twice

CLOSED = (-1, "", math.inf)
"""The lease of a trial that is over: no attempt holds it and none can take it."""


class MemoryStore:
    """Journals in lists. Threads may share it.

    Args:
        lease_seconds: how long a lease lasts without being renewed.
        clock: seconds that never go back; tests pass their own.

    Example:
        >>> MemoryStore().studies()
        []
    """

    def __init__(self, *, lease_seconds: float = 60.0, clock: Callable[[], float] = time.monotonic) -> None:
        self.lease_seconds = lease_seconds
        self._clock = clock
        self._journals: dict[str, MemoryJournal] = {}
        self._folder = ""

    @property
    def blobs(self) -> str:
        """A temporary folder that lives as long as the store."""
        if not self._folder:
            self._folder = tempfile.mkdtemp(prefix="danlu-")
            self._remove = weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        return self._folder

    def studies(self) -> list[str]:
        """The names of all studies."""
        return list(self._journals)

    def create(self, name: str, event: Event) -> MemoryJournal:
        """A new study with its first event."""
        return self.adopt(name, [(None, event)])

    def adopt(self, name: str, events: Iterable[tuple[str | None, Event]]) -> MemoryJournal:
        """A new study with all these events, or none."""
        if name_of(name) in self._journals:
            raise StudyExists(f"there is a study {name!r} already. Open it, or choose another name.")
        journal = MemoryJournal(self.lease_seconds, self._clock)
        for pair in events:
            _, fresh = journal.append([pair], Terms())
            if not fresh:
                raise CorruptError(twice(pair[0]))
        return self._journals.setdefault(name, journal)

    def delete(self, name: str, *, force: bool = False) -> None:
        """Remove a study, unless trials of it are under way."""
        held = self.journal(name).held()
        if held and not force:
            raise StudyBusy(busy(name, len(held)))
        self._journals.pop(name).gone = True

    def journal(self, name: str) -> MemoryJournal:
        """The journal of an existing study."""
        if name not in self._journals:
            raise StudyMissing(
                f"there is no study {name!r}. There are: {', '.join(self._journals) or 'none'}."
            )
        return self._journals[name]

    def close(self) -> None:
        """Remove the temporary folder."""
        if self._folder:
            self._remove()
            self._folder = ""


class MemoryJournal:
    """One study's events in a list, and its leases in a dict."""

    def __init__(self, lease_seconds: float, clock: Callable[[], float]) -> None:
        self._entries: list[Entry] = []
        self._ops: dict[str, int] = {}
        self._leases: dict[int, tuple[int, str, float]] = {}
        self._trials = 0
        self._lease_seconds = lease_seconds
        self._clock = clock
        self._lock = threading.Lock()
        self.gone = False

    def __getstate__(self) -> Any:
        raise TypeError("a memory store cannot be sent to another process. Use a SQLite file.")

    def read(self, after: int) -> Iterator[Entry]:
        """All entries above ``after``."""
        return iter(self._entries[after:])

    def append(self, events: Sequence[tuple[str | None, Event]], terms: Terms) -> tuple[int, bool]:
        """Append as one, on these terms."""
        written(events)  # what no file could keep, this store does not take either
        with self._lock:
            first = events[0][0] if events else None
            if first is not None and first in self._ops:
                return self._ops[first], False
            self._check(terms)
            for op, event in events:
                seq = len(self._entries) + 1
                self._entries.append(Entry(seq, event, op))
                if op is not None:
                    self._ops[op] = seq
                self._trials += isinstance(event, Asked)
            for trial in terms.drops:
                self._leases.pop(trial, None)
            for trial, attempt in terms.grants:
                self._leases[trial] = (attempt, terms.worker, self._clock() + self._lease_seconds)
            for trial in terms.closes:
                self._leases[trial] = CLOSED
            return len(self._entries), True

    def renew(self, worker: str) -> None:
        """Extend all leases of a worker."""
        with self._lock:
            until = self._clock() + self._lease_seconds
            for trial, (attempt, owner, _) in self._leases.items():
                if owner == worker:
                    self._leases[trial] = (attempt, owner, until)

    def orphans(self, running: Sequence[int]) -> list[int]:
        """Those of the running trials whose lease is absent or expired."""
        now = self._clock()
        held = {trial for trial, (_, _, until) in self._leases.items() if until >= now}
        return [trial for trial in running if trial not in held]

    def held(self) -> list[int]:
        """The trials whose lease is in force."""
        now = self._clock()
        return [trial for trial, (attempt, _, until) in self._leases.items() if attempt >= 0 and until >= now]

    def _check(self, terms: Terms) -> None:
        if self.gone:
            raise StudyMissing("the study has been deleted.")
        if terms.trials is not None and terms.trials != self._trials:
            raise Outrun(f"trial {terms.trials} is taken; the study has {self._trials} trials.")
        for trial, attempt in terms.holds:
            held = self._leases.get(trial)
            if held is None or held[0] != attempt:
                raise Fenced(fenced(trial, attempt))
        for trial, attempt in terms.takes:
            held = self._leases.get(trial)
            if held is not None and (held[0] != attempt or held[2] >= self._clock()):
                raise Outrun(f"trial {trial} is held by another worker.")


def fenced(trial: int, attempt: int) -> str:
    """The sentence for a write under a lease that is over."""
    return (
        f"attempt {attempt} of trial {trial} is over: it ended, or another worker took it up. "
        "Drop it and ask for new work."
    )
