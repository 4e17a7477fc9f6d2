"""A classifier that needs classes 0 to n-1, on folds that lack a rare class."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin


class Numbered(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier that is given its classes numbered without gaps, and gives back their own numbers.

    Args:
        model: that is fitted.

    Example:
        >>> from sklearn.linear_model import LogisticRegression
        >>> Numbered(LogisticRegression()).fit(np.eye(4), np.array([0, 5, 5, 0])).classes_.tolist()
        [0, 5]
    """

    def __init__(self, model: Any) -> None:
        self.model = model

    def fit(self, values: Any, y: Any) -> Numbered:
        """Fit the model on numbers in place of the classes."""
        self.classes_, numbers = np.unique(y, return_inverse=True)
        self.model.fit(values, numbers)
        return self

    def predict(self, values: Any) -> Any:
        """The most likely class of each row."""
        return self.classes_[np.argmax(self.predict_proba(values), axis=1)]

    def predict_proba(self, values: Any) -> Any:
        """Probabilities in the order of ``classes_``."""
        return self.model.predict_proba(values)
