"""Finds where an acquisition function is large on a space of continuous and discrete parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ...journal.features import Features
from ...maths import raised
from ...maths.gp import Posterior
from ...maths.raised import Raised

Floats = NDArray[np.float64]
Value = Callable[[Floats, Floats], Floats]
"""From means and standard deviations of all models, shape (q, n) each, to how promising, shape (n,)."""

UNIFORM, MUTANTS, STARTS, STEPS, EXCHANGES = 256, 256, 4, 15, 6
STEP = 1e-5


class Beliefs(NamedTuple):
    """What a person expects of the ordered parameters: normal around ``center``, times ``weight``."""

    center: Floats
    spread: Floats
    weight: float

    def at(self, units: Floats) -> Floats:
        """Log density at unit points, shape (n,)."""
        z = (units - self.center) / self.spread
        found: Floats = -0.5 * self.weight * (z * z).sum(1)
        return found

    def slopes(self, units: Floats) -> Floats:
        """Its gradients at unit points, shape (n, d)."""
        found: Floats = -self.weight * (units - self.center) / self.spread**2
        return found


class Acquisition(NamedTuple):
    """An acquisition function over unit points.

    Attributes:
        shown: how points are shown to the models.
        models: the processes it is made of.
        value: how promising, from their means and standard deviations.
        beliefs: what a person expects, or None.
        low: lower corner of the box that is searched, shape (d,).
        high: its upper corner.
    """

    shown: Features
    models: tuple[Posterior | Raised, ...]
    value: Value
    beliefs: Beliefs | None
    low: Floats
    high: Floats

    def at(self, units: Floats) -> tuple[Floats, Floats]:
        """The canonical points near ``units`` (n, d) and how promising they are (n,)."""
        snapped, mask = self.shown.snap(units)
        inputs = self.shown.of(snapped, mask)
        found = [raised.predict(model, inputs) for model in self.models]
        means, variances = (np.array(part) for part in zip(*found, strict=True))
        value = self.value(means, np.sqrt(variances))
        return snapped, value if self.beliefs is None else value + self.beliefs.at(snapped)

    def slopes(self, inputs: Floats) -> tuple[Floats, Floats]:
        """Values (q,) and gradients by the features of rows of ``inputs``, shape (q, p).

        The models' means and deviations have exact gradients; how the value depends on these few numbers
        is measured by central differences, so that any acquisition function can be polished.
        """
        found = [raised.predict_slopes(model, inputs) for model in self.models]
        count, q = len(found), len(inputs)
        center = np.array([*(each[0] for each in found), *(np.sqrt(each[1]) for each in found)])
        steps = STEP * np.maximum(np.abs(center), 1e-3)
        steps[count:] = np.minimum(steps[count:], 0.5 * center[count:])
        shifts = np.eye(2 * count)[:, :, None] * steps[:, None]  # one number moved at a time
        shifted = np.concatenate([center[None], center + shifts, center - shifts]).swapaxes(0, 1)
        flat = shifted.reshape(2 * count, -1)
        values = self.value(flat[:count], flat[count:]).reshape(-1, q)
        by = (values[1 : 2 * count + 1] - values[2 * count + 1 :]) / (2.0 * steps)
        gradient = sum(
            by[i][:, None] * each[2] + (by[count + i] / (2.0 * center[count + i]))[:, None] * each[3]
            for i, each in enumerate(found)
        )
        return values[0], np.asarray(gradient)


def climb(
    surface: Acquisition, incumbents: Floats, seen: Callable[[Floats], bool], rng: np.random.Generator
) -> Iterator[Floats]:
    """Points in order of promise: the polished best of many, then the others as they were screened.

    ``seen`` says whether a canonical point has been tried; exchanges pass over those.
    """
    width = incumbents.shape[1]
    uniform = surface.low + (surface.high - surface.low) * rng.random((UNIFORM, width))
    mutants = np.clip(_mutants(incumbents, rng), surface.low, surface.high)
    points, values = surface.at(np.vstack([uniform, mutants]))
    order = np.argsort(-values, kind="stable")
    risen = _ascend(surface, points[order[:STARTS]])
    polished = [_exchange(surface, point, seen) for point in risen]
    ranked = sorted(polished, key=lambda found: -found[1])
    yield from (point for point, _ in ranked)
    yield from points[order]


def _mutants(incumbents: Floats, rng: np.random.Generator) -> Floats:
    """The best points with a few coordinates moved, by much or by little, or drawn anew."""
    count, width = MUTANTS, incumbents.shape[1]
    parents = incumbents[rng.integers(len(incumbents), size=count)]
    moved = rng.random((count, width)) < np.maximum(1.0 / width, rng.random((count, 1)) ** 2)
    reach = 10.0 ** rng.uniform(-3.0, -0.5, (count, 1))
    steps = np.where(
        rng.random((count, width)) < 0.15,
        rng.random((count, width)) - parents,
        reach * rng.standard_normal((count, width)),
    )
    mutants: Floats = np.clip(parents + moved * steps, 0.0, 1.0)
    return mutants


def _ascend(surface: Acquisition, points: Floats) -> Floats:
    """Along the parameters of many values that are active, by L-BFGS, all points at once.

    The sum of their values is one function of all their coordinates, as in Balandat et al., "BoTorch"
    (2020): the points do not touch each other, and the price of a step is paid once.
    """
    from scipy.optimize import minimize

    shown, beliefs = surface.shown, surface.beliefs
    _, mask = shown.snap(points)
    rows, at = np.nonzero(mask[:, shown.smooth])
    if not len(rows):
        return points
    positions = shown.smooth[at]
    columns = np.array([start for start, _ in shown.columns])[positions]
    base, moved = shown.of(points, mask), points.copy()

    def loss(values: Floats) -> tuple[float, Floats]:
        base[rows, columns] = moved[rows, positions] = values
        heights, slopes = surface.slopes(base)
        total, along = heights.sum(), slopes[rows, columns]
        if beliefs is not None:
            total += beliefs.at(moved).sum()
            along = along + beliefs.slopes(moved)[rows, positions]
        return -float(total), -along

    low, high = surface.low[positions], surface.high[positions]
    start = np.clip(points[rows, positions], low, high)
    bounds = list(zip(low, high, strict=True))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxfun": STEPS})
    moved[rows, positions] = found.x
    return moved


def _exchange(surface: Acquisition, point: Floats, seen: Callable[[Floats], bool]) -> tuple[Floats, float]:
    """Change one discrete parameter at a time while that helps, never to a point that was seen."""
    snapped, values = surface.at(point[None])
    point, value = snapped[0], -np.inf if seen(snapped[0]) else float(values[0])
    for _ in range(EXCHANGES):
        others = []
        for position, levels in surface.shown.discrete.items():
            for level in levels[levels != point[position]]:
                other = point.copy()
                other[position] = level
                others.append(other)
        if not others:
            break
        snapped, values = surface.at(np.array(others))
        values[[seen(other) for other in snapped]] = -np.inf
        top = int(np.argmax(values))
        if values[top] <= value:
            break
        point, value = snapped[top], float(values[top])
    return point, value
