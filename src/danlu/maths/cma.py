"""The covariance matrix adaptation evolution strategy on the unit cube, as pure functions of its state.

Hansen, "The CMA evolution strategy: a tutorial" (2016): weights and rates of its table 1, updates eq. 24
to 49 with negative weights. Discrete coordinates keep a margin of probability for every neighboring
value (Hamano et al., "CMA-ES with margin", GECCO 2022), so they never freeze.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from .kernels import Floats


class Rates(NamedTuple):
    """What follows from dimension and population alone (table 1)."""

    weights: Floats
    mass: float
    c_sigma: float
    d_sigma: float
    c_c: float
    c_1: float
    c_mu: float
    norm: float


class Strategy(NamedTuple):
    """The normal distribution that points are drawn from, and its memory.

    Attributes:
        mean: shape (d,).
        sigma: overall step size.
        covariance: shape (d, d).
        root: the symmetric square root of the covariance, shape (d, d).
        inverse: of the root.
        path_sigma: evolution path of the step size, shape (d,).
        path_c: evolution path of the covariance, shape (d,).
        stretch: factors that the margin puts on the coordinates, shape (d,).
        generation: how many updates there have been.
        population: points an update takes.
    """

    mean: Floats
    sigma: float
    covariance: Floats
    root: Floats
    inverse: Floats
    path_sigma: Floats
    path_c: Floats
    stretch: Floats
    generation: int
    population: int


def begin(mean: Floats, sigma: float, population: int | None = None) -> Strategy:
    """A round distribution of step size ``sigma`` around ``mean``; the population is 4 + 3 ln d by default.

    Example:
        >>> begin(np.full(5, 0.5), 0.2).population
        8
    """
    d = len(mean)
    size = population or 4 + int(3 * np.log(max(d, 1)))
    eye, zero = np.eye(d), np.zeros(d)
    return Strategy(mean.copy(), sigma, eye, eye, eye, zero, zero, np.ones(d), 0, size)


def propose(state: Strategy, rng: np.random.Generator) -> Floats:
    """One point, drawn again while it is outside the unit cube, in the end clipped to it."""
    for _ in range(20):
        z = rng.standard_normal(len(state.mean))
        point = state.mean + state.sigma * state.stretch * (state.root @ z)
        if ((point >= 0.0) & (point <= 1.0)).all():
            break
    return np.clip(point, 0.0, 1.0)


def update(state: Strategy, points: Floats, sizes: Floats | None = None) -> Strategy:
    """The distribution after a generation.

    Args:
        state: where the points came from.
        points: best first, shape (population, d).
        sizes: number of values of each coordinate, infinite for a continuous one, shape (d,).
    """
    d = len(state.mean)
    r = rates(d, len(points))
    steps = (points - state.mean) / (state.sigma * state.stretch)
    chosen = r.weights > 0
    step = r.weights[chosen] @ steps[chosen]
    mean = state.mean + state.sigma * state.stretch * step
    white = state.inverse @ step
    path_sigma = (1 - r.c_sigma) * state.path_sigma + np.sqrt(r.c_sigma * (2 - r.c_sigma) * r.mass) * white
    length = float(np.linalg.norm(path_sigma))
    expected = r.norm * np.sqrt(1 - (1 - r.c_sigma) ** (2 * (state.generation + 1)))
    going = length / max(expected, 1e-300) < 1.4 + 2 / (d + 1)
    path_c = (1 - r.c_c) * state.path_c
    if going:
        path_c = path_c + np.sqrt(r.c_c * (2 - r.c_c) * r.mass) * step
    lengths = np.sum((steps @ state.inverse) ** 2, axis=1)
    weights = np.where(chosen, r.weights, r.weights * d / (lengths + 1e-8))
    kept = 1 + (0.0 if going else r.c_1 * r.c_c * (2 - r.c_c)) - r.c_1 - r.c_mu * r.weights.sum()
    covariance = kept * state.covariance + r.c_1 * np.outer(path_c, path_c)
    covariance = covariance + r.c_mu * (steps.T * weights) @ steps
    sigma = state.sigma * float(np.exp(min(1.0, (r.c_sigma / r.d_sigma) * (length / r.norm - 1))))
    root, inverse, covariance = _roots(covariance)
    found = Strategy(
        mean,
        min(sigma, 10.0),
        covariance,
        root,
        inverse,
        path_sigma,
        path_c,
        state.stretch,
        state.generation + 1,
        state.population,
    )
    return found if sizes is None else _with_margin(found, sizes)


def converged(state: Strategy) -> bool:
    """Whether the distribution has shrunk to a point or its covariance has degenerated."""
    spread = state.sigma * state.stretch * np.sqrt(np.diag(state.covariance))
    return bool(spread.max(initial=0.0) < 1e-9 or np.linalg.cond(state.covariance) > 1e14)


@lru_cache(maxsize=64)
def rates(d: int, population: int) -> Rates:
    """Weights and learning rates (table 1 of the tutorial)."""
    raw = np.log((population + 1) / 2) - np.log(np.arange(1, population + 1))
    mu = population // 2
    mass = raw[:mu].sum() ** 2 / (raw[:mu] ** 2).sum()
    mass_low = raw[mu:].sum() ** 2 / (raw[mu:] ** 2).sum()
    c_1 = 2 / ((d + 1.3) ** 2 + mass)
    c_mu = min(1 - c_1 - 1e-8, 2 * (mass - 2 + 1 / mass) / ((d + 2) ** 2 + mass))
    least = min(
        1 + c_1 / c_mu if c_mu > 0 else np.inf,
        1 + 2 * mass_low / (mass + 2),
        (1 - c_1 - c_mu) / (d * c_mu) if c_mu > 0 else np.inf,
    )
    positive, negative = raw[raw > 0].sum(), np.abs(raw[raw < 0]).sum()
    weights = np.where(raw >= 0, raw / positive, least * raw / negative)
    c_sigma = (mass + 2) / (d + mass + 5)
    d_sigma = 1 + 2 * max(0, np.sqrt((mass - 1) / (d + 1)) - 1) + c_sigma
    c_c = (4 + mass / d) / (d + 4 + 2 * mass / d)
    norm = np.sqrt(d) * (1 - 1 / (4 * d) + 1 / (21 * d * d))
    return Rates(
        weights, float(mass), c_sigma, float(d_sigma), float(c_c), float(c_1), float(c_mu), float(norm)
    )


def _roots(covariance: Floats) -> tuple[Floats, Floats, Floats]:
    covariance = 0.5 * (covariance + covariance.T)
    values, basis = np.linalg.eigh(covariance)
    values = np.maximum(values, 1e-16)
    roots = np.sqrt(values)
    return (basis * roots) @ basis.T, (basis / roots) @ basis.T, (basis * values) @ basis.T


def _with_margin(state: Strategy, sizes: Floats) -> Strategy:
    """Every discrete coordinate keeps the chance alpha = 1 / (d population) to leave its present value."""
    from scipy.special import ndtr, ndtri

    mean, stretch = state.mean.copy(), state.stretch.copy()
    alpha = 1.0 / (len(mean) * state.population)
    spreads = state.sigma * np.sqrt(np.diag(state.covariance))
    for at in np.flatnonzero(np.isfinite(sizes) & (sizes > 1)):
        size, spread = int(sizes[at]), spreads[at] * stretch[at]
        cell = int(np.clip(mean[at] * size, 0, size - 1))
        low, high = cell / size, (cell + 1) / size
        if cell in (0, size - 1):  # one neighbor: the mean stays near enough to it
            edge, side = (high, -1.0) if cell == 0 else (low, 1.0)
            mean[at] = edge + side * min(abs(mean[at] - edge), -ndtri(alpha) * spread)
            continue
        below = max(alpha / 2, ndtr((low - mean[at]) / spread))
        above = max(alpha / 2, ndtr((mean[at] - high) / spread))
        within = 1.0 - below - above
        excess = below + above + max(within, alpha / 2) - 1.0
        share = below + above + max(within, alpha / 2) - 1.5 * alpha
        below -= excess * (below - alpha / 2) / max(share, 1e-300)
        above -= excess * (above - alpha / 2) / max(share, 1e-300)
        z_low, z_high = -ndtri(min(below, 0.5 - 1e-9)), -ndtri(min(above, 0.5 - 1e-9))
        mean[at] = (low * z_high + high * z_low) / (z_low + z_high)
        stretch[at] = (high - low) / (spreads[at] * (z_low + z_high))
    return state._replace(mean=np.clip(mean, 0.0, 1.0), stretch=stretch)
