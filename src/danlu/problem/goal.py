"""What a study is after: one or several metrics, targets, and limits that metrics must keep.

Users speak of metrics with their own sign; inside, every metric is a loss to be minimized. The door
between the two is here and nowhere else.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, overload

import msgspec

from ..base.answering import Settings
from ..base.values import legible, real, shown
from ..errors import GoalError, ObjectiveError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

At = Literal["best", "last"]


class Metric(msgspec.Struct, frozen=True):
    """One metric of the goal; reaching ``target`` ends the study."""

    name: str
    maximize: bool = False
    target: float | None = None

    @overload
    def loss(self, value: float) -> float: ...
    @overload
    def loss(self, value: Floats) -> Floats: ...
    def loss(self, value: float | Floats) -> float | Floats:
        """``value``, one or an array, as a loss: smaller is better."""
        return -value if self.maximize else value

    @overload
    def value(self, loss: float) -> float: ...
    @overload
    def value(self, loss: Floats) -> Floats: ...
    def value(self, loss: float | Floats) -> float | Floats:
        """The value that a loss, one or an array, stands for, in the user's own sign.

        Example:
            >>> Metric("accuracy", maximize=True).value(-0.75)
            0.75
        """
        return self.loss(loss)  # turning round twice is leaving as it was

    @property
    def worst(self) -> float:
        """The infinite value that any other is better than."""
        return self.value(math.inf)

    def better(self, value: float, than: float) -> bool:
        """Whether one value is better than another; never where one is NaN.

        Example:
            >>> Metric("accuracy", maximize=True).better(0.75, 0.5)
            True
        """
        return self.loss(value) < self.loss(than)

    def best(self, values: Iterable[float]) -> float:
        """The best of several values; those that are not finite do not count, NaN where none is left.

        Example:
            >>> Metric("accuracy", maximize=True).best([0.5, float("inf"), 0.75, float("nan")])
            0.75
        """
        return min((value for value in values if math.isfinite(value)), key=self.loss, default=math.nan)

    def rank(self, value: float) -> float:
        """What values are sorted by: the best first, what is not known last.

        Example:
            >>> sorted([0.5, float("nan"), 0.75], key=Metric("accuracy", maximize=True).rank)
            [0.75, 0.5, nan]
        """
        return math.inf if math.isnan(value) else self.loss(value)


class Limit(msgspec.Struct, frozen=True):
    """A metric that has to stay at or below (``below=True``), or at or above, a bound."""

    name: str
    bound: float
    below: bool = True

    def excess(self, value: float) -> float:
        """How far ``value`` is on the wrong side of the bound; 0 when the limit is kept."""
        over = self.slack(value)
        return math.inf if math.isnan(over) else max(0.0, over)

    @overload
    def slack(self, value: float) -> float: ...
    @overload
    def slack(self, value: Floats) -> Floats: ...
    def slack(self, value: float | Floats) -> float | Floats:
        """How far ``value``, one or an array, is beyond the bound; negative where the limit is kept.

        Example:
            >>> Limit("latency", 20.0).slack(25.0), Limit("accuracy", 0.5, below=False).slack(0.75)
            (5.0, -0.25)
        """
        return value - self.bound if self.below else self.bound - value


class Goal(Settings, frozen=True):
    """The metrics to optimize and the limits to keep.

    ``at`` says which report of a curve counts when the objective returns nothing: the ``"best"`` one
    of the first metric, or the ``"last"``.

    Example:
        >>> goal = Goal.of(minimize="val_loss", limits=["latency <= 20"])
        >>> goal.losses({"val_loss": 0.3, "latency": 25}), goal.violation({"latency": 25})
        ((0.3,), 5.0)
    """

    metrics: tuple[Metric, ...]
    limits: tuple[Limit, ...] = ()
    at: At = "best"

    @classmethod
    def of(
        cls,
        *,
        minimize: str | Sequence[str] = (),
        maximize: str | Sequence[str] = (),
        target: float | Mapping[str, float] | None = None,
        limits: Sequence[str] = (),
        at: At = "best",
    ) -> Goal:
        """A goal from the words of ``danlu.tune``; with no metric named, ``value`` is minimized.

        Raises:
            GoalError: for a metric named twice, an unknown target, or a limit that is not
                ``"metric <= number"`` or ``"metric >= number"``.

        Example:
            >>> Goal.of(maximize="accuracy", target=0.99).metrics
            (Metric(name='accuracy', maximize=True, target=0.99),)
        """
        small, large = _names(minimize), _names(maximize)
        names = [*small, *large] or ["value"]
        for name in names:
            if names.count(name) > 1:
                raise GoalError(f"a goal needs each metric once, got {name!r} twice.")
        if at not in ("best", "last"):
            raise GoalError(f"at needs 'best' or 'last', got {at!r}.")
        aims = _targets(target, names)
        metrics = tuple(Metric(name, name in large, aims.get(name)) for name in names)
        return cls(
            metrics, tuple(_limit(text) for text in ([limits] if isinstance(limits, str) else limits)), at
        )

    @property
    def names(self) -> tuple[str, ...]:
        """The metrics every finished trial has to have."""
        return tuple(m.name for m in self.metrics) + tuple(m.name for m in self.limits)

    def losses(self, values: Mapping[str, float]) -> tuple[float, ...]:
        """One loss for each metric, NaN where it is missing."""
        if len(self.metrics) == 1:
            metric = self.metrics[0]
            return (metric.loss(values.get(metric.name, math.nan)),)
        return tuple(metric.loss(values.get(metric.name, math.nan)) for metric in self.metrics)

    def slacks(self, values: Mapping[str, float]) -> tuple[float, ...]:
        """For each limit how far the metric is beyond the bound, negative where the limit is kept."""
        return tuple(limit.slack(values.get(limit.name, math.nan)) for limit in self.limits)

    def violation(self, values: Mapping[str, float]) -> float:
        """The summed excess over all limits; 0 when all are kept."""
        if not self.limits:
            return 0.0
        return sum((limit.excess(values.get(limit.name, math.nan)) for limit in self.limits), 0.0)

    def reached(self, values: Mapping[str, float]) -> bool:
        """Whether every target is reached with every limit kept; False without targets."""
        aims = [metric for metric in self.metrics if metric.target is not None]
        return bool(aims) and not self.violation(values) and all(_reaches(aim, values) for aim in aims)

    def missing(self, values: Mapping[str, float]) -> tuple[str, ...]:
        """The names of the goal that ``values`` lacks."""
        return tuple(name for name in self.names if name not in values)


def metrics_of(returned: Any, goal: Goal) -> dict[str, float]:
    """What an objective returned, as metrics by name.

    Raises:
        ObjectiveError: when it is neither a real number nor a mapping of names to real numbers.

    Example:
        >>> metrics_of(0.25, Goal.of(minimize="loss"))
        {'loss': 0.25}
    """
    numbers = numbers_of(returned)
    if isinstance(numbers, dict):
        return numbers
    if len(goal.metrics) > 1:
        names = ", ".join(metric.name for metric in goal.metrics)
        raise ObjectiveError(
            f"an objective with several goals has to return a mapping with {names}, got {returned!r}."
        )
    return {goal.metrics[0].name: numbers}


def numbers_of(returned: Any) -> float | dict[str, float]:
    """What an objective returned as plain numbers: numpy scalars and one-element tensors opened.

    Raises:
        ObjectiveError: when it is neither a real number nor a mapping of names to real numbers.
    """
    if isinstance(returned, Mapping):
        return {legible(str(name)): _real(value, f"for {name!r}") for name, value in returned.items()}
    return _real(returned, "")


def _real(value: Any, where: str) -> float:
    number = real(value)
    if number is None:
        raise ObjectiveError(
            f"an objective has to return a real number or a mapping of metrics to real numbers, "
            f"got {shown(value)} {where}".rstrip()
            + ". Return float(loss) or {'loss': float(loss)}."
        )
    return number


def _names(given: Any) -> list[str]:
    if not isinstance(given, Iterable):
        raise GoalError(
            f"a goal is the name of a metric, minimize='loss', or a list of names, got {given!r}."
        )
    names: list[str] = [given] if isinstance(given, str) else list(given)
    for name in names:
        if not isinstance(name, str) or not name:
            raise GoalError(f"a metric needs a name that is a non-empty string, got {name!r}.")
        if legible(name) != name:
            raise GoalError(
                f"a metric needs a name that can be written as UTF-8, got {name!r}. Name it otherwise."
            )
    return names


def _targets(target: float | Mapping[str, float] | None, names: Sequence[str]) -> dict[str, float]:
    if target is None:
        return {}
    aims = dict(target) if isinstance(target, Mapping) else {names[0]: target}
    for name, value in aims.items():
        if name not in names:
            raise GoalError(f"a target needs a metric of the goal ({', '.join(names)}), got {name!r}.")
        if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
            raise GoalError(f"the target of {name} needs to be a number, got {shown(value)}.")
    return {name: float(value) for name, value in aims.items()}


def _limit(text: str) -> Limit:
    match = re.fullmatch(r"\s*(\S.*?)\s*(<=|>=)\s*(\S+)\s*", text)
    try:
        if match:
            return Limit(match[1], float(match[3]), below=match[2] == "<=")
    except ValueError:
        pass
    raise GoalError(f"a limit on a metric reads 'metric <= number' or 'metric >= number', got {text!r}.")


def _reaches(aim: Metric, values: Mapping[str, float]) -> bool:
    return aim.target is not None and aim.loss(values.get(aim.name, math.nan)) <= aim.loss(aim.target)
