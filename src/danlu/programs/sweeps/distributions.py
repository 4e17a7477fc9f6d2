"""W&B's distributions as danlu's parameters.

Bounds, types and defaults are those of W&B's reference of sweep configurations and of its published schema. danlu searches a range,
uniformly or on a logarithmic scale: what is unbounded is searched over the middle 99.7 % of its probability, and the shape of a
distribution counts where points are drawn from it, in a random search.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

import msgspec

from ...base.values import shown
from ...errors import SpaceError
from ...space.parameters import Choice, Float, Int, Leaf

DEVIATIONS = 3.0
"""Standard deviations on either side of the mean that are searched of what is unbounded."""

_BOUNDS, _NORMAL, _BETA = ("min", "max"), ("mu", "sigma"), ("a", "b")
KEYS: dict[str, tuple[str, ...]] = {
    "constant": ("value",),
    "categorical": ("values",),
    "categorical_w_probabilities": ("values", "probabilities"),
    "int_uniform": _BOUNDS,
    "uniform": _BOUNDS,
    "q_uniform": (*_BOUNDS, "q"),
    "log_uniform": _BOUNDS,
    "log_uniform_values": _BOUNDS,
    "q_log_uniform": (*_BOUNDS, "q"),
    "q_log_uniform_values": (*_BOUNDS, "q"),
    "inv_log_uniform": _BOUNDS,
    "inv_log_uniform_values": _BOUNDS,
    "normal": _NORMAL,
    "q_normal": (*_NORMAL, "q"),
    "log_normal": _NORMAL,
    "q_log_normal": (*_NORMAL, "q"),
    "beta": _BETA,
    "q_beta": (*_BETA, "q"),
}
"""The settings of each distribution."""

_DEFAULTS = {"mu": 0.0, "sigma": 1.0, "a": 1.0, "b": 1.0, "q": 1.0}
_EXPONENTS = {"log_uniform", "q_log_uniform", "inv_log_uniform"}


class Distribution(msgspec.Struct, frozen=True):
    """A distribution by its quantiles.

    ``normal`` and ``log_normal`` of mean and deviation, ``beta`` of its two exponents, ``log_uniform`` between two values,
    ``weights`` of options.
    """

    kind: str
    first: float = 0.0
    second: float = 1.0
    weights: tuple[float, ...] = ()

    def at(self, share: float) -> float:
        """The value below which this share of the probability lies; of weights the position of the option.

        Example:
            >>> Distribution("normal", 2.0, 0.5).at(0.5), Distribution("weights", weights=(0.25, 0.75)).at(0.3)
            (2.0, 1)
        """
        if self.kind == "weights":
            total = 0.0
            for place, weight in enumerate(self.weights):
                total += weight
                if share < total:
                    return place
            return max(place for place, weight in enumerate(self.weights) if weight > 0)
        from scipy import special

        if self.kind == "beta":
            return float(special.betaincinv(self.first, self.second, share))
        if self.kind == "log_uniform":
            return float(self.first ** (1 - share) * self.second**share)
        value = float(self.first + self.second * special.ndtri(share))
        return math.exp(value) if self.kind == "log_normal" else value

    def within(self, parameter: Leaf, share: float) -> Any:
        """The value of a parameter at this share: on its step, and in its range."""
        value = self.at(share)
        if isinstance(parameter, Choice):
            return parameter.values[int(value)]
        value = min(parameter.high, max(parameter.low, value))
        if isinstance(parameter, Int):
            return int(parameter.low + round((value - parameter.low) / parameter.step) * parameter.step)
        if parameter.step is None:
            return value
        return parameter.decode(round((value - parameter.low) / parameter.step) / (parameter.size - 1))


class Searched(NamedTuple):
    """What a parameter of a file is: searched in a range, or one value only; how it is distributed, and what has to be said."""

    parameter: Leaf | None = None
    value: Any = None
    shape: Distribution | None = None
    said: tuple[str, ...] = ()


def searched(name: str, config: Mapping[str, Any]) -> Searched:
    """The parameter that a W&B sweep describes.

    Raises:
        SpaceError: with the rule, the value and the remedy.

    Example:
        >>> searched("lr", {"min": 1, "max": 8}).parameter
        Int(low=1, high=8, log=False, step=1, prior=None)
        >>> searched("lr", {"distribution": "log_uniform_values", "min": 1e-5, "max": 0.1}).parameter.log
        True
    """
    kind = _kind(name, config)
    _known(name, kind, config)
    if kind == "constant":
        return Searched(value=config["value"])
    if kind.startswith("categorical"):
        return _options(name, config)
    said: list[str] = []
    number = {key: _number(name, key, config, said) for key in KEYS[kind]}
    low, high = number.get("min", 0.0), number.get("max", 1.0)
    if not low <= high:
        raise SpaceError(f"{name} needs min <= max, got min={low:g} and max={high:g}. Swap them.")
    if number.get("q", 1.0) <= 0:
        raise SpaceError(f"{name} needs q > 0, got q={number['q']:g}.")
    if kind in _EXPONENTS:
        low, high = _exponents(name, kind, low, high, said)
    if kind.endswith("log_uniform_values") and low <= 0:
        raise SpaceError(f"{name}: {kind} needs min > 0, got min={low:g}. Use a small positive bound.")
    if kind == "int_uniform":
        if low % 1 or high % 1:
            raise SpaceError(
                f"{name}: int_uniform needs whole bounds, got {low:g} and {high:g}. Use uniform."
            )
        return _found(None if low == high else Int(int(low), int(high)), int(low), None, said)
    if kind in {"uniform", "q_uniform"}:
        return _linear(low, high, number.get("q"), None, said)
    if "log_uniform" in kind:
        return _logarithmic(name, low, high, number.get("q"), said)
    return _unbounded(name, kind, number, said)


def _kind(name: str, config: Mapping[str, Any]) -> str:
    """The distribution that is named, or that the settings imply as W&B reads them."""
    given = config.get("distribution")
    if given is not None:
        if given not in KEYS:
            near = get_close_matches(str(given), KEYS, n=1)
            remedy = f"Did you mean {near[0]}?" if near else f"There are: {', '.join(KEYS)}."
            raise SpaceError(f"{name}: there is no distribution {shown(given)}. {remedy}")
        return str(given)
    if "value" in config:
        return "constant"
    if "values" in config:
        return "categorical_w_probabilities" if "probabilities" in config else "categorical"
    if "min" in config and "max" in config:
        whole = all(type(config[key]) is int for key in _BOUNDS)
        return "int_uniform" if whole else "uniform"
    if {"mu", "sigma"} & config.keys():
        raise SpaceError(
            f"{name} has mu or sigma and no distribution. Write distribution: normal or log_normal."
        )
    raise SpaceError(
        f"{name} needs value, values, min and max, or a distribution, got {shown(dict(config))}. Write {name}: {{min: 0.0, max: 1.0}}."
    )


def _known(name: str, kind: str, config: Mapping[str, Any]) -> None:
    needed = [key for key in KEYS[kind] if key not in _DEFAULTS]
    for key in needed:
        if key not in config:
            raise SpaceError(f"{name}: {kind} needs {' and '.join(needed)}, and {key} is missing.")
    for key in config:
        if key != "distribution" and key not in KEYS[kind]:
            raise SpaceError(
                f"{name}: {kind} takes {', '.join(KEYS[kind])}, got {key}={shown(config[key])}. Leave it out, or name another distribution."
            )


def _number(name: str, key: str, config: Mapping[str, Any], said: list[str]) -> float:
    value = config.get(key, _DEFAULTS.get(key))
    if isinstance(value, str):  # YAML 1.1 reads 1e-5, without a point, as text
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if math.isfinite(number):
            said.append(
                f"{name}: {key} is read as the number {number:g}. YAML has {value} as text: write {_pointed(value)}."
            )
            return number
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SpaceError(f"{name} needs {key} to be a finite number, got {shown(value)}.")
    return value


def _pointed(text: str) -> str:
    """A number as YAML 1.1 reads it."""
    digits, mark, exponent = text.lower().partition("e")
    digits = digits if "." in digits else f"{digits}.0"
    return digits + (f"{mark}{exponent if exponent[:1] in '+-' else '+' + exponent}" if mark else "")


def _exponents(name: str, kind: str, low: float, high: float, said: list[str]) -> tuple[float, float]:
    try:
        ends = (
            (math.exp(-high), math.exp(-low)) if kind.startswith("inv") else (math.exp(low), math.exp(high))
        )
    except OverflowError:
        ends = (0.0, math.inf)
    if not 0 < ends[0] <= ends[1] < math.inf:
        raise SpaceError(
            f"{name}: min and max of {kind} are exponents of e, and those of {low:g} and {high:g} are no numbers. To give the values "
            f"themselves, write {kind}_values."
        )
    said.append(
        f"{name}: min and max of {kind} are exponents of e, so it is searched from {ends[0]:g} to {ends[1]:g}. To give the values "
        f"themselves, write {kind}_values."
    )
    return ends


def _linear(
    low: float,
    high: float,
    q: float | None,
    shape: Distribution | None,
    said: Sequence[str],
    prior: float | None = None,
) -> Searched:
    """A range in steps of ``q``, whose ends are rounded to it."""
    if q is None:
        return _found(None if low == high else Float(low, high, prior=prior), low, shape, said)
    first, last = round(low / q), round(high / q)
    if float(q).is_integer():
        step = int(q)
        return _found(
            None if first == last else Int(first * step, last * step, step=step), first * step, shape, said
        )
    return _found(None if first == last else Float(first * q, last * q, step=q), first * q, shape, said)


def _logarithmic(name: str, low: float, high: float, q: float | None, said: list[str]) -> Searched:
    """A logarithmic range; danlu's parameters have a scale or a step, so of the two the one that the program needs is kept."""
    if q is None or low == high:
        return _found(None if low == high else Float(low, high, log=True), low, None, said)
    if q == 1 and round(low) >= 1:
        first, last = round(low), round(high)
        return _found(None if first == last else Int(first, last, log=True), first, None, said)
    return _stepped(name, low, high, q, Distribution("log_uniform", low, high), said)


def _stepped(
    name: str,
    low: float,
    high: float,
    q: float,
    shape: Distribution,
    said: list[str],
    prior: float | None = None,
) -> Searched:
    """Steps on a logarithmic scale: whole ones are kept, as the program may need them, others only round."""
    if float(q).is_integer():
        said.append(
            f"{name}: steps of {q:g} are searched on a linear scale, as danlu has a step or a logarithmic scale."
        )
        return _linear(low, high, q, shape, said)
    said.append(
        f"{name}: q={q:g} is left out, as danlu has a step or a logarithmic scale. Values are not rounded."
    )
    kept = shape if shape.kind != "log_uniform" else None
    return _found(Float(low, high, log=True, prior=prior), low, kept, said)


def _unbounded(name: str, kind: str, number: Mapping[str, float], said: list[str]) -> Searched:
    q = number.get("q")
    if kind.endswith("beta"):
        first, second = number["a"], number["b"]
        if min(first, second) <= 0:
            raise SpaceError(f"{name}: {kind} needs a > 0 and b > 0, got a={first:g} and b={second:g}.")
        even = first == second == 1
        return _linear(
            0.0, 1.0, q, None if even else Distribution("beta", first, second), said, first / (first + second)
        )
    mean, deviation = number["mu"], number["sigma"]
    if deviation < 0:
        raise SpaceError(f"{name}: {kind} needs sigma >= 0, got sigma={deviation:g}.")
    low, high = mean - DEVIATIONS * deviation, mean + DEVIATIONS * deviation
    if "log" not in kind:
        shape = Distribution("normal", mean, deviation)
        found = _linear(low, high, q, shape, said, mean)
    else:
        shape = Distribution("log_normal", mean, deviation)
        try:
            low, mean, high = math.exp(low), math.exp(mean), math.exp(high)
        except OverflowError:
            raise SpaceError(
                f"{name}: {kind} of mu={mean:g} and sigma={deviation:g} has no largest number."
            ) from None
        if q is None or low == high:
            found = _found(None if low == high else Float(low, high, log=True, prior=mean), low, shape, said)
        else:
            found = _stepped(name, low, high, q, shape, said, mean)
    if found.parameter is None:
        return found
    ends = f"{found.parameter.low:g} to {found.parameter.high:g}"  # type: ignore[union-attr]
    return found._replace(
        said=(*found.said, f"{name}: of {kind} the middle 99.7 % is searched, from {ends}.")
    )


def _options(name: str, config: Mapping[str, Any]) -> Searched:
    values, weights = config["values"], config.get("probabilities")
    if not isinstance(values, list) or not values:
        raise SpaceError(f"{name} needs values to be a list with something in it, got {shown(values)}.")
    if weights is not None:
        _weighed(name, values, weights)
    said = []
    distinct: dict[str, Any] = {}
    shares: dict[str, float] = {}
    for place, value in enumerate(values):
        key = f"{type(value).__name__} {json.dumps(value, sort_keys=True, default=str)}"
        distinct.setdefault(key, value)
        shares[key] = shares.get(key, 0.0) + (1 / len(values) if weights is None else weights[place])
    if len(distinct) < len(values):
        said.append(f"{name}: values that are there twice are one option.")
    if len(distinct) == 1:
        return Searched(value=values[0], said=tuple(said))
    options = list(distinct.values())
    if any(isinstance(value, dict) for value in options):
        choice = Choice({json.dumps(value): value for value in options})
    else:
        choice = Choice(options)
    even = len(set(shares.values())) == 1
    return Searched(
        choice, None, None if even else Distribution("weights", weights=tuple(shares.values())), tuple(said)
    )


def _weighed(name: str, values: Sequence[Any], weights: Any) -> None:
    fits = isinstance(weights, list) and len(weights) == len(values)
    numbers = fits and all(
        isinstance(each, int | float) and not isinstance(each, bool) and each >= 0 for each in weights
    )
    if not numbers or abs(sum(weights) - 1) > 1e-6:
        raise SpaceError(
            f"{name} needs a probability >= 0 for each of its {len(values)} values, 1 in all, got {shown(weights)}."
        )


def _found(parameter: Leaf | None, value: Any, shape: Distribution | None, said: Sequence[str]) -> Searched:
    """A range, or the one value that is in it."""
    return Searched(parameter, value, None if parameter is None else shape, tuple(said))
