"""``danlu.keras_tuner``: Keras Tuner's searches, kept in studies."""

import json
import os
import signal
import subprocess
import sys

import keras
import numpy as np
import pytest
from sklearn.datasets import load_digits

import danlu
import danlu.keras_tuner as kt
from danlu.compat.keras_tuner.spaces import LEVELS, StudySpace
from danlu.errors import GoalError

pytestmark = pytest.mark.filterwarnings("ignore:All-NaN axis:RuntimeWarning")  # Keras Tuner's own


class Bowl(kt.RandomSearch):
    """A tuner of no network: the search alone."""

    def run_trial(self, trial, *args, **kwargs):
        hp = trial.hyperparameters
        x, kind = hp.Float("x", -1.0, 1.0), hp.Choice("kind", ["a", "b"])
        found = (x - 0.3) ** 2 + (kind == "a")
        if kind == "b":
            with hp.conditional_scope("kind", ["b"]):
                found += 0.1 * hp.Int("n", 1, 3)
        return found


def searched(tuner, *args, **kwargs):
    tuner.oracle.verbose = 0
    tuner.search(*args, **kwargs)
    return tuner.result


def bowl(folder, **more):
    return Bowl(**({"max_trials": 8, "seed": 3} | more), directory=str(folder), project_name="bowl")


DIGITS = load_digits(return_X_y=True)
X, Y = (DIGITS[0][:160] / 16).astype("float32"), DIGITS[1][:160]
FIT = {
    "x": X[:120],
    "y": Y[:120],
    "validation_data": (X[120:], Y[120:]),
    "verbose": 0,
    "epochs": 2,
    "batch_size": 40,
}


def build(hp):
    model = keras.Sequential(
        [keras.Input((64,)), keras.layers.Dense(hp.Int("units", 4, 12, step=4), activation="relu")]
    )
    model.add(keras.layers.Dense(10, activation="softmax"))
    rate = hp.Float("rate", 1e-3, 1e-1, sampling="log")
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


# Spaces.


def space_of(define, *, searched=True):
    hp = kt.HyperParameters()
    define(hp)
    return StudySpace(hp.space, searched=searched)


def test_every_kind_is_a_parameter():
    def define(hp):
        hp.Choice("word", ["a", "b"])
        hp.Choice("number", [1, 2, 4])
        hp.Int("n", 1, 10)
        hp.Int("stepped", 1, 10, step=4)
        hp.Int("doubled", 8, 100, step=2, sampling="log")
        hp.Float("f", 0, 1)
        hp.Float("log", 1e-4, 1, sampling="log")
        hp.Float("tenths", 0, 1, step=0.25)
        hp.Boolean("flag")
        hp.Fixed("fixed", 7)
        hp.Int("one", 3, 3)
        hp.Choice("only", ["x"])

    space = space_of(define).space
    assert {slot.name: slot.parameter for slot in space.slots} == {
        "word": danlu.Choice(["a", "b"], ordered=False),
        "number": danlu.Choice([1, 2, 4], ordered=True),
        "n": danlu.Int(1, 10),
        "stepped": danlu.Int(1, 9, step=4),
        "doubled": danlu.Choice([8, 16, 32, 64], ordered=True),
        "f": danlu.Float(0, 1),
        "log": danlu.Float(1e-4, 1, log=True),
        "tenths": danlu.Float(0, 1, step=0.25),
        "flag": danlu.Choice([False, True]),
    }
    assert {each.name: each.value for each in space.spec.constants} == {"fixed": 7, "one": 3, "only": "x"}


def test_a_reverse_logarithmic_scale_is_searched_in_levels_and_said():
    found = space_of(lambda hp: hp.Float("keep", 0.1, 0.9, sampling="reverse_log"))
    (slot,) = found.space.slots
    values = slot.parameter.values
    assert len(values) == LEVELS
    gaps = np.diff(values)
    assert (np.diff(gaps) < 0).all(), "finer and finer to its upper end"
    assert "64 values" in found.read["keep"]
    assert space_of(lambda hp: hp.Float("keep", 0.1, 0.9, sampling="reverse_log"), searched=False).read == {}


def test_scopes_are_conditions():
    def define(hp):
        hp.Choice("kind", ["dense", "conv"])
        with hp.conditional_scope("kind", ["conv"]):
            hp.Int("depth", 1, 3)
            with hp.conditional_scope("depth", [2, 3]):
                hp.Int("filters", 1, 9)
        hp.Int("units", 1, 9, parent_name="kind", parent_values=["dense"])
        with hp.name_scope("head"):
            hp.Boolean("bias")

    found = space_of(define)
    assert found.space.names == ("kind", "depth", "filters", "units", "head/bias")
    rng = np.random.default_rng(0)
    seen = set()
    for _ in range(60):
        point = found.space.decode(rng.random(5).tolist())
        assert found.values(point) == point
        assert found.point(point) == (point, {})
        seen.add(frozenset(point))
    both = {"kind", "head/bias"}
    assert seen == {
        frozenset(both | {"units"}),
        frozenset(both | {"depth"}),
        frozenset(both | {"depth", "filters"}),
    }


def test_one_name_in_two_scopes_is_two_parameters():
    def define(hp):
        kind = hp.Choice("kind", ["a", "b"])
        with hp.conditional_scope("kind", ["a"]):
            hp.Int("size", 1, 3)
        with hp.conditional_scope("kind", ["b"]):
            hp.Int("size", 7, 9)
        del kind

    found = space_of(define)
    assert found.space.names == ("kind", "size", "size (2)")
    assert found.values({"kind": "b", "size (2)": 8}) == {"kind": "b", "size": 8}
    assert found.point({"kind": "b", "size": 8}) == ({"kind": "b", "size (2)": 8}, {})


# Searches.


def test_a_search_is_a_study_in_the_project_s_folder(tmp_path):
    tuner = bowl(tmp_path)
    result = searched(tuner)
    assert len(result.trials) == 8
    theirs = [(each.hyperparameters.values, each.score) for each in tuner.oracle.trials.values()]
    assert [(trial.params, trial.metrics["default_objective"]) for trial in result.trials] == theirs
    assert all(("n" in trial.params) == (trial.params["kind"] == "b") for trial in result.trials)
    assert result.best.params == tuner.get_best_hyperparameters()[0].values
    command = [sys.executable, "-m", "danlu", "show", str(tmp_path / "bowl" / "study.db")]
    shown = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "best: trial" in shown
    assert shown.count("done") == 8


def test_a_search_goes_on_where_it_was_and_overwrite_begins_anew(tmp_path):
    first = searched(bowl(tmp_path, max_trials=4))
    more = searched(bowl(tmp_path, max_trials=8))
    whole = searched(bowl(tmp_path / "whole", max_trials=8))
    assert [each.params for each in more.trials] == [each.params for each in whole.trials]
    assert [each.params for each in more.trials[:4]] == [each.params for each in first.trials]
    assert len(searched(bowl(tmp_path, max_trials=2, overwrite=True)).trials) == 2


@pytest.mark.parametrize("files", ["of the trial before", "without one"])
def test_where_keras_tuner_s_files_know_less_the_journal_is_right(tmp_path, files):
    """As after a kill between the two: what has ended is not run again."""
    place, ran = tmp_path / "bowl", []

    class Counted(Bowl):
        def run_trial(self, trial, *args, **kwargs):
            ran.append(trial.trial_id)
            return super().run_trial(trial)

    searched(bowl(tmp_path, max_trials=2))
    before = {path: path.read_bytes() for path in place.rglob("*.json")}
    searched(bowl(tmp_path, max_trials=3))
    for path in place.rglob("*.json"):
        if path not in before or (files == "without one" and path.parent.name == "trial_1"):
            path.unlink()
        else:
            path.write_bytes(before[path])
    tuner = Counted(max_trials=5, seed=3, directory=str(tmp_path), project_name="bowl")
    searched(tuner)
    whole = bowl(tmp_path / "whole", max_trials=5)
    searched(whole)
    assert ran == ["3", "4"]
    one, other = (
        {name: (each.hyperparameters.values, each.score) for name, each in each.oracle.trials.items()}
        for each in (tuner, whole)
    )
    assert one == other


def test_a_seed_of_0_is_a_seed(tmp_path):
    one, other = (searched(bowl(tmp_path / name, seed=0)) for name in ("one", "other"))
    assert [each.params for each in one.trials] == [each.params for each in other.trials]


def test_a_finite_space_is_searched_to_its_end(tmp_path):
    class Four(kt.BayesianOptimization):
        def run_trial(self, trial, *args, **kwargs):
            hp = trial.hyperparameters
            return hp.Boolean("a") + 2 * hp.Boolean("b")

    result = searched(Four(max_trials=9, directory=str(tmp_path)))
    assert sorted(each.metrics["default_objective"] for each in result.trials) == [0, 1, 2, 3]


def test_a_grid_has_keras_tuner_s_order(tmp_path):
    import keras_tuner

    def run_trial(self, trial, *args, **kwargs):
        hp = trial.hyperparameters
        if hp.Choice("kind", ["a", "b"]) == "b":
            hp.Int("n", 1, 3)
        return hp.Float("f", 0.0, 1.0, step=0.5)

    ours = type("Ours", (kt.GridSearch,), {"run_trial": run_trial})(directory=str(tmp_path / "ours"))
    theirs = type("Theirs", (keras_tuner.GridSearch,), {"run_trial": run_trial})(
        directory=str(tmp_path / "theirs")
    )
    result = searched(ours)
    theirs.oracle.verbose = 0
    theirs.search()
    wanted = [each.hyperparameters.values for each in theirs.oracle.trials.values()]
    assert [each.params for each in result.trials] == wanted
    assert len(wanted) >= 12


def test_an_oracle_of_one_s_own_has_a_study_with_what_it_tries(tmp_path):
    class Mine(kt.Oracle):
        def populate_space(self, trial_id):
            return {"status": "RUNNING", "values": {"x": int(trial_id) / 10, "unknown": "word"}}

    class Changing(kt.oracles.RandomSearchOracle):
        def populate_space(self, trial_id):
            found = super().populate_space(trial_id)
            if found["values"]:
                found["values"]["x"] = 0.25
            return found

    class Square(kt.Tuner):
        def run_trial(self, trial, *args, **kwargs):
            return trial.hyperparameters["x"] ** 2

    for kind, wanted in ((Mine, [0.0, 0.1, 0.2]), (Changing, [0.25, 0.25, 0.25])):
        hp = kt.HyperParameters()
        hp.Float("x", 0.0, 1.0)
        oracle = kind(max_trials=3, hyperparameters=hp)
        result = searched(Square(oracle, directory=str(tmp_path), project_name=kind.__name__))
        counted = [each for each in result.trials if not each.aside]
        assert [each.params["x"] for each in counted] == wanted
        assert [each.metrics["default_objective"] for each in counted] == [x**2 for x in wanted]


def test_failures_and_retries_are_in_the_journal(tmp_path):
    runs = []

    class Fails(Bowl):
        def run_trial(self, trial, *args, **kwargs):
            runs.append(trial.trial_id)
            value = super().run_trial(trial)
            if trial.trial_id == "1":
                raise ValueError("no such layer")
            if trial.trial_id == "2" and runs.count("2") == 1:
                raise ValueError("only once")
            return float("nan") if trial.trial_id == "3" else value

    tuner = Fails(max_trials=5, max_retries_per_trial=1, seed=1, directory=str(tmp_path))
    trials = searched(tuner).trials
    assert runs == ["0", "1", "1", "2", "2", "3", "3", "4"]
    assert [each.status.name for each in trials] == ["DONE", "FAILED", "DONE", "FAILED", "DONE"]
    assert (trials[1].cause.value, trials[1].reason) == ("raised", "ValueError: no such layer")
    assert (trials[3].cause.value, trials[3].reason) == ("diverged", "default_objective is nan")
    assert [trials[2].attempt, trials[1].attempt] == [2, 2]


def test_a_changed_objective_is_refused(tmp_path):
    kt.RandomSearch(build, "val_loss", max_trials=1, directory=str(tmp_path)).oracle.create_trial("tuner0")
    other = kt.RandomSearch(build, "val_accuracy", max_trials=2, directory=str(tmp_path))
    with pytest.raises(
        GoalError,
        match="made for minimize val_loss, not maximize val_accuracy. Give another project_name, or overwrite=True",
    ):
        other.search(**FIT)


# Networks.


def test_epochs_are_curves_and_executions_are_contexts(tmp_path):
    tuner = kt.RandomSearch(
        build, "val_accuracy", max_trials=2, executions_per_trial=2, seed=1, directory=str(tmp_path)
    )
    result = searched(tuner, **FIT)
    assert [(each.context, list(each.curve.steps)) for each in result.trials] == [
        ({"execution": at}, [1, 2]) for at in (0, 1, 0, 1)
    ]
    for place, trial in enumerate(tuner.oracle.trials.values()):
        own = [each.metrics["val_accuracy"] for each in result.trials[2 * place : 2 * place + 2]]
        assert trial.score == np.mean(own)
        assert own == [
            max(each.curve.metrics["val_accuracy"]) for each in result.trials[2 * place : 2 * place + 2]
        ]
    best = tuner.get_best_models()[0].evaluate(X[120:], Y[120:], verbose=0, return_dict=True)
    assert best["accuracy"] == max(
        each.metrics["val_accuracy"] for each in result.trials if each.params == result.best.params
    )


def test_hyperband_s_trials_wait_at_their_rungs_and_go_on(tmp_path):
    tuner = kt.Hyperband(build, "val_accuracy", max_epochs=3, factor=3, seed=2, directory=str(tmp_path))
    result = searched(tuner, **{name: value for name, value in FIT.items() if name != "epochs"})
    lengths = [len(each.curve) for each in result.trials]
    assert sorted(lengths) == [1, 1, 3, 3, 3]
    assert [each.status.name for each in result.trials].count("DONE") == sum(
        length == 3 for length in lengths
    )
    ran = [each.hyperparameters.values for each in tuner.oracle.trials.values()]
    assert sum(each["tuner/epochs"] - each["tuner/initial_epoch"] for each in ran) == sum(lengths)
    for each in ran:
        assert ("tuner/trial_id" in each) == (each["tuner/initial_epoch"] > 0)
        if "tuner/trial_id" in each:
            earlier = tuner.oracle.trials[each["tuner/trial_id"]].hyperparameters.values
            assert earlier["tuner/epochs"] == each["tuner/initial_epoch"]
            assert (earlier["units"], earlier["rate"]) == (each["units"], each["rate"])


class Dies(keras.callbacks.Callback):
    """Kills the process at the end of an epoch, counted over all trainings."""

    epochs = 0
    at = 0

    def on_epoch_end(self, epoch, logs=None):
        Dies.epochs += 1
        if Dies.epochs == Dies.at:
            os.kill(os.getpid(), signal.SIGKILL)


class Mortal(kt.HyperModel):
    def build(self, hp):
        return build(hp)

    def fit(self, hp, model, *args, callbacks=(), **kwargs):
        return model.fit(*args, callbacks=[*callbacks, Dies()], **kwargs)


SEARCHES = {
    "RandomSearch": (
        7,
        {"max_trials": 3, "executions_per_trial": 2},
    ),  # in the second execution of the second trial
    "BayesianOptimization": (7, {"max_trials": 5}),
    "Hyperband": (5, {"max_epochs": 3, "factor": 3}),
}


def mortal(kind, folder, die=0):
    Dies.epochs, Dies.at = 0, die
    tuner = getattr(kt, kind)(
        Mortal(), "val_accuracy", seed=5, directory=str(folder), project_name="p", **SEARCHES[kind][1]
    )
    return searched(
        tuner, **{name: value for name, value in FIT.items() if kind != "Hyperband" or name != "epochs"}
    )


@pytest.mark.parametrize(
    "kind",
    [pytest.param(each, marks=() if each == "RandomSearch" else pytest.mark.fault) for each in SEARCHES],
)
def test_a_killed_search_goes_on_and_comes_to_the_same(tmp_path, kind):
    program = f"import sys; sys.path[:0] = {sys.path!r}; import test_keras_tuner as t; t.mortal({kind!r}, {str(tmp_path / 'killed')!r}, {SEARCHES[kind][0]})"
    ran = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True)
    assert ran.returncode == -signal.SIGKILL, ran.stderr
    found = []
    for name in ("killed", "whole"):
        result = mortal(kind, tmp_path / name)
        files = {
            path.parent.name: json.loads(path.read_text())
            for path in (tmp_path / name / "p").glob("trial_*/trial.json")
        }
        trials = [
            (each.params, each.metrics, list(each.curve.steps), dict(each.curve.metrics), each.status.name)
            for each in result.trials
        ]
        found.append((str(trials), files))
    assert found[0] == found[1]


# The door.


OTHERS = ("danlu.compat.", "danlu.sklearn", "danlu.hyperopt", "danlu.optuna", "danlu.keras")
LOADED = f"""
import os, sys
os.environ["KERAS_BACKEND"] = "torch"
for door in ("keras", "keras_tuner"):
    __import__("danlu." + door)
    print(*sorted(name for name in sys.modules if name.startswith({OTHERS!r}) and name.count(".") < 3))
"""


def test_a_door_imports_no_other():
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", LOADED], capture_output=True, text=True, check=True
    )
    assert [line.split() for line in ran.stdout.splitlines()] == [
        ["danlu.keras"],
        ["danlu.compat.host", "danlu.compat.keras_tuner", "danlu.keras", "danlu.keras_tuner"],
    ]


@pytest.mark.parametrize(
    ("door", "said"),
    [
        ("keras", 'danlu.keras needs keras: pip install "danlu[keras]"'),
        ("keras_tuner", 'danlu.keras_tuner needs keras-tuner: pip install "danlu[keras-tuner]"'),
    ],
)
def test_a_door_names_its_extra(door, said):
    program = f"import sys; sys.modules[{door!r}] = None; import danlu.{door}"
    ran = subprocess.run([sys.executable, "-W", "ignore", "-c", program], capture_output=True, text=True)
    assert said in ran.stderr
