"""``danlu.sklearn``: the same numbers as scikit-learn's, and what a study adds."""

import ast
import os
import signal
import subprocess
import sys
import textwrap
import warnings

import msgspec
import numpy as np
import pytest
from scipy import stats
from sklearn import model_selection as theirs
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_digits, load_iris, make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import check_estimator

import danlu
from danlu import sklearn as ours
from danlu.compat.sklearn.candidates import Candidates
from danlu.compat.sklearn.spaces import SearchSpace
from danlu.compat.sklearn.studied import outcome_of
from danlu.errors import ObjectiveError, SettingError, SpaceError
from danlu.journal.events import Cause, Status

IRIS = load_iris(return_X_y=True)
GRIDS = {
    "one grid": (SVC(), {"C": [0.1, 1, 10], "kernel": ["rbf", "linear"]}),
    "two grids": (SVC(), [{"C": [0.1, 1.0], "kernel": ["linear"]}, {"kernel": ["poly"], "degree": [2, 3]}]),
    "equal candidates": (DecisionTreeClassifier(random_state=0), {"max_depth": [1, 2, 2, 1]}),
    "estimators": (
        make_pipeline(StandardScaler(), SVC()),
        {"standardscaler": [None, StandardScaler()], "svc": [SVC(), GaussianNB(), SVC(C=5)]},
    ),
    "odd values": (
        RandomForestClassifier(4, random_state=0),
        {"max_depth": [None, 2, np.int64(3)], "max_features": ["sqrt", 0.5, 2], "bootstrap": [True, np.False_]},
    ),
    "arrays": (GaussianNB(), {"priors": [None, np.array([0.2, 0.3, 0.5]), np.array([0.5, 0.3, 0.2])]}),
}  # fmt: skip


def same(one, other, *, times=False):
    """Two tables of scikit-learn's, to the last bit; times of fitting only where they come from one journal."""
    assert set(one) == set(other)
    for name in one:
        if times or not name.endswith("_time"):
            assert str(list(one[name])) == str(list(other[name])), name


@pytest.mark.parametrize("case", GRIDS)
def test_a_grid_s_table_is_theirs_to_the_last_digit(case):
    estimator, grid = GRIDS[case]
    search = ours.GridSearchCV(estimator, grid, return_train_score=True, cv=3).fit(*IRIS)
    their = theirs.GridSearchCV(estimator, grid, return_train_score=True, cv=3).fit(*IRIS)
    same(search.cv_results_, their.cv_results_)
    assert str(search.best_params_) == str(their.best_params_)
    assert search.best_score_ == their.best_score_
    (result,) = search.results_
    assert len(result.trials) == 3 * len(their.cv_results_["params"])
    assert result.best.metrics["score"] == pytest.approx(their.best_score_)


def test_a_grid_gives_no_candidate_up():
    """Most are far behind the best after two splits, and each is fitted on all five: nothing says otherwise."""
    grid = {"C": [1e-3, 0.1, 10], "gamma": [1e-4, 0.1, 10]}
    (result,) = ours.GridSearchCV(SVC(), grid).fit(*IRIS).results_
    assert len(result.trials) == 45
    assert not [line for line in result.why() if "given up" in line]
    assert [each.contexts for each in result.history.trials.configurations()] == [5] * 9


def test_many_scores_splitters_and_distributions_are_theirs_too():
    space = {"C": stats.loguniform(0.01, 100), "kernel": ["rbf", "linear"], "degree": stats.randint(1, 5)}
    settings = {
        "n_iter": 6, "random_state": 3, "scoring": ["accuracy", "f1_macro"], "refit": "f1_macro",
        "cv": theirs.ShuffleSplit(3, random_state=1), "return_train_score": True,
    }  # fmt: skip
    search = ours.RandomizedSearchCV(SVC(), space, **settings).fit(*IRIS)
    their = theirs.RandomizedSearchCV(SVC(), space, **settings).fit(*IRIS)
    same(search.cv_results_, their.cv_results_)
    assert set(search.results_[0].trials[0].metrics) == {
        "score", "test_accuracy", "test_f1_macro", "train_accuracy", "train_f1_macro",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["HalvingGridSearchCV", "HalvingRandomSearchCV"])
def test_halving_is_theirs_with_a_study_a_round(name):
    import sklearn.experimental.enable_halving_search_cv  # noqa: F401

    data = make_classification(400, random_state=0)
    tree, space = (
        DecisionTreeClassifier(random_state=0),
        {"max_depth": [1, 2, 3, 4], "min_samples_leaf": [1, 5, 20]},
    )
    store = danlu.stores.MemoryStore()
    settings = {"random_state": 0} | ({"n_candidates": 9} if "Random" in name else {})
    search = getattr(ours, name)(tree, space, store=store, name="halved", **settings).fit(*data)
    their = getattr(theirs, name)(tree, space, **settings).fit(*data)
    same(search.cv_results_, their.cv_results_)
    assert len(search.results_) == their.n_iterations_ > 1
    assert sorted(store.studies())[:2] == ["halved", "halved, round 2"]


def test_workers_give_the_same_table():
    grid = {"var_smoothing": list(np.logspace(-9, 0, 8))}
    search = ours.GridSearchCV(GaussianNB(), grid, n_jobs=2).fit(*load_digits(return_X_y=True))
    their = theirs.GridSearchCV(GaussianNB(), grid).fit(*load_digits(return_X_y=True))
    same(search.cv_results_, their.cv_results_)
    assert len(search.results_[0].trials) == 40


class Fragile(ClassifierMixin, BaseEstimator):
    """Raises at 1, ends its process at 2."""

    def __init__(self, how=0):
        self.how = how

    def fit(self, X, y):  # noqa: N803
        if self.how == 1:
            raise ZeroDivisionError("no such model")
        if self.how == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):  # noqa: N803
        return np.full(len(X), self.classes_[0])


def test_a_fit_that_fails_is_theirs_and_a_failed_trial():
    grid = {"how": [0, 1]}
    with pytest.warns(FitFailedWarning, match="ZeroDivisionError: no such model"):
        search = ours.GridSearchCV(Fragile(), grid, error_score=-1.0, cv=3).fit(*IRIS)
    with pytest.warns(FitFailedWarning):
        their = theirs.GridSearchCV(Fragile(), grid, error_score=-1.0, cv=3).fit(*IRIS)
    same(search.cv_results_, their.cv_results_)
    failed = [trial for trial in search.results_[0].trials if trial.status is danlu.Status.FAILED]
    assert len(failed) == 3
    assert all("ZeroDivisionError: no such model" in trial.reason for trial in failed)


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_the_half_of_a_grid_that_fails_is_named_and_ends_nothing(capsys):
    """A penalty that the default solver does not know, as in many a tutorial."""
    grid = {"penalty": ["l1", "l2"], "C": [0.1, 1.0, 10.0]}
    search = ours.GridSearchCV(LogisticRegression(max_iter=300), grid, cv=3).fit(*load_iris(return_X_y=True))
    assert search.best_params_["penalty"] == "l2"
    said = capsys.readouterr().err
    assert "9 of 18 trials failed (raised): 9 x FitFailed: ValueError: Solver lbfgs supports only" in said
    assert "9 of the 9 with penalty l1 among them. Leave l1 out of penalty" in said
    assert "Most often it was FitFailed: ValueError: Solver lbfgs supports only" in said


@pytest.mark.parametrize("jobs", [1, 2])
def test_raise_gives_the_estimator_s_own_error(jobs):
    with pytest.raises(ZeroDivisionError, match="no such model"):
        ours.GridSearchCV(Fragile(), {"how": [1, 0]}, error_score="raise", n_jobs=jobs).fit(*IRIS)


def test_a_fit_that_kills_its_process_costs_its_own_score_alone():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search = ours.GridSearchCV(Fragile(), {"how": [0, 2]}, n_jobs=2, cv=2).fit(*IRIS)
    assert any("SIGKILL" in str(each.message) for each in caught)
    assert list(np.isnan(search.cv_results_["mean_test_score"])) == [False, True]
    assert search.best_params_ == {"how": 0}


KILLED = textwrap.dedent(
    """
    import os, signal, sys
    import numpy as np
    from sklearn.datasets import load_iris
    from sklearn.tree import DecisionTreeClassifier
    from danlu import sklearn as ours

    class Noted(DecisionTreeClassifier):
        def fit(self, X, y):  # noqa: N803
            with open("fits", "a") as file:
                file.write("x")
            if os.path.getsize("fits") == int(sys.argv[1]):
                os.kill(os.getpid(), signal.SIGKILL)
            return super().fit(X, y)

    name, store = sys.argv[2], sys.argv[3] or None
    tree, depths = Noted(random_state=0), [1, 2, 3, 4, 5, 6]
    settings = dict(store=store, cv=3)
    if name == "SearchCV":
        search = ours.SearchCV(tree, {"max_depth": depths, "min_samples_leaf": [1, 2, 5, 9]}, n_trials=6, random_state=0, **settings)
    elif name == "HalvingGridSearchCV":
        search = ours.HalvingGridSearchCV(tree, {"max_depth": depths}, random_state=0, **settings)
    else:
        search = ours.GridSearchCV(tree, {"max_depth": depths}, **settings)
    search.fit(*load_iris(return_X_y=True))
    table = {key: [str(value) for value in search.cv_results_[key]] for key in search.cv_results_ if not key.endswith("_time")}
    print(sorted(table.items()))
    """
)


@pytest.mark.parametrize(
    "name", ["GridSearchCV", pytest.param("HalvingGridSearchCV", marks=pytest.mark.fault), "SearchCV"]
)
def test_a_killed_search_goes_on_and_comes_to_the_same(name, tmp_path):
    def run(folder, die_at, store):
        (tmp_path / folder).mkdir(exist_ok=True)
        command = [sys.executable, "-c", KILLED, str(die_at), name, store]
        return subprocess.run(command, cwd=tmp_path / folder, capture_output=True, text=True)

    whole = run("whole", 0, "")
    assert whole.returncode == 0, whole.stderr
    assert run("killed", 8, "s.db").returncode == -signal.SIGKILL
    again = run("killed", 0, "s.db")
    assert again.returncode == 0, again.stderr
    assert again.stdout == whole.stdout
    fits = [(tmp_path / folder / "fits").stat().st_size for folder in ("whole", "killed")]
    assert fits[1] == fits[0] + 1  # the one that was killed


def test_a_store_with_other_data_is_refused(tmp_path):
    settings = {"store": tmp_path / "s.db", "name": "depths"}
    tree = DecisionTreeClassifier(random_state=0)
    ours.GridSearchCV(tree, {"max_depth": [1, 2]}, **settings).fit(*IRIS)
    data, y = IRIS
    with pytest.raises(SettingError, match="'depths' in this store was fitted with other data"):
        ours.GridSearchCV(tree, {"max_depth": [1, 2]}, **settings).fit(data + 1, y)
    with pytest.raises(SettingError, match="another estimator"):
        ours.GridSearchCV(tree.set_params(random_state=1), {"max_depth": [1, 2]}, **settings).fit(data, y)


def test_what_an_estimator_runs_in_parallel_is_its_own_affair():
    forest = RandomForestClassifier(4, n_jobs=2, random_state=0)
    search = ours.GridSearchCV(forest, {"max_depth": [1, 2]}, cv=2).fit(*IRIS)
    their = theirs.GridSearchCV(forest, {"max_depth": [1, 2]}, cv=2).fit(*IRIS)
    same(search.cv_results_, their.cv_results_)
    assert len(search.results_) == 1


def test_a_search_inside_a_cross_validation():
    inner = ours.GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 3]}, cv=2)
    their = theirs.GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [1, 3]}, cv=2)
    assert list(theirs.cross_val_score(inner, *IRIS, cv=3)) == list(
        theirs.cross_val_score(their, *IRIS, cv=3)
    )


def test_the_better_search_gives_poor_configurations_up():
    space = {"C": stats.loguniform(1e-4, 1e4), "gamma": stats.loguniform(1e-6, 1e2)}
    pipeline = {f"svc__{name}": value for name, value in space.items()}
    search = ours.SearchCV(
        make_pipeline(StandardScaler(), SVC()), pipeline, n_trials=12, cv=5, random_state=0
    ).fit(*IRIS)
    fits = search.cv_results_["n_fits"]
    assert fits.sum() <= 12 * 5
    assert len(fits) > 12
    assert fits[search.best_index_] == 5
    assert search.best_score_ >= 0.96
    given_up = np.isnan(search.cv_results_["mean_test_score"])
    assert 0 < given_up.sum() < len(fits)
    assert (
        search.cv_results_["rank_test_score"][given_up]
        > search.cv_results_["rank_test_score"][~given_up].max()
    ).all()


def test_the_better_search_begins_with_the_estimator_as_it_stands():
    search = ours.SearchCV(
        SVC(C=3.0, kernel="linear"), {"C": danlu.Float(0.1, 10), "kernel": ["rbf", "linear"]}, n_trials=2
    )
    assert search.fit(*IRIS).cv_results_["params"][0] == {"C": 3.0, "kernel": "linear"}


def test_a_list_of_grids_is_one_search():
    pipeline = make_pipeline(StandardScaler(), SVC())
    plain, forest = LogisticRegression(), RandomForestClassifier(4, random_state=0)
    space = [
        {"svc": [plain], "svc__C": stats.loguniform(1e-3, 1e3)},
        {
            "svc": [forest],
            "svc__max_depth": danlu.Int(1, 9),
            "standardscaler": ["passthrough", StandardScaler()],
        },
    ]
    search = ours.SearchCV(pipeline, space, n_trials=8, random_state=0).fit(*IRIS)
    seen = {type(each["svc"]).__name__ for each in search.cv_results_["params"]}
    assert seen == {"LogisticRegression", "RandomForestClassifier"}
    assert search.predict(IRIS[0]).shape == (150,)


@pytest.mark.parametrize(
    ("distribution", "parameter"),
    [
        (stats.loguniform(1e-3, 10), danlu.Float(1e-3, 10, log=True)),
        (stats.uniform(2, 3), danlu.Float(2, 5)),
        (stats.randint(3, 9), danlu.Int(3, 8)),
        ([0.1, 1, 10], danlu.Choice([0.1, 1, 10], ordered=True)),
        (["a", None, True], danlu.Choice(["a", None, True])),
        (np.array([1, 2]), danlu.Choice([1, 2], ordered=True)),
    ],
)
def test_how_spaces_are_read(distribution, parameter):
    assert SearchSpace({"p": distribution}).space == danlu.Space({"p": parameter})


@pytest.mark.parametrize(
    "options", [[(8,), (4, 4)], [(8,), (100,)], [[8], [4, 4]], [[8, 8], [4, 4]], ((4,), (8,))], ids=repr
)
def test_an_option_may_be_a_tuple_or_a_list(options):
    """As the layers of a network are; the search begins where the estimator stands, if that is an option."""
    network = MLPClassifier((100,), max_iter=5, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search = ours.SearchCV(network, {"hidden_layer_sizes": options}, n_trials=2, cv=2, random_state=0)
        search.fit(*IRIS)
    tried = [params["hidden_layer_sizes"] for params in search.cv_results_["params"]]
    assert sorted(tried) == sorted(options)
    if (100,) in options:
        assert tried[0] == (100,)


def test_a_distribution_without_an_end_is_cut_and_said(capsys):
    found = SearchSpace({"C": stats.expon(scale=100)})
    end = float(stats.expon(scale=100).ppf(0.999))
    assert found.space == danlu.Space({"C": danlu.Float(0, end)})
    ours.SearchCV(SVC(), {"C": stats.expon(1e-3, 100)}, n_trials=1, cv=2).fit(*IRIS)
    assert "danlu: C: expon is read as 0.001 to 690.777" in capsys.readouterr().err


@pytest.mark.parametrize(
    "given",
    [{}, [], "C", {"C": "rbf"}, {"C": []}, {"C": 3}, {"C": danlu.Switch(a={}, b={})}, {"C": np.eye(2)}],
)
def test_what_is_no_space_is_refused_with_the_remedy(given):
    with pytest.raises(SpaceError, match=r"Give a list|mapping"):
        ours.SearchCV(SVC(), given).fit(*IRIS)


def test_candidates_that_no_journal_keeps_have_names():
    found = Candidates(
        [{"kernel": len}, {"kernel": len}, {"kernel": sum}, {"kernel": np.ones(2)}, {"kernel": np.ones(2)}]
    )
    words = [point["kernel"] for point in found.points]
    assert words[0] == words[1] == "<built-in function len>"
    assert words[3:] == ["array([1., 1.])", "array([1., 1.]) (2)"]


@pytest.mark.parametrize(
    "search",
    [
        pytest.param(
            ours.GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2), marks=pytest.mark.fault
        ),
        ours.SearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, n_trials=2, cv=2, random_state=0),
    ],
    ids=["grid", "search"],
)
def test_scikit_learn_s_checks_of_estimators_pass(search):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = check_estimator(search, on_fail=None, on_skip=None)
    assert len(found) > 60
    assert not [each["check_name"] for each in found if each["status"] == "failed"]


# What is scored.


def test_scoring_what_was_fitted_is_said_once(capfd):
    data, labels = load_digits(return_X_y=True)
    train, test = slice(0, 200), slice(200, 300)
    search = ours.GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9, 1e-2]}, cv=2)
    search.fit(data[train], labels[train])
    assert search.score(data[test], labels[test]) == search.best_estimator_.score(data[test], labels[test])
    assert "given to fit" not in capfd.readouterr().err
    for _ in range(2):
        search.score(data[150:200], labels[150:200])
    assert capfd.readouterr().err.count("100% of the rows that are scored were given to fit") == 1
    everything = ours.SearchCV(GaussianNB(), {"var_smoothing": [1e-9, 1e-2]}, cv=2, n_trials=2)
    everything.fit(data[:300], labels[:300]).score(data[test], labels[test])
    assert "100% of the rows that are scored" in capfd.readouterr().err


def test_rows_that_come_again_by_themselves_are_no_reason_to_say_so(capfd):
    rng = np.random.default_rng(0)
    data, labels = rng.integers(0, 2, (80, 4)), np.arange(80) % 2
    search = ours.GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9, 1e-2]}, cv=2).fit(
        data[:40], labels[:40]
    )
    search.score(data[40:], labels[40:])
    data, labels = rng.normal(size=(80, 4)), np.arange(80) % 2
    search = ours.GridSearchCV(GaussianNB(), {"var_smoothing": [1e-9, 1e-2]}, cv=2).fit(
        data[:40], labels[:40]
    )
    search.score(data[30:], labels[30:])  # a fifth of them
    assert "given to fit" not in capfd.readouterr().err


# What is no failed fit.


class Breaks(ClassifierMixin, BaseEstimator):
    """Raises what is given at its second candidate."""

    def __init__(self, k=1, error=None, score=1.0):
        self.k = k
        self.error = error
        self.score_ = score

    def set_params(self, **params):
        self.__dict__ |= params
        return self

    def get_params(self, deep=True):
        return {"k": self.k, "error": self.error, "score": self.score_}

    def fit(self, X, y):  # noqa: N803
        if self.k == 2 and self.error is not None:
            raise self.error
        self.classes_ = np.unique(y)
        return self

    def score(self, X, y):  # noqa: N803
        return self.score_ if self.k == 2 else 1.0


@pytest.mark.parametrize(
    ("estimator", "grid", "cv", "expected"),
    [
        (SVC(), {"nope": [1, 2]}, 2, ValueError),
        (Breaks(error=KeyboardInterrupt()), {"k": [1, 2, 3]}, 2, KeyboardInterrupt),
        (Breaks(error=SystemExit(4)), {"k": [1, 2, 3]}, 2, SystemExit),
        (Breaks(score="high"), {"k": [1, 2, 3]}, 2, ValueError),
        (SVC(), {"C": [1, 2]}, [([0, 1, 900], [2, 60])], IndexError),
    ],
    ids=["parameter", "interrupt", "exit", "score", "split"],
)
def test_what_scikit_learn_takes_for_no_failed_fit_is_raised_by_both(estimator, grid, cv, expected):
    with pytest.raises(expected) as host:
        theirs.GridSearchCV(estimator, grid, cv=cv).fit(*IRIS)
    for search in (
        ours.GridSearchCV(estimator, grid, cv=cv),
        ours.SearchCV(estimator, grid, cv=cv, n_trials=4, random_state=0),
    ):
        with pytest.raises(expected) as found:
            search.fit(*IRIS)
        assert str(found.value) == str(host.value)


def test_a_search_ends_where_a_fit_raises_what_is_no_failed_fit():
    search = ours.GridSearchCV(Breaks(error=KeyboardInterrupt()), {"k": [2, *range(3, 30)]}, cv=2)
    with pytest.raises(KeyboardInterrupt):
        search.fit(*IRIS)
    assert len(search.results_[0].trials) < 5


def test_a_fit_that_dies_is_told_where_errors_are_to_be_raised():
    trial = danlu.tune(lambda trial: 1.0, {"x": danlu.Int(1, 3)}, trials=1, watch=False).trials[0]
    died = msgspec.structs.replace(trial, status=Status.FAILED, cause=Cause.CRASHED, reason="killed")
    with pytest.raises(ObjectiveError, match=r"died: crashed: killed. With error_score=numpy.nan"):
        outcome_of((len, (), {}), died, "raise")


def test_a_worker_imports_of_danlu_what_a_fit_needs_alone():
    program = """
import sys, danlu.engines.child, sklearn.model_selection._validation
before = set(sys.modules)
import danlu.compat.sklearn.fits
print(sorted(name for name in set(sys.modules) - before if name.startswith("danlu.")))
"""
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert {each.rpartition(".")[2] for each in ast.literal_eval(ran.stdout)} <= {
        "versions", "compat", "sklearn", "backend", "fits",
    }  # fmt: skip
