"""The arguments of ``fmin``: other words for them are answered with Hyperopt's, and what cannot work is refused before any evaluation."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any, TypeVar

import numpy as np

from ...base.values import shown
from ...errors import ArgumentError

Called = TypeVar("Called", bound=Callable[..., Any])

WORDS: dict[str, str] = {
    **dict.fromkeys(("algorithm", "sampler", "suggest", "method", "search_alg"), "algo=tpe.suggest"),
    **dict.fromkeys(("objective", "func", "function", "f"), "fn=..., the first argument"),
    **dict.fromkeys(("search_space", "params", "space_dict", "domain", "bounds"), "space=..., the second argument"),
    **dict.fromkeys(("max_eval", "n_trials", "n_iter", "max_iter", "num_samples", "evals", "iterations"), "max_evals=..."),
    **dict.fromkeys(("seed", "random_state", "random_seed", "rng", "rseed"), "rstate=numpy.random.default_rng(seed)"),
    **dict.fromkeys(("time", "max_time", "time_limit"), "timeout=..., in seconds"),
    **dict.fromkeys(("storage", "db", "study_db"), 'store="study.db"'),
    **dict.fromkeys(("study_name", "study"), 'name="..."'),
    **dict.fromkeys(("early_stopping", "patience", "early_stop"), "early_stop_fn=hyperopt.early_stop.no_progress_loss(20)"),
    **dict.fromkeys(("target", "loss_target", "threshold"), "loss_threshold=..."),
    **dict.fromkeys(("n_jobs", "workers", "parallelism", "max_parallel"), "danlu.tune(..., workers=...), as fmin runs one evaluation at a time"),
    **dict.fromkeys(("catch", "catch_exceptions"), "catch_eval_exceptions=True"),
    **dict.fromkeys(("progressbar", "show_progress"), "show_progressbar=..."),
    **dict.fromkeys(("initial_points", "x0", "enqueue"), "points_to_evaluate=[{...}]"),
}  # fmt: skip
"""Words of others for what ``fmin`` takes, with its own."""


def own_arguments(function: Called) -> Called:
    """A function that answers arguments it does not have with a sentence that helps."""
    code = function.__code__
    known = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]

    @functools.wraps(function)
    def called(*given: Any, **named: Any) -> Any:
        for name in named:
            if name not in known:
                raise unknown(name, known)
        return function(*given, **named)

    return called  # type: ignore[return-value]


def unknown(name: str, known: tuple[str, ...]) -> ArgumentError:
    """The error for an argument that ``fmin`` does not have.

    Example:
        >>> print(unknown("algorithm", ("fn", "space", "algo")))
        fmin has no argument algorithm. Write algo=tpe.suggest.
    """
    near = get_close_matches(name, known, n=1)
    remedy = f"Write {WORDS[name]}." if name in WORDS else f"Did you mean {near[0]}=?" if near else ""
    return ArgumentError(f"fmin has no argument {name}. {remedy or 'It takes ' + ', '.join(known) + '.'}")


def random_state(given: Any) -> Any:
    """A generator, as Hyperopt makes it: of a whole number, else of ``$HYPEROPT_FMIN_SEED``, else of nothing.

    Raises:
        ArgumentError: for what is no generator, as a ``RandomState`` of Hyperopt's older versions.
    """
    if given is None:
        seed = os.environ.get("HYPEROPT_FMIN_SEED", "")
        return np.random.default_rng(int(seed) if seed else None)
    if isinstance(given, int | np.integer) and not isinstance(given, bool):
        return np.random.default_rng(int(given))
    if not isinstance(given, np.random.Generator):
        raise ArgumentError(
            f"fmin needs rstate to be a numpy Generator, got {shown(given)}. Write rstate=numpy.random.default_rng(42)."
        )
    return given


def seeded(given: Any) -> bool:
    """Whether somebody has said by which seed a search is to go."""
    return given is not None or bool(os.environ.get("HYPEROPT_FMIN_SEED", ""))
