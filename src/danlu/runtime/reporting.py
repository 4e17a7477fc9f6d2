"""What a report says: its step, its metrics and facts, in the forms that people write them."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Integral
from typing import Any

from ..base.values import LARGEST_INT, legible, real, shown, unboxed
from ..errors import ObjectiveError, ReportError
from ..journal.written import DEEPEST, encodable
from ..problem.goal import Goal
from .returned import sorted_out

LARGEST_STEP = 2**53
"""The largest step of a report: up to here JSON, float64 and every page tell whole numbers apart."""


def parsed(
    step: Any, value: Any, metrics: Mapping[str, Any], goal: Goal | None
) -> tuple[int | None, dict[str, Any]]:
    """The step and the metrics of a report, however they were given; None for a step that was left out.

    Raises:
        ReportError: for what can be read in two ways.

    Example:
        >>> from ..problem.goal import Goal
        >>> parsed(3, 0.5, {}, Goal.of(minimize="loss")), parsed({"loss": 0.5}, None, {}, None)
        ((3, {'loss': 0.5}), (None, {'loss': 0.5}))
    """
    given = dict(metrics)
    if isinstance(step, Mapping):
        step, value = value, step
    if isinstance(value, Mapping):
        given, value = {**{str(name): each for name, each in value.items()}, **given}, None
    if "step" in given and "step" not in (goal.names if goal else ()):
        if step is not None:
            raise ReportError(
                f"a report has one step, got {step!r} and step={given['step']!r}. Leave one out."
            )
        step = given.pop("step")
    if value is not None:
        given[_unnamed(step, value, goal)] = value
    elif step is not None and not given:
        if real(step) is None:
            raise ReportError(
                f"a report needs at least one metric, got {step!r} alone. Write trial.report(step, loss=...)."
            )
        raise ReportError(
            f"a report needs at least one metric, and {step!r} alone can be a step or a value. "
            "Write trial.report(step, loss=...), or trial.report(loss=...) for the next step."
        )
    elif not given:
        raise ReportError("a report needs at least one metric. Write trial.report(step, loss=...).")
    return None if step is None else whole(step), {legible(str(name)): each for name, each in given.items()}


def _unnamed(step: Any, value: Any, goal: Goal | None) -> str:
    """The metric that a value without a name belongs to."""
    if goal is None or len(goal.metrics) != 1:
        names = ", ".join(metric.name for metric in goal.metrics) if goal else "a goal of its own"
        raise ReportError(
            f"a value without a name needs a study of one goal, and this one has {names}. "
            "Write trial.report(step, loss=..., accuracy=...)."
        )
    name = goal.metrics[0].name
    if step is not None and not isinstance(step, Integral):
        raise ReportError(
            f"a report needs a step that is a whole number >= 0 before its value, got {step!r}. "
            f"Write trial.report(step, {name}=...)."
        )
    if isinstance(value, Integral):
        raise ReportError(
            f"two whole numbers, {step!r} and {value!r}, can be a step and a value or the other way round. "
            f"Write trial.report({step!r}, {name}={value!r})."
        )
    return name


def numbers(given: Mapping[str, Any], goal: Goal | None) -> tuple[dict[str, float], dict[str, Any]]:
    """Metrics that are numbers, and what is none beside them and that no goal names.

    Raises:
        ReportError: for a metric that is not a number.
    """
    if goal is None:
        return {name: _number(name, value) for name, value in given.items()}, {}
    try:
        found, curves, facts = sorted_out(given, goal)
    except ObjectiveError as error:
        raise ReportError(str(error).replace("Return", "Report")) from None
    if curves:
        name = next(iter(curves))
        raise ReportError(f"the metric {name} needs a real number, got {curves[name]!r}. Report {name}[-1].")
    if not found:
        return {name: _number(name, value) for name, value in given.items()}, {}
    return found, facts


def whole(step: Any, what: str = "a report") -> int:
    """A step as the whole number that it is.

    Raises:
        ReportError: when it is none, or beyond what every reader tells apart.

    Example:
        >>> whole(3.0)
        3
    """
    number = real(step)
    if number is None or not number >= 0 or number % 1 > 0:
        raise ReportError(f"{what} needs a step that is a whole number >= 0, got {shown(step)}.")
    if number > LARGEST_STEP or int(step) > LARGEST_STEP:
        raise ReportError(f"{what} needs a step of 2**53 at most, got {shown(step)}.")
    return int(step)


def plain_fact(value: Any, depth: int = 0) -> Any:
    """A fact as a journal keeps it.

    Raises:
        ReportError: when no journal can.
    """
    value = unboxed(value)
    if type(value) is int and abs(value) > LARGEST_INT:
        raise ReportError(
            f"trial.log keeps whole numbers below 2**63, got {shown(value)}. Log hex(value) or float(value)."
        )
    if value is None or type(value) in (bool, int, float):
        return value
    if type(value) is str:
        return _written(value)
    if depth >= DEEPEST - 2:
        raise ReportError(
            f"trial.log keeps lists and dicts up to {DEEPEST} deep in each other, got a deeper one. Log str(value)."
        )
    if isinstance(value, Mapping):
        return {_written(str(name)): plain_fact(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain_fact(item, depth + 1) for item in value]
    raise ReportError(
        f"trial.log keeps None, bools, numbers, strings, lists and dicts, got {shown(value)}. Log str(value)."
    )


def _written(text: str) -> str:
    if text.isascii() or encodable(text):
        return text
    raise ReportError(
        f"trial.log keeps text that can be written as UTF-8, got {shown(text)}. "
        "Replace its half characters: text.encode(errors='replace').decode()."
    )


def _number(name: str, value: Any) -> float:
    number = real(value)
    if number is None:
        raise ReportError(f"the metric {name} needs a real number, got {shown(value)}. Report float({name}).")
    return number
