"""Answers that need a model: calculated once for each question, part by part, by one thread, while the page is told how far it has come."""

from __future__ import annotations

import threading
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from typing import Any, TypeAlias

from ..errors import DanluError

Parts: TypeAlias = Iterator[tuple[str, dict[str, Any]]]
"""What will be calculated next ('' for nothing more), with what has been found since the part before."""

KEPT = 12
"""So many questions are answered from memory: those of a few tabs, each with another filter."""

FORGOTTEN = 6.0
"""Seconds after which a calculation that nobody waits for any more is given up, between two of its parts."""

LOOK = 1.0
"""Seconds that a request waits for the next part."""


class Insight:
    """One question's answer, as far as it is known.

    Attributes:
        seq: how far the journal was read when it was begun.
        found: what has been found.
        stage: how many parts that are.
        doing: what is being calculated, '' when all is there.
        error: why there is no answer, None while nothing is wrong.
    """

    def __init__(self, seq: int, parts: Parts) -> None:
        self.seq, self.parts = seq, parts
        self.found: dict[str, Any] = {}
        self.stage, self.doing = 0, "queued"
        self.error: Exception | None = None
        self.wanted = time.monotonic()

    @property
    def ready(self) -> bool:
        """Whether there is nothing more to calculate."""
        return not self.doing or self.error is not None


class Insights:
    """Calculates answers in the order in which they are asked for, one at a time."""

    def __init__(self) -> None:
        self._held: OrderedDict[Hashable, Insight] = OrderedDict()
        self._waiting: list[Insight] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def ask(
        self, question: Hashable, seq: int, parts: Callable[[], Parts], *, have: int | None = None
    ) -> dict[str, Any]:
        """The answer to a question, calculated when it is new, or when the study has grown since.

        Args:
            question: the study and everything else that an answer depends on.
            seq: how far the study's journal is read.
            parts: begins the calculation.
            have: wait for one part more than these, at most ``LOOK`` seconds; for the whole answer when None.

        Raises:
            DanluError: what the calculation raised.
        """
        with self._changed:
            work = self._held.get(question)
            if work is None or (work.ready and (work.seq != seq or work.error is not None)):
                work = self._held[question] = Insight(seq, parts())
                self._waiting.append(work)
                self._begin()
            self._held.move_to_end(question)
            until = time.monotonic() + LOOK
            while not work.ready and (have is None or (work.stage <= have and time.monotonic() < until)):
                work.wanted = time.monotonic()
                self._changed.wait(LOOK / 4)
            work.wanted = time.monotonic()
            while len(self._held) > KEPT:
                self._held.popitem(last=False)
            if work.error is not None:
                raise work.error
            return {
                **work.found, "ready": work.ready, "stage": work.stage, "doing": work.doing, "seq": work.seq,
            }  # fmt: skip

    def _begin(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="danlu-insights", daemon=True)
            self._thread.start()
        self._changed.notify_all()

    def _run(self) -> None:
        while True:
            with self._changed:
                if not self._waiting:
                    self._thread = None
                    return
                work = self._waiting.pop(0)
            self._calculate(work)

    def _calculate(self, work: Insight) -> None:
        while not work.ready:
            if self._forgotten(work):
                return
            try:
                doing, found = next(work.parts)
            except StopIteration:
                doing, found = "", {}
            except DanluError as error:
                self._end(work, error)
                return
            except (
                Exception
            ) as error:  # a defect: said to whoever asked, and the thread goes on with the next
                traceback.print_exc()
                self._end(work, error)
                return
            with self._changed:
                work.found |= found
                work.doing, work.stage = doing, work.stage + 1
                self._changed.notify_all()

    def _end(self, work: Insight, error: Exception) -> None:
        with self._changed:
            work.error = error
            self._changed.notify_all()

    def _forgotten(self, work: Insight) -> bool:
        """Whether nobody waits for it any more; whoever asks again then begins anew."""
        with self._changed:  # nobody can begin to wait between the look and the end
            if time.monotonic() - work.wanted <= FORGOTTEN:
                return False
            for question, held in list(self._held.items()):
                if held is work:
                    del self._held[question]
            return True
