"""Who a worker is, written so that another process on the same machine can tell whether it lives.

An identity is ``host/boot/pid/start/random``: the machine's boot and the process's start time make a
recycled process number harmless. Clocks that decide leases are monotonic and the same for all
processes of one boot, so neither a wrong wall clock nor a suspended machine ends a healthy lease.
"""

from __future__ import annotations

import functools
import os
import socket
import time
import uuid
from pathlib import Path


def identity() -> str:
    """A new identity for this process."""
    pid = os.getpid()
    return f"{socket.gethostname()}/{boot()}/{pid}/{_started(pid)}/{uuid.uuid4().hex[:12]}"


def dead(worker: str) -> bool:
    """Whether the worker is known to be dead: of an earlier boot of this host, or a process now gone.

    A worker of another host is never known to be dead.

    Example:
        >>> dead(identity())
        False
    """
    try:
        host, its_boot, pid, started, _ = worker.rsplit("/", 4)
    except ValueError:
        return False
    if host != socket.gethostname():
        return False
    return its_boot != boot() or _started(int(pid)) != started


@functools.cache
def boot() -> str:
    """What tells this boot of the machine from the last one."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()[:8]
    except OSError:
        return str(int((time.time() - time.monotonic()) // 60))


def _started(pid: int) -> str:
    """The start time of a live process in clock ticks, '' for none; a zombie counts as gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    except OSError:
        return _alive_without_proc(pid)
    return "" if fields[0] in "ZX" else fields[19]


def _alive_without_proc(pid: int) -> str:
    if Path("/proc/self/stat").exists():
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        return "alive"
    return "alive"
