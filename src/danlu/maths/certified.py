"""What fresh runs say of candidates beside a default: who is adopted, and what it comes to without the optimism of having been chosen.

All candidates and the default are measured on ``first`` fresh seeds; the candidate of the lowest mean, the leader, and the default go on.
From two seeds on the leader is compared with the default after every seed, with one chance of error for all looks and candidates
(``leads.py``); where it is never beyond it, the default stays. The mean that is reported is freed of the selection among the
candidates (``selected.py``), and its noise is the winner's own drawn to that of all.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from .leads import Lead, lead
from .paired import pooled
from .selected import selected_interval, selected_mean

PRIOR = 2.0
"""So many degrees of freedom of the pooled variance are added to the winner's own: noise differs between configurations."""


class Certified(NamedTuple):
    """A verdict in losses.

    Attributes:
        leader: the candidate that was compared with the default; -1 where there was none.
        adopted: whether it is better than the default beyond the chance of error.
        at: after how many seeds it was found so; 0 where it was not.
        leads: the comparison at each look, the first after two seeds. Where all losses are above 0 they are logarithms of ratios.
        logs: whether they are.
        estimate: the mean of the winner, or of the default.
        low, high: an interval for it.
        noise: standard deviation between seeds, as it is believed for the winner.
        freedom: degrees of freedom behind it.
    """

    leader: int
    adopted: bool
    at: int
    leads: tuple[Lead, ...]
    logs: bool
    estimate: float
    low: float
    high: float
    noise: float
    freedom: float


def certified(
    default: Sequence[float], candidates: Sequence[Sequence[float]], *, first: int, error: float = 0.05, looks: int = 0,
    miss: float = 0.1,
) -> Certified:  # fmt: skip
    """Judge candidates by their losses on fresh seeds.

    Args:
        default: its losses, one a seed, 2 or more; infinite where training failed.
        candidates: theirs on the same seeds in the same order, ``first`` of all and the rest of the leader, which has as many as the default.
        first: seeds that all of them have, 2 or more.
        error: the chance to adopt one that is not better than the default, over all looks and candidates, above 0 and below 1.
        looks: that there have been before, at candidates of this search.
        miss: the chance of the interval to miss.

    Example:
        >>> found = certified([2.0, 2.1, 2.0, 1.9], [[1.0, 1.1, 1.1, 1.0], [1.2, 1.3]], first=2)
        >>> found.leader, found.adopted, 1.0 < found.estimate < 1.1
        (0, True, True)
        >>> certified([2.0, 2.1, 2.0, 1.9], [[1.9, 2.3, 2.1, 2.0]], first=2).adopted
        False
    """
    leader = leading(candidates, first)
    values = [value for row in (default, *candidates) for value in row if math.isfinite(value)]
    logs = bool(values) and min(values) > 0
    shown = [[math.log(value) if logs and value < math.inf else value for value in row] for row in candidates]
    usual = [math.log(value) if logs and value < math.inf else value for value in default]
    leads = _leads(usual, shown, leader, first, error, looks)
    at = next((first + place for place, each in enumerate(leads) if each.beyond), 0)
    adopted = bool(at) and leads[-1].mean > 0
    own = shown[leader] if adopted else usual
    noise, freedom = _noise(own, [row for row in (usual, *shown) if row is not own])
    chosen = list(candidates[leader] if adopted else default)
    mean = sum(chosen) / len(chosen)
    if not math.isfinite(mean):
        return Certified(leader, adopted, at, leads, logs, mean, mean, mean, math.nan, 0.0)
    if logs:
        noise *= mean
    rivals = [sum(row[:first]) / first for place, row in enumerate(candidates) if place != leader]
    estimate, low, high = _estimated(
        chosen, min(rivals, default=math.inf) if adopted else math.inf, first, noise, freedom, miss
    )
    if logs:  # of noise that multiplies the ends are as many times as far
        low, high = (estimate * math.exp((end - estimate) / estimate) for end in (low, high))
    return Certified(leader, adopted, at if adopted else 0, leads, logs, estimate, low, high, noise, freedom)


def leading(candidates: Sequence[Sequence[float]], first: int) -> int:
    """The place of the lowest mean over the first seeds, the earlier one of two; -1 where none could be trained on all of them.

    Example:
        >>> leading([[1.0, math.inf], [3.0, 3.0], [2.0, 3.0, 9.0]], 2), leading([], 2)
        (2, -1)
    """
    means = [sum(row[:first]) / first if len(row) >= first else math.inf for row in candidates]
    best = min(means, default=math.inf)
    return means.index(best) if best < math.inf else -1


def _leads(
    usual: list[float], shown: list[list[float]], leader: int, first: int, error: float, looks: int
) -> tuple[Lead, ...]:
    """The leader beside the default after each seed from the first ones on."""
    if leader < 0:
        return ()
    beside = [
        _differences(usual, row[:first])
        for place, row in enumerate(shown)
        if place != leader and len(row) >= first
    ]
    whole = _differences(usual, shown[leader])
    return tuple(
        lead(whole[:count], beside, error=error / len(shown), look=looks + count - first + 1)
        for count in range(first, len(whole) + 1)
    )


def _differences(usual: Sequence[float], row: Sequence[float]) -> list[float]:
    """How much worse the default is, seed by seed; where both failed nothing can be said for the candidate."""
    return [-math.inf if own == math.inf else one - own for one, own in zip(usual, row, strict=False)]


def _noise(own: Sequence[float], others: Sequence[Sequence[float]]) -> tuple[float, float]:
    """The standard deviation of the winner's runs, drawn to the pooled one, and the degrees of freedom."""
    squares, freedom = pooled((own, *others))
    if not freedom:
        return math.nan, 0.0
    square, count = pooled([own])  # nothing where it failed on a seed
    variance = (PRIOR * squares / freedom + square) / (PRIOR + count)
    return math.sqrt(variance), min(PRIOR + count, freedom)


def _estimated(
    chosen: list[float], rival: float, first: int, noise: float, freedom: float, miss: float
) -> tuple[float, float, float]:
    """The winner's mean with its interval; its noise is widened as Student's t is beside the normal."""
    from scipy.special import ndtri, stdtrit

    early, late = chosen[:first], chosen[first:]
    x1 = sum(early) / len(early)
    if not late or rival == math.inf:
        estimate, rival, first, later, y = sum(chosen) / len(chosen), math.inf, len(chosen), 0, 0.0
        x1 = estimate
    else:
        later, y = len(late), sum(late) / len(late)
        estimate = selected_mean(x1, y, max(rival, x1), noise, first, later)
    if not math.isfinite(noise):
        return estimate, -math.inf, math.inf
    wide = noise * float(stdtrit(freedom, miss / 2)) / float(ndtri(miss / 2))
    low, high = selected_interval(x1, y, max(rival, x1), wide, first, later, miss=miss)
    return estimate, low, high
