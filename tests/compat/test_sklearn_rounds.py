"""Estimators that train in rounds, behind scikit-learn's door: ended by their curves, and scored as if they had not been looked at."""

import numpy as np
import pytest
from scipy.stats import loguniform, randint
from sklearn.base import clone
from sklearn.datasets import load_wine
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import danlu
from danlu.compat.sklearn.rounds import Rounds, rounds_of
from danlu.sklearn import SearchCV

DATA = load_wine(return_X_y=True)
CV = StratifiedKFold(3, shuffle=True, random_state=0)


def nothing(name):
    del name
    return False


PERCEPTRON = make_pipeline(
    StandardScaler(), MLPClassifier((8,), max_iter=27, random_state=0, n_iter_no_change=100)
)
TRAINED = {
    "a forest": (RandomForestClassifier(24, random_state=3), {"max_depth": randint(1, 8)}, [3, 6, 9, 12, 15, 18, 21]),
    "extra trees": (ExtraTreesClassifier(16, random_state=3), {"max_depth": randint(1, 8)}, [2, 4, 6, 8, 10, 12, 14]),
    "bagging": (BaggingClassifier(n_estimators=16, random_state=3), {"max_samples": [0.3, 0.6, 1.0]}, [2, 4, 6, 8, 10, 12, 14]),
    "boosting": (GradientBoostingClassifier(n_estimators=16, random_state=3, subsample=0.7), {"learning_rate": loguniform(1e-3, 1)}, [2, 4, 6, 8, 10, 12, 14]),
    "a network": (PERCEPTRON, {"mlpclassifier__learning_rate_init": loguniform(1e-4, 1)}, [3, 9]),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("kind", TRAINED)
def test_a_fit_in_parts_scores_as_one_fit_does_to_the_last_digit(kind):
    estimator, space, parts = TRAINED[kind]
    search = SearchCV(estimator, space, n_trials=4, scheduler="none", cv=CV, random_state=1)
    search.fit(*DATA)
    (result,) = search.results_
    whole = [trial for trial in result.trials if trial.status is danlu.Status.DONE]
    assert len(whole) >= 4
    assert all(list(trial.curve.steps) == parts for trial in whole)
    for place, params in enumerate(search.cv_results_["params"]):
        if search.cv_results_["n_fits"][place] == 3:
            scores = cross_val_score(clone(estimator).set_params(**params), *DATA, cv=CV)
            assert [search.cv_results_[f"split{each}_test_score"][place] for each in range(3)] == list(scores)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_fits_that_fall_behind_are_ended_and_count_as_not_made():
    space = {"mlpclassifier__learning_rate_init": loguniform(1e-6, 1)}
    search = SearchCV(PERCEPTRON, space, n_trials=16, scheduler="median", cv=CV, random_state=1).fit(*DATA)
    (result,) = search.results_
    stopped = [trial for trial in result.trials if trial.status is danlu.Status.STOPPED]
    done = [trial for trial in result.trials if trial.status is danlu.Status.DONE]
    assert stopped
    assert all(trial.curve.steps[-1] < 27 for trial in stopped)
    assert search.cv_results_["n_fits"].sum() == len(done)
    scored = sum(np.isfinite(search.cv_results_[f"split{each}_test_score"]).sum() for each in range(3))
    assert scored == len(done)
    assert search.best_score_ > 0.9


def test_nobody_is_asked_on_the_way_where_no_scheduler_is_named():
    search = SearchCV(
        RandomForestClassifier(24, random_state=3), {"max_depth": randint(1, 8)}, n_trials=3, cv=CV
    )
    assert not any(len(trial.curve.steps) for trial in search.fit(*DATA).results_[0].trials)


def test_what_ends_by_itself_is_not_trained_again():
    """A fit that has converged before a part's last round is the whole fit."""
    sgd = SGDClassifier(max_iter=900, tol=1e-1, n_iter_no_change=2, random_state=0)
    search = SearchCV(sgd, {"alpha": loguniform(1e-5, 1)}, n_trials=3, scheduler="median", cv=CV)
    for trial in search.fit(*DATA).results_[0].trials:
        assert all(step < 900 for step in trial.curve.steps)
    scores = cross_val_score(clone(sgd).set_params(**search.best_params_), *DATA, cv=CV)
    assert search.best_score_ == scores.mean()


ROUNDS = {
    "a forest of a hundred": (RandomForestClassifier(random_state=0), nothing, Rounds("", "n_estimators", 100, True)),
    "trees that are searched": (RandomForestClassifier(random_state=0), lambda name: name == "n_estimators", None),
    "a forest by chance": (RandomForestClassifier(), nothing, None),
    "few trees": (RandomForestClassifier(8, random_state=0), nothing, None),
    "a forest that looks at itself": (RandomForestClassifier(oob_score=True, random_state=0), nothing, None),
    "a forest that weighs": (RandomForestClassifier(class_weight="balanced", random_state=0), nothing, None),
    "a forest that is warm": (RandomForestClassifier(warm_start=True, random_state=0), nothing, None),
    "boosting that stops early": (GradientBoostingClassifier(n_iter_no_change=5, random_state=0), nothing, None),
    "boosting without a warm start": (AdaBoostClassifier(random_state=0), nothing, None),
    "iterations of a solver": (LogisticRegression(random_state=0), nothing, None),
    "epochs": (SGDClassifier(random_state=0), nothing, Rounds("", "max_iter", 1000, False)),
    "epochs by chance": (SGDClassifier(), nothing, None),
    "after a scaler": (make_pipeline(StandardScaler(), SGDClassifier(random_state=0)), nothing, Rounds("sgdclassifier__", "max_iter", 1000, False)),
    "after a step that may be dear": (make_pipeline(SelectKBest(), SGDClassifier(random_state=0)), nothing, None),
    "a step that is searched": (make_pipeline(StandardScaler(), SGDClassifier(random_state=0)), lambda name: name == "sgdclassifier", None),
    "a last step that is none": (make_pipeline(StandardScaler(), "passthrough"), nothing, None),
}  # fmt: skip


@pytest.mark.parametrize("kind", ROUNDS)
def test_which_estimators_train_in_rounds(kind):
    estimator, searched, expected = ROUNDS[kind]
    assert rounds_of(estimator, searched) == expected
