"""What earlier studies teach: points to begin with, and a mean of their models that counts as far as it ranks this study's trials.

The models are Gaussian processes, one an earlier study, weighted by how often each of them ranks the study's own losses best (Feurer,
Letham, Hutter and Bakshy, "Practical transfer learning for Bayesian optimization", arXiv:1802.02219). One that ranks them little
better than chance does is shut out; with few trials chance lets in one that misleads, so that it costs more than what it proposed first.

There the study's own model is one more member, and means and variances are those of all. But an earlier study that is nearly right has no
doubt where its own best trials were, and the search never left that place. So the earlier studies' mean is a prior mean here, on a scale
that the study's own trials choose, and what is left of them has a process of its own, as in Vizier's stack (Golovin et al., KDD 2017).
The losses that an earlier study's model learns are normal quantiles among what it expects of the whole space: a search leaves most of its
trials near its best, where losses differ by little, and by their own ranks that funnel would be the whole of what there is.

The points are a portfolio: greedily, each is the one that lowers the losses which the earlier studies' models expect of the best point
so far the most, summed over the studies (Wistuba, Schilling and Schmidt-Thieme, "Sequential model-free hyperparameter tuning", ICDM 2015).
"""

from __future__ import annotations

from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from ...journal.columns import active
from ...journal.features import Features
from ...journal.past import Past
from ...maths import gp
from ...maths.kernels import Kernel
from ...maths.qmc import sobol
from ...maths.raised import Part, level
from ...maths.ranks import best_and_spread
from ...maths.targets import half_rank
from ...space.space import Space
from .surrogate import Surrogate

Floats = NDArray[np.float64]
Numbers = NDArray[np.int64]

FITTED = 128
"""A model of an earlier study is made of this many of its points at most: the better half of these are its best, the rest are spread evenly."""

OPENING = 4
"""Trials before any model is asked. The last of them is not of the portfolio: how that fares beside it tells whether the earlier studies mislead."""

PORTFOLIO = 10
"""The portfolio's points that are tried where trials run beside each other and none has ended."""

SPREAD = 2048
"""Points over the whole space by which the variation of a model is measured."""

CANDIDATES = 20
"""Of each earlier study this many of its best points may come into the portfolio."""

DRAWS = 128
"""Draws by which the models are ranked."""

RANKED = 50
"""This many of the study's own trials are ranked at most: the best, and the others spread evenly."""

RIDGE = 1.0
"""The slope between the earlier studies' losses and this one's is drawn to 1 as if by observations of this spread."""

EVALUATIONS = 50
"""Evaluations of the likelihood when the residuals' process is fitted."""

GATE = 0.4
"""An earlier study is shut out where its median draw misranks a larger share of the pairs; chance misranks a half."""


class Lesson(NamedTuple):
    """The model of one earlier study.

    Attributes:
        model: given the points.
        columns: of the features that it sees.
    """

    model: gp.Posterior
    columns: Numbers

    def expected(self, inputs: Floats) -> Floats:
        """Its mean at rows of all features."""
        return gp.predict(self.model, inputs[:, self.columns])[0]


_memo: WeakKeyDictionary[Past, dict[str, Lesson]] = WeakKeyDictionary()
"""The models of earlier studies: a memo, never the truth."""


def lesson(past: Past, shown: Features, kernel: Kernel) -> Lesson:
    """The model of an earlier study over the parameters that it shares with this one."""
    memo = _memo.setdefault(past, {})
    found = memo.get(kernel.__name__)
    if found is None:
        known = np.zeros(int(shown.groups.max(initial=-1)) + 1, bool)
        known[: len(past.known)] = past.known
        columns = np.flatnonzero(known[shown.groups])
        _, groups = np.unique(shown.groups[columns], return_inverse=True)
        kept = best_and_spread(past.losses, FITTED)
        units = past.units[kept]
        inputs = shown.of(units, active(shown.space.slots, units))[:, columns]
        everywhere = shown.of(*shown.snap(sobol(len(shown.space), 0, 0, SPREAD)))[:, columns]
        shape, y = gp.Shape(groups), half_rank(past.losses[kept])
        # the first model says how good points are in the whole space, the second learns that
        for _ in range(2):
            theta = gp.mode(inputs, y, shape, kernel=kernel, evaluations=100).theta
            model = gp.condition(inputs, y, shape, theta, kernel=kernel)
            reference = np.sort(gp.predict(model, everywhere)[0])
            y = _among(gp.predict(model, inputs)[0], reference)
        found = memo[kernel.__name__] = Lesson(model, columns)
    return found


def weights(
    made: Surrogate, pasts: tuple[Past, ...], shown: Features, kernel: Kernel, rng: np.random.Generator
) -> Floats:
    """How often each earlier study's model ranks the study's own losses best, shape (len(pasts),); 0 for all where each is shut out."""
    count = made.data.good
    y = made.targets[0][:count]
    kept = best_and_spread(y, RANKED)
    inputs, y = made.data.inputs[:count][kept], y[kept]
    before = y[:, None] < y[None, :]
    lessons = [lesson(past, shown, kernel) for past in pasts]
    losses = np.array(
        [_misranked(gp.draws(each.model, inputs[:, each.columns], rng, DRAWS), before) for each in lessons]
    )
    allowed = np.median(losses, axis=1) <= GATE * len(y) * (len(y) - 1)
    if not allowed.any():
        return np.zeros(len(pasts))
    losses[~allowed] = np.inf
    best = losses == losses.min(0)
    found: Floats = (best / best.sum(0)).mean(1)
    return found


def taught(
    made: Surrogate, shares: Floats, pasts: tuple[Past, ...], shown: Features, kernel: Kernel
) -> tuple[Surrogate, tuple[Part, ...]]:
    """The study's own model of what the earlier ones' leave over, and the parts of the mean below it; none where no earlier study counts."""
    if not shares.any():
        return made, ()
    known = np.isfinite(made.data.targets[:, 0])
    inputs, y = made.data.inputs[known], made.data.targets[known, 0]
    parts = tuple(
        Part(each.model, each.columns, float(share))
        for each, share in (
            (lesson(past, shown, kernel), share)
            for past, share in zip(pasts, shares, strict=True)
            if share > 0.0
        )
    )
    below = level(parts, inputs)
    spread = below - below.mean()
    slope = max(0.0, float(spread @ (y - y.mean()) + RIDGE) / float(spread @ spread + RIDGE))
    parts = tuple(part._replace(weight=slope * part.weight) for part in parts)
    left = y - slope * below
    left -= left.mean()  # where the whole lies makes no difference to what is best
    shape, ratios = made.models[0].shape, made.data.ratios[known]
    theta = gp.mode(inputs, left, shape, kernel=kernel, evaluations=EVALUATIONS, ratios=ratios).theta
    model = gp.condition(inputs, left, shape, theta, kernel=kernel, ratios=ratios)
    return made._replace(models=(model, *made.models[1:]), targets=(left, *made.targets[1:])), parts


def portfolio(
    space: Space, pasts: tuple[Past, ...], shown: Features, kernel: Kernel, count: int
) -> list[list[float]]:
    """At most ``count`` canonical points, the first the most promising; fewer where no further one promises anything."""
    center = np.array(space.center())
    proposed: dict[tuple[float, ...], None] = {}
    for past in pasts:
        for row in np.argsort(past.losses, kind="stable")[:CANDIDATES]:
            point, values = space.snap(np.where(past.known, past.units[row], center).tolist())
            if space.constraints.hold(values):
                proposed[tuple(point)] = None
    if not proposed:
        return []
    points = np.array(list(proposed))
    inputs = shown.of(points, active(space.slots, points))
    lessons = [lesson(past, shown, kernel) for past in pasts]
    expected = np.array([each.expected(inputs) for each in lessons])
    reached = expected.max(1)
    chosen: list[list[float]] = []
    while len(chosen) < min(count, len(points)):
        gains = np.maximum(reached[:, None] - expected, 0.0).sum(0)
        first = int(np.argmax(gains))
        if gains[first] <= 1e-9:
            break
        chosen.append(points[first].tolist())
        reached = np.minimum(reached, expected[:, first])
    return chosen


def _among(values: Floats, reference: Floats) -> Floats:
    """How good values are among the rising ``reference``, as a normal quantile; better ones go on as its best tenth rises.

    Example:
        >>> _among(np.array([-1.0, 0.0, 4.5, 99.0]), np.arange(10.0)).round(2).tolist()
        [-2.25, -1.64, 0.0, 1.64]
    """
    from scipy.special import ndtri

    count = len(reference)
    quantiles = ndtri((np.arange(count) + 0.5) / count)
    found: Floats = np.interp(values, reference, quantiles)
    tenth = max(1, count // 10)
    rise = (reference[tenth] - reference[0]) / (quantiles[tenth] - quantiles[0])
    if rise > 0.0:
        found -= np.maximum(reference[0] - values, 0.0) / rise
    return found


def _misranked(drawn: Floats, before: NDArray[np.bool_]) -> Floats:
    """How many ordered pairs each draw ranks otherwise than they are, shape (draws,)."""
    found: Floats = ((drawn[:, :, None] < drawn[:, None, :]) != before).sum((1, 2)).astype(np.float64)
    return found
