"""skorch: a callback that reports the history's last row.

net = NeuralNetClassifier(Net, lr=trial["lr"], callbacks=[("danlu", Report(trial, "valid_loss"))])
"""

from __future__ import annotations

from typing import Any

from ..core.errors import MissingExtra, ReportError
from ..core.live import LiveTrial

try:
    from skorch.callbacks import Callback
except ImportError as error:
    raise MissingExtra("danlu.plugins.skorch", "skorch", "skorch") from error


class Report(Callback):  # type: ignore[misc]
    """Reports columns of skorch's history to a live trial after every epoch; a stop or pause ends ``fit`` here.

    Args:
        trial: the live trial.
        metrics: columns of the history, ``valid_loss`` when none is named.

    Raises:
        ReportError: during training, when the history has no such column.
    """

    def __init__(self, trial: LiveTrial, *metrics: str) -> None:
        self.trial, self.metrics = trial, metrics or ("valid_loss",)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Report the epoch."""
        del kwargs
        row = net.history[-1]
        missing = [name for name in self.metrics if name not in row]
        if missing:
            raise ReportError(f"skorch's history has no {missing[0]!r}. It has: {', '.join(sorted(row))}.")
        self.trial.report(int(row["epoch"]), **{name: float(row[name]) for name in self.metrics})
