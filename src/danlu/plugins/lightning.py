"""PyTorch Lightning: a callback that reports every validation, and saves so that a trial can go on.

def train(trial):
    model = Net(lr=trial["lr"])
    report = Report(trial, "val_loss", save=True)
    trainer = lightning.Trainer(max_epochs=10, callbacks=[report], enable_checkpointing=False)
    trainer.fit(model, data, ckpt_path=report.restore())
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from ..core.errors import MissingExtra, ReportError
from ..core.live import LiveTrial

try:
    from lightning.pytorch import LightningModule, Trainer
    from lightning.pytorch.callbacks import Callback
except ImportError as error:
    raise MissingExtra("danlu.plugins.lightning", "lightning", "lightning") from error


class Report(Callback):
    """Reports logged metrics to a live trial after every validation; a stop or pause ends ``fit`` here.

    Args:
        trial: the live trial.
        metrics: names that the module logs; the first one has to be there at every validation.
        save: whether the whole state of the trainer is kept at every report, so that the trial can be resumed.

    Raises:
        ReportError: during training, when a metric was not logged.
    """

    def __init__(self, trial: LiveTrial, *metrics: str, save: bool = False) -> None:
        super().__init__()
        self.trial, self.metrics, self.save = trial, metrics or ("val_loss",), save
        self.folder = Path(tempfile.mkdtemp(prefix="danlu-"))

    def restore(self) -> str | None:
        """A path for ``ckpt_path``: the trial's newest checkpoint, None when it has none."""
        saved = self.trial.saved
        if saved is None:
            return None
        path = self.folder / "restored.ckpt"
        path.write_bytes(bytes(saved[0]))
        return str(path)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Report, once an epoch, what was logged in it; after validation, which Lightning runs before."""
        del pl_module
        found = {
            name: float(trainer.callback_metrics[name])
            for name in self.metrics
            if name in trainer.callback_metrics
        }
        if self.metrics[0] not in found:
            raise ReportError(
                f"the module logged no {self.metrics[0]!r} in this epoch, only {', '.join(trainer.callback_metrics) or 'nothing'}. "
                f"Write self.log({self.metrics[0]!r}, ...) in validation_step."
            )
        epoch = trainer.current_epoch + 1
        if self.save:
            path = self.folder / "newest.ckpt"
            trainer.save_checkpoint(path)
            self.trial.save(epoch, path.read_bytes())
        self.trial.report(epoch, **found)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Lightning ends quietly at Ctrl-C, as if training were done; the study has to know better."""
        del trainer, pl_module
        if isinstance(exception, KeyboardInterrupt):
            raise exception

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Remove what was written on the way."""
        del trainer, pl_module, stage
        for path in self.folder.glob("*.ckpt"):
            path.unlink()

    def state_dict(self) -> dict[str, Any]:
        """Nothing of its own is kept in checkpoints."""
        return {}
