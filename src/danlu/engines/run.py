"""Runs one attempt of one trial, wherever that is, and says in one ``Outcome`` how it ended."""

from __future__ import annotations

import gc
import sys
import traceback
from collections.abc import Callable
from typing import Any

from ..core.errors import Fenced, ObjectiveError, TrialExit
from ..core.events import Action, Cause
from ..core.goal import numbers_of
from ..core.live import Channel, LiveTrial
from ..core.messages import Outcome, Task

GOES_ON = object()
"""What an act returns when the attempt is not over."""

_MEMORY_WORDS = ("out of memory", "can't allocate memory", "cannot allocate memory", "unable to allocate")


def run(objective: Callable[[LiveTrial], Any], task: Task, channel: Channel) -> Outcome:
    """Call the objective and classify whatever comes out of it, ``KeyboardInterrupt`` excepted."""
    trial = LiveTrial(task, channel)
    found = guarded(trial, task, lambda: objective(trial))
    assert found is not None
    return found


def guarded(trial: LiveTrial, task: Task, act: Callable[[], Any]) -> Outcome | None:
    """Do a part of an attempt, or all of it; how the attempt ended, or None when ``act`` returned ``GOES_ON``."""

    def outcome(**how: Any) -> Outcome:
        return Outcome(task.trial, task.attempt, trial.seconds, cost=trial.cost, **how)

    try:
        returned = act()
        if returned is GOES_ON:
            return None
        if trial.verdict is not None:  # the objective swallowed the exit; the verdict stands all the same
            return outcome(verdict=trial.verdict)
        return outcome(returned=None if returned is None else numbers_of(returned))
    except TrialExit as exit_:
        return outcome(verdict=trial.verdict or Action.STOP, reason=str(exit_))
    except Fenced as error:
        return outcome(verdict=Action.STOP, reason=str(error))
    except ObjectiveError as error:
        return outcome(cause=Cause.INVALID, reason=str(error))
    except (Exception, SystemExit) as error:
        traceback.print_exc(file=sys.stderr)
        cause = Cause.MEMORY if _is_memory(error) else Cause.RAISED
        return outcome(cause=cause, reason=_sentence(error))
    finally:
        gc.collect(0)


def _is_memory(error: BaseException) -> bool:
    words = str(error).lower()
    named = type(error).__name__ == "OutOfMemoryError"
    allocation = isinstance(error, RuntimeError | OSError) and any(word in words for word in _MEMORY_WORDS)
    return isinstance(error, MemoryError) or named or allocation


def _sentence(error: BaseException) -> str:
    """The error and the deepest line of the user's own code it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    here = next((frame for frame in reversed(frames) if "site-packages" not in frame.filename), None)
    where = f" ({here.filename.rpartition('/')[2]}:{here.lineno})" if here else ""
    text = " ".join(str(error).split())[:500]
    return f"{type(error).__name__}: {text}{where}"
