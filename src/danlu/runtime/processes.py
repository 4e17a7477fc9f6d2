"""Processes that others start: when one is dead, what it and its own have, and how all of them end.

A pipe tells nothing of a process: whoever was forked from it holds the pipe's other end as well, and goes on holding it. So a process
is watched itself. What belongs to it are the members of its session and its descendants. A process that left its session
and whose parents are dead, as a daemon, is found by a word in its environment alone, where it was given one (``marks.py``).
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

PROC = Path("/proc")

WAITS = hasattr(os, "waitid")
"""Whether a process can be looked at without waiting for it; elsewhere the end of its output has to do."""

LOOK_SECONDS = 0.1
"""Seconds between two looks at a process, where the system has no descriptor for it."""

REST = 1 << 20
"""Bytes that are read after a process has died: more than a pipe holds, so all that it wrote is among them."""

ROUNDS = 20
"""How often processes that belong together are looked for and ended, as they may start others meanwhile."""

LEAVE_SECONDS = 5.0
"""How long what a program has started may take to leave when it is asked to (SIGTERM)."""

_LOOK_AGAIN = 0.01
_PART = 1 << 16


class Process(NamedTuple):
    """A process as the system lists it."""

    pid: int
    state: str
    parent: int
    session: int
    resident: int


def is_dead(pid: int) -> bool:
    """Whether a child of this process is dead, whether it has been waited for or not; False where the system does not tell."""
    if not WAITS:
        return False
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
    except ChildProcessError:
        return True


def hear(pid: int, output: int, linger: float | None = None, every: float | None = None) -> Iterator[bytes]:
    """What a child of this process writes, until it is dead; that others hold its output open as well means nothing.

    Args:
        pid: the child's, which is not waited for here.
        output: the descriptor to read; it stays open.
        linger: seconds for which a child that has closed its output is still watched; None for as long as it lives.
        every: seconds after which b"" comes where nothing is written; None to wait for as long as it takes.
    """
    linger = linger if WAITS else 0.0
    watched = _descriptor(pid)
    poll = select.poll()
    poll.register(output, select.POLLIN)
    if watched is not None:
        poll.register(watched, select.POLLIN)
    ended: float | None = None
    try:
        while not is_dead(pid):
            left = None if ended is None or linger is None else ended + linger - time.monotonic()
            if left is not None and left <= 0:
                return
            ready = dict(poll.poll(_wait(left, every, look=watched is None)))
            if not ready and every is not None:
                yield b""
            if output in ready:
                chunk = _read(output)
                if not chunk:
                    ended = time.monotonic()
                    poll.unregister(output)
                    continue
                yield chunk
        if ended is None:
            yield from _rest(output)
    finally:
        if watched is not None:
            os.close(watched)


def listed() -> dict[int, Process]:
    """The processes that this one can see, by number; {} where the system lists none."""
    found: dict[int, Process] = {}
    page = os.sysconf("SC_PAGE_SIZE")
    for number in _numbers():
        with contextlib.suppress(IndexError, ValueError):  # it is gone meanwhile
            fields = _told(number, "stat").rpartition(b")")[2].split()
            found[number] = Process(
                number, fields[0].decode(), int(fields[1]), int(fields[3]), int(fields[21]) * page
            )
    return found


def belonging(pid: int, among: dict[int, Process]) -> list[Process]:
    """A process, its descendants, and the members of the session that it leads; those that are dead not.

    Example:
        >>> shell = Process(7, "S", 1, 7, 100)
        >>> [each.pid for each in belonging(7, {7: shell, 8: Process(8, "R", 1, 7, 1), 9: Process(9, "R", 8, 9, 1)})]
        [7, 8, 9]
    """
    own = {pid} | {each.pid for each in among.values() if each.session == pid}
    more = own
    while more:
        more = {each.pid for each in among.values() if each.parent in more} - own
        own |= more
    return [among[number] for number in sorted(own) if number in among and among[number].state not in "ZX"]


def memory(own: list[Process], limit: int) -> int:
    """Bytes that processes hold together.

    Pages that they share, as forked processes do, are counted once; that is slow to ask, and asked only where counting
    them for each is more than the limit.
    """
    most = sum(each.resident for each in own)
    return most if most <= limit else sum(_share(each) for each in own)


def ask_to_leave(pids: Iterable[int]) -> None:
    """Send SIGTERM to processes, and wait until none of them is alive, or for ``LEAVE_SECONDS``.

    Some only stand for work that is done elsewhere, as ``srun`` for a job's step and ``docker run`` for a container: asked, they end it;
    killed, they leave it running.
    """
    left = set(pids)
    for number in left:
        _send(number, signal.SIGTERM)
    until = time.monotonic() + LEAVE_SECONDS
    while left and time.monotonic() < until:
        among = listed()
        left = {number for number in left if number in among and among[number].state not in "ZX"}
        if left:
            time.sleep(_LOOK_AGAIN)


def group(pid: int) -> list[int]:
    """The living processes of a process group."""
    return [each.pid for each in listed().values() if each.state not in "ZX" and _group_of(each.pid) == pid]


def end(pid: int, *, spare: int = 0) -> None:
    """Kill a process and all that belongs to it; programs in a process group of their own are asked to leave first.

    Args:
        pid: a process that leads a session, and has not been waited for, so that its number is its own.
        spare: one that is left alive, the caller.
    """
    if pid != spare:
        _send(pid, signal.SIGSTOP)  # it starts nothing more while its own are listed
    own = [each.pid for each in belonging(pid, listed()) if each.pid not in {pid, spare}]
    if not own and pid != spare:  # one that is stopped and has nothing starts nothing
        _kill_group(pid)
        return
    ask_to_leave(each for each in own if _group_of(each) != pid)
    for _ in range(ROUNDS):
        own = [each.pid for each in belonging(pid, listed()) if each.pid != spare]
        for number in own:
            _send(number, signal.SIGKILL)
        if pid != spare:
            _kill_group(pid)
        if not own:
            return
        time.sleep(0.001)


def end_marked(variable: str, word: str) -> None:
    """Ask the processes of this user to leave, and kill them, that were started with a word in a variable, wherever they have gone.

    Args:
        variable: the name of one of their environment, which holds words with spaces between them.
        word: that nothing else has.
    """
    own = _marked(variable, word)
    if own:
        ask_to_leave(own)
    for _ in range(ROUNDS if own else 0):
        own = _marked(variable, word)
        for number in own:
            _send(number, signal.SIGKILL)
        if not own:
            return
        time.sleep(0.001)


def _marked(variable: str, word: str) -> list[int]:
    name, own, sought = f"{variable}=".encode(), os.getpid(), word.encode()
    found = []
    for pid in _numbers():
        given = _told(pid, "environ") if pid != own else b""
        if sought in given:  # few are taken apart, as a look at all of them comes with each end of a trial
            words = [each.removeprefix(name).split() for each in given.split(b"\0") if each.startswith(name)]
            found += [pid] if any(sought in each for each in words) else []
    return found


def oom_kills() -> int:
    """How many processes the system has killed for want of memory since boot, 0 where it does not tell."""
    try:
        lines = (PROC / "vmstat").read_text("ascii").splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("oom_kill ")), 0)


def _numbers() -> list[int]:
    """The numbers of the processes that this one can see."""
    try:
        return [int(name) for name in os.listdir(PROC) if name.isdigit()]  # noqa: PTH208 - hundreds of names, ten times a second
    except OSError:
        return []


def _told(pid: int, name: str) -> bytes:
    """What a file of a process says; nothing where it is gone, or another user's."""
    parts = []
    with contextlib.suppress(OSError):
        file = os.open(f"{PROC}/{pid}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            parts.append(os.read(file, _PART))
            while len(parts[-1]) == _PART:  # what is shorter was the end
                parts.append(os.read(file, _PART))
        finally:
            os.close(file)
    return b"".join(parts)


def _group_of(pid: int) -> int:
    """The process group of a process, 0 where it is gone."""
    try:
        return os.getpgid(pid)
    except OSError:
        return 0


def _kill_group(pid: int) -> None:
    with contextlib.suppress(OSError):  # where nothing is listed
        os.killpg(pid, signal.SIGKILL)
    _send(pid, signal.SIGKILL)


def _send(pid: int, number: int) -> None:
    with contextlib.suppress(OSError):  # it is gone already, or another user's
        os.kill(pid, number)


def _descriptor(pid: int) -> int | None:
    """A descriptor that is readable once the process is dead; None where the system has none."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def _wait(left: float | None, every: float | None, *, look: bool) -> float | None:
    """Milliseconds to wait for something to happen."""
    waits = [seconds for seconds in (left, every, LOOK_SECONDS if look else None) if seconds is not None]
    return 1000 * min(waits) if waits else None


def _read(output: int) -> bytes:
    try:
        return os.read(output, 1 << 16)
    except OSError:  # a terminal that nobody holds any more says so by an error
        return b""


def _rest(output: int) -> Iterator[bytes]:
    """What lies in a pipe whose writer is dead."""
    poll, left = select.poll(), REST
    poll.register(output, select.POLLIN)
    while left > 0 and poll.poll(0):
        chunk = _read(output)
        if not chunk:
            return
        left -= len(chunk)
        yield chunk


def _share(process: Process) -> int:
    """Bytes of a process's memory, of pages that it shares its part; all that is resident where the system does not tell."""
    try:
        lines = (PROC / str(process.pid) / "smaps_rollup").read_bytes().splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith(b"Pss:"))
    except (OSError, StopIteration, ValueError, IndexError):
        return process.resident
