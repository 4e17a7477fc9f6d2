"""An Optuna study as a danlu history, so that danlu's algorithms can read it, whatever storage it is in.

As long as the trials lie in one space, in which some parameters may hang on others (``conditions.py``), that is the declared one; from the
first trial on that does not, each parameter is one that code reveals. What the mirror holds follows from the trials alone, so a process that begins with
many of them comes to the same as one that has seen them come.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
from optuna.distributions import BaseDistribution
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from ...contracts.messages import GO, Verdict
from ...contracts.protocols import Sampler, Scheduler
from ...errors import SpaceError
from ...journal import events as ev
from ...journal.events import Action
from ...journal.history import History
from ...problem.budget import Budget
from ...problem.fidelity import Fidelity
from ...problem.goal import Goal, Limit, Metric
from ...space.parameters import Leaf
from ...space.slots import SpaceSpec
from ...space.space import pack_unit
from ...study.algorithms import Algorithms
from ...study.config import ResolvedConfig
from .conditions import Draws, arranged, lies_in
from .distributions import parameter_of, value_of
from .life import FAR, VERDICT, over, seconds

SEED = "danlu:seed"
"""The attribute of a study, in any storage of Optuna's, from which its random numbers follow where nobody has given a seed."""

LEARNED = (TrialState.COMPLETE, TrialState.PRUNED)


class Mirror:
    """One study.

    Args:
        directions: of the study.
        seed: of its random numbers.
        sampler, scheduler: that read it.
        fidelity: how far trials are trained, where that is known.
        revealed: whether no space is declared: a running trial that has reported may have parameters yet to draw.

    Attributes:
        history: the trials.
        algorithms: sampler and scheduler, told of them.
        distributions: what is known of each parameter, by name.
    """

    def __init__(
        self, directions: Sequence[StudyDirection], seed: int, sampler: Sampler, scheduler: Scheduler, fidelity: Fidelity | None = None,
        *, revealed: bool = False,
    ) -> None:  # fmt: skip
        self._directions = list(directions)
        self._config = ResolvedConfig(Budget(), sampler, scheduler, fidelity)
        self._seed = seed
        self._limits: tuple[str, ...] = ()
        self._learned: list[Draws] = []
        self._spec: SpaceSpec | None = None
        self._revealed = self._dynamic = revealed
        self._start()

    def follow(self, trials: Sequence[FrozenTrial], asking: int) -> None:
        """Take in what is new; the trial ``asking`` is left out, and so is what has drawn nothing yet."""
        fresh = [trial for trial in trials if trial.number not in self._over]
        if not {trial.number for trial in trials}.issuperset(self._at.keys() - {asking}):
            self._limits, self._learned, self._spec, self._dynamic = (), [], None, self._revealed
            fresh = list(trials)  # another selection of the study's trials, as Hyperband's brackets are
            self._start()
        if self._planned(fresh):
            self._start()
        for trial in trials:
            if trial.number != asking and trial.number not in self._over:
                self._take(trial)

    def judge(self, trial: FrozenTrial) -> Verdict:
        """What the scheduler says of a running trial's newest report, which is taken in with the verdict."""
        self._take(trial, until=trial.last_step)
        step, at = trial.last_step, self._at.get(trial.number)
        if at is None or step is None or self._told.get(trial.number, -1) >= step or not 0 <= step < FAR:
            return GO
        name, value = self.history.goal.metrics[0].name, trial.intermediate_values[step]
        curve = self.history.reports.extended(at, step, {name: value}, restart=False)
        record = msgspec.structs.replace(self.history.trials.record(at, curve), metrics={name: value})
        verdict = self.algorithms.judge(record)
        self._report(trial, step, value, verdict)
        return verdict

    # How the mirror is made.

    def _start(self) -> None:
        several = len(self._directions) > 1
        metrics = tuple(
            Metric(f"value_{at}" if several else "value", way is StudyDirection.MAXIMIZE)
            for at, way in enumerate(self._directions)
        )
        goal = Goal(metrics, tuple(Limit(f"constraint {name}", 0.0) for name in self._limits), "last")
        spec = SpaceSpec() if self._dynamic or self._spec is None else self._spec
        self.history = History()
        self.history.fold([ev.Entry(1, ev.Created(spec, goal, self._seed, 0.0))])
        if self._dynamic:  # trials are where they lie by the parameters known now
            self.history.fold([ev.Entry(2, ev.Reshaped(spec, "", 0.0))])
        self.algorithms = Algorithms(self._config, self.history)
        self.distributions: dict[str, BaseDistribution] = {}
        self._at: dict[int, int] = {}
        self._drawn: dict[int, set[str]] = {}
        self._told: dict[int, int] = {}
        self._over: set[int] = set()

    def _planned(self, fresh: Iterable[FrozenTrial]) -> bool:
        """Look at what trials draw and are limited by; whether the mirror has to be made anew for it."""
        before = self._limits, self._spec, self._dynamic
        for trial in fresh:
            if trial.state not in LEARNED:
                continue
            names = dict.fromkeys((*self._limits, *sorted(trial.constraints)))
            self._limits = tuple(names) if len(names) > len(self._limits) else self._limits
            if self._dynamic:
                continue
            drawn = self._draws(trial)
            self._learned.append(drawn)
            if self._spec is None or not lies_in(self._spec, drawn):
                self._spec = arranged(self._learned)
                self._dynamic = self._spec is None
        return before != (self._limits, self._spec, self._dynamic)

    def _take(self, trial: FrozenTrial, until: int | None = None) -> None:
        """A trial as far as it has come; of one that is judged, the reports before step ``until``."""
        drawn = self._draws(trial)
        if trial.number not in self._at:
            if not self._fits(drawn):
                if trial.state.is_finished():
                    self._over.add(trial.number)
                return
            self._ask(trial, drawn)
        at = self._at[trial.number]
        for name, parameter in drawn.parameters.items():
            if name not in self._drawn[trial.number]:
                self._drawn[trial.number].add(name)
                self._fold(ev.Suggested(at, 1, name, parameter, drawn.values[name], 0.0))
        for step in sorted(trial.intermediate_values):
            if self._told.get(trial.number, -1) < step < FAR and (until is None or step < until):
                self._report(trial, step, trial.intermediate_values[step], _verdict(trial, step))
        if trial.state.is_finished():
            self._over.add(trial.number)
            ended = seconds(trial.datetime_complete, 0.0)
            names = [metric.name for metric in self.history.goal.metrics]
            for event in over(trial, trial.state, trial.values, names, 1, ended):
                if not isinstance(event, ev.Noted):
                    self._fold(msgspec.structs.replace(event, trial=at))

    def _draws(self, trial: FrozenTrial) -> Draws:
        parameters: dict[str, Leaf] = {}
        values: dict[str, Any] = {}
        for name, distribution in trial.distributions.items():
            parameter = parameter_of(distribution)
            if parameter is not None:
                internal = distribution.to_internal_repr(trial.params[name])
                parameters[name] = parameter
                values[name] = value_of(distribution, parameter, internal)
                self.distributions[name] = distribution
        return Draws(parameters, values)

    def _fits(self, drawn: Draws) -> bool:
        """Whether the trial can be told: it has drawn something, in a declared space all of it, and within its ranges."""
        if self._dynamic:
            return bool(drawn.values)
        if self._spec is None or not lies_in(self._spec, drawn):
            return False
        try:
            for name, parameter in drawn.parameters.items():
                parameter.check(name, drawn.values[name])
        except SpaceError:
            return False
        return True

    def _ask(self, trial: FrozenTrial, drawn: Draws) -> None:
        self._at[trial.number] = number = len(self.history)
        plain = dict(drawn.values)
        declared = {} if self._dynamic else plain
        self._drawn[trial.number] = set(declared)
        unit = b"" if self._dynamic else pack_unit(self.history.space.encode(plain))
        begun = seconds(trial.datetime_start, 0.0)
        self._fold(ev.Asked(number, ev.pack_params(declared), unit, "Optuna", begun))

    def _report(self, trial: FrozenTrial, step: int, value: float, verdict: Verdict) -> None:
        self._told[trial.number] = step
        name, at = self.history.goal.metrics[0].name, self._at[trial.number]
        action = Action.GO if verdict.action is Action.GO else Action.PAUSE
        self._fold(
            ev.Reported(
                at, 1, step, {name: value}, 0.0, 0.0, action, verdict.reason, None, None, verdict.conclusive, verdict.expected
            )
        )  # fmt: skip

    def _fold(self, event: ev.Event) -> None:
        self.history.fold([ev.Entry(self.history.seq + 1, event)])
        self.algorithms.tell(event, self.history)


def _verdict(trial: FrozenTrial, step: int) -> Verdict:
    """What was said of a report when it was made."""
    kept = trial.system_attrs.get(VERDICT)
    if not kept or kept["step"] != step:
        return GO
    action = Action.PAUSE if kept["pruned"] else Action.GO
    return Verdict(action, kept["reason"], None, kept["conclusive"], kept["expected"])


def kept_verdict(verdict: Verdict, step: int) -> dict[str, Any]:
    """A verdict as an attribute of its trial."""
    return {
        "step": step, "pruned": verdict.action is not Action.GO, "reason": verdict.reason, "conclusive": verdict.conclusive,
        "expected": verdict.expected,
    }  # fmt: skip


def seed_of(study: Study) -> int:
    """The seed of a study's random numbers, which is drawn once and kept with the study."""
    storage, number = study._storage, study._study_id
    if SEED not in storage.get_study_system_attrs(number):
        storage.set_study_system_attr(number, SEED, secrets.randbits(32))
    return int(storage.get_study_system_attrs(number)[SEED])
