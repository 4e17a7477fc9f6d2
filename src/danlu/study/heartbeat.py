"""A heart beats for the leases of one process: while it beats, nobody takes the process's trials."""

from __future__ import annotations

import threading
from types import TracebackType

from ..base.failure import say
from ..contracts.protocols import Journal
from ..errors import StoreError, StoreGone, StudyMissing


class Heartbeat:
    """Renews a worker's leases every third of their time, from a daemon thread.

    A beat that fails is tried again at the next; when the leases run out meanwhile, the fence keeps
    what this process writes afterwards out of the journal. That the store or the study is gone is said at once, on standard
    error, as the training that runs may not write anything for hours; the next write raises it.
    """

    def __init__(self, journal: Journal, worker: str, lease_seconds: float) -> None:
        self._journal = journal
        self._worker = worker
        self._pause = lease_seconds / 3
        self._done = threading.Event()
        self._said = False
        self._thread = threading.Thread(target=self._beat, name="danlu-heart", daemon=True)
        self._thread.start()

    def __enter__(self) -> Heartbeat:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop beating."""
        self._done.set()
        self._thread.join(timeout=5)

    def _beat(self) -> None:
        while not self._done.wait(self._pause):
            try:
                self._journal.renew(self._worker)
            except (StoreGone, StudyMissing) as error:
                if not self._said:
                    say(f"danlu: {error}")
                self._said = True
            except StoreError:
                continue
