"""The one call as scikit-learn estimators: raw tables in, and everything that scikit-learn does with estimators around it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from ..errors import SettingError
from .call import automl
from .model import Model

TARGET = "target"


class _Settings(BaseEstimator):  # type: ignore[misc]
    """Settings of ``danlu.automl`` by name."""

    def __init__(
        self, *, time: str | float | None = None, trials: int | None = None, metric: str = "", folds: int | None = None, models: Any = None,
        kinds: Any = None, workers: int = 1, engine: Any = None, store: Any = None, name: str = "auto", random_state: Any = 0,
    ) -> None:  # fmt: skip
        self.time = time
        self.trials = trials
        self.metric = metric
        self.folds = folds
        self.models = models
        self.kinds = kinds
        self.workers = workers
        self.engine = engine
        self.store = store
        self.name = name
        self.random_state = random_state


class _AutoML(_Settings):
    """What both have: a table made of what scikit-learn hands over, and the search."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.string = True
        tags.input_tags.categorical = True
        tags.non_deterministic = self.trials is None
        return tags

    def _fit(self, X: Any, y: Any, task: str) -> Model:  # noqa: N803 - scikit-learn's name
        frame, target = framed(X), np.asarray(y)
        if target.ndim != 1 or len(target) != len(frame):
            raise SettingError(f"an estimator needs one target a row, got X of {len(frame)} rows and y of shape {target.shape}.")  # fmt: skip
        name = TARGET
        while name in frame.columns:
            name += "_"
        seed = self.random_state
        if not isinstance(seed, int | np.integer):
            from sklearn.utils import check_random_state

            seed = check_random_state(seed).randint(2**31 - 1)
        self.n_features_in_ = len(frame.columns)
        self.feature_names_in_ = np.asarray(frame.columns, dtype=object)
        self.model_ = automl(
            frame.assign(**{name: target}), name, time=self.time, trials=self.trials, metric=self.metric, task=task, test=0.0, folds=self.folds,
            models=self.models, kinds=self.kinds, workers=self.workers, engine=self.engine, store=self.store, name=self.name,
            seed=int(seed), drop_leaks=False, watch=False,
        )  # fmt: skip
        return self.model_

    def _frame(self, X: Any) -> Any:  # noqa: N803
        check_is_fitted(self, "model_")
        return framed(X)


class AutoMLClassifier(ClassifierMixin, _AutoML):  # type: ignore[misc]
    """A classifier that ``danlu.automl`` finds when it is fitted.

    No test part is set aside: what surrounds an estimator does that, as ``cross_val_score`` or a split of one's own.

    Args:
        time, trials, metric, folds, models, kinds, workers, engine, store, name: as in ``danlu.automl``.
        random_state: seed of everything.

    Attributes:
        model_: the ``danlu.auto.Model``, with its report.
        classes_: the classes, in the order of ``predict_proba``'s columns.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> X, y = load_iris(return_X_y=True)
        >>> found = AutoMLClassifier(trials=2, models=["linear"], engine="inline").fit(X, y)
        >>> bool(found.score(X, y) > 0.9)
        True
    """

    def fit(self, X: Any, y: Any) -> AutoMLClassifier:  # noqa: N803
        """Search; X is a data frame or a matrix, gaps and text included."""
        model = self._fit(X, y, "" if _two(y) else "classes")
        self.classes_ = np.array(model.classes)
        return self

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """The most likely class of each row."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])

    def predict_proba(self, X: Any) -> np.ndarray:  # noqa: N803
        """Probabilities in the order of ``classes_``."""
        frame = self._frame(X)
        return self.model_.predict_proba(frame)


class AutoMLRegressor(RegressorMixin, _AutoML):  # type: ignore[misc]
    """A regressor that ``danlu.automl`` finds when it is fitted; arguments and attributes as of ``AutoMLClassifier``.

    Example:
        >>> X = np.linspace(0, 1, 60)[:, None]
        >>> found = AutoMLRegressor(trials=1, models=["linear"], engine="inline").fit(X, 3 * X[:, 0])
        >>> bool(found.score(X, 3 * X[:, 0]) > 0.9)
        True
    """

    def fit(self, X: Any, y: Any) -> AutoMLRegressor:  # noqa: N803
        """Search; X is a data frame or a matrix, gaps and text included."""
        self._fit(X, y, "numbers")
        return self

    def predict(self, X: Any) -> np.ndarray:  # noqa: N803
        """A number for each row."""
        frame = self._frame(X)
        return self.model_.predict(frame)


def framed(X: Any) -> Any:  # noqa: N803
    """A data frame as it is, a matrix with columns x0, x1, ..."""
    if isinstance(X, pd.DataFrame):
        return X.rename(columns=str).reset_index(drop=True)
    matrix = X.toarray() if hasattr(X, "toarray") else np.asarray(X)
    if matrix.ndim != 2:
        raise SettingError(f"an estimator needs a table of shape (rows, columns), got {matrix.shape}.")
    return pd.DataFrame(matrix, columns=[f"x{place}" for place in range(matrix.shape[1])])


def _two(y: Any) -> bool:
    return len(set(np.asarray(y).ravel().tolist())) == 2
