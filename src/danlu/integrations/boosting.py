"""What the callbacks for XGBoost, LightGBM and CatBoost share: which number of a round is reported, and under which name."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ..errors import ReportError, SettingError
from ..runtime.live import LiveTrial


class BoostingReport:
    """Reports a boosting's evaluations to a live trial, a round a step.

    Args:
        trial: the live trial.
        metrics: as the library prints them, ``"valid-logloss"``, or the metric alone where it is evaluated on one part of the data; the
            only one there is when none is named.
        every: so many rounds lie between two reports.
    """

    def __init__(self, trial: LiveTrial, metrics: Iterable[str], every: int) -> None:
        if isinstance(every, bool) or not isinstance(every, int) or every < 1:
            raise SettingError(f"every is a number of rounds >= 1, got {every!r}.")
        self.trial = trial
        self._metrics = tuple(metrics)
        self._every = every

    def send(
        self,
        step: int,
        evaluated: Mapping[tuple[str, str], float],
        save: Callable[[], None] | None = None,
    ) -> None:
        """Report a round, unless it lies between two reports; what is saved is saved before.

        Args:
            step: how many rounds the model has.
            evaluated: the numbers by part of the data and metric.
            save: keeps the model with the trial.

        Raises:
            ReportError: when a metric is not evaluated, or on several parts of the data.
            TrialStopped, TrialPaused: when the study says so.
        """
        if step % self._every:
            return
        found = self.found(evaluated)
        if save is not None:
            save()
        self.trial.report(step, found)

    def found(self, evaluated: Mapping[tuple[str, str], float]) -> dict[str, float]:
        """The numbers that are reported, by the names that they were asked for under."""
        there = ", ".join(f"{part}-{metric}" for part, metric in evaluated) or "nothing"
        if not evaluated:
            raise ReportError(
                "nothing is evaluated in this training, so no round can be reported. Give it data to evaluate on: evals or eval_set."
            )
        if not self._metrics:
            if len(evaluated) > 1:
                raise ReportError(
                    f"several numbers are evaluated: {there}. Name the one that counts, DanluCallback(trial, {there.split(', ')[-1]!r})."
                )
            return {f"{part}-{metric}": value for (part, metric), value in evaluated.items()}
        return {name: self._one(name, evaluated, there) for name in self._metrics}

    def _one(self, name: str, evaluated: Mapping[tuple[str, str], float], there: str) -> float:
        for (part, metric), value in evaluated.items():
            if name == f"{part}-{metric}":
                return value
        alone = [value for (_, metric), value in evaluated.items() if name == metric]
        if len(alone) == 1:
            return alone[0]
        if alone:
            raise ReportError(
                f"{name} is evaluated on several parts of the data: {there}. Name one of these."
            )
        raise ReportError(f"no {name!r} is evaluated in this training. There are: {there}.")
