"""The main job in small: the digits network learns, resumes, and is scored on data it has not seen."""

import importlib.util

import pytest
import torch
from places import ROOT
from test_crash import CrashingStore, Killed

import danlu

PATH = ROOT / "examples/digits_cnn.py"


@pytest.fixture(scope="module")
def digits():
    torch.set_num_threads(1)
    spec = importlib.util.spec_from_file_location("digits_cnn", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.EPOCHS = 2
    return module


def test_it_is_short_and_its_splits_do_not_overlap(digits):
    assert len(PATH.read_text("utf-8").splitlines()) < 80
    parts = [digits.TRAIN, digits.VALID, digits.TEST]
    rows = [row for part in parts for row in range(1797)[part]]
    assert sorted(rows) == list(range(1797))


def test_it_learns_and_reports(digits, tmp_path):
    result = danlu.tune(
        digits.train, digits.space, minimize="val_loss", trials=3, enqueue=[digits.DEFAULT], seed=1,
        store=tmp_path / "s.db",
    )  # fmt: skip
    assert result.trials[0].params == digits.DEFAULT
    assert all(len(trial.curve) == 2 for trial in result.trials)
    assert result.best.metrics["val_loss"] < 2.302  # better than guessing: ln 10
    model, *_ = digits.build(result.best.params)
    assert result.restore(model, *_) == 2
    loss, _ = digits.score(model, digits.VALID)
    assert loss == pytest.approx(result.best.curve.metrics["val_loss"][-1], abs=1e-6)
    assert digits.score(model, digits.TEST)[1] > 0.1


def test_a_training_killed_between_epochs_resumes_bit_for_bit(digits, tmp_path):
    def tune(objective, store):
        return danlu.tune(
            objective,
            digits.space,
            minimize="val_loss",
            trials=1,
            enqueue=[digits.DEFAULT],
            seed=1,
            store=store,
        )

    dying = CrashingStore(tmp_path / "killed.db", at=6, written=True)  # its first report is the sixth append
    with pytest.raises(Killed):
        tune(digits.train, dying)
    dying.close()
    resumed, whole = (
        tune(digits.train, tmp_path / "killed.db").best,
        tune(digits.train, tmp_path / "whole.db").best,
    )
    assert resumed.attempt == 2
    assert resumed.curve == whole.curve
