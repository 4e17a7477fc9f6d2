"""The worker process: reads trials from its standard input, runs them, talks back on its output.

Both pipes are moved aside first (``line.py``), so that whatever the objective prints goes to the trial's log. What a trial came to is told
before anything else is done: nothing that it leaves behind can take it back. The process never runs its way out, so threads, processes and
exit handlers that trials have left hold nothing up.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any

import msgspec

from ..base.failure import sentence
from ..contracts.messages import Outcome, Task
from ..journal.events import Cause
from ..runtime import marks, processes
from .line import WorkerLine
from .objective import receive
from .run import run_apart
from .surroundings import State, Streams, guarded, limited
from .wire import Broken, Free, Ready, Run, Setup


def main() -> None:
    """Serve until the parent hangs up."""
    line = _line()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cores = os.environ.get("DANLU_CORES", "")
    if cores:
        os.sched_setaffinity(0, [int(core) for core in cores.split(",")])
    process, code = os.getpid(), 1
    try:
        _serve(line)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        if os.getpid() == process:
            processes.end(process, spare=process)
            marks.end_all()
        os._exit(code)


def _serve(line: WorkerLine) -> None:
    streams, state, objective = Streams(), State(), None
    while True:
        frame = line.next()
        if isinstance(frame, Setup):
            objective = _received(line, frame)
            if objective is None:
                return
            continue
        assert isinstance(frame, Run)
        assert objective is not None
        forget_peak()
        warnings: list[str] = []
        with streams.logged(frame.task, warnings):
            memory_short = _attempt(line, objective, frame.task)
            state.put_back(warnings)
        line.say(Free(tuple(warnings)))
        if memory_short:
            return


def _received(line: WorkerLine, setup: Setup) -> Callable[..., Any] | None:
    """The objective to run from now on; None, which is told, when it cannot be loaded."""
    sys.path[:] = setup.path
    try:
        objective = receive(setup.objective)
    except BaseException as error:
        line.say(Broken(f"a worker cannot load the objective: {type(error).__name__}: {error}"))
        return None
    line.say(Ready())
    return objective


def _attempt(line: WorkerLine, objective: Callable[..., Any], task: Task) -> bool:
    """Run an attempt and say how it ended; whether it ran out of memory."""
    with limited(task):
        outcome = run_apart(objective, task, line.ask)
    with guarded([], ""):  # what the driver of the GPU says does not matter here
        outcome = msgspec.structs.replace(outcome, memory=peak())
    line.tell(outcome, lambda error: unsendable(outcome, error))
    return outcome.cause is Cause.MEMORY


def unsendable(outcome: Outcome, error: Exception) -> Outcome:
    """What to say of an attempt whose outcome cannot be sent."""
    return Outcome(
        outcome.trial,
        outcome.attempt,
        outcome.seconds,
        cause=Cause.INVALID,
        reason=f"what the objective returned cannot be sent: {sentence(error)}",
    )


def _line() -> WorkerLine:
    line = WorkerLine(os.dup(0), os.dup(1))
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    if nothing > 2:
        os.close(nothing)
    return line


def forget_peak() -> None:
    """Begin to measure a trial's memory on the GPU, if this process has one in use."""
    torch: Any = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.reset_peak_memory_stats()


def peak() -> tuple[int, int] | None:
    """The most memory that was reserved on the GPU, and how much there is, in bytes; None without one."""
    torch: Any = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return None
    return int(torch.cuda.max_memory_reserved()), int(torch.cuda.mem_get_info()[1])


if __name__ == "__main__":
    main()
