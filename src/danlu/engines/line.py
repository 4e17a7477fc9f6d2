"""A worker's end of the conversation with its pool: two threads and two pipes that nothing else in the process can reach.

An objective may close every descriptor, or put another file in a descriptor's place; what it forks would hold the pipes open. On Linux
each of the two threads therefore has descriptors of its own, and the rest of the process has none of the pipes. Where that is not
allowed the pipes have numbers so high that loops over descriptors do not come by, and a fork closes them.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import itertools
import os
import queue
import resource
import select
import sys
import threading
from collections.abc import Callable
from typing import Any

import msgspec

from ..contracts.messages import Message, Outcome, Reply
from ..runtime import marks, processes
from .wire import Down, Frames, Run, Said, Setup, Told, Up, packed

HIGH = 4096
"""The least number of a pipe's descriptor where threads cannot have their own."""

MUTE = 113
"""The exit code of a worker that cannot speak any more, as its objective has closed its pipe or replaced it."""

_CLONE_FILES = 0x400

_PARENT_SECONDS = 2.0
"""Seconds between two looks at whether the parent still lives, whoever else may hold its end of the pipe."""


class Exchange:
    """Messages and their replies, matched by number. Threads may share it."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._waiting: dict[int, queue.SimpleQueue[Reply]] = {}

    def ask(self, message: Message, send: Callable[[Said], Any]) -> Reply:
        """Send a message and wait for its reply."""
        number = next(self._numbers)
        waiting = self._waiting[number] = queue.SimpleQueue()
        try:
            send(Said(number, message))
            return waiting.get()
        finally:
            del self._waiting[number]

    def told(self, frame: Told) -> None:
        """Hand a reply to whoever waits for it; one that nobody waits for is dropped."""
        waiting = self._waiting.get(frame.number)
        if waiting is not None:
            waiting.put(frame.reply)


class WorkerLine:
    """Reads tasks and replies, writes messages and outcomes.

    Args:
        inbox, outbox: descriptors of the two pipes, which are the line's from here on.
    """

    def __init__(self, inbox: int, outbox: int) -> None:
        self._inbox, self._outbox = _high(inbox), _high(outbox)
        self._parent = os.getppid()
        self._tasks: queue.SimpleQueue[Setup | Run] = queue.SimpleQueue()
        self._out: queue.SimpleQueue[tuple[bytes, threading.Event]] = queue.SimpleQueue()
        self._exchange = Exchange()
        alone: queue.SimpleQueue[bool] = queue.SimpleQueue()
        for act in (self._listen, self._speak):
            threading.Thread(target=_apart, args=(act, alone), name="danlu-line", daemon=True).start()
        self.private = all([alone.get(), alone.get()])
        if self.private:
            self._close()
        else:
            self._place = os.fstat(self._outbox)
            os.register_at_fork(after_in_child=self._close)

    def next(self) -> Setup | Run:
        """Wait for what is to be done."""
        return self._tasks.get()

    def ask(self, message: Message) -> Reply:
        """Say what a trial has to say, and wait for the reply."""
        return self._exchange.ask(message, self._send)

    def say(self, frame: Up) -> None:
        """Send a frame; it is in the pipe when this returns.

        Raises:
            UnicodeEncodeError, OverflowError: for what no frame can hold.
        """
        self._send(frame).wait()

    def tell(self, outcome: Outcome, otherwise: Callable[[Exception], Outcome]) -> None:
        """Send how an attempt ended; when that cannot be sent, what ``otherwise`` makes of the error."""
        try:
            self.say(outcome)
        except Exception as error:
            self.say(otherwise(error))

    def _send(self, frame: Up) -> threading.Event:
        written = threading.Event()
        self._out.put((packed(frame), written))
        return written

    def _listen(self) -> None:
        frames: Frames[Down] = Frames(msgspec.msgpack.Decoder(Down))
        poll = select.poll()
        poll.register(self._inbox, select.POLLIN)
        while os.getppid() == self._parent:
            if not poll.poll(1000 * _PARENT_SECONDS):
                continue
            piece = os.read(self._inbox, 1 << 16)
            if not piece:
                return
            for frame in frames.take(piece):
                if isinstance(frame, Told):
                    self._exchange.told(frame)
                else:
                    self._tasks.put(frame)

    def _speak(self) -> None:
        while True:
            frame, written = self._out.get()
            if not self.private and not os.path.samestat(os.fstat(self._outbox), self._place):
                os._exit(MUTE)
            while frame:
                frame = frame[os.write(self._outbox, frame) :]
            written.set()

    def _close(self) -> None:
        for descriptor in (self._inbox, self._outbox):
            with contextlib.suppress(OSError):
                os.close(descriptor)


def _apart(act: Callable[[], None], alone: queue.SimpleQueue[bool]) -> None:
    """Do one half of the conversation, and end the worker with all that belongs to it when it is over."""
    alone.put(_own_descriptors())
    try:
        act()
    except BrokenPipeError:
        pass
    except OSError as error:  # closed, or another file's by now
        if error.errno == errno.EBADF:
            os._exit(MUTE)
    finally:
        processes.end(os.getpid(), spare=os.getpid())
        marks.end_all()
        os._exit(0)


def _own_descriptors() -> bool:
    """Give this thread descriptors that the other threads neither have nor can close; whether the system does so."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        return bool(ctypes.CDLL(None).unshare(_CLONE_FILES) == 0)
    except (AttributeError, OSError):
        return False


def _high(descriptor: int) -> int:
    """The same pipe under a high number, where the limit on numbers can be raised for a moment."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    least = HIGH if hard == resource.RLIM_INFINITY or hard > HIGH + 8 else 3
    try:
        if soft != resource.RLIM_INFINITY and soft <= HIGH + 8 and least == HIGH:
            resource.setrlimit(resource.RLIMIT_NOFILE, (HIGH + 8, hard))
        moved = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, least)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    os.close(descriptor)
    return moved
