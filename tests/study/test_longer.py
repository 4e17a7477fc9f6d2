"""Finished trials are trained longer: more of the same trials, from their checkpoints, once, whatever dies in between."""

import subprocess
import sys

import pytest
from test_crash import CrashingStore, Killed

import danlu
from danlu.contracts.protocols import OVER, Terms
from danlu.errors import Conflict, SettingError, TrialMissing
from danlu.journal import events as ev
from danlu.journal.events import Status
from danlu.stores.jsonlines import dump, load

SPACE = {"x": danlu.Float(0, 1)}


def trains(epochs):
    """An objective of so many epochs; ``trained`` counts the epochs that were ever trained."""

    def train(trial):
        state = {"trained": 0}
        for epoch in range(trial.restore(state) + 1, epochs + 1):
            state["trained"] += 1
            trial.save(epoch, state)
            trial.report(epoch, loss=trial["x"] + 1 / epoch, trained=state["trained"])

    return train


def run(store, epochs, longer=None, **how):
    settings = {"trials": 3, "seed": 1, "sampler": "random", "scheduler": "diverged", "keep": "all", **how}
    return danlu.tune(trains(epochs), SPACE, minimize="loss", store=store, longer=longer, **settings)


def lengths(result):
    return [len(trial.curve) for trial in result.trials]


def test_the_best_goes_on_as_more_of_the_same_trial(tmp_path):
    before = run(tmp_path / "s.db", 3, keep="best")
    best = before.best.number
    after = run(tmp_path / "s.db", 7, longer="best", keep="best")
    trial = after.trials[best]
    assert lengths(after) == [7 if number == best else 3 for number in range(3)]
    assert trial.status is Status.DONE
    assert trial.attempt == 2
    assert trial.metrics["trained"] == 7  # none was trained twice
    assert trial.value == trial.params["x"] + 1 / 7
    assert trial.params == before.best.params
    assert after.best.number == best
    assert any(f"trial {best} is trained on from step 3" in line for line in after.why())


def test_all_go_on_and_the_budget_of_trials_does_not_grow(tmp_path):
    run(tmp_path / "s.db", 3)
    after = run(tmp_path / "s.db", 5, longer="all")
    assert lengths(after) == [5, 5, 5]
    assert after.study.stopped == "the budget of 3 trials is spent"
    more = run(tmp_path / "s.db", 6, longer=[0, 2], trials=4)
    assert lengths(more) == [6, 5, 6, 6]
    assert lengths(run(tmp_path / "s.db", 7, longer=1, trials=4)) == [6, 7, 6, 6]


def test_the_same_call_again_goes_on_where_it_was(tmp_path, capfd):
    run(tmp_path / "s.db", 3)
    run(tmp_path / "s.db", 5, longer="all")
    capfd.readouterr()
    again = run(tmp_path / "s.db", 5, longer="all")
    assert [trial.attempt for trial in again.trials] == [2, 2, 2]
    assert "trials 0 to 2 of 'study' went on already" in capfd.readouterr().err


def test_an_objective_that_does_not_go_on_is_told_of(tmp_path, capfd):
    run(tmp_path / "s.db", 3)
    capfd.readouterr()
    after = run(tmp_path / "s.db", 3, longer="best")
    best = after.best.number
    assert lengths(after) == [3, 3, 3]
    assert f"trial {best} reported no step beyond 3 and came out as before" in capfd.readouterr().err
    assert any("reported no step beyond 3" in line for line in after.why())


def test_a_changed_number_of_epochs_is_expected(tmp_path, capfd):
    run(tmp_path / "s.db", 3)
    capfd.readouterr()
    run(tmp_path / "s.db", 4, longer="best")
    said = capfd.readouterr().err
    assert "epochs was 3, is 4" in said
    assert "That is expected where trials are trained longer" in said


def test_the_range_of_steps_says_how_far(tmp_path):
    def train(trial):
        for epoch in range(trial.restore() + 1, trial.horizon + 1):
            trial.save(epoch)
            trial.report(epoch, loss=trial["x"] + 1 / epoch)

    for high, longer in ((4, None), (9, "all")):
        result = danlu.tune(
            train, SPACE, minimize="loss", trials=2, store=tmp_path / "s.db", keep="all", longer=longer,
            fidelity=danlu.Fidelity("epoch", 1, high), scheduler=danlu.schedulers.Patience(reports=2, delta=9.0), sampler="random",
        )  # fmt: skip
    assert lengths(result) == [9, 9]  # what ends others early does not end what a person wants longer


def test_a_target_that_was_reached_does_not_keep_it_from_going_on(tmp_path):
    run(tmp_path / "s.db", 3, target=5.0, trials=1)
    assert lengths(run(tmp_path / "s.db", 6, longer="best", target=5.0, trials=1)) == [6]


def test_what_cannot_go_on_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(SettingError, match="has no finished trial to train longer"):
        run(tmp_path / "a.db", 3, longer="best")

    def bare(trial):
        trial.report(1, loss=trial["x"])

    def again(longer=None):
        return danlu.tune(bare, SPACE, minimize="loss", trials=1, store=tmp_path / "b.db", longer=longer)

    again()
    with pytest.raises(SettingError, match="trial 0 cannot be trained longer without a checkpoint"):
        again(0)
    with pytest.raises(SettingError, match="no finished trial of 'study' has a checkpoint"):
        again("all")
    run(tmp_path / "c.db", 3, trials=1)
    with pytest.raises(TrialMissing, match="no trial 9"):
        run(tmp_path / "c.db", 4, longer=9, trials=1)
    with pytest.raises(SettingError, match='needs "best", "all" or numbers of trials'):
        run(tmp_path / "c.db", 4, longer="worst", trials=1)
    once = danlu.Fidelity("epoch", 1, 3, resume_safe=False)
    with pytest.raises(SettingError, match="depends on its length"):
        run(tmp_path / "c.db", 4, longer="best", trials=1, fidelity=once)


def test_only_those_with_checkpoints_go_on_and_it_is_said(tmp_path, capfd):
    run(tmp_path / "s.db", 3, keep="best")
    capfd.readouterr()
    after = run(tmp_path / "s.db", 4, longer="all", keep="best")
    assert sorted(lengths(after)) == [3, 3, 4]
    assert (
        'danlu: 1 of 3 finished trials have a checkpoint and are trained on; keep="all"'
        in capfd.readouterr().err
    )


def test_a_trial_that_gets_worse_is_ranked_by_what_it_came_to(tmp_path):
    def overfits(trial):
        for epoch in range(trial.restore() + 1, EPOCHS + 1):
            trial.save(epoch)
            trial.report(epoch, loss=trial["x"] + (epoch > 2))

    global EPOCHS
    for EPOCHS, longer in ((2, None), (3, "best")):  # noqa: B007
        result = danlu.tune(
            overfits, SPACE, goal=danlu.Goal.of(minimize="loss", at="last"), trials=2, store=tmp_path / "s.db", keep="all", longer=longer,
            enqueue=[{"x": 0.1}, {"x": 0.2}], scheduler="diverged",
        )  # fmt: skip
    assert [trial.value for trial in result.trials] == [1.1, 0.2]
    assert result.best.number == 1


EPOCHS = 2


def test_a_failure_on_the_way_leaves_what_the_trial_had_come_to(tmp_path):
    before = run(tmp_path / "s.db", 3, trials=1)

    def breaks(trial):
        trial.restore({"trained": 0})
        trial.report(4, loss=float("nan"), trained=0)

    def raises(trial):
        raise ValueError("on purpose")

    for train, words in ((breaks, "loss is nan"), (raises, "on purpose")):
        after = danlu.tune(
            train,
            SPACE,
            minimize="loss",
            trials=1,
            store=tmp_path / "s.db",
            longer="best",
            scheduler="diverged",
        )
        assert after.best.metrics == before.best.metrics
        assert after.best.status is Status.DONE
        assert "what it had come to stands, as training it longer failed" in after.best.reason
        assert words in after.best.reason
        assert after.best.checkpoints


def test_of_two_who_reopen_a_trial_one_wins(tmp_path):
    run(tmp_path / "s.db", 3, trials=1)
    store = danlu.stores.SqliteStore(tmp_path / "s.db")
    event = ev.Reopened(0, 1, "more", 1.0)
    terms = Terms(holds=((0, OVER),), drops=(0,), worker="w")
    store.journal("study").append([(None, event)], terms)
    with pytest.raises(Conflict):
        store.journal("study").append([(None, event)], terms)


def test_an_imported_study_goes_on_too(tmp_path):
    run(tmp_path / "s.db", 3, trials=1)
    store = danlu.stores.SqliteStore(tmp_path / "s.db")
    lines = list(dump("study", store.journal("study").read(0)))
    copy = danlu.stores.SqliteStore(tmp_path / "copy.db")
    load(lines, copy)
    copy.blobs = store.blobs
    assert lengths(run(copy, 5, longer="best", trials=1)) == [5]


@pytest.mark.parametrize("longer", ["best", pytest.param("all", marks=pytest.mark.fault)])
def test_a_crash_at_every_append_is_as_if_it_never_happened(tmp_path, longer):
    def told(path, at=0, *, written=False):
        store = CrashingStore(path, at, written=written)
        try:
            result = run(store, 4, longer=longer, trials=2, trial_limits=danlu.TrialLimits(retries=1000))
            return store.count, [
                (trial.params, trial.status, repr(trial.metrics), repr(trial.curve))
                for trial in result.trials
            ]
        finally:
            store.close()

    def begun(path):
        run(path, 2, trials=2)
        return path

    count, expected = told(begun(tmp_path / "whole.db"))
    for at in range(1, count + 1):
        for written in (False, True):
            path = begun(tmp_path / f"{at}-{written}.db")
            with pytest.raises(Killed):
                told(path, at, written=written)
            assert told(path)[1] == expected, (at, written)


def test_the_command_line_trains_longer(tmp_path):
    file = tmp_path / "it.py"
    text = """
import danlu
space = {"x": danlu.Float(0, 1)}
EPOCHS = 2
def train(trial):
    for epoch in range(trial.restore() + 1, EPOCHS + 1):
        trial.save(epoch)
        trial.report(epoch, loss=trial["x"] + 1 / epoch)
"""

    def command(*more):
        words = [sys.executable, "-m", "danlu.cli", "run", f"{file}:train", "--store", str(tmp_path / "s.db")]
        words += ["-n", "1", "--minimize", "loss", *more]
        return subprocess.run(words, capture_output=True, text=True, timeout=60)

    file.write_text(text)
    assert command().returncode == 0
    file.write_text(text.replace("EPOCHS = 2", "EPOCHS = 5"))
    assert command("--longer", "best").returncode == 0
    assert lengths(danlu.open_study(store=tmp_path / "s.db", name="train").result) == [5]
    assert "--longer needs best, all, or numbers" in command("--longer", "worst").stderr
