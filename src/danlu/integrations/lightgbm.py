"""LightGBM: a callback that reports every round, and saves the model so that a trial can go on.

callback = DanluCallback(trial, "valid-auc", save=True)
model = lightgbm.train(
    params, data, num_boost_round=callback.rounds(500), valid_sets=[held], valid_names=["valid"], callbacks=[callback],
    init_model=callback.restore(),
)
"""

from __future__ import annotations

from typing import Any

from ..base.versions import demand
from ..errors import MissingExtra
from ..runtime.live import LiveTrial
from .boosting import BoostingReport

try:
    demand("danlu.integrations.lightgbm", "lightgbm", "boosting")
    import lightgbm
except MissingExtra:
    raise
except ImportError as error:
    raise MissingExtra("danlu.integrations.lightgbm", "lightgbm", "boosting") from error


class DanluCallback:
    """Reports LightGBM's evaluations to a live trial after every round; a stop or pause ends ``train`` or ``fit`` here.

    Args:
        trial: the live trial.
        metrics: part of the data and metric, ``"valid_0-binary_logloss"``; or the metric alone where it is evaluated on one part.
        save: whether the model is kept at every report, so that the trial can be resumed.
        every: so many rounds lie between two reports.

    Raises:
        ReportError: during training, when a metric is not evaluated.
    """

    order = 20
    before_iteration = False

    def __init__(self, trial: LiveTrial, *metrics: str, save: bool = False, every: int = 1) -> None:
        self._report = BoostingReport(trial, metrics, every)
        self._save = save
        saved = trial.saved
        self._model = str(saved[0]["model"]) if saved is not None else None

    def restore(self) -> Any:
        """What ``init_model`` is to be: the trial's newest model, None when it has none."""
        return None if self._model is None else lightgbm.Booster(model_str=self._model)

    def rounds(self, whole: int) -> int:
        """How many rounds are left of so many, as LightGBM trains that many more on a given model."""
        model = self.restore()
        return max(0, whole - (model.current_iteration() if model is not None else 0))

    def __call__(self, env: Any) -> None:
        """Report a round."""
        found = {(row[0], row[1]): float(row[2]) for row in env.evaluation_result_list or ()}
        step = env.iteration + 1
        self._report.send(step, found, (lambda: self._keep(env.model, step)) if self._save else None)

    def _keep(self, model: Any, step: int) -> None:
        self._report.trial.save(step, {"model": model.model_to_string(num_iteration=-1)})
