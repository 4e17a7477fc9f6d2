"""An Optuna sampler whose search is danlu's."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, RandomSampler
from optuna.samplers._base import _process_constraints_after_trial
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from ...base.names import SAMPLERS, SamplerName, find
from ...base.rng import generator, key
from ...contracts.protocols import Sampler
from ...errors import Exhausted
from ...schedulers.none import NoScheduler
from .distributions import inside, parameter_of, theirs
from .mirror import Mirror, seed_of
from .storage import DanluStorage


class DanluSampler(BaseSampler):
    """danlu's search inside Optuna: ``optuna.create_study(sampler=danlu.optuna.Sampler(seed=0))``.

    The first trial stands in the middle of every range. From the second one on all parameters that are known are proposed together; what
    a trial is the first to draw is drawn at random. Several directions, constraints, failed, pruned and running trials count.
    Random numbers follow from the seed, the trial's number and the parameter's name, so a study that was interrupted goes on as it
    would have gone.

    Args:
        sampler: danlu's, by name or as an object.
        seed: 0 to 2**63 - 1; None for one that is drawn once and kept with the study.
        constraints_func: as of Optuna's samplers: what a finished trial is limited by, each kept where it is 0 or less.

    Raises:
        SettingError: for a sampler that danlu does not have.

    Example:
        >>> import optuna
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> study = optuna.create_study(sampler=DanluSampler(seed=1))
        >>> study.optimize(lambda trial: (trial.suggest_float("x", -5, 5) - 2) ** 2, n_trials=15)
        >>> study.best_value < 0.01
        True
    """

    def __init__(
        self,
        sampler: Sampler | SamplerName = "auto",
        *,
        seed: int | None = None,
        constraints_func: Callable[[FrozenTrial], Sequence[float]] | None = None,
    ) -> None:
        self._sampler: Sampler = find(SAMPLERS, "sampler", sampler)() if isinstance(sampler, str) else sampler
        self._seed = seed
        self._constraints_func = constraints_func
        self._lock = threading.RLock()
        self._mirror: tuple[Any, Mirror] | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_lock": None, "_mirror": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.RLock()

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """All parameters that a trial before this one has drawn."""
        with self._lock:
            mirror = self._followed(study, trial)
            known = set(mirror.history.space.names)
            return {name: each for name, each in mirror.distributions.items() if name in known}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """A value for each of them."""
        if not search_space:
            return {}
        with self._lock:
            mirror = self._followed(study, trial)
            found = self._proposed(mirror, trial)
            if isinstance(study._storage, DanluStorage):
                for about, sentence in mirror.algorithms.why("").items():
                    study._storage.remark(study._study_id, about, sentence)
        values = {}
        for name, distribution in search_space.items():
            value = found.get(name)
            parameter = parameter_of(distribution)
            if name in found and parameter is not None:
                try:
                    value = inside(distribution, theirs(distribution, parameter, value))
                    if distribution._contains(distribution.to_internal_repr(value)):
                        values[name] = value
                        continue
                except ValueError:  # of other options than this trial's
                    pass
            values[name] = self.sample_independent(study, trial, name, distribution)
        return values

    def _proposed(self, mirror: Mirror, trial: FrozenTrial) -> dict[str, Any]:
        space = mirror.history.space
        if not len(space):
            return {}
        place = max(0, trial.number - 1)  # the first trial is asked nothing: it reveals what there is
        try:
            points = mirror.algorithms.propose(1, "", number=trial.number, index=place)
        except Exhausted:  # everything was tried; Optuna goes on all the same
            return {}
        return space.decode(points[0]) if points else {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """The middle in the first trial, else a value at random."""
        seed, parameter = self._seed_of(study), parameter_of(param_distribution)
        if parameter is None:
            return RandomSampler(key(seed, trial.number, f"suggest/{param_name}") % 2**32).sample_independent(
                study, trial, param_name, param_distribution
            )
        unit = generator(seed, trial.number, f"suggest/{param_name}").random() if trial.number else 0.5
        return inside(
            param_distribution, theirs(param_distribution, parameter, parameter.decode(float(unit)))
        )

    def after_trial(
        self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None
    ) -> None:
        """Keep what ``constraints_func`` says of the trial."""
        if self._constraints_func is not None:
            _process_constraints_after_trial(self._constraints_func, study, trial, state)

    def why(self, study: Study) -> str:
        """Which of danlu's methods proposes the next trial of a study, and why."""
        with self._lock:
            mirror = self._mirrored(study)
            mirror.follow(study.get_trials(deepcopy=False), -1)
            return mirror.algorithms.why("").get("sampler", "")

    def _followed(self, study: Study, trial: FrozenTrial) -> Mirror:
        mirror = self._mirrored(study)
        mirror.follow(study.get_trials(deepcopy=False), trial.number)
        return mirror

    def _mirrored(self, study: Study) -> Mirror:
        of = study._storage, study._study_id
        if self._mirror is None or self._mirror[0] != of:
            mirror = Mirror(study.directions, self._seed_of(study), self._sampler, NoScheduler())
            self._mirror = of, mirror
        return self._mirror[1]

    def _seed_of(self, study: Study) -> int:
        return seed_of(study) if self._seed is None else self._seed
