"""Which parameters mattered.

Three methods answer three questions. ``ped-anova``: what tells the good trials from all (where to look closer)? ``fanova``: what makes
results differ over the whole space, alone and in pairs (what to understand)? ``permutation``: what does a model need to know to
predict them (what can be left out)? Parameters of options that were not taken count where they were active, weighted by how
often that was.

One of them answers wherever nobody chooses: ``DEFAULT``, on at most ``MOST`` trials, so that the page, ``danlu diagnose``, figures and
``result.analysis.importance()`` say the same of the same study.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, TypeAlias

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..base.rng import generator
from ..errors import SettingError
from ..journal.history import History
from ..maths import anova
from ..maths.forest import grow, predict
from ..maths.kernels import Floats
from ..maths.targets import shrunk
from ..maths.threads import single
from ..space.parameters import Choice
from .measured import Numbers, measured, thinned
from .phrases import Phrase, together

Method: TypeAlias = Literal["ped-anova", "fanova", "permutation"]

DEFAULT: Method = "permutation"
"""What answers where no method is named: on functions whose importances are known its ranks are the most exact of the three, over
searches of 20, 50 and 200 trials at random and by TPE, and its first is as often right as fANOVA's (``benchmarks/importance_methods.py``)."""

MOST = 600
"""Trials that are looked at, where there are more: two seconds of a core, and what several thousand more would change is less
than the intervals."""

FEW = 30
"""Trials below which the result carries a notice."""

_RESAMPLES = 100
_TREES = 64
_MIXED = 4


class Share(msgspec.Struct, frozen=True):
    """One parameter's importance: a share of 1, and the interval that 90 % of resampled studies fall into.

    ``rank`` is 1 and one more for each parameter whose whole interval lies above this one's, so parameters that cannot be told
    apart share a rank (and none ranks behind one with a smaller share).
    """

    name: str
    share: float
    low: float
    high: float
    rank: int = 1


class Pair(msgspec.Struct, frozen=True):
    """What two parameters do together beyond what each does alone, as a share of the variance."""

    names: tuple[str, str]
    share: float


class Importance(msgspec.Struct, frozen=True):
    """Importance of all parameters, most first.

    ``pairs`` is for ``fanova`` alone. ``explained`` is how well the forest predicts trials it was grown without (its squared
    correlation; NaN for ``ped-anova``, which has no model). ``notice`` says in a sentence what to be careful about (``phrases`` has it by
    key and values).
    """

    metric: str
    method: str
    trials: int
    parameters: tuple[Share, ...]
    pairs: tuple[Pair, ...] = ()
    explained: float = float("nan")
    notice: str = ""
    phrases: dict[str, tuple[Phrase, ...]] = {}

    @property
    def told(self) -> bool:
        """Whether any parameter can be told to matter more than another."""
        return any(share.rank > 1 for share in self.parameters)

    @property
    def first(self) -> tuple[str, ...]:
        """The parameters that may have mattered most: all that no other is told to be above.

        Example:
            >>> Importance("loss", "fanova", 40, (Share("lr", 0.7, 0.6, 0.8), Share("wd", 0.3, 0.2, 0.4, 2))).first
            ('lr',)
        """
        return tuple(share.name for share in self.parameters if share.rank == 1)


@single
def importance(
    history: History,
    metric: str | None = None,
    *,
    method: Method | None = None,
    quantile: float = 0.1,
    rows: Numbers | None = None,
    most: int = MOST,
) -> Importance:
    """How much each parameter mattered for a metric of the goal.

    Args:
        history: of the study; trials that ended, or paused, with the metric count.
        metric: of the goal; its first when None.
        method: as the module tells, ``DEFAULT`` when None; ``fanova`` needs no setting, ``ped-anova`` the ``quantile``.
        quantile: the share of trials that counts as good (above 0, at most 0.5).
        rows: trial numbers to look at, rising; all when None.
        most: of more trials than these, this many evenly spread ones are looked at (at least 4).

    Raises:
        SettingError: for a metric that the goal does not have, an unknown method, and fewer than four trials.

    Example:
        >>> import danlu
        >>> space = {"x": danlu.Float(0, 1), "idle": danlu.Float(0, 1)}
        >>> result = danlu.tune(lambda t: t["x"] ** 2, space, trials=60, sampler="quasirandom", seed=0)
        >>> importance(result.history).parameters[0].name
        'x'
    """
    method = method or DEFAULT
    if method not in _METHODS:
        raise SettingError(f"importance needs a method of {', '.join(_METHODS)}, got {method!r}.")
    if not 0 < quantile <= 0.5:
        raise SettingError(f"importance needs 0 < quantile <= 0.5, got {quantile!r}.")
    known = measured(history, metric, rows, fits=True)
    if len(known.rows) < 4:
        raise SettingError(f"importance needs at least 4 trials with a result, there are {len(known.rows)}.")
    kept = thinned(len(known.rows), most)
    table = _Table(history, known.rows[kept], shrunk(known.losses[kept])[0])
    values, spread, pairs, explained = _METHODS[method](table, quantile)
    total = values.sum() or 1.0
    whole = values / total
    bounds = np.percentile(spread / (spread.sum(1, keepdims=True) + 1e-300), [5, 95], axis=0)
    low, high = np.minimum(bounds[0], whole), np.maximum(bounds[1], whole)
    order = np.argsort(-whole, kind="stable")
    names, places = history.space.names, ranks(low[order], high[order])
    shares = tuple(
        Share(names[i], float(whole[i]), float(low[i]), float(high[i]), rank)
        for i, rank in zip(order, places, strict=True)
    )
    joint = tuple(Pair((names[i], names[j]), share) for i, j, share in pairs)
    said = _notices(len(kept), explained, len(shares), told=max(places, default=1) > 1)
    return Importance(
        known.name, method, len(kept), shares, joint, explained, together(said), {"notice": said}
    )


def ranks(low: Floats, high: Floats) -> list[int]:
    """Ranks of intervals that are given in the order of what they surround, the largest first.

    Example:
        >>> ranks(np.array([0.5, 0.2, 0.0]), np.array([0.8, 0.6, 0.1]))
        [1, 1, 3]
    """
    above = 1 + (low[:, None] > high[None, :]).sum(0)
    return [int(rank) for rank in np.minimum.accumulate(above[::-1])[::-1]]


class _Table:
    """What the methods read: unit points, which are active, which are discrete, the losses."""

    def __init__(self, history: History, rows: NDArray[np.int64], y: Floats) -> None:
        self.x = history.columns.units[rows]
        self.active = history.columns.active[rows]
        self.y = y
        slots = history.space.slots
        self.discrete = [isinstance(slot.parameter, Choice) for slot in slots]
        self.sizes = [
            int(slot.parameter.size) if isinstance(slot.parameter, Choice) else anova.CELLS for slot in slots
        ]
        self.rng = generator(history.definition.seed, -1, "importance")


_Found: TypeAlias = tuple[Floats, Floats, list[tuple[int, int, float]], float]


def _ped(table: _Table, quantile: float) -> _Found:
    def divergences(rows: NDArray[np.int64]) -> Floats:
        y = table.y[rows]
        good = np.zeros(len(rows), bool)
        good[np.argsort(y, kind="stable")[: max(2, round(quantile * len(rows)))]] = True
        found = np.zeros(table.x.shape[1])
        for i in range(len(found)):
            on = table.active[rows, i]
            if (on & good).sum() < 2:
                continue
            x, cells, kind = table.x[rows, i], table.sizes[i], table.discrete[i]
            top = anova.density(x[on & good], cells, discrete=kind)
            reference = anova.density(x[on], cells, discrete=kind)
            found[i] = anova.pearson(top, reference) * on.mean()
        return found

    n = len(table.y)
    spread = np.stack([divergences(table.rng.integers(n, size=n)) for _ in range(_RESAMPLES)])
    return divergences(np.arange(n)), spread, [], float("nan")


def _fanova(table: _Table, quantile: float) -> _Found:
    del quantile
    width = table.x.shape[1]
    # many thresholds compete: with few, what several splits would find (a wave) loses to what one finds
    forest = grow(table.x, _clipped(table.y), table.rng, trees=_TREES, least=3, tries=10 * width)
    single, double = anova.shares(forest, width, pairs=width <= 20)
    single = np.nan_to_num(single)
    joint = double.mean(0)
    pairs = sorted(
        (
            (i, j, float(joint[i, j]))
            for i in range(width)
            for j in range(i + 1, width)
            if joint[i, j] > 0.005
        ),
        key=lambda pair: -pair[2],
    )
    return single.mean(0), single, pairs[:10], _explained(table)


def _permutation(table: _Table, quantile: float) -> _Found:
    """What a forest loses on trials that it was grown without when one parameter is mixed up among them.

    Losses below nothing count too until they are averaged: cut at nothing one by one, those of idle parameters add up.
    """
    del quantile
    n, width = table.x.shape
    order, y, spread, said = table.rng.permutation(n), _clipped(table.y), list[Floats](), np.zeros(n)
    for test in np.array_split(order, min(5, n)):
        rest = np.setdiff1d(order, test)
        forest = grow(table.x[rest], y[rest], table.rng, trees=_TREES, least=2)
        said[test] = predict(forest, table.x[test])[0]
        base = ((said[test] - y[test]) ** 2).mean()
        for _ in range(_MIXED):
            lost = np.zeros(width)
            for i in range(width):
                mixed = table.x[test].copy()
                mixed[:, i] = table.x[table.rng.permutation(n)[: len(test)], i]
                lost[i] = ((predict(forest, mixed)[0] - y[test]) ** 2).mean() - base
            spread.append(lost)
    turns = np.stack(spread)
    return np.maximum(turns.mean(0), 0.0), np.maximum(turns, 0.0), [], _correlated(said, y)


_METHODS: dict[str, Callable[[_Table, float], _Found]] = {
    "ped-anova": _ped, "fanova": _fanova, "permutation": _permutation,
}  # fmt: skip


def _clipped(y: Floats) -> Floats:
    """Losses with their tail of failures and divergences cut: what lies beyond three interquartile ranges counts as there."""
    low, high = np.percentile(y, [25, 75])
    cut: Floats = np.minimum(y, high + 3 * max(high - low, 1e-12))
    return cut


def _explained(table: _Table) -> float:
    """The squared correlation of losses with what forests say that were grown without them."""
    n, y = len(table.y), _clipped(table.y)
    said = np.zeros(n)
    for test in np.array_split(table.rng.permutation(n), min(5, n)):
        rest = np.setdiff1d(np.arange(n), test)
        said[test] = predict(grow(table.x[rest], y[rest], table.rng, trees=_TREES), table.x[test])[0]
    return _correlated(said, y)


def _correlated(said: Floats, y: Floats) -> float:
    if said.std() == 0 or y.std() == 0:
        return 0.0
    return float(max(0.0, np.corrcoef(said, y)[0, 1]) ** 2)


def _notices(trials: int, explained: float, parameters: int, *, told: bool) -> tuple[Phrase, ...]:
    """What to be careful about, the most careful alone."""
    if parameters > 1 and not told:
        return (Phrase("importance.untold", {"parameters": str(parameters), "trials": str(trials)}),)
    if trials < FEW:
        return (Phrase("importance.few", {"trials": str(trials)}),)
    if explained < 0.3:
        return (Phrase("importance.noise", {"explained": f"{explained:.0%}"}),)
    return ()
