"""Selection, crossover and mutation on the unit cube, with unordered coordinates that are drawn, not moved.

Simulated binary crossover: Deb and Agrawal, "Simulated binary crossover for continuous search space"
(1995). Polynomial mutation: Deb and Goyal, "A combined genetic adaptive search" (1996); both in the form
with bounds of Deb's NSGA-II. Tournaments: Goldberg and Deb (1991).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .kernels import Floats

Bools = NDArray[np.bool_]


def tournament(fitness: Floats, size: int, rng: np.random.Generator) -> int:
    """The best (smallest fitness) of ``size`` positions drawn without repeats.

    Example:
        >>> tournament(np.array([3.0, 1.0, 2.0]), 3, np.random.default_rng(0))
        1
    """
    drawn = rng.choice(len(fitness), size=min(size, len(fitness)), replace=False)
    return int(drawn[np.argmin(fitness[drawn])])


def binary_crossover(
    one: Floats, other: Floats, ordered: Bools, rng: np.random.Generator, *, spread: float = 20.0
) -> Floats:
    """A child of two points: coordinates near either parent's, unordered ones from one of them.

    Args:
        one: unit point, shape (d,).
        other: unit point, shape (d,).
        ordered: which coordinates have an order, shape (d,).
        rng: where the numbers come from.
        spread: the distribution index; the larger, the nearer the child is to its parents.
    """
    width = len(one)
    low, high = np.minimum(one, other), np.maximum(one, other)
    gap = np.maximum(high - low, 1e-14)
    u = rng.random(width)
    upper = rng.random(width) < 0.5
    room = np.where(upper, 1.0 - high, low)  # to the bound on the side of the chosen parent
    alpha = 2.0 - (1.0 + 2.0 * room / gap) ** -(spread + 1.0)
    inner = u <= 1.0 / alpha
    inside = np.where(inner, u * alpha, 1.0 / np.maximum(2.0 - u * alpha, 1e-14))
    beta = inside ** (1.0 / (spread + 1.0))
    middle = 0.5 * (low + high)
    child = np.where(upper, middle + 0.5 * beta * gap, middle - 0.5 * beta * gap)
    mixed = ordered & (rng.random(width) < 0.5) & (high - low > 1e-14)
    swapped = np.where(rng.random(width) < 0.5, one, other)
    kept = np.where(ordered, one, swapped)
    return np.clip(np.where(mixed, child, kept), 0.0, 1.0)


def polynomial_mutation(
    point: Floats, ordered: Bools, rng: np.random.Generator, *, rate: float, spread: float = 20.0
) -> Floats:
    """Coordinates moved with probability ``rate``, by a step that reaches the bounds but is mostly small.

    Unordered coordinates are drawn anew instead.
    """
    u = rng.random(len(point))
    power = spread + 1.0
    down = (2.0 * u + (1.0 - 2.0 * u) * (1.0 - point) ** power) ** (1.0 / power) - 1.0
    up = 1.0 - (2.0 * (1.0 - u) + 2.0 * (u - 0.5) * point**power) ** (1.0 / power)
    moved = np.where(ordered, point + np.where(u < 0.5, down, up), rng.random(len(point)))
    return np.clip(np.where(rng.random(len(point)) < rate, moved, point), 0.0, 1.0)


def child(
    parents: Floats,
    ordered: Bools,
    rng: np.random.Generator,
    *,
    contest: int,
    crossover: float,
    mutation: float,
    spread: float,
) -> Floats:
    """A unit point, shape (d,), that descends from one or two winners of tournaments.

    Args:
        parents: unit points, the fittest first, shape (n, d).
        ordered: which coordinates have an order, shape (d,).
        rng: where the numbers come from.
        contest: how many compete in a tournament.
        crossover: probability of a second parent.
        mutation: probability that a coordinate mutates.
        spread: distribution index of crossover and mutation.
    """
    ranks = np.arange(len(parents), dtype=float)
    point: Floats = parents[tournament(ranks, contest, rng)]
    if rng.random() < crossover:
        other = parents[tournament(ranks, contest, rng)]
        point = binary_crossover(point, other, ordered, rng, spread=spread)
    return polynomial_mutation(point, ordered, rng, rate=mutation, spread=spread)
