"""An Optuna pruner that asks one of danlu's schedulers."""

from __future__ import annotations

import threading
from typing import Any

from optuna.pruners import BasePruner
from optuna.study import Study
from optuna.trial import FrozenTrial

from ...base.names import SCHEDULERS, SchedulerName, find
from ...contracts.messages import stop
from ...contracts.protocols import Scheduler
from ...journal.events import Action
from ...problem.fidelity import Fidelity
from ...samplers.random import Random
from .life import VERDICT
from .mirror import Mirror, kept_verdict, seed_of
from .storage import DanluStorage


class DanluPruner(BasePruner):
    """danlu's early stopping inside Optuna: ``optuna.create_study(pruner=danlu.optuna.Pruner())``.

    What a scheduler would pause is pruned, as Optuna has no way to go on with a trial. Why is an attribute of the trial,
    ``trial.system_attrs["danlu:verdict"]``. A trial that a person ends on danlu's page is pruned at its next report.

    Args:
        scheduler: danlu's, by name or as an object; the forecast gives a trial up when those that were trained in full say that it will
            hardly become the best.
        steps: the step at which a trial is whole, for schedulers that have to know (2 at least); None where it is learned from
            the trials.

    Raises:
        SettingError: for a scheduler that danlu does not have, or that does not serve the study.

    Example:
        >>> import optuna
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> def objective(trial):
        ...     floor = trial.suggest_float("floor", 0, 1)
        ...     for step in range(30):
        ...         trial.report(floor + 1 / (step + 1), step)
        ...         if trial.should_prune():
        ...             raise optuna.TrialPruned
        ...     return floor
        >>> study = optuna.create_study(sampler=optuna.samplers.RandomSampler(1), pruner=DanluPruner())
        >>> study.optimize(objective, n_trials=30)
        >>> len(study.get_trials(states=[optuna.trial.TrialState.PRUNED])) > 5
        True
    """

    def __init__(
        self, scheduler: Scheduler | SchedulerName = "forecast", *, steps: int | None = None
    ) -> None:
        self._scheduler: Scheduler = (
            find(SCHEDULERS, "scheduler", scheduler)() if isinstance(scheduler, str) else scheduler
        )
        self._fidelity = None if steps is None else Fidelity("step", 1, steps)
        self._lock = threading.RLock()
        self._mirror: tuple[Any, Mirror] | None = None
        self._said: dict[int, tuple[int, bool]] = {}

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_lock": None, "_mirror": None, "_said": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.RLock()

    def prune(self, study: Study, trial: FrozenTrial) -> bool:
        """Whether the trial should end, by its newest report; asked again, the same."""
        step = trial.last_step
        if step is None:
            return False
        with self._lock:
            mirror = self._mirrored(study)
            known = self._said.get(trial.number)
            if known is None or known[0] != step:
                known = step, self._judged(study, mirror, trial, step)
                self._said[trial.number] = known
            return known[1]

    def _judged(self, study: Study, mirror: Mirror, trial: FrozenTrial, step: int) -> bool:
        storage = study._storage
        wanted = isinstance(storage, DanluStorage) and storage.pruned(trial._trial_id)
        mirror.follow(study.get_trials(deepcopy=False), trial.number)
        verdict = stop("ended by a person") if wanted else mirror.judge(trial)
        pruned = verdict.action is not Action.GO
        if pruned or verdict.expected is not None:
            kept = kept_verdict(verdict, step)
            storage.set_trial_system_attr(trial._trial_id, VERDICT, kept)
            trial.system_attrs[VERDICT] = kept
        return pruned

    def _mirrored(self, study: Study) -> Mirror:
        of = study._storage, study._study_id
        if self._mirror is None or self._mirror[0] != of:
            mirror = Mirror(
                study.directions, seed_of(study), Random(), self._scheduler, self._fidelity, revealed=True
            )
            self._mirror, self._said = (of, mirror), {}
        return self._mirror[1]
