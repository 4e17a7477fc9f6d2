"""PyTorch Lightning: a callback that reports every validation, and saves so that a trial can go on.

With ``save=True`` the weights of a trial's best epoch are kept, and ``result.restore(model)`` loads the best trial's.

    def train(trial):
        model = Net(lr=trial["lr"])
        callback = DanluCallback(trial, "val_loss", save=True)
        trainer = lightning.Trainer(max_epochs=10, callbacks=[callback], enable_checkpointing=False)
        trainer.fit(model, data, ckpt_path=callback.restore())

    result = danlu.tune(train, space, minimize="val_loss")
    result.restore(Net(lr=0.1))  # with the weights of the best trial's best epoch
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any
from weakref import finalize

from ..base.versions import demand
from ..errors import MissingExtra, ReportError
from ..runtime.live import LiveTrial
from .best import BestReport

try:
    demand("danlu.integrations.lightning", "lightning", "lightning")
    from lightning.pytorch import LightningModule, Trainer
    from lightning.pytorch.callbacks import Callback
except MissingExtra:
    raise
except ImportError as error:
    raise MissingExtra("danlu.integrations.lightning", "lightning", "lightning") from error


class DanluCallback(Callback):
    """Reports logged metrics to a live trial once an epoch; a stop or pause ends ``fit`` here.

    Where a module is validated, an epoch without validation (``check_val_every_n_epoch``) is not reported, as its metrics
    would be those of an earlier one; of several validations in an epoch the last counts. The sanity check is no validation.

    Args:
        trial: the live trial.
        metrics: names that the module logs; the first one has to be there at every validation.
        save: whether the whole state of the trainer is kept at every report, so that the trial can be resumed, and the weights
            of the epoch where the goal's first metric was best, for ``result.restore(model)``.

    Raises:
        ReportError: during training, when a metric was not logged.
    """

    def __init__(self, trial: LiveTrial, *metrics: str, save: bool = False) -> None:
        super().__init__()
        self.trial, self.metrics, self.save = trial, metrics or ("val_loss",), save
        self._best = BestReport(trial)
        self._weights: dict[str, Any] = {}
        self._validated = False
        self._folder: Path | None = None

    def restore(self) -> str | None:
        """A path for ``ckpt_path``: the trial's newest checkpoint, None when it has none."""
        saved = self.trial.saved
        if saved is None:
            return None
        if len(saved) == 3:
            self._weights, whole, told = saved
            self._best.least = told["least"]
        else:
            whole = saved[0]
        self._folder = Path(tempfile.mkdtemp(prefix="danlu-"))
        finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        path = self._folder / "restored.ckpt"
        path.write_bytes(bytes(whole))
        return str(path)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Remember that this epoch has metrics of its own."""
        del pl_module
        self._validated = not trainer.sanity_checking

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Report, once an epoch, what was logged in it; after validation, which Lightning runs before."""
        fresh, self._validated = self._validated, False
        if not fresh and any(trainer.num_val_batches):
            return
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
            if self._best.improved(found):
                self._weights = {
                    name: value.detach().cpu().clone() for name, value in pl_module.state_dict().items()
                }
            with tempfile.TemporaryDirectory(prefix="danlu-") as folder:
                path = Path(folder) / "newest.ckpt"
                trainer.save_checkpoint(path)
                whole = path.read_bytes()
            self.trial.save(epoch, self._weights, whole, {"least": self._best.least})
        self.trial.report(epoch, **found)

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        """Lightning ends quietly at Ctrl-C, as if training were done; the study has to know better."""
        del trainer, pl_module
        if isinstance(exception, KeyboardInterrupt):
            raise exception

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Remove what was written on the way."""
        del trainer, pl_module, stage
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def state_dict(self) -> dict[str, Any]:
        """Nothing of its own is kept in checkpoints."""
        return {}
