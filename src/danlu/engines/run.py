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
from ..errors import Fenced, Interrupted, ObjectiveError, TrialExit, TrialStopped
from ..journal.events import Action, Cause
from ..journal.rows import counted
from ..journal.trial import Curve
from ..problem.goal import numbers_of
from ..runtime.attempt import Attempt, Channel
from ..runtime.live import LiveTrial, attempt_of
from ..runtime.returned import counting, returned_of
from .leftovers import Before
from .named import taken_whole

GOES_ON = object()
"""What an act returns when the attempt is not over."""

_NO_VERDICT = "; the objective raised it by itself, and no scheduler had said so. Return where a training is to end, with what it has come to"

_STOPS_ITSELF = (
    "the objective raises TrialStopped by itself: the trial is done there, with what it has reported"
)

_MEMORY_WORDS = ("out of memory", "can't allocate memory", "cannot allocate memory", "unable to allocate")


def run(objective: Callable[[LiveTrial], Any], task: Task, channel: Channel) -> Outcome:
    """Call the objective and classify whatever comes out of it, a person's ``KeyboardInterrupt`` excepted.

    When this is over nobody speaks in the trial's name any more, whatever threads it has left. A process that the objective has
    forked, and that comes back from it, ends here: it is a copy of its parent, which goes on by itself.
    """
    attempt, process = Attempt(task, channel), os.getpid()
    trial = LiveTrial(attempt)
    before, left = Before(), ""
    found: Outcome | None = None
    try:
        found = guarded(trial, lambda: objective(trial))
    finally:
        if os.getpid() != process:
            _leave(found)
        attempt.voice.finish()
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


def guarded(trial: LiveTrial, act: Callable[[], Any]) -> Outcome | None:
    """Do a part of an attempt, or all of it; how the attempt ended, or None when ``act`` returned ``GOES_ON``."""
    attempt = attempt_of(trial)

    def outcome(**how: Any) -> Outcome:
        return Outcome(attempt.task.trial, attempt.task.attempt, attempt.seconds, cost=attempt.cost, **how)

    tracing = sys.gettrace()
    try:
        try:
            returned = act()
        finally:
            sys.settrace(tracing)  # what the objective has set may raise wherever danlu goes on
        if returned is GOES_ON:
            return None
        if attempt.verdict is not None:  # the objective swallowed the exit; the verdict stands all the same
            return outcome(verdict=attempt.verdict)
        read = _read(trial, returned)
        if read.failed:
            return outcome(cause=Cause.RAISED, reason=read.failed)
        unheard = attempt.values.unheard()
        if unheard:
            trial.remark("parameters", unheard)
        return outcome(returned=read.metrics)
    except TrialExit as exit_:
        if attempt.verdict is not None:
            return outcome(verdict=attempt.verdict, reason=str(exit_))
        if not isinstance(exit_, TrialStopped) or not attempt.reported:
            return outcome(
                cause=Cause.RAISED,
                reason=f"{sentence(exit_)}{_NO_VERDICT}",
                trace=trace_of(exit_),
                blind=attempt.values.untouched,
            )
        trial.remark("a stop of its own", _STOPS_ITSELF)
        return outcome()
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
        if attempt.unsaved and cause is Cause.RAISED:
            return outcome(cause=Cause.DRAINED, reason=attempt.unsaved, unsaved=attempt.unsaved)
        if isinstance(error, ProgramFailed) and error.signal:
            cause = Cause.PREEMPTED if error.signal == signal.SIGTERM else Cause.CRASHED
        if isinstance(error, ProgramFailed) and error.diverged and cause is Cause.RAISED:
            cause = Cause.DIVERGED
        if attempt.lost is None or cause is not Cause.RAISED:
            return outcome(
                cause=cause, reason=sentence(error), trace=trace_of(error), blind=attempt.values.untouched
            )
    finally:
        gc.collect(0)
    raise attempt.lost  # no fault of the objective's: whoever takes the trial up goes on with it


class _Read(NamedTuple):
    metrics: float | dict[str, float] | None = None
    failed: str = ""


def _read(trial: LiveTrial, returned: Any) -> _Read:
    """What an objective returned as metrics, its curves and facts kept; why it says that it failed."""
    attempt = attempt_of(trial)
    goal = attempt.task.goal
    if inspect.iscoroutine(returned):
        returned = _awaited(returned)
    if inspect.isgenerator(returned):
        returned = _followed(trial, returned)
    if inspect.isasyncgen(returned):
        raise ObjectiveError(
            "an objective cannot be an asynchronous generator. Call trial.report in an async function, or yield from a plain one."
        )
    if goal is None:
        return _Read(None if returned is None else numbers_of(returned))
    read = returned_of(returned, goal)
    beside = attempt.beside(returned)
    if beside:
        trial.remark("what is returned", beside)
    if read.failed:
        return _Read(failed=read.failed)
    curves, odd = counting(read.curves, goal)
    metrics = dict(read.metrics)
    if curves and not attempt.reported:
        for at, row in enumerate(zip(*curves.values(), strict=True), 1):
            attempt.send(at, dict(zip(curves, row, strict=True)), over=True)
        metrics = {name: value for name, value in metrics.items() if name not in curves}
    elif curves:  # it reported itself: its curves stand, and what it returns counts as any other result does
        steps = tuple(range(1, 1 + len(next(iter(curves.values())))))
        whole = Curve(steps, {name: tuple(values) for name, values in curves.items()})
        metrics = {**counted(whole, goal), **metrics}
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

    running = False
    with contextlib.suppress(RuntimeError):
        running = asyncio.get_running_loop() is not None
    if not running:  # outside of any except: what it raises comes of nothing here
        return asyncio.run(coroutine)
    coroutine.close()
    raise ObjectiveError(
        "an async objective cannot run beside another event loop in one thread, as in a notebook. Use engine=danlu.engines.Pool()."
    )


def _followed(trial: LiveTrial, generator: Generator[Any, Any, Any]) -> Any:
    """Report what a generator yields, each the next step or a step and its metrics; what it returns at last."""
    goal = attempt_of(trial).task.goal
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
            elif real(told) is not None and goal is not None and len(goal.metrics) == 1:
                trial.report({goal.metrics[0].name: told})
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
