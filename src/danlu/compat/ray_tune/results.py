"""What Ray reports of a trial, as a study keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...base.values import real, shown
from ...errors import SettingError
from ...problem.goal import Goal, Metric
from ...programs.sweeps.ray_results import OWN, STEP

__all__ = ["STEP", "goal_of", "metrics_of", "seconds_of", "step_of"]


def goal_of(metric: str | Sequence[str] | None, mode: str | Sequence[str] | None) -> Goal:
    """A study's goal from Ray's ``metric`` and ``mode``, one or a list of each; what is to be observed only is none.

    Raises:
        SettingError: when one is missing or unknown.

    Example:
        >>> [each.maximize for each in goal_of(["loss", "f1"], ["min", "max"]).metrics]
        [False, True]
    """
    if not metric or not mode:
        raise SettingError(
            f"a search needs metric and mode, got metric={metric!r}, mode={mode!r}. Give both to tune.TuneConfig, or to danlu's own argument of "
            "that name."
        )
    names = [metric] if isinstance(metric, str) else list(metric)
    modes = [mode] if isinstance(mode, str) else list(mode)
    if len(names) != len(modes):
        raise SettingError(f"a search needs a mode for each metric, got {names!r} and {modes!r}.")
    unknown = [each for each in modes if each not in {"min", "max", "obs"}]
    if unknown or set(modes) == {"obs"}:
        raise SettingError(f"mode is 'min' or 'max', got {unknown[0] if unknown else 'obs'!r}.")
    return Goal(
        tuple(Metric(name, way == "max") for name, way in zip(names, modes, strict=True) if way != "obs"),
        (),
        "last",
    )


def metrics_of(result: Mapping[str, Any]) -> dict[str, float]:
    """The numbers in a result of Ray's that a trial has reported, without what Ray adds.

    Example:
        >>> metrics_of({"loss": 0.5, "training_iteration": 3, "config/lr": 0.1, "done": True, "note": "fine"})
        {'loss': 0.5}
    """
    found = {
        name: real(value)
        for name, value in result.items()
        if name not in OWN and not name.startswith("config/") and not isinstance(value, bool)
    }
    return {name: value for name, value in found.items() if value is not None}


def step_of(result: Mapping[str, Any], time_attr: str = STEP) -> int | None:
    """The step of a result; None where it has none.

    Raises:
        SettingError: when it is no whole number.
    """
    if time_attr not in result:
        return None
    value = real(result[time_attr])
    if value is None or value < 0 or value % 1 != 0:
        raise SettingError(
            f"a step is a whole number that rises, got {time_attr}={shown(result[time_attr])}. Take time_attr={STEP!r}, or report a whole number "
            "under that name."
        )
    return int(value)


def seconds_of(result: Mapping[str, Any] | None) -> float:
    """The seconds that a trial has taken."""
    return max(0.0, real((result or {}).get("time_total_s")) or 0.0)
