"""The objective of the search: one configuration fitted on the rows of one fold, and what it says of the others."""

from __future__ import annotations

import pickle
import time
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..maths.threads import one_thread
from ..runtime.live import LiveTrial
from .families import made, predicted
from .reading.columns import TypedColumn
from .reading.target import Task
from .scores import Score, score_of

FOLD = "fold"
"""The context that says which fold."""


class FoldFits:
    """Fits the trial's configuration on its fold's rows; keeps the model and its predictions as the trial's checkpoint.

    Args:
        values: as models see the rows of the training part.
        y: their targets.
        folds: pairs of places in them.
        columns: what the columns are.
        task: what is predicted.
        classes: how many there are, 0 for numbers.
        metric: that decides.
        seed: of all models: with one seed, a configuration is one model.
    """

    def __init__(
        self, values: Any, y: np.ndarray, folds: Sequence[tuple[np.ndarray, np.ndarray]], columns: Sequence[TypedColumn], task: Task,
        classes: int, metric: str, seed: int,
    ) -> None:  # fmt: skip
        self._values, self._y, self._folds, self._columns = values, y, folds, columns
        self._task, self._classes, self._metric, self._seed = task, classes, metric, seed

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Arrive in a worker: what fits need is imported here, so that it is not the first fit's time."""
        from . import preparing  # noqa: F401

        self.__dict__.update(state)

    def __call__(self, trial: LiveTrial) -> dict[str, float]:
        """Fit, predict and keep both."""
        train, valid = self._folds[int(trial.context[FOLD])]
        began = time.perf_counter()
        model = self.fitted(dict(trial), train)
        fitted = time.perf_counter()
        found = self.said(model, valid)
        spent = time.perf_counter() - fitted
        value = self._score.value(self._y[valid], found)
        trial.log(fit_seconds=fitted - began, predict_seconds=spent, rows=len(train))
        trial.save(1, {"predictions": found.astype(np.float32)}, pickle.dumps(model, protocol=5))
        return {self._metric: value}

    @one_thread
    def fitted(self, params: Mapping[str, Any], rows: np.ndarray) -> Any:
        """The pipeline of a configuration, fitted on these places of the training part."""
        model = made(params, self._task, self._columns, len(rows), self._seed)
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # of unfinished solvers and constant columns: what comes of it is measured
            return model.fit(self._values.iloc[rows], self._y[rows])

    def said(self, model: Any, rows: np.ndarray) -> np.ndarray:
        """What a fitted pipeline says of these places.

        Raises:
            ValueError: when that is not finite.
        """
        return predictions_of(model, self._values.iloc[rows], self._task, self._classes)

    @property
    def _score(self) -> Score:
        return score_of(self._metric, self._task)


def predictions_of(model: Any, values: Any, task: Task, classes: int) -> np.ndarray:
    """What a fitted pipeline says of values, finite and never a warning.

    Raises:
        ValueError: when that is not finite.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = predicted(model, values, task, classes)
    if not np.isfinite(found).all():
        raise ValueError("its predictions are not finite")
    return found


def mean_of(
    members: Sequence[tuple[float, Sequence[Any]]], values: Any, task: Task, classes: int
) -> np.ndarray:
    """What an ensemble says of values: the weighted mean over its members, each of them the mean of its models.

    Raises:
        ValueError: when that is not finite.
    """
    return np.asarray(
        sum(
            weight / len(models) * predictions_of(each, values, task, classes)
            for weight, models in members
            for each in models
        )
    )
