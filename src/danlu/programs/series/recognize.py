"""Every series of numbers in what a program printed and wrote, each with what to write after ``--metric`` to have it.

A series is what its specification would have read: each is tried on the recorded run before it is shown.
"""

from __future__ import annotations

from .printed import printed_series
from .record import RunRecord
from .series import NumberSeries
from .written import written_series


def series_of(record: RunRecord) -> list[NumberSeries]:
    """The series in a recorded run, the likeliest first.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from danlu.programs.printed.output import OutputLine
        >>> from danlu.programs.sources import RunFolders
        >>> record = RunRecord(RunFolders(Path(tempfile.mkdtemp()), Path(tempfile.mkdtemp())))
        >>> for line in ("epoch 1 loss 0.5 lr 0.1", "epoch 2 loss 0.25 lr 0.1"):
        ...     record.read(OutputLine(line))
        >>> [(each.spec, each.steps, each.last, each.way) for each in series_of(record)]
        [('loss', 2, 0.25, 'minimize'), ('lr', 2, 0.1, None)]
    """
    found = [*printed_series(record.lines), *written_series(record)]
    return sorted({each.spec: each for each in found}.values(), key=lambda each: each.rank)
