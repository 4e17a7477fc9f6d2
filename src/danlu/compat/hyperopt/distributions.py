"""One hyperparameter of Hyperopt's as a danlu parameter, and the values of either in the other's terms.

Hyperopt tells its kinds apart by the name of a graph node and its arguments. Ranges become ranges; what is rounded to multiples of ``q``
becomes exactly these multiples; normal kinds, which have no ends, are cut at four standard deviations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ...base.values import shown, unboxed
from ...errors import SpaceError
from ...space.parameters import Choice, Float, Int, Leaf, Switch
from ..naming import rising

SIGMAS = 4.0
"""Normal kinds are searched so many standard deviations around their mean: one draw in 16,000 lies outside."""

DUST = 1e-9
"""Values so near to an end of a range, relative to it, have left it by rounding."""

MOST = 2.0**52
"""More multiples than a float can count."""


class Hyperparameter(NamedTuple):
    """A hyperparameter in both worlds.

    Attributes:
        name: what danlu calls it: the label, and what its numbers count where they are not its values.
        parameter: danlu's; None for what can only have one value.
        ours: danlu's value for one of Hyperopt's; raises ``SpaceError`` where there is none.
        theirs: Hyperopt's value for one of danlu's; anything for the only one.
        cut: whether ends were made up, as Hyperopt's has none.
    """

    name: str
    parameter: Leaf | None
    ours: Callable[[Any], Any]
    theirs: Callable[[Any], Any]
    cut: bool = False


def hyperparameter(label: str, kind: str, given: Mapping[str, Any], options: Sequence[Any]) -> Hyperparameter:
    """A hyperparameter from what Hyperopt's graph says of it.

    Args:
        label: its name.
        kind: of node: uniform, qlognormal, randint and so on.
        given: the node's arguments by name, evaluated.
        options: words or plain values of what it is an index of, none where it is a number of its own.

    Raises:
        SpaceError: for a kind that Hyperopt does not have, and for a range without values.

    Example:
        >>> width = hyperparameter("width", "quniform", {"low": 10, "high": 95, "q": 10}, ())
        >>> width.parameter, width.theirs(30)
        (Int(low=10, high=100, log=False, step=10, prior=None), 30.0)
    """
    if kind in {"randint", "categorical"}:
        return _index(label, kind, given, options)
    if kind.removeprefix("q") not in {"uniform", "loguniform", "normal", "lognormal"}:
        raise SpaceError(
            f"{label} is drawn by {kind}, which danlu cannot search. Use one of hp.uniform, loguniform, normal, lognormal, their q-kinds, "
            "randint, uniformint, choice and pchoice."
        )
    low, high, middle = _ends(label, kind, given)
    log = "log" in kind
    if "q" in kind[:1]:
        return _multiples(label, low, high, middle, float(given["q"]), log=log)
    if low == high:
        return _fixed(label, low)
    cut = middle is not None
    return Hyperparameter(
        label, Float(low, high, log=log, prior=middle), _inside(label, low, high), float, cut
    )


def _ends(label: str, kind: str, given: Mapping[str, Any]) -> tuple[float, float, float | None]:
    """Lowest and highest value before rounding; the likeliest for normal kinds."""
    middle: float | None = None
    if "normal" in kind:
        middle, sigma = float(given["mu"]), float(given["sigma"])
        if not sigma >= 0:
            raise SpaceError(f"hp.{kind} needs sigma >= 0, got sigma={sigma!r} for {label}.")
        low, high = middle - SIGMAS * sigma, middle + SIGMAS * sigma
    else:
        low, high = float(given["low"]), float(given["high"])
        if not low <= high:
            raise SpaceError(f"hp.{kind} needs low <= high, got low={low!r}, high={high!r} for {label}.")
    if "log" in kind:
        with np.errstate(over="ignore"):
            low, high = float(np.exp(low)), float(np.exp(high))
            middle = None if middle is None else float(np.exp(middle))
        if low == 0 or math.isinf(high):
            raise SpaceError(
                f"hp.{kind} takes logarithms, and those given for {label} make {low:g} to {high:g}. Write "
                f"hp.{kind}({label!r}, numpy.log(low), numpy.log(high))."
                if middle is None
                else f"hp.{kind} takes the mean and deviation of the logarithm, and those given for {label} make {low:g} to {high:g}. "
                "Make them smaller."
            )
    return low, high, middle


def _multiples(
    label: str, low: float, high: float, middle: float | None, q: float, *, log: bool
) -> Hyperparameter:
    """What is rounded to multiples of ``q``: as themselves on a plain scale, as their counts on a logarithmic one."""
    if not q > 0:
        raise SpaceError(f"{label} needs q > 0, got q={q!r}.")
    first, last = (float(np.round(each / q)) for each in (low, high))
    if max(abs(first), abs(last)) > MOST:
        raise SpaceError(
            f"{label} has {last:g} multiples of q={q:g}, more than can be told apart. Use a larger q, or the kind without it."
        )
    best = None if middle is None else min(last, max(first, float(np.round(middle / q))))
    cut = middle is not None
    if first == last:
        return _fixed(label, first * q)
    inside = _inside(label, first, last)

    def count(value: Any) -> int:
        found = inside(float(value) / q)
        if abs(found - round(found)) > 1e-6:
            raise SpaceError(f"{label} needs a multiple of {q:g}, got {shown(value)}.")
        return round(found)

    if log:
        shift = 0 if first >= 1 else 1
        name = label + (f" / {q:g}" if q != 1 else "") + (" + 1" if shift else "")
        at = None if best is None else int(best) + shift
        counted = Int(int(first) + shift, int(last) + shift, log=True, prior=at)
        return Hyperparameter(
            name, counted, lambda value: count(value) + shift, lambda found: (found - shift) * q, cut
        )
    if q.is_integer():
        step = int(q)
        whole = Int(
            int(first) * step, int(last) * step, step=step, prior=None if best is None else int(best) * step
        )
        return Hyperparameter(label, whole, lambda value: count(value) * step, float, cut)
    stepped = Float(
        _clean(first * q), _clean(last * q), step=q, prior=None if best is None else _clean(best * q)
    )
    return Hyperparameter(
        label,
        stepped,
        lambda value: stepped.decode(stepped.encode(count(value) * q)),
        lambda found: float(np.round(found / q) * q),
        cut,
    )


def _index(label: str, kind: str, given: Mapping[str, Any], options: Sequence[Any]) -> Hyperparameter:
    """A whole number below a bound, which may be the index of an option."""
    if kind == "randint":
        low, high = (
            (0, int(given["low"])) if given.get("high") is None else (int(given["low"]), int(given["high"]))
        )
        likely: Sequence[int] = range(low, high)
        best = None
    else:
        chances = [float(each) for each in np.ravel(given["p"])]
        low, high = 0, len(chances)
        likely = [place for place, chance in enumerate(chances) if chance > 0]
        best = max(likely, key=chances.__getitem__, default=None)
    if not likely:
        raise SpaceError(f"{label} needs something to choose from, got low={low!r}, high={high!r}.")
    if not options and kind == "randint":
        if high - low == 1:
            return _fixed(label, low)
        return Hyperparameter(label, Int(low, high - 1), _whole(label), int)
    words = list(options) or list(range(high))
    if len(likely) == 1:
        return _fixed(label, likely[0])
    kept = [words[place] for place in likely]
    prior = {} if best is None else {"prior": words[best]}
    choice = Choice(kept, ordered=kind == "randint" and rising(kept), **prior)

    def ours(value: Any) -> Any:
        place = _whole(label)(value)
        if place not in likely:
            raise SpaceError(f"{label} needs one of the places {likely}, got {shown(value)}.")
        return words[place]

    return Hyperparameter(label, choice, ours, lambda word: likely[choice.index(word)])


def switch_of(found: Hyperparameter, branches: Mapping[Any, Mapping[str, Any]]) -> Switch:
    """The same choice with parameters under its options; ``branches`` are keyed by a word, or a tuple of them."""
    choice = found.parameter
    assert isinstance(choice, Choice)
    options: dict[Any, Mapping[str, Any]] = {word: {} for word in choice.values}
    options |= branches
    prior = {"prior": choice.prior} if isinstance(choice.prior, str) else {}
    return Switch(options, **prior)


def _clean(value: float) -> float:
    """A product without the dust of binary arithmetic: 0.95 rather than 0.9500000000000001."""
    return float(f"{value:.15g}")


def _fixed(label: str, value: Any) -> Hyperparameter:
    def ours(given: Any) -> Any:
        if unboxed(given) != value:
            raise SpaceError(f"{label} can only be {value!r}, got {shown(given)}.")
        return value

    return Hyperparameter(label, None, ours, lambda _: value)


def _inside(label: str, low: float, high: float) -> Callable[[Any], float]:
    """A check of a range whose ends forgive what rounding does."""

    def ours(value: Any) -> float:
        number = float(value)
        slack = DUST * max(abs(low), abs(high))
        if not low - slack <= number <= high + slack:
            raise SpaceError(
                f"{label} is searched between {low:g} and {high:g}, got {shown(value)}. Widen the range, or leave the point out."
            )
        return min(high, max(low, number))

    return ours


def _whole(label: str) -> Callable[[Any], int]:
    def ours(value: Any) -> int:
        number = unboxed(value)
        if isinstance(number, bool) or not isinstance(number, int | float) or number % 1 != 0:
            raise SpaceError(f"{label} needs a whole number, got {shown(value)}.")
        return int(number)

    return ours
