"""What is piped into danlu, which hands it to no program."""

from __future__ import annotations

import os
import stat

from .echo import echo

STDIN = 0


def waits(descriptor: int) -> int:
    """Bytes that wait in a pipe, a socket or a file; 0 for a terminal, ``/dev/null`` and what is closed."""
    try:
        state = os.fstat(descriptor)
        if stat.S_ISREG(state.st_mode):
            return max(0, state.st_size - os.lseek(descriptor, 0, os.SEEK_CUR))
        if stat.S_ISFIFO(state.st_mode) or stat.S_ISSOCK(state.st_mode):
            import fcntl
            import termios

            return int.from_bytes(fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4)), "little")
    except OSError:
        pass
    return 0


def say_piped(descriptor: int = STDIN) -> None:
    """Say that what is piped into danlu reaches no program, where something is."""
    if waits(descriptor):
        echo(
            "what is piped into danlu is not handed on: each trial would need it anew, and every program's input is empty. Name a file in the "
            "command, or have a shell read it: -- sh -c 'python train.py < data.txt'.",
            err=True,
        )
