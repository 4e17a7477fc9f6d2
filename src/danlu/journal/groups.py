"""Configurations in several contexts: what the trials of each have come to together.

A configuration is known by its first trial (``members.py``). It counts by the mean over its trials once it has one in every
context of the study, and only then can it be the best. One that was given up before, by a judgment or because a trial of it
failed or was stopped, is over too: samplers learn from what it has, and it is never the best.

Some folds are harder than others, for every configuration. A context's effect is how far losses there are from their
configuration's mean, on average over the configurations that have been evaluated in all contexts (the additive model of a two-way
layout). What a configuration has come to in some of the contexts is compared with others after their effects are taken out, and
only what is left then counts as noise.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from .events import Status
from .members import Members

if TYPE_CHECKING:
    from .definition import Definition
    from .reports import Reports
    from .rows import Row, Rows


class Group(NamedTuple):
    """What the trials of a configuration have come to.

    Attributes:
        trials: the finished ones, in the order they were asked.
        metrics: means over them.
        spread: standard deviations over them (n - 1), 0 of one.
        errors: the same of what is left without the contexts' own effects; a metric of which that is not known yet is missing.
        losses: minimized means of the goal's metrics, as they would be over all contexts; None when a trial failed or none has
            finished.
        violation: summed excess of the means over the goal's limits.
        reports: how many reports the study had when the configuration was over.
        whole: whether it has been evaluated in every context.
    """

    trials: tuple[int, ...]
    metrics: dict[str, float]
    spread: dict[str, float]
    errors: dict[str, float]
    losses: tuple[float, ...] | None
    violation: float
    reports: int
    whole: bool


class ContextEffects:
    """How far each context is from the mean, for each metric, on average over configurations that were evaluated in all of them."""

    def __init__(self) -> None:
        self._sums: dict[str, dict[str, float]] = {}
        self._counts: dict[str, int] = {}

    def add(self, name: str, values: dict[str, float], mean: float) -> None:
        """One more configuration: its values by context, and their mean."""
        sums = self._sums.setdefault(name, {})
        for context, value in values.items():
            sums[context] = sums.get(context, 0.0) + value - mean
        self._counts[name] = self.seen(name) + 1

    def seen(self, name: str) -> int:
        """How many configurations were looked at."""
        return self._counts.get(name, 0)

    def of(self, name: str, context: str) -> float:
        """A context's effect, 0 where nothing is known of it."""
        return self._sums.get(name, {}).get(context, 0.0) / max(1, self.seen(name))


class Groups:
    """The configurations of a study that are evaluated in contexts, and what they have come to.

    Attributes:
        members: which trials are of one configuration.
        over: those that are over, in the order in which they were.
        given_up: why a judgment ended a configuration, by its first trial.
        pending: those that are not over, or may be tried in contexts that were added since, in the order of their first trials.
        revised: how often what a configuration had come to was replaced, as it was evaluated in more contexts.
    """

    def __init__(self, definition: Definition, rows: Rows, reports: Reports) -> None:
        self.members = Members(rows)
        self.over: dict[int, Group] = {}
        self.given_up: dict[int, str] = {}
        self.pending: dict[int, None] = {}
        self.revised = 0
        self._effects = ContextEffects()
        self._definition, self._rows, self._reports = definition, rows, reports

    def __bool__(self) -> bool:
        return bool(self.members)

    def add(self, number: int, row: Row) -> None:
        """A trial was asked in a context.

        Raises:
            ValueError: when it is said to be of a configuration that there is not.
        """
        self.pending[self.members.add(number, row)] = None

    def losses(self, head: int) -> dict[str, float]:
        """The first goal's loss by context, where a trial of the configuration has been trained to its end."""
        rows = self._rows
        return {
            self.members.key(number): losses[0]
            for number in self.members.counting(head)
            if (losses := rows[number].losses) is not None and rows[number].status is Status.DONE
        }

    def settle(self, head: int) -> Group | None:
        """Look whether a configuration is over; what it has come to if so. Until then what it came to in fewer contexts stands."""
        numbers = self.members.counting(head)
        rows = [self._rows[number] for number in numbers]
        short = head in self.given_up or any(
            row.status is Status.FAILED or (row.status is Status.STOPPED and number in self._rows.cut)
            for number, row in zip(numbers, rows, strict=True)
        )
        if (
            not rows
            or any(row.status < Status.DONE for row in rows)
            or (not short and self.members.missing(head))
        ):
            self.pending[head] = None
            return None
        self.pending.pop(head, None)
        done = [number for number, row in zip(numbers, rows, strict=True) if row.losses is not None]
        metrics, spread = self._statistics(done)
        sound = bool(done) and not any(row.status is Status.FAILED for row in rows)
        if head in self.over:
            self.revised += 1
            del self.over[head]
            self._effects = ContextEffects()
            for each in self.over.values():
                self._learn(each)
        adjusted = self._adjusted(done, metrics) if sound and short else metrics
        found = Group(
            tuple(done), metrics, spread, {}, self._definition.goal.losses(adjusted) if sound else None,
            self._definition.goal.violation(adjusted) if sound else 0.0, len(self._reports), whole=not short,
        )  # fmt: skip
        self._learn(found)
        found = found._replace(errors=self._errors(found))
        self.over[head] = found
        return found

    def _values(self, numbers: Sequence[int], name: str) -> dict[str, float]:
        rows = self._rows
        return {
            self.members.key(number): (rows[number].metrics or {}).get(name, math.nan) for number in numbers
        }

    def _learn(self, found: Group) -> None:
        """What a configuration that has been evaluated everywhere says of the contexts."""
        if found.whole and found.losses is not None and len(found.trials) > 1:
            for name, mean in found.metrics.items():
                self._effects.add(name, self._values(found.trials, name), mean)

    def _adjusted(self, numbers: Sequence[int], metrics: dict[str, float]) -> dict[str, float]:
        """Means as they would be over all contexts."""
        return {
            name: mean - _mean([self._effects.of(name, context) for context in self._values(numbers, name)])
            for name, mean in metrics.items()
        }

    def _errors(self, found: Group) -> dict[str, float]:
        """Standard deviations of what is left of a configuration's values without its mean and its contexts' effects."""
        known: dict[str, float] = {}
        for name in found.metrics:
            seen, values = self._effects.seen(name), self._values(found.trials, name)
            if seen > 1 and len(values) > 1:
                left = [value - self._effects.of(name, context) for context, value in values.items()]
                own = seen / (seen - 1) if found.whole else 1.0  # the effects contain its own values
                known[name] = deviation(left, _mean(left)) * math.sqrt(own)
        return known

    def reconsider(self) -> None:
        """The study's contexts have changed: more may be due, or fewer."""
        self.members.expect(self._definition.contexts)
        for head in self.members:
            if head not in self._rows.aside:
                self.settle(head)

    def drop(self, heads: Iterable[int]) -> None:
        """These were set aside."""
        for head in heads:
            self.over.pop(head, None)
            self.pending.pop(head, None)

    def _statistics(self, numbers: Sequence[int]) -> tuple[dict[str, float], dict[str, float]]:
        columns: dict[str, list[float]] = {}
        for number in numbers:
            for name, value in (self._rows[number].metrics or {}).items():
                columns.setdefault(name, []).append(value)
        whole = {name: values for name, values in columns.items() if len(values) == len(numbers)}
        means = {name: _mean(values) for name, values in whole.items()}
        return means, {name: deviation(values, means[name]) for name, values in whole.items()}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def deviation(values: Sequence[float], mean: float) -> float:
    """The standard deviation (n - 1), 0 of one value; infinite, not an error, where squares leave the floats."""
    if len(values) < 2:
        return 0.0
    return math.sqrt(sum((value - mean) * (value - mean) for value in values) / (len(values) - 1))
