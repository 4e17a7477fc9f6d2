"""An Optuna storage over a danlu store: each of its studies is a danlu study, and each danlu study can be read through it."""

from __future__ import annotations

import copy
import os
import threading
import time
import uuid
from collections.abc import Container, Iterator, Sequence
from typing import Any

from optuna import logging
from optuna.distributions import BaseDistribution, check_distribution_compatibility
from optuna.exceptions import DuplicatedStudyError, UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.storages._base import DEFAULT_STUDY_NAME_PREFIX
from optuna.study import StudyDirection
from optuna.study._frozen import FrozenStudy
from optuna.trial import FrozenTrial, TrialState

from ...base.failure import say
from ...contracts.protocols import Store, Terms
from ...errors import BudgetError, Outrun, StudyExists
from ...journal import events as ev
from ...journal.events import Cause, Status
from ...problem.goal import Goal, Metric
from ...programs.sweeps.optuna_facts import SYSTEM, USER
from ...study.opening import open_store
from .life import drawn, life, noted, over, seconds, told
from .replicas import Replicas, Shelf

DEATHS = 2
"""A trial is taken up again after so many deaths of whoever ran it, as in danlu's own studies."""

LOGGER = logging.get_logger("optuna.storages.danlu")

UNRANKED = (
    "constraints are told trial by trial here, and a danlu study has the limits that it was made with: study.best_trial and the search "
    "keep to the constraints, and result.best, the front and the page do not. danlu.tune(limits=['latency <= 20']) ranks by them."
)
"""What is said of a study whose trials have constraints, in place of a ranking by them."""


class DanluStorage(BaseStorage):
    """Optuna's studies in a danlu store.

    A trial whose process has died waits to be run again, under its number, with the parameters it had. What is shown by danlu's page
    and commands is this journal, and what a person says there (pause, prune, enqueue) is heeded.

    Args:
        store: a store, its file name or URL; None for memory.

    Raises:
        StoreError: when it cannot be opened.

    Example:
        >>> import optuna
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> study = optuna.create_study(storage=DanluStorage())
        >>> study.optimize(lambda trial: trial.suggest_float("x", 0, 1) ** 2, n_trials=3)
        >>> len(study.trials)
        3
    """

    def __init__(self, store: Store | str | os.PathLike[str] | None = None) -> None:
        self._replicas = Replicas(open_store(store))
        self._lock = threading.RLock()

    @property
    def store(self) -> Store:
        """The danlu store."""
        return self._replicas.store

    def __getstate__(self) -> dict[str, Any]:
        return {"replicas": self._replicas}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._replicas = state["replicas"]
        self._lock = threading.RLock()

    # Studies.

    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        """A new study; its metrics are ``value``, or ``value_0`` and so on."""
        several = len(directions) > 1
        goal = Goal(
            tuple(
                Metric(f"value_{at}" if several else "value", way is StudyDirection.MAXIMIZE)
                for at, way in enumerate(directions)
            ),
            at="last",
        )
        name = f"{DEFAULT_STUDY_NAME_PREFIX}{uuid.uuid4()}" if study_name is None else study_name
        with self._lock:
            try:
                made = self._replicas.create(name, goal)
            except StudyExists as error:
                raise DuplicatedStudyError(str(error)) from error
        LOGGER.info(f"A new study created in {self.store!r} with name: {name}")  # noqa: G004 - as Optuna's storages do
        return made

    def delete_study(self, study_id: int) -> None:
        """Delete it, whoever works on it."""
        with self._lock:
            self._replicas.delete(study_id)

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        """Keep an attribute."""
        self._note(study_id, USER, key, value)

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        """Keep an attribute of Optuna's own."""
        self._note(study_id, SYSTEM, key, value)

    def _note(self, study_id: int, kind: str, key: str, value: Any) -> None:
        with self._lock:
            shelf = self._replicas.of(study_id)
            shelf.append([noted(-1, kind, key, value, time.time(), 0, shelf.things)], Terms())

    def get_study_id_from_name(self, study_name: str) -> int:
        """The study of a name."""
        with self._lock:
            return self._replicas.id_of(study_name)

    def get_study_name_from_id(self, study_id: int) -> str:
        """The name of a study."""
        with self._lock:
            return self._replicas.of(study_id).name

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """Which way each metric is optimized."""
        with self._lock:
            return list(self._replicas.of(study_id).frozen.directions)

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """The attributes of a study."""
        with self._lock:
            return dict(self._replicas.of(study_id).frozen.user)

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """Optuna's own attributes of a study."""
        with self._lock:
            return dict(self._replicas.of(study_id).frozen.system)

    def get_all_studies(self) -> list[FrozenStudy]:
        """Every study of the store, campaigns left out, in order of creation."""
        with self._lock:
            found = []
            for study_id in self._replicas.ids():
                shelf = self._replicas.of(study_id)
                frozen = shelf.frozen
                found.append(
                    FrozenStudy(
                        shelf.name, None, dict(frozen.user), dict(frozen.system), study_id,
                        directions=list(frozen.directions),
                    )
                )  # fmt: skip
            return found

    # Trials.

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """A new trial, or a copy of one.

        Raises:
            BudgetError: for a new one in a study that a person has paused or stopped.
        """
        with self._lock:
            shelf = self._replicas.of(study_id)
            while True:
                number = len(shelf.frozen.trials)
                if template_trial is None:
                    events, terms = list(self._new(shelf, number)), self._grant(shelf, number)
                else:
                    now = time.time()
                    names = shelf.frozen.names
                    events = list(
                        life(template_trial, number, names, self._replicas.worker, now, shelf.things)
                    )
                    terms = self._terms(shelf, number, template_trial.state)
                try:
                    shelf.append(events, terms)
                except Outrun:
                    shelf.sync()
                    continue
                shelf.take(number, 1)
                return shelf.trial_id(number)

    def _new(self, shelf: Shelf, number: int) -> Iterator[ev.Event]:
        frozen, at = shelf.frozen, time.time()
        if frozen.wishes.halted is not None:
            raise BudgetError(
                f"the study was {frozen.wishes.halted}. Resume it first: danlu steer, or danlu.open_study(...).control.resume()."
            )
        source = "enqueued" if frozen.wishes.queue else "sampler"
        yield ev.Asked(number, ev.pack_params({}), b"", self._replicas.worker, at, source, seen=frozen.seq)
        if frozen.wishes.queue:
            yield noted(number, SYSTEM, "fixed_params", frozen.wishes.queue[0], at, 1)

    def _grant(self, shelf: Shelf, number: int) -> Terms:
        return self._terms(shelf, number, TrialState.RUNNING)

    def _terms(self, shelf: Shelf, number: int, state: TrialState) -> Terms:
        """On which a new trial of that state is written."""
        if state.is_finished():
            return Terms(trials=number, closes=(number,), durable=True)
        if state is TrialState.RUNNING:
            shelf.beat(self._replicas.worker)
            return Terms(trials=number, grants=((number, 1),), worker=self._replicas.worker)
        return Terms(trials=number)

    def set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: BaseDistribution
    ) -> None:
        """Keep what was drawn."""
        with self._lock:
            shelf, trial = self._updatable(trial_id)
            for other in shelf.frozen.trials:
                if param_name in other.distributions:
                    check_distribution_compatibility(other.distributions[param_name], distribution)
                    break
            number, attempt = trial.number, shelf.attempt(trial.number)
            events = drawn(
                number, attempt, param_name, param_value_internal, distribution, time.time(), shelf.things
            )
            self._write(shelf, trial, list(events))

    def set_trial_state_values(
        self, trial_id: int, state: TrialState, values: Sequence[float] | None = None
    ) -> bool:
        """End a trial, begin one that waits, or hand one back; False where another has begun it before."""
        with self._lock:
            shelf, trial = self._updatable(trial_id)
            number, attempt, at = trial.number, shelf.attempt(trial.number), time.time()
            if state is TrialState.RUNNING:
                return self._begin(shelf, trial)
            if state is TrialState.WAITING:
                reason = "handed back to Optuna's queue"
                self._write(shelf, trial, [ev.Released(number, attempt, Cause.PREEMPTED, reason, 0.0, at)])
                return True
            held = self._holds(shelf, trial)
            events = list(over(trial, state, values, shelf.frozen.names, attempt, at))
            shelf.append(events, Terms(holds=held, closes=(number,), durable=True))
            if trial.constraints and not shelf.frozen.has_limits:
                self._remark(shelf, "constraints", UNRANKED)
            return True

    def _begin(self, shelf: Shelf, trial: FrozenTrial) -> bool:
        """Take a trial that waits, or whose process has died; of two who try one wins."""
        number, frozen = trial.number, shelf.frozen
        orphan = number in frozen.held.running
        if orphan and not shelf.orphans(self._replicas.worker, [number]):
            return False
        attempt, at = frozen.held.attempts[number], time.time()
        if orphan and frozen.held.deaths[number] >= DEATHS:
            reason = f"its process died {DEATHS + 1} times; this configuration is quarantined"
            taken = max(0.0, at - seconds(trial.datetime_start, at))
            event: ev.Event = ev.Ended(number, attempt, Status.FAILED, {}, taken, at, Cause.CRASHED, reason)
            terms = Terms(takes=((number, attempt),), closes=(number,), durable=True)
        else:
            reason = "its process died" if orphan else "taken from the queue"
            event = ev.Resumed(
                number, attempt + 1, self._replicas.worker, at, orphan, reason=reason, anew=True
            )
            terms = Terms(
                takes=((number, attempt),), grants=((number, attempt + 1),), worker=self._replicas.worker
            )
        try:
            shelf.append([event], terms)
        except Outrun:
            shelf.sync()
            return False
        if isinstance(event, ev.Ended):
            say(f"danlu: trial {number} is given up: {reason}.")
            return False
        if orphan:
            say(f"danlu: trial {number} is taken up again: the process that ran it died.")
        shelf.take(number, attempt + 1)
        shelf.beat(self._replicas.worker)
        return True

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        """Keep a report."""
        with self._lock:
            shelf, trial = self._updatable(trial_id)
            attempt, at = shelf.attempt(trial.number), time.time()
            last = -1 if trial.last_step is None else trial.last_step
            metrics = {shelf.frozen.names[0]: float(intermediate_value)}
            taken = max(0.0, at - seconds(trial.datetime_start, at))
            self._write(shelf, trial, [told(trial.number, attempt, last, step, metrics, taken, at)])

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Keep an attribute."""
        self._note_trial(trial_id, USER, key, value)

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Keep an attribute of Optuna's own."""
        self._note_trial(trial_id, SYSTEM, key, value)

    def _note_trial(self, trial_id: int, kind: str, key: str, value: Any) -> None:
        with self._lock:
            shelf, trial = self._updatable(trial_id)
            attempt = shelf.attempt(trial.number)
            event = noted(trial.number, kind, key, value, time.time(), attempt, shelf.things)
            self._write(shelf, trial, [event])

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """One trial."""
        with self._lock:
            shelf, number = self._replicas.trial(trial_id)
            return shelf.frozen.trials[number]

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """The trials of a study; asked for those that wait, those whose process has died are among them."""
        with self._lock:
            shelf = self._replicas.of(study_id)
            trials = list(shelf.frozen.trials)
            if states is not None and TrialState.WAITING in states:
                for number in shelf.orphans(self._replicas.worker):
                    trials[number] = copy.copy(trials[number])
                    trials[number].state = TrialState.WAITING
        if states is not None:
            trials = [trial for trial in trials if trial.state in states]
        return copy.deepcopy(trials) if deepcopy else trials

    def remark(self, study_id: int, about: str, sentence: str) -> None:
        """Keep what was decided in a study and why, for ``result.why()`` and the page, if that has changed."""
        with self._lock:
            self._remark(self._replicas.of(study_id), about, sentence)

    def _remark(self, shelf: Shelf, about: str, sentence: str) -> None:
        if shelf.frozen.chosen.get(about) != sentence:
            shelf.append([ev.Noted(-1, {about: sentence}, time.time())], Terms())

    def pruned(self, trial_id: int) -> bool:
        """Whether a person wants a trial ended."""
        with self._lock:
            shelf, number = self._replicas.trial(trial_id)
            return number in shelf.frozen.wishes.pruned

    def remove_session(self) -> None:
        """Stop renewing leases where no trial of this process runs."""
        with self._lock:
            self._replicas.rest()

    def close(self) -> None:
        """Stop renewing leases, and let go of the store's files and connections."""
        with self._lock:
            self._replicas.close()

    def _updatable(self, trial_id: int) -> tuple[Shelf, FrozenTrial]:
        shelf, number = self._replicas.trial(trial_id)
        trial = shelf.frozen.trials[number]
        if trial.state.is_finished():
            raise UpdateFinishedTrialError(f"Trial#{number} has already finished and can not be updated.")
        return shelf, trial

    def _holds(self, shelf: Shelf, trial: FrozenTrial) -> tuple[tuple[int, int], ...]:
        running = trial.state is TrialState.RUNNING
        return ((trial.number, shelf.attempt(trial.number)),) if running else ()

    def _write(self, shelf: Shelf, trial: FrozenTrial, events: Sequence[ev.Event]) -> None:
        released = any(isinstance(event, ev.Released) for event in events)
        shelf.append(
            events, Terms(holds=self._holds(shelf, trial), drops=(trial.number,) if released else ())
        )
