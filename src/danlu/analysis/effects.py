"""What each parameter does to a metric, alone and in pairs: partial dependence on a Gaussian process, with its band.

Friedman, "Greedy function approximation" (2001), section 8.2: the model's mean over the trials as they are, one parameter
held at each of its values in turn. An average of a process is known exactly with its variance, so the band is the process's
own doubt about the average, not a spread of trees. Interactions: Friedman and Popescu, "Predictive learning via rule
ensembles" (2008), eq. 44.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..errors import SettingError
from ..journal.columns import active
from ..journal.features import Features, features
from ..journal.history import History
from ..maths import gp
from ..maths.targets import shrunk
from ..maths.threads import single
from ..problem.goal import Metric
from ..space.parameters import Choice
from .measured import Floats, Numbers, measured, thinned
from .phrases import Phrase, together
from .trial_table import Axis, axes

POINTS, BACKGROUND, GRID = 25, 64, 15
"""Values of a line, trials that are averaged over, values of each side of a surface."""

FITTED = 250
"""The Gaussian process is given this many trials at most: the better half of the places the best, the others evenly spread."""


class Effect(msgspec.Struct, frozen=True):
    """What one parameter does to a metric, in the user's sign.

    Attributes:
        axis: the parameter.
        units: where it was held, in [0, 1], rising, shape (k,).
        mean: partial dependence there, shape (k,).
        low, high: two standard deviations below and above, shape (k,).
        span: the largest difference of the mean.
        share: the same as a multiple of the spread between trials, in the scale the process works in.
        doubt: two standard deviations at their widest, in that unit.
    """

    axis: Axis
    units: Floats
    mean: Floats
    low: Floats
    high: Floats
    span: float
    share: float
    doubt: float


class Effects(msgspec.Struct, frozen=True):
    """The effects of all parameters on a metric, the widest first.

    ``log`` says that the process works on the logarithm of the losses, because they are positive and of many sizes; means are
    then geometric: on a search that has converged, a process of the losses themselves saw only the first few trials, and drew
    curves with teeth. ``fitted`` is the process's squared correlation with trials it had not seen (leave one out); ``notice`` says
    in a sentence when that is little.
    """

    metric: str
    trials: int
    effects: tuple[Effect, ...]
    log: bool
    fitted: float
    notice: str = ""
    phrases: dict[str, tuple[Phrase, ...]] = {}


class Surface(msgspec.Struct, frozen=True):
    """What two parameters do to a metric together, all else as in the trials.

    Attributes:
        metric: its name.
        maximize: whether large is good.
        x, y: the parameters.
        x_units, y_units: where they were held, shapes (a,) and (b,).
        mean: partial dependence, shape (b, a).
        deviation: one standard deviation of it, shape (b, a).
        interaction: the share of the surface's variation that is not the sum of both (Friedman's H squared), in [0, 1].
        points: units of the trials, shape (n, 2), and their values, shape (n,), to be drawn over it.
        values: of the trials.
    """

    metric: str
    maximize: bool
    x: Axis
    y: Axis
    x_units: Floats
    y_units: Floats
    mean: Floats
    deviation: Floats
    interaction: float
    points: Floats
    values: Floats


class MetricModel(NamedTuple):
    """A process of one metric over a study's space.

    Attributes:
        metric: its name.
        measure: as the goal has it; it turns losses into the user's values.
        shown: how points are shown to the process.
        posterior: of the standardized losses, or of their logarithms.
        middle, scale: loss = middle + scale * what the process says.
        log: whether that is the logarithm of the loss.
        units, mask: points of the trials it was given, and which coordinates are active, shape (n, d).
        targets: what it was given, shape (n,).
        total: trials with a value.
        exponent: losses are divided by this many powers of two before they are standardized.
    """

    metric: str
    measure: Metric
    shown: Features
    posterior: gp.Posterior
    middle: float
    scale: float
    log: bool
    units: Floats
    mask: NDArray[np.bool_]
    targets: Floats
    total: int
    exponent: int = 0

    def average(self, units: Floats) -> tuple[float, float]:
        """Mean and standard deviation of the standardized average over unit points."""
        mean, variance = gp.average(self.posterior, self.inputs(units))
        return mean, math.sqrt(variance)

    def at(self, units: Floats) -> Floats:
        """Standardized losses at unit points (n, d), shape (n,)."""
        return gp.predict(self.posterior, self.inputs(units))[0]

    def inputs(self, units: Floats) -> Floats:
        """Features of unit points."""
        return self.shown.of(units, active(self.shown.space.slots, units))

    def standard(self, losses: Floats) -> Floats:
        """Losses as the process sees them."""
        shown: Floats = (np.log(losses) if self.log else np.ldexp(losses, -self.exponent)) - self.middle
        return shown / self.scale

    def values(self, standard: Floats) -> Floats:
        """What the process says, in the user's sign and unit."""
        shown = self.middle + self.scale * np.asarray(standard)
        losses: Floats = np.exp(shown) if self.log else np.ldexp(shown, self.exponent)
        return self.measure.value(losses)


@single
def model_of(history: History, metric: str | None = None, rows: Numbers | None = None) -> MetricModel:
    """A process fitted to the trials of a study, or to these of them.

    It is fitted to the logarithms of losses that are positive and of many sizes, else to the losses; those far above
    the others count as their fence.

    Raises:
        SettingError: for a metric that the goal does not have, and for fewer than four trials with a value.
    """
    known = measured(history, metric, rows, fits=True)
    if len(known.rows) < 4:
        raise SettingError(f"effects need at least 4 trials with a result, there are {len(known.rows)}.")
    order = np.argsort(known.losses, kind="stable")
    best, rest = order[: FITTED // 2], order[FITTED // 2 :]
    kept = np.sort(np.concatenate([best, rest[thinned(len(rest), FITTED - len(best))]]))
    log = of_many_sizes(known.losses)
    losses, exponent = (np.log(known.losses), 0) if log else shrunk(known.losses)
    low, high = np.percentile(losses, [25, 75])
    clipped = np.minimum(losses, high + 3 * max(high - low, 1e-12))
    middle, scale = float(clipped.mean()), float(clipped.std()) or 1.0
    used, targets = known.rows[kept], (clipped[kept] - middle) / scale
    shown = features(history.space)
    units, mask = history.columns.units[used], history.columns.active[used]
    posterior = gp.fit(shown.of(units, mask), targets, gp.Shape(shown.groups, shown.warped), evaluations=60)
    return MetricModel(
        known.name,
        known.metric,
        shown,
        posterior,
        middle,
        scale,
        log,
        units,
        mask,
        targets,
        len(known.rows),
        exponent,
    )


def of_many_sizes(values: Floats) -> bool:
    """Whether values are positive and spread over more than one and a half orders of magnitude.

    Example:
        >>> of_many_sizes(np.array([0.001, 0.1, 1.0])), of_many_sizes(np.array([1.0, 2.0]))
        (True, False)
    """
    if not len(values) or values.min() <= 0:
        return False
    low, high = np.percentile(values, [2, 98])
    return bool(high > 30 * low)


@single
def effects(history: History, metric: str | None = None, *, model: MetricModel | None = None) -> Effects:
    """Partial dependence of a metric on every parameter; conditional ones over the trials in which they were active.

    Args:
        history: of the study; trials that ended, or paused, with the metric count.
        metric: of the goal; its first when None.
        model: of the same study and metric, where there is one already.

    Raises:
        SettingError: for a metric that the goal does not have, and for fewer than four trials with a value.

    Example:
        >>> import danlu
        >>> space = {"x": danlu.Float(0, 1), "idle": danlu.Float(0, 1)}
        >>> found = effects(danlu.tune(lambda t: t["x"] ** 2, space, trials=30, sampler="quasirandom", seed=0).history)
        >>> found.effects[0].axis.name, bool(abs(found.effects[0].span - 1) < 0.1)
        ('x', True)
    """
    model = model or model_of(history, metric)
    shown = axes(history)
    found = []
    for at, each in enumerate(shown):
        there = model.units[model.mask[:, at]]
        if len(there):
            found.append(_effect(model, each, at, there[thinned(len(there), BACKGROUND)]))
    found.sort(key=lambda effect: -effect.share)
    told, _ = gp.leave_one_out(model.posterior, model.targets)
    fitted = (
        0.0
        if told.std() == 0 or model.targets.std() == 0
        else float(max(0.0, np.corrcoef(told, model.targets)[0, 1]) ** 2)
    )
    notices = _notices(model.total, fitted)
    return Effects(
        model.metric, model.total, tuple(found), model.log, fitted, together(notices), {"notice": notices}
    )


@single
def surface(
    history: History,
    x: str,
    y: str,
    metric: str | None = None,
    *,
    model: MetricModel | None = None,
    most: int = 500,
) -> Surface:
    """Partial dependence on two parameters at once.

    Raises:
        SettingError: for an unknown parameter or metric, the same parameter twice, two that are never active together,
            and for fewer than four trials with a value.
    """
    names = list(history.space.names)
    for name in (x, y):
        if name not in names:
            raise SettingError(f"the space has {', '.join(names)}, not {name!r}.")
    if x == y:
        raise SettingError(f"a surface needs two parameters, got {x!r} twice.")
    model = model or model_of(history, metric)
    i, j = names.index(x), names.index(y)
    there = model.units[model.mask[:, i] & model.mask[:, j]]
    if not len(there):
        raise SettingError(f"{x} and {y} are never active together.")
    there = there[thinned(len(there), BACKGROUND // 2)]
    shown = axes(history)
    a, b = _places(model, shown[i], GRID), _places(model, shown[j], GRID)
    both = np.array([[model.average(_held(there, {i: u, j: v})) for u in a] for v in b])
    mean, low, high = _bands(model, both[..., 0], both[..., 1])
    known = measured(history, model.metric, fits=True)
    on = history.columns.active[known.rows][:, [i, j]].all(1)
    kept = np.flatnonzero(on)[thinned(int(on.sum()), most)]
    return Surface(
        model.metric, known.metric.maximize, shown[i], shown[j], a, b, mean, (high - low) / 4, _interaction(both[..., 0]),
        history.columns.units[known.rows[kept]][:, [i, j]], known.values[kept],
    )  # fmt: skip


def _effect(model: MetricModel, shown: Axis, at: int, there: Floats) -> Effect:
    units = _places(model, shown, POINTS)
    pairs = [model.average(_held(there, {at: unit})) for unit in units]
    standard, deviation = (np.array(column) for column in zip(*pairs, strict=True))
    mean, low, high = _bands(model, standard, deviation)
    return Effect(
        shown,
        units,
        mean,
        low,
        high,
        float(np.ptp(mean)),
        float(np.ptp(standard)),
        2 * float(deviation.max()),
    )


def _bands(model: MetricModel, standard: Floats, deviation: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean, and two standard deviations below and above it, in the user's sign and unit."""
    ends = model.values(standard - 2 * deviation), model.values(standard + 2 * deviation)
    return model.values(standard), np.minimum(*ends), np.maximum(*ends)


def _held(units: Floats, held: dict[int, float]) -> Floats:
    """The points with some coordinates at given places."""
    moved = units.copy()
    for at, unit in held.items():
        moved[:, at] = unit
    return moved


def _places(model: MetricModel, shown: Axis, most: int) -> Floats:
    """Where a parameter is held: every option of a choice, places evenly spread along any other."""
    at = model.shown.space.names.index(shown.name)
    parameter = model.shown.space.slots[at].parameter
    if isinstance(parameter, Choice):
        return np.array([place for place, _ in shown.ticks])
    if parameter.size <= most:
        return np.unique([parameter.encode(parameter.decode(unit)) for unit in np.linspace(0, 1, 4 * most)])
    return np.linspace(0.0, 1.0, most)


def _interaction(mean: Floats) -> float:
    """The share of a surface that is not a sum of its two sides (Friedman and Popescu 2008, eq. 44)."""
    centered = mean - mean.mean()
    apart = centered - centered.mean(0, keepdims=True) - centered.mean(1, keepdims=True)
    total = float((centered**2).sum())
    return float((apart**2).sum()) / total if total > 0 else 0.0


def _notices(trials: int, fitted: float) -> tuple[Phrase, ...]:
    if fitted < 0.3:
        return (Phrase("effects.noise", {"explained": f"{fitted:.0%}", "trials": str(trials)}),)
    return ()
