"""The processes that stand for a study: one for each goal and limit, and one for what fails.

They are a pure function of the finished trials in the order in which they finished. Hyperparameters are
fitted anew whenever that number has grown by a twentieth, starting from the ones before; every time it has
doubled they start from the prior's mode again, so that a resumed study has few fits to repeat. Two asks in
three use hyperparameters drawn from around the fitted ones (Laplace's approximation) instead of these: what
few trials say of lengthscales is not certain, and a search that believed it would look in one place only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from ...journal.features import Features
from ...journal.history import History
from ...maths import gp
from ...maths.kernels import Kernel
from ...maths.ranks import correlation
from ...maths.targets import bilog, half_rank
from .comparable import Comparable

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Numbers = NDArray[np.int64]

FITTED = 128
"""Hyperparameters are fitted to this many observations at most."""

RECENT = 20
"""This many of the newest trials say how often trials fail."""

VARIED = 2 / 3
"""Share of the asks whose hyperparameters are drawn from around the fitted ones."""

FIRST, AGAIN = 100, 15
"""Evaluations of the likelihood when a fit starts from the prior, and from the fit before."""


class Observed(NamedTuple):
    """Finished trials as models see them.

    Attributes:
        rows: trial numbers, those with losses first, shape (n,).
        inputs: their features, shape (n, p).
        good: how many have losses.
        fine: which of the good ones keep every limit, shape (good,).
        losses: shape (good, goals).
        targets: one column a process: goals, then limits, then outcomes if any failed; NaN where unknown.
        goals: how many of the columns are goals.
        limits: how many are limits.
        ratios: the variance of each one's error beside that of a single trial, shape (n,).
    """

    rows: Numbers
    inputs: Floats
    good: int
    fine: Bools
    losses: Floats
    targets: Floats
    goals: int
    limits: int
    ratios: Floats


class Surrogate(NamedTuple):
    """The processes given all finished trials, and what is imagined of the running ones."""

    data: Observed
    models: tuple[gp.Posterior, ...]
    targets: tuple[Floats, ...]


def observe(history: History, shown: Features, known: Comparable, most: int) -> Observed:
    """At most ``most`` of the trials that are evidence, as models see them."""
    finite = known.good
    good, bad = np.flatnonzero(finite), np.flatnonzero(~finite)
    losses = known.losses[good]
    columns = [half_rank(column) for column in losses.T]
    rows = np.concatenate([good, bad])
    key = np.concatenate([columns[0], np.full(len(bad), np.inf)])
    kept = _thinned(key, known.numbers[rows], most)
    first = int((kept < len(good)).sum())
    share = float((~finite[-RECENT:]).mean()) if len(bad) else 0.0
    targets = [np.concatenate([column, np.full(len(bad), _worse(column, share))])[kept] for column in columns]
    slacks = known.slacks[good]
    for column in slacks.T:
        there = np.isfinite(column)
        seen = np.full(len(rows), np.nan)
        if there.any():
            seen[: len(good)][there] = bilog(column[there])
        targets.append(seen[kept])
    if first < len(kept):
        targets.append(np.where(kept < len(good), -1.0, 1.0))
    numbers = known.numbers[rows[kept]]
    return Observed(
        numbers,
        shown.of(history.columns.units[numbers], history.columns.active[numbers]),
        first,
        known.violations[rows[kept][:first]] == 0,
        losses[kept[:first]],
        np.array(targets).T.reshape(len(kept), -1),
        len(columns),
        slacks.shape[1],
        known.noise()[rows[kept]],
    )


class SurrogateSettings(NamedTuple):
    """What a fit depends on beside the trials."""

    kernel: Kernel
    initial: int
    points: int
    drawn: bool


def surrogate(
    history: History,
    shown: Features,
    known: Comparable,
    recipe: SurrogateSettings,
    rng: np.random.Generator,
) -> Surrogate:
    """The processes for all that is known."""
    modes = _modes(history, shown, known, recipe)
    shape = gp.Shape(shown.groups, shown.warped)
    varied = rng.random() < VARIED
    data = observe(history, shown, known, recipe.points)
    models, targets = [], []
    for column in range(data.targets.shape[1]):
        x, y, ratios = _known(data, column)
        mode = modes[column if column < len(modes) else 0]  # the first failure since the last fit
        theta = mode.draw(shape, rng) if varied else mode.theta
        models.append(gp.condition(x, y, shape, theta, kernel=recipe.kernel, ratios=ratios))
        targets.append(y)
    return Surrogate(data, tuple(models), tuple(targets))


def with_pending(made: Surrogate, inputs: Floats, drawn: bool, rng: np.random.Generator) -> Surrogate:
    """As if the points had come out as believed, or as one joint draw of the processes' own posteriors.

    Believed: Ginsbourger, Le Riche and Carraro, "Kriging is well-suited to parallelize optimization" (2010);
    drawn: Snoek, Larochelle and Adams, "Practical Bayesian optimization of machine learning algorithms" (2012).
    """
    if not len(inputs):
        return made
    columns = made.data.goals + made.data.limits
    models, targets = list(made.models), list(made.targets)
    for column in range(columns):
        model = models[column]
        imagined = gp.sample(model, inputs, rng) if drawn else gp.predict(model, inputs)[0]
        targets[column] = np.concatenate([targets[column], imagined])
        models[column] = gp.extend(models[column], inputs, targets[column])
    return Surrogate(made.data, tuple(models), tuple(targets))


def skill(made: Surrogate) -> float:
    """How well the first Gaussian process predicts each of its observations from the others: a rank correlation."""
    column, targets = made.models[0], made.targets[0]
    size = made.data.good
    return correlation(gp.leave_one_out(column, targets)[0][:size], targets[:size])


def _worse(column: Floats, share: float) -> float:
    """What a failed trial counts as: the worse, the larger the ``share`` of failures has been of late.

    Too mild, and half of the trials fail; too harsh, and what lies at the edge of the failing region is never
    found. At one failure in ten it is the worst loss seen, at one in two that and 1.6 ranges on top.
    """
    return float(column.max() + (4.0 * share - 0.4) * np.ptp(column)) if len(column) else 1.0


def _known(data: Observed, column: int) -> tuple[Floats, Floats, Floats]:
    known = np.isfinite(data.targets[:, column])
    return data.inputs[known], data.targets[known, column], data.ratios[known]


_memo: WeakKeyDictionary[History, dict[Any, tuple[int, list[gp.Mode]]]] = WeakKeyDictionary()
"""The newest hyperparameters of each history: a memo, never the truth."""


def _modes(history: History, shown: Features, known: Comparable, recipe: SurrogateSettings) -> list[gp.Mode]:
    """The hyperparameters of every process."""
    sizes = _sizes(len(known.numbers), recipe.initial)
    memo = _memo.setdefault(history, {})
    key = (
        recipe.kernel,
        recipe.initial,
        shown.space,
        known.step,
        len(history.rows.aside),
        history.trials.groups.revised,
    )
    at, modes = memo.get(key, (0, []))
    shape = gp.Shape(shown.groups, shown.warped)
    if at not in sizes:
        at, modes = 0, []
    for size in sizes[sizes.index(at) + 1 if at else 0 :]:
        data = observe(history, shown, known.first(size), FITTED)
        found = []
        for column in range(data.targets.shape[1]):
            start = modes[column].theta if column < len(modes) else None
            x, y, ratios = _known(data, column)
            evaluations = FIRST if start is None else AGAIN
            found.append(
                gp.mode(
                    x, y, shape, kernel=recipe.kernel, start=start, evaluations=evaluations, ratios=ratios
                )
            )
        at, modes = size, found
    if key not in memo and len(memo) > 4:
        memo.clear()
    memo[key] = at, modes
    return modes


def _sizes(count: int, first: int) -> Sequence[int]:
    """The sizes up to ``count`` at which fits are made since their number last doubled.

    Example:
        >>> _sizes(43, 5)
        [40, 42]
    """
    size = first
    while 2 * size <= count:
        size *= 2
    sizes = [size]
    while (following := max(sizes[-1] + 1, int(sizes[-1] * 1.05))) <= count:
        sizes.append(following)
    return sizes


def _thinned(y: Floats, rows: Numbers, most: int) -> Numbers:
    """Half of the places for the best, a fifth for the newest, the rest spread evenly; in the old order."""
    if len(y) <= most:
        return np.arange(len(y))
    best = np.argsort(y, kind="stable")[: most // 2]
    newest = np.argsort(-rows, kind="stable")[: most // 5]
    kept = np.union1d(best, newest)
    rest = np.setdiff1d(np.arange(len(y)), kept)
    spread = rest[np.linspace(0, len(rest) - 1, most - len(kept)).astype(np.int64)]
    return np.union1d(kept, spread)
