"""The one actor of a campaign: does what it says comes next, and keeps what it did in the campaign's own journal.

It holds no truth. A stage that was begun is opened again and finds its trials; a judgment that was kept is not kept again; what was looked
at is read, not measured once more. So a campaign that is killed at any instant goes on by the same call as if it had not been.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ..base.identity import identity
from ..base.plain import plain
from ..base.rng import stable_hash
from ..contracts.protocols import Engine, Journal, Store, Terms
from ..engines.objective import import_path
from ..errors import CampaignLeft, GoalError, SettingError, StoreError, StudyExists
from ..journal import events as ev
from ..journal.history import History
from ..problem.budget import TrialLimits
from ..problem.goal import Goal
from ..space.space import Space
from ..study.opening import existing_history
from ..study.past import taught
from ..study.result import Result
from ..study.tune import driven, open_study, prepared
from .contract import Campaign, Done, Judge, Look, Open, Widen

Objective = Callable[..., Any] | str
Looking = Callable[[Mapping[str, Result]], dict[str, Any]]


@dataclass(frozen=True)
class Conducted:
    """What a campaign has come to.

    Attributes:
        name: the campaign's, in its store.
        results: of its stages, in the order in which they were run.
        own: its journal, folded: settings, stages, judgments.
        reason: why it is done.
    """

    name: str
    results: Mapping[str, Result]
    own: History
    reason: str

    def judged(self, subject: str) -> ev.Judged:
        """The newest judgment of a subject.

        Raises:
            SettingError: when there is none.
        """
        found = [each for each in self.own.definition.campaign.judgments if each.subject == subject]
        if not found:
            raise SettingError(f"the campaign {self.name!r} has not judged {subject!r}.")
        return found[-1]


@dataclass
class _Journal:
    """The campaign's own journal with its fold."""

    journal: Journal
    worker: str
    clock: Callable[[], float]
    history: History = field(default_factory=History)

    def sync(self) -> History:
        self.history.fold(self.journal.read(self.history.seq))
        return self.history

    def append(self, event: ev.Event, op: str | None = None) -> None:
        self.journal.append([(op, event)], Terms(worker=self.worker, durable=True))
        self.sync()


def conduct(
    campaign: Campaign, objectives: Mapping[str, Objective] | Objective, *, store: Store, name: str, engine: Engine, seed: int | None = None,
    looks: Mapping[str, Looking] | None = None, watch: bool | None = None, clock: Callable[[], float] = time.time,
) -> Conducted:  # fmt: skip
    """Run a campaign to its end; the same call goes on after a crash, and extends what was extended.

    Args:
        campaign: what comes next.
        objectives: of the stages, by name; one for all of them.
        store: keeps its journal and those of its studies.
        name: its own; its studies are ``name/stage``.
        engine: one for all stages, so workers stay warm; closed at the end.
        seed: of everything; that of the journal when None.
        looks: functions that measure what no study does, by subject; they get the results by stage, and what they give is kept.
        watch: as in ``danlu.tune``.
        clock: seconds since some epoch.

    Returns:
        The results and the judgments.

    Raises:
        StudyExists: when the name is a study's, or another kind of campaign's.
        CampaignLeft: when a person or a signal has ended a stage before its time; the same call goes on.
        DanluError: whatever a stage raises.
    """
    own = _Journal(_opened(store, name, campaign, seed, clock()), identity(), clock)
    history = own.sync()
    _agree(history, name, campaign, seed)
    told = plain(campaign.settings)
    own.append(ev.Opened(own.worker, "", "", clock(), settings=told))
    results: dict[str, Result] = {}

    def run(stage: Open, *, widen: bool = False) -> None:
        objective = objectives[stage.stage] if isinstance(objectives, Mapping) else objectives
        past = [results[each] for each in stage.past]
        results[stage.stage] = _run(own, store, name, stage, objective, engine, watch, past, widen=widen)

    try:
        while True:
            move = campaign.next(own.sync(), dict(results))
            match move:
                case Open():
                    run(move)
                case Widen():
                    run(move.then, widen=True)
                case Judge():
                    _judge(own, move)
                case Look():
                    _look(own, move, results, looks or {})
                case Done():
                    own.append(ev.Closed(own.worker, move.reason, clock()))
                    return Conducted(name, results, own.history, move.reason)
    finally:
        engine.close()


def _opened(store: Store, name: str, campaign: Campaign, seed: int | None, at: float) -> Journal:
    """The campaign's journal, made if it is missing."""
    if name not in store.studies():
        chosen = secrets.randbits(32) if seed is None else seed
        event = ev.Created(Space().spec, Goal(()), chosen, at, campaign=campaign.kind)
        with contextlib.suppress(StudyExists):  # another process was faster: join it
            return store.create(name, event)
    return store.journal(name)


def _agree(history: History, name: str, campaign: Campaign, seed: int | None) -> None:
    if history.definition.campaign.kind != campaign.kind:
        is_now = (
            f"a campaign of the kind {history.definition.campaign.kind!r}"
            if history.definition.campaign.kind
            else "a study of its own"
        )
        raise StudyExists(
            f"{name!r} is {is_now}, and not a campaign of the kind {campaign.kind!r}. Choose another name."
        )
    if seed is not None and seed != history.definition.seed:
        raise SettingError(
            f"the campaign {name!r} has seed {history.definition.seed}, not {seed}. Leave the seed out, or choose another name."
        )


def _run(
    own: _Journal, store: Store, name: str, stage: Open, objective: Objective, engine: Engine, watch: bool | None,
    past: Sequence[Result], *, widen: bool = False,
) -> Result:  # fmt: skip
    """Run a stage to its end.

    Raises:
        CampaignLeft: when it was ended before.
    """
    called = f"{name}/{stage.stage}"
    begun = f"stage/{stage.stage}"
    if stage.stage not in own.history.definition.campaign.stages:
        own.append(ev.Staged(stage.stage, called, stage.reason, own.clock()), begun)
    objective, space = prepared(objective, stage.space)
    if widen:
        told = json.dumps(plain(space.spec), sort_keys=True)
        own.append(ev.Staged(stage.stage, called, stage.reason, own.clock()), f"{begun}/{stable_hash(told)}")
    try:
        study = open_study(
            space, goal=stage.goal, budget=stage.budget, sampler=stage.sampler, scheduler=stage.scheduler, store=store, name=called,
            seed=own.history.definition.seed, fidelity=stage.fidelity, contexts=list(stage.contexts),
            keep=stage.keep, extend=widen, trial_limits=stage.trial_limits or TrialLimits(), objective=import_path(objective),
            clock=engine.clock, parent=name, past=partial(taught, past, clock=engine.clock) if past else (),
        )  # fmt: skip
    except GoalError as error:
        raise GoalError(f"{error} The campaign is {name!r}.") from error
    with study:
        if study.session.replica.history.definition.campaign.parent != name:
            raise StudyExists(
                f"there is a study {called!r} that the campaign {name!r} has not made. Choose another name for it."
            )
        result, left = driven(
            study,
            objective,
            engine,
            things=space.forms.things,
            enqueue=stage.candidates,
            watch=watch,
            keeps_engine=True,
            stay=True,  # a stage is over when its trials are, whoever runs them
        )
    if left:
        raise CampaignLeft(
            f"the campaign {name!r} was left in its stage {stage.stage!r}: {result.study.stopped}. The same call goes on.",
            result,
        )
    return result


def _judge(own: _Journal, move: Judge) -> None:
    evidence = plain(move.evidence)
    event = ev.Judged(move.subject, move.verdict, move.reason, own.clock(), evidence=evidence)
    told = json.dumps([move.subject, move.verdict, evidence], sort_keys=True)
    own.append(event, f"judged/{stable_hash(told)}/{_times(own.history, event)}")


def _times(history: History, event: ev.Judged) -> int:
    """How often the subject was judged otherwise: what comes back after that is kept again."""
    same = [
        (each.verdict, each.evidence) == (event.verdict, event.evidence)
        for each in history.definition.campaign.judgments
        if each.subject == event.subject
    ]
    return len(same) - same.count(True)


def _look(own: _Journal, move: Look, results: Mapping[str, Result], looks: Mapping[str, Looking]) -> None:
    """Measure, and keep what was seen with its key; whoever has looked at the same first is believed."""
    if move.subject not in looks:
        raise SettingError(f"the campaign wants to look at {move.subject!r}, and nobody says how.")
    evidence = {"key": move.key, **plain(looks[move.subject](results))}
    event = ev.Judged(move.subject, "looked at", move.reason, own.clock(), evidence=evidence)
    own.append(event, f"look/{move.subject}/{stable_hash(move.key)}")


def seen(own: History, subject: str, look: str) -> dict[str, Any] | None:
    """What was seen of a subject under a key; None when nobody has looked."""
    for each in own.definition.campaign.judgments:
        if each.subject == subject and each.evidence.get("key") == look:
            return dict(each.evidence)
    return None


def recalled(store: Store, name: str) -> tuple[History, dict[str, Result]]:
    """A campaign's journal, folded, and what its stages have found; nothing is run.

    Raises:
        StudyMissing, StoreError: as ``campaign_of``.
    """
    own, results = campaign_of(store, name), {}
    for stage, called in own.definition.campaign.stages.items():
        if called in store.studies():
            results[stage] = Result(called, existing_history(store, called), store)
    return own, results


def campaign_of(store: Store, name: str) -> History:
    """A campaign's journal, folded.

    Raises:
        StudyMissing: when there is none by that name.
        StoreError: when it is a study.
    """
    history = existing_history(store, name)
    if not history.definition.campaign.kind:
        raise StoreError(
            f"{name!r} is a study, not a campaign. Open it with danlu.open_study(store=..., name={name!r})."
        )
    return history
