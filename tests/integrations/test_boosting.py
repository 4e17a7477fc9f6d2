"""The callbacks for XGBoost, LightGBM and CatBoost in the real libraries: every round arrives, trials are stopped and taken up again."""

import types
import warnings

import catboost
import lightgbm
import pytest
import xgboost
from sklearn.datasets import load_breast_cancer

import danlu
from danlu import Float
from danlu.contracts.messages import GO, pause, stop
from danlu.contracts.protocols import New, Resume
from danlu.integrations.boosting import BoostingReport
from danlu.integrations.catboost import DanluCallback as ForCatBoost
from danlu.integrations.lightgbm import DanluCallback as ForLightGBM
from danlu.integrations.xgboost import DanluCallback as ForXGBoost
from danlu.sklearn import SearchCV

warnings.filterwarnings("ignore", module="lightgbm|catboost|xgboost|sklearn")
X, Y = load_breast_cancer(return_X_y=True)
HALF = X[::2], Y[::2]
HELD = X[1::2], Y[1::2]
SPACE = {"lr": Float(0.01, 0.3)}
POINTS = [{"lr": 0.2}, {"lr": 0.02}]


class Ends(danlu.schedulers.BaseScheduler):
    """Trials with a rate below 0.05 are stopped at their third report."""

    verdict = staticmethod(stop)

    def init(self, problem):
        return None

    def tell(self, state, trial):
        return None

    def judge(self, state, view, trial):
        slow = trial.params["lr"] < 0.05 and len(trial.curve) == 3
        return self.verdict("too slow") if slow and trial.attempt == 1 else GO

    def next(self, state, view):
        return New()


class SetsAside(Ends):
    """They are paused there, and taken up again at once."""

    verdict = staticmethod(pause)

    def next(self, state, view):
        waiting = view.history.rows.live[danlu.Status.PAUSED]
        return Resume(min(waiting), reason="again") if waiting else New()


def by_xgboost(trial, rounds=8):
    report = ForXGBoost(trial, "valid-logloss", save=True)
    params = {
        "objective": "binary:logistic",
        "eta": trial["lr"],
        "seed": 1,
        "nthread": 1,
    }
    held = xgboost.DMatrix(*HELD)
    found = {}
    model = xgboost.train(
        params, xgboost.DMatrix(*HALF), report.rounds(rounds), evals=[(held, "valid")], evals_result=found,
        callbacks=[report], xgb_model=report.restore(), verbose_eval=False,
    )  # fmt: skip
    assert model.num_boosted_rounds() == rounds
    return found["valid"]["logloss"][-1]


def by_lightgbm(trial, rounds=8):
    report = ForLightGBM(trial, "valid-binary_logloss", save=True)
    params = {
        "objective": "binary",
        "learning_rate": trial["lr"],
        "seed": 1,
        "num_threads": 1,
        "verbosity": -1,
    }
    model = lightgbm.train(
        params, lightgbm.Dataset(*HALF), report.rounds(rounds), valid_sets=[lightgbm.Dataset(*HELD)], valid_names=["valid"],
        callbacks=[report], init_model=report.restore(),
    )  # fmt: skip
    assert model.current_iteration() == rounds
    return model.best_score["valid"]["binary_logloss"]


def by_catboost(trial, rounds=8, names=("Logloss",), *, check=True):
    report = ForCatBoost(trial, *names)
    model = catboost.CatBoostClassifier(
        iterations=rounds, learning_rate=trial["lr"], verbose=0, thread_count=1, random_seed=1, train_dir=str(trial.dir)
    )  # fmt: skip
    model.fit(
        *HALF, eval_set=HELD, callbacks=[report], save_snapshot=True,
        snapshot_file=str(trial.dir / "snapshot"), snapshot_interval=0,
    )  # fmt: skip
    if check:
        report.check()
    return model.get_evals_result()["validation"]["Logloss"][-1]


LIBRARIES = {
    "xgboost": (by_xgboost, "valid-logloss"),
    "lightgbm": (by_lightgbm, "valid-binary_logloss"),
    "catboost": (by_catboost, "Logloss"),
}


def tuned(run, metric, **how):
    return danlu.tune(run, SPACE, minimize=metric, trials=2, enqueue=POINTS, **how)


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_round_arrives_and_a_stop_ends_the_training(library):
    good, slow = tuned(*LIBRARIES[library], scheduler=Ends()).trials
    assert good.status is danlu.Status.DONE
    assert list(good.curve.steps) == list(range(1, 9))
    assert slow.status is danlu.Status.STOPPED
    assert list(slow.curve.steps) == [1, 2, 3]


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_trial_that_is_taken_up_again_has_the_curve_of_an_undisturbed_one(library):
    run, metric = LIBRARIES[library]
    whole = tuned(run, metric, scheduler="none").trials[1]
    again = tuned(run, metric, scheduler=SetsAside()).trials[1]
    assert again.attempt == 2, again.reason
    assert again.status is danlu.Status.DONE, again.reason
    assert list(again.curve.steps) == list(whole.curve.steps)
    assert list(again.curve.metrics[metric]) == list(whole.curve.metrics[metric])


def test_who_forgets_to_check_catboost_s_callback_has_no_half_model_for_a_whole_one():
    def forgets(trial):
        return by_catboost(trial, check=False)

    slow = tuned(forgets, "Logloss", scheduler=Ends()).trials[1]
    assert slow.status is danlu.Status.STOPPED
    assert len(slow.curve) == 3

    def misnames(trial):
        return {"Logloss": by_catboost(trial, names=["AUC"], check=False)}

    result = tuned(misnames, "Logloss")
    assert [trial.status for trial in result.trials] == [danlu.Status.DONE] * 2
    assert result.trials[0].metrics == tuned(by_catboost, "Logloss").trials[0].metrics
    assert any("rounds of CatBoost are not reported: no 'AUC' is evaluated" in said for said in result.why())


def test_scikit_learn_s_interfaces_of_them_report_too():
    def by_sklearn(trial):
        report = ForXGBoost(trial, "logloss", every=2)
        model = xgboost.XGBClassifier(n_estimators=6, learning_rate=trial["lr"], callbacks=[report], n_jobs=1)
        model.fit(*HALF, eval_set=[HELD], verbose=False)
        other = ForLightGBM(trial, "valid_0-binary_logloss")
        with pytest.raises(danlu.errors.ReportError, match="falls back"):  # the curve is the first model's
            lightgbm.LGBMClassifier(n_estimators=6, verbose=-1, n_jobs=1).fit(
                *HALF, eval_set=[HELD], callbacks=[other]
            )
        return float(model.evals_result()["validation_0"]["logloss"][-1])

    for trial in tuned(by_sklearn, "logloss").trials:
        assert list(trial.curve.steps)[:3] == [2, 4, 6]


REFUSED = {
    "nothing evaluated": ((), {}, "nothing is evaluated"),
    "several, none named": ((), {("a", "auc"): 1.0, ("b", "auc"): 2.0}, "several numbers are evaluated: a-auc, b-auc"),
    "on several parts": (("auc",), {("a", "auc"): 1.0, ("b", "auc"): 2.0}, "on several parts of the data: a-auc, b-auc"),
    "another name": (("error",), {("a", "auc"): 1.0}, "no 'error' is evaluated in this training. There are: a-auc"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_known_is_refused(case):
    names, evaluated, why = REFUSED[case]
    with pytest.raises(danlu.errors.ReportError, match=why):
        BoostingReport(types.SimpleNamespace(), names, 1).found(evaluated)


@pytest.mark.parametrize("every", [0, True, 1.5])
def test_rounds_between_reports_are_a_number(every):
    with pytest.raises(danlu.errors.SettingError, match="a number of rounds >= 1"):
        BoostingReport(types.SimpleNamespace(), (), every)


@pytest.mark.parametrize(
    "estimator",
    [
        xgboost.XGBClassifier(n_estimators=27, subsample=0.8, n_jobs=1),
        lightgbm.LGBMClassifier(n_estimators=27, subsample=0.8, subsample_freq=1, verbose=-1, n_jobs=1),
        catboost.CatBoostClassifier(iterations=9, verbose=0, thread_count=1, allow_writing_files=False),
    ],
    ids=lambda each: type(each).__name__,
)
def test_the_better_search_takes_them_and_looks_at_their_rounds(estimator):
    """A shorter training is the beginning of a longer one, except CatBoost's, whose rate depends on its rounds."""
    search = SearchCV(estimator, {"learning_rate": [0.01, 0.1, 0.3]}, n_trials=3, scheduler="none", cv=3)
    (result,) = search.fit(*HALF).results_
    steps = [] if isinstance(estimator, catboost.CatBoostClassifier) else [3, 9]
    assert all(list(trial.curve.steps) == steps for trial in result.trials)
    search.set_params(scheduler=None).fit(*HALF)
    for trial, plain in zip(result.trials, search.results_[0].trials, strict=False):
        assert trial.metrics == plain.metrics or trial.params != plain.params
