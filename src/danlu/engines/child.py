"""The worker process: reads trials from its standard input, runs them, talks back on its output.

Both pipes are moved aside first, so that whatever the objective prints goes to the trial's log. A
thread reads the input all the time: when the parent dies, the input ends, and so does the worker.
"""

from __future__ import annotations

import contextlib
import os
import queue
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from ..core.events import Cause
from ..core.messages import Message, Reply, Task
from .objective import receive
from .run import run_apart
from .wire import Broken, Down, Ready, Run, Setup, read, write


def main() -> None:
    """Serve until the parent hangs up."""
    inbox, outbox = _pipes()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cores = os.environ.get("DANLU_CORES", "")
    if cores:
        os.sched_setaffinity(0, [int(core) for core in cores.split(",")])
    frames: queue.SimpleQueue[Down] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(inbox, frames), daemon=True).start()
    setup = frames.get()
    assert isinstance(setup, Setup)
    sys.path[:] = setup.path

    def channel(message: Message) -> Reply:
        write(outbox, message)
        reply = frames.get()
        assert not isinstance(reply, Setup | Run)
        return reply

    try:
        objective = receive(setup.objective)
    except BaseException as error:
        write(outbox, Broken(f"a worker cannot load the objective: {type(error).__name__}: {error}"))
        return
    write(outbox, Ready())
    while True:
        frame = frames.get()
        assert isinstance(frame, Run)
        forget_peak()
        with logged(frame.task), limited(frame.task):
            outcome = run_apart(objective, frame.task, channel)
        write(outbox, msgspec.structs.replace(outcome, memory=peak()))
        if outcome.cause is Cause.MEMORY:
            return


def _pipes() -> tuple[BinaryIO, BinaryIO]:
    inbox, outbox = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    return inbox, outbox


def _listen(inbox: BinaryIO, frames: queue.SimpleQueue[Down]) -> None:
    decoder = msgspec.msgpack.Decoder(Down)
    while (frame := read(inbox, decoder)) is not None:
        frames.put(frame)
    os._exit(0)


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


@contextlib.contextmanager
def logged(task: Task) -> Iterator[None]:
    """Standard output and error of everything, C code included, go to the trial's log."""
    path = Path(task.log) if task.log else Path(os.devnull)
    if task.log:
        path.parent.mkdir(parents=True, exist_ok=True)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    kept, out, err = os.dup(2), sys.stdout, sys.stderr
    os.dup2(file, 1)
    os.dup2(file, 2)
    os.close(file)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # an objective may have put anything there
                stream.flush()
        os.dup2(kept, 1)
        os.dup2(kept, 2)
        os.close(kept)
        sys.stdout, sys.stderr = (_open(each, fd) for each, fd in ((out, 1), (err, 2)))


def _open(stream: Any, descriptor: int) -> Any:
    """The stream as it was before the trial, or a new one when the trial has closed it."""
    closed = stream is None or getattr(stream, "closed", False)
    return (
        open(descriptor, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
        if closed
        else stream
    )


@contextlib.contextmanager
def limited(task: Task) -> Iterator[None]:
    """An allocation beyond the limit fails in the trial instead of starving the machine."""
    if task.limits.memory is None or sys.platform == "win32":
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = _address_space() + task.limits.memory
    resource.setrlimit(resource.RLIMIT_AS, (limit if hard < 0 else min(limit, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _address_space() -> int:
    """Bytes of address space in use now, 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
