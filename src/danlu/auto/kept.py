"""What fits have left in the store: predictions for rows that they had not seen, and fitted models."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..base.failure import say
from ..study.result import Result
from .campaign import REFIT, SEARCH
from .fits import FOLD


def runs_of(search: Result, head: int) -> dict[int, int]:
    """The trials of a configuration by their fold, in the folds' order."""
    trials = search.history.trials
    found = {int(trials[run].context[FOLD]): run for run in trials.groups.over[head].trials}
    return dict(sorted(found.items()))


def left_by(result: Result, run: int) -> tuple[np.ndarray, bytes]:
    """Predictions and the pickled model of a fit.

    Raises:
        CorruptError: when they are missing or damaged.
        DanluError: when the trial has left none.
    """
    held: dict[str, Any] = {}
    model = bytearray()
    result.restore(held, model, trial=run)
    return np.asarray(held["predictions"], dtype=np.float64), bytes(model)


def unpacked(model: bytes) -> Any:
    """A fitted pipeline."""
    return pickle.loads(model)  # noqa: S301 - what a worker of our own has written into our own store


def fitted_again(results: Mapping[str, Result], head: int) -> Any:
    """The model of a configuration that was fitted on all rows; None where that did not come to its end."""
    refit = results.get(REFIT)
    if refit is None:
        return None
    params = results[SEARCH].history.trials[head].params
    for trial in refit.trials:
        if trial.finished and trial.params == params and trial.checkpoints:
            return unpacked(left_by(refit, trial.number)[1])
    say(f"danlu: trial {head} was not fitted again in time: its model of the newest fold is used.")
    return None
