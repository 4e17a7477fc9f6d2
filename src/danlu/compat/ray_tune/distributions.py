"""One domain of Ray Tune's as a danlu parameter, and the values of either in the other's terms.

Ray tells its kinds apart by a domain (float, integer, categorical) and a sampler of it. Ranges become ranges; what is quantized becomes
exactly the multiples of ``q`` that Ray would draw; normal kinds, which have no ends, are cut at four standard deviations.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from ray.tune.search import sample

from ...base.values import shown, unboxed
from ...errors import SpaceError
from ...space.parameters import Float, Int, Leaf

SIGMAS = 4.0
"""Normal kinds are searched so many standard deviations around their mean: one draw in 16,000 lies outside."""

MOST = 2.0**52
"""More multiples than a float can count."""


class Number(NamedTuple):
    """A number in both worlds.

    Attributes:
        name: what danlu calls it: its path, and what it counts where it is not the value itself.
        parameter: danlu's; None for what can only have one value.
        ours: danlu's value for one of Ray's; raises ``SpaceError`` where there is none.
        theirs: Ray's value for one of danlu's; anything for the only one.
        cut: whether ends were made up, as Ray's has none.
    """

    name: str
    parameter: Leaf | None
    ours: Callable[[Any], Any]
    theirs: Callable[[Any], Any]
    cut: bool = False


def number(path: str, domain: Any) -> Number:
    """A number from a domain of Ray's.

    Args:
        path: where it stands, as danlu names it.
        domain: a ``Float`` or an ``Integer`` of Ray's.

    Raises:
        SpaceError: for a sampler that danlu does not know, and for a range without values.

    Example:
        >>> from ray import tune
        >>> width = number("width", tune.qrandint(8, 30, 4))
        >>> width.parameter, width.theirs(12)
        (Int(low=8, high=28, log=False, step=4, prior=None), 12)
        >>> number("layers", tune.randint(1, 4)).parameter
        Int(low=1, high=3, log=False, step=1, prior=None)
    """
    drawn, q = domain.get_sampler(), None
    if isinstance(drawn, sample.Quantized):
        drawn, q = drawn.get_sampler(), drawn.q
    whole = isinstance(domain, sample.Integer)
    normal, log = isinstance(drawn, sample.Normal), isinstance(drawn, sample.LogUniform)
    if not (normal or log or isinstance(drawn, sample.Uniform)) or (normal and whole):
        raise SpaceError(
            f"{path} is drawn by {type(drawn).__name__}, which danlu cannot search. Use one of tune.uniform, loguniform, randn, randint, "
            "lograndint, their q-kinds and choice."
        )
    middle = float(drawn.mean) if normal else None
    low, high = (
        (middle - SIGMAS * drawn.sd, middle + SIGMAS * drawn.sd)
        if middle is not None
        else (domain.lower, domain.upper)
    )
    if not (math.isfinite(low) and math.isfinite(high)):
        raise SpaceError(
            f"{path} needs ends to be searched between, got {low!r} to {high!r}. Give both of them."
        )
    if log and not low > 0:
        raise SpaceError(f"{path} has a logarithmic scale and needs low > 0, got low={low!r}.")
    if q is not None:
        return _multiples(path, low, high, middle, q, whole=whole, log=log)
    if whole:
        return _whole(path, int(low), int(high) - 1, log=log)
    if not low <= high:
        raise SpaceError(f"{path} needs low <= high, got low={low!r}, high={high!r}.")
    if low == high:
        return _fixed(path, float(low))
    found = Float(float(low), float(high), log=log, prior=middle)
    return Number(path, found, lambda value: _real(path, value), float, middle is not None)


def _whole(path: str, low: int, high: int, *, log: bool) -> Number:
    """Whole numbers, the ends included."""
    if high < low:
        raise SpaceError(
            f"{path} has no value: Ray's whole numbers end below high, got low={low!r}, high={high + 1!r}. Raise high."
        )
    if low == high:
        return _fixed(path, low)
    return Number(path, Int(low, high, log=log), lambda value: _counted(path, value), int)


def _multiples(
    path: str, low: float, high: float, middle: float | None, q: float, *, whole: bool, log: bool
) -> Number:
    """Multiples of ``q``: as themselves on a plain scale, as their counts on a logarithmic one."""
    if not q > 0:
        raise SpaceError(f"{path} needs q > 0, got q={q!r}.")
    first, last = _place(low / q, math.ceil), _place(high / q, math.floor)
    if whole and q == 1 and middle is None:
        last -= 1  # Ray's whole numbers end below high, but for multiples of more than 1
    if last < first:
        raise SpaceError(f"{path} has no multiple of {q:g} between {low:g} and {high:g}. Use a smaller q.")
    if max(abs(first), abs(last)) > MOST:
        raise SpaceError(
            f"{path} has more multiples of q={q:g} than can be told apart. Use a larger q, or the kind without it."
        )
    cast: Callable[[Any], Any] = int if whole else float

    def value(count: int) -> Any:
        return cast(np.round(count) * q)

    def count(given: Any) -> int:
        found = _real(path, given) / q
        if abs(found - round(found)) > 1e-6:
            raise SpaceError(f"{path} needs a multiple of {q:g}, got {shown(given)}.")
        return round(found)

    if first == last:
        return _fixed(path, value(first))
    best = None if middle is None else min(last, max(first, round(middle / q)))
    cut = middle is not None
    if log or (whole and not float(q).is_integer()):
        name = path if q == 1 else f"{path} / {q:g}"
        return Number(name, Int(first, last, log=log, prior=best), count, value, cut)
    if float(q).is_integer():
        each = int(q)
        plain = Int(first * each, last * each, step=each, prior=None if best is None else best * each)
        return Number(path, plain, lambda given: count(given) * each, lambda own: value(own // each), cut)
    stepped = Float(
        _clean(first * q), _clean(last * q), step=q, prior=None if best is None else _clean(best * q)
    )
    encode, decode = stepped.encoder(), stepped.decoder()
    return Number(
        path, stepped, lambda given: decode(encode(count(given) * q)), lambda own: value(round(own / q)), cut
    )


def _place(scaled: float, bound: Callable[[float], int]) -> int:
    """The count of a multiple at an end of a range; dust of binary arithmetic is no reason to leave it out."""
    nearest = round(scaled)
    return nearest if math.isclose(scaled, nearest) else bound(scaled)


def _fixed(path: str, value: Any) -> Number:
    def ours(given: Any) -> Any:
        if unboxed(given) != value:
            raise SpaceError(f"{path} can only be {value!r}, got {shown(given)}.")
        return value

    return Number(path, None, ours, lambda _: value)


def _real(path: str, value: Any) -> float:
    given = unboxed(value)
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise SpaceError(f"{path} needs a number, got {shown(value)}.")
    return float(given)


def _counted(path: str, value: Any) -> int:
    given = _real(path, value)
    if given % 1 != 0:
        raise SpaceError(f"{path} needs a whole number, got {shown(value)}.")
    return int(given)


def _clean(value: float) -> float:
    """A product without the dust of binary arithmetic: 0.95 rather than 0.9500000000000001."""
    return float(f"{value:.15g}")
