"""How much a study may spend: trials, seconds, steps, cost; when it has done enough; what one attempt may use."""

from __future__ import annotations

import math
import re
from typing import Any

import msgspec

from ..base.answering import Settings
from ..errors import BudgetError, SettingError


class Budget(Settings, frozen=True, rename={"time": "seconds"}):
    """Limits on a whole study, over all sessions and workers; None means no limit.

    Args:
        trials: trials asked, whatever became of them.
        time: wall time in which the study was driven, in seconds or as text, ``"2h"``.
        steps: steps trained, summed over trials and attempts: the rise of the step number that objectives report, however often
            they report it (``danlu.problem.fidelity.onward``). What an attempt resumes is not counted again, what it trains again is.
        cost: summed cost of trials (seconds of run time unless the objective charges its own).
        no_improvement: finished trials in a row without a better one.

    Raises:
        BudgetError: when a limit is not above 0, or a time cannot be read.

    Example:
        >>> Budget(trials=3).spent(trials=3)
        'the budget of 3 trials is spent'
        >>> Budget(time="1h30m", no_improvement=20).seconds
        5400.0
    """

    trials: int | None = None
    time: str | float | None = None
    steps: int | None = None
    cost: float | None = None
    no_improvement: int | None = None

    def __post_init__(self) -> None:
        if isinstance(self.time, str):
            msgspec.structs.force_setattr(self, "time", seconds_of(self.time))
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

    @property
    def seconds(self) -> float | None:
        """The time, in seconds."""
        return seconds_of(self.time)

    def merged(self, **limits: Any) -> Budget:
        """With these limits beside its own.

        Raises:
            BudgetError: when both have the same one.

        Example:
            >>> Budget(steps=400).merged(trials=20, time=None)
            Budget(trials=20, time=None, steps=400, cost=None, no_improvement=None)
        """
        given = {name: limit for name, limit in limits.items() if limit is not None}
        for name, limit in given.items():
            if getattr(self, name) is not None:
                raise BudgetError(
                    f"a budget needs each limit once, got {name}={limit!r} beside budget={self!r}. Leave one out."
                )
        return msgspec.structs.replace(self, **given)

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


class TrialLimits(Settings, frozen=True):
    """What a trial may use, and what becomes of those that fail.

    Args:
        time: wall time of one attempt, in seconds or as text, ``"10m"``; None for no limit.
        memory: bytes of one attempt with all processes that it starts; None for no limit.
        retries: how often a trial is taken up again after its worker died (0 or more).
        same_failures: this many first trials that fail alike, with none that worked, end the study (1 or more; 0: never).

    Raises:
        BudgetError: when the time cannot be read.
        SettingError: when a setting is out of its range.

    Example:
        >>> TrialLimits(time="10m", memory=8 << 30).attempt
        AttemptLimits(seconds=600.0, memory=8589934592)
    """

    time: str | float | None = None
    memory: int | None = None
    retries: int = 2
    same_failures: int = 3

    def __post_init__(self) -> None:
        if isinstance(self.time, str):
            msgspec.structs.force_setattr(self, "time", seconds_of(self.time))
        for name, limit in (("time", self.time), ("memory", self.memory)):
            if limit is not None and (
                isinstance(limit, bool) or not isinstance(limit, int | float) or not limit > 0
            ):
                raise SettingError(
                    f"the limits of a trial need {name} > 0, got {name}={limit!r}. Leave it out for no limit."
                )
        if isinstance(self.retries, bool) or not isinstance(self.retries, int) or self.retries < 0:
            raise SettingError(
                f"the limits of a trial need retries to be a whole number >= 0, got retries={self.retries!r}."
            )
        same = self.same_failures
        if isinstance(same, bool) or not isinstance(same, int) or same < 0:
            raise SettingError(
                "the limits of a trial need same_failures to be a whole number >= 1 of first trials that fail alike, or 0 to go on "
                f"whatever fails, got same_failures={same!r}."
            )

    @property
    def attempt(self) -> AttemptLimits:
        """What one attempt may use."""
        return AttemptLimits(seconds_of(self.time), self.memory)


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
