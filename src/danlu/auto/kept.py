"""What fits have left in the store: predictions for rows that they had not seen, and fitted models."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
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


def members_of(
    results: Mapping[str, Result], found: Mapping[str, Any], *, refit: bool, read: Callable[[Result, int, int], tuple[Any, bytes]] | None = None,
) -> tuple[tuple[float, tuple[Any, ...]], ...]:  # fmt: skip
    """The weights and fitted models of an ensemble: of each configuration those of its folds, or the one that was fitted again on all rows.

    Args:
        results: of the stages.
        found: the ensemble, ``members`` with ``trial`` and ``weight``.
        refit: whether winners are fitted again; of one that was not in time the model of the newest fold counts.
        read: what gives predictions and model of a run on a fold; from the store alone when None.

    Raises:
        As ``left_by``.
    """
    search, members = results[SEARCH], []
    for each in found["members"]:
        head = int(each["trial"])
        again = fitted_again(results, head) if refit else None
        runs = list(runs_of(search, head).items())[-1 if refit else 0 :]
        models = (again,) if again is not None else tuple(
            unpacked((left_by(search, run) if read is None else read(search, run, fold))[1]) for fold, run in runs
        )  # fmt: skip
        members.append((float(each["weight"]), models))
    return tuple(members)
