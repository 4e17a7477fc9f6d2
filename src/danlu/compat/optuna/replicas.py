"""The studies of a store as an Optuna storage holds them: a journal each, its fold, and its heart."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from importlib import import_module
from itertools import islice
from typing import Any

from ...base.identity import identity
from ...contracts.protocols import Journal, Store, Terms
from ...errors import StudyMissing
from ...journal import events as ev
from ...problem.goal import Goal
from ...space.slots import SpaceSpec
from ...stores.memory import MemoryStore
from ...study.heartbeat import Heartbeat
from .frozen import Frozen
from .life import Things

EPOCH = 1_577_836_800_000
"""Milliseconds from 1970 to 2020, from where studies are numbered by their creation: the numbers fit into 64 bits, trials included."""

MOST = 1 << 22
"""Trials that a study can have."""


class Shelf:
    """One study: what its journal says, and how it is written.

    Args:
        name: of the study.
        number: in Optuna.
        journal: of the study.
        lease: seconds for which a trial is held.
        things: where this process may keep what no journal can; None where it may not.
    """

    def __init__(self, name: str, number: int, journal: Journal, lease: float, things: Things | None) -> None:
        self.name = name
        self.number = number
        self.things = things
        self.frozen = Frozen(self.trial_id, things)
        self._journal = journal
        self._lease = lease
        self._heart: Heartbeat | None = None
        self._mine: dict[int, int] = {}

    def attempt(self, number: int) -> int:
        """The attempt under which this process writes about a trial: the one that it began, else the newest."""
        return self._mine.get(number, self.frozen.held.attempts[number])

    def take(self, number: int, attempt: int) -> None:
        """This process runs a trial from here on."""
        self._mine[number] = attempt

    def trial_id(self, number: int) -> int:
        """What Optuna calls a trial."""
        return self.number * MOST + number

    def sync(self) -> None:
        """Read what others have written."""
        self.frozen.fold(list(self._journal.read(self.frozen.seq)))

    def append(self, events: Sequence[ev.Event], terms: Terms) -> None:
        """Write and read.

        Raises:
            Outrun, Fenced: as the journal does.
        """
        self._journal.append([(None, event) for event in events], terms)
        self.sync()

    def orphans(self, worker: str, among: Sequence[int] | None = None) -> list[int]:
        """The trials that run nowhere any more."""
        frozen = self.frozen
        others = [
            n
            for n in frozen.held.running
            if frozen.held.workers[n] != worker and (among is None or n in among)
        ]
        return self._journal.orphans(sorted(others)) if others else []

    def beat(self, worker: str) -> None:
        """Renew the leases of this process from here on; in memory nobody else could take them."""
        if self._heart is None and self.things is None:
            self._heart = Heartbeat(self._journal, worker, self._lease)

    def rest(self, worker: str | None = None) -> None:
        """Stop that, unless this worker still runs a trial."""
        busy = worker is not None and any(
            self.frozen.held.workers[n] == worker for n in self.frozen.held.running
        )
        if self._heart is not None and not busy:
            self._heart.stop()
            self._heart = None


class Replicas:
    """The studies of a store by their numbers in Optuna, which are those of their creation in milliseconds.

    Args:
        store: of danlu.

    Attributes:
        store: the same.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self._shelves: dict[int, Shelf] = {}
        self._newest = 0
        self._worker = ("", 0)

    def __getstate__(self) -> dict[str, Any]:
        if not isinstance(self.store, MemoryStore):
            return {"store": self.store}
        journals = {
            name: [(each.op, each.event) for each in self.store.journal(name).read(0)]
            for name in self.store.studies()
        }
        return {"journals": journals}

    def __setstate__(self, state: dict[str, Any]) -> None:
        store = state.get("store")
        if store is None:
            store = MemoryStore()
            for name, events in state["journals"].items():
                store.adopt(name, events)
        self.__init__(store)  # type: ignore[misc]

    @property
    def worker(self) -> str:
        """Who this process is."""
        if self._worker[1] != os.getpid():
            self._worker = identity(), os.getpid()
        return self._worker[0]

    def create(self, name: str, goal: Goal) -> int:
        """A new study.

        Raises:
            StudyExists: when there is one of that name.
            KeepError: when no store keeps that name.
        """
        number = max(round(time.time() * 1000) - EPOCH, self._newest + 1, *self.ids(), 0)
        number += number in self._shelves
        at = (number + EPOCH) / 1000
        version = str(import_module("danlu").__version__)
        self.store.create(name, ev.Created(SpaceSpec(), goal, 0, at, version))
        self._newest = number
        return self.id_of(name)

    def delete(self, number: int) -> None:
        """Remove a study.

        Raises:
            KeyError: when there is none of that number.
        """
        shelf = self.of(number)
        shelf.rest()
        self.store.delete(shelf.name, force=True)
        self._newest = max(self._newest, number)
        del self._shelves[number]

    def ids(self) -> list[int]:
        """The numbers of all studies, rising."""
        there = set(self.store.studies())
        self._shelves = {n: shelf for n, shelf in self._shelves.items() if shelf.name in there}
        known = {shelf.name for shelf in self._shelves.values()}
        for name in self.store.studies():
            if name not in known:
                self._open(name)
        return sorted(self._shelves)

    def id_of(self, name: str) -> int:
        """The number of the study of a name.

        Raises:
            KeyError: when there is none.
        """
        self.ids()
        for number, shelf in self._shelves.items():
            if shelf.name == name:
                return number
        raise KeyError(f"there is no study {name!r} in this store.")

    def of(self, number: int) -> Shelf:
        """A study, as it is now.

        Raises:
            KeyError: when there is none of that number.
        """
        if number not in self._shelves and number not in self.ids():
            raise KeyError(f"there is no study of the number {number} in this store.")
        try:
            self._shelves[number].sync()
        except StudyMissing as error:
            self._shelves.pop(number).rest()
            raise KeyError(str(error)) from error
        return self._shelves[number]

    def trial(self, trial_id: int) -> tuple[Shelf, int]:
        """The study of a trial, and its number there.

        Raises:
            KeyError: when there is none.
        """
        shelf, number = self.of(trial_id // MOST), trial_id % MOST
        if number >= len(shelf.frozen.trials):
            raise KeyError(f"there is no trial of the number {trial_id} in this store.")
        return shelf, number

    def rest(self) -> None:
        """Let the hearts of studies stop of which nothing runs here."""
        for shelf in self._shelves.values():
            shelf.rest(self.worker)

    def close(self) -> None:
        """Let all hearts stop, and close the store."""
        for shelf in self._shelves.values():
            shelf.rest()
        self.store.close()

    def _open(self, name: str) -> None:
        try:
            journal = self.store.journal(name)
            first = next(islice(journal.read(0), 1), None)
        except StudyMissing:
            return
        if first is None or not isinstance(first.event, ev.Created) or first.event.campaign:
            return
        number = max(0, round(first.event.at * 1000) - EPOCH)
        while number in self._shelves:
            number += 1
        things: Things | None = {} if isinstance(self.store, MemoryStore) else None
        self._shelves[number] = Shelf(name, number, journal, self.store.lease_seconds, things)
