"""A search of Hyperopt's whose evaluations a study keeps: how it is gone on with, and how any algorithm's wishes come into the journal."""

from __future__ import annotations

import contextlib
import copy
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from functools import partial as bound
from typing import Any

from hyperopt import base

from ...errors import SettingError, SpaceError
from ...study.opening import open_store
from .searched import SEARCHES, Search

DRAWS = 100
"""Draws of an algorithm other than danlu's, among which one has to lie in the space that a journal keeps."""


@contextlib.contextmanager
def studied(
    algo: Any, domain: base.Domain, trials: Any, generator: Any, store: Any, name: str, points: Sequence[Mapping[str, Any]] | None, *,
    most: int, seeded: bool,
) -> Iterator[tuple[Any, int]]:  # fmt: skip
    """The algorithm to use, with a study behind the trials, and how many evaluations there may be, those of points included.

    Where there is a store the study is open and has its points, else one is made when the algorithm is asked.
    """
    if store is not None:
        points = [*(points or ()), *_waiting(trials)]
        most = min(sys.maxsize, most + len(points))
        search = _opened(algo, domain, trials, generator, store, name, most, seeded=seeded)
        SEARCHES.keep(trials, search)
        search.begin(trials)
        search.learn(trials)
        search.enqueue(points)
        for _ in trials._dynamic_trials:  # each took a seed
            generator.integers(2**31 - 1)
        algo = bound(_kept, algo)
    try:
        yield algo, most
    finally:
        SEARCHES.drop(trials, "fmin ended")


def _opened(
    algo: Any,
    domain: base.Domain,
    trials: Any,
    generator: Any,
    store: Any,
    name: str,
    most: int,
    *,
    seeded: bool,
) -> Search:
    if trials.asynchronous:
        refuse_elsewhere(store, trials)
    opened = open_store(store)
    sampler = algo.keywords.get("sampler") if isinstance(algo, bound) else None
    seed = int(copy.deepcopy(generator).integers(2**31 - 1)) if seeded else None
    there = name in opened.studies()
    search = Search(
        domain, sampler=sampler, seed=None if there else seed, trials=most if most < sys.maxsize else None, store=opened, name=name
    )  # fmt: skip
    own = search.study.session.replica.history.definition.seed
    if there and seed is not None and seed != own:
        search.study.session.remark(
            "seed",
            f"danlu: the study {name!r} goes on by the seed it was begun with, {own}. rstate= counts for a new study.",
        )
    return search


def _kept(algo: Any, new_ids: Sequence[Any], domain: Any, trials: Any, seed: int) -> list[dict[str, Any]]:
    """What an algorithm wants evaluated, in the journal before it is; what was begun or asked for comes first.

    Raises:
        SpaceError: when an algorithm other than danlu's draws outside of the space again and again.
    """
    search = SEARCHES.of(trials, domain, seed, None)
    if search.waits:
        return search.ask(new_ids[:1], domain, trials)
    for attempt in range(DRAWS):
        documents: list[dict[str, Any]] = algo(new_ids, domain, trials, seed + attempt)
        try:
            search.take(documents, trials)
        except SpaceError:
            if attempt + 1 == DRAWS:
                raise
        else:
            break
    return documents


def _waiting(trials: Any) -> list[dict[str, Any]]:
    """The points of documents that nobody has evaluated, which leave the trials: the study asks for them itself."""
    new = [doc for doc in trials._dynamic_trials if doc["state"] == base.JOB_STATE_NEW]
    for doc in new:
        trials._dynamic_trials.remove(doc)
        trials._ids.discard(doc["tid"])
    trials.refresh()
    return [base.spec_from_misc(doc["misc"]) for doc in new]


def ended_before(loop: Any, trials: Any, threshold: float | None) -> bool:
    """Whether the evaluations of earlier sessions would have ended the search; what an early stop remembers is theirs."""
    losses = [loss for loss in trials.losses() if loss is not None and not math.isnan(loss)]
    if threshold is not None and losses and min(losses) < threshold:
        return True
    if loop.early_stop_fn is not None:
        docs = trials._dynamic_trials
        for count in range(1, len(docs) + 1):
            past = base.trials_from_docs(docs[:count], validate=False)
            if not len(past):
                continue
            stop, loop.early_stop_args = loop.early_stop_fn(past, *loop.early_stop_args)
            if stop:
                return True
    return False


def refuse_elsewhere(store: Any, trials: Any) -> None:
    """Refuse a store beside trials that are evaluated and kept by others.

    Raises:
        SettingError: where there is one.
    """
    if store is not None:
        raise SettingError(
            f"fmin takes store= or trials that are evaluated elsewhere, got {type(trials).__name__}. Leave store= out, or use danlu.tune "
            "with workers=."
        )
