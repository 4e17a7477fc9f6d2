"""How good predictions are: the metric that decides, which way it goes, and how sure its value is."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from ..errors import SettingError
from ..problem.goal import Metric
from .reading.target import Task

TINY = 1e-7
"""Probabilities are at least so large where their logarithm is taken: one row must not decide alone."""

DRAWS, ROWS = 200, 5000
"""An interval of a metric that is no mean over rows is that of so many draws of at most so many rows."""


class Score(NamedTuple):
    """A metric.

    Attributes:
        name: its own.
        maximize: whether larger is better.
        tasks: that it can judge.
        value: of targets (n,) and predictions: probabilities (n, classes), or values (n,).
        rows: its loss for each row, where it is their mean (or a monotone function of it); None where it is none.
        words: what it is.
    """

    name: str
    maximize: bool
    tasks: tuple[Task, ...]
    value: Callable[[np.ndarray, np.ndarray], float]
    rows: Callable[[np.ndarray, np.ndarray], np.ndarray] | None
    words: str

    def loss(self, y: np.ndarray, predicted: np.ndarray) -> float:
        """The value, smaller being better."""
        return self.metric.loss(self.value(y, predicted))

    @property
    def metric(self) -> Metric:
        """It as a goal's metric, which knows the direction."""
        return Metric(self.name, maximize=self.maximize)


def score_of(name: str, task: Task) -> Score:
    """The metric of that name, or the usual one of the task for ''.

    Raises:
        SettingError: when there is none, or it cannot judge this task.

    Example:
        >>> score_of("", "binary").name, score_of("r2", "numbers").maximize
        ('log_loss', True)
    """
    chosen = name or {"binary": "log_loss", "classes": "log_loss", "numbers": "rmse"}[task]
    if chosen not in SCORES:
        raise SettingError(f"there is no metric {chosen!r}. There are: {', '.join(SCORES)}.")
    found = SCORES[chosen]
    if task not in found.tasks:
        fit = [each.name for each in SCORES.values() if task in each.tasks]
        raise SettingError(f"the metric {chosen!r} cannot judge {task}. Use one of {', '.join(fit)}.")
    return found


def interval(score: Score, y: np.ndarray, predicted: np.ndarray, *, seed: int = 0) -> tuple[float, float]:
    """A 90 % interval of a metric over rows that were not trained on: percentiles of ``DRAWS`` bootstrap samples.

    Source: Efron and Tibshirani, An Introduction to the Bootstrap (1993), section 13.

    Example:
        >>> y = np.arange(100) % 2
        >>> low, high = interval(SCORES["accuracy"], y, np.eye(2)[y])
        >>> low, high
        (1.0, 1.0)
    """
    values = [value for value in _drawn(score, y, [predicted], seed)[:, 0] if np.isfinite(value)]
    if not values:
        return float("nan"), float("nan")
    low, high = np.percentile(values, [5, 95])
    return float(low), float(high)


def gain(
    score: Score, y: np.ndarray, new: np.ndarray, old: np.ndarray, *, seed: int = 0
) -> tuple[float, float]:
    """How much lower the loss of ``new`` is than that of ``old`` on the same rows, and the standard error of that.

    Example:
        >>> y = np.array([0.0, 1.0] * 50)
        >>> found, error = gain(SCORES["mae"], y, y, y + 0.5)
        >>> round(found, 3), round(error, 3)
        (0.5, 0.0)
    """
    if score.rows is not None:
        paired = score.rows(y, old) - score.rows(y, new)
        whole = score.loss(y, old) - score.loss(y, new)
        mean, error = float(paired.mean()), float(paired.std(ddof=1) / np.sqrt(len(paired)))
        scale = abs(whole / mean) if mean else 1.0  # of the root of a mean
        return whole, error * scale
    drawn = _drawn(score, y, [old, new], seed)
    differences = drawn[:, 0] - drawn[:, 1]
    return score.loss(y, old) - score.loss(y, new), float(np.nanstd(differences, ddof=1))


def _drawn(score: Score, y: np.ndarray, predictions: list[np.ndarray], seed: int) -> np.ndarray:
    """The metric of each prediction over bootstrap samples, shape (DRAWS, predictions)."""
    rng = np.random.default_rng([seed, 11])
    size = min(len(y), ROWS)
    shrink = np.sqrt(size / len(y))  # a sample of fewer rows spreads wider
    found = []
    for _ in range(DRAWS):
        rows = rng.integers(0, len(y), size)
        found.append([_safely(score, y[rows], each[rows]) for each in predictions])
    drawn = np.array(found)
    middle = np.array([[_safely(score, y, each) for each in predictions]])
    return np.asarray(middle + (drawn - middle) * shrink)


def _safely(score: Score, y: np.ndarray, predicted: np.ndarray) -> float:
    try:
        return score.value(y, predicted)
    except ValueError:  # a sample of one class
        return float("nan")


def clipped(predicted: np.ndarray) -> np.ndarray:
    """Probabilities that are neither 0 nor 1, summing up to 1."""
    safe = np.clip(predicted, TINY, 1.0)
    return np.asarray(safe / safe.sum(axis=1, keepdims=True))


def _log_rows(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    return np.asarray(-np.log(clipped(p)[np.arange(len(y)), y]))


def _brier_rows(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    hot = np.zeros_like(p)
    hot[np.arange(len(y)), y] = 1.0
    return np.asarray(((p - hot) ** 2).sum(axis=1))


def _wrong_rows(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    return np.asarray(p.argmax(axis=1) != y, dtype=np.float64)


def _balanced(y: np.ndarray, p: np.ndarray) -> float:
    wrong = _wrong_rows(y, p)
    return float(np.mean([1.0 - wrong[y == label].mean() for label in np.unique(y)]))


def _f1(y: np.ndarray, p: np.ndarray) -> float:
    """The mean over classes; of two classes, of the second."""
    from sklearn.metrics import f1_score

    two = p.shape[1] == 2
    return float(f1_score(y, p.argmax(axis=1), average="binary" if two else "macro", zero_division=0.0))


def _auc(y: np.ndarray, p: np.ndarray) -> float:
    """The area under the curve; of several classes, the mean over pairs of one against the rest that are there (Hand and Till 2001)."""
    labels = [1] if p.shape[1] == 2 else np.unique(y).tolist()
    each = [_area(y == label, p[:, label]) for label in labels]
    return float(np.mean(each))


def _area(true: np.ndarray, p: np.ndarray) -> float:
    """The chance that a true row is told a larger probability than a false one, by the sum of ranks."""
    from scipy.stats import rankdata

    count = int(true.sum())
    if not 0 < count < len(true):
        raise ValueError("one class")
    return float((rankdata(p)[true].sum() - count * (count + 1) / 2) / count / (len(true) - count))


def _r2(y: np.ndarray, p: np.ndarray) -> float:
    spread = float(((y - y.mean()) ** 2).sum())
    if spread == 0.0:
        raise ValueError("one value")
    return float(1.0 - ((y - p) ** 2).sum() / spread)


_CLASSES: tuple[Task, ...] = ("binary", "classes")
_NUMBERS: tuple[Task, ...] = ("numbers",)
SCORES = {
    each.name: each
    for each in (
        Score("log_loss", False, _CLASSES, lambda y, p: float(_log_rows(y, p).mean()), _log_rows, "mean negative logarithm of the true class's probability"),
        Score("brier", False, _CLASSES, lambda y, p: float(_brier_rows(y, p).mean()), _brier_rows, "mean squared error of probabilities"),
        Score("accuracy", True, _CLASSES, lambda y, p: 1.0 - float(_wrong_rows(y, p).mean()), _wrong_rows, "share of rows whose most likely class is right"),
        Score("balanced_accuracy", True, _CLASSES, _balanced, None, "mean over classes of the share that is right"),
        Score("f1", True, _CLASSES, _f1, None, "harmonic mean of precision and recall"),
        Score("roc_auc", True, _CLASSES, _auc, None, "area under the receiver operating characteristic"),
        Score("rmse", False, _NUMBERS, lambda y, p: float(np.sqrt(np.mean((y - p) ** 2))), lambda y, p: np.asarray((y - p) ** 2), "root of the mean squared error"),
        Score("mae", False, _NUMBERS, lambda y, p: float(np.mean(np.abs(y - p))), lambda y, p: np.asarray(np.abs(y - p)), "mean absolute error"),
        Score("r2", True, _NUMBERS, _r2, None, "share of the variance that is explained"),
    )
}  # fmt: skip
"""By name."""
