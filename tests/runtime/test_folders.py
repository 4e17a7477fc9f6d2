"""Every trial has a folder of its own, which goes and stays as its checkpoints do, whatever dies in between."""

import re
import subprocess
import sys
from gc import collect

import pytest
from objectives import SPACE
from test_crash import CrashingStore, Killed

import danlu
from danlu.cli.main import danlu as cli
from danlu.contracts.messages import Task
from danlu.errors import DanluError, Interrupted, SettingError
from danlu.runtime.attempt import Attempt
from danlu.runtime.folders import Folders, filed
from danlu.runtime.live import LiveTrial

LINE = {"x": danlu.Int(1, 9)}
RISING = [{"x": x} for x in range(1, 10)]


def written(trial):
    """Writes its model as every script does: always under the same name."""
    (trial.dir / "model.txt").write_text(str(trial["x"]))
    return trial["x"]


def numbers(store, name="study"):
    return [number for number, _ in Folders(f"{store}.blobs", name).made()]


def run(*arguments):
    ran = subprocess.run(
        [sys.executable, "-m", "danlu.cli", *map(str, arguments)], capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@pytest.mark.parametrize("workers", [1, 2])
def test_the_best_trials_folder_stays_and_holds_its_own_model(tmp_path, workers):
    store = tmp_path / "s.db"
    result = danlu.tune(written, LINE, trials=9, store=store, sampler="random", workers=workers, seed=2)
    assert numbers(store) == [result.best.number]
    assert (result.dir() / "model.txt").read_text() == str(result.best.params["x"])
    other = next(trial.number for trial in result.trials if trial.number != result.best.number)
    with pytest.raises(DanluError, match='it was not among the best. Start a study with keep="all"'):
        result.dir(other)


def test_all_folders_stay_where_all_checkpoints_do(tmp_path):
    store = tmp_path / "s.db"
    result = danlu.tune(written, LINE, trials=5, store=store, sampler="random", keep="all", seed=2)
    assert numbers(store) == [0, 1, 2, 3, 4]
    assert [(result.dir(n) / "model.txt").read_text() for n in range(5)] == [
        str(trial.params["x"]) for trial in result.trials
    ]


def test_a_front_keeps_the_folders_of_all_that_are_on_it(tmp_path):
    def two(trial):
        (trial.dir / "model.txt").write_text("here")
        return {"a": trial["x"], "b": -trial["x"] if trial["x"] < 6 else 9}

    store = tmp_path / "s.db"
    result = danlu.tune(two, LINE, minimize=["a", "b"], trials=9, store=store, sampler="grid")
    assert numbers(store) == sorted(trial.number for trial in result.front) == [0, 1, 2, 3, 4]


def test_no_folder_is_made_that_nobody_asked_for(tmp_path):
    store = tmp_path / "s.db"
    result = danlu.tune(lambda trial: trial["x"], LINE, trials=3, store=store)
    assert numbers(store) == []
    with pytest.raises(DanluError, match="Have the objective write into trial.dir"):
        result.dir()


def test_a_trial_that_a_verdict_ends_can_write_until_its_code_is_over(tmp_path):
    seen = []

    def train(trial):
        folder = trial.dir
        try:
            for step in range(1, 9):
                trial.report(step, loss=trial["x"])
        finally:  # as a script writes its last checkpoint when it is told to end
            (folder / "last.txt").write_text("written")
            seen.append(trial.number)

    store = tmp_path / "s.db"
    ends = danlu.schedulers.Patience(reports=2)
    result = danlu.tune(train, LINE, minimize="loss", trials=4, store=store, enqueue=RISING, scheduler=ends)
    assert seen == [0, 1, 2, 3]
    assert {trial.status for trial in result.trials} == {danlu.Status.STOPPED}
    assert numbers(store) == [result.best.number] == [0]


def test_asked_trials_that_a_verdict_ended_leave_nothing_when_the_study_is_closed(tmp_path):
    store = tmp_path / "s.db"
    ends = danlu.schedulers.Patience(reports=1)
    with danlu.open_study(LINE, minimize="loss", trials=2, store=store, scheduler=ends) as study:
        study.control.enqueue(*RISING)
        for _ in range(2):
            trial = study.ask()
            (trial.dir / "f").touch()
            trial.report(1, loss=trial["x"])
            with pytest.raises(danlu.TrialStopped):
                trial.report(2, loss=trial["x"])
            (trial.dir / "g").touch()
        assert numbers(store) == [0, 1]
    assert numbers(store) == [0]


def test_a_resumed_attempt_finds_its_folder_as_it_was(tmp_path):
    def train(trial):
        diary = trial.dir / "diary.txt"
        for step in range(trial.restore() + 1, 4):
            with diary.open("a") as file:
                file.write(f"{trial.attempt}/{step} ")
            trial.save(step)
            trial.report(step, loss=step)
            if step == 2 and trial.attempt == 1:
                raise Interrupted  # as the second Ctrl-C does

    store = tmp_path / "s.db"
    with pytest.raises(KeyboardInterrupt):
        danlu.tune(train, LINE, minimize="loss", trials=1, store=store)
    result = danlu.tune(train, LINE, minimize="loss", trials=1, store=store)
    assert (result.dir() / "diary.txt").read_text() == "1/1 1/2 2/3 "


def test_without_a_store_folders_last_as_long_as_the_result():
    result = danlu.tune(written, LINE, trials=3)
    folder = result.dir()
    assert (folder / "model.txt").exists()
    del result
    collect()
    assert not folder.exists()


def test_a_trial_made_by_hand_has_none():
    with pytest.raises(SettingError, match="made by hand"):
        LiveTrial(Attempt(Task(0, 1, {}, (), 0, ""), lambda _: None)).dir  # noqa: B018


def test_no_two_studies_share_a_folder():
    names = [
        "a/b",
        "a_b",
        "a b",
        "A_b",
        "a:b",
        "a_b=",
        "..",
        ".",
        "x" * 300,
        "x" * 301,
        "丹",
        "爐",
        "a.",
        "a",
    ]
    assert len({filed(name).lower() for name in names}) == len(names)
    assert not any("/" in filed(name) or filed(name).strip(".") == "" for name in names)
    assert filed("resnet-18_v2.1") == "resnet-18_v2.1"


def test_studies_of_one_store_with_names_alike_keep_their_own(tmp_path):
    store = tmp_path / "s.db"
    found = {name: danlu.tune(written, LINE, trials=2, store=store, name=name) for name in ("a/b", "a_b")}
    assert found["a/b"].dir() != found["a_b"].dir()


def test_upkeep_knows_the_folders(tmp_path):
    store = tmp_path / "s.db"
    result = danlu.tune(written, LINE, trials=3, store=store, name="a/b", enqueue=RISING)
    folders = Folders(f"{store}.blobs", "a/b")
    for left in (folders.of(1), folders.of(9), Folders(f"{store}.blobs", "gone").of(0)):
        left.mkdir(parents=True)
        (left / "model.txt").touch()
    assert "0 files" in run("gc", store)
    assert "and 3 folders would be removed" in run("gc", store, "--older", 0, "--dry-run")
    assert "1 folders of trials and every event" in run("backup", store, tmp_path / "b.db")
    assert "and 3 folders removed" in run("gc", store, "--older", 0)
    assert numbers(store, "a/b") == [0]
    assert not Folders(f"{store}.blobs", "gone").root.exists()
    run("restore", tmp_path / "b.db", tmp_path / "c.db")
    run("repair", tmp_path / "c.db", tmp_path / "d.db")
    for copy in ("b.db", "c.db", "d.db"):
        assert numbers(tmp_path / copy, "a/b") == [0]
        kept = Folders(f"{tmp_path / copy}.blobs", "a/b").of(0) / "model.txt"
        assert kept.read_text() == (result.dir() / "model.txt").read_text()


def diary(trial):
    """Three steps, saved and reported, each a line in a file of its own folder."""
    state = {"lines": []}
    for step in range(trial.restore(state) + 1, 4):
        state["lines"].append(step)
        (trial.dir / "diary.txt").write_text(repr(state["lines"]))
        trial.save(step, state)
        trial.report(step, loss=(trial["x"] - 0.3) ** 2 + 1 / step)


def told(path, at=0, *, written=False, keep="best"):
    store = CrashingStore(path, at, written=written)
    try:
        result = danlu.tune(
            diary,
            SPACE,
            minimize="loss",
            trials=2,
            store=store,
            seed=7,
            trial_limits=danlu.TrialLimits(retries=1000),
            scheduler="diverged",
            sampler="random",
            keep=keep,
        )
        trials = [(trial.params, trial.metrics, trial.curve) for trial in result.trials]
        return store.count, trials
    finally:
        store.close()


@pytest.mark.parametrize("keep", ["best", pytest.param("all", marks=pytest.mark.fault)])
def test_a_crash_at_every_append_leaves_the_same_folders(tmp_path, keep):
    def files(path):
        cli(["gc", str(path), "--older", "0"], standalone_mode=False)
        return {
            number: (folder / "diary.txt").read_text()
            for number, folder in Folders(f"{path}.blobs", "study").made()
        }

    count, trials = told(tmp_path / "whole.db", keep=keep)
    expected = files(tmp_path / "whole.db")
    assert len(expected) == (1 if keep == "best" else 2)
    for at in range(1, count + 1):
        for written in (False, True):
            path = tmp_path / f"{at}-{written}.db"
            with pytest.raises(Killed):
                told(path, at, written=written, keep=keep)
            assert told(path, keep=keep)[1] == trials
            assert files(path) == expected, (at, written)


def test_names_that_share_a_folder_are_noticed(monkeypatch):
    monkeypatch.setitem(globals(), "filed", lambda name: re.sub(r"[^A-Za-z0-9_.-]", "_", name))
    with pytest.raises(AssertionError):
        test_no_two_studies_share_a_folder()
