"""Keras Tuner's tuners, whose trials are a danlu study's: epochs are reported, executions are contexts, and seeds are the trial's own."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras_tuner import BayesianOptimization as HostBayesian
from keras_tuner import GridSearch as HostGrid
from keras_tuner import Hyperband as HostHyperband
from keras_tuner import Oracle as HostOracle
from keras_tuner import RandomSearch as HostRandom
from keras_tuner import SklearnTuner as HostSklearn
from keras_tuner import Tuner as HostTuner
from keras_tuner.src.engine import tuner_utils

from ...base.failure import say
from ...errors import DanluError, TrialExit
from ...integrations.keras_fits import TrialCallback
from ...runtime.live import LiveTrial
from ...study.result import Result
from .oracle import Oracle
from .oracles import BayesianOptimizationOracle, GridSearchOracle, HyperbandOracle, RandomSearchOracle

EXECUTION = "keras-tuner execution"
"""A fact of a trial that is one of several executions: what its training came to."""


class StudiedTuner:
    """What all tuners share."""

    oracle: Any

    def __init__(self, oracle: Any, *args: Any, **kwargs: Any) -> None:
        self._execution = 0
        several = kwargs.get("executions_per_trial", 1)
        if isinstance(oracle, Oracle) and not isinstance(oracle, HyperbandOracle):
            oracle.executions = several
        super().__init__(oracle, *args, **kwargs)  # type: ignore[call-arg]

    @property
    def result(self) -> Result:
        """The danlu result of the search so far.

        Raises:
            DanluError: when the oracle keeps no study.
        """
        if not isinstance(self.oracle, Oracle):
            raise DanluError(
                "the oracle of this tuner keeps no study. Give it one of danlu.keras_tuner.oracles."
            )
        return self.oracle.result

    def search(self, *args: Any, **kwargs: Any) -> None:
        """Search; the same call again goes on where it was left."""
        settings: Any = self
        if isinstance(self.oracle, HostOracle) and not isinstance(self.oracle, Oracle):
            say(
                "danlu: this search has an oracle of Keras Tuner's own, so no study keeps it. danlu.keras_tuner.oracles has those that do."
            )
        if not settings._is_worker():
            settings.save()
        try:
            super().search(*args, **kwargs)  # type: ignore[misc]
        finally:
            if isinstance(self.oracle, Oracle):
                self.oracle.close()

    def run_trial(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
        """Train a trial's model as often as it is to be executed."""
        self._execution = 0
        return super().run_trial(trial, *args, **kwargs)  # type: ignore[misc]

    def _build_and_fit_model(self, trial: Any, *args: Any, **kwargs: Any) -> Any:
        place, self._execution = self._execution, self._execution + 1
        found = self.oracle.live.get(trial.trial_id, []) if isinstance(self.oracle, Oracle) else []
        if not found:
            return super()._build_and_fit_model(trial, *args, **kwargs)  # type: ignore[misc]
        live, several = found[min(place, len(found) - 1)], len(found) > 1
        if several and self.oracle.over(live):
            return self._kept(live, kwargs.get("callbacks", []))
        if self.oracle.seeded:
            keras.utils.set_random_seed((live.seed + kwargs.get("initial_epoch", 0)) % 2**32)
        kwargs["callbacks"] = [*kwargs.get("callbacks", []), EpochReporter(live, self.oracle.objective)]
        results = super()._build_and_fit_model(trial, *args, **kwargs)  # type: ignore[misc]
        if several:
            self._keep(live, results)
        return results

    def _keep(self, live: LiveTrial, results: Any) -> None:
        """Write what one of several executions has come to."""
        whole = (
            {"history": results.history}
            if isinstance(results, keras.callbacks.History)
            else {"result": results}
        )
        metrics = tuner_utils.convert_to_metrics_dict(results, self.oracle.objective)
        live.log({EXECUTION: _floats(whole)})
        self.oracle._opened()[0].tell(live, {name: float(value) for name, value in metrics.items()})

    def _kept(self, live: LiveTrial, callbacks: list[Any]) -> Any:
        """What an execution came to before the search was interrupted, as ``fit`` would have returned it."""
        row = self.oracle._opened()[0].session.replica.history.rows.of(live.number)
        whole = (row.facts or {}).get(EXECUTION, {"result": dict(row.metrics or {})})
        if "history" not in whole:
            return whole["result"]
        history = keras.callbacks.History()
        history.history, history.epoch = (
            whole["history"],
            list(range(len(next(iter(whole["history"].values()), [])))),
        )
        best, _ = tuner_utils._get_best_value_and_best_epoch_from_history(history, self.oracle.objective)
        for each in callbacks:
            if isinstance(each, tuner_utils.SaveBestEpoch):
                value = self.oracle.objective.get_value(best)
                if self.oracle.objective.better_than(value, each.best_value):
                    each.best_value = value
        return history


class EpochReporter(TrialCallback):
    """Reports every epoch to a trial; where the study ends it, the training stops after this epoch.

    Args:
        live: the trial.
        objective: Keras Tuner's, which is reported by its name.
    """

    def __init__(self, live: LiveTrial, objective: Any) -> None:
        super().__init__(live)
        self._objective, self._last = objective, 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Report."""
        found = {name: float(value) for name, value in (logs or {}).items() if np.ndim(value) == 0}
        if not found:
            return
        if self._objective.has_value(found):
            found[self._objective.name] = float(self._objective.get_value(found))
        self._last = max(self._last, epoch) + 1 if epoch + 1 <= self._last else epoch + 1
        try:
            self.trial.report(self._last, found)
        except TrialExit:
            self.model.stop_training = True


class Tuner(StudiedTuner, HostTuner):  # type: ignore[misc]
    """``keras_tuner.Tuner`` over a danlu study, with one of ``danlu.keras_tuner.oracles``.

    Args:
        oracle, hypermodel, and the others: Keras Tuner's.

    Example:
        >>> class Parabola(Tuner):
        ...     def run_trial(self, trial, *args, **kwargs):
        ...         return (trial.hyperparameters.Float("x", -1.0, 1.0) - 0.5) ** 2
        >>> import tempfile
        >>> tuner = Parabola(RandomSearchOracle(max_trials=8, seed=1), directory=tempfile.mkdtemp())
        >>> tuner.oracle.verbose = 0
        >>> tuner.search()
        >>> len(tuner.result.trials), abs(tuner.get_best_hyperparameters()[0]["x"] - 0.5) < 0.3
        (8, True)
    """


class RandomSearch(StudiedTuner, HostRandom):  # type: ignore[misc]
    """``keras_tuner.RandomSearch`` over a danlu study.

    Args:
        hypermodel, objective, max_trials, seed, hyperparameters, tune_new_entries, allow_new_entries, max_retries_per_trial,
            max_consecutive_failed_trials, kwargs: Keras Tuner's. With a ``seed`` every training begins from a seed of its own, so
            that a search that was killed comes to the same.
    """

    def __init__(
        self, hypermodel: Any = None, objective: Any = None, max_trials: int | None = 10, seed: int | None = None, hyperparameters: Any = None,
        tune_new_entries: bool = True, allow_new_entries: bool = True, max_retries_per_trial: int = 0, max_consecutive_failed_trials: int = 3,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        oracle = RandomSearchOracle(
            objective=objective, max_trials=max_trials, seed=seed, hyperparameters=hyperparameters, tune_new_entries=tune_new_entries,
            allow_new_entries=allow_new_entries, max_retries_per_trial=max_retries_per_trial,
            max_consecutive_failed_trials=max_consecutive_failed_trials,
        )  # fmt: skip
        _begin(self, HostRandom, oracle, hypermodel, kwargs)


class BayesianOptimization(StudiedTuner, HostBayesian):  # type: ignore[misc]
    """``keras_tuner.BayesianOptimization`` over a danlu study: danlu's engine searches.

    Args:
        hypermodel, objective, max_trials, seed, hyperparameters, tune_new_entries, allow_new_entries, max_retries_per_trial,
            max_consecutive_failed_trials, kwargs: as of ``RandomSearch``.
        num_initial_points, alpha, beta: have no effect, and it is said where they are given.
    """

    def __init__(
        self, hypermodel: Any = None, objective: Any = None, max_trials: int | None = 10, num_initial_points: int | None = None,
        alpha: float = 1e-4, beta: float = 2.6, seed: int | None = None, hyperparameters: Any = None, tune_new_entries: bool = True,
        allow_new_entries: bool = True, max_retries_per_trial: int = 0, max_consecutive_failed_trials: int = 3, **kwargs: Any,
    ) -> None:  # fmt: skip
        oracle = BayesianOptimizationOracle(
            objective=objective, max_trials=max_trials, num_initial_points=num_initial_points, alpha=alpha, beta=beta, seed=seed,
            hyperparameters=hyperparameters, tune_new_entries=tune_new_entries, allow_new_entries=allow_new_entries,
            max_retries_per_trial=max_retries_per_trial, max_consecutive_failed_trials=max_consecutive_failed_trials,
        )  # fmt: skip
        _begin(self, HostBayesian, oracle, hypermodel, kwargs)


class Hyperband(StudiedTuner, HostHyperband):  # type: ignore[misc]
    """``keras_tuner.Hyperband`` over a danlu study, with danlu's Hyperband as its scheduler.

    Args:
        hypermodel, objective, max_epochs, factor, hyperband_iterations, seed, hyperparameters, tune_new_entries, allow_new_entries,
            max_retries_per_trial, max_consecutive_failed_trials, kwargs: Keras Tuner's.
    """

    def __init__(
        self, hypermodel: Any = None, objective: Any = None, max_epochs: int = 100, factor: int = 3, hyperband_iterations: int = 1,
        seed: int | None = None, hyperparameters: Any = None, tune_new_entries: bool = True, allow_new_entries: bool = True,
        max_retries_per_trial: int = 0, max_consecutive_failed_trials: int = 3, **kwargs: Any,
    ) -> None:  # fmt: skip
        oracle = HyperbandOracle(
            objective=objective, max_epochs=max_epochs, factor=factor, hyperband_iterations=hyperband_iterations, seed=seed,
            hyperparameters=hyperparameters, tune_new_entries=tune_new_entries, allow_new_entries=allow_new_entries,
            max_retries_per_trial=max_retries_per_trial, max_consecutive_failed_trials=max_consecutive_failed_trials,
        )  # fmt: skip
        _begin(self, HostHyperband, oracle, hypermodel, kwargs)


class GridSearch(StudiedTuner, HostGrid):  # type: ignore[misc]
    """``keras_tuner.GridSearch`` over a danlu study.

    Args:
        hypermodel, objective, max_trials, seed, hyperparameters, tune_new_entries, allow_new_entries, max_retries_per_trial,
            max_consecutive_failed_trials, kwargs: as of ``RandomSearch``.
    """

    def __init__(
        self, hypermodel: Any = None, objective: Any = None, max_trials: int | None = None, seed: int | None = None, hyperparameters: Any = None,
        tune_new_entries: bool = True, allow_new_entries: bool = True, max_retries_per_trial: int = 0, max_consecutive_failed_trials: int = 3,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        oracle = GridSearchOracle(
            objective=objective, max_trials=max_trials, seed=seed, hyperparameters=hyperparameters, tune_new_entries=tune_new_entries,
            allow_new_entries=allow_new_entries, max_retries_per_trial=max_retries_per_trial,
            max_consecutive_failed_trials=max_consecutive_failed_trials,
        )  # fmt: skip
        _begin(self, HostGrid, oracle, hypermodel, kwargs)


class SklearnTuner(StudiedTuner, HostSklearn):  # type: ignore[misc]
    """``keras_tuner.SklearnTuner`` over a danlu study, with one of ``danlu.keras_tuner.oracles``.

    Args:
        oracle, hypermodel, scoring, metrics, cv, kwargs: Keras Tuner's.
    """


def _begin(tuner: Any, host: Any, oracle: Any, hypermodel: Any, kwargs: dict[str, Any]) -> None:
    """What follows in the host's own constructor, once there is an oracle: that of the class above it."""
    tuner._execution = 0
    if not isinstance(oracle, HyperbandOracle):
        oracle.executions = kwargs.get("executions_per_trial", 1)
    super(host, tuner).__init__(oracle=oracle, hypermodel=hypermodel, **kwargs)


def _floats(value: Any) -> Any:
    """Numbers as a journal keeps them."""
    if isinstance(value, dict):
        return {name: _floats(each) for name, each in value.items()}
    return [_floats(each) for each in value] if isinstance(value, list) else float(value)
