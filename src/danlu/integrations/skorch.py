"""skorch: a callback that reports the history's last row.

    net = NeuralNetClassifier(Net, lr=trial["lr"], callbacks=[("danlu", DanluCallback(trial, "valid_loss", save=True))])

With ``save=True`` the weights of a trial's best epoch are kept, and ``result.restore(net.initialize().module_)`` loads the best
trial's. A net without validation (``train_split=None``) has no ``valid_loss``: report ``train_loss``, or a score of yours.
"""

from __future__ import annotations

from typing import Any

from ..base.versions import demand
from ..errors import MissingExtra, ReportError
from ..runtime.live import LiveTrial
from .best import BestReport

try:
    demand("danlu.integrations.skorch", "skorch", "skorch")
    from skorch.callbacks import Callback
except MissingExtra:
    raise
except ImportError as error:
    raise MissingExtra("danlu.integrations.skorch", "skorch", "skorch") from error


class DanluCallback(Callback):  # type: ignore[misc]
    """Reports columns of skorch's history to a live trial after every epoch; a stop or pause ends ``fit`` here.

    Args:
        trial: the live trial.
        metrics: columns of the history, ``valid_loss`` when none is named.
        save: whether the module's weights are kept where the goal's first metric was best, for ``result.restore``.

    Raises:
        ReportError: during training, when the history has no such column.
    """

    def __init__(self, trial: LiveTrial, *metrics: str, save: bool = False) -> None:
        self.trial, self.metrics = trial, metrics or ("valid_loss",)
        self.save, self.best = save, BestReport(trial)

    def __sklearn_clone__(self) -> DanluCallback:
        return DanluCallback(self.trial, *self.metrics, save=self.save)

    def on_epoch_end(self, net: Any, **kwargs: Any) -> None:
        """Report the epoch."""
        del kwargs
        row = net.history[-1]
        missing = [name for name in self.metrics if name not in row]
        if missing:
            raise ReportError(f"skorch's history has no {missing[0]!r}. It has: {', '.join(sorted(row))}.")
        found = {name: float(row[name]) for name in self.metrics}
        if self.save and self.best.improved(found):
            self.trial.save(int(row["epoch"]), net.module_)
        self.trial.report(int(row["epoch"]), **found)
