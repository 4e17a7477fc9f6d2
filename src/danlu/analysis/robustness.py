"""How far the best can be trusted: its noise, its rivals, how flat it lies, and what fresh seeds made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from ..journal.history import History
from ..problem.goal import Metric
from ..space.parameters import Choice
from .effects import MetricModel, model_of
from .measured import Measured, measured

STEP = 0.05
"""A small change: so much of a parameter's range."""


class Tolerance(msgspec.Struct, frozen=True):
    """How far one parameter may move from the best, all else kept, before the model expects a loss that matters.

    That is one worse by a tenth of the spread between trials, or by twice the noise. ``low`` and ``high`` are values of
    the parameter; ``change`` is what the model expects of the worse of two small steps (a twentieth of the range), as a multiple
    of the spread between trials.
    """

    name: str
    best: float
    low: float
    high: float
    change: float


class Confirmed(msgspec.Struct, frozen=True):
    """A trial under fresh seeds: its value in the search, and mean and standard deviation of the fresh ones."""

    trial: int
    searched: float
    mean: float
    deviation: float
    seeds: int


class Robustness(msgspec.Struct, frozen=True):
    """What is known of the best trial.

    Attributes:
        metric: its name.
        trial: the best.
        value: what it came to, in the user's sign.
        noise: standard deviation between runs of the same point.
        source: where the noise is known from: ``repeats`` (trials at the same point) or ``model``.
        ties: trials that cannot be told from the best: within twice the noise of a difference.
        rooms: by parameter, the most sensitive first; choices are left out.
        confirmed: under fresh seeds, the best mean first; the search's best value is optimistic by
            the difference, because it was chosen for being good.
        notice: in a sentence, what to be careful about.
    """

    metric: str
    trial: int
    value: float
    noise: float
    source: str
    ties: tuple[int, ...]
    rooms: tuple[Tolerance, ...]
    confirmed: tuple[Confirmed, ...] = ()
    notice: str = ""


def robustness(
    history: History,
    metric: str | None = None,
    *,
    fresh: Mapping[int, Sequence[float]] | None = None,
    model: MetricModel | None = None,
) -> Robustness:
    """How far the best trial can be trusted.

    Args:
        history: of the study.
        metric: of the goal; its first when None.
        fresh: by trial, the metric of runs of it under fresh seeds (of ``deep.confirm``, or your own).
        model: of the same study and metric, where there is one already.

    Raises:
        SettingError: for a metric that the goal does not have, and for fewer than four trials with a value.

    Example:
        >>> import danlu
        >>> space = {"sharp": danlu.Float(0, 1), "broad": danlu.Float(0, 1)}
        >>> run = lambda t: 9 * (t["sharp"] - 0.4) ** 2 + (t["broad"] - 0.4) ** 2
        >>> found = robustness(danlu.tune(run, space, trials=40, sampler="quasirandom", seed=0).history)
        >>> [room.name for room in found.rooms]
        ['sharp', 'broad']
    """
    model = model or model_of(history, metric)
    known = measured(history, model.metric, fits=True)
    at = int(np.argmin(known.losses))
    best = int(known.rows[at])
    noise, source = _noise(history, model, known, float(known.losses[at]))
    near = known.losses - known.losses[at] <= 2.0 * noise * 2.0**0.5
    order = np.argsort(known.losses, kind="stable")
    ties = tuple(int(known.rows[row]) for row in order if near[row] and row != at)
    return Robustness(
        known.name, best, float(known.values[at]), noise, source, ties, _rooms(history, model, best),
        _confirmed(history, known.metric, fresh or {}), _notice(len(ties), source, bool(fresh)),
    )  # fmt: skip


def _noise(history: History, model: MetricModel, known: Measured, best: float) -> tuple[float, str]:
    """The pooled deviation of trials at the same point, or what the process takes for noise near the best."""
    groups: dict[bytes, list[float]] = {}
    for row, loss in zip(known.rows, known.losses, strict=True):
        groups.setdefault(history.columns.units[row].tobytes(), []).append(float(loss))
    repeats = [group for group in groups.values() if len(group) > 1]
    freedom = sum(len(group) - 1 for group in repeats)
    if freedom >= 2:
        total = sum(((np.array(group) - np.mean(group)) ** 2).sum() for group in repeats)
        return float((total / freedom) ** 0.5), "repeats"
    ends = model.values(model.standard(np.array([best])) + np.array([0.0, model.posterior.noise**0.5]))
    return float(abs(ends[1] - ends[0])), "model"


def _rooms(history: History, model: MetricModel, best: int) -> tuple[Tolerance, ...]:
    point, mask = history.columns.units[best], history.columns.active[best]
    base = float(model.at(point[None])[0])
    tolerance = max(2.0 * model.posterior.noise**0.5, 0.1)
    rooms = []
    for at, slot in enumerate(history.space.slots):
        parameter = slot.parameter
        if isinstance(parameter, Choice) or not mask[at]:
            continue
        places = np.unique(np.append(np.linspace(0, 1, 101), point[at]))
        moved = np.repeat(point[None], len(places), axis=0)
        moved[:, at] = places
        worse = model.at(moved) - base > tolerance
        here = int(np.searchsorted(places, point[at]))
        low = int(np.flatnonzero(worse[:here])[-1]) + 1 if worse[:here].any() else 0
        high = here + int(np.flatnonzero(worse[here:])[0]) - 1 if worse[here:].any() else len(places) - 1
        steps = np.repeat(point[None], 2, axis=0)
        steps[:, at] = np.clip(point[at] + np.array([-STEP, STEP]), 0, 1)
        change = float((model.at(steps) - base).max())
        value, first, last = (
            float(parameter.decode(float(place)))
            for place in (point[at], places[low], places[max(high, here)])
        )
        rooms.append(Tolerance(slot.name, value, first, last, change))
    return tuple(sorted(rooms, key=lambda room: -room.change))


def _confirmed(
    history: History, metric: Metric, fresh: Mapping[int, Sequence[float]]
) -> tuple[Confirmed, ...]:
    found = []
    for number, values in fresh.items():
        each = np.asarray(values, float)
        deviation = float(each.std(ddof=1)) if len(each) > 1 else 0.0
        found.append(
            Confirmed(number, history.trials[number].value, float(each.mean()), deviation, len(each))
        )
    return tuple(sorted(found, key=lambda one: metric.rank(one.mean)))


def _notice(ties: int, source: str, confirmed: bool) -> str:
    if ties and not confirmed:
        how = "as the model guesses the noise" if source == "model" else "by the noise of its repeats"
        return f"{others(ties)} cannot be told from the best, {how}: run the first few under fresh seeds."
    return ""


def others(count: int) -> str:
    """This many other trials, in words.

    Example:
        >>> others(1), others(2)
        ('1 other trial', '2 other trials')
    """
    return f"{count} other trial{'' if count == 1 else 's'}"
