"""What an objective gives back, in whatever form: metrics, curves, and facts that are no numbers.

Numbers, mappings, ``(loss, info)``, Keras's ``History``, a table's row: what can be read one way alone is taken so, and all
else is refused with the form to write. Nothing is dropped: entries that are no numbers are kept as facts.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, NamedTuple

from ..base.values import LARGEST_INT, legible, real, shown
from ..errors import ObjectiveError
from ..journal.written import DEEPEST
from ..problem.goal import Goal

DEFAULT = "value"
"""The metric of a goal that nobody named."""

_HYPEROPT = ("ok", "fail", "new", "running", "suspended")


class Returned(NamedTuple):
    """What was read: metrics, one list of values for each curve, facts, and what the objective says has failed."""

    metrics: dict[str, float]
    curves: dict[str, list[float]]
    facts: dict[str, Any]
    failed: str = ""


def returned_of(value: Any, goal: Goal) -> Returned:
    """Read what an objective returned.

    Raises:
        ObjectiveError: for what is not a metric, or could be read in more ways than one, with the form to write.

    Example:
        >>> from ..problem.goal import Goal
        >>> returned_of((0.25, {"epochs": 3, "note": "short"}), Goal.of(minimize="loss"))
        Returned(metrics={'loss': 0.25, 'epochs': 3.0}, curves={}, facts={'note': 'short'}, failed='')
    """
    if value is None:
        return Returned({}, {}, {})
    number = real(value)
    if number is not None:
        return Returned({_only(goal, value): number}, {}, {})
    entries = _entries(value)
    if entries is not None:
        return _mapping(entries, goal)
    if isinstance(value, tuple | list):
        return _several(value, goal)
    raise ObjectiveError(
        f"an objective has to return {_wanted(goal)}, got {shown(value)}. {_remedy(value, goal)}"
    )


def sorted_out(
    entries: Mapping[Any, Any], goal: Goal
) -> tuple[dict[str, float], dict[str, list[float]], dict[str, Any]]:
    """The entries of a mapping as numbers, curves and facts, those of inner mappings by ``outer/inner``.

    Raises:
        ObjectiveError: when a metric of the goal is none of the first two.
    """
    numbers: dict[str, float] = {}
    curves: dict[str, list[float]] = {}
    facts: dict[str, Any] = {}
    for name, value in _flat(entries, goal.names):
        number = real(value)
        curve = _curve(value) if number is None else None
        if number is not None:
            numbers[name] = number
        elif curve is not None:
            curves[name] = curve
        elif name in goal.names:
            raise ObjectiveError(
                f"the metric {name} needs a real number, got {shown(value)}. {_metric(name, value)}"
            )
        elif value is not None:
            facts[name] = fact(value)
    if not set(curves) & set(goal.names):  # lists beside a number are information, not training
        return numbers, {}, {**facts, **curves}
    return numbers, curves, facts


def counting(curves: Mapping[str, list[float]], goal: Goal) -> tuple[dict[str, list[float]], dict[str, Any]]:
    """The curves that share the goal's steps, and as facts those of other lengths, whose steps nobody knows."""
    length = next(
        (len(curves[name]) for name in goal.names if name in curves),
        max(map(len, curves.values()), default=0),
    )
    steps = {name: curve for name, curve in curves.items() if len(curve) == length}
    return steps, {name: curve for name, curve in curves.items() if name not in steps}


def fact(value: Any, depth: int = 0) -> Any:
    """Something as a journal keeps it: plain data as it is, all else, and what lies too deep, as the text it prints as."""
    if isinstance(value, str):
        return legible(value)
    if type(value) is int and abs(value) > LARGEST_INT:
        return shown(value)
    if value is None or isinstance(value, bool | int | float):
        return value
    number = real(value)
    if number is not None:
        return number
    if isinstance(value, Mapping) and depth < DEEPEST - 2:
        return {legible(str(name)): fact(item, depth + 1) for name, item in value.items()}
    if isinstance(value, list | tuple) and depth < DEEPEST - 2:
        return [fact(item, depth + 1) for item in value]
    return legible(shown(value, 200))


def nearest(wanted: str, given: Sequence[str]) -> str:
    """A question after the metric that was probably meant, '' where none is near.

    Example:
        >>> nearest("val_loss", ["valid_loss", "epoch"])
        " Did you mean 'valid_loss'?"
    """
    near = get_close_matches(wanted, given, n=1, cutoff=0.6) or [
        name for name in given if wanted in name.replace("/", "_").split("_")
    ]
    return f" Did you mean {near[0]!r}?" if near else ""


def _entries(value: Any) -> Mapping[Any, Any] | None:
    """The names and values of what has names: mappings, rows and frames, records, Keras's ``History``."""
    if isinstance(value, Mapping):
        return value
    if isinstance(getattr(value, "history", None), Mapping):
        history: Mapping[Any, Any] = value.history
        return history
    if hasattr(value, "_asdict"):
        named: Mapping[Any, Any] = value._asdict()
        return named
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if type(value).__module__.partition(".")[0] in ("pandas", "polars") and hasattr(value, "to_dict"):
        return _table(value)
    return None


def _table(value: Any) -> Mapping[Any, Any]:
    """A row's values, or a frame's columns as curves."""
    frame = hasattr(value, "columns")
    names = list(value.columns if frame else getattr(value, "index", ()))
    if names and all(isinstance(name, str) for name in names):
        return {name: value[name].tolist() if frame else value[name] for name in names}
    raise ObjectiveError(
        f"an objective has to return metrics by name, got a {type(value).__name__} without names. "
        "Return float(values.mean()) or {'loss': float(values.iloc[-1])}."
    )


def _mapping(entries: Mapping[Any, Any], goal: Goal) -> Returned:
    status = entries.get("status")
    hyperopt = isinstance(status, str) and status in _HYPEROPT and "status" not in goal.names
    if hyperopt and status == "fail":
        why = entries.get("reason", entries.get("exception", ""))
        return Returned({}, {}, {}, f"the objective returned status 'fail'{f': {why}' if why else ''}")
    numbers, curves, facts = sorted_out(entries, goal)
    if hyperopt and "loss" in numbers and goal.names == (DEFAULT,) and not goal.metrics[0].maximize:
        numbers.setdefault(DEFAULT, numbers["loss"])
    return Returned(numbers, curves, facts)


def _several(values: Sequence[Any], goal: Goal) -> Returned:
    """``(loss, info)`` for one goal; one number for each of several, where their order is known."""
    numbers = [real(value) for value in values]
    if len(values) == 2 and numbers[0] is not None and isinstance(values[1], Mapping):
        name = _only(goal, values)
        more = _mapping(values[1], goal)
        if more.metrics.get(name, numbers[0]) != numbers[0]:
            raise ObjectiveError(
                f"{name} was returned twice, as {numbers[0]!r} and as {more.metrics[name]!r}. Return it once."
            )
        return more._replace(metrics={name: numbers[0], **more.metrics})
    names = [metric.name for metric in goal.metrics]
    one_way = len({metric.maximize for metric in goal.metrics}) == 1
    if len(names) > 1 and one_way and len(values) == len(names) and None not in numbers:
        return Returned(
            {name: number for name, number in zip(names, numbers, strict=True) if number is not None}, {}, {}
        )
    order = (
        " As the goal minimizes and maximizes, their order is not known."
        if len(names) > 1 and not one_way
        else ""
    )
    raise ObjectiveError(
        f"an objective has to return {_wanted(goal)}, got {shown(values)}.{order} {_remedy(values, goal)}"
    )


def _flat(entries: Mapping[Any, Any], wanted: Sequence[str], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in entries.items():
        full = legible(f"{prefix}{name}")
        if isinstance(value, Mapping) and value:
            dotted = any(each.startswith(f"{full}.") for each in wanted)
            yield from _flat(value, wanted, f"{full}{'.' if dotted else '/'}")
        else:
            yield full, value


def _curve(value: Any) -> list[float] | None:
    """A list of numbers, one for each step; arrays are none, as they may be folds, classes or samples."""
    if not isinstance(value, list) or not value:
        return None
    numbers = [real(each) for each in value]
    return None if None in numbers else [number for number in numbers if number is not None]


def _only(goal: Goal, value: Any) -> str:
    """The metric that a number without a name stands for."""
    if len(goal.metrics) == 1:
        return goal.metrics[0].name
    raise ObjectiveError(
        f"an objective with several goals has to return a mapping with "
        f"{', '.join(metric.name for metric in goal.metrics)}, got {shown(value)}. {_remedy(value, goal)}"
    )


def _wanted(goal: Goal) -> str:
    if len(goal.metrics) > 1:
        return f"a mapping with {', '.join(metric.name for metric in goal.metrics)}"
    return "a real number or a mapping of metrics to real numbers"


def _metric(name: str, value: Any) -> str:
    if hasattr(value, "mean") and getattr(value, "size", 0) != 0:
        return f"Return float({name}.mean()), or {name}.tolist() for a curve of one value a step."
    return f"Return float({name})."


def _remedy(value: Any, goal: Goal) -> str:
    first = goal.metrics[0].name
    if isinstance(value, str | bytes | bool):
        return f"Return float({first}) or {{{first!r}: float({first})}}."
    if isinstance(value, type) or callable(value):
        return f"Call it, and return {{{first!r}: float({first})}}."
    if len(goal.metrics) > 1:
        return "Return {" + ", ".join(f"{metric.name!r}: ..." for metric in goal.metrics) + "}."
    if isinstance(value, list | tuple) or hasattr(value, "mean"):
        return (
            f"Return the one that counts, float({first}), or {{{first!r}: float({first}), 'other': ...}}; "
            f"for a curve of one value a step, {{{first!r}: [...]}}."
        )
    return f"Return float({first}) or {{{first!r}: float({first})}}."
