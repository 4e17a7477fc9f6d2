"""The way back: a danlu study as one of Optuna's."""

from __future__ import annotations

from collections.abc import Iterator

from ...errors import StoreError
from ...journal.events import Status
from ...journal.history import History
from .storage import DanluStorage
from .studies import Where, copy_study, storage_of


def write(
    store: Where, storage: Where, *, name: str | None = None, study_name: str | None = None
) -> list[str]:
    """Write a study of a danlu store into a storage of Optuna's; sentences about what it cannot hold.

    States, values, parameters, distributions, intermediate values, attributes and times are carried.

    Args:
        store: of danlu: a file, a URL or a store.
        storage: of Optuna: a URL, ``sqlite:///optuna.db`` for example, or a storage.
        name: of the study; the only one when None.
        study_name: what it is called there; the same when None.

    Raises:
        StoreError: when the store has several studies, or none.
        DuplicatedStudyError: Optuna's, when there is a study of that name there.

    Example:
        >>> import danlu, optuna
        >>> store = danlu.stores.MemoryStore()
        >>> space = {"x": danlu.Float(0, 1)}
        >>> _ = danlu.tune(lambda t: t["x"], space, trials=4, store=store, name="demo", seed=0)
        >>> storage = optuna.storages.InMemoryStorage()
        >>> write(store, storage)
        []
        >>> len(optuna.load_study(study_name="demo", storage=storage).trials)
        4
    """
    ours = storage_of(store)
    if not isinstance(ours, DanluStorage):
        raise StoreError(
            f"write carries a study out of a danlu store, got {store!r}. Use copy_study between storages of Optuna's."
        )
    names = ours.store.studies()
    if name is None and len(names) != 1:
        raise StoreError(f"name one of the studies: {', '.join(names) or 'there is none'}.")
    chosen = names[0] if name is None else name
    copy_study(from_study_name=chosen, from_storage=ours, to_storage=storage, to_study_name=study_name)
    history = History()
    history.fold(ours.store.journal(chosen).read(0))
    return list(_lost(history))


def _lost(history: History) -> Iterator[str]:
    """What a study has that Optuna's cannot hold."""
    rows = history.rows
    paused = len(rows.live[Status.PAUSED])
    if paused:
        yield f"trials that are paused are running there, as Optuna has no pause: {paused}."
    if rows.aside:
        yield f"trials that were set aside have failed there: {len(rows.aside)}."
    if any(row.checkpoints for row in rows):
        yield "checkpoints stay in the store."
    if any(row.asked.context for row in rows):
        yield "each context of a configuration is a trial of its own there."
    if any(row.moved or row.schedule for row in rows):
        yield "parameters that changed while a trial ran are there as it began."
    own = set(history.goal.names)
    more = {name for row in rows for name in row.metrics or () if not name.startswith("constraint ")}
    left = sorted({*more, *history.reports.names} - own)
    if left:
        yield f"metrics beside the goal stay behind: {', '.join(left)}."
    if len(history.goal.metrics) > 1 and len(history.reports):
        yield "reports of several goals are there as those of the first."
