"""Which trials of a search may be its best, and how many fresh runs they can have."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..analysis.effects import model_of
from ..analysis.measured import Floats
from ..base.rng import generator
from ..journal.trial import Trial
from ..maths import gp
from ..maths.threads import single
from ..maths.ties import chances, guessed, tied
from ..problem.goal import Metric
from ..space.parameters import Choice
from ..study.result import Result
from .confirm import scored

MODELED = 8
"""A process is asked from this many trials on."""
RIVALS = 50
"""This many of the best trials may be the best."""
DRAWS = 2000


class Tie(NamedTuple):
    """A trial that may be the best of its search.

    Attributes:
        trial: it.
        chance: that it is.
    """

    trial: Trial
    chance: float


@single
def likeliest(result: Result, metric: Metric, most: int, *, seed: int) -> tuple[list[Tie], str]:
    """The tie set of a search: the trials that may be its best, the likeliest first, ``most`` at the most, and by what it is known.

    By a Gaussian process over the trials, with its noise, where there are eight trials and a parameter with an order; else by their values drawn
    to the mean of the better half, of whose variance half is taken for noise. Where some trials keep the limits, those that break them are
    no candidates.
    """
    rows = sorted(scored(result, metric), key=lambda row: (row[1], row[0].number))
    kept = [row for row in rows if not row[0].violation] or rows
    kept = kept[:RIVALS]
    losses = np.array([loss for _, loss in kept])
    rng = generator(seed, len(rows), "likeliest")
    ordered = any(not isinstance(slot.parameter, Choice) for slot in result.history.space.slots)
    draws, source = None, "values drawn to the mean of the better half"
    if len(rows) >= MODELED and ordered and np.ptp(losses) > 0.0:
        draws = _believed(result, metric, [trial for trial, _ in kept], rng)
        source = "a Gaussian process over the trials" if draws is not None else source
    if draws is None:
        draws = guessed(losses, None, rng, DRAWS)
    shares = chances(draws)
    return [Tie(kept[at][0], float(shares[at])) for at in tied(shares, most)], source


def _believed(result: Result, metric: Metric, trials: list[Trial], rng: np.random.Generator) -> Floats | None:
    """Draws of what the process believes of the trials; None where one of them lies outside of the space as it is now, or it cannot be had."""
    history = result.history
    numbers = [trial.number for trial in trials]
    if not history.columns.fits[numbers].all():
        return None
    try:
        model = model_of(history, metric.name)
        return gp.draws(model.posterior, model.inputs(history.columns.units[numbers]), rng, DRAWS)
    except np.linalg.LinAlgError:  # values that no process can stand for
        return None


def affordable(result: Result, share: float, folds: int) -> int:
    """How many configurations can be trained on a fresh seed for a share of what the search has cost.

    Of trials that report steps their steps count, beside those of the longest one; else trials count. ``folds`` are the trials that a configuration has on a
    seed.
    """
    spent, rows = result.history.spent, result.trials
    whole = max((trial.curve.steps[-1] for trial in rows if len(trial.curve)), default=0)
    trials = spent.steps / whole if whole and spent.steps else float(spent.trials)
    return math.floor(share * trials / folds + 1e-9)


def dealt_out(runs: int, top: int | None, seeds: int | None) -> tuple[int, int]:
    """How many candidates and how many fresh seeds ``runs`` runs are dealt out to, where these are not given.

    All and the default get two seeds, the rest is for the leader and the default. At least one candidate and two seeds, four runs; at most
    three candidates and eight seeds, beyond which more tell little.

    Example:
        >>> [dealt_out(runs, None, None) for runs in (2, 6, 10, 20, 60)]
        [(1, 2), (1, 3), (2, 4), (3, 8), (3, 8)]
        >>> dealt_out(10, 5, None), dealt_out(10, None, 3), dealt_out(10, 1, 9)
        ((5, 2), (2, 3), (1, 9))
    """
    candidates = top or min(3, max(1, (runs - 2) // 4))
    return candidates, seeds or min(8, max(2, 2 + (runs - 2 * (candidates + 1)) // 2))
