"""Runs one attempt of one trial, wherever that is, and says in one ``Outcome`` how it ended."""

from __future__ import annotations

import contextlib
import gc
import inspect
import os
import signal
import sys
import threading
from collections.abc import Callable, Coroutine, Generator, Mapping
from numbers import Integral
from typing import Any, NamedTuple, NoReturn

import msgspec

from ..base.failure import ProgramFailed, message_of, sentence, trace_of
from ..base.values import real
from ..contracts.messages import Note, Outcome, Task
from ..errors import Fenced, Interrupted, ObjectiveError, TrialExit
from ..journal.events import Action, Cause
from ..journal.rows import counted
from ..journal.trial import Curve
from ..problem.goal import numbers_of
from ..runtime.live import Channel, LiveTrial
from ..runtime.returned import counting, returned_of
from .leftovers import Before
from .named import taken_whole

GOES_ON = object()
"""What an act returns when the attempt is not over."""

_MEMORY_WORDS = ("out of memory", "can't allocate memory", "cannot allocate memory", "unable to allocate")


def run(objective: Callable[[LiveTrial], Any], task: Task, channel: Channel) -> Outcome:
    """Call the objective and classify whatever comes out of it, a person's ``KeyboardInterrupt`` excepted.

    When this is over nobody speaks in the trial's name any more, whatever threads it has left. A process that the objective has
    forked, and that comes back from it, ends here: it is a copy of its parent, which goes on by itself.
    """
    trial, process = LiveTrial(task, channel), os.getpid()
    before, left = Before(), ""
    found: Outcome | None = None
    try:
        found = guarded(trial, task, lambda: objective(trial))
    finally:
        if os.getpid() != process:
            _leave(found)
        trial.finish()
        left = before.settle(task.trial)
    assert found is not None
    if found.cause is Cause.RAISED and "'LiveTrial'" in found.reason:
        found = msgspec.structs.replace(found, reason=found.reason + taken_whole(objective, task.names))
    if left and found.verdict is None:  # after a verdict the attempt is over, and has nothing more to say
        channel(Note(task.trial, task.attempt, {"left": left}, study=True))
    return found


def _leave(found: Outcome | None) -> NoReturn:
    """End a forked copy of this process, with the traceback of what it raised."""
    with contextlib.suppress(OSError):
        if found is not None and found.trace:
            os.write(2, found.trace.encode())
    os._exit(int(found is None or found.cause is not None))


def run_apart(objective: Callable[[LiveTrial], Any], task: Task, channel: Channel) -> Outcome:
    """As ``run``, in a process that nobody interrupts from a terminal; the traceback goes to the trial's log."""
    outcome = run(objective, task, channel)
    if outcome.trace:
        with contextlib.suppress(OSError):  # descriptor 2 is the log, whatever became of sys.stderr
            os.write(2, outcome.trace.encode())
    return outcome


def guarded(trial: LiveTrial, task: Task, act: Callable[[], Any]) -> Outcome | None:
    """Do a part of an attempt, or all of it; how the attempt ended, or None when ``act`` returned ``GOES_ON``."""

    def outcome(**how: Any) -> Outcome:
        return Outcome(task.trial, task.attempt, trial.seconds, cost=trial.cost, **how)

    tracing = sys.gettrace()
    try:
        try:
            returned = act()
        finally:
            sys.settrace(tracing)  # what the objective has set may raise wherever danlu goes on
        if returned is GOES_ON:
            return None
        if trial.verdict is not None:  # the objective swallowed the exit; the verdict stands all the same
            return outcome(verdict=trial.verdict)
        read = _read(trial, task, returned)
        if read.failed:
            return outcome(cause=Cause.RAISED, reason=read.failed)
        unheard = trial.unheard()
        if unheard:
            trial.remark("parameters", unheard)
        return outcome(returned=read.metrics)
    except TrialExit as exit_:
        return outcome(verdict=trial.verdict or Action.STOP, reason=str(exit_))
    except Fenced as error:
        return outcome(verdict=Action.STOP, reason=str(error))
    except ObjectiveError as error:
        return outcome(cause=Cause.INVALID, reason=str(error))
    except BaseException as error:  # whatever a library ends its own programs with
        if _interrupted(error):
            raise Interrupted from error  # whatever a library has made of it
        if isinstance(error, KeyboardInterrupt) and _from_a_person():
            raise
        cause = Cause.MEMORY if _is_memory(error) else Cause.RAISED
        if trial.unsaved and cause is Cause.RAISED:
            return outcome(cause=Cause.DRAINED, reason=trial.unsaved, unsaved=trial.unsaved)
        if isinstance(error, ProgramFailed) and error.signal:
            cause = Cause.PREEMPTED if error.signal == signal.SIGTERM else Cause.CRASHED
        if trial.lost is None or cause is not Cause.RAISED:
            return outcome(cause=cause, reason=sentence(error), trace=trace_of(error), blind=trial.untouched)
    finally:
        gc.collect(0)
    raise trial.lost  # no fault of the objective's: whoever takes the trial up goes on with it


class _Read(NamedTuple):
    metrics: float | dict[str, float] | None = None
    failed: str = ""


def _read(trial: LiveTrial, task: Task, returned: Any) -> _Read:
    """What an objective returned as metrics, its curves and facts kept; why it says that it failed."""
    if inspect.iscoroutine(returned):
        returned = _awaited(returned)
    if inspect.isgenerator(returned):
        returned = _followed(trial, task, returned)
    if inspect.isasyncgen(returned):
        raise ObjectiveError(
            "an objective cannot be an asynchronous generator. Call trial.report in an async function, or yield from a plain one."
        )
    if task.goal is None:
        return _Read(None if returned is None else numbers_of(returned))
    read = returned_of(returned, task.goal)
    beside = trial.beside(returned)
    if beside:
        trial.remark("what is returned", beside)
    if read.failed:
        return _Read(failed=read.failed)
    curves, odd = counting(read.curves, task.goal)
    metrics = dict(read.metrics)
    if curves and not trial.reported:
        trial.follow(curves)
        metrics = {name: value for name, value in metrics.items() if name not in curves}
    elif curves:  # it reported itself: its curves stand, and what it returns counts as any other result does
        steps = tuple(range(1, 1 + len(next(iter(curves.values())))))
        whole = Curve(steps, {name: tuple(values) for name, values in curves.items()})
        metrics = {**counted(whole, task.goal), **metrics}
    if read.facts or odd:
        trial.log({**read.facts, **odd})
    if curves:
        names = ", ".join(curves)
        trial.remark(
            "returned", f"the lists that the objective returns ({names}) are curves, one value a step"
        )
    return _Read(metrics or None)


def _awaited(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of an async objective, run to its end here."""
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    coroutine.close()
    raise ObjectiveError(
        "an async objective cannot run beside another event loop in one thread, as in a notebook. Use engine=danlu.engines.Pool()."
    )


def _followed(trial: LiveTrial, task: Task, generator: Generator[Any, Any, Any]) -> Any:
    """Report what a generator yields, each the next step or a step and its metrics; what it returns at last."""
    try:
        while True:
            try:
                told = next(generator)
            except StopIteration as end:
                return end.value
            if isinstance(told, tuple) and len(told) == 2 and isinstance(told[0], Integral):
                trial.report(int(told[0]), told[1])
            elif isinstance(told, Mapping):
                trial.report(told)
            elif real(told) is not None and task.goal is not None and len(task.goal.metrics) == 1:
                trial.report({task.goal.metrics[0].name: told})
            else:
                raise ObjectiveError(
                    f"an objective that yields needs metrics, {{'loss': ...}}, or a step and metrics, got {told!r:.200}."
                )
    finally:
        generator.close()


def _interrupted(error: BaseException | None) -> bool:
    """Whether it is, or came of, a person's second Ctrl-C."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        if isinstance(error, Interrupted):
            return True
        seen.add(id(error))
        error = error.__cause__ or error.__context__
    return False


def _from_a_person() -> bool:
    """Whether a signal may have raised KeyboardInterrupt: not where danlu holds Ctrl-C, where it is ignored, or beside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        return False
    handler = signal.getsignal(signal.SIGINT)
    held = getattr(getattr(handler, "__self__", None), "interrupts", False)
    return not held and handler != signal.SIG_IGN


def _is_memory(error: BaseException) -> bool:
    words = message_of(error).lower()
    named = type(error).__name__ == "OutOfMemoryError"
    allocation = isinstance(error, RuntimeError | OSError) and any(word in words for word in _MEMORY_WORDS)
    return isinstance(error, MemoryError) or named or allocation
