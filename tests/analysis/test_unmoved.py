"""A metric that no parameter changes, or that never moves, is said while the study runs; what only looks so is not."""

import pytest

import danlu
from danlu.analysis.findings import unmoved

SPACE = {"x": danlu.Float(0, 1)}


def curve(value, count=5):
    def train(trial):
        for step in range(1, count + 1):
            trial.report(step, acc=value(trial, step))

    return train


def kinds(result):
    return [finding.kind for finding in unmoved(result.history)]


def tuned(objective, space=SPACE, trials=6, **settings):
    return danlu.tune(
        objective,
        space,
        maximize="acc",
        trials=trials,
        sampler="random",
        scheduler="none",
        seed=1,
        **settings,
    )


SAID = {
    "returned": (lambda t: 0.0, "alike"),
    "a mapping": (lambda t: {"acc": 1 / 3, "loss": t["x"]}, "alike"),
    "curves": (curve(lambda t, step: 0.1), "alike"),
    "curves that meet after moving": (curve(lambda t, step: step / 5), "alike"),
    "the data's share": (curve(lambda t, step: t["x"]), "still"),
}


@pytest.mark.parametrize("case", SAID)
def test_it_is_said_once_while_the_study_runs_and_kept(case, capsys):
    objective, kind = SAID[case]
    result = tuned(objective, trials=12)
    heard = capsys.readouterr().err
    assert heard.count("danlu: acc ") == 1
    assert kinds(result) == [kind]
    assert len([line for line in result.why() if line.startswith("acc ") and "Check that" in line]) == 1
    assert "Check that" in str(result.analysis.summary())


QUIET = {
    "few trials": (lambda t: 0.0, SPACE, 3),
    "one point": (lambda t: 0.0, {"x": danlu.Choice(["a"])}, 6),
    "three points": (lambda t: 0.0, {"x": danlu.Choice(["a", "b", "c"])}, 9),
    "the last differs": (lambda t: float(t.number == 3), SPACE, 6),
    "a coarse metric": (lambda t: round(t["x"] * 4) / 4, SPACE, 8),
    "solved by all": (curve(lambda t, step: min(1.0, step / 4)), SPACE, 8),
    "two reports": (curve(lambda t, step: t["x"], 2), SPACE, 8),
    "one curve moves": (curve(lambda t, step: t["x"] + (t.number == 2) * step), SPACE, 8),
    "moves late": (curve(lambda t, step: t["x"] * (step > 4)), SPACE, 8),
}


@pytest.mark.parametrize("case", QUIET)
def test_nothing_is_said_of_what_moves_or_cannot_be_told(case, capsys):
    objective, space, trials = QUIET[case]
    result = tuned(objective, space, trials)
    assert kinds(result) == []
    assert "danlu: acc" not in capsys.readouterr().err


def test_it_is_taken_back_when_the_metric_moves(capsys):
    result = tuned(lambda t: float(t.number >= 6), trials=9)
    heard = capsys.readouterr().err
    assert heard.count("acc is 0 in all 4 trials") == 2  # said, and quoted
    assert heard.count("taken back: acc moves now") == 1
    assert kinds(result) == []


def test_a_study_that_is_resumed_does_not_say_it_again(capsys):
    store = danlu.stores.MemoryStore()
    tuned(lambda t: 0.0, store=store)
    capsys.readouterr()
    again = tuned(lambda t: 0.0, store=store, trials=9)
    assert "danlu: acc" not in capsys.readouterr().err
    assert kinds(again) == ["alike"]


def constant(trial):
    return 0.25


def test_failed_trials_say_nothing_and_pools_say_it_too(tmp_path, capsys):
    def half(trial):
        if trial.number % 2:
            raise ValueError(trial["x"])
        return 0.0

    assert kinds(tuned(half, trials=6)) == []  # three results
    capsys.readouterr()
    danlu.tune(constant, SPACE, trials=6, workers=2, store=tmp_path / "s.db", seed=1)
    assert capsys.readouterr().err.count("value is 0.25 in all") == 1


def test_a_range_of_steps_that_nobody_reaches_is_said_once_and_taken_back(tmp_path, capsys):
    """Three epochs a trial, compared from the tenth on: nothing could ever be ended early."""

    def train(trial):
        for epoch in range(1, 4 if trial.number < 6 else 12):
            trial.report(epoch, loss=trial["x"] + 1 / epoch)

    result = danlu.tune(
        train, {"x": danlu.Float(0, 1)}, minimize="loss", trials=8, seed=1, scheduler="asha", fidelity=danlu.Fidelity("epoch", 10, 90),
    )  # fmt: skip
    said = [line for line in result.why() if "No trial has reported epoch 10" in line]
    assert len(said) == 2
    assert (
        "the longest came to 3. So none can be ended early. Name the range that is reported: epoch:1:3."
        in said[0]
    )
    assert said[1].startswith("taken back: it is reached now")
    assert capsys.readouterr().err.count("No trial has reported epoch 10") == 2
