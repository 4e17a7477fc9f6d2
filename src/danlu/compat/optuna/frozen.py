"""A danlu journal as Optuna's frozen trials: a fold, so that it holds for studies that no Optuna has seen, too."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, json_to_distribution
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from ...journal import events as ev
from ...journal.events import Action, Cause, Status
from ...problem.goal import Limit
from ...programs.sweeps.optuna_facts import BEGUN, END, KEEP, PARAM, REPORT, SYSTEM, USER
from ...space.slots import SpaceSpec
from .distributions import distribution_of
from .life import QUEUED, Things

ASIDE = "danlu:aside"
"""The attribute of a trial that a person has set aside, which counts for nothing in danlu and has failed in Optuna."""


class Held:
    """Who runs the trials of a study, by their numbers.

    Attributes:
        attempts: the attempt of each.
        workers: who has each, or had.
        deaths: how often whoever ran it has died.
        running: those that somebody runs.
    """

    def __init__(self) -> None:
        self.attempts: list[int] = []
        self.workers: list[str] = []
        self.deaths: list[int] = []
        self.running: set[int] = set()


class Wishes:
    """What people want of a study.

    Attributes:
        queue: points to be tried.
        halted: an order to pause or stop, None where the study may go on.
        pruned: trials to be ended.
    """

    def __init__(self) -> None:
        self.queue: list[dict[str, Any]] = []
        self.halted: ev.Steered | None = None
        self.pruned: set[int] = set()


class Frozen:
    """What a journal says, in Optuna's terms.

    A trial that was handed out is never changed: what comes later is in a copy.

    Args:
        trial_id: the identity of a trial in Optuna, by its number.
        things: what no journal keeps and this process has.

    Attributes:
        seq: the number of the newest event.
        directions: of the study.
        names: of its metrics.
        trials: by number.
        held: who runs them.
        wishes: what people want.
        user, system: the study's attributes.
        chosen: what danlu has decided in the study, and why.
    """

    def __init__(self, trial_id: Callable[[int], int], things: Things | None = None) -> None:
        self.seq = 0
        self.directions: list[StudyDirection] = []
        self.names: tuple[str, ...] = ()
        self.trials: list[FrozenTrial] = []
        self.held = Held()
        self.wishes = Wishes()
        self.user: dict[str, Any] = {}
        self.system: dict[str, Any] = {}
        self.chosen: dict[str, str] = {}
        self._trial_id = trial_id
        self._things = {} if things is None else things
        self._declared: dict[str, BaseDistribution] = {}
        self._ends: dict[int, dict[str, Any]] = {}
        self._begun: set[int] = set()
        self._limits: tuple[Limit, ...] = ()
        self._handlers: dict[type, Callable[[Any], None]] = {
            ev.Created: self._created, ev.Reshaped: self._reshaped, ev.Enqueued: self._enqueued, ev.Steered: self._steered,
            ev.Asked: self._asked, ev.Suggested: self._suggested, ev.Reported: self._reported, ev.Noted: self._noted,
            ev.Released: self._released, ev.Resumed: self._resumed, ev.Ended: self._ended, ev.Reopened: self._reopened,
            ev.SetAside: self._set_aside,
        }  # fmt: skip

    def fold(self, entries: Iterable[ev.Entry]) -> None:
        """Take the next events of the journal, in order."""
        for entry in entries:
            handler = self._handlers.get(type(entry.event))
            if handler is not None:
                handler(entry.event)
            self.seq = entry.seq

    # The handlers, one an event.

    def _created(self, event: ev.Created) -> None:
        self.names = tuple(metric.name for metric in event.goal.metrics)
        self.directions = [
            StudyDirection.MAXIMIZE if metric.maximize else StudyDirection.MINIMIZE
            for metric in event.goal.metrics
        ]
        self._limits = event.goal.limits
        self._declare(event.space)

    def _reshaped(self, event: ev.Reshaped) -> None:
        self._declare(event.space)

    def _declare(self, space: SpaceSpec) -> None:
        self._declared |= {slot.name: distribution_of(slot.parameter) for slot in space.slots}
        self._declared |= {each.name: _single(each.value) for each in space.constants}

    def _enqueued(self, event: ev.Enqueued) -> None:
        self.wishes.queue.extend(event.points)

    def _steered(self, event: ev.Steered) -> None:
        if event.order == "prune":
            self.wishes.pruned.add(event.trial)
        else:
            self.wishes.halted = None if event.order == "resume" else event

    def _asked(self, event: ev.Asked) -> None:
        params = ev.unpack_params(event.params)
        trial = FrozenTrial(
            event.trial, TrialState.RUNNING, None, datetime.fromtimestamp(event.at), None, params,  # noqa: DTZ006 - Optuna's times are local
            {name: self._declared.get(name) or _single(value) for name, value in params.items()}, {}, {}, {},
            self._trial_id(event.trial),
        )  # fmt: skip
        self.trials.append(trial)
        self.held.attempts.append(1)
        self.held.workers.append(event.worker)
        self.held.deaths.append(0)
        self.held.running.add(event.trial)
        if event.source == "enqueued" and self.wishes.queue:
            self.wishes.queue.pop(0)

    def _suggested(self, event: ev.Suggested) -> None:
        trial = self._changing(event.trial)
        if event.name not in trial.params:  # else its distribution and value were kept as they are
            trial.params = trial.params | {event.name: event.value}
            trial.distributions = trial.distributions | {event.name: distribution_of(event.parameter)}

    def _reported(self, event: ev.Reported) -> None:
        trial = self._changing(event.trial)
        if self.names and self.names[0] in event.metrics:
            told = event.metrics[self.names[0]]
            trial.intermediate_values = trial.intermediate_values | {event.step: told}
        if event.action is Action.STOP:
            self._end(event.trial, TrialState.FAIL if event.cause else TrialState.PRUNED, None, event.at)
        elif event.action is Action.PAUSE:
            self.held.running.discard(event.trial)

    def _noted(self, event: ev.Noted) -> None:
        user: dict[str, Any] = {}
        system: dict[str, Any] = {}
        for key, fact in event.facts.items():
            if key.startswith(USER) or (event.trial >= 0 and not key.startswith(KEEP)):
                name = key.removeprefix(USER)
                user[name] = self._things.get((event.trial, USER, name), fact)
            elif key.startswith(SYSTEM):
                name = key.removeprefix(SYSTEM)
                system[name] = self._things.get((event.trial, SYSTEM, name), fact)
            elif event.trial >= 0:
                self._kept(event.trial, key, fact)
            else:
                self.chosen = self.chosen | {key: str(fact)}
        if event.trial < 0:
            self.user, self.system = self.user | user, self.system | system
        elif user or system:
            trial = self._changing(event.trial)
            trial._user_attrs = trial._user_attrs | user
            trial._system_attrs = trial._system_attrs | system

    def _kept(self, number: int, key: str, fact: Any) -> None:
        """What has no event of its own."""
        trial = self._changing(number)
        if key.startswith(PARAM):
            name = key.removeprefix(PARAM)
            distribution = self._things.get((number, PARAM, name)) or json_to_distribution(
                fact["distribution"]
            )
            trial.params = trial.params | {name: distribution.to_external_repr(fact["value"])}
            trial.distributions = trial.distributions | {name: distribution}
        elif key.startswith(REPORT):
            step = int(key.removeprefix(REPORT))
            trial.intermediate_values = trial.intermediate_values | {step: fact}
        elif key == END:
            self._ends[number] = fact
        elif key == BEGUN:
            self._begun.add(number)

    def _released(self, event: ev.Released) -> None:
        trial = self._changing(event.trial)
        trial.state = TrialState.WAITING
        self.held.running.discard(event.trial)
        if event.attempt == 1 and event.reason == QUEUED and event.trial not in self._begun:
            trial.datetime_start = None

    def _resumed(self, event: ev.Resumed) -> None:
        trial = self._changing(event.trial)
        trial.state, trial.datetime_start = TrialState.RUNNING, datetime.fromtimestamp(event.at)  # noqa: DTZ006
        if event.anew:
            trial.intermediate_values = {}
        if event.params:
            trial.params = trial.params | ev.unpack_params(event.params)
        self.held.attempts[event.trial], self.held.workers[event.trial] = event.attempt, event.worker
        self.held.deaths[event.trial] += event.orphan
        self.held.running.add(event.trial)

    @property
    def has_limits(self) -> bool:
        """Whether the study was made with limits, by which danlu ranks."""
        return bool(self._limits)

    def _ended(self, event: ev.Ended) -> None:
        values = [event.metrics.get(name, math.nan) for name in self.names]
        whole = bool(values) and not any(map(math.isnan, values))
        state = TrialState.FAIL
        if event.status is Status.DONE or (event.cause is Cause.DIVERGED and whole):
            state = TrialState.COMPLETE if whole else TrialState.FAIL
        elif event.status is Status.STOPPED:
            state = TrialState.PRUNED
        slacks = {
            f"constraints:{each.name}": each.slack(event.metrics[each.name])
            for each in self._limits
            if each.name in event.metrics
        }
        if slacks:
            trial = self._changing(event.trial)
            trial._system_attrs = trial._system_attrs | slacks
        self._end(event.trial, state, values if whole and state is not TrialState.FAIL else None, event.at)

    def _end(self, number: int, state: TrialState, values: list[float] | None, at: float) -> None:
        trial = self._changing(number)
        if state is TrialState.PRUNED and trial.intermediate_values:
            last = trial.intermediate_values[max(trial.intermediate_values)]
            values = None if math.isnan(last) else [last]
        kept = self._ends.pop(number, None)
        if kept is not None:
            state, values = TrialState[kept["state"]], kept["values"]
        trial.state, trial.values = state, values
        trial.datetime_complete = datetime.fromtimestamp(at)  # noqa: DTZ006
        self.held.running.discard(number)

    def _reopened(self, event: ev.Reopened) -> None:
        trial = self._changing(event.trial)
        trial.state, trial.values, trial.datetime_complete = TrialState.WAITING, None, None

    def _set_aside(self, event: ev.SetAside) -> None:
        for number in event.trials:
            if number < len(self.trials):
                trial = self._changing(number)
                trial.state, trial.values = TrialState.FAIL, None
                trial.datetime_complete = trial.datetime_complete or datetime.fromtimestamp(event.at)  # noqa: DTZ006
                trial._system_attrs = trial._system_attrs | {ASIDE: event.reason}
                self.held.running.discard(number)

    def _changing(self, number: int) -> FrozenTrial:
        """A copy of the trial in its place, whose fields may be replaced, not changed."""
        trial = self.trials[number] = copy.copy(self.trials[number])
        return trial


def _single(value: Any) -> BaseDistribution:
    return CategoricalDistribution((value,))
