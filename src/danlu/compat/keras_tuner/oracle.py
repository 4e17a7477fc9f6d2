"""Keras Tuner's oracle over a danlu study: its own bookkeeping, whose trials are a study's, kept beside it in the project's folder.

What has ended is in the study's journal before Keras Tuner's files have it, so a search that was killed between the two goes on from the journal.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import keras_tuner
from keras_tuner import Oracle as HostOracle
from keras_tuner.engine.trial import Trial as HostTrial
from keras_tuner.engine.trial import TrialStatus

from ...base.failure import say
from ...base.names import SamplerName
from ...contracts.protocols import Terms
from ...errors import BudgetError, Conflict, Exhausted, GoalError, TrialExit
from ...journal import events as ev
from ...journal.events import Cause, Status
from ...problem.budget import Budget, TrialLimits
from ...runtime.live import LiveTrial
from ...runtime.reporting import plain_fact
from ...study.result import Result
from ...study.study import Study
from ...study.tune import open_study
from .spaces import StudySpace

FILE = "study.db"
"""The study's file in the folder of a project."""

NAME = "search"
"""The study's name there."""

FACT = "keras-tuner trial "
"""A fact of a trial: what Keras Tuner keeps of it, by the number that it gives it."""

OVER = (TrialStatus.COMPLETED, TrialStatus.FAILED)


class Oracle(HostOracle):  # type: ignore[misc]
    """``keras_tuner.Oracle`` over a danlu study: every trial is one of the study's, whoever says what is tried.

    Args:
        objective, max_trials, hyperparameters, allow_new_entries, tune_new_entries, seed, max_retries_per_trial,
            max_consecutive_failed_trials: Keras Tuner's.

    Attributes:
        executions: how often every configuration is evaluated, each time in a context of its own; the tuner says so.
        seeded: whether the search was given a seed.
    """

    sampler: ClassVar[SamplerName] = "random"
    scheduler: Any = "exhaustive"
    searched: ClassVar[bool] = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.executions = 1
        self.seeded = kwargs.get("seed") is not None
        self.live: dict[str, list[LiveTrial]] = {}
        self._study: Study | None = None
        self._space: StudySpace | None = None
        self._known: Sequence[Any] = ()
        super().__init__(*args, **kwargs)
        if kwargs.get("seed") == 0:  # which Keras Tuner takes for none
            self.seed = self._seed_state = 0

    # What Keras Tuner calls.

    @keras_tuner.synchronized  # type: ignore[untyped-decorator]
    def create_trial(self, tuner_id: str) -> Any:
        """A trial to run, which the study's journal has as well."""
        trial = super().create_trial(tuner_id)
        if trial.status == TrialStatus.RUNNING:
            self._begin(trial)
        return trial

    def reload(self) -> None:
        """Take up what the project's folder holds; where the journal knows more than Keras Tuner's files, it is right."""
        super().reload()
        self._catch_up()

    def save(self) -> None:
        """Keep the oracle's state, whole or not at all."""
        name = Path(self._get_oracle_fname())
        _write(name, self.get_state())

    def _set_project_dir(self, directory: Any, project_name: str) -> None:
        self.close()
        super()._set_project_dir(directory, project_name)

    def _save_trial(self, trial: Any) -> None:
        if trial.status == TrialStatus.FAILED or (
            trial.status == TrialStatus.COMPLETED and trial.score is not None
        ):
            self._end(trial)
        elif trial.status == TrialStatus.INVALID:
            self._release(trial.trial_id, "it failed, and is tried again")
        _write(Path(self._get_trial_dir(trial.trial_id), "trial.json"), trial.get_state())

    # The study.

    @property
    def result(self) -> Result:
        """The danlu result of the search so far."""
        return self._opened()[0].result

    def close(self) -> None:
        """Hand back what still runs, and close the study; it is opened again when it is needed."""
        if self._study is not None:
            for trial_id in list(self.live):
                self._release(trial_id, "the search was left")
            self._study.close()
            self._study = None

    def _opened(self) -> tuple[Study, StudySpace]:
        """The study, open, with the space as it is now."""
        if self._study is not None and self._space is not None:
            if self._known == self.hyperparameters.space:
                return self._study, self._space
            space = StudySpace(self.hyperparameters.space, searched=self.searched)
            if space.space == self._study.space:
                self._known, self._space = list(self.hyperparameters.space), space
                return self._study, space
            self._study.close()
        self._known = list(self.hyperparameters.space)
        self._space = StudySpace(self._known, searched=self.searched)
        self._study = self._open(self._space)
        for name, sentence in self._space.read.items():
            self._study.session.remark(f"scale of {name}", f"danlu: {sentence}.")
        return self._study, self._space

    def _open(self, space: StudySpace) -> Study:
        """The study in the project's folder, made where there is none.

        Raises:
            GoalError: when the project was searched for another objective.
        """
        path, goal = Path(self._project_dir) / FILE, self.objective
        try:
            return open_study(
                space.space,
                store=os.fspath(path),
                name=NAME,
                budget=Budget(trials=self._budget()),
                sampler=self.sampler,
                scheduler=self._scheduler(),
                contexts={"execution": range(self.executions)} if self.executions > 1 else None,
                trial_limits=TrialLimits(same_failures=0),
                seed=None if path.exists() else self.seed,
                extend=True,
                **{"maximize" if goal.direction == "max" else "minimize": goal.name},
            )
        except GoalError as error:
            raise GoalError(
                str(error).replace("Choose another name.", "Give another project_name, or overwrite=True.")
            ) from None

    def _budget(self) -> int | None:
        return self.max_trials * self.executions if self.max_trials else None

    def _scheduler(self) -> Any:
        return self.scheduler

    def _ask(self, trial_id: str, what: str = "") -> list[LiveTrial]:
        """A configuration's trials, one for each execution; none when the study has no more to try."""
        study, _ = self._opened()
        try:
            return [study.ask(op=f"{FACT}{trial_id}{what}/{place}") for place in range(self.executions)]
        except Exhausted:
            return []
        except BudgetError as error:
            if study.session.replica.history.decisions.halted is not None:
                say(f"danlu: {error}")
            return []

    def _begin(self, trial: Any) -> None:
        """See that the journal has the trial as it is run: with the values that an oracle of one's own has chosen or changed."""
        study, space = self._opened()
        values = trial.hyperparameters.values
        point, other = space.point(values)
        found = self.live.get(trial.trial_id) or self._again(trial.trial_id)
        if found and space.point(space.values(found[0]))[0] != point:
            study.control.set_aside([each.number for each in found], "the oracle changed its values")
            found = []
        if not found:
            if point:
                study.control.enqueue(point, op=f"{FACT}{trial.trial_id}: {sorted(point.items())}")
            found = self._ask(trial.trial_id, " as given")
        self.live[trial.trial_id] = found
        if not found:
            say(f"danlu: trial {trial.trial_id} of Keras Tuner is not kept: the study has no room for it.")
            return
        aside = {name: value for name, value in other.items() if _plain(value)}
        kept = {"status": trial.status} | ({"values": aside} if aside else {})
        self._note(found[0].number, {FACT + trial.trial_id: plain_fact(kept)})

    def _again(self, trial_id: str) -> list[LiveTrial]:
        """The trials that were begun for one before, taken up again."""
        study, _ = self._opened()
        ops = study.session.replica.history.rows.ops
        for what in (" as given", ""):
            names = [f"{FACT}{trial_id}{what}/{place}" for place in range(self.executions)]
            if all(name in ops for name in names):
                if any(study.session.replica.history.rows.of(ops[name]).aside for name in names):
                    continue
                return [study.ask(op=name) for name in names]
        return []

    def _end(self, trial: Any) -> None:
        """Write what has become of a trial, once for each of its executions."""
        found = self.live.pop(trial.trial_id, [])
        for live in found:
            self._draw(live, trial)
        if found:
            self._note(found[0].number, {FACT + trial.trial_id: _state(trial)})
        for live in found:
            if not self.over(live):
                self.tell(live, trial)

    def tell(self, live: LiveTrial, trial: Any) -> None:
        """Write the result of one execution that has none of its own."""
        study, _ = self._opened()
        if trial.status == TrialStatus.COMPLETED:
            study.tell(live, metrics_of(trial, self.objective.name))
            return
        score = (
            trial.metrics.get_best_value(self.objective.name)
            if trial.metrics.exists(self.objective.name)
            else None
        )
        bad = score is not None and not math.isfinite(score)
        reason = f"{self.objective.name} is {score}" if bad else _last_line(trial.message)
        responder = study.session.responder
        responder.end(
            [responder.failed(live.number, live.attempt, Cause.DIVERGED if bad else Cause.RAISED, reason)]
        )

    def over(self, live: LiveTrial) -> bool:
        """Whether the journal has the result of an execution already."""
        return self._opened()[0].session.replica.history.rows.of(live.number).status >= Status.DONE

    def _draw(self, live: LiveTrial, trial: Any) -> None:
        """Write the hyperparameters that came up while the trial ran, whose values are their defaults."""
        study, space = self._opened()
        replica = study.session.replica
        if self.over(live):
            return
        known = replica.history.rows.of(live.number).params()
        for name, parameter, value in space.drawn(trial.hyperparameters.values, known):
            event = ev.Suggested(live.number, live.attempt, name, parameter, value, study.session.clock())
            replica.append([(None, event)], Terms(worker=study.session.worker))

    def _release(self, trial_id: str, reason: str) -> None:
        """Hand back what runs of a trial, to be taken up again."""
        if self._study is None:
            return
        for live in self.live.pop(trial_id, []):
            if not self.over(live):
                try:
                    self._study.session.responder.release(live.number, live.attempt, Cause.PREEMPTED, reason)
                except (Conflict, TrialExit):  # somebody else has it
                    continue

    def _note(self, number: int, facts: dict[str, Any]) -> None:
        session = self._opened()[0].session
        session.replica.append(
            [(None, ev.Noted(number, facts, session.clock()))], Terms(worker=session.worker)
        )

    def _catch_up(self) -> None:
        """Have Keras Tuner know what the journal knows, and try again what nobody has ended."""
        if not (Path(self._project_dir) / FILE).exists():
            return
        kept = {
            name.removeprefix(FACT): fact
            for row in self._opened()[0].session.replica.history.rows
            for name, fact in (row.facts or {}).items()
            if name.startswith(FACT) and not row.aside
        }
        for trial_id, state in sorted(kept.items()):
            if state["status"] not in OVER:
                continue
            trial = self.trials.get(trial_id)
            if trial is None:
                trial = self.trials[trial_id] = HostTrial(self.hyperparameters.copy(), trial_id)
            _put(trial, state)
            if trial_id in self._retry_queue:
                self._retry_queue.remove(trial_id)
            for order in (self.start_order, self.end_order):
                if trial_id not in order:
                    order.append(trial_id)
            self._run_times[trial_id] = max(1, self._run_times[trial_id])
            self._record_values(trial)
        for trial_id, trial in sorted(self.trials.items()):
            if trial.status not in OVER and trial_id not in self._retry_queue:
                self._retry_queue.append(trial_id)
                if trial_id not in self.start_order:
                    self.start_order.append(trial_id)


def metrics_of(trial: Any, name: str) -> dict[str, float]:
    """What a trial has come to: its score, by its name, and every other metric of its last update."""
    found = {each: trial.metrics.get_last_value(each) for each in trial.metrics.metrics}
    found = {
        each: float(value) for each, value in found.items() if value is not None and math.isfinite(value)
    }
    return found | {name: float(trial.score)}


def _state(trial: Any) -> dict[str, Any]:
    found: dict[str, Any] = plain_fact(
        {
            "status": trial.status,
            "score": trial.score,
            "best_step": trial.best_step,
            "message": trial.message,
            "metrics": trial.metrics.get_config(),
            "values": {name: value for name, value in trial.hyperparameters.values.items() if _plain(value)},
        }
    )
    return found


def _write(path: Path, state: Mapping[str, Any]) -> None:
    """Write a file whole or not at all."""
    part = path.with_suffix(".part")
    part.write_text(json.dumps(state), encoding="utf-8")
    part.replace(path)


def _put(trial: Any, state: Mapping[str, Any]) -> None:
    trial.hyperparameters.values = dict(state["values"])
    trial.status, trial.score = state["status"], state["score"]
    trial.best_step, trial.message = state["best_step"], state["message"]
    trial.metrics = type(trial.metrics).from_config(state["metrics"])


def _plain(value: Any) -> bool:
    return value is None or isinstance(value, bool | int | float | str)


def _last_line(message: str | None) -> str:
    lines = (message or "").strip().splitlines()
    return lines[-1] if lines else "it failed"
