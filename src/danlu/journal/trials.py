"""The trials of a study as frozen records, made when somebody looks."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, overload

import msgspec
import numpy as np

from .rows import scheduled
from .trial import Curve, Trial

if TYPE_CHECKING:
    from .columns import Columns
    from .definition import Definition
    from .groups import Groups
    from .reports import Reports
    from .rows import Rows


class Trials:
    """A sequence of records; ``trials[3]`` is the record of trial 3."""

    def __init__(
        self, definition: Definition, rows: Rows, reports: Reports, groups: Groups, columns: Columns
    ) -> None:
        self.groups = groups
        self._definition, self._rows, self._reports, self._columns = definition, rows, reports, columns

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, number: int) -> Trial: ...
    @overload
    def __getitem__(self, number: slice) -> list[Trial]: ...
    def __getitem__(self, number: int | slice) -> Trial | list[Trial]:
        if isinstance(number, slice):
            return [self.record(each) for each in range(len(self))[number]]
        return self.record(number)

    def __iter__(self) -> Iterator[Trial]:
        return map(self.record, range(len(self._rows)))

    def record(self, number: int, curve: Curve | None = None) -> Trial:
        """The frozen record of one trial.

        Args:
            number: the trial's.
            curve: shown in place of a copy of its own, which costs more the longer it is.

        Raises:
            TrialMissing: when there is no such trial.
        """
        row = self._rows.of(number)
        asked = row.asked
        return Trial(
            number=number,
            status=row.status,
            params=self._definition.space.forms.shown(row.params()),
            unit=self.unit(number),
            metrics=self._ordered(row.metrics or {}),
            losses=row.losses or self._definition.goal.losses({}),
            violation=row.violation,
            curve=self._reports.curve(number).whole() if curve is None else curve,
            source=asked.source,
            tag=asked.tag,
            attempt=row.attempt,
            deaths=row.deaths,
            donor=row.donor,
            seconds=row.seconds + row.attempt_seconds,
            cost=row.seconds if row.cost is None else row.cost,
            asked_at=asked.at,
            ended_at=row.ended_at,
            cause=row.cause,
            reason=row.reason,
            why=row.why,
            facts=dict(row.facts or {}),
            checkpoints=tuple(reversed(row.usable())),
            code=row.code,
            schedule=scheduled(row),
            aside=row.aside,
            doubted=row.doubted,
            context=asked.context,
            of=self.groups.members.head(number) if asked.context else -1,
            tags=row.tags,
            notes=row.notes,
            files=tuple(row.files[name] for name in sorted(row.files)) if row.files else (),
        )

    def configuration(self, number: int) -> Trial:
        """The record of a configuration by its first trial: its metrics are means over its contexts, once it is over.

        Raises:
            TrialMissing: when there is no such trial.
        """
        trial, whole = self.record(number), self.groups.over.get(number)
        if whole is None:
            return trial
        return msgspec.structs.replace(
            trial, metrics=self._ordered(whole.metrics), losses=whole.losses or self._definition.goal.losses({}),
            violation=whole.violation, spread=whole.spread, contexts=len(whole.trials),
        )  # fmt: skip

    def configurations(self) -> list[Trial]:
        """The configurations of a study of several contexts by their first trials, those that are over with their means; else all trials."""
        head = self.groups.members.head
        return [self.configuration(number) for number in range(len(self)) if head(number) == number]

    def unit(self, number: int) -> tuple[float, ...]:
        """A trial's unit point; in a space that was changed where it lies now, and () where it lies outside."""
        if not self._definition.reshaped:
            return tuple(np.frombuffer(self._rows[number].asked.unit).tolist())
        columns = self._columns
        outside = not columns.fits[number] and not self._rows.aside.get(number)
        return () if outside else tuple(columns.units[number].tolist())

    def _ordered(self, metrics: dict[str, float]) -> dict[str, float]:
        """Those of the goal first."""
        first = {name: metrics[name] for name in self._definition.goal.names if name in metrics}
        return first | metrics
