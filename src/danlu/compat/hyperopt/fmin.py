"""``fmin`` over a danlu study: the loop, the trials and the results are Hyperopt's own, what is evaluated next is danlu's."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial as bound
from pathlib import Path
from typing import Any

from hyperopt import base, exceptions, pyll
from hyperopt.fmin import (
    FMinIter,
    fmin_pass_expr_memo_ctrl,
    generate_trial,
    generate_trials_to_calculate,
    partial,
    space_eval,
)

from ...base.failure import say
from ...errors import SettingError
from .arguments import own_arguments, random_state, seeded
from .pickles import load_trials, saving
from .searched import SEARCHES
from .spaces import values_of
from .stored import ended_before, refuse_elsewhere, studied
from .suggest import engine, tpe

__all__ = [
    "Domain",
    "FMinIter",
    "fmin",
    "fmin_pass_expr_memo_ctrl",
    "generate_trial",
    "generate_trials_to_calculate",
    "partial",
    "space_eval",
]


class Domain(base.Domain):  # type: ignore[misc]
    """Hyperopt's domain, which lets the study hear of an evaluation as soon as it is over."""

    def evaluate(self, config: Any, ctrl: Any, attach_attachments: bool = True) -> Any:
        """As Hyperopt's own."""
        search = SEARCHES.get(ctrl.trials)
        if search is None or ctrl.current_trial is None:
            return super().evaluate(config, ctrl, attach_attachments)
        tid = ctrl.current_trial["tid"]
        try:
            result = super().evaluate(config, ctrl, attach_attachments)
        except Exception as error:
            search.fail(tid, (str(type(error)), str(error)))
            raise
        head = ctrl.trials.aname({"tid": tid}, "")
        attachments = {
            name.removeprefix(head): value
            for name, value in ctrl.trials.attachments.items()
            if name.startswith(head)
        }
        search.tell(tid, result, attachments)
        return result


@own_arguments
def fmin(
    fn: Callable[..., Any], space: Any, algo: Any = None, max_evals: int | None = None, timeout: float | None = None,
    loss_threshold: float | None = None, trials: Any = None, rstate: Any = None, allow_trials_fmin: bool = True,
    pass_expr_memo_ctrl: bool | None = None, catch_eval_exceptions: bool = False, verbose: bool = True, return_argmin: bool = True,
    points_to_evaluate: Sequence[Mapping[str, Any]] | None = None, max_queue_len: int = 1, show_progressbar: Any = True,
    early_stop_fn: Callable[..., Any] | None = None, trials_save_file: str = "", *, values: bool = False, store: Any = None,
    name: str = "search",
) -> Any:  # fmt: skip
    """Minimize a function over a space of Hyperopt's: ``hyperopt.fmin`` by danlu's samplers.

    Args:
        fn, space: Hyperopt's; ``space="annotated"`` reads it from the annotations of ``fn``.
        algo: ``tpe.suggest`` (the default), ``anneal.suggest`` and ``atpe.suggest`` are danlu's default sampler, ``rand.suggest`` is
            Hyperopt's own; also one of danlu's samplers, or its name.
        max_evals, timeout, loss_threshold, trials, allow_trials_fmin, pass_expr_memo_ctrl, catch_eval_exceptions, verbose, return_argmin,
            points_to_evaluate, max_queue_len, show_progressbar, early_stop_fn: Hyperopt's. ``max_evals`` counts the evaluations of
            all sessions of a study, but for ``points_to_evaluate``, which come beside; ``timeout`` is the seconds of this call.
        rstate: a numpy Generator, or a whole number.
        trials_save_file: Hyperopt's; the file is always a whole one, and one that is there is read as ``load_trials`` reads it, without
            running what is in it.
        values: whether what is returned has the options of ``hp.choice`` themselves, where Hyperopt's has their indexes.
        store: a file name, a database's URL or a store, where the evaluations are kept; None for memory. The same call goes on there.
        name: of the study there.

    Returns:
        As Hyperopt: the best values by label, or with ``return_argmin=False`` the best point of the space.

    Raises:
        ArgumentError: for an argument that there is none of, with what to write.
        SpaceError: for a space, or a point, that danlu cannot search.
        SettingError: when the store cannot go with the trials.
        Exception: whatever ``fn`` raises, and what Hyperopt raises for its other arguments.

    Example:
        >>> from hyperopt import hp
        >>> best = fmin(lambda x: (x - 1) ** 2, hp.uniform("x", -5, 5), max_evals=20, rstate=1, verbose=False)
        >>> abs(best["x"] - 1) < 0.1
        True
    """
    algo = _algorithm(algo)
    most = sys.maxsize if max_evals is None else max_evals
    generator = random_state(rstate)
    base.validate_timeout(timeout)
    base.validate_loss_threshold(loss_threshold)
    if isinstance(space, str) and space == "annotated":
        fn, space = _annotated(fn)
    if trials is not None and allow_trials_fmin and type(trials).fmin is not base.Trials.fmin:
        refuse_elsewhere(store, trials)
        return trials.fmin(
            fn, space, algo=algo, max_evals=most, timeout=timeout, loss_threshold=loss_threshold, max_queue_len=max_queue_len,
            rstate=generator, pass_expr_memo_ctrl=pass_expr_memo_ctrl, verbose=verbose, catch_eval_exceptions=catch_eval_exceptions,
            return_argmin=return_argmin, show_progressbar=show_progressbar, early_stop_fn=early_stop_fn,
            trials_save_file=trials_save_file,
        )  # fmt: skip
    if trials is None:
        trials = _trials(trials_save_file, None if store is not None else points_to_evaluate)
    elif points_to_evaluate is not None:
        say(
            "danlu: points_to_evaluate counts where there is no trials= alone, as in Hyperopt: they are not evaluated."
        )
        points_to_evaluate = None
    domain = Domain(fn, space, pass_expr_memo_ctrl=pass_expr_memo_ctrl)
    with studied(
        algo, domain, trials, generator, store, name, points_to_evaluate, most=most, seeded=seeded(rstate)
    ) as (used, most):
        done = len(trials._dynamic_trials) if store is not None else len(trials.trials)
        loop = FMinIter(
            used, domain, trials, generator, max_queue_len=max_queue_len, max_evals=most, timeout=timeout, loss_threshold=loss_threshold,
            verbose=verbose, show_progressbar=show_progressbar, early_stop_fn=early_stop_fn,
        )  # fmt: skip
        loop.catch_eval_exceptions = catch_eval_exceptions
        if store is None or not ended_before(loop, trials, loss_threshold):
            if trials_save_file:
                loop.early_stop_fn = saving(trials_save_file, early_stop_fn)
            loop.run(most - done, block_until_done=loop.asynchronous)
        if store is not None:
            SEARCHES.hear(trials)
        trials.refresh()
    return _answer(space, trials, return_argmin=return_argmin, values=values)


def _algorithm(algo: Any) -> Any:
    """Hyperopt's kind of algorithm for whatever was given."""
    if algo is None:
        return tpe
    if callable(algo) and not isinstance(algo, type):
        return algo
    return bound(engine, sampler=algo)


def _annotated(fn: Callable[..., Any]) -> tuple[Callable[..., Any], dict[str, Any]]:
    """A function of one mapping, and the space that its annotations are."""
    space = {name: each for name, each in inspect.get_annotations(fn).items() if name != "return"}
    for name, each in space.items():
        if not isinstance(each, pyll.Apply):
            raise exceptions.InvalidAnnotatedParameter(
                f'fmin(space="annotated") needs every argument annotated with a distribution of hp, got {name}: {each!r}. '
                f"Write {name}: hp.uniform({name!r}, low, high)."
            )
    return (lambda given: fn(**given)), space


def _trials(saved: str, points: Sequence[Mapping[str, Any]] | None) -> Any:
    if saved and Path(saved).exists():
        return load_trials(saved)
    return base.Trials() if points is None else generate_trials_to_calculate(list(points))


def _answer(space: Any, trials: Any, *, return_argmin: bool, values: bool) -> Any:
    if not return_argmin:
        return space_eval(space, trials.argmin) if len(trials) else None
    if not len(trials):
        why = (
            "each raised an error. trials._dynamic_trials has what they raised"
            if len(trials._dynamic_trials)
            else "none was made. Raise max_evals or timeout"
        )
        raise SettingError(
            f"fmin has no evaluation to return the best of: {why}; fmin(return_argmin=False) returns None."
        )
    best = trials.argmin
    found = values_of(space, best)
    if values:
        return found
    places = [f"{label}={best[label]!r}" for label in best if not _same(found[label], best[label])]
    if places:
        say(
            f"danlu: of the returned values {', '.join(places)} {'are the places of options' if places[1:] else 'is the place of an option'}, "
            "as in Hyperopt. fmin(values=True), or space_eval(space, best), has the options."
        )
    return best


def _same(one: Any, other: Any) -> bool:
    return one is other or (type(one) in {int, float} and one == other)
