"""A forest of regression trees, all of them grown at once, one level after the other.

Breiman, "Random forests" (2001), with the random thresholds of Geurts, Ernst and Wehenkel, "Extremely
randomized trees" (2006): at each node a number of random (feature, threshold) pairs compete, and the one
that leaves the least squared error wins. A threshold lies between the values of two observations of the node,
drawn at random. The variance is that of Hutter et al., "Algorithm runtime prediction: methods & evaluation"
(2014), eq. 8: the mean of the leaves' variances and the variance of their means.

Notation: n observations, p features, t trees; the nodes of all trees are numbered together, those of one level
one after the other, and the children of a node are neighbors.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .kernels import Floats

Numbers = NDArray[np.int64]


class Forest(NamedTuple):
    """Grown trees.

    Attributes:
        features: of each node, -1 at a leaf, shape (nodes,).
        thresholds: observations up to it go to the first child, shape (nodes,).
        children: the first of the two children of each node, shape (nodes,).
        means: of the targets at each node, shape (nodes,).
        variances: of the targets at each node, shape (nodes,).
        trees: how many; the first ``trees`` nodes are their roots.
        drawn: how often each observation was drawn for each tree, shape (trees, n).
    """

    features: Numbers
    thresholds: Floats
    children: Numbers
    means: Floats
    variances: Floats
    trees: int
    drawn: Numbers


def grow(
    inputs: Floats,
    y: Floats,
    rng: np.random.Generator,
    *,
    trees: int = 100,
    least: int = 2,
    tries: int | None = None,
) -> Forest:
    """Trees on bootstrap samples.

    Args:
        inputs: shape (n, p), n at least 1.
        y: targets, shape (n,).
        rng: where the samples and thresholds come from.
        trees: how many (at least 1).
        least: observations a leaf keeps at least.
        tries: pairs that compete at a node; 2 p + 2 when None.

    Example:
        >>> x = np.linspace(0, 1, 50)[:, None]
        >>> forest = grow(x, (x[:, 0] > 0.5) * 1.0, np.random.default_rng(0))
        >>> predict(forest, np.array([[0.2], [0.9]]))[0].round(2).tolist()
        [0.0, 1.0]
    """
    n, width = inputs.shape
    tries = 2 * width + 2 if tries is None else tries
    rows = rng.integers(n, size=(trees, n))
    drawn = np.zeros((trees, n), dtype=np.int64)
    np.add.at(drawn, (np.arange(trees)[:, None], rows), 1)
    rows, at = (
        rows.ravel(),
        np.repeat(np.arange(trees), n),
    )  # observations, and the node of this level each is in
    levels: list[tuple[Numbers, Floats, Numbers, Floats, Floats]] = []
    count, before = trees, trees
    while count:
        sizes = np.bincount(at, minlength=count)
        means = np.bincount(at, y[rows], count) / sizes
        variances = np.maximum(np.bincount(at, y[rows] ** 2, count) / sizes - means**2, 0.0)
        feature, threshold = _split(inputs, y - y.mean(), rows, at, sizes, rng, least, tries)
        feature[variances <= 1e-12 * max(float(y.var()), 1e-300)] = -1
        inner = np.flatnonzero(feature >= 0)
        place = np.full(count, -1)
        place[inner] = 2 * np.arange(len(inner))
        levels.append((feature, threshold, np.where(place >= 0, before + place, -1), means, variances))
        kept = feature[at] >= 0
        rows, at = rows[kept], at[kept]
        at = place[at] + (inputs[rows, feature[at]] > threshold[at])
        count = 2 * len(inner)
        before += count
    features, thresholds, children, means, variances = (
        np.concatenate(part) for part in zip(*levels, strict=True)
    )
    return Forest(features, thresholds, children, means, variances, trees, drawn)


def leaves(forest: Forest, inputs: Floats) -> Numbers:
    """The leaf that each row ends in, in each tree, shape (trees, q)."""
    at = np.repeat(np.arange(forest.trees)[:, None], len(inputs), axis=1)
    columns = np.broadcast_to(np.arange(len(inputs)), at.shape)
    while True:
        feature = forest.features[at]
        inner = feature >= 0
        if not inner.any():
            return at
        node = at[inner]
        right = inputs[columns[inner], feature[inner]] > forest.thresholds[node]
        at[inner] = forest.children[node] + right


def predict(forest: Forest, inputs: Floats) -> tuple[Floats, Floats]:
    """Mean and variance at rows of ``inputs``, shape (q,) each."""
    ends = leaves(forest, inputs)
    means = forest.means[ends]
    return means.mean(0), forest.variances[ends].mean(0) + means.var(0)


def out_of_bag(forest: Forest, inputs: Floats) -> Floats:
    """Each observation's mean over the trees that were grown without it, shape (n,); NaN where there is none."""
    means = forest.means[leaves(forest, inputs)]
    away = forest.drawn == 0
    counts = away.sum(0)
    found: Floats = np.where(counts > 0, (means * away).sum(0) / np.maximum(counts, 1), np.nan)
    return found


def _split(
    inputs: Floats,
    y: Floats,
    rows: Numbers,
    at: Numbers,
    sizes: Numbers,
    rng: np.random.Generator,
    least: int,
    tries: int,
) -> tuple[Numbers, Floats]:
    """The best of ``tries`` random splits of each node; feature -1 where none leaves ``least`` on both sides."""
    count = len(sizes)
    order = np.argsort(at, kind="stable")
    starts = np.cumsum(sizes) - sizes
    total = np.bincount(at, y[rows], count)
    best, feature, threshold = np.full(count, -np.inf), np.full(count, -1), np.zeros(count)
    for _ in range(tries):
        tried = rng.integers(inputs.shape[1], size=count)
        pair = order[starts + (rng.random((2, count)) * sizes).astype(np.int64)]
        one, other = inputs[rows[pair], tried]
        level = one + rng.random(count) * (other - one)
        level = np.where(level >= np.maximum(one, other), np.minimum(one, other), level)  # both sides get one
        left = inputs[rows, tried[at]] <= level[at]
        number = np.bincount(at, left, count)
        part = np.bincount(at, np.where(left, y[rows], 0.0), count)
        fine = (number >= least) & (sizes - number >= least)
        rest = np.maximum(sizes - number, 1)
        gain = np.where(fine, part**2 / np.maximum(number, 1) + (total - part) ** 2 / rest, -np.inf)
        better = gain > best
        best, feature, threshold = (
            np.where(better, new, old) for new, old in ((gain, best), (tried, feature), (level, threshold))
        )
    return feature, threshold
