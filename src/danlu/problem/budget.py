"""How much a study may spend: trials, seconds, steps, cost; when it has done enough; what one attempt may use."""

from __future__ import annotations

import math
import re

import msgspec

from ..errors import BudgetError


class Budget(msgspec.Struct, frozen=True):
    """Limits on a whole study, over all sessions and workers; None means no limit.

    Args:
        trials: trials asked, whatever became of them.
        seconds: wall time in which the study was driven.
        steps: steps trained, summed over trials and attempts: the rise of the step number that objectives report, however often
            they report it (``danlu.problem.fidelity.onward``). What an attempt resumes is not counted again, what it trains again is.
        cost: summed cost of trials (seconds of run time unless the objective charges its own).
        no_improvement: finished trials in a row without a better one.

    Raises:
        BudgetError: when a limit is not above 0.

    Example:
        >>> Budget(trials=3).spent(trials=3)
        'the budget of 3 trials is spent'
    """

    trials: int | None = None
    seconds: float | None = None
    steps: int | None = None
    cost: float | None = None
    no_improvement: int | None = None

    def __post_init__(self) -> None:
        for name in self.__struct_fields__:
            limit = getattr(self, name)
            if limit is None:
                continue
            whole = name in ("trials", "steps", "no_improvement")
            if isinstance(limit, bool) or not isinstance(limit, int if whole else int | float):
                noun = "a whole number" if whole else "a number"
                raise BudgetError(f"a budget needs {name} to be {noun}, got {limit!r}.")
            if not limit > 0 or math.isnan(limit):
                raise BudgetError(
                    f"a budget needs {name} > 0, got {name}={limit!r}. Leave it out for no limit."
                )

    def spent(
        self,
        *,
        trials: int = 0,
        seconds: float = 0.0,
        steps: int = 0,
        cost: float = 0.0,
        no_improvement: int = 0,
    ) -> str | None:
        """Which limit the given amounts have reached, as a sentence; None while there is room."""
        used = {"trials": trials, "seconds": seconds, "steps": steps, "cost": cost}
        for name, amount in used.items():
            limit = getattr(self, name)
            if limit is not None and amount >= limit:
                return f"the budget of {limit:g} {name} is spent"
        if self.no_improvement is not None and no_improvement >= self.no_improvement:
            return f"the last {self.no_improvement} trials brought no improvement"
        return None


class AttemptLimits(msgspec.Struct, frozen=True):
    """What one attempt of a trial may use: seconds of wall time, bytes of memory."""

    seconds: float | None = None
    memory: int | None = None


_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}


def seconds_of(time: str | float | None) -> float | None:
    """A duration in seconds from a number or from text such as ``"90s"``, ``"15m"``, ``"1h30m"``.

    Raises:
        BudgetError: when it cannot be read.

    Example:
        >>> seconds_of("1h30m")
        5400.0
    """
    if time is None or isinstance(time, int | float):
        return None if time is None else float(time)
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*(min|[smhd])", time)
    if not parts or re.sub(r"(\d+(?:\.\d+)?)\s*(min|[smhd])|\s", "", time):
        raise BudgetError(f"a time reads like 90s, 15m or 1h30m, got {time!r}.")
    return float(sum(float(count) * _UNITS[unit] for count, unit in parts))
