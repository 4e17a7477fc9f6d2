"""What a trial leaves changed in its process, so that no trial depends on those before it without a word.

Put back is what danlu and the next trial stand on: the working directory, by which relative paths are read, standard output and
error, in Python and by their numbers, and the handlers of SIGINT and SIGTERM. Left and said is what changes the numbers of the trials that follow: numpy's error
state, torch's default type, and whether torch keeps gradients. Everything else stays as an ordinary call leaves it: the environment,
which libraries write to as they are imported, warning filters, logging.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from typing import Any

import numpy as np

from .descriptors import Descriptors

_STREAMS = ("stdout", "stderr")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Before:
    """The process as it is before a trial.

    Example:
        >>> import os
        >>> before, home = Before(), os.getcwd()
        >>> os.chdir("/")
        >>> before.settle(7)
        'trial 7 left another working directory (/), which was put back'
        >>> os.getcwd() == home
        True
    """

    def __init__(self) -> None:
        self._folder = _folder()
        self._streams = {name: getattr(sys, name) for name in _STREAMS}
        self._descriptors = Descriptors()
        self._main = threading.current_thread() is threading.main_thread()
        self._handlers = {number: signal.getsignal(number) for number in _SIGNALS} if self._main else {}
        self._numbers = _numbers()

    def settle(self, trial: int) -> str:
        """Put back what has to be; what the trial has left changed, as a sentence, '' for nothing."""
        back = [*self._put_back_folder(), *self._put_back_streams(), *self._put_back_handlers()]
        again, lost = self._descriptors.put_back()
        back += [name if name.startswith("sys.") else f"another {name}" for name in again]
        now = _numbers()
        left = [
            f"{what} {now[what]} (before: {was})" for what, was in self._numbers.items() if now[what] != was
        ]
        parts = []
        if back:
            parts.append(f"left {' and '.join(back)}, which was put back")
        if lost:
            parts.append(
                f"left {' and '.join(lost)} closed, with every copy of it: what is printed there is lost from here on"
            )
        if left:
            parts.append(
                f"left {' and '.join(left)}, with which later trials of this process begin; set it before the study, or put it back"
            )
        return f"trial {trial} {'; it '.join(parts)}" if parts else ""

    def _put_back_folder(self) -> list[str]:
        now = _folder()
        if now == self._folder or not self._folder:
            return []
        with contextlib.suppress(OSError):  # it is gone, and the next trial's own error tells so
            os.chdir(self._folder)
        return [f"another working directory ({now or 'a removed one'})"]

    def _put_back_streams(self) -> list[str]:
        changed = [name for name, stream in self._streams.items() if getattr(sys, name) is not stream]
        for name in changed:
            setattr(sys, name, self._streams[name])
        return [f"another sys.{name}" for name in changed]

    def _put_back_handlers(self) -> list[str]:
        changed = [
            number for number, handler in self._handlers.items() if signal.getsignal(number) != handler
        ]
        for number in changed:
            signal.signal(number, self._handlers[number])
        return [f"another handler of {number.name}" for number in changed]


def _folder() -> str:
    try:
        return os.getcwd()  # noqa: PTH109 - compared as text
    except OSError:
        return ""


def _numbers() -> dict[str, Any]:
    """What numbers depend on: numpy's error state, and torch's defaults where torch was imported before the trial."""
    found: dict[str, Any] = {"numpy's error state": np.geterr()}
    torch: Any = sys.modules.get("torch")
    known = torch is not None and hasattr(torch, "is_grad_enabled") and hasattr(torch, "get_default_dtype")
    found["torch's default type"] = torch.get_default_dtype() if known else "torch.float32"
    found["torch's gradients"] = "on" if not known or torch.is_grad_enabled() else "off"
    return {what: str(value) for what, value in found.items()}
