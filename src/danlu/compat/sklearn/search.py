"""The better search behind scikit-learn's door: it learns from what was fitted, and ends poor configurations after their first splits."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from math import isfinite, nan
from typing import Any, ClassVar

import numpy as np
from sklearn.base import clone
from sklearn.model_selection._search import BaseSearchCV
from sklearn.utils import check_random_state

from ...base.failure import say
from ...errors import SettingError
from ...journal.events import Status
from ...journal.trial import Trial
from ...runtime.live import LiveTrial
from .backend import Call
from .fits import SCORE, SPLIT, key_of, looked_at, metrics_of, plain, stand_in, told
from .rounds import Rounds, fitted, rounds_of
from .spaces import SearchSpace
from .studied import STORE, Studied, fingerprint, outcome_of


class SearchCV(Studied, BaseSearchCV):  # type: ignore[misc]
    """Searches an estimator's parameters by cross-validation, with danlu's samplers and racing over the splits.

    The estimator as it stands is tried first, where it lies in the space. A configuration is fitted on one split after the other, and
    given up as soon as it will hardly become the best (``danlu.schedulers.Race``).

    Args:
        estimator: scikit-learn's, or any with its interface.
        space: parameter names mapped to lists of options, frozen scipy distributions or danlu's parameters; or a list of such
            mappings, of which one is chosen.
        n_trials: as many fits are made as this many configurations need on all splits; with racing they are enough for more.
            30 where there is no ``time`` either.
        time: seconds or text like ``"10m"``, of the whole search; None for no limit.
        sampler, scheduler: danlu's, by name or as objects; ``scheduler=danlu.schedulers.Race(confidence=1.0)``
            gives nothing up. Under one that is named, as ``"median"``, an estimator that trains in rounds is scored on the way, so that a
            fit can be ended between two of them: ensembles with ``warm_start``, and estimators with ``partial_fit`` and ``max_iter``, with a
            whole number as ``random_state``, whose rounds are not searched.
        scoring, n_jobs, refit, cv, verbose, error_score, return_train_score: as of ``GridSearchCV``.
        random_state: whole number, RandomState or None.
        store: a file name, a database's URL or a store, where the fits are kept; None for memory. The same search goes on there.
        name: of the study there.

    Attributes:
        cv_results_: scikit-learn's table. What was given up has no score on the splits that were left out, so no mean; it is ranked
            last. ``n_fits`` says on how many splits each was fitted.
        results_: the danlu results, one.

    Raises:
        SpaceError: for a space that is none, when ``fit`` is called.
        SettingError: for ``n_trials`` below 1; when the study of this name was made with other data.

    Example:
        >>> from scipy.stats import loguniform
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.svm import SVC
        >>> search = SearchCV(SVC(), {"C": loguniform(0.01, 100), "kernel": ["rbf", "linear"]}, n_trials=6, random_state=0)
        >>> bool(search.fit(*load_iris(return_X_y=True)).best_score_ > 0.96)
        True
    """

    _required_parameters = ("estimator", "space")
    _parameter_constraints: ClassVar[dict[str, Any]] = BaseSearchCV._parameter_constraints | STORE

    def __init__(
        self, estimator: Any, space: Any, *, n_trials: int | None = None, time: str | float | None = None, sampler: Any = None,
        scheduler: Any = None, scoring: Any = None, n_jobs: int | None = None, refit: Any = True, cv: Any = None, verbose: int = 0,
        random_state: Any = None, error_score: Any = nan, return_train_score: bool = False, store: Any = None,
        name: str = "search",
    ) -> None:  # fmt: skip
        super().__init__(
            estimator, scoring=scoring, n_jobs=n_jobs, refit=refit, cv=cv, verbose=verbose, error_score=error_score,
            return_train_score=return_train_score,
        )  # fmt: skip
        self.space = space
        self.n_trials = n_trials
        self.time = time
        self.sampler = sampler
        self.scheduler = scheduler
        self.random_state = random_state
        self.store = store
        self.name = name

    def fit(self, X: Any, y: Any = None, **params: Any) -> SearchCV:
        """Search, and fit the best configuration on all of the data."""
        if self.n_trials is not None and (
            isinstance(self.n_trials, bool)
            or not isinstance(self.n_trials, int | np.integer)
            or self.n_trials < 1
        ):
            raise SettingError(f"SearchCV needs n_trials >= 1, got n_trials={self.n_trials!r}.")
        self._space = SearchSpace(self.space)
        self._found: list[dict[int, Trial]] = []
        try:
            super().fit(X, y, **params)
        finally:
            found = self.__dict__.pop("_found")
            del self._space
        self.cv_results_["n_fits"] = np.array([len(each) for each in found])
        return self

    def _run_search(self, evaluate_candidates: Callable[..., Any]) -> None:  # type: ignore[override]
        self._leave()
        space = self._space
        first = space.defaults(self.estimator.get_params()) or space.center()
        self._first = first
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "One or more of the (test|train) scores are non-finite")
            evaluate_candidates([space.params(space.given(first))])
            others = [space.params(space.given(_params(each))) for each in self._found[1:]]
            if others:
                evaluate_candidates(others)

    def _run(self, calls: list[Call], jobs: int) -> list[Any]:
        """First what one candidate would be fitted by, and the search with it; then what came of the others."""
        if not self.results_:
            self._search(calls, jobs)
            return self._outcomes(calls, self._found[:1])
        return self._outcomes(calls, self._found[1:])

    def _search(self, calls: list[Call], jobs: int) -> None:
        n_trials = 30 if self.n_trials is None and self.time is None else self.n_trials
        for each in self._space.read:
            say(f"danlu: {each}.")
        refit = self.refit if isinstance(self.refit, str) else ""
        seed = self.random_state
        if seed is not None and not isinstance(seed, int | np.integer):
            seed = check_random_state(seed).randint(2**31)
        rounds = rounds_of(self.estimator, self._space.searches) if self.scheduler is not None else None
        result = self._study(
            TemplateFits(calls, self._space, refit, fingerprint(self.store, self.name, calls), rounds),
            self._space.space,
            len(calls),
            jobs,
            enqueue=[self._first],
            trials=None if n_trials is None else int(n_trials) * len(calls),
            time=self.time,
            sampler=self.sampler,
            scheduler=self.scheduler,
            name=self.name,
            seed=None if seed is None else int(seed),
        )
        groups: dict[Any, dict[int, Trial]] = {key_of(self._first): {}}
        for trial in result.trials:
            if trial.finished and not trial.aside and trial.status is not Status.STOPPED:
                groups.setdefault(key_of(trial.params), {})[int(trial.context[SPLIT])] = trial
        self._found = [each for place, each in enumerate(groups.values()) if each or not place]

    def _outcomes(self, calls: list[Call], found: list[dict[int, Trial]]) -> list[Any]:
        outcomes = []
        for call in calls:
            settings = call[2]
            trial = found[int(settings["candidate_progress"][0])].get(int(settings["split_progress"][0]))
            outcomes.append(
                stand_in(call, nan, nan, nan, None)
                if trial is None
                else outcome_of(call, trial, self.error_score)
            )
        return outcomes


class TemplateFits:
    """The objective: fits the trial's configuration on the trial's split, as scikit-learn would have fitted the first one.

    Args:
        calls: of the first candidate, by split.
        space: in scikit-learn's terms.
        refit: the score that counts where there are several, '' for the first.
        of: what besides the candidate the fits depend on, '' where nothing is kept.
        rounds: by which the estimator is trained, where it can be given up on the way.
    """

    def __init__(
        self, calls: list[Call], space: SearchSpace, refit: str, of: str, rounds: Rounds | None = None
    ) -> None:
        self._calls = calls
        self._space = space
        self._refit = refit
        self._of = of
        self._rounds = rounds

    def __call__(self, trial: LiveTrial) -> dict[str, float]:
        """Fit and score once.

        Raises:
            FitFailed: what had failed is kept already.
        """
        function, args, settings = self._calls[int(trial.context[SPLIT])]
        params = self._space.params(dict(trial))

        def fit(estimator: Any, more: Mapping[str, Any]) -> dict[str, Any]:
            with looked_at(trial):
                return dict(function(estimator, *args[1:], **settings | {"parameters": {**params, **more}}))

        if self._rounds is None:
            return told(trial, fit(clone(args[0]), {}), self._refit, self._of)
        for to, outcome, over in fitted(self._rounds, clone(args[0]), lambda: clone(args[0]), fit):
            if over:
                return told(trial, outcome, self._refit, self._of)
            metrics = metrics_of(plain(outcome), self._refit)
            if isfinite(metrics[SCORE]):
                trial.report(to, metrics)
        raise AssertionError("the last part is the last")


def _params(trials: Mapping[int, Trial]) -> dict[str, Any]:
    return next(iter(trials.values())).params
