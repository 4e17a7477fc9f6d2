"""Scikit-learn's four searches, whose fits are trials of a danlu study: the same constructors, attributes and numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.model_selection import GridSearchCV as SklearnGrid
from sklearn.model_selection import HalvingGridSearchCV as SklearnHalvingGrid
from sklearn.model_selection import HalvingRandomSearchCV as SklearnHalvingRandom
from sklearn.model_selection import RandomizedSearchCV as SklearnRandomized

from .studied import STORE, Studied

NAN = float("nan")


class GridSearchCV(Studied, SklearnGrid):  # type: ignore[misc]
    """``sklearn.model_selection.GridSearchCV`` over a danlu study.

    Args:
        estimator, param_grid, scoring, n_jobs, refit, cv, verbose, pre_dispatch, error_score, return_train_score: scikit-learn's.
            ``n_jobs`` is the workers of a pool, each of which is given the data once; all calls are handed over at once,
            whatever ``pre_dispatch`` says. What fits print in a worker, the lines of ``verbose=3`` among it, is in their trials' logs.
        store: a file name, a database's URL or a store, where the fits are kept; None for memory.
        name: of the study there.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.svm import SVC
        >>> search = GridSearchCV(SVC(), {"C": [0.1, 1.0], "kernel": ["rbf", "linear"]}).fit(*load_iris(return_X_y=True))
        >>> search.best_params_, len(search.results_[0].trials)
        ({'C': 1.0, 'kernel': 'linear'}, 20)
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = SklearnGrid._parameter_constraints | STORE

    def __init__(
        self, estimator: Any, param_grid: Any, *, scoring: Any = None, n_jobs: int | None = None, refit: Any = True, cv: Any = None,
        verbose: int = 0, pre_dispatch: Any = "2*n_jobs", error_score: Any = NAN, return_train_score: bool = False,
        store: Any = None, name: str = "search",
    ) -> None:  # fmt: skip
        super().__init__(
            estimator, param_grid, scoring=scoring, n_jobs=n_jobs, refit=refit, cv=cv, verbose=verbose, pre_dispatch=pre_dispatch,
            error_score=error_score, return_train_score=return_train_score,
        )  # fmt: skip
        self.store = store
        self.name = name


class RandomizedSearchCV(Studied, SklearnRandomized):  # type: ignore[misc]
    """``sklearn.model_selection.RandomizedSearchCV`` over a danlu study: the same candidates, drawn by scikit-learn.

    Args:
        estimator, param_distributions, n_iter, scoring, n_jobs, refit, cv, verbose, pre_dispatch, random_state, error_score,
            return_train_score: scikit-learn's; see ``GridSearchCV``.
        store: a file name, a database's URL or a store, where the fits are kept; None for memory. A search that is to
            be resumed needs a ``random_state``, so that the same candidates are drawn again.
        name: of the study there.

    Example:
        >>> from scipy.stats import loguniform
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.svm import SVC
        >>> search = RandomizedSearchCV(SVC(), {"C": loguniform(0.01, 100)}, n_iter=4, random_state=0)
        >>> bool(search.fit(*load_iris(return_X_y=True)).best_score_ > 0.9)
        True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = SklearnRandomized._parameter_constraints | STORE

    def __init__(
        self, estimator: Any, param_distributions: Mapping[str, Any] | list[Mapping[str, Any]], *, n_iter: int = 10, scoring: Any = None,
        n_jobs: int | None = None, refit: Any = True, cv: Any = None, verbose: int = 0, pre_dispatch: Any = "2*n_jobs",
        random_state: Any = None, error_score: Any = NAN, return_train_score: bool = False, store: Any = None,
        name: str = "search",
    ) -> None:  # fmt: skip
        super().__init__(
            estimator, param_distributions, n_iter=n_iter, scoring=scoring, n_jobs=n_jobs, refit=refit, cv=cv, verbose=verbose,
            pre_dispatch=pre_dispatch, random_state=random_state, error_score=error_score, return_train_score=return_train_score,
        )  # fmt: skip
        self.store = store
        self.name = name


class HalvingGridSearchCV(Studied, SklearnHalvingGrid):  # type: ignore[misc]
    """``sklearn.model_selection.HalvingGridSearchCV`` over danlu studies, one for each round.

    Args:
        estimator, param_grid, factor, resource, max_resources, min_resources, aggressive_elimination, cv, scoring, refit, error_score,
            return_train_score, random_state, n_jobs, verbose: scikit-learn's; see ``GridSearchCV``.
        store: a file name, a database's URL or a store, where the fits are kept; None for memory. A search that is to
            be resumed needs a ``random_state``, so that the same rows are drawn again.
        name: of the first round's study there; the others are ``"NAME, round 2"`` and so on.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.svm import SVC
        >>> search = HalvingGridSearchCV(SVC(), {"C": [0.1, 1.0, 10.0]}, random_state=0).fit(*load_iris(return_X_y=True))
        >>> len(search.results_) == search.n_iterations_
        True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = SklearnHalvingGrid._parameter_constraints | STORE

    def __init__(
        self, estimator: Any, param_grid: Any, *, factor: float = 3, resource: str = "n_samples", max_resources: Any = "auto",
        min_resources: Any = "exhaust", aggressive_elimination: bool = False, cv: Any = 5, scoring: Any = None, refit: Any = True,
        error_score: Any = NAN, return_train_score: bool = True, random_state: Any = None, n_jobs: int | None = None, verbose: int = 0,
        store: Any = None, name: str = "search",
    ) -> None:  # fmt: skip
        super().__init__(
            estimator, param_grid, factor=factor, resource=resource, max_resources=max_resources, min_resources=min_resources,
            aggressive_elimination=aggressive_elimination, cv=cv, scoring=scoring, refit=refit, error_score=error_score,
            return_train_score=return_train_score, random_state=random_state, n_jobs=n_jobs, verbose=verbose,
        )  # fmt: skip
        self.store = store
        self.name = name


class HalvingRandomSearchCV(Studied, SklearnHalvingRandom):  # type: ignore[misc]
    """``sklearn.model_selection.HalvingRandomSearchCV`` over danlu studies, one for each round.

    Args:
        estimator, param_distributions, n_candidates, factor, resource, max_resources, min_resources, aggressive_elimination, cv, scoring, refit,
            error_score, return_train_score, random_state, n_jobs, verbose: scikit-learn's; see ``GridSearchCV``.
        store, name: as of ``HalvingGridSearchCV``.

    Example:
        >>> from scipy.stats import loguniform
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.svm import SVC
        >>> search = HalvingRandomSearchCV(SVC(), {"C": loguniform(0.01, 100)}, random_state=0).fit(*load_iris(return_X_y=True))
        >>> len(search.results_) == search.n_iterations_
        True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = SklearnHalvingRandom._parameter_constraints | STORE

    def __init__(
        self, estimator: Any, param_distributions: Any, *, n_candidates: Any = "exhaust", factor: float = 3, resource: str = "n_samples",
        max_resources: Any = "auto", min_resources: Any = "smallest", aggressive_elimination: bool = False, cv: Any = 5,
        scoring: Any = None, refit: Any = True, error_score: Any = NAN, return_train_score: bool = True, random_state: Any = None,
        n_jobs: int | None = None, verbose: int = 0, store: Any = None, name: str = "search",
    ) -> None:  # fmt: skip
        super().__init__(
            estimator, param_distributions, n_candidates=n_candidates, factor=factor, resource=resource, max_resources=max_resources,
            min_resources=min_resources, aggressive_elimination=aggressive_elimination, cv=cv, scoring=scoring, refit=refit,
            error_score=error_score, return_train_score=return_train_score, random_state=random_state, n_jobs=n_jobs, verbose=verbose,
        )  # fmt: skip
        self.store = store
        self.name = name
