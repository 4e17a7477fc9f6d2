"""Turns: threads that want the same thing get it one after the other, in the order in which they came."""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Iterator


class Turns:
    """A lock that is fair, so that no thread waits for ever beside one that comes again and again.

    Whoever has the turn may take it once more inside.

    Example:
        >>> turns = Turns()
        >>> with turns.take(), turns.take():
        ...     "mine"
        'mine'
    """

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._owner: int | None = None
        self._waiting: deque[tuple[int, threading.Event]] = deque()

    @contextlib.contextmanager
    def take(self) -> Iterator[None]:
        """Wait for one's turn, and give it on in the end."""
        own = threading.get_ident()
        if self._owner == own:
            yield
            return
        come = threading.Event()
        with self._guard:
            if self._owner is None:
                self._owner = own
                come.set()
            else:
                self._waiting.append((own, come))
        come.wait()
        try:
            yield
        finally:
            with self._guard:
                self._owner, following = self._waiting.popleft() if self._waiting else (None, None)
            if following is not None:
                following.set()
