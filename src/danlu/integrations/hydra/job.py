"""A Hydra job as a trial: in the process that runs the sweep, or wherever a launcher has put it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ...errors import TrialExit
from ...runtime.live import LiveTrial
from .line import ADDRESS, called

_here: LiveTrial | None = None
_away: dict[int, LiveTrial] = {}


def trial() -> LiveTrial | None:
    """The trial that this job is, with all that a live trial can do; None outside a sweep of danlu's.

    Raises:
        StoreError: when the sweep has ended meanwhile.
    """
    if _here is not None:
        return _here
    if not os.environ.get(ADDRESS):
        return None
    from hydra.core.hydra_config import HydraConfig

    if not HydraConfig.initialized():
        return None
    number = HydraConfig.get().job.num
    if number not in _away:
        _away.clear()  # a process runs one job after the other
        _away[number] = called(os.environ[ADDRESS], number)
    return _away[number]


def report(
    step: float | Mapping[str, Any] | None = None,
    value: float | Mapping[str, Any] | None = None,
    /,
    **metrics: Any,
) -> None:
    """Say how training goes after ``step``, as ``LiveTrial.report``; nothing happens outside a sweep.

    May not return: the scheduler can stop or pause the job here, which leaves it by ``TrialStopped`` or ``TrialPaused``.

    Raises:
        ReportError: as ``LiveTrial.report``.

    Example:
        >>> report(1, loss=0.5)  # no sweep: nothing
    """
    live = trial()
    if live is not None:
        live.report(step, value, **metrics)


def save(step: int, *things: Any) -> None:
    """Keep a checkpoint of things with ``state_dict``, arrays, dicts, lists or bytes, before the report of the same step.

    Nothing is kept outside a sweep.
    """
    live = trial()
    if live is not None:
        live.save(step, *things)


def restore(*things: Any) -> int:
    """Load the newest checkpoint of this trial into ``things``; its step, 0 where there is none, and outside a sweep.

    Example:
        >>> restore({"epoch": 0})
        0
    """
    live = trial()
    return 0 if live is None else live.restore(*things)


@contextmanager
def speaking(live: LiveTrial) -> Iterator[None]:
    """Let what runs inside, in this process, speak as this trial."""
    global _here  # noqa: PLW0603 - a process runs one job at a time, whatever threads it has
    before, _here = _here, live
    try:
        yield
    finally:
        _here = before


class Stoppable:
    """A task function that a verdict ends, without an exception that launchers have never heard of.

    Args:
        task: the application's own.
    """

    def __init__(self, task: Any) -> None:
        self.task = task

    def __call__(self, config: Any) -> Any:
        """Run it, and note the job's folder with its trial; None when it was stopped or paused."""
        from hydra.core.hydra_config import HydraConfig

        live = trial()
        if live is not None:
            live.log(output=str(HydraConfig.get().runtime.output_dir))
        try:
            return self.task(config)
        except TrialExit:
            return None
