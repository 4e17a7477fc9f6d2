"""Finds where an acquisition function is large on a space of continuous and discrete parameters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from ..maths import acquisition, gp
from .features import Features

Floats = NDArray[np.float64]
UNIFORM, MUTANTS, STARTS, STEPS, EXCHANGES = 256, 256, 4, 15, 6


class Surface(NamedTuple):
    """An acquisition function over unit points."""

    shown: Features
    model: gp.Posterior
    value: Callable[[Floats, Floats, float], Floats]
    best: float
    smooth: bool

    def at(self, units: Floats) -> tuple[Floats, Floats]:
        """The canonical points near ``units`` (n, d) and how promising they are (n,)."""
        snapped, mask = self.shown.snap(units)
        mean, variance = gp.predict(self.model, self.shown.of(snapped, mask))
        return snapped, self.value(mean, np.sqrt(variance), self.best)


def climb(surface: Surface, incumbents: Floats, rng: np.random.Generator) -> Iterator[Floats]:
    """Points in order of promise: the polished best of many, then the others as they were screened."""
    width = incumbents.shape[1]
    points = np.vstack([rng.random((UNIFORM, width)), _mutants(incumbents, rng)])
    points, values = surface.at(points)
    order = np.argsort(-values, kind="stable")
    polished = [_exchange(surface, _ascend(surface, points[start])) for start in order[:STARTS]]
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


def _ascend(surface: Surface, point: Floats) -> Floats:
    """Along the continuous parameters that are active here, by L-BFGS."""
    _, mask = surface.shown.snap(point[None])
    free = surface.shown.smooth[mask[0, surface.shown.smooth]]
    if not surface.smooth or not len(free):
        return point
    columns = np.array([surface.shown.columns[position][0] for position in free])
    base = surface.shown.of(point[None], mask)[0]

    def loss(moved: Floats) -> tuple[float, Floats]:
        base[columns] = moved
        mean, variance, by_mean, by_variance = gp.predict_slopes(surface.model, base)
        std = float(np.sqrt(variance))
        value, slope = acquisition.log_expected_improvement_slopes(
            mean, std, surface.best, by_mean, by_variance / (2.0 * std)
        )
        return -value, -slope[columns]

    bounds = [(0.0, 1.0)] * len(free)
    found = minimize(loss, point[free], jac=True, method="L-BFGS-B", bounds=bounds, options={"maxfun": STEPS})
    moved = point.copy()
    moved[free] = found.x
    return moved


def _exchange(surface: Surface, point: Floats) -> tuple[Floats, float]:
    """Change one discrete parameter at a time while that helps."""
    snapped, values = surface.at(point[None])
    point, value = snapped[0], float(values[0])
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
        top = int(np.argmax(values))
        if values[top] <= value:
            break
        point, value = snapped[top], float(values[top])
    return point, value
