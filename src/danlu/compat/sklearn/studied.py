"""What all searches share: scikit-learn's own ``fit``, whose fits a study runs."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import joblib

from ...analysis.findings import findings
from ...base.failure import say
from ...errors import ObjectiveError, SettingError, StudyMissing
from ...journal.events import Cause, Status
from ...journal.trial import Trial
from ...maths.overlap import RowKeys, keys_of
from ...problem.budget import TrialLimits
from ...space.space import Space
from ...study.result import Result
from ...study.tune import open_study, tune
from .backend import Call, StudyBackend
from .candidates import Candidates
from .fits import FIT, OF, SCORE, SPLIT, Fits, Key, key_of, over_by_key, stand_in

STORE = {"store": "no_validation", "name": [str]}
"""What scikit-learn's validation may know of the arguments that it does not have."""


class Studied:
    """Has a study run the fits of a search of scikit-learn.

    Attributes:
        results_: the danlu results of the last ``fit``, one for each round of candidates: one, but for successive halving.
    """

    results_: list[Result]

    def fit(self, X: Any, y: Any = None, **params: Any) -> Any:
        """As scikit-learn's own; what the study's journal holds already is not fitted again.

        Raises:
            SettingError: when the study of this name was made with other data, another estimator, other splits or another scoring.
        """
        self.results_ = []
        self._config = joblib.parallel_config(backend=StudyBackend(self._run))
        try:
            super().fit(X, y, **params)  # type: ignore[misc]
        finally:
            self._leave()
        self._rows = keys_of(X)
        return self

    def score(self, X: Any, y: Any = None, **params: Any) -> float:
        """As scikit-learn's own; it is said once where most of what is scored was given to ``fit``."""
        found = float(super().score(X, y, **params))  # type: ignore[misc]
        keys: RowKeys | None = self.__dict__.pop("_rows", None)
        share = None if keys is None else keys.shared(X)
        if share is not None:
            say(
                f"danlu: {share:.0%} of the rows that are scored were given to fit, so the score says how well they were learned, and not "
                "what new data would give. Keep a test part out of fit, and score that, once."
            )
        elif keys is not None:
            self._rows = keys
        return found

    def _run_search(self, evaluate_candidates: Callable[..., Any], callback_ctx: Any = None) -> None:
        self._leave()  # what the estimators themselves run in parallel is none of the study's
        run = super()._run_search  # type: ignore[misc]
        if "callback_ctx" in inspect.signature(run).parameters:
            run(evaluate_candidates, callback_ctx=callback_ctx)
        else:
            run(evaluate_candidates)

    def _leave(self) -> None:
        config = self.__dict__.pop("_config", None)
        if config is not None:
            config.unregister()

    def _run(self, calls: list[Call], jobs: int) -> list[Any]:
        """What scikit-learn's ``_fit_and_score`` returns for every call, from the journal or from a fit."""
        settings: Any = self
        asked = [call[2] for call in calls]
        splits = int(asked[0]["split_progress"][1])
        found = Candidates([each["parameters"] for each in asked[::splits]])
        keys: list[Key] = [
            (key_of(found.points[int(each["candidate_progress"][0])]), int(each["split_progress"][0]))
            for each in asked
        ]
        todo: dict[Key, list[Call]] = {}
        for key, call in zip(keys, calls, strict=True):
            todo.setdefault(key, []).append(call)
        name = settings.name if not self.results_ else f"{settings.name}, round {len(self.results_) + 1}"
        of = fingerprint(settings.store, name, calls[:splits])
        fits = Fits(todo, settings.refit if isinstance(settings.refit, str) else "", of)
        result = self._study(
            fits, found.space, splits, jobs, enqueue=found.points, trials=len(calls), scheduler="exhaustive", sampler="random", name=name, seed=0,
        )  # fmt: skip
        over = over_by_key(result.trials)
        return outcomes_of(
            [
                (call, over[key].popleft() if over.get(key) else None)
                for key, call in zip(keys, calls, strict=True)
            ],
            settings.error_score,
        )

    def _study(self, fits: Callable[..., Any], space: Space, splits: int, jobs: int, **words: Any) -> Result:
        """Run a study of fits, with what all searches have in common; ``words`` are more of ``danlu.tune``'s."""
        settings: Any = self
        result = tune(
            fits,
            space,
            maximize=SCORE,
            contexts={SPLIT: range(splits)},
            workers=joblib.effective_n_jobs(jobs),
            trial_limits=TrialLimits(same_failures=0),
            callbacks=[ends_with_the_first_error],
            store=settings.store,
            watch=False,
            **words,
        )
        self.results_.append(result)
        _say_failing(result)
        return result


def _say_failing(result: Result) -> None:
    """Which candidates fail, where a parameter tells them, and the commonest of their errors."""
    reasons = Counter(trial.reason for trial in result.trials if trial.status is Status.FAILED)
    for finding in findings(result.history):
        if finding.kind == "failing":
            say(f"danlu: {finding.text} {finding.remedy} Most often it was {reasons.most_common(1)[0][0]}")


def outcomes_of(fits: Sequence[tuple[Call, Trial | None]], error_score: Any) -> list[dict[str, Any]]:
    """What scikit-learn goes on with of each fit: what was kept of it, or what stands for a fit that died.

    Raises:
        BaseException: what scikit-learn does not take for a failed fit (``error_score="raise"``, a parameter that the estimator does not have, a
            score that is no number, Ctrl-C in the estimator): the fit is made again, here, and raises it.
        ObjectiveError: where the study ended before a fit was made.
    """
    again = {at: made(call) for at, (call, trial) in enumerate(fits) if trial is not None and raised(trial)}
    outcomes = []
    for at, (call, trial) in enumerate(fits):
        if at in again:
            outcomes.append(again[at])
        elif trial is not None:
            outcomes.append(outcome_of(call, trial, error_score))
        elif again or error_score == "raise":  # the study has ended for what is not raised now
            outcomes.append(made(call))
        else:
            raise ObjectiveError(
                "the search was ended before all of its fits were made. Call fit again to go on."
            )
    return outcomes


def outcome_of(call: Call, trial: Trial, error_score: Any) -> dict[str, Any]:
    """What scikit-learn goes on with of a trial that is over.

    Raises:
        BaseException: as ``outcomes_of``.
        ObjectiveError: where a fit died that nobody can make again, and ``error_score="raise"`` wants to know.
    """
    if FIT in trial.facts:
        return dict(trial.facts[FIT])
    if raised(trial):
        return made(call)
    if error_score == "raise":
        raise ObjectiveError(
            f"the fit of trial {trial.number} died: {trial.cause}: {trial.reason}. With error_score=numpy.nan the search goes on without it."
        )
    return stand_in(call, error_score, trial.seconds, 0.0, f"{trial.cause}: {trial.reason}")


def made(call: Call) -> dict[str, Any]:
    """What comes of a fit, made here."""
    function, args, settings = call
    return dict(function(*args, **settings))


def raised(trial: Trial) -> bool:
    """Whether it raised what scikit-learn keeps nothing of: no failed fit, but an error of the search."""
    return trial.cause is Cause.RAISED and FIT not in trial.facts


def ends_with_the_first_error(result: Result, trial: Any) -> str:
    """A callback: why nothing more is fitted, once a trial has raised what is no failed fit."""
    del result
    return f"the fit of trial {trial.number} raised an error" if raised(trial) else ""


def fingerprint(store: Any, name: str, calls: Sequence[Call]) -> str:
    """What the fits of a search depend on besides the candidate: data, splits, estimator, scoring; '' where nothing is kept.

    Raises:
        SettingError: when the store holds a study of that name with another one.
    """
    if store is None:
        return ""
    args = calls[0][1]
    parts = [args[0], *args[1:], [(call[2]["train"], call[2]["test"]) for call in calls]]
    parts += [
        calls[0][2].get(each) for each in ("scorer", "fit_params", "score_params", "return_train_score")
    ]
    of = str(joblib.hash(parts))
    try:
        with open_study(store=store, name=name) as study:
            kept = {trial.facts[OF] for trial in study.result.trials if OF in trial.facts and not trial.aside}
    except StudyMissing:
        return of
    if kept - {of}:
        raise SettingError(
            f"the study {name!r} in this store was fitted with other data, splits, scoring or another estimator. "
            "Give the search another name=, or another store."
        )
    return of
