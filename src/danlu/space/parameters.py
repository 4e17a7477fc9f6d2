"""What can be tuned: ``Float``, ``Int``, ``Choice`` and ``Switch``.

A parameter is a frozen, validated set of settings with three pure verbs: ``encode`` takes a value
to a unit coordinate in [0, 1], ``decode`` takes a coordinate back to the nearest value, ``check``
raises a sentence when a value is out of range. ``decode(encode(v)) == v`` for every option, every
value on a step, and every integer of a range narrower than 2**50 (2**40 on a logarithmic scale); all
else comes back within rounding, which is why the journal keeps the values beside the coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import msgspec

from ..base.answering import Answering
from ..base.values import LARGEST_INT, Value, real, shown, unboxed
from ..errors import SpaceError
from .options import Choice, Switch

__all__ = ["Choice", "Float", "Int", "Leaf", "Switch"]


def _number(kind: str, name: str, value: object, *, whole: bool) -> None:
    fits = isinstance(value, int) if whole else isinstance(value, int | float)
    if isinstance(value, bool) or not fits:
        noun = "a whole number" if whole else "a number"
        raise SpaceError(f"{kind} needs {name} to be {noun}, got {name}={shown(value)}.")
    if real(value) in (math.inf, -math.inf) or value != value:
        raise SpaceError(
            f"{kind} needs a finite {name}, got {name}={shown(value)}. Use a large finite bound."
        )


class _FloatBounds(msgspec.Struct, frozen=True, metaclass=Answering):
    low: float
    high: float


class _IntBounds(msgspec.Struct, frozen=True, metaclass=Answering):
    low: int
    high: int


class Float(_FloatBounds, frozen=True, kw_only=True, tag="float", forbid_unknown_fields=True):
    """A real number between ``low`` and ``high``, both included.

    ``log`` searches on a logarithmic scale (needs ``low > 0``). ``step`` keeps only
    ``low, low + step, ...`` and has to divide the range; it excludes ``log``. ``prior`` is where the
    optimum is believed to be: it is the value of the first point of samplers that use priors.

    Raises:
        SpaceError: with the rule, the value and the remedy.

    Example:
        >>> Float(0, 1, step=0.1).decode(0.32)
        0.3
    """

    log: bool = False
    step: float | None = None
    prior: float | None = None

    def __post_init__(self) -> None:
        _unbox(self)
        _number("Float", "low", self.low, whole=False)
        _number("Float", "high", self.high, whole=False)
        if not self.low < self.high:
            raise SpaceError(
                f"Float needs low < high, got low={self.low!r}, high={self.high!r}. "
                "Swap them, or use a fixed value for a constant."
            )
        if self.log and self.low <= 0:
            raise SpaceError(
                f"Float(log=True) needs low > 0, got low={self.low!r}. "
                "Use a small positive bound or log=False."
            )
        if self.log and not math.log(self.high) > math.log(self.low):
            raise SpaceError(
                f"Float(log=True) needs bounds whose logarithms differ, got low={self.low!r}, "
                f"high={self.high!r}. Widen the range, or use log=False."
            )
        if not math.isfinite(self.high - self.low):
            raise SpaceError(f"Float needs high - low to be finite, got {self.low!r}..{self.high!r}.")
        msgspec.structs.force_setattr(self, "low", float(self.low))
        msgspec.structs.force_setattr(self, "high", float(self.high))
        if self.step is not None:
            _step_fits("Float", self.low, self.high, self.step, log=self.log)
        if self.prior is not None:
            msgspec.structs.force_setattr(self, "prior", self.check("prior", self.prior))

    @property
    def size(self) -> float:
        """The number of distinct values: infinite unless there is a step."""
        return math.inf if self.step is None else round((self.high - self.low) / self.step) + 1

    def encode(self, value: Value) -> float:
        """The unit coordinate of ``value``."""
        return self.encoder()(value)

    def decode(self, unit: float) -> float:
        """The value at coordinate ``unit``, on the nearest step if there is one."""
        return self.decoder()(unit)

    def encoder(self) -> Callable[[Value], float]:
        """``encode`` with its constants worked out once."""
        low, width = self.low, self.high - self.low
        if not self.log:
            return lambda value: min(1.0, max(0.0, (value - low) / width))
        log, bottom, span = math.log, math.log(low), math.log(self.high) - math.log(low)
        return lambda value: min(1.0, max(0.0, (log(value) - bottom) / span))

    def decoder(self) -> Callable[[float], float]:
        """``decode`` with its constants worked out once; the prior comes back without a rounding error."""
        if self.prior is None:
            return self._decoder()
        prior, at, plain = self.prior, self.encode(self.prior), self._decoder()
        return lambda unit: prior if unit == at else plain(unit)

    def _decoder(self) -> Callable[[float], float]:
        low, high, step, width = self.low, self.high, self.step, self.high - self.low
        if self.log:
            exp, bottom, span = math.exp, math.log(low), math.log(high) - math.log(low)
            return lambda unit: (
                high
                if unit >= 1.0
                else low
                if unit <= 0.0
                else min(high, max(low, exp(bottom + unit * span)))
            )
        if step is None:
            return lambda unit: high if unit >= 1.0 else min(high, max(low, low + unit * width))
        last, grain = round(width / step), step
        return lambda unit: _on_step(low, high, grain, min(last, max(0, round(unit * last))))

    def check(self, name: str, value: Value) -> float:
        """Return ``value`` as a float, or raise if it is not a number in the range."""
        value = unboxed(value)
        if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
            raise SpaceError(
                f"{name} needs a number between {self.low!r} and {self.high!r}, got {shown(value)}."
            )
        if not self.low <= value <= self.high:
            raise SpaceError(
                f"{name} needs a value between {self.low!r} and {self.high!r}, got {shown(value)}. "
                "Use a value in the range, or widen the range."
            )
        return float(value)


class Int(_IntBounds, frozen=True, kw_only=True, tag="int", forbid_unknown_fields=True):
    """A whole number between ``low`` and ``high``, both included.

    ``log`` and ``step`` are as in ``Float``; every integer owns an equal share of the unit interval
    (an equal share of the log scale under ``log``).

    Raises:
        SpaceError: with the rule, the value and the remedy.

    Example:
        >>> [Int(2, 4).decode(u) for u in (0.0, 0.5, 1.0)]
        [2, 3, 4]
    """

    log: bool = False
    step: int = 1
    prior: int | None = None

    def __post_init__(self) -> None:
        _unbox(self)
        for name in ("low", "high", "step"):
            _number("Int", name, getattr(self, name), whole=True)
        if not self.low < self.high:
            raise SpaceError(
                f"Int needs low < high, got low={self.low!r}, high={self.high!r}. "
                "Swap them, or use a fixed value for a constant."
            )
        if max(abs(self.low), abs(self.high)) > LARGEST_INT:
            raise SpaceError(f"Int needs bounds below 2**63, got {self.low!r}..{self.high!r}. Use Float.")
        if self.log and self.low <= 0:
            raise SpaceError(
                f"Int(log=True) needs low > 0, got low={self.low!r}. Use a positive bound or log=False."
            )
        if self.step != 1 or self.step < 1:
            _step_fits("Int", self.low, self.high, self.step, log=self.log)
        if self.prior is not None:
            msgspec.structs.force_setattr(self, "prior", self.check("prior", self.prior))

    @property
    def size(self) -> int:
        """The number of distinct values."""
        return (self.high - self.low) // self.step + 1

    def encode(self, value: Value) -> float:
        """The middle of the share of the unit interval that ``value`` owns."""
        return self.encoder()(value)

    def decode(self, unit: float) -> int:
        """The integer that owns coordinate ``unit``."""
        return self.decoder()(unit)

    def encoder(self) -> Callable[[Value], float]:
        """``encode`` with its constants worked out once."""
        low, step, size = self.low, self.step, self.size
        if not self.log:
            return lambda value: ((value - low) // step + 0.5) / size
        log1p, bottom = math.log1p, low - 0.5
        span = log1p((self.high - low + 1) / bottom)
        return lambda value: log1p((value - low + 0.5) / bottom) / span

    def decoder(self) -> Callable[[float], int]:
        """``decode`` with its constants worked out once."""
        low, high, step, size = self.low, self.high, self.step, self.size
        if not self.log:
            return lambda unit: low + min(size - 1, max(0, int(unit * size))) * step
        expm1, bottom = math.expm1, low - 0.5
        span = math.log1p((high - low + 1) / bottom)
        return lambda unit: low + min(high - low, max(0, round(bottom * expm1(unit * span) - 0.5)))

    def check(self, name: str, value: Value) -> int:
        """Return ``value`` if it is an integer in the range and on the step, or raise."""
        value = unboxed(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise SpaceError(
                f"{name} needs a whole number between {self.low} and {self.high}, got {shown(value)}."
            )
        if not self.low <= value <= self.high:
            raise SpaceError(
                f"{name} needs a value between {self.low} and {self.high}, got {shown(value)}. "
                "Use a value in the range, or widen the range."
            )
        if (value - self.low) % self.step:
            raise SpaceError(
                f"{name} needs a value on its step ({self.low}, {self.low + self.step}, ...), got {shown(value)}."
            )
        return value


Leaf: TypeAlias = Float | Int | Choice
"""A parameter that owns one unit coordinate."""


def _unbox(parameter: Float | Int) -> None:
    """Bounds, step, prior and log as Python's own values, where numpy's were given.

    Raises:
        SpaceError: for a log that is neither True nor False.
    """
    for name in ("low", "high", "step", "prior", "log"):
        value = getattr(parameter, name)
        if type(value) not in (int, float, bool):
            msgspec.structs.force_setattr(parameter, name, unboxed(value))
    if not isinstance(parameter.log, bool):
        raise SpaceError(
            f"{type(parameter).__name__} needs log=True or log=False, got log={shown(parameter.log)}. A logarithmic scale has no base."
        )


def levels(parameter: Float | Int | Choice) -> list[float]:
    """The coordinates of all values of a parameter that has finitely many, rising.

    Example:
        >>> spread = Int(1, 8, log=True)  # shares of the unit interval that grow smaller
        >>> [spread.decode(unit) for unit in levels(spread)]
        [1, 2, 3, 4, 5, 6, 7, 8]
    """
    if isinstance(parameter, Int) and parameter.log:
        encode = parameter.encoder()
        return [encode(value) for value in range(parameter.low, parameter.high + 1)]
    size = int(parameter.size)
    return [(position + 0.5) / size for position in range(size)]


def _step_fits(kind: str, low: float, high: float, step: float, *, log: bool) -> None:
    _number(kind, "step", step, whole=False)
    if log:
        raise SpaceError(f"{kind} takes log=True or step={step!r}, not both. Drop one of them.")
    if step <= 0:
        raise SpaceError(f"{kind} needs step > 0, got step={step!r}.")
    count = (high - low) / step
    if not math.isfinite(count):
        raise SpaceError(
            f"{kind} needs a step that divides high - low, got step={step!r}, which is too small. Use a larger one."
        )
    if round(count) < 1 or abs(count - round(count)) > 1e-9 * max(1.0, count):
        fitting = low + step * max(1, math.floor(count))
        raise SpaceError(
            f"{kind} needs a step that divides high - low, got low={low!r}, high={high!r}, step={step!r}. "
            f"Use high={fitting!r} or another step."
        )


def _on_step(low: float, high: float, step: float, count: int) -> float:
    """``low + count * step`` without the dust of binary arithmetic: 0.3 rather than 0.30000000000000004."""
    value = low + count * step
    rounded = float(f"{value:.15g}")
    near = rounded if abs(rounded - value) <= 4 * math.ulp(max(abs(value), abs(low), abs(high))) else value
    return min(high, max(low, near))
