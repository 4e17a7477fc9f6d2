"""Ranges inferred from real signatures and real scripts' flags: every default inside, logarithmic where it should be."""

import inspect
from typing import Literal

import numpy as np
import pytest
import sklearn.discriminant_analysis
import sklearn.ensemble
import sklearn.linear_model
import sklearn.naive_bayes
import sklearn.neighbors
import sklearn.neural_network
import sklearn.svm
import sklearn.tree
import torch

import danlu
from danlu import Choice, Float, Int
from danlu.engines.named import by_signature
from danlu.space.infer import infer

SIGNATURES = [
    *(getattr(sklearn.linear_model, name) for name in (
        "LogisticRegression", "SGDClassifier", "SGDRegressor", "Ridge", "Lasso", "ElasticNet", "Perceptron", "HuberRegressor",
        "PassiveAggressiveClassifier", "BayesianRidge", "RANSACRegressor", "Lars", "OrthogonalMatchingPursuit",
    )),
    *(getattr(sklearn.ensemble, name) for name in (
        "RandomForestClassifier", "ExtraTreesRegressor", "GradientBoostingClassifier", "HistGradientBoostingClassifier",
        "AdaBoostClassifier", "BaggingClassifier", "IsolationForest",
    )),
    sklearn.neural_network.MLPClassifier, sklearn.neural_network.BernoulliRBM, sklearn.svm.SVC, sklearn.svm.LinearSVC,
    sklearn.svm.NuSVR, sklearn.neighbors.KNeighborsClassifier, sklearn.tree.DecisionTreeClassifier,
    sklearn.naive_bayes.MultinomialNB, sklearn.discriminant_analysis.LinearDiscriminantAnalysis,
    *(getattr(torch.optim, name) for name in (
        "SGD", "Adam", "AdamW", "Adagrad", "Adadelta", "RMSprop", "NAdam", "RAdam", "Adamax", "ASGD", "Muon", "Rprop",
    )),
    torch.nn.Dropout, torch.nn.TransformerEncoderLayer,
]  # fmt: skip

SCRIPTS = {  # the flags of public training scripts: name -> default
    "mnist": {"batch-size": 64, "test-batch-size": 1000, "epochs": 14, "lr": 1.0, "gamma": 0.7, "seed": 1, "log-interval": 10},
    "imagenet": {"workers": 4, "epochs": 90, "batch-size": 256, "lr": 0.1, "momentum": 0.9, "weight-decay": 1e-4, "print-freq": 10},
    "word_language_model": {"emsize": 200, "nhid": 200, "nlayers": 2, "lr": 20, "clip": 0.25, "epochs": 40, "batch_size": 20,
                            "bptt": 35, "dropout": 0.2, "seed": 1111, "nhead": 2},
    "vae": {"batch-size": 128, "epochs": 10, "seed": 1, "log-interval": 10},
    "dcgan": {"workers": 2, "batchSize": 64, "imageSize": 64, "nz": 100, "ngf": 64, "ndf": 64, "niter": 25, "lr": 2e-4, "beta1": 0.5},
    "nanogpt": {"n_layer": 12, "n_head": 12, "n_embd": 768, "dropout": 0.0, "learning_rate": 6e-4, "max_iters": 600_000,
                "weight_decay": 0.1, "beta1": 0.9, "beta2": 0.95, "grad_clip": 1.0, "warmup_iters": 2000, "min_lr": 6e-5},
    "gcn": {"seed": 42, "epochs": 200, "lr": 0.01, "weight_decay": 5e-4, "hidden": 16, "dropout": 0.5},
}  # fmt: skip

LOGARITHMIC = {
    "lr", "learning_rate", "min_lr", "weight_decay", "weight-decay", "alpha", "eps", "tol", "clip", "grad_clip", "nhid", "emsize", "hidden",
    "n_estimators", "C", "n_embd", "dim_feedforward", "d_model",
}  # fmt: skip


def arguments():
    for thing in SIGNATURES:
        for parameter in inspect.signature(thing).parameters.values():
            if parameter.default is not parameter.empty:
                yield thing.__name__, parameter.name, parameter.default
    for script, flags in SCRIPTS.items():
        for name, default in flags.items():
            yield script, name, default


def test_there_are_forty_of_them():
    assert len(SIGNATURES) + len(SCRIPTS) >= 40


@pytest.mark.parametrize(("where", "name", "default"), list(arguments()))
def test_the_default_is_inside_and_the_first_trial(where, name, default):
    found = infer(name, default)
    parameter = found.parameter
    if parameter is None:
        assert str(found).startswith(f"{name} = ")
        return
    assert parameter.check(name, default) == default
    assert parameter.prior == default
    space = danlu.Space({name: parameter})
    assert space.decode(space.center())[name] == default
    if name in LOGARITHMIC:
        assert getattr(parameter, "log", False) or isinstance(parameter, Choice), found
    wide = isinstance(parameter, Float) and parameter.low > 0 and parameter.high / parameter.low > 100
    assert not wide or parameter.log


def test_what_is_no_hyperparameter_stays():
    for script, flags in SCRIPTS.items():
        for name in flags:
            kept = infer(name, flags[name]).parameter is None
            expected = {
                "seed",
                "epochs",
                "workers",
                "log-interval",
                "print-freq",
                "test-batch-size",
                "niter",
                "max_iters",
                "warmup_iters",
            }
            assert kept == (name in expected), f"{script}: {infer(name, flags[name])}"


EXPECTED = {
    ("momentum", 0.9): Float(0.5, 0.99, prior=0.9),
    ("beta2", 0.999): Float(0.9, 0.9999, prior=0.999),
    ("dropout", 0.1): Float(0.0, 0.5, prior=0.1),
    ("batch_size", 64): Choice([16, 32, 64, 128, 256], ordered=True, prior=64),
    ("hiddenSize", 64): Int(16, 256, log=True, prior=64),
    ("learning_starts", 10_000): Int(2500, 40_000, log=True, prior=10_000),
    ("num_layers", 2): Int(1, 4, prior=2),
    ("nesterov", False): Choice([False, True], prior=False),
    ("kernel_size", 3): Choice([3, 5, 7], ordered=True, prior=3),
}


@pytest.mark.parametrize("case", EXPECTED, ids=str)
def test_ranges_are_those_a_person_would_write(case):
    assert infer(*case).parameter == EXPECTED[case]


def test_a_function_is_tuned_by_its_signature(capsys):
    def train(lr=1e-2, hidden=16, act: Literal["relu", "tanh"] = "relu", seed=0):
        return (np.log10(lr) + 3) ** 2 + (hidden - 24) ** 2 / 1e3 + (act == "relu") + seed

    result = danlu.tune(train, trials=40, seed=1)
    assert result.trials[0].params == {"lr": 0.01, "hidden": 16, "act": "relu"}
    assert result.best.params["act"] == "tanh"
    assert result.best.value < 0.3
    said = capsys.readouterr().err
    assert "lr: 0.000333333 to 0.3 on a logarithmic scale" in said
    assert "seed = 0" in said


def test_a_function_may_report_and_may_run_in_a_pool():
    def train(trial, lr=1e-2):
        for step in (1, 2):
            trial.report(step, loss=lr * step)

    result = danlu.tune(train, minimize="loss", trials=4, workers=2)
    assert all(len(trial.curve) == 2 for trial in result.trials)


def test_functions_of_one_trial_stay_what_they_are():
    assert by_signature(lambda trial: 0) is None
    assert by_signature(lambda trial, **more: 0) is None
    assert by_signature(lambda x, lr=0.1: 0) is None  # x has no value
    drawn = danlu.tune(lambda trial: trial.suggest("x", Float(0, 1)), trials=3)
    assert len(drawn.trials) == 3


@pytest.mark.parametrize(
    "name",
    ["subsample", "colsample_bytree", "bagging_fraction", "feature_fraction", "colsampleByTree", "data_frac"],
)
def test_a_share_of_rows_or_columns_is_never_nothing(name):
    for default in (1.0, 0.5, 0.1):
        found = infer(name, default)
        assert found.why == "a share of rows or columns"
        assert isinstance(found.parameter, Float)
        assert 0 < found.parameter.low < default <= found.parameter.high == 1.0
    assert infer("n_estimators", 100).why == "a number of trees"
