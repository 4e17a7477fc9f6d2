"""One call, end to end: what it finds, that it goes on, that it repeats nothing, and that it is the same again."""

import os
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import danlu
from danlu.auto.call import automl
from danlu.cli.main import danlu as command
from danlu.errors import SettingError, StudyExists

QUICK = {"models": ["linear", "boosting"], "trials": 3, "folds": 3, "engine": "inline", "watch": False}

LINEAR = {**QUICK, "models": ["linear"], "trials": 1, "folds": 2}


def table(rows=120, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, 2)).round(4)
    town = rng.choice(["Oslo", "Riga", "Łódź"], rows)
    score = x[:, 0] + (town == "Riga") + 0.3 * rng.normal(size=rows)
    return pd.DataFrame(
        {"x": x[:, 0], "z": x[:, 1], "town": town, "wins": np.where(score > 0.3, "won", "lost")}
    )


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    store = tmp_path_factory.mktemp("auto") / "s.db"
    return automl(table(), "wins", store=store, **QUICK), store


def test_it_beats_chance_on_rows_it_has_never_seen(found):
    model, _ = found
    fresh = table(400, seed=1)
    assert (model.predict(fresh) == fresh["wins"]).mean() > 0.8
    p = model.predict_proba(fresh)
    assert p.shape == (400, 2)
    assert np.allclose(p.sum(axis=1), 1)
    assert model.classes == ("lost", "won")


def test_predictions_follow_rows_whatever_they_come_as(found, tmp_path):
    model, _ = found
    rows = table(20, seed=2).drop(columns="wins")
    whole = model.predict_proba(rows)
    mixed = rows[["town", "x", "z"]].assign(more=1).sample(frac=1, random_state=0)
    assert np.allclose(model.predict_proba(mixed), whole[mixed.index])
    rows.to_csv(tmp_path / "n.csv", index=False)
    assert np.allclose(model.predict_proba(tmp_path / "n.csv"), whole)
    assert np.allclose(model.predict_proba(rows.to_dict("records")), whole)
    assert np.allclose(model.predict_proba(dict(rows.iloc[3])), whole[3])
    assert model.predict(rows.iloc[:0]).shape == (0,)
    strange = pd.DataFrame({"x": ["?", None], "z": [np.inf, "word"], "town": ["Ulm", 7]})
    assert np.isfinite(model.predict_proba(strange)).all()
    with pytest.raises(SettingError, match="the rows lack the column town that the model was made with"):
        model.predict(rows.drop(columns="town"))


def test_a_saved_model_says_the_same_and_damage_is_told(found, tmp_path):
    model, _ = found
    rows = table(9, seed=3)
    path = model.save(tmp_path / "m.danlu")
    assert np.array_equal(danlu.load_model(path).predict_proba(rows), model.predict_proba(rows))
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(SettingError, match=r"the model 'm\.danlu' is damaged"):
        danlu.load_model(path)
    path.write_bytes(b"something else")
    with pytest.raises(SettingError, match=r"'m\.danlu' is no model of danlu's"):
        danlu.load_model(path)


def test_the_same_call_again_fits_nothing_and_looks_at_nothing(found):
    model, store = found
    before = danlu.load(store, "auto/search").history.seq
    again = automl(table(), "wins", store=store, **QUICK)
    fits = [trial for trial in danlu.load(store, "auto/search").trials if trial.attempt > 1]
    assert not fits
    assert danlu.load(store, "auto/search").history.rows.states()
    assert danlu.load(store, "auto/search").history.seq - before < 6
    assert again.story["looks"] == 1
    assert np.array_equal(again.predict_proba(table(30, 5)), model.predict_proba(table(30, 5)))
    loaded = danlu.load(store, "auto")
    assert np.array_equal(loaded.predict_proba(table(30, 5)), model.predict_proba(table(30, 5)))
    assert loaded.summary() == again.summary()


def test_equal_trials_and_seed_give_the_same_model(found):
    model, _ = found
    again = automl(table(), "wins", **QUICK)
    assert np.array_equal(again.predict_proba(table(30, 5)), model.predict_proba(table(30, 5)))
    assert again.story["test"] == model.story["test"]
    other = automl(table(), "wins", seed=1, **QUICK)
    assert other.story["test"] != model.story["test"]


def test_other_data_are_refused_under_the_same_name(found):
    _, store = found
    with pytest.raises(SettingError, match="was begun with other data"):
        automl(table(seed=7), "wins", store=store, **QUICK)
    with pytest.raises(SettingError, match="was begun with another metric"):
        automl(table(), "wins", store=store, metric="accuracy", **QUICK)
    danlu.tune(lambda t: t["x"], {"x": danlu.Int(1, 2)}, trials=1, store=store, name="study")
    with pytest.raises(StudyExists):
        automl(table(), "wins", store=store, name="study", **QUICK)


def test_nothing_of_the_test_part_is_in_the_model(found):
    """Its rows changed beyond recognition, their columns' gaps and categories included, the model is the same."""
    model, _ = found
    changed = table()
    kept = model.story["train"]
    train = _train_rows(model)
    assert len(train) == kept < len(changed)
    others = changed.index.difference(train)
    changed.loc[others, "x"] = 1e6 + np.arange(len(others))
    changed["z"] = [[row] if row in set(others) else value for row, value in changed["z"].items()]
    changed.loc[others, "town"] = "Atlantis"
    again = automl(changed, "wins", **QUICK)
    fresh = table(30, 5)
    assert np.array_equal(again.predict_proba(fresh), model.predict_proba(fresh))
    assert again.story["test"]["value"] != model.story["test"]["value"]


def _train_rows(model):
    from danlu.auto.parts import parted

    y = (table()["wins"] == "won").to_numpy().astype(int)
    return parted(y, share=0.2, folds=3, seed=0, classes=True).train


def test_the_report_is_one_file_and_says_what_was_found(found, tmp_path):
    model, _ = found
    page = model.report(tmp_path / "r.html").read_text("utf-8")
    for words in ("What was found", "taken for", "Calibration", "The ensemble", "Łódź", "shuffled"):
        assert words in page
    assert "http" not in page
    assert "<script" not in page
    hostile = table().assign(**{"<script>alert(1)</script>": np.arange(120) % 7})
    told = automl(hostile, "wins", **LINEAR).report(tmp_path / "h.html")
    assert "<script" not in told.read_text("utf-8")


def test_groups_stay_together_and_order_is_kept():
    whole = table(150)
    whole["who"] = np.arange(150) // 5
    model = automl(whole, "wins", group="who", **LINEAR)
    assert "groups stay together" in model.story["parts"]
    assert {column.name: column.kind for column in model.columns}["who"] == "left out"
    whole["day"] = pd.date_range("2024-01-01", periods=150).astype(str)
    model = automl(whole.sample(frac=1, random_state=1), "wins", order_by="day", **LINEAR)
    assert "older" in model.story["parts"]
    assert all(len(models) == 1 for _, models in model.members)  # fitted again on all rows
    assert model.story["test"]["rows"] == 30


def test_numbers_classes_and_their_metrics():
    rng = np.random.default_rng(3)
    x = rng.normal(size=90)
    numbers = pd.DataFrame({"x": x, "v": 2 * x + 5})
    model = automl(numbers, "v", metric="mae", test=0, kinds={"x": "number"}, **LINEAR)
    assert model.target.task == "numbers"
    assert abs(model.predict({"x": 1.0})[0] - 7) < 0.5
    assert model.story["test"] is None
    with pytest.raises(SettingError, match="it has no probabilities"):
        model.predict_proba(numbers)
    classes = pd.DataFrame(
        {
            "x": x,
            "noise": rng.normal(size=90),
            "grade": np.digitize(x + 0.3 * rng.normal(size=90), [-0.4, 0.4]) + 1,
        }
    )
    for metric in ("balanced_accuracy", "roc_auc", "f1", "brier"):
        model = automl(classes, "grade", metric=metric, **LINEAR)
        assert model.classes == (1, 2, 3)
        assert model.predict({"x": 3.0, "noise": 0.0})[0] == 3


def test_a_class_that_is_in_no_fold_has_a_probability_all_the_same():
    whole = table()
    whole.loc[5, "wins"] = "drawn"
    model = automl(whole, "wins", **{**QUICK, "models": ["linear", "xgboost", "lightgbm"], "trials": 3})
    assert model.classes == ("drawn", "lost", "won")
    assert model.predict_proba(whole).shape == (120, 3)


def test_the_command_line_finds_saves_and_predicts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    table(60).to_csv("t.csv", index=False)
    run = CliRunner().invoke(
        command, ["auto", "t.csv", "--target", "wins", "-n", "1", "--folds", "2", "--models", "linear", "--kind", "z=left out", "--report", "r.html"],
    )  # fmt: skip
    assert run.exit_code == 0, run.output
    assert "z       left out   you said so" in run.output
    assert "saved as model.danlu" in run.output
    run = CliRunner().invoke(command, ["predict", "model.danlu", "t.csv", "--probabilities", "-o", "p.csv"])
    assert run.exit_code == 0, run.output
    predictions = pd.read_csv("p.csv")
    assert list(predictions.columns) == ["wins", "wins=lost", "wins=won"]
    assert len(predictions) == 60
    run = CliRunner().invoke(command, ["auto", "none.csv", "--target", "wins"])
    assert run.exit_code == 2
    assert "there is no file 'none.csv'" in run.output


KILLED = """
import sys
import test_call as t
model = t.automl(t.table(), "wins", store=sys.argv[1], models=["linear", "boosting"], trials=4, folds=3, watch=False)
print(model.predict_proba(t.table(30, 5)).tolist())
"""


@pytest.mark.fault
def test_a_killed_call_goes_on_and_repeats_nothing(tmp_path):
    """Killed after each of several counts of fits, it comes to what an undisturbed call comes to."""
    program = tmp_path / "p.py"
    program.write_text(textwrap.dedent(KILLED))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    def call(store, until=None):
        process = subprocess.Popen(
            [sys.executable, str(program), str(store)], stdout=subprocess.PIPE, text=True, env=environment
        )
        try:
            while until is not None and process.poll() is None:
                if done(store) >= until:
                    process.send_signal(signal.SIGKILL)
                    break
            return process.communicate(timeout=300)[0]
        finally:
            process.kill()
            process.wait()

    def done(store):
        try:
            return sum(trial.finished for trial in danlu.load(store, "auto/search").trials)
        except danlu.DanluError:
            return 0

    whole = call(tmp_path / "whole.db")
    for until in (2, 5, 9):
        call(tmp_path / "killed.db", until)
    assert call(tmp_path / "killed.db") == whole
    both = [danlu.load(tmp_path / f"{name}.db", "auto/search").trials for name in ("whole", "killed")]
    assert [(trial.params, trial.context) for trial in both[0]] == [
        (trial.params, trial.context) for trial in both[1]
    ]
    assert danlu.load(tmp_path / "killed.db", "auto").story["looks"] == 1


@pytest.mark.fault
def test_a_time_is_kept(tmp_path):
    """No timing is asserted of this call; what it prints is read by a person: seconds asked for and taken."""
    import time

    began = time.monotonic()
    model = automl(table(2000), "wins", time="15s", watch=False)
    print(f"15 s asked for, {time.monotonic() - began:.2f} s taken")
    assert model.story["ensemble"]["members"]
