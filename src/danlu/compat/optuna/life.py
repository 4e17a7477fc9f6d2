"""What Optuna keeps of a trial, as events of a danlu journal.

What a journal has no event for is a fact (``programs/sweeps/optuna_facts.py``): distributions that are no parameter, reports that go
back, attributes of Optuna's own. ``frozen.py`` reads them back.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeAlias

from optuna.distributions import BaseDistribution, distribution_to_json
from optuna.trial import FrozenTrial, TrialState

from ...base.values import shown
from ...errors import KeepError, ReportError
from ...journal import events as ev
from ...journal.events import DOOR, Action, Cause, Status
from ...programs.sweeps.optuna_facts import BEGUN, END, PARAM, REPORT, SYSTEM, USER
from ...runtime.reporting import plain_fact
from .distributions import is_kept, parameter_of, value_of

VERDICT = "danlu:verdict"
"""The attribute of a trial, in any storage of Optuna's, that says why danlu's pruner ended it, or doubts it."""

QUEUED = "it waits in Optuna's queue"
"""Why a trial that was enqueued has no worker."""

FAR = 2**53
"""Steps from here on are kept as facts."""


def seconds(moment: datetime | None, otherwise: float) -> float:
    """A moment of Optuna's, which is in local time, in seconds since the epoch."""
    return otherwise if moment is None else moment.timestamp()


Things: TypeAlias = dict[tuple[int, str, str], Any]
"""What no journal keeps and this process has: by number of trial (-1 the study), kind and name."""


def drawn(
    number: int, attempt: int, name: str, internal: float, distribution: BaseDistribution, at: float, things: Things | None = None
) -> Iterator[ev.Event]:  # fmt: skip
    """A parameter of a trial; a distribution that no journal keeps goes to ``things``.

    Raises:
        KeepError: when there is no place for such things.
    """
    parameter = parameter_of(distribution)
    if not is_kept(distribution, parameter):
        if things is not None:
            things[number, PARAM, name] = distribution
        given = {"distribution": _text(name, distribution, things), "value": float(internal)}
        yield ev.Noted(number, {f"{PARAM}{name}": given}, at, attempt)
    if parameter is not None:
        yield ev.Suggested(number, attempt, name, parameter, value_of(distribution, parameter, internal), at)


def _text(name: str, distribution: BaseDistribution, things: Things | None) -> str:
    try:
        return distribution_to_json(distribution)
    except TypeError as error:
        if things is not None:
            return ""
        raise KeepError(
            f"a store keeps choices of None, bools, numbers, text and lists of them, got {name} from {shown(distribution)}. "
            "Suggest a name, and take the thing from a dict of your own."
        ) from error


def told(number: int, attempt: int, last: int, step: int, metrics: Mapping[str, float], taken: float, at: float) -> ev.Event:  # fmt: skip
    """An intermediate value; ``last`` is the newest step of the trial, -1 for none, and ``taken`` its seconds so far."""
    if max(last, 0) <= step < FAR:
        return ev.Reported(number, attempt, step, dict(metrics), taken, at)
    return ev.Noted(number, {f"{REPORT}{step}": next(iter(metrics.values()))}, at, attempt)


def over(
    trial: FrozenTrial, state: TrialState, values: Sequence[float] | None, names: Sequence[str], attempt: int, at: float
) -> Iterator[ev.Event]:  # fmt: skip
    """The end of a trial with these values of the metrics ``names``; ``trial`` is as it was before."""
    number = trial.number
    taken = max(0.0, at - seconds(trial.datetime_start, at))
    metrics = dict(zip(names, map(float, values or ()), strict=False))
    whole = len(metrics) == len(names) == len(values or ())
    limits = {f"constraint {name}": float(value) for name, value in trial.constraints.items()}
    if state is TrialState.COMPLETE and whole:
        said = metrics | limits
        bad = [name for name, value in metrics.items() if not math.isfinite(value)]
        if not bad:
            yield ev.Ended(number, attempt, Status.DONE, said, taken, at)
        else:
            why = f"{bad[0]} is {metrics[bad[0]]}"
            yield ev.Ended(number, attempt, Status.FAILED, said, taken, at, Cause.DIVERGED, why)
        return
    step = trial.last_step
    last = None if step is None else trial.intermediate_values[step]
    reported = step is not None and 0 <= step < FAR and len(names) == 1
    plain = reported and last is not None and math.isfinite(last) and list(values or ()) == [last]
    if (state is TrialState.PRUNED and not plain) or (state is not TrialState.PRUNED and values is not None):
        kept = None if values is None else [float(each) for each in values]
        yield ev.Noted(number, {END: {"state": state.name, "values": kept}}, at, attempt)
    if state is not TrialState.PRUNED:
        why = "failed in Optuna, whose storage is not told why"
        yield ev.Ended(number, attempt, Status.FAILED, {}, taken, at, Cause.RAISED, why)
    elif plain and step is not None:
        verdict = trial.system_attrs.get(VERDICT) or {}
        reason, expected = verdict.get("reason") or "pruned", verdict.get("expected")
        yield ev.Reported(
            number, attempt, step, limits, taken, at, Action.STOP, reason, conclusive=expected is not None, expected=expected
        )  # fmt: skip
    else:
        why = "pruned before it had reported a finite value"
        yield ev.Ended(number, attempt, Status.FAILED, {}, taken, at, Cause.CANCELLED, why)


def noted(number: int, kind: str, key: str, value: Any, at: float, attempt: int = 0, things: Things | None = None) -> ev.Noted:  # fmt: skip
    """An attribute of a trial, or of the study (-1); ``kind`` is USER or SYSTEM. What no journal keeps goes to ``things``.

    Raises:
        KeepError: when there is no place for such things.
    """
    try:
        fact = plain_fact(value)
    except ReportError as error:
        if things is None:
            raise KeepError(
                f"a store keeps None, bools, numbers, text, lists and dicts, got {shown(value)} as the attribute {key!r}. "
                "Keep str(value), or a file by its name."
            ) from error
        fact = shown(value)
    if things is not None:
        things[number, kind, key] = value
    plain = kind == USER and number >= 0 and not key.startswith(DOOR)
    return ev.Noted(number, {key if plain else f"{kind}{key}": fact}, at, attempt)


def life(
    trial: FrozenTrial, number: int, names: Sequence[str], worker: str, now: float, things: Things | None = None
) -> Iterator[ev.Event]:  # fmt: skip
    """The whole life of a trial that was made elsewhere, as trial ``number`` of a study of the metrics ``names``."""
    begun = seconds(trial.datetime_start, now)
    ended = max(begun, seconds(trial.datetime_complete, now))
    source = "enqueued" if "fixed_params" in trial.system_attrs else "imported" if trial.params else "sampler"
    yield ev.Asked(number, ev.pack_params({}), b"", worker, begun, source)
    for name, distribution in trial.distributions.items():
        internal = distribution.to_internal_repr(trial.params[name])
        yield from drawn(number, 1, name, internal, distribution, begun, things)
    last = -1
    for step, value in sorted(trial.intermediate_values.items()):
        share = (ended - begun) * (step - min(trial.intermediate_values) + 1)
        share /= max(trial.intermediate_values) - min(trial.intermediate_values) + 1
        yield told(number, 1, last, step, {names[0]: float(value)}, share, begun + share)
        last = max(last, step)
    for kind, attributes in ((USER, trial.user_attrs), (SYSTEM, trial.system_attrs)):
        for key, value in attributes.items():
            yield noted(number, kind, key, value, ended, 1, things)
    if trial.state is TrialState.WAITING:
        if trial.datetime_start is not None:
            yield ev.Noted(number, {BEGUN: True}, begun, 1)
        yield ev.Released(number, 1, Cause.PREEMPTED, QUEUED, 0.0, now)
    elif trial.state.is_finished():
        yield from over(_renumbered(trial, number), trial.state, trial.values, names, 1, ended)


def _renumbered(trial: FrozenTrial, number: int) -> FrozenTrial:
    return FrozenTrial(
        number, trial.state, None, trial.datetime_start, trial.datetime_complete, trial.params, trial.distributions,
        trial.user_attrs, trial.system_attrs, trial.intermediate_values, 0, values=trial.values,
    )  # fmt: skip
