"""CatBoost: a callback that reports every round.

    callback = DanluCallback(trial, "validation-Logloss")
    model.fit(data, eval_set=held, callbacks=[callback])
    callback.check()

CatBoost hears nothing of what a callback raises, so a stop ends ``fit`` quietly, and ``check`` raises it after that. Without it the study ends the
trial all the same, when the objective returns. A trial that is taken up again goes on where it was with CatBoost's own snapshots,
``model.fit(..., save_snapshot=True, snapshot_file=trial.dir / "snapshot")``.
"""

from __future__ import annotations

from typing import Any

from ..base.versions import demand
from ..errors import MissingExtra, TrialPaused, TrialStopped
from ..runtime.live import LiveTrial
from .boosting import BoostingReport

try:
    demand("danlu.integrations.catboost", "catboost", "boosting")
    import catboost  # noqa: F401 - only so that its absence is said here
except MissingExtra:
    raise
except ImportError as error:
    raise MissingExtra("danlu.integrations.catboost", "catboost", "boosting") from error


class DanluCallback:
    """Reports CatBoost's evaluations to a live trial after every round; a stop or pause ends ``fit`` here.

    Args:
        trial: the live trial.
        metrics: part of the data and metric, ``"validation-Logloss"``; or the metric alone where it is evaluated on one part, or on one
            beside ``learn``.
        every: so many rounds lie between two reports.
    """

    def __init__(self, trial: LiveTrial, *metrics: str, every: int = 1) -> None:
        self._report = BoostingReport(trial, metrics, every)
        self._learns = any(name.startswith("learn-") for name in metrics)
        self._raised: BaseException | None = None

    def after_iteration(self, info: Any) -> bool:
        """Report a round; whether training goes on."""
        found = {
            (part, metric): float(values[-1])
            for part, own in info.metrics.items()
            for metric, values in own.items()
        }
        held = {of: value for of, value in found.items() if of[0] != "learn"}
        if self._raised is not None:
            return True
        try:
            self._report.send(info.iteration, found if self._learns or not held else held)
        except (TrialStopped, TrialPaused) as verdict:
            self._raised = verdict
            return False
        except Exception as error:  # a model that is not whole would be scored as if it were
            self._raised = error
            self._report.trial.remark("rounds", f"rounds of CatBoost are not reported: {error}")
        return True

    def check(self) -> None:
        """To be called after ``fit``: raise what ended it.

        Raises:
            TrialStopped, TrialPaused: when the study has ended the trial, or put it aside.
            ReportError: when a metric was not evaluated.
        """
        if self._raised is not None:
            raise self._raised
