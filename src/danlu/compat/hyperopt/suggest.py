"""Hyperopt's ``suggest`` functions, answered by danlu: what they take and give is Hyperopt's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .searched import SEARCHES

PRIOR_WEIGHT, STARTUP, CANDIDATES, GAMMA = 1.0, 20, 24, 0.25
"""The defaults of Hyperopt's tree of Parzen estimators."""


def engine(
    new_ids: Sequence[Any], domain: Any, trials: Any, seed: Any, sampler: Any = None
) -> list[dict[str, Any]]:
    """New documents by one of danlu's samplers, the default one where none is given.

    Args:
        new_ids: what they are to be called.
        domain, trials: Hyperopt's.
        seed: of a search that is new.
        sampler: danlu's, or its name.

    Returns:
        Hyperopt's documents, one for each id.

    Example:
        >>> from hyperopt import Domain, Trials, hp
        >>> (doc,) = engine([0], Domain(lambda x: x, hp.uniform("x", 0, 1)), Trials(), 1)
        >>> doc["misc"]["vals"]
        {'x': [0.5]}
    """
    return SEARCHES.of(trials, domain, seed, sampler).ask(new_ids, domain, trials)


def tpe(
    new_ids: Sequence[Any], domain: Any, trials: Any, seed: Any, prior_weight: float = PRIOR_WEIGHT, n_startup_jobs: int = STARTUP,
    n_EI_candidates: int = CANDIDATES, gamma: float = GAMMA, verbose: bool = True, *, sampler: Any = None,
) -> list[dict[str, Any]]:  # fmt: skip
    """``hyperopt.tpe.suggest`` by danlu's default sampler.

    Args:
        new_ids, domain, trials, seed: as of ``engine``.
        prior_weight, n_startup_jobs, n_EI_candidates, gamma: settings of Hyperopt's estimator, which this is not: that they have no effect is said.
        verbose: Hyperopt's.
        sampler: danlu's, or its name: ``functools.partial(tpe.suggest, sampler="tpe")`` has its tree of Parzen estimators.
    """
    search = SEARCHES.of(trials, domain, seed, sampler)
    given = {
        "prior_weight": (prior_weight, PRIOR_WEIGHT), "n_startup_jobs": (n_startup_jobs, STARTUP),
        "n_EI_candidates": (n_EI_candidates, CANDIDATES), "gamma": (gamma, GAMMA),
    }  # fmt: skip
    changed = [f"{name}={value!r}" for name, (value, default) in given.items() if value != default]
    if changed:
        search.study.session.remark(
            "settings of tpe",
            f"danlu: {', '.join(changed)} {'are settings' if changed[1:] else 'is a setting'} of Hyperopt's own estimator, without effect here. "
            "fmin(algo=danlu.samplers.TPE(initial=10)) has danlu's, with settings of its own.",
        )
    return search.ask(new_ids, domain, trials)


def anneal(
    new_ids: Sequence[Any], domain: Any, trials: Any, seed: Any, *args: Any, **settings: Any
) -> list[dict[str, Any]]:
    """``hyperopt.anneal.suggest``, answered by danlu's default sampler, which is said once in a study."""
    return _instead("anneal", new_ids, domain, trials, seed)


def atpe(new_ids: Sequence[Any], domain: Any, trials: Any, seed: Any) -> list[dict[str, Any]]:
    """``hyperopt.atpe.suggest``, answered by danlu's default sampler, which is said once in a study."""
    return _instead("atpe", new_ids, domain, trials, seed)


def _instead(name: str, new_ids: Sequence[Any], domain: Any, trials: Any, seed: Any) -> list[dict[str, Any]]:
    search = SEARCHES.of(trials, domain, seed, None)
    search.study.session.remark(
        f"{name}.suggest",
        f"danlu: {name}.suggest is answered by danlu's own sampler, which learns more from a trial.",
    )
    return search.ask(new_ids, domain, trials)
