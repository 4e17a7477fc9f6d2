"""How much of a function's variance each input, and each pair, accounts for.

Functional analysis of variance of a forest: Hutter, Hoos and Leyton-Brown, "An efficient approach for assessing hyperparameter
importance" (2014): a tree is constant on boxes, so its marginals are exact sums over leaves. PED-ANOVA: Watanabe, Bansal and
Hutter, "PED-ANOVA: efficiently quantifying hyperparameter importance in arbitrary subspaces" (2023), eq. 12: the Pearson
divergence between the densities of good trials and of all trials along one input.

Notation: n observations, p inputs in [0, 1], t trees, l leaves of one tree.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .forest import Forest
from .kernels import Floats

CELLS = 50
"""Cells of the grid on which densities are compared."""


class Cells(NamedTuple):
    """The leaves of one tree as boxes.

    Attributes:
        low, high: edges, shape (l, p).
        means: of the targets, shape (l,).
    """

    low: Floats
    high: Floats
    means: Floats


def boxes(forest: Forest, width: int) -> list[Cells]:
    """Each tree's leaves as boxes of [0, 1]^p."""
    low = np.zeros((len(forest.features), width))
    high = np.ones((len(forest.features), width))
    owner = np.arange(len(forest.features))
    for node in np.flatnonzero(forest.features >= 0):  # parents come before their children
        feature, child = forest.features[node], forest.children[node]
        low[child : child + 2], high[child : child + 2] = low[node], high[node]
        high[child, feature] = low[child + 1, feature] = forest.thresholds[node]
        owner[child : child + 2] = owner[node]
    ends = forest.features < 0
    found = []
    for tree in range(forest.trees):
        mine = ends & (owner == tree)
        found.append(Cells(low[mine], high[mine], forest.means[mine]))
    return found


def variance(tree: Cells) -> tuple[float, float]:
    """Mean and variance of a tree over the whole of [0, 1]^p."""
    volumes = (tree.high - tree.low).prod(1)
    mean = float(volumes @ tree.means)
    return mean, float(volumes @ (tree.means - mean) ** 2)


def marginal(tree: Cells, inputs: tuple[int, ...]) -> tuple[Floats, Floats]:
    """A tree's mean over all other inputs, on the cells that its edges cut these inputs into.

    Args:
        tree: the tree.
        inputs: one or two of them.

    Returns:
        Values and volumes of the cells, of the same shape, one axis an input.
    """
    sides = tree.high - tree.low
    others = np.delete(sides, inputs, axis=1).prod(1)
    cuts = [np.unique(np.concatenate([[0.0, 1.0], tree.low[:, i], tree.high[:, i]])) for i in inputs]
    covers = [
        (tree.low[:, i, None] <= edge[:-1]) & (tree.high[:, i, None] >= edge[1:])
        for i, edge in zip(inputs, cuts, strict=True)
    ]
    weights = others * tree.means
    if len(inputs) == 1:
        return weights @ covers[0], np.diff(cuts[0])
    values = np.einsum("l,la,lb->ab", weights, covers[0].astype(float), covers[1].astype(float))
    return values, np.outer(np.diff(cuts[0]), np.diff(cuts[1]))


def shares(forest: Forest, width: int, *, pairs: bool = False) -> tuple[Floats, Floats]:
    """Each input's share of each tree's variance, and each pair's beyond its two.

    Returns:
        Shapes (t, p) and (t, p, p), the second zero below the diagonal and without ``pairs``; rows of trees without
        variance are NaN.
    """
    single = np.full((forest.trees, width), np.nan)
    double = np.zeros((forest.trees, width, width))
    for number, tree in enumerate(boxes(forest, width)):
        mean, whole = variance(tree)
        if whole <= 0:
            continue
        for i in range(width):
            values, volumes = marginal(tree, (i,))
            single[number, i] = float(volumes @ (values - mean) ** 2) / whole
        for i in range(width if pairs else 0):
            for j in range(i + 1, width):
                values, volumes = marginal(tree, (i, j))
                joint = float((volumes * (values - mean) ** 2).sum()) / whole
                double[number, i, j] = max(0.0, joint - single[number, i] - single[number, j])
    return single, double


def density(x: Floats, cells: int = CELLS, *, discrete: bool = False) -> Floats:
    """The density of points in [0, 1] on a grid, shape (cells,), summing to 1.

    A Gaussian kernel of Scott's width (1.059 s n^-0.2, s the lesser of deviation and interquartile range / 1.34), reflected at the
    borders; plain counts when ``discrete``. One share in (n + 1) is spread evenly, so that no cell is empty.
    """
    n = len(x)
    at = np.minimum((x * cells).astype(int), cells - 1)
    counts = np.bincount(at, minlength=cells).astype(float)
    if not discrete and n > 1:
        spread = min(float(x.std()), float(np.subtract(*np.percentile(x, [75, 25]))) / 1.34 or np.inf)
        width = max(1.059 * spread * n**-0.2, 0.5 / cells)
        centers = (np.arange(cells) + 0.5) / cells
        wide = np.concatenate([-centers[::-1], centers, 2 - centers[::-1]])
        kernel = np.exp(-0.5 * ((centers[:, None] - wide[None]) / width) ** 2)
        counts = kernel @ np.concatenate([counts[::-1], counts, counts[::-1]])
    mass: Floats = (counts / counts.sum() * n + 1 / cells) / (n + 1)
    return mass


def pearson(good: Floats, reference: Floats) -> float:
    """The Pearson divergence of two densities on one grid: the mean of (good / reference - 1)^2 under the reference.

    Example:
        >>> pearson(np.array([0.5, 0.5]), np.array([0.5, 0.5])), pearson(np.array([1.0, 0.0]), np.array([0.5, 0.5]))
        (0.0, 1.0)
    """
    return float(reference @ (good / reference - 1) ** 2)
