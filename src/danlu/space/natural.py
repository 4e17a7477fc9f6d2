"""How far a parameter can go by what it is: a share stops at 1, a count begins at 1, a rate is above 0.

The name says what it is (``infer.meaning``, and the names that ``danlu.deep`` searches). Where it does not, nobody knows
its ends, and whoever would widen its range has to ask.
"""

from __future__ import annotations

import math

import msgspec

from .infer import meaning, words_of
from .parameters import Float, Int


class Bounds(msgspec.Struct, frozen=True):
    """The ends of what a parameter can be.

    Attributes:
        low, high: the ends; infinite where there is none.
        within: whether the ends themselves are no values of it: nothing is left where all is dropped.
        source: who says so.
    """

    low: float
    high: float
    within: bool = False
    source: str = ""


class Wider(msgspec.Struct, frozen=True):
    """A bound further out.

    Attributes:
        bound: where to.
        known: whether the name says that a value there makes sense; else it is a question.
    """

    bound: float
    known: bool


_OPEN = math.inf
_COUNT = Bounds(1, _OPEN, source="a count of what there has to be at least one of")
_ABOVE_ZERO = Bounds(0, _OPEN, within=True, source="a positive size")
_KEPT = Bounds(
    0, 1, within=True, source="Srivastava et al., Dropout, JMLR 15, 2014: a unit is dropped with p < 1"
)
_MEMORY = Bounds(
    0, 1, within=True, source="Sutskever et al., ICML 2013; Kingma and Ba, arXiv:1412.6980: in [0, 1)"
)
_SHARE = Bounds(0, 1, source="a share of a whole")

MEANINGS: dict[str, Bounds] = {
    "label smoothing": Bounds(
        0, 1, within=True, source="Szegedy et al., arXiv:1512.00567: the label keeps 1 - smoothing"
    ),
    "a price of errors": _ABOVE_ZERO,
    "a share": Bounds(
        0, 1, source="Zhang et al., mixup, arXiv:1710.09412: alpha in 0.1..1; cutmix, arXiv:1905.04899: 1"
    ),
    "a share of the steps": _SHARE,
    "dropout": _KEPT,
    "a share of rows or columns": _SHARE,
    "a small constant": _ABOVE_ZERO,
    "a decay of a rate": Bounds(0, 1, source="a rate that falls is multiplied by at most 1"),
    "a learning rate": _ABOVE_ZERO,
    "a penalty": Bounds(0, _OPEN, source="a penalty below 0 rewards what it is against"),
    "a memory": _MEMORY,
    "a limit of the gradient": _ABOVE_ZERO,
    "a temperature": _ABOVE_ZERO,
    "a batch size": _COUNT,
    "a kernel": _COUNT,
    "attention heads": _COUNT,
    "a depth": _COUNT,
    "a number of trees": _COUNT,
    "a width": _COUNT,
}
"""Ends by what ``meaning`` makes of a name."""

NAMES: dict[str, Bounds] = {
    **dict.fromkeys(
        ("epochs", "epoch", "steps", "iterations", "iters", "trees", "layers", "negatives", "times", "workers", "patience", "folds", "accumulate"),
        _COUNT,
    ),
    **dict.fromkeys(("ratio", "fraction", "share", "frac", "pct", "percentage", "prob", "probability", "quantile", "keep"), _SHARE),
    **dict.fromkeys(("warmup", "rise", "drop", "final"), _SHARE),
    "cutout": Bounds(0, 1, source="DeVries and Taylor, arXiv:1708.04552: the side of the square as a share"),
    "shift": Bounds(0, 1, within=True, source="a move as a share of the side"),
    "flip": Bounds(0, 0.5, source="a chance of 1/2 is as often as not; above, the mirror image is the usual one"),
    "rotate": Bounds(0, 180, source="half a turn either way is every turn"),
    "spread": _ABOVE_ZERO,
    "noise": Bounds(0, _OPEN, source="a deviation"),
    "minus": _KEPT,
}  # fmt: skip
"""Ends by a word of the name, those first that ``danlu.deep`` searches; ``minus`` stands for ``one_minus_momentum`` and its like."""


def natural(name: str) -> Bounds | None:
    """The ends of what a parameter of that name can be; None where the name does not say.

    Of a parameter of an option (``mixup.on.strength``) the nearest name that says something counts.

    Example:
        >>> natural("opt.sgd.momentum").high, natural("depth").low, natural("mixup.on.strength").high, natural("x")
        (1, 1, 1, None)
    """
    parts = name.split(".")
    for last in range(len(parts), 0, -1):
        words = words_of(parts[last - 1])
        if "minus" in words:
            return NAMES["minus"]
        by_word = next((NAMES[word] for word in words if word in NAMES), None)
        found = MEANINGS.get(meaning(parts[last - 1]))
        if set(words) & {"ratio", "fraction", "frac", "share", "prob", "probability", "pct"}:
            found = None  # the share of something, whatever that is
        if found or by_word:
            return found or by_word
    return None


def wider(name: str, parameter: Float | Int, side: str) -> Wider | None:
    """A bound further out on one side, within what the parameter can be; None where it cannot go further.

    That is three times on a logarithmic scale, half of the range on a linear one, half of what is left before an end that is no
    value. Where the range given is itself outside of what the name says, the name means something else here.

    Args:
        name: of the parameter.
        parameter: as it is searched.
        side: ``lower`` or ``upper``.

    Example:
        >>> wider("lr", Float(1e-4, 1e-1, log=True), "upper")
        Wider(bound=0.3, known=True)
        >>> wider("dropout", Float(0, 0.9), "upper"), wider("mixup", Float(0, 1), "upper"), wider("depth", Int(1, 12), "lower")
        (Wider(bound=0.95, known=True), None, None)
        >>> wider("temperature", Int(1, 9), "lower") is None  # it is above 0
        True
        >>> wider("x", Float(0, 1), "upper")
        Wider(bound=1.5, known=False)
    """
    ends, low, high = natural(name), float(parameter.low), float(parameter.high)
    if ends is not None and (low < ends.low or high > ends.high):
        ends = None
    whole = isinstance(parameter, Int)
    if ends is None and side == "lower" and 0 <= low <= (1 if whole else 0):
        return None  # what begins at nothing, or at one, is not negative by accident
    bound = _further(low, high, side, log=parameter.log)
    if ends is not None:
        bound = _kept(bound, ends, low, high, side)
    elif low >= 0 and side == "lower":
        bound = max(bound, low / 2)
    if whole:
        bound = float(math.floor(bound) if side == "lower" else math.ceil(bound))
        bound = max(bound, 1.0) if parameter.log or (ends is None and low >= 1) else bound
    bound = bound if whole else float(f"{bound:.4g}")
    if ends is not None and ends.within and not ends.low < bound < ends.high:
        return None  # rounded to an end that is no value
    outward = bound < low if side == "lower" else bound > high
    return Wider(bound, ends is not None) if outward else None


def _further(low: float, high: float, side: str, *, log: bool) -> float:
    if log:
        return float(f"{high * 3 if side == 'upper' else low / 3:.2g}")
    half = 0.5 * (high - low)
    return float(f"{high + half if side == 'upper' else low - half:.2g}")


def _kept(bound: float, ends: Bounds, low: float, high: float, side: str) -> float:
    """The bound inside of the ends; where the end itself is no value, half of the way to it."""
    end = ends.high if side == "upper" else ends.low
    past = bound >= end if side == "upper" else bound <= end
    if not past:
        return bound
    edge = high if side == "upper" else low
    return (edge + end) / 2 if ends.within else end
