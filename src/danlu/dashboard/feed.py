"""Follows journals for the page: each study is folded once, in parts, for as long as somebody looks at it.

Reading is all it does to a store, a few thousand events at a time, so no writer ever waits for it.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Generator
from itertools import islice

from ..contracts.protocols import Store
from ..errors import CorruptError, DanluError
from ..journal.events import Entry
from ..journal.history import History

PART = 4000
"""Events that are read and folded in one go, about 30 ms; requests are answered between two parts."""

LOOKED_AT = 15.0
"""Seconds after which a study that nobody asks about is no longer followed."""


class Feed:
    """One study: its history, as far as it has been read.

    Attributes:
        name: the study's.
        history: folded so far; hold ``lock`` to read it.
        lock: held while events are folded or looked at.
        whole: whether all has been read that there was when it was last looked.
        damage: what is wrong with the journal, '' while it can be read.
    """

    def __init__(self, store: Store, name: str) -> None:
        self.name = name
        self.journal = store.journal(name)
        self.history = History()
        self.lock = threading.Lock()
        self._reading = threading.Lock()
        self.whole = False
        self.damage = ""
        self.wanted = 0.0
        self.broken = False

    def read(self) -> int:
        """Read and fold the next part; how many events that were.

        What stops it (damage, a database that is away, events of a newer danlu) is said in ``damage``; what is sound
        before it is folded.
        """
        with self._reading:  # two readers at once would fold the same events twice
            return self._read()

    def _read(self) -> int:
        entries: list[Entry] = []
        damage = ""
        part = self._entries()
        try:
            for entry in islice(part, PART):
                entries.append(entry)  # noqa: PERF402 - what came before an error counts
        except DanluError as error:
            damage = str(error)
        finally:
            part.close()  # at once: an open cursor would keep the store's log from shrinking
        before = self.history.seq
        with self.lock:
            try:
                self.history.fold(entries)
            except CorruptError as error:
                self.give_up(str(error))
                return self.history.seq - before
        self.whole, self.damage = len(entries) < PART, damage
        return len(entries)

    def want(self) -> None:
        """Somebody asks about this study."""
        self.wanted = time.monotonic()

    def give_up(self, why: str) -> None:
        """Read no further, and say why."""
        self.damage, self.broken = why, True

    @property
    def looked_at(self) -> bool:
        """Whether somebody has asked about this study of late."""
        return not self.broken and time.monotonic() - self.wanted < LOOKED_AT

    def _entries(self) -> Generator[Entry, None, None]:
        yield from self.journal.read(self.history.seq)


class Feeds:
    """All studies of a store, followed by one thread while somebody looks at them.

    Args:
        store: whose studies.
        every: seconds between two looks at a study that has been read to its end (above 0).
    """

    def __init__(self, store: Store, *, every: float = 0.5) -> None:
        self.store = store
        self._every = every
        self._feeds: dict[str, Feed] = {}
        self._guard = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def names(self) -> list[str]:
        """The names of the store's studies."""
        return self.store.studies()

    def of(self, name: str) -> Feed:
        """The feed of a study, which is read from now on.

        Raises:
            StudyMissing: when the store has none by that name.
        """
        with self._guard:
            if name not in self._feeds:
                self._feeds[name] = Feed(self.store, name)
            feed = self._feeds[name]
            feed.want()
            if self._thread is None:
                self._thread = threading.Thread(target=self._follow, name="danlu-feeds", daemon=True)
                self._thread.start()
        return feed

    def close(self) -> None:
        """Stop following."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(timeout=5)

    def _follow(self) -> None:
        while not self._ended.is_set():
            behind = False
            for feed in [feed for feed in list(self._feeds.values()) if feed.looked_at]:
                try:
                    feed.read()
                except (
                    Exception
                ) as error:  # a defect: said on this study's page, and no other page stands still for it
                    traceback.print_exc()
                    feed.give_up(
                        f"danlu cannot follow this study: {type(error).__name__}: {error}. Please report it."
                    )
                behind = behind or not (feed.whole or feed.damage)
                self._ended.wait(0.002)  # lets a request have the lock
            if not behind:
                self._ended.wait(self._every)
