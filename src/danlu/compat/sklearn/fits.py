"""One fit of one candidate on one split as a trial, and what it has come to from the journal.

What scikit-learn keeps of a fit (scores, times, sizes, the error) is kept among the trial's facts, to the last bit, so a search that
was killed gives back what was fitted before it.
"""

from __future__ import annotations

import math
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from ...journal.trial import Trial
from ...runtime.live import LiveTrial
from .backend import Call

FIT = "fit"
"""The fact that holds what a fit has come to."""

OF = "of"
"""The fact that says what besides the candidate it depends on."""

SCORE = "score"
"""The metric that is maximized."""

SPLIT = "split"
"""The context that says which split of the data."""

Key = tuple[tuple[Any, ...], int]
"""A point and a split."""


def key_of(point: Mapping[str, Any]) -> tuple[Any, ...]:
    """What two points are the same by."""
    return tuple(sorted((name, type(value).__name__, value) for name, value in point.items()))


class FitFailed(Exception):
    """A fit raised, or its score is no number: the trial failed, and the search goes on as ``error_score`` says."""


class Fits:
    """The objective of a search: fits the trial's candidate on the trial's split.

    Args:
        calls: what scikit-learn would have run, by point and split; several where candidates are equal.
        refit: the score that counts where there are several, '' for the first.
        of: what besides the candidate the fits depend on, '' where nothing is kept.
    """

    def __init__(self, calls: Mapping[Key, Sequence[Call]], refit: str, of: str) -> None:
        self._calls = {key: deque(each) for key, each in calls.items()}
        self._refit = refit
        self._of = of

    def __call__(self, trial: LiveTrial) -> dict[str, float]:
        """Fit and score once.

        Raises:
            FitFailed: what had failed is kept already.
        """
        waiting = self._calls[key_of(dict(trial)), int(trial.context[SPLIT])]
        waiting.rotate(-1)  # equal candidates take turns
        function, args, settings = waiting[-1]
        with looked_at(trial):
            outcome = function(*args, **settings)
        return told(trial, outcome, self._refit, self._of)


def looked_at(trial: LiveTrial) -> AbstractContextManager[None]:
    """Looks at a network that Keras fits within; does nothing where Keras has not been imported."""
    if "keras" not in sys.modules:
        return nullcontext()
    from ...integrations.keras_fits import watching

    return watching(trial)


def told(trial: LiveTrial, outcome: Mapping[str, Any], refit: str, of: str) -> dict[str, float]:
    """Keep what a fit has come to with its trial; the metrics that the trial returns.

    Raises:
        FitFailed: what had failed is kept already.
    """
    kept = plain(outcome)
    trial.log({FIT: kept, **({OF: of} if of else {})})
    if kept.get("fit_error"):
        raise FitFailed(str(kept["fit_error"]).strip().splitlines()[-1])
    metrics = metrics_of(kept, refit)
    if not math.isfinite(metrics[SCORE]):
        raise FitFailed(f"its score is {metrics[SCORE]}")
    return metrics


def plain(outcome: Mapping[str, Any]) -> dict[str, Any]:
    """What a fit has come to without numpy's types, which no journal keeps."""
    found: dict[str, Any] = {}
    for name, value in outcome.items():
        if isinstance(value, Mapping):
            found[name] = plain(value)
        elif value is None or isinstance(value, str):
            found[name] = value
        else:
            found[name] = int(value) if name == "n_test_samples" else float(value)
    return found


def metrics_of(kept: Mapping[str, Any], refit: str) -> dict[str, float]:
    """The metrics of a trial: the score that counts, and every other by scikit-learn's name."""
    scores, train = kept["test_scores"], kept.get("train_scores")
    found: dict[str, float] = {}
    if isinstance(scores, Mapping):
        found[SCORE] = scores.get(refit, next(iter(scores.values())))
        found |= {f"test_{name}": score for name, score in scores.items()}
    else:
        found[SCORE] = scores
    if isinstance(train, Mapping):
        found |= {f"train_{name}": score for name, score in train.items()}
    elif train is not None:
        found["train_score"] = train
    return {name: value for name, value in found.items() if name == SCORE or math.isfinite(value)}


def over_by_key(trials: Sequence[Trial]) -> dict[Key, deque[Trial]]:
    """The trials that are over, by point and split, in the order in which their configurations were begun."""
    found: dict[Key, deque[Trial]] = {}
    for trial in trials:
        if trial.finished and not trial.aside:
            found.setdefault((key_of(trial.params), int(trial.context[SPLIT])), deque()).append(trial)
    return found


def stand_in(call: Call, score: float, seconds: float, scoring: float, error: str | None) -> dict[str, Any]:
    """What scikit-learn keeps of a fit, for one that it could keep nothing of.

    Args:
        call: that was to make it.
        score: for every scorer.
        seconds, scoring: how long fitting and scoring took.
        error: why it failed, None where it was not made.
    """
    settings = call[2]
    names = getattr(settings["scorer"], "_scorers", None)
    scores = score if names is None else dict.fromkeys(names, score)
    found = {
        "fit_error": error,
        "test_scores": scores,
        "n_test_samples": len(settings["test"]),
        "fit_time": seconds,
        "score_time": scoring,
    }
    return found | {"train_scores": scores} if settings.get("return_train_score") else found
