"""One thread of linear algebra, and numpy's own rules for numbers, for danlu's own calculations.

Its matrices are small: more threads wait for each other, and on a busy machine they wait for minutes of CPU time. The
libraries that numpy and scipy calculate with (OpenBLAS, MKL, BLIS) are held to one thread while danlu calculates, and
get back the number that they had. OpenMP's threads, which torch trains with, are not touched, and so neither is an OpenBLAS
that was built to use them.

The number belongs to the process. A training that runs in another thread at that moment, and multiplies matrices with
numpy, does so with one thread until danlu's calculation is over.

What a program has set with ``numpy.seterr`` is for its own calculations. In danlu's, what is too large for a number is infinite and what
is too small is 0, without a word: losses of 1e308 are somebody's losses. An invalid value still warns. Before, a program's
``numpy.seterr(all="raise")`` made danlu's own arithmetic fail the trial that was reporting.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import ContextDecorator
from functools import wraps
from threading import Lock, local
from types import TracebackType
from typing import Any, ParamSpec, TypeVar

import numpy as np

P = ParamSpec("P")
T = TypeVar("T")

LOADS = ("scipy.linalg", "scipy.special")
"""Modules that load libraries of their own, beside numpy's; danlu calculates nothing large before it has imported one."""


RULES: dict[str, Any] = {"over": "ignore", "under": "ignore", "divide": "warn", "invalid": "warn"}
"""Numpy's rules while danlu calculates: ``with np.errstate(**RULES)``."""


class OneThread(ContextDecorator):
    """A context in which linear algebra has one thread; it may be entered again inside, and by several threads.

    Numbers that overflow or vanish are no errors inside, whatever the program has set.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._rules = local()
        self._depth = 0
        self._known: tuple[bool, ...] = ()
        self._libraries: list[Any] = []
        self._limited: tuple[bool, ...] = ()
        self._before: list[tuple[Any, int]] = []

    def __enter__(self) -> None:
        loaded = tuple(name in sys.modules for name in LOADS)
        with self._lock:
            if any(loaded) and (self._depth == 0 or loaded != self._limited):
                if loaded != self._known:
                    self._find(loaded)
                self._limit(loaded)
            self._depth += 1
        rules = np.errstate(**RULES)
        rules.__enter__()
        try:
            self._rules.entered.append(rules)
        except AttributeError:  # the first time in this thread
            self._rules.entered = [rules]

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._rules.entered.pop().__exit__(None, None, None)
        with self._lock:
            self._depth -= 1
            if self._depth == 0:
                for library, number in self._before:
                    _set(library, number)
                self._before, self._limited = [], ()

    def _find(self, loaded: tuple[bool, ...]) -> None:
        """Which libraries there are takes about a millisecond to find, so it is looked up when more were loaded."""
        from threadpoolctl import ThreadpoolController

        self._libraries = [
            library
            for library in ThreadpoolController().lib_controllers
            if library.user_api == "blas" and getattr(library, "threading_layer", "") != "openmp"
        ]
        self._known = loaded

    def _limit(self, loaded: tuple[bool, ...]) -> None:
        several = [(library, library.get_num_threads()) for library in self._libraries]
        mine = [(library, number) for library, number in several if number and number > 1]
        for library, _ in mine:
            _set(library, 1)
        self._before = mine + self._before
        self._limited = loaded


def _set(library: Any, number: int) -> None:
    """Set a library's number, whichever thread set it last: newer threadpoolctl lets one thread alone do so, and ignores others."""
    release = getattr(library, "clear_controlling_thread", None)
    if release is not None:
        release(force=True)
    library.set_num_threads(number)
    if release is not None:
        release(force=True)


one_thread = OneThread()
"""The process's own; ``with one_thread:`` around whatever calculates, ``@one_thread`` over it."""


def single(function: Callable[P, T]) -> Callable[P, T]:
    """A function that calculates with one thread of linear algebra, from its first call on.

    Example:
        >>> import numpy as np
        >>> single(np.linalg.det)(np.eye(3)).item()
        1.0
    """

    @wraps(function)
    def limited(*args: P.args, **kwargs: P.kwargs) -> T:
        import scipy.linalg  # noqa: F401  # its library has to be there to be limited

        with one_thread:
            return function(*args, **kwargs)

    return limited
