"""XGBoost: a callback that reports every round, and saves the model so that a trial can go on.

callback = DanluCallback(trial, "valid-logloss", save=True)
model = xgboost.train(
    params, data, num_boost_round=callback.rounds(500), evals=[(held, "valid")], callbacks=[callback], xgb_model=callback.restore()
)

A training that goes on draws anew what it draws by chance (``subsample``, ``colsample_bytree``), as XGBoost counts its rounds from 0 again; without such
it is the undisturbed one.
"""

from __future__ import annotations

from typing import Any

from ..base.versions import demand
from ..errors import MissingExtra
from ..runtime.live import LiveTrial
from .boosting import BoostingReport

try:
    demand("danlu.integrations.xgboost", "xgboost", "boosting")
    import xgboost
except MissingExtra:
    raise
except ImportError as error:
    raise MissingExtra("danlu.integrations.xgboost", "xgboost", "boosting") from error


class DanluCallback(xgboost.callback.TrainingCallback):
    """Reports XGBoost's evaluations to a live trial after every round; a stop or pause ends ``train`` or ``fit`` here.

    Args:
        trial: the live trial.
        metrics: as XGBoost prints them, ``"validation_0-logloss"``; or the metric alone where it is evaluated on one part of the data.
        save: whether the model is kept at every report, so that the trial can be resumed.
        every: so many rounds lie between two reports.

    Raises:
        ReportError: during training, when a metric is not evaluated.
    """

    def __init__(self, trial: LiveTrial, *metrics: str, save: bool = False, every: int = 1) -> None:
        super().__init__()
        self._report = BoostingReport(trial, metrics, every)
        self._save = save
        saved = trial.saved
        self._model = bytearray(saved[0]) if saved is not None else None

    def restore(self) -> Any:
        """What ``xgb_model`` is to be: the trial's newest model, None when it has none."""
        if self._model is None:
            return None
        found = xgboost.Booster()
        found.load_model(self._model)
        return found

    def rounds(self, whole: int) -> int:
        """How many rounds are left of so many, as XGBoost trains that many more on a given model."""
        model = self.restore()
        return max(0, whole - (model.num_boosted_rounds() if model is not None else 0))

    def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:
        """Report a round."""
        del epoch
        found = {
            (part, metric): float(values[-1][0] if isinstance(values[-1], tuple) else values[-1])
            for part, own in evals_log.items()
            for metric, values in own.items()
        }
        step = model.num_boosted_rounds()
        self._report.send(step, found, (lambda: self._keep(model, step)) if self._save else None)
        return False

    def _keep(self, model: Any, step: int) -> None:
        self._report.trial.save(step, bytes(model.save_raw("ubj")))
