"""What the guides of Keras Tuner's documentation teach, on scikit-learn's digits, with the import changed.

That on TensorBoard needs TensorFlow, and that on several machines starts several programs: neither is here.
"""

import keras
import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import make_scorer

from danlu import keras_tuner

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

PIXELS, DIGITS = load_digits(return_X_y=True)
PIXELS = (PIXELS / 16).astype("float32")
TRAIN, VALID = (PIXELS[:160], DIGITS[:160]), (PIXELS[160:220], DIGITS[160:220])


def dense(hp, units, activation, rate):
    model = keras.Sequential(
        [
            keras.Input((64,)),
            keras.layers.Dense(units, activation=activation),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def define(hp):
    units = hp.Int("units", min_value=8, max_value=24, step=8)
    activation = hp.Choice("activation", ["relu", "tanh"])
    return dense(hp, units, activation, hp.Float("rate", min_value=1e-3, max_value=1e-1, sampling="log"))


def test_getting_started(tmp_path, capsys):
    define(keras_tuner.HyperParameters())
    tuner = keras_tuner.RandomSearch(
        hypermodel=define, objective="val_accuracy", max_trials=2, executions_per_trial=1, overwrite=True, directory=tmp_path, project_name="start", seed=1,
    )  # fmt: skip
    tuner.search_space_summary()
    tuner.search(*TRAIN, epochs=2, validation_data=VALID, verbose=0)
    (best,) = tuner.get_best_models(num_models=1)
    assert [tuple(each.shape) for each in best.weights][-1] == (10,)
    tuner.results_summary()
    said = capsys.readouterr().out
    assert "Default search space size: 3" in said
    assert "Results summary" in said
    again = tuner.hypermodel.build(tuner.get_best_hyperparameters(2)[0])
    again.fit(np.concatenate([TRAIN[0], VALID[0]]), np.concatenate([TRAIN[1], VALID[1]]), epochs=1, verbose=0)


def test_how_a_model_is_trained_is_tuned_as_well(tmp_path):
    class Shuffled(keras_tuner.HyperModel):
        def build(self, hp):
            return define(hp)

        def fit(self, hp, model, x, y, *args, **kwargs):
            if hp.Boolean("centered"):
                x = x - x.mean()
            return model.fit(x, y, *args, shuffle=hp.Boolean("shuffle"), **kwargs)

    tuner = keras_tuner.BayesianOptimization(
        Shuffled(), objective="val_accuracy", max_trials=3, directory=tmp_path, seed=1
    )
    tuner.search(*TRAIN, epochs=1, validation_data=VALID, verbose=0)
    assert {"units", "activation", "rate", "centered", "shuffle"} == set(
        tuner.get_best_hyperparameters()[0].values
    )
    assert all({"centered", "shuffle"} <= set(trial.params) for trial in tuner.result.trials)


def test_an_objective_of_one_s_own_is_named_with_its_direction(tmp_path):
    class TopTwo(keras_tuner.HyperModel):
        def build(self, hp):
            return define(hp)

        def fit(self, hp, model, x, y, validation_data, **kwargs):
            model.fit(x, y, **kwargs)
            ranks = np.argsort(-model.predict(validation_data[0], verbose=0), axis=1)[:, :2]
            return {
                "top_two": float(np.mean(np.any(ranks == validation_data[1][:, None], axis=1))),
                "size": float(model.count_params()),
            }

    tuner = keras_tuner.RandomSearch(
        TopTwo(), keras_tuner.Objective("top_two", "max"), max_trials=2, directory=tmp_path, seed=1
    )
    tuner.search(*TRAIN, validation_data=VALID, epochs=1, verbose=0)
    assert tuner.result.best.metrics["top_two"] == max(
        each.metrics["top_two"] for each in tuner.result.trials
    )
    assert set(tuner.result.best.metrics) >= {"top_two", "size"}


def test_a_training_loop_of_one_s_own_returns_a_number(tmp_path):
    class Loop(keras_tuner.HyperModel):
        def build(self, hp):
            return keras.Sequential(
                [
                    keras.Input((64,)),
                    keras.layers.Dense(hp.Choice("units", [8, 16]), "relu"),
                    keras.layers.Dense(10),
                ]
            )

        def fit(self, hp, model, x, y, validation_data, callbacks=(), **kwargs):
            optimizer = torch.optim.SGD(model.parameters(), hp.Float("rate", 0.01, 1.0, sampling="log"))
            loss = torch.nn.CrossEntropyLoss()
            for callback in callbacks:
                callback.set_model(model)
            best = float("inf")
            for epoch in range(2):
                for at in range(0, len(x), hp.Int("batch", 40, 80, step=40)):
                    optimizer.zero_grad()
                    loss(model(torch.tensor(x[at : at + 40])), torch.tensor(y[at : at + 40])).backward()
                    optimizer.step()
                with torch.no_grad():
                    found = float(
                        loss(model(torch.tensor(validation_data[0])), torch.tensor(validation_data[1]))
                    )
                for callback in callbacks:
                    callback.on_epoch_end(epoch, logs={"mine": found})
                best = min(best, found)
            return best

    tuner = keras_tuner.RandomSearch(
        Loop(), keras_tuner.Objective("mine", "min"), max_trials=2, directory=tmp_path, seed=1
    )
    tuner.search(*TRAIN, validation_data=VALID)
    for trial in tuner.result.trials:
        assert list(trial.curve.steps) == [1, 2]
        assert trial.metrics["mine"] == min(trial.curve.metrics["mine"])


def test_a_black_box_needs_no_keras(tmp_path):
    class Black(keras_tuner.GridSearch):
        def run_trial(self, trial, *args, **kwargs):
            hp = trial.hyperparameters
            return [hp.Int("a", 0, 2) * 2 + hp.Boolean("b"), hp.Int("a", 0, 2) * 2]

    tuner = Black(directory=tmp_path)
    tuner.search(verbose=0)
    assert len(tuner.result.trials) == 6
    assert tuner.get_best_hyperparameters()[0].values == {"a": 0, "b": False}


def test_a_space_is_tailored(tmp_path):
    hp = keras_tuner.HyperParameters()
    hp.Float("rate", min_value=1e-2, max_value=2e-2, sampling="log")
    hp.Fixed("activation", value="tanh")
    tuner = keras_tuner.RandomSearch(
        define, hyperparameters=hp, tune_new_entries=False, objective="val_accuracy", max_trials=2, directory=tmp_path, seed=1, optimizer="adam",
        loss="sparse_categorical_crossentropy", metrics=["accuracy"],
    )  # fmt: skip
    tuner.search(*TRAIN, epochs=1, validation_data=VALID, verbose=0)
    for trial in tuner.result.trials:
        assert 1e-2 <= trial.params["rate"] <= 2e-2
        assert trial.params["activation"] == "tanh"
        assert "units" not in trial.params


def test_failed_trials_are_handled(tmp_path):
    def wide(hp):
        model = define(hp)
        if hp.get("units") > 8:
            raise keras_tuner.errors.FailedTrialError("too wide")
        return model

    hp = keras_tuner.HyperParameters()
    hp.Int("units", 8, 24, step=8)
    tuner = keras_tuner.GridSearch(
        wide,
        hyperparameters=hp,
        tune_new_entries=False,
        objective="val_accuracy",
        max_retries_per_trial=2,
        directory=tmp_path,
    )
    tuner.search(*TRAIN, epochs=1, validation_data=VALID, verbose=0)
    assert [(each.status.name, each.attempt) for each in tuner.result.trials] == [
        ("DONE", 1),
        ("FAILED", 1),
        ("FAILED", 1),
    ]
    assert "too wide" in tuner.result.trials[1].reason


def test_an_estimator_of_scikit_learn_is_tuned(tmp_path):
    def estimator(hp):
        return LogisticRegression(C=hp.Float("C", 1e-2, 10, sampling="log"), max_iter=50)

    oracle = keras_tuner.oracles.BayesianOptimizationOracle(
        keras_tuner.Objective("score", "max"), max_trials=3, seed=1
    )
    scoring = make_scorer(lambda true, found: float(np.mean(true == found)))
    tuner = keras_tuner.SklearnTuner(oracle, estimator, scoring=scoring, directory=tmp_path)
    tuner.search(*TRAIN)
    assert tuner.get_best_models()[0].score(*VALID) > 0.7
    assert len(tuner.result.trials) == 3
