"""What one process holds of an open study: journal and history, who answers its trials, who takes new ones, and its heart."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from ..base.failure import say
from ..base.identity import identity
from ..contracts.protocols import Scheduler, Store, Terms
from ..journal import events as ev
from ..journal.history import History
from ..journal.provenance import Provenance
from ..problem.fidelity import Fidelity
from ..runtime.blobs import blobs_at
from ..runtime.folders import Folders, logs_at
from .claims import Claims, TrialPolicy
from .config import StudyConfig, resolved
from .copies import Copies
from .heartbeat import Heartbeat
from .opening import StudyDefinition, agree, agree_contexts, find_journal
from .replica import Replica, collection_paused
from .responder import Responder
from .trial_files import TrialFiles


class Session:
    """One process's part in a study, for engines and drivers.

    Args:
        opening: the study as it is asked for here.
        store: where its journal is.
        settings: what the study is run by here.
        clock: seconds since 1970.
        trust: packages whose algorithms may be run by their stored names.

    Attributes:
        replica: journal, history and the algorithms' states.
        responder: answers running trials.
        claims: takes new and abandoned trials.
        worker: this process, as the journal names it.
        settings: what the study is run by here, with what its journal adds.
        provenance: what runs here, for the journal; None where nobody has said.
    """

    def __init__(
        self,
        opening: StudyDefinition,
        store: Store,
        settings: StudyConfig,
        *,
        clock: Callable[[], float] = time.time,
        trust: Sequence[str] = (),
    ) -> None:
        self.worker = identity()
        self.clock = clock
        self._store = store
        journal = find_journal(store, opening, clock())
        history = History(opening.space.constraints if opening.space else ())
        with collection_paused():
            history.fold(journal.read(0))
        reshaped = agree(history, opening, clock())
        if reshaped is not None:
            journal.append([(None, reshaped)], Terms(durable=True))
        contexts = history.definition.contexts if settings.contexts is None else settings.contexts
        agree_contexts(history, opening.name, contexts)
        settings = settings._replace(contexts=contexts)
        joined = history.definition.stored_config if opening.space is None else None
        self.settings = resolved(settings, joined, history.space, trust)
        if opening.past is not None:
            learned = opening.past(history, self.settings.sampler)
            if learned:
                journal.append(learned, Terms(durable=True))
        folders = Folders(store.blobs, opening.name)
        blobs, copies = blobs_at(store.blobs), Copies(store, opening.name)
        self.replica = Replica(journal, history, self.settings, TrialFiles(history, blobs, folders, copies))
        self.responder = Responder(self.replica, self.settings.trial_limits, clock)
        logs = str(logs_at(store.blobs, opening.name))
        self.claims = Claims(
            self.replica,
            self.worker,
            TrialPolicy(
                self.settings.trial_limits.retries,
                self.settings.trial_limits.attempt,
                logs,
                folders,
                opening.name,
                store.lease_seconds,
            ),
            clock,
        )
        self.provenance: Provenance | None = None
        self._heartbeat: Heartbeat | None = None

    def remark(self, about: str, sentence: str) -> None:
        """Say once in a study how something in it is understood: on stderr, and in ``result.why()``."""
        if about not in self.replica.history.decisions.chosen:
            say(sentence)
            self.replica.append(
                [(None, ev.Noted(-1, {about: sentence}, self.clock()))], Terms(worker=self.worker)
            )

    def reschedule(self, scheduler: Scheduler, fidelity: Fidelity | None = None) -> None:
        """Have another scheduler judge from here on, which is told of all that the journal holds; a fidelity in place of what is known.

        Raises:
            SettingError: when the scheduler cannot serve this study; the one before goes on then.
        """
        settings = self.settings._replace(scheduler=scheduler, fidelity=fidelity or self.settings.fidelity)
        self.replica.run_by(settings)
        self.settings = settings

    def announce(self) -> None:
        """Write into the journal what this study is run by, for those who join it; ``tune`` does so itself."""
        stored_config = None if self.settings.follows else self.settings.stored_config
        replica = self.replica
        event = ev.Opened(
            self.worker,
            repr(replica.algorithms.sampler),
            repr(replica.algorithms.scheduler),
            self.clock(),
            stored_config,
            self.provenance,
        )
        replica.append([(None, event)], Terms(worker=self.worker))

    def beat(self) -> None:
        """Start renewing this worker's leases in the background, if that is not done already."""
        if self._heartbeat is None:
            self._heartbeat = Heartbeat(self.replica.journal, self.worker, self._store.lease_seconds)

    def close(self) -> None:
        """Stop the heart. Trials still running here count as abandoned once their lease is over."""
        if self._heartbeat is not None:
            self._heartbeat.stop()
            self._heartbeat = None
        rows = self.replica.history.rows
        for (
            number,
            _,
        ) in (
            self.replica.files.folders.made()
        ):  # of trials that a verdict ended, and nobody told the outcome of
            if number < len(rows) and rows[number].worker == self.worker:
                self.replica.files.leave(number)
