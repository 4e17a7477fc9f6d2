"""An output, loss and labels that do not fit each other are told, whatever trains them; what somebody may have meant is not."""

import os

os.environ.setdefault("KERAS_BACKEND", "torch")

import functools

import keras
import numpy as np
import pytest
from keras import layers, losses
from keras.layers import Dense
from sklearn.exceptions import FitFailedWarning

import danlu
from danlu.analysis.findings import findings
from danlu.integrations.keras_fits import TrialCallback, watching
from danlu.keras import Report

pytestmark = pytest.mark.filterwarnings(
    "ignore::UserWarning", "ignore::SyntaxWarning", "ignore::DeprecationWarning"
)

RNG = np.random.default_rng(0)
N = 30
X = RNG.normal(size=(N, 4)).astype("float32")
THREE = np.arange(N) % 3
TWO = np.arange(N) % 2
SIGNS = 2 * TWO - 1
ONE_HOT = np.eye(3, dtype="float32")[THREE]
SEVERAL = RNG.integers(0, 2, (N, 3)).astype("float32")
REAL = RNG.normal(size=N).astype("float32")
SOFT = np.float32(0.1) + np.float32(0.8) * TWO.astype("float32")
UNIT = RNG.random((N, 4)).astype("float32")
MAPS = RNG.integers(0, 3, (N, 4, 4))
PICTURES = RNG.normal(size=(N, 4, 4, 1)).astype("float32")
TIMES = RNG.normal(size=(N, 5, 4)).astype("float32")
TAGS = RNG.integers(0, 3, (N, 5))


def sequential(*ends, x=X):
    return keras.Sequential([keras.Input(x.shape[1:]), *ends])


class Heard:
    """A trial that keeps what is remarked."""

    def __init__(self):
        self.remarks = []

    def remark(self, about, sentence):
        self.remarks.append((about.removeprefix("mismatch: "), sentence))


def told(model, loss, y, x=X, metrics=(), **more):
    """What is said of a model's first epoch: the kinds of its mismatches; and whether Keras has trained it."""
    heard = Heard()
    model.compile("sgd", loss, metrics=list(metrics))
    try:
        model.fit(x, y, batch_size=10, verbose=0, callbacks=[TrialCallback(heard)], **more)
    except (ValueError, RuntimeError, IndexError):  # of shapes and labels that a backend refuses
        return [about for about, _ in heard.remarks], False
    return [about for about, _ in heard.remarks], True


def mismatches(result):
    return [each.subject for each in findings(result.history) if each.kind == "mismatch"]


def studied(model, loss, y):
    """A study of one trial that trains a model."""

    def train(trial):
        model.compile("sgd", loss)
        model.fit(X, y, batch_size=10, verbose=0, callbacks=[Report(trial, "loss", save=False)])

    limits = danlu.TrialLimits(same_failures=0)
    return danlu.tune(train, {"x": danlu.Float(0, 1)}, minimize="loss", trials=1, trial_limits=limits)


class Own(keras.Model):
    """Somebody's own class, which does not say what its last layer is."""

    def __init__(self, *ends):
        super().__init__()
        self.ends = ends

    def call(self, x):
        return functools.reduce(lambda found, layer: layer(found), self.ends, x)


def own_loss(true, found):
    return keras.ops.mean(keras.ops.square(keras.ops.cast(true, found.dtype) - found))


def nested():
    inner = keras.Sequential([keras.Input((4,)), Dense(3)])
    outer = keras.Input((4,))
    return keras.Model(outer, layers.Activation("softmax")(inner(outer)))


FAULTS = {
    "three classes on one sigmoid": ("classes on one unit", [Dense(1, "sigmoid")], "binary_crossentropy", THREE, {}),
    "three classes on one logit": ("classes on one unit", [Dense(1)], losses.BinaryCrossentropy(from_logits=True), THREE, {}),
    "three classes on one focal sigmoid": ("classes on one unit", [Dense(1, "sigmoid")], "binary_focal_crossentropy", THREE[:, None], {}),
    "three classes by a hinge": ("classes on one unit", [Dense(1, "tanh")], "hinge", THREE.astype("float32"), {}),
    "categorical on numbers": ("numbers of classes", [Dense(3, "softmax")], "categorical_crossentropy", THREE, {}),
    "categorical on a column": ("numbers of classes", [Dense(3, "softmax")], losses.CategoricalCrossentropy(), THREE[:, None], {}),
    "categorical on floats": ("numbers of classes", [Dense(3, "softmax")], losses.categorical_crossentropy, THREE.astype("float32"), {}),
    "categorical on one softmax": ("one column", [Dense(1, "softmax")], "categorical_crossentropy", THREE, {}),
    "categorical on one sigmoid": ("one column", [Dense(1, "sigmoid")], "categorical_crossentropy", TWO, {}),
    "focal on a column": ("numbers of classes", [Dense(3, "softmax")], "categorical_focal_crossentropy", THREE[:, None], {}),
    "divergence on a column": ("numbers of classes", [Dense(3, "softmax")], "kl_divergence", THREE[:, None], {}),
    "squares of a softmax on a column": ("numbers of classes", [Dense(3, "softmax")], "mse", THREE[:, None], {}),
    "binary on numbers": ("numbers of classes", [Dense(3, "sigmoid")], "binary_crossentropy", THREE, {}),
    "categorical on maps": ("numbers of classes", [layers.Conv2D(3, 1, activation="softmax")], "categorical_crossentropy", MAPS, {"x": PICTURES}),
    "one softmax by yes and no": ("softmax of one unit", [Dense(1, "softmax")], "binary_crossentropy", TWO, {}),
    "one softmax layer": ("softmax of one unit", [Dense(1), layers.Softmax()], "mse", REAL, {}),
    "sigmoid and logits": ("squashed twice", [Dense(1, "sigmoid")], losses.BinaryCrossentropy(from_logits=True), TWO, {}),
    "softmax and logits": ("squashed twice", [Dense(3, "softmax")], losses.SparseCategoricalCrossentropy(from_logits=True), THREE, {}),
    "softmax and logits by partial": ("squashed twice", [Dense(3), layers.Activation("softmax")], functools.partial(losses.categorical_crossentropy, from_logits=True), ONE_HOT, {}),
    "no activation, binary": ("no probabilities", [Dense(1)], "binary_crossentropy", TWO, {}),
    "no activation, sparse": ("no probabilities", [Dense(3)], "sparse_categorical_crossentropy", THREE, {}),
    "tanh, binary": ("no probabilities", [Dense(1, "tanh")], "binary_crossentropy", TWO, {}),
    "softmax by yes and no": ("softmax by yes and no", [Dense(3, "softmax")], "binary_crossentropy", ONE_HOT, {}),
    "one-hot for sparse": ("one-hot labels", [Dense(3, "softmax")], "sparse_categorical_crossentropy", ONE_HOT, {}),
    "classes from 1": ("classes without a unit", [Dense(3, "softmax")], "sparse_categorical_crossentropy", THREE + 1, {}),
    "too few units": ("classes without a unit", [Dense(2, "softmax")], "sparse_categorical_crossentropy", THREE, {}),
    "sparse on one unit": ("classes without a unit", [Dense(1, "sigmoid")], "sparse_categorical_crossentropy", TWO, {}),
    "measured numbers for sparse": ("broken classes", [Dense(3, "softmax")], "sparse_categorical_crossentropy", np.abs(REAL) % 2, {}),
    "signs": ("labels of two classes", [Dense(1, "sigmoid")], "binary_crossentropy", SIGNS, {}),
    "classes 1 and 2": ("labels of two classes", [Dense(1, "sigmoid")], "binary_crossentropy", TWO + 1, {}),
    "standardized for binary": ("labels beyond 0 to 1", [Dense(4, "sigmoid")], "binary_crossentropy", X, {}),
    "classes out of a sigmoid's reach": ("labels out of reach", [Dense(1, "sigmoid")], "mse", THREE, {}),
    "standardized behind relu": ("labels out of reach", [Dense(4, "relu")], "mae", X, {}),
    "one-hot on one unit": ("columns for one unit", [Dense(1)], "mse", ONE_HOT, {}),
    "accuracy of measured numbers": ("accuracy", [Dense(1)], "mse", REAL, {"metrics": ["accuracy"]}),
    "accuracy of signs": ("accuracy", [Dense(1, "tanh")], "hinge", SIGNS.astype("float32"), {"metrics": ["accuracy"]}),
}  # fmt: skip

FINE = {
    "two classes on a sigmoid": ([Dense(1, "sigmoid")], "binary_crossentropy", TWO, {"metrics": ["accuracy"]}),
    "two classes in a column": ([Dense(1, "sigmoid")], "binary_crossentropy", TWO[:, None].astype("float32"), {"metrics": ["accuracy"]}),
    "truth values": ([Dense(1, "sigmoid")], "binary_crossentropy", TWO.astype(bool), {}),
    "logits of two classes": ([Dense(1)], losses.BinaryCrossentropy(from_logits=True), TWO, {}),
    "focal": ([Dense(1, "sigmoid")], "binary_focal_crossentropy", TWO, {}),
    "soft labels": ([Dense(1, "sigmoid")], "binary_crossentropy", SOFT, {}),
    "several labels": ([Dense(3, "sigmoid")], "binary_crossentropy", SEVERAL, {"metrics": ["binary_accuracy"]}),
    "three numbers": ([Dense(3, "softmax")], "sparse_categorical_crossentropy", THREE, {"metrics": ["accuracy"]}),
    "three numbers in a column": ([Dense(3, "softmax")], "sparse_categorical_crossentropy", THREE[:, None], {"metrics": ["accuracy"]}),
    "numbers as floats": ([Dense(3, "softmax")], "sparse_categorical_crossentropy", THREE.astype("float32"), {}),
    "units to spare": ([Dense(5, "softmax")], "sparse_categorical_crossentropy", THREE, {}),
    "logits": ([Dense(3)], losses.SparseCategoricalCrossentropy(from_logits=True), THREE, {}),
    "log-probabilities as logits": ([Dense(3, "log_softmax")], losses.SparseCategoricalCrossentropy(from_logits=True), THREE, {}),
    "an ignored class": ([Dense(3, "softmax")], losses.SparseCategoricalCrossentropy(ignore_class=255), np.where(THREE == 2, 255, THREE), {}),
    "one-hot": ([Dense(3, "softmax")], "categorical_crossentropy", ONE_HOT, {"metrics": ["accuracy"]}),
    "smoothed": ([Dense(3, "softmax")], losses.CategoricalCrossentropy(label_smoothing=0.1), ONE_HOT, {}),
    "mixed": ([Dense(3, "softmax")], "categorical_crossentropy", 0.7 * ONE_HOT + 0.3 * ONE_HOT[::-1], {}),
    "two softmax units by yes and no": ([Dense(2, "softmax")], "binary_crossentropy", np.eye(2, dtype="float32")[TWO], {}),
    "whichever": ([Dense(3, "softmax")], "crossentropy", THREE, {}),
    "squares on classes": ([Dense(1)], "mse", THREE, {}),
    "squares on one-hot": ([Dense(3, "softmax")], "mse", ONE_HOT, {}),
    "squares of a sigmoid": ([Dense(1, "sigmoid")], "mse", TWO, {}),
    "regression": ([Dense(1)], "mse", REAL, {"metrics": ["mae"]}),
    "regression in columns": ([Dense(4)], losses.Huber(), X, {}),
    "counts": ([Dense(1, "exponential")], "poisson", THREE.astype("float32"), {}),
    "positive behind relu": ([Dense(1, "relu")], "mae", np.abs(REAL), {}),
    "hinge": ([Dense(1, "tanh")], "hinge", SIGNS.astype("float32"), {}),
    "hinge on 0 and 1": ([Dense(1)], "squared_hinge", TWO.astype("float32"), {}),
    "autoencoder": ([Dense(2), Dense(4, "sigmoid")], "binary_crossentropy", UNIT, {"x": UNIT}),
    "maps": ([layers.Conv2D(3, 1, activation="softmax")], "categorical_crossentropy", np.eye(3, dtype="float32")[MAPS], {"x": PICTURES, "metrics": ["accuracy"]}),
    "maps of two": ([layers.Conv2D(1, 1, activation="sigmoid")], "binary_crossentropy", (MAPS > 0)[..., None].astype("float32"), {"x": PICTURES}),
    "tags": ([layers.TimeDistributed(Dense(3, "softmax"))], "sparse_categorical_crossentropy", TAGS, {"x": TIMES}),
    "a class each step": ([layers.LSTM(3, return_sequences=True), Dense(1, "sigmoid")], "binary_crossentropy", (TAGS > 0).astype("float32")[..., None], {"x": TIMES}),
    "a loss of one's own": ([Dense(1, "sigmoid")], own_loss, THREE, {}),
    "rescaled": ([Dense(1, "sigmoid"), layers.Rescaling(3.0)], "mse", THREE, {}),
    "masked by weights": ([Dense(3, "softmax")], "sparse_categorical_crossentropy", THREE, {"sample_weight": np.ones(N)}),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_mismatch_is_told(name):
    kind, ends, loss, y, more = FAULTS[name]
    assert told(sequential(*ends, x=more.get("x", X)), loss, y, **more)[0] == [kind]


@pytest.mark.parametrize("name", FINE)
def test_what_somebody_may_have_meant_is_not_told(name):
    ends, loss, y, more = FINE[name]
    assert told(sequential(*ends, x=more.get("x", X)), loss, y, **more) == ([], True)


@pytest.mark.parametrize("name", ["three classes on one logit", "categorical on numbers"])
def test_a_study_says_it_once_in_three_sentences(name, capfd):
    """On stderr, in the journal and among the findings; whether Keras trains it or refuses it."""
    kind, ends, loss, y, _ = FAULTS[name]
    result = studied(sequential(*ends), loss, y)
    (finding,) = [each for each in findings(result.history) if each.kind == "mismatch"]
    assert finding.subject == kind
    whole = f"{finding.text} {finding.reason} {finding.remedy}"
    assert any(whole in line for line in result.why())
    assert capfd.readouterr().err.count(whole) == 1
    assert all(part.endswith(".") for part in (finding.text, finding.reason, finding.remedy))


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="a compiled step has no values to look at")
def test_a_model_of_an_own_class_is_judged_by_what_it_gives():
    logits = losses.SparseCategoricalCrossentropy(from_logits=True)
    assert told(Own(Dense(3, "softmax")), logits, THREE)[0] == ["squashed twice"]
    assert told(Own(Dense(1, "softmax")), "mse", TWO)[0] == ["softmax of one unit"]
    assert told(Own(Dense(1, "sigmoid")), "binary_crossentropy", THREE)[0] == ["classes on one unit"]
    assert told(Own(Dense(3)), logits, THREE)[0] == []
    assert told(Own(Dense(1, "sigmoid")), losses.BinaryCrossentropy(from_logits=True), TWO)[0] == []


def test_a_model_in_a_model_is_looked_into():
    assert told(nested(), losses.CategoricalCrossentropy(from_logits=True), ONE_HOT)[0] == ["squashed twice"]
    assert told(nested(), "categorical_crossentropy", ONE_HOT)[0] == []
    outer = keras.Input((4,))
    inner = sequential(Dense(1, "sigmoid"))
    assert told(keras.Model(outer, layers.Identity()(inner(outer))), "mse", THREE)[0] == [
        "labels out of reach"
    ]


@pytest.mark.parametrize("named", [True, False])
def test_of_several_outputs_the_one_is_named(named):
    entry = keras.Input((4,))
    ends = [Dense(1, "sigmoid", name="a")(entry), Dense(1, "sigmoid", name="b")(entry)]
    entropies = {"a": "binary_crossentropy", "b": losses.BinaryCrossentropy(from_logits=True)}
    loss = entropies if named else list(entropies.values())
    y = {"a": TWO, "b": TWO} if named else [TWO, TWO]
    assert told(keras.Model(entry, dict(zip("ab", ends, strict=True)) if named else ends), loss, y)[0] == [
        "squashed twice of output 2"
    ]


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 3

    def __getitem__(self, place):
        rows = slice(10 * place, 10 * place + 10)
        return X[rows], THREE[rows]


def batches():
    import torch

    yield Batches()
    pairs = torch.utils.data.TensorDataset(torch.tensor(X), torch.tensor(THREE))
    yield torch.utils.data.DataLoader(pairs, batch_size=10)
    yield ((X[:10], THREE[:10]) for _ in range(3))


@pytest.mark.skipif(keras.backend.backend() != "torch", reason="a compiled step has no values to look at")
@pytest.mark.parametrize("place", range(3))
def test_labels_that_come_in_batches_are_seen_in_the_first(place):
    data, heard = list(batches())[place], Heard()
    model = sequential(Dense(1))
    model.compile("sgd", losses.BinaryCrossentropy(from_logits=True))
    model.fit(data, steps_per_epoch=2, verbose=0, callbacks=[TrialCallback(heard)])
    assert [about for about, _ in heard.remarks] == ["classes on one unit"]


def test_labels_in_a_list_and_in_a_table_are_read():
    pandas = pytest.importorskip("pandas")
    loss = losses.BinaryCrossentropy(from_logits=True)
    assert told(sequential(Dense(1)), loss, pandas.Series(THREE))[0] == ["classes on one unit"]
    assert told(sequential(Dense(1)), loss, pandas.DataFrame({"y": THREE}))[0] == ["classes on one unit"]


def test_validation_on_what_is_trained_on_is_told():
    fit = {"loss": "mse", "y": REAL}
    assert told(sequential(Dense(1)), validation_data=(X, REAL), **fit)[0] == ["validation data"]
    assert told(sequential(Dense(1)), validation_data=(X[5:20].copy(), REAL[5:20]), **fit)[0] == [
        "validation data"
    ]
    other = RNG.normal(size=(9, 4)).astype("float32")
    assert told(sequential(Dense(1)), validation_data=(other, REAL[:9]), **fit)[0] == []
    assert told(sequential(Dense(1)), validation_split=0.3, **fit)[0] == []
    coarse = RNG.integers(0, 2, (N, 4)).astype("float32")  # whose rows are bound to come again
    assert told(sequential(Dense(1)), x=coarse, validation_data=(coarse[:9], REAL[:9]), **fit)[0] == []


def test_a_study_with_several_mistakes_names_each_and_goes_on():
    heads = {"sigmoid": "binary_crossentropy", "softmax": "categorical_crossentropy"}

    def train(trial):
        keras.utils.set_random_seed(0)
        good = trial["head"] == "right"
        model = sequential(Dense(3 if good else 1, "softmax" if good else trial["head"]))
        model.compile("sgd", heads.get(trial["head"], "sparse_categorical_crossentropy"))
        model.fit(X, THREE, verbose=0, callbacks=[Report(trial, "loss", save=False)])

    space = {"head": danlu.Choice(["sigmoid", "softmax", "right"]), "n": danlu.Int(1, 2)}
    result = danlu.tune(
        train,
        space,
        minimize="loss",
        sampler="grid",
        trials=6,
        trial_limits=danlu.TrialLimits(same_failures=0),
    )
    assert sorted(mismatches(result)) == ["classes on one unit", "one column"]
    assert len(result.trials) == 6


def test_a_fit_is_what_it_would_have_been_and_nothing_stays_behind():
    """The same weights with and without a trial that watches, and outside of a trial nobody looks."""

    def trained(callbacks):
        keras.utils.set_random_seed(3)
        model = sequential(Dense(6, "relu"), layers.Dropout(0.3), Dense(3))
        model.compile("adam", losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
        model.fit(X, THREE, epochs=2, verbose=0, callbacks=callbacks)
        assert "compute_loss" not in vars(model)
        return model.get_weights()

    kept = []
    danlu.tune(
        lambda trial: kept.append(trained([Report(trial, "loss", save=False)])), {"x": danlu.Float(0, 1)}, minimize="loss", trials=1,
    )  # fmt: skip
    for one, other in zip(kept[0], trained([]), strict=True):
        assert (one == other).all()


def test_an_own_compute_loss_is_called_and_stays():
    calls = []

    class Counted(keras.Sequential):
        def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
            calls.append(training)
            return super().compute_loss(x, y, y_pred, sample_weight, training)

    model = Counted([keras.Input((4,)), Dense(1, "sigmoid")])
    loss = losses.BinaryCrossentropy(from_logits=True)
    assert told(model, loss, TWO)[0] == ["squashed twice"]
    assert calls
    assert model.compute_loss.__func__ is Counted.compute_loss


def test_through_the_door_of_scikit_learn_half_of_a_grid_is_named_and_the_search_goes_on():
    from danlu.sklearn import GridSearchCV

    def build(X, y, loss):  # noqa: N803 - as the wrapper calls it
        model = sequential(Dense(y.shape[1], "softmax"))
        model.compile("sgd", loss)
        return model

    grid = {
        "model_kwargs": [{"loss": "categorical_crossentropy"}, {"loss": "sparse_categorical_crossentropy"}]
    }
    estimator = keras.wrappers.SKLearnClassifier(build)
    with pytest.warns(FitFailedWarning):
        search = GridSearchCV(estimator, grid, cv=2).fit(X, THREE, verbose=0)
    assert mismatches(search.results_[0]) == ["one-hot labels"]
    assert search.best_params_["model_kwargs"]["loss"] == "categorical_crossentropy"
    heard = Heard()
    with watching(heard):
        sequential_model = sequential(Dense(1))
        sequential_model.compile("sgd", losses.BinaryCrossentropy(from_logits=True))
        sequential_model.fit(X, THREE, verbose=0)
    assert [about for about, _ in heard.remarks] == ["classes on one unit"]
    sequential_model.fit(X, THREE, verbose=0)
    assert len(heard.remarks) == 1


def test_through_the_door_of_keras_tuner(tmp_path):
    from danlu import keras_tuner

    def build(hp):
        model = sequential(Dense(hp.Choice("units", [1, 3]), "softmax"))
        model.compile("sgd", "categorical_crossentropy")
        return model

    tuner = keras_tuner.GridSearch(build, "loss", directory=tmp_path, max_consecutive_failed_trials=5)
    tuner.search(X, THREE, epochs=1, verbose=0)
    assert mismatches(tuner.result) == ["one column", "numbers of classes"]
    assert [trial.status.name for trial in tuner.result.trials] == ["DONE", "FAILED"]
