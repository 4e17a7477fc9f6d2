"""What the trials of a result have taught, at hand where the result is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..journal.history import History
from .leader import fruitless, leader

if TYPE_CHECKING:  # analyses are imported when they are asked for: tuning does not need them
    from ..analysis.diagnosis import Trouble
    from ..analysis.importance import Importance, Method
    from ..analysis.summary import Summary


class ResultAnalysis:
    """The analyses of ``danlu.analysis`` for one study.

    Args:
        name: the study's.
        history: that is analyzed.
    """

    def __init__(self, name: str, history: History) -> None:
        self._name = name
        self._history = history

    @property
    def fruitless(self) -> str:
        """Why no trial has a result, with the most frequent failure, as a sentence; '' while one may have.

        Example:
            >>> import danlu
            >>> danlu.tune(lambda t: float("nan"), {"x": danlu.Float(0, 1)}, trials=2).analysis.fruitless
            "no trial of 'study' has a result: 2 of 2 failed, 2 of them so: value is nan. result.why() has a line for each."
        """
        return fruitless(self._name, self._history)

    def importance(self, metric: str | None = None, *, method: Method | None = None) -> Importance:
        """Which parameters mattered for a metric of the goal; methods, results and errors as in ``danlu.analysis.importance``.

        Example:
            >>> import danlu
            >>> space = {"x": danlu.Float(0, 1), "idle": danlu.Float(0, 1)}
            >>> found = danlu.tune(lambda t: t["x"] ** 2, space, trials=60, sampler="quasirandom", seed=0).analysis.importance()
            >>> [share.name for share in found.parameters]
            ['x', 'idle']
        """
        from ..analysis.importance import importance

        return importance(self._history, metric, method=method)

    def summary(self) -> Summary:
        """The study on one page: what was found, what mattered, what to look at; ``print`` it, or read its parts.

        Example:
            >>> import danlu
            >>> print(danlu.tune(lambda t: 1.0, {"x": danlu.Float(0, 1)}, trials=3).analysis.summary())  # doctest: +ELLIPSIS
            study: 3 done
            best value 1 in trial 0
            ...
        """
        from ..analysis.summary import summary

        return summary(self._name, self._history)

    def diagnose(self, trial: int | None = None) -> Trouble:
        """What a trial's curves say is wrong with it, the best trial's by default; rules as in ``danlu.analysis.diagnosis``.

        Raises:
            DanluError: when no trial has a result and none is named.
            TrialMissing: when there is no such trial.
        """
        from ..analysis.diagnosis import diagnose_curves

        number = leader(self._name, self._history) if trial is None else trial
        return diagnose_curves(self._history, number)
