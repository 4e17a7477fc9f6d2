"""What a driver with nothing left to do waits for: the leases of workers that it cannot see, which may be dead.

A process of this machine that is gone is known to be dead at once. One that ran in another container, on another machine, or before this
one was started anew is not: only when its lease runs out without having been renewed is it dead. That takes the length of a lease at most, and a
study that ended before it would be without the trial that the same call was to finish.
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from ..base.failure import say
from ..base.identity import lives

SLACK = 3.0
"""Seconds beyond a lease: whoever waits looks about once a second."""


class Lapse:
    """Waits once, for as long as a lease of the store lasts.

    Args:
        lease_seconds: how long that is.
    """

    def __init__(self, lease_seconds: float) -> None:
        self._lease = lease_seconds
        self._until: float | None = None

    def awaited(self, running: Mapping[int, str]) -> list[int]:
        """Those of the running trials, given with their workers, of which it will be known in time whether they run.

        None of one whose worker is seen to live, and none at all once the time is over: leases that are in force then have been renewed.
        """
        unseen = sorted(number for number, worker in running.items() if lives(worker) is None)
        if unseen and self._until is None:
            self._until = time.monotonic() + self._lease + SLACK
            named = f"trials {', '.join(map(str, unseen))} have" if unseen[1:] else f"trial {unseen[0]} has"
            say(
                f"danlu: {named} a worker that cannot be seen from here: whether it lives shows within {self._lease:.0f} s, the length of "
                "its lease. What it has left is finished then."
            )
        return unseen if self._until is not None and time.monotonic() < self._until else []
