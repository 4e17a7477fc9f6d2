"""Optuna's functions that make, load and copy studies, with danlu's search, early stopping and stores where nothing else is named."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Literal, TypeAlias

import optuna
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage
from optuna.study import Study, StudyDirection, StudySummary

from ...contracts.protocols import Store
from ...study.result import Result
from ...study.tune import open_study
from .pruner import DanluPruner
from .sampler import DanluSampler
from .storage import DanluStorage

SCHEME = "danlu"

Where: TypeAlias = str | os.PathLike[str] | BaseStorage | Store | None
"""What may be given as ``storage``: what Optuna takes, ``danlu:///study.db``, a path, a danlu store, or None for memory."""

Way: TypeAlias = Literal["minimize", "maximize"] | StudyDirection


def storage_of(storage: Where) -> BaseStorage | str:
    """An Optuna storage from what was given; a URL of Optuna's own as it is.

    ``danlu:///study.db`` is a file here, ``danlu:////data/study.db`` one by its full path, and ``danlu+postgresql://...`` a danlu
    store by its URL.

    Raises:
        StoreError: when the store cannot be opened.

    Example:
        >>> storage_of("sqlite:///optuna.db")
        'sqlite:///optuna.db'
    """
    if isinstance(storage, BaseStorage):
        return storage
    if isinstance(storage, str):
        scheme, _, rest = storage.partition("://")
        if scheme == SCHEME:
            return DanluStorage(rest.removeprefix("/"))
        if scheme.startswith(f"{SCHEME}+"):
            return DanluStorage(f"{scheme.removeprefix(f'{SCHEME}+')}://{rest}")
        return storage
    return DanluStorage(storage)


def create_study(
    *,
    storage: Where = None,
    sampler: BaseSampler | None = None,
    pruner: BasePruner | None = None,
    study_name: str | None = None,
    direction: Way | None = None,
    load_if_exists: bool = False,
    directions: Sequence[Way] | None = None,
) -> Study:
    """As ``optuna.create_study``; without a sampler or pruner danlu's are used, and without a storage a danlu study in memory.

    A sampler or pruner of Optuna's that is named is used as it is.

    Raises:
        StoreError: when a danlu store cannot be opened; and whatever Optuna raises.

    Example:
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> study = create_study(direction="maximize", study_name="demo")
        >>> study.optimize(lambda trial: trial.suggest_int("n", 1, 9), n_trials=12)
        >>> study.best_params
        {'n': 9}
    """
    return optuna.create_study(
        storage=storage_of(storage),
        sampler=DanluSampler() if sampler is None else sampler,
        pruner=DanluPruner() if pruner is None else pruner,
        study_name=study_name,
        direction=direction,
        load_if_exists=load_if_exists,
        directions=directions,
    )


def load_study(
    *, study_name: str | None, storage: Where, sampler: BaseSampler | None = None, pruner: BasePruner | None = None
) -> Study:  # fmt: skip
    """As ``optuna.load_study``, with danlu's search and early stopping where none is named."""
    return optuna.load_study(
        study_name=study_name,
        storage=storage_of(storage),
        sampler=DanluSampler() if sampler is None else sampler,
        pruner=DanluPruner() if pruner is None else pruner,
    )


def delete_study(*, study_name: str, storage: Where) -> None:
    """As ``optuna.delete_study``."""
    optuna.delete_study(study_name=study_name, storage=storage_of(storage))


def copy_study(
    *, from_study_name: str, from_storage: Where, to_storage: Where, to_study_name: str | None = None
) -> None:
    """As ``optuna.copy_study``; either storage may be danlu's, and nothing of a trial is lost on the way.

    Example:
        >>> ours = DanluStorage()
        >>> create_study(study_name="demo", storage=ours).add_trial(optuna.create_trial(value=1.0))
        >>> theirs = optuna.storages.InMemoryStorage()
        >>> copy_study(from_study_name="demo", from_storage=ours, to_storage=theirs)
        >>> load_study(study_name="demo", storage=theirs).best_value
        1.0
    """
    optuna.copy_study(
        from_study_name=from_study_name,
        from_storage=storage_of(from_storage),
        to_storage=storage_of(to_storage),
        to_study_name=to_study_name,
    )


def get_all_study_names(storage: Where) -> list[str]:
    """As ``optuna.get_all_study_names``."""
    return optuna.get_all_study_names(storage_of(storage))


def get_all_study_summaries(storage: Where, include_best_trial: bool = True) -> list[StudySummary]:
    """As ``optuna.get_all_study_summaries``."""
    return optuna.get_all_study_summaries(storage_of(storage), include_best_trial)


def result(study: Study) -> Result:
    """The danlu result of a study: tables, importance, figures, a report in one file.

    A study in a storage of Optuna's is copied into memory first.

    Example:
        >>> optuna.logging.set_verbosity(optuna.logging.WARNING)
        >>> study = create_study()
        >>> study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
        >>> len(result(study).trials)
        3
    """
    storage: Any = study._storage
    if not isinstance(storage, DanluStorage):
        storage = DanluStorage()
        copy_study(from_study_name=study.study_name, from_storage=study._storage, to_storage=storage)
    with open_study(store=storage.store, name=study.study_name) as opened:
        return opened.result
