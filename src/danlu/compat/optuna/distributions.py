"""Optuna's distributions as danlu's parameters, and the way back."""

from __future__ import annotations

from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from ...base.values import typed_key
from ...errors import SpaceError
from ...space.parameters import Choice, Float, Int, Leaf
from ..naming import words_of


def parameter_of(distribution: BaseDistribution) -> Leaf | None:
    """The parameter that a distribution is; None for a single value, and for a range that danlu does not search.

    Categories that no journal keeps are options by name.

    Example:
        >>> parameter_of(FloatDistribution(1e-5, 0.1, log=True))
        Float(low=1e-05, high=0.1, log=True, step=None, prior=None)
        >>> parameter_of(CategoricalDistribution(("a", "b", "a")))
        Choice(['a', 'b', 'a (2)'])
        >>> parameter_of(IntDistribution(1, 1)) is None
        True
    """
    if distribution.single():
        return None
    try:
        if isinstance(distribution, FloatDistribution):
            return Float(distribution.low, distribution.high, log=distribution.log, step=distribution.step)
        if isinstance(distribution, IntDistribution):
            return Int(distribution.low, distribution.high, log=distribution.log, step=distribution.step)
        if isinstance(distribution, CategoricalDistribution):
            return _options(distribution.choices)
    except SpaceError:
        return None
    return None


def _options(choices: tuple[Any, ...]) -> Choice:
    if all(each is None or type(each) in (bool, int, float, str) for each in choices):
        try:
            return Choice(list(choices))
        except SpaceError:  # one twice
            pass
    return Choice(words_of(choices))


def distribution_of(parameter: Leaf) -> BaseDistribution:
    """The distribution that a parameter is.

    Example:
        >>> distribution_of(Int(2, 8, step=2))
        IntDistribution(high=8, log=False, low=2, step=2)
    """
    if isinstance(parameter, Choice):
        return CategoricalDistribution(tuple(parameter.values))
    if isinstance(parameter, Int):
        return IntDistribution(parameter.low, parameter.high, log=parameter.log, step=parameter.step)
    return FloatDistribution(parameter.low, parameter.high, log=parameter.log, step=parameter.step)


def value_of(distribution: BaseDistribution, parameter: Leaf, internal: float) -> Any:
    """What danlu calls the value for which Optuna keeps this number.

    Example:
        >>> found = CategoricalDistribution(("a", "b"))
        >>> value_of(found, parameter_of(found), 1.0)
        'b'
    """
    if isinstance(parameter, Choice):
        return parameter.values[int(internal)]
    return distribution.to_external_repr(internal)


def theirs(distribution: BaseDistribution, parameter: Leaf, value: Any) -> Any:
    """What Optuna calls a value of danlu's; the inverse of ``value_of``."""
    if isinstance(parameter, Choice) and isinstance(distribution, CategoricalDistribution):
        keys = [typed_key(each) for each in parameter.values]
        return distribution.choices[keys.index(typed_key(value))]
    return value


EDGE = 1e-9
"""This share of a range lies between its end and the outermost value that is proposed."""


def inside(distribution: BaseDistribution, value: Any) -> Any:
    """A value that is proposed, off the ends of a linear range: Optuna's own samplers never come to them, and code relies on that.

    Example:
        >>> inside(FloatDistribution(0, 1), 0.0), inside(FloatDistribution(0, 1, step=0.5), 0.0)
        (1e-09, 0.0)
    """
    if not isinstance(distribution, FloatDistribution) or distribution.log or distribution.step is not None:
        return value
    edge = EDGE * (distribution.high - distribution.low)
    return min(max(value, distribution.low + edge), distribution.high - edge)


def is_kept(distribution: BaseDistribution, parameter: Leaf | None) -> bool:
    """Whether a distribution can be read back from its parameter to the last bit.

    Example:
        >>> odd = CategoricalDistribution(("a", "b", "a"))
        >>> is_kept(FloatDistribution(0, 1), Float(0, 1)), is_kept(odd, parameter_of(odd))
        (True, False)
    """
    return parameter is not None and repr(distribution_of(parameter)) == repr(distribution)
