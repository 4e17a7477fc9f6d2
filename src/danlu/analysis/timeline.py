"""Which worker ran which trial when."""

from __future__ import annotations

import heapq

import msgspec
import numpy as np

from ..journal.history import History
from .measured import Floats, Numbers


class Timeline(msgspec.Struct, frozen=True):
    """Trials as bars on lanes; a worker has as many lanes as it ran trials at once.

    Attributes:
        numbers: of the trials, shape (n,).
        statuses: ``Status`` codes, shape (n,).
        starts, ends: seconds since the study was made, shape (n,); a running trial ends now.
        lanes: the lane of each bar, shape (n,).
        workers: the worker of each lane (the last one that had the trial).
        total: how many trials there are; more than n where only the newest are shown.
    """

    numbers: Numbers
    statuses: Numbers
    starts: Floats
    ends: Floats
    lanes: Numbers
    workers: tuple[str, ...]
    total: int


def timeline(history: History, rows: Numbers | None = None, *, most: int = 1000) -> Timeline:
    """The newest ``most`` trials as bars from when they were asked to when they ended, pauses included.

    Example:
        >>> import danlu
        >>> found = timeline(danlu.tune(lambda t: t["x"], {"x": danlu.Float(0, 1)}, trials=5).history)
        >>> found.lanes.tolist()
        [0, 0, 0, 0, 0]
    """
    all_ = np.arange(len(history)) if rows is None else rows
    kept = all_[-most:]
    begun = history.spent.created_at
    starts = np.array([history.rows[row].asked.at for row in kept]) - begun
    ended = [history.rows[row].ended_at for row in kept]
    ends = np.array([history.spent.last_at if at is None else at for at in ended]) - begun
    lanes = np.zeros(len(kept), np.int64)
    workers: list[str] = []
    free: dict[str, list[tuple[float, int]]] = {}
    for at in np.argsort(starts, kind="stable"):
        worker = history.rows[kept[at]].worker
        idle = free.setdefault(worker, [])
        if idle and idle[0][0] <= starts[at]:
            lane = heapq.heappop(idle)[1]
        else:
            lane = len(workers)
            workers.append(worker)
        lanes[at] = lane
        heapq.heappush(idle, (float(max(ends[at], starts[at])), lane))
    return Timeline(
        kept,
        history.columns.statuses[kept].astype(np.int64),
        starts,
        np.maximum(ends, starts),
        lanes,
        tuple(workers),
        len(all_),
    )
