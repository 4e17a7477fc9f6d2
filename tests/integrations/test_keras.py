"""Keras in a study: epochs are reported, trials are stopped and paused, and go on as if nothing had happened."""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import math

import keras
import numpy as np
import pytest

import danlu
from danlu.contracts.messages import GO, pause, stop
from danlu.contracts.protocols import New, Resume
from danlu.errors import ReportError
from danlu.keras import Report, Weights

RNG = np.random.default_rng(0)
X = RNG.normal(size=(48, 4)).astype("float32")
Y = (X[:, 0] + 0.3 * RNG.normal(size=48) > 0).astype("int32")
SPLIT = {"x": X[:32], "y": Y[:32], "validation_data": (X[32:], Y[32:]), "batch_size": 8, "verbose": 0}
SPACE = {"lr": danlu.Choice([0.05, 0.01])}


def network(lr=0.05, *, built=True):
    layers = [keras.Input((4,))] if built else []
    layers += [
        keras.layers.Dense(6, activation="relu"),
        keras.layers.BatchNormalization(),
        keras.layers.Dropout(0.3),
        keras.layers.Dense(2),
    ]
    model = keras.Sequential(layers)
    model.compile(
        keras.optimizers.Adam(lr),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def training(*, epochs=4, built=True, begins=None, curves=None, others=lambda: (), die=None):
    def train(trial):
        keras.utils.set_random_seed(trial.seed % 2**31 + trial.number)
        report = Report(trial, "val_loss")
        if die is not None:
            die(trial, report)
        if begins is not None:
            begins.append((trial.number, report.initial_epoch))
        model = network(trial["lr"], built=built)
        found = model.fit(
            **SPLIT, epochs=epochs, initial_epoch=report.initial_epoch, callbacks=report.after(*others())
        )
        if curves is not None:
            curves.append(found.history)

    return train


class PausesAtTwo(danlu.schedulers.BaseScheduler):
    """Every trial is paused at its second report, and goes on once all have begun."""

    def init(self, problem):
        return None

    def tell(self, state, trial):
        return None

    def judge(self, state, view, trial):
        return pause("waits for the others") if trial.curve.steps[-1] == 2 else GO

    def next(self, state, view):
        paused = sorted(n for n, row in enumerate(view.history.rows) if row.status.name == "PAUSED")
        if paused and len(view.history) >= 2:
            return Resume(paused[0], reason="it is its turn")
        return New()


class StopsTheSlow(PausesAtTwo):
    def judge(self, state, view, trial):
        return stop("too slow") if trial.params["lr"] == 0.01 and len(trial.curve) == 2 else GO


def tuned(train, **more):
    return danlu.tune(train, SPACE, minimize="val_loss", trials=2, sampler="grid", seed=3, **more)


def curves_of(result):
    return [
        (trial.curve.steps, {name: list(values) for name, values in trial.curve.metrics.items()})
        for trial in result.trials
    ]


def test_epochs_are_reported_from_1_with_everything_that_keras_logs():
    histories = []
    result = tuned(training(curves=histories))
    for trial, history in zip(result.trials, histories, strict=True):
        assert list(trial.curve.steps) == [1, 2, 3, 4]
        assert {name: list(values) for name, values in trial.curve.metrics.items()} == history
        assert set(history) == {"loss", "accuracy", "val_loss", "val_accuracy"}


def test_a_stop_ends_fit():
    result = tuned(training(), scheduler=StopsTheSlow())
    assert [len(trial.curve) for trial in result.trials] == [4, 2]
    assert result.trials[1].reason == "too slow"


@pytest.mark.parametrize("built", [True, False])
def test_a_paused_training_has_the_curve_of_an_undisturbed_one_to_the_last_digit(built):
    whole = tuned(training(built=built))
    begins = []
    paused = tuned(training(built=built, begins=begins), scheduler=PausesAtTwo())
    assert begins == [(0, 0), (1, 0), (0, 2), (1, 2)]
    assert curves_of(paused) == curves_of(whole)


def test_patience_and_plateaus_are_counted_on():
    def others():
        return (
            keras.callbacks.EarlyStopping("val_loss", patience=2, min_delta=10.0, restore_best_weights=True),
            keras.callbacks.ReduceLROnPlateau("val_loss", factor=0.5, patience=1, min_delta=10.0),
        )

    whole = tuned(training(epochs=6, others=others))
    paused = tuned(training(epochs=6, others=others), scheduler=PausesAtTwo())
    assert [len(trial.curve) for trial in whole.trials] == [3, 3]
    assert curves_of(paused) == curves_of(whole)


def test_what_keras_draws_without_a_seed_is_drawn_on():
    class Noise(keras.layers.Layer):
        def call(self, x, training=False):
            return x + keras.random.normal(keras.ops.shape(x)) if training else x

    def train(trial):
        keras.utils.set_random_seed(5)
        report = Report(trial, "val_loss")
        model = keras.Sequential([keras.Input((4,)), Noise(), keras.layers.Dense(2)])
        model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        model.fit(**SPLIT, epochs=4, initial_epoch=report.initial_epoch, callbacks=[report])

    assert curves_of(tuned(train, scheduler=PausesAtTwo())) == curves_of(tuned(train))


def test_the_best_epoch_s_weights_are_restored():
    result = tuned(training(epochs=6))
    model = network()
    result.restore(Weights(model))
    found = model.evaluate(X[32:], Y[32:], verbose=0, return_dict=True)
    assert math.isclose(found["loss"], min(result.best.curve.metrics["val_loss"]), rel_tol=1e-5)


def test_weights_of_another_architecture_are_refused():
    result = tuned(training(epochs=1))
    with pytest.raises(ReportError, match="of another model: it has 8 variables, this one 2"):
        result.restore(Weights(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])))


def fails(train, **more):
    result = danlu.tune(train, SPACE, trials=1, seed=0, **({"minimize": "val_loss"} | more))
    return result.trials[0]


@pytest.mark.parametrize(
    ("metric", "given", "said"),
    [
        ("val_f1", SPLIT, "Keras logged no 'val_f1' in this epoch, only accuracy, loss, val_accuracy, val_loss. Name one of these"),
        ("val_loss", SPLIT | {"validation_data": None}, "Keras logged no 'val_loss' in this epoch, only accuracy, loss. Give fit validation_data."),
    ],
)  # fmt: skip
def test_a_metric_that_is_not_logged_is_a_sentence(metric, given, said):
    def train(trial):
        report = Report(trial, metric)
        network().fit(**given, epochs=1, callbacks=[report])

    trial = fails(train, minimize=metric)
    assert trial.status.name == "FAILED"
    assert said in trial.reason.replace("loss, accuracy", "accuracy, loss").replace(
        "val_loss, val_accuracy", "val_accuracy, val_loss"
    )


def test_a_loss_that_is_nan_has_diverged():
    def train(trial):
        report = Report(trial, "val_loss")
        network().fit(
            X[:32] * np.nan,
            Y[:32],
            validation_data=(X[32:] * np.nan, Y[32:]),
            epochs=3,
            verbose=0,
            callbacks=[report],
        )

    trial = fails(train)
    assert (trial.status.name, trial.cause.value) == ("FAILED", "diverged")


def test_deciding_by_a_training_metric_is_said(capsys):
    def train(trial):
        network().fit(**SPLIT, epochs=1, callbacks=[Report(trial, "loss")])

    result = danlu.tune(train, SPACE, minimize="loss", trials=1)
    said = "loss is measured on the data that is trained on, so what overfits looks best. Report val_loss, which is there."
    assert said in capsys.readouterr().err
    assert any(said in line for line in result.why())


def test_a_direction_against_the_name_is_said(capsys):
    def train(trial):
        network().fit(**SPLIT, epochs=1, callbacks=[Report(trial, "val_accuracy")])

    danlu.tune(train, SPACE, minimize="val_accuracy", trials=1)
    assert "val_accuracy" in capsys.readouterr().err


def test_epochs_without_validation_are_not_reported():
    def train(trial):
        network().fit(**SPLIT, epochs=4, validation_freq=2, callbacks=[Report(trial, "val_loss")])

    assert list(fails(train).curve.steps) == [2, 4]


def test_fit_has_to_begin_where_the_trial_is():
    def train(trial):
        report = Report(trial, "val_loss")
        network().fit(**SPLIT, epochs=4, callbacks=[report])

    result = tuned(train, scheduler=PausesAtTwo())
    assert (
        "trial 0 has been trained for 2 epochs, and fit begins at epoch 0. Write fit(..., initial_epoch=report.initial_epoch)."
        in result.trials[0].reason
    )


def test_other_callbacks_than_the_checkpoint_s_are_refused():
    took = []

    def others():
        took.append(1)
        return (keras.callbacks.EarlyStopping("val_loss", patience=9),) if len(took) <= 2 else ()

    result = tuned(training(others=others), scheduler=PausesAtTwo())
    assert "has what 1 callbacks counted, and report.after was given 0" in result.trials[0].reason


def test_without_save_nothing_is_kept():
    def train(trial):
        network().fit(**SPLIT, epochs=2, callbacks=[Report(trial, "val_loss", save=False)])

    assert fails(train).checkpoints == ()
