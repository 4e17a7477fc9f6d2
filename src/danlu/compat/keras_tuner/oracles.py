"""Keras Tuner's four oracles over danlu studies: what is tried next is danlu's answer, but for the grid's, whose order is Keras Tuner's."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import keras_tuner
from keras_tuner.engine.trial import TrialStatus

from ...base.failure import say
from ...base.names import SamplerName
from ...errors import BudgetError, Exhausted, TrialExit
from ...journal.events import Status
from ...maths import halving
from ...runtime.live import LiveTrial
from ...schedulers.hyperband import Hyperband
from .oracle import FACT, Oracle, metrics_of

ONLY = "and the study's sampler has no such setting: it is left out"


class Sampling:
    """An oracle whose points are those of the study's sampler."""

    searched: ClassVar[bool] = True

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """What the study would try next."""
        oracle: Any = self
        found = oracle._ask(trial_id)
        if not found:
            return {"status": TrialStatus.STOPPED, "values": None}
        oracle.live[trial_id] = found
        return {"status": TrialStatus.RUNNING, "values": oracle._opened()[1].values(found[0])}


class RandomSearchOracle(Sampling, Oracle, keras_tuner.oracles.RandomSearchOracle):  # type: ignore[misc]
    """Random search; no configuration comes twice, and a finite space is searched to its end.

    Args:
        objective, max_trials, seed, hyperparameters, allow_new_entries, tune_new_entries, max_retries_per_trial,
            max_consecutive_failed_trials: Keras Tuner's.
    """


class BayesianOptimizationOracle(Sampling, Oracle, keras_tuner.oracles.BayesianOptimizationOracle):  # type: ignore[misc]
    """danlu's own engine in the place of Keras Tuner's Gaussian process.

    Args:
        objective, max_trials, seed, hyperparameters, allow_new_entries, tune_new_entries, max_retries_per_trial,
            max_consecutive_failed_trials: Keras Tuner's.
        num_initial_points, alpha, beta: have no effect, and it is said where they are given.
    """

    sampler: ClassVar[SamplerName] = "auto"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        usual = {"num_initial_points": None, "alpha": 1e-4, "beta": 2.6}
        for name, value in usual.items():
            if getattr(self, name) != value:
                say(f"danlu: {name}={getattr(self, name)!r} is of Keras Tuner's Gaussian process, {ONLY}.")


class GridSearchOracle(Oracle, keras_tuner.oracles.GridSearchOracle):  # type: ignore[misc]
    """Every combination, in Keras Tuner's order.

    Args:
        objective, max_trials, seed, hyperparameters, allow_new_entries, tune_new_entries, max_retries_per_trial,
            max_consecutive_failed_trials: Keras Tuner's.
    """

    populate_space = keras_tuner.oracles.GridSearchOracle.populate_space


class HyperbandOracle(Oracle, keras_tuner.oracles.HyperbandOracle):  # type: ignore[misc]
    """danlu's Hyperband: the brackets of the published table, whose trials wait at their rungs and go on as the same trials.

    Args:
        objective, max_epochs, factor, hyperband_iterations, seed, hyperparameters, allow_new_entries, tune_new_entries,
            max_retries_per_trial, max_consecutive_failed_trials: Keras Tuner's.
    """

    searched: ClassVar[bool] = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._going: list[LiveTrial] = []
        super().__init__(*args, **kwargs)

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """The next rung of a trial that goes on, or a new trial's first one."""
        study, space = self._opened()
        try:
            live = self._going.pop(0) if self._going else study.ask(op=f"{FACT}{trial_id}/0")
        except (BudgetError, Exhausted):
            status = TrialStatus.IDLE if self.ongoing_trials else TrialStatus.STOPPED
            return {"status": status, "values": None}
        self.live[trial_id] = [live]
        replica = study.session.replica
        last = replica.history.reports.last(live.number)
        before = self._rung_before(live)
        values = space.values(live) | {
            "tuner/epochs": self._horizon(live),
            "tuner/initial_epoch": 0 if last is None or before is None else last[0],
            "tuner/bracket": self._bracket_of(live),
            "tuner/round": 0,
        }
        if before is not None and last is not None:
            earlier = self.trials[before].hyperparameters.values
            values |= {name: earlier[name] for name in ("tuner/bracket",) if name in earlier}
            values |= {"tuner/trial_id": before, "tuner/round": earlier.get("tuner/round", 0) + 1}
        return {"status": TrialStatus.RUNNING, "values": values}

    def _budget(self) -> int | None:
        """The trials of all brackets: they are begun once, whatever becomes of them."""
        if math.isinf(self.hyperband_iterations):
            return None
        return int(self.hyperband_iterations) * sum(bracket[0][0] for bracket in self._table())

    def _scheduler(self) -> Any:
        return (
            "exhaustive"
            if self.max_epochs < 2
            else Hyperband(low=1, high=self.max_epochs, factor=self.factor)
        )

    def _table(self) -> list[list[tuple[int, int]]]:
        return (
            [[(1, 1)]]
            if self.max_epochs < 2
            else halving.table(halving.rungs(1, self.max_epochs, self.factor), self.factor)
        )

    def _horizon(self, live: LiveTrial) -> int:
        """The epoch at which the trial is compared next."""
        return self._opened()[0].session.replica.algorithms.horizon(live.number) or self.max_epochs

    def _bracket_of(self, live: LiveTrial) -> int:
        """Keras Tuner's number of the bracket whose first rung a new trial is heading for: how often it is halved."""
        horizon = self._horizon(live)
        return next((len(each) - 1 for each in self._table() if each[0][1] == horizon), 0)

    def _rung_before(self, live: LiveTrial) -> str | None:
        """Keras Tuner's number of the trial that has run the rung before."""
        facts = self._opened()[0].session.replica.history.rows.of(live.number).facts or {}
        ran = [
            name.removeprefix(FACT)
            for name, fact in facts.items()
            if name.startswith(FACT) and fact["status"] == TrialStatus.COMPLETED
        ]
        return max((each for each in ran if each in self.trials), key=int, default=None)

    def _again(self, trial_id: str) -> list[LiveTrial]:
        study, _ = self._opened()
        rows = study.session.replica.history.rows
        number = next(
            (at for at, row in enumerate(rows) if FACT + trial_id in (row.facts or {}) and not row.aside),
            None,
        )
        op = next((op for op, of in rows.ops.items() if of == number), None)
        return [] if number is None or op is None else [study.ask(op=op)]

    def tell(self, live: LiveTrial, trial: Any) -> None:
        """Report the rung, at which the trial waits or goes on, or write its result at the last one."""
        study, _ = self._opened()
        if trial.status != TrialStatus.COMPLETED:
            super().tell(live, trial)
            return
        replica = study.session.replica
        horizon = int(trial.hyperparameters.values.get("tuner/epochs", self.max_epochs))
        last = replica.history.reports.last(live.number)
        running = replica.history.rows.of(live.number).status is Status.RUNNING
        if running and (
            last is None or last[0] < horizon
        ):  # it ended by itself before the rung, and is compared there by its best
            try:
                live.report(horizon, metrics_of(trial, self.objective.name))
            except TrialExit:
                return
        if running and horizon < self.max_epochs:
            self._going.append(live)
        elif running:
            study.tell(live, metrics_of(trial, self.objective.name))
