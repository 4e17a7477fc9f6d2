"""Studies of other tools as danlu's: what was tried and what came of it, as a journal that a search goes on from."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from ...errors import SpaceError, StoreError
from ...journal import events as ev
from ...journal.events import Cause, Status
from ...problem.goal import Goal
from ...space.parameters import Choice, Float, Int, Leaf
from ...space.space import Space, pack_unit
from .sweep import listed


class PastTrial(msgspec.Struct, frozen=True):
    """One trial.

    Attributes:
        number: in the other tool.
        params: values by name.
        status: DONE, STOPPED or FAILED.
        metrics: that it came to.
        curve: metrics by step, rising.
        begun, ended: seconds since the epoch.
        facts: whatever else was kept with it.
        reason: why it was stopped or failed, '' where nobody knows.
    """

    number: int
    params: dict[str, Any]
    status: Status
    metrics: dict[str, float] = {}
    curve: dict[int, dict[str, float]] = {}
    begun: float = 0.0
    ended: float = 0.0
    facts: dict[str, Any] = {}
    reason: str = ""


class PastStudy(msgspec.Struct, frozen=True):
    """A study of another tool.

    Attributes:
        tool: its name.
        name: the study's.
        space: parameters by name.
        goal: that it had.
        trials: in their order.
        said: sentences about what could not be carried over.
        facts: what else was kept with the study, for its own tool alone.
    """

    tool: str
    name: str
    space: dict[str, Leaf]
    goal: Goal
    trials: tuple[PastTrial, ...]
    said: tuple[str, ...] = ()
    facts: dict[str, Any] = {}


def events_of(study: PastStudy, at: float, version: str) -> tuple[list[ev.Event], list[str]]:
    """The journal of a study, and sentences about trials that are not in it.

    Args:
        study: as it was read.
        at: seconds since the epoch.
        version: of danlu.

    Raises:
        StoreError: when no trial can be carried over.
    """
    space = Space(study.space)
    found: list[ev.Event] = [ev.Created(space.spec, study.goal, 0, at, version)]
    if study.facts:
        found.append(ev.Noted(-1, study.facts, at))
    outside: Counter[str] = Counter()
    count = 0
    for trial in study.trials:
        params = {name: trial.params.get(name) for name in space.names}
        try:
            checked = {name: study.space[name].check(name, value) for name, value in params.items()}
        except SpaceError as error:
            outside[str(error)] += 1
            continue
        found += lived(study.tool, trial, count, checked, pack_unit(space.encode(checked)), study.goal)
        count += 1
    said = [f"{many} of its trials are left out: {reason}" for reason, many in outside.items()]
    if not count:
        raise StoreError(
            f"no trial of {study.name!r} can be carried over. {' '.join([*study.said, *said])}".strip()
        )
    return found, said


def lived(
    tool: str, trial: PastTrial, number: int, params: dict[str, Any], unit: bytes, goal: Goal
) -> Iterator[ev.Event]:
    """The events of one trial's life."""
    reason = f"trial {trial.number} of {tool}'s"
    yield ev.Asked(number, ev.pack_params(params), unit, tool, trial.begun, "imported", reason=reason)
    seconds = max(0.0, trial.ended - trial.begun)
    steps = sorted(trial.curve)
    for place, step in enumerate(steps, 1):
        share = seconds * place / len(steps)
        yield ev.Reported(number, 1, step, trial.curve[step], share, trial.begun + share)
    if trial.facts:
        yield ev.Noted(number, trial.facts, trial.ended, 1)
    metrics = {name: value for name, value in trial.metrics.items() if math.isfinite(value)}
    status, cause, why = trial.status, None, trial.reason
    if status is Status.DONE and goal.missing(metrics):
        status, why = Status.FAILED, f"it ended without a finite {' and '.join(goal.missing(metrics))}"
    if status is Status.STOPPED and goal.missing(metrics):
        status, why = Status.FAILED, why or "it was stopped before it had reported anything"
    if status is Status.FAILED:
        cause, metrics = Cause.RAISED, {}
    yield ev.Ended(number, 1, status, metrics, seconds, trial.ended, cause, why)


def common(spaces: Sequence[Mapping[str, Leaf]], tool: str, said: list[str]) -> dict[str, Leaf]:
    """The parameters that all trials have, each with a range that holds those of all.

    Args:
        spaces: of each trial.
        tool: whose they are.
        said: sentences, to which this adds its own.

    Example:
        >>> said = []
        >>> common([{"x": Int(1, 9)}, {"x": Int(1, 9), "y": Int(0, 1)}], "Optuna", said)
        {'x': Int(low=1, high=9, log=False, step=1, prior=None)}
        >>> said
        ['y is left out: not every trial has it, and what it depends on Optuna has not kept.']
    """
    names = list(dict.fromkeys(name for space in spaces for name in space))
    rare = [name for name in names if not all(name in space for space in spaces)]
    if rare:
        it, has = ("it", "it") if len(rare) == 1 else ("them", "they")
        are = "is" if len(rare) == 1 else "are"
        said.append(
            f"{listed(rare)} {are} left out: not every trial has {it}, and what {has} depend{'s' * (len(rare) == 1)} on {tool} has not kept."
        )
    found: dict[str, Leaf] = {}
    for name in names:
        if name not in rare:
            found[name] = _united(name, list(dict.fromkeys(space[name] for space in spaces)), said)
    return found


def _united(name: str, ranges: Sequence[Leaf], said: list[str]) -> Leaf:
    """One range for several."""
    if len(ranges) == 1:
        return ranges[0]
    if all(isinstance(each, Choice) for each in ranges):
        options = {repr(value): value for each in ranges for value in each.values}  # type: ignore[union-attr]
        said.append(f"{name} had other options in some trials: it has all of them.")
        return Choice(list(options.values()))
    kinds = {(type(each), getattr(each, "log", None)) for each in ranges}
    if len(kinds) > 1 or isinstance(ranges[0], Choice):
        raise StoreError(
            f"{name} is of another kind in some trials ({', '.join(sorted(map(repr, ranges)))[:200]}), which one space cannot hold."
        )
    low, high = min(each.low for each in ranges), max(each.high for each in ranges)  # type: ignore[union-attr]
    said.append(f"{name} had other ranges in some trials: it has {low:g} to {high:g}.")
    log = bool(getattr(ranges[0], "log", False))
    return Int(int(low), int(high), log=log) if isinstance(ranges[0], Int) else Float(low, high, log=log)
