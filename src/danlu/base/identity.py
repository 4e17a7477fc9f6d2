"""Who a worker is, written so that another process on the same machine can tell whether it lives.

An identity is ``host/boot/namespace/pid/start/random``. Only a process that shares host, boot and process namespace with a
worker can see whether it lives: two containers with one host name may both have a process 1, and neither can look into the
other. The process's start time makes a recycled process number harmless. Whoever cannot see a worker knows nothing about it, and
its lease decides. Clocks that decide leases are monotonic and the same for all processes of one boot, so neither a wrong wall clock
nor a suspended machine ends a healthy lease.
"""

from __future__ import annotations

import functools
import hashlib
import os
import socket
import sys
import time
import uuid
from pathlib import Path

PROC = Path("/proc")


def identity() -> str:
    """A new identity for this process."""
    pid = os.getpid()
    place = f"{socket.gethostname()}/{boot()}/{_namespace()}"
    return f"{place}/{pid}/{_started(pid) or '-'}/{uuid.uuid4().hex[:12]}"


def dead(worker: str) -> bool:
    """Whether the worker is known to be dead: a process of this host, boot and process namespace that is gone.

    A worker of another host, boot or namespace is never known to be dead, nor is one that was written down without its
    namespace, as early journals have them.

    Example:
        >>> dead(identity())
        False
    """
    return lives(worker) is False


def lives(worker: str) -> bool | None:
    """Whether the worker lives, as far as this process can see it; None when it cannot, and only its lease tells.

    Example:
        >>> lives(identity()), lives("host/0badc0de.1/4026531836/345/12/0123456789ab")
        (True, None)
    """
    try:
        host, its_boot, namespace, pid, started, _ = worker.rsplit("/", 5)
        number = int(pid)
    except ValueError:
        return None
    here = (socket.gethostname(), boot(), _namespace())
    if not namespace or (host, its_boot, namespace) != here:
        return None
    found = _started(number)
    return None if found is None else found == started


def same_clock(worker: str) -> bool:
    """Whether the worker's monotonic clock is this process's: it runs in the same boot of the same machine.

    Example:
        >>> same_clock(identity()), same_clock("host/0badc0de/12/345/0123456789ab")
        (True, False)
    """
    _, _, rest = worker.partition("/")
    its_boot, _, more = rest.partition("/")
    return not more or (its_boot != "" and boot().startswith(its_boot))


@functools.cache
def boot() -> str:
    """What tells this boot of this machine from others, and its monotonic clock from one that a container has moved."""
    try:
        whole = (PROC / "sys/kernel/random/boot_id").read_text("ascii").strip()
    except OSError:  # no Linux: the minute it was started in, and its network card
        return f"{int((time.time() - time.monotonic()) // 60):x}.{uuid.getnode():x}"
    moved = " ".join(_text(PROC / "self/timens_offsets").partition("\n")[0].split()) or "monotonic 0 0"
    machine = hashlib.sha256(f"{whole} {_text(Path('/etc/machine-id'))} {moved}".encode()).hexdigest()
    return f"{whole[:8]}.{machine[:8]}"


def _namespace() -> str:
    """What tells the processes that this one can see from others with the same numbers; '' when nothing does.

    A namespace's number is given again only when all its processes are gone, so a worker that seems to be of this one
    and is not is dead as well.
    """
    if not sys.platform.startswith("linux"):
        return sys.platform
    try:
        if (PROC / "self").readlink().name != str(os.getpid()):  # another namespace's /proc
            return ""
        return str((PROC / "self/ns/pid").stat().st_ino)
    except OSError:
        return ""


def _started(pid: int) -> str | None:
    """The start time of a live process in clock ticks, '' for none, None when that cannot be seen; a zombie counts as gone."""
    try:
        fields = (PROC / str(pid) / "stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return _unseen(pid)
    return "" if fields[0] in "ZX" else fields[19]


def _unseen(pid: int) -> str | None:
    """'' for a process that is not there; None for one that is, and that /proc does not show."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except OSError:
        return None
    return None


def _text(path: Path) -> str:
    try:
        return path.read_text("ascii").strip()
    except (OSError, ValueError):
        return ""
