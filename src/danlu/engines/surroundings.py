"""What a trial finds around it in a worker, and how that is put back after it: streams, log, memory limit, timers, signals.

Nothing here raises once a trial has run: its result is good whatever it left behind, and what cannot be put back is a warning.
"""

from __future__ import annotations

import contextlib
import io
import os
import resource
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ..base.failure import sentence
from ..contracts.messages import Task

LIMITS = (
    resource.RLIMIT_CORE,
    resource.RLIMIT_CPU,
    resource.RLIMIT_DATA,
    resource.RLIMIT_FSIZE,
    resource.RLIMIT_NOFILE,
)
"""What the system limits, and a trial may lower for itself."""


@contextlib.contextmanager
def guarded(warnings: list[str], what: str) -> Iterator[None]:
    """Let whatever happens inside be a warning."""
    try:
        yield
    except BaseException as error:  # a trial may leave anything behind, its own signals included
        warnings.append(f"{what}: {sentence(error)}")


class Streams:
    """Standard output and error of a process, for Python and for C: while a trial runs they go to its log.

    What cannot be written, as the disk is full, is dropped and counted: no trial fails for its log.
    """

    def __init__(self) -> None:
        self._raw = (_Log(1), _Log(2))
        self._kept = os.dup(2)
        self._before: tuple[Any, Any] = (sys.stdout, sys.stderr)
        self._own = [_Text(raw) for raw in self._raw]

    @contextlib.contextmanager
    def logged(self, task: Task, warnings: list[str]) -> Iterator[None]:
        """Have everything go to the trial's log."""
        self._before = (sys.stdout, sys.stderr)
        with guarded(warnings, "its log cannot be opened"):
            _point(_file(task, warnings))
        sys.stdout, sys.stderr = self._own
        try:
            yield
        finally:
            self._put_back(warnings)

    def _put_back(self, warnings: list[str]) -> None:
        for stream in (*self._own, sys.stdout, sys.stderr):
            if hasattr(stream, "flush") and not getattr(stream, "closed", False):
                with guarded(warnings, "what it printed cannot be flushed"):
                    stream.flush()
        sys.stdout, sys.stderr = self._before
        for raw in self._raw:
            if raw.lost:
                warnings.append(f"{raw.lost} bytes of its log are lost: {raw.why}")
            raw.lost = 0
        with guarded(warnings, "standard error cannot be put back"):
            _point(_copy(self._kept))


class _Log(io.RawIOBase):
    """A descriptor to write to that takes everything and counts what it could not write."""

    def __init__(self, descriptor: int) -> None:
        self.name = ("<stdin>", "<stdout>", "<stderr>")[descriptor]
        self.lost, self.why = 0, ""
        self._descriptor = descriptor

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def write(self, data: Any) -> int:
        size = memoryview(data).nbytes
        try:
            return os.write(self._descriptor, data)
        except OSError as error:
            self.lost, self.why = self.lost + size, error.strerror or str(error)
            return size


class _Text(io.TextIOWrapper):
    """Standard output or error for every trial of a process: one that closes it closes it for no other."""

    def __init__(self, raw: _Log) -> None:
        super().__init__(
            io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", line_buffering=True
        )

    def close(self) -> None:
        self.flush()


def _file(task: Task, warnings: list[str]) -> int:
    """The trial's log, or where nothing is kept when it has none or it cannot be made."""
    if task.log:
        with guarded(warnings, "its log cannot be written"):
            path = Path(task.log)
            path.parent.mkdir(parents=True, exist_ok=True)
            return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    return os.open(os.devnull, os.O_WRONLY)


def _copy(descriptor: int) -> int:
    """A copy of a descriptor; of one that the objective has closed, a way to nowhere."""
    try:
        return os.dup(descriptor)
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)


def _point(file: int) -> None:
    """Let standard output and error go to a file, whose descriptor is closed."""
    for descriptor in (1, 2):
        os.dup2(file, descriptor)
    if file > 2:
        os.close(file)


@contextlib.contextmanager
def limited(task: Task) -> Iterator[None]:
    """An allocation beyond the limit fails in the trial instead of starving the machine."""
    if task.limits.memory is None:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = _address_space() + task.limits.memory
    resource.setrlimit(resource.RLIMIT_AS, (limit if hard < 0 else min(limit, hard), hard))
    try:
        yield
    finally:
        with contextlib.suppress(OSError, ValueError):  # lowered for good by the trial itself
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _address_space() -> int:
    """Bytes of address space in use now, 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


class State:
    """What a trial may leave behind that would end the next one or lead it astray: timers, signals, limits.

    Taken when the worker is ready, before its first trial.
    """

    def __init__(self) -> None:
        self._umask = _umask()
        self._depth = sys.getrecursionlimit()
        self._limits = {which: resource.getrlimit(which) for which in LIMITS}
        self._mask = signal.pthread_sigmask(signal.SIG_BLOCK, ())
        main = threading.current_thread() is threading.main_thread()  # other threads set no handlers
        self._signals = {number: signal.getsignal(number) for number in signal.valid_signals() if main}

    def put_back(self, warnings: list[str]) -> None:
        """Undo what the last trial has changed."""
        acts: tuple[tuple[str, Callable[[], Any]], ...] = (
            ("its trace function cannot be taken back", _untraced),
            ("its recursion limit cannot be taken back", lambda: sys.setrecursionlimit(self._depth)),
            ("its timers cannot be ended", _untimed),
            ("its signal handlers cannot be taken back", self._signalled),
            ("its limits cannot be taken back", self._unlimited),
            ("its umask cannot be taken back", lambda: os.umask(self._umask)),
        )
        for what, act in acts:
            with guarded(warnings, what):
                act()

    def _unlimited(self) -> None:
        for which, (soft, _) in self._limits.items():
            now, hard = resource.getrlimit(which)
            if now != soft:
                resource.setrlimit(which, (soft, hard))

    def _signalled(self) -> None:
        for number, handler in self._signals.items():
            if handler is not None and signal.getsignal(number) is not handler:
                signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, self._mask)


def _umask() -> int:
    before = os.umask(0o022)
    os.umask(before)
    return before


def _untraced() -> None:
    sys.settrace(None)
    sys.setprofile(None)
    threading.settrace(None)
    threading.setprofile(None)


def _untimed() -> None:
    signal.alarm(0)
    for timer in (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF):
        signal.setitimer(timer, 0)
    faulthandler = sys.modules.get("faulthandler")
    if faulthandler is not None:
        faulthandler.cancel_dump_traceback_later()
