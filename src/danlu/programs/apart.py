"""Trials of programs whose numbers cannot be compared, found when they are over."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from ..journal.events import Status
from ..journal.trial import Trial
from .printed.units import UNIT, UNKNOWN

SHOWN = 8
"""How many trials are named."""


class UnitsApart(NamedTuple):
    """A metric that is in several units.

    Attributes:
        metric: its name.
        trials: by unit, "" for none, the numbers of the trials.
    """

    metric: str
    trials: dict[str, list[int]]

    def __str__(self) -> str:
        named = [
            f"{f'in {unit}' if unit else 'without a unit'} in {_numbered(numbers)}"
            for unit, numbers in self.trials.items()
        ]
        return (
            f"{self.metric} is {', '.join(named[:-1])} and {named[-1]}: they are not converted, so which is best is not known. Have the program "
            "print one unit, and begin a study of another name."
        )


def units_apart(trials: Iterable[Trial], metrics: Iterable[str]) -> list[UnitsApart]:
    """The metrics that finished trials have printed in several units.

    Args:
        trials: of a study.
        metrics: to look at.
    """
    done = [trial for trial in trials if trial.status is Status.DONE]
    found = []
    for metric in metrics:
        units: dict[str, list[int]] = {}
        for trial in done:
            unit = str(trial.facts.get(f"{UNIT}{metric}", ""))
            if unit != UNKNOWN:
                units.setdefault(unit, []).append(trial.number)
        if len(units) > 1:
            found.append(UnitsApart(metric, units))
    return found


def _numbered(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:SHOWN]))
    more = f" and {len(numbers) - SHOWN} more" if len(numbers) > SHOWN else ""
    return f"trial{'s' if len(numbers) > 1 else ''} {shown}{more}"
