"""One run of a program outside of any study, to see what it tells."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from ...base.failure import ProgramFailed
from ...contracts.messages import Message, Reply, Task, Verdict
from ...errors import ObjectiveError
from ...runtime.attempt import Attempt
from ...runtime.guard import RunGuard
from ...runtime.live import LiveTrial
from .record import Recorder, RunRecord

TRIAL = "trial"
"""What stands in a rehearsal's folder in the place of the trial's."""


class Rehearsal(NamedTuple):
    """A run as it was.

    Attributes:
        folder: where it lies.
        record: what it told.
        seconds: how long it took.
        interrupted: whether Ctrl-C has ended it.
    """

    folder: Path
    record: RunRecord
    seconds: float
    interrupted: bool


def rehearse(
    run: Callable[[LiveTrial], object],
    recorder: Recorder,
    params: Mapping[str, Any],
    folder: Path,
    context: Mapping[str, Any],
    seed: int,
) -> Rehearsal:
    """Run a program once, until it ends or Ctrl-C is pressed; it ends with this process too.

    Args:
        run: the objective, which reads by ``recorder``.
        recorder: that keeps what it tells.
        params: the values of its parameters.
        folder: that is there; the one in place of a trial's is made in it.
        context: what it is evaluated in.
        seed: of the study whose first trial it may become.

    Raises:
        ObjectiveError: when it fails.
    """
    own = folder / TRIAL
    own.mkdir()
    task = Task(
        0,
        1,
        dict(params),
        tuple(params),
        seed,
        str(folder / "blobs"),
        folder=str(own),
        context=dict(context),
    )
    interrupted, begun = False, time.monotonic()
    with RunGuard(own):
        try:
            run(LiveTrial(Attempt(task, _heard)))
        except KeyboardInterrupt:
            interrupted = True
        except ProgramFailed as error:
            raise ObjectiveError(
                f"the program was run once, to see what it tells, and failed: {error}. Run it by hand until it works."
            ) from None
    if recorder.record is None:
        raise ObjectiveError("the program was not started.")
    return Rehearsal(folder, recorder.record, time.monotonic() - begun, interrupted)


def _heard(message: Message) -> Reply:
    """Whatever is said goes on."""
    del message
    return Verdict()
