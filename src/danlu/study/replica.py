"""A journal with its folds: the history, and the states of sampler and scheduler.

The replica is where facts enter a process. Whatever is appended or read passes ``_fold`` once, in the
journal's order, so every worker that has read the same events holds the same states.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Callable, Iterator, Sequence
from itertools import takewhile

from ..contracts.protocols import Journal, Terms
from ..errors import Conflict, StoreGone
from ..journal.events import Entry, Event, Reshaped, SetAside
from ..journal.history import History
from ..problem.budget import Budget
from .algorithms import Algorithms
from .config import ResolvedConfig
from .trial_files import TrialFiles

Listener = Callable[[Sequence[Entry]], None]


class Replica:
    """One process's view of one study.

    Attributes:
        journal: that is read and written.
        history: what it says.
        algorithms: sampler and scheduler, as far as they have been told.
        files: checkpoints and folders of trials.
        listeners: called with the entries that have been folded.
    """

    def __init__(
        self, journal: Journal, history: History, settings: ResolvedConfig, files: TrialFiles
    ) -> None:
        self.journal = journal
        self.history = history
        self.files = files
        self.listeners: list[Listener] = []
        self._doubt = False
        history.fold(journal.read(history.seq))
        self.run_by(settings)

    def run_by(self, settings: ResolvedConfig) -> None:
        """Have these algorithms read the journal, from its start.

        Raises:
            SettingError: when one of them cannot serve this study; nothing has changed then.
        """
        algorithms = Algorithms(settings, self.history)
        self._settings, self.algorithms = settings, algorithms
        if algorithms.stateful:
            self._restate()

    @property
    def budget(self) -> Budget:
        """What the study may spend."""
        return self._settings.budget_of(self.history.definition)

    def sync(self) -> None:
        """Read and fold what others have appended."""
        self._fold(list(self.journal.read(self.history.seq)))

    def settle(self) -> None:
        """Read the journal if the last append failed in a way that leaves open whether it arrived."""
        if self._doubt:
            self.sync()
            self._doubt = False

    def append(self, events: Sequence[tuple[str | None, Event]], terms: Terms) -> bool:
        """Append and fold; False when the first operation was in the journal already.

        Raises:
            Outrun, Fenced: as the journal does.
        """
        self._doubt = True
        try:
            last, written = self.journal.append(events, terms)
        except Conflict:
            self._doubt = False
            raise
        self._doubt = False
        first = last - len(events) + 1
        if written and first <= self.history.seq:
            raise StoreGone(
                f"the journal has {first - 1} events, and {self.history.seq} had been read: the store was replaced by an older one while "
                "the study ran. Nothing more is written into it; restore the newer one, and run the same call again."
            )
        if written and first == self.history.seq + 1:
            pairs = enumerate(events, first)
            self._fold([Entry(seq, event, op) for seq, (op, event) in pairs])
        else:
            self.sync()
        self.files.sweep()
        return written

    def _fold(self, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        if self.algorithms.stateful:
            for entry in entries:
                self.history.fold((entry,))
                if isinstance(entry.event, SetAside | Reshaped):
                    self._restate()
                else:
                    self.algorithms.tell(entry.event, self.history)
        else:
            self.history.fold(entries)
        for listener in self.listeners:
            listener(entries)

    def _restate(self) -> None:
        """Fold the journal once more from its start and tell the algorithms all that counts, as if there were nothing else."""
        self.algorithms.restart()
        again = History(self.history.definition.constraints)
        entries = takewhile(lambda entry: entry.seq <= self.history.seq, self.journal.read(0))
        with collection_paused():
            for entry in entries:
                again.fold((entry,))
                self.algorithms.tell(entry.event, again)


@contextlib.contextmanager
def collection_paused() -> Iterator[None]:
    """No garbage collection while a long journal is folded: all that is made there is kept."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
