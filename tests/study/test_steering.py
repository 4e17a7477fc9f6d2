"""What a person tells a study that runs: each word is an event with its actor, and workers heed it."""

import json
import subprocess
import sys
import threading
import time

import pytest

import danlu
from danlu import Float
from danlu.errors import BudgetError, SettingError, SpaceError, TrialMissing
from danlu.journal import events as ev
from danlu.journal.events import Cause, Status
from danlu.journal.history import History
from danlu.stores import SqliteStore
from danlu.study.control import Control

SPACE = {"x": Float(0, 1)}


def train(t):
    for step in range(1, 6):
        t.report(step, loss=t["x"] / step)


def steering(path, name="study", actor="ann"):
    journal = SqliteStore(path).journal(name)
    history = History()
    history.fold(journal.read(0))
    return Control(journal, history, actor)


def tuned(path, trials=12, **settings):
    return danlu.tune(
        train,
        SPACE,
        minimize="loss",
        trials=trials,
        store=str(path),
        sampler="random",
        scheduler="diverged",
        seed=3,
        **settings,
    )


def test_a_paused_study_begins_nothing_and_goes_on_where_it_was(tmp_path):
    path = tmp_path / "s.db"
    asked = []

    def later(result, trial):
        if trial.number == 3:
            steering(path).pause("lunch")
            threading.Timer(1.5, wake).start()

    def wake():
        asked.append(len(steering(path)._history))
        steering(path, actor="bob").resume()

    result = tuned(path, callbacks=[later])
    assert asked == [4]
    assert len(result.trials) == 12
    assert [t.params for t in result.trials] == [t.params for t in tuned(tmp_path / "calm.db").trials]
    why = result.why()
    assert "paused by ann: lunch" in why
    assert "resumed by bob" in why


def test_a_stopped_study_ends_and_the_same_call_goes_on(tmp_path):
    path = tmp_path / "s.db"
    result = tuned(
        path, callbacks=[lambda result, trial: steering(path).stop("enough") if trial.number == 5 else None]
    )
    assert result.study.stopped == "the study was stopped by ann: enough"
    assert len(result.trials) < 12
    again = tuned(path)
    assert len(again.trials) == 12
    assert [t.params for t in again.trials] == [t.params for t in tuned(tmp_path / "calm.db").trials]


def test_a_worker_that_joins_a_stopped_study_leaves(tmp_path):
    path = tmp_path / "s.db"
    tuned(path, callbacks=[lambda result, trial: steering(path).stop() if trial.number == 5 else None])
    result = danlu.work(str(path), "study", train, engine="inline")
    assert result.study.stopped == "the study was stopped by ann"
    assert len(result.trials) < 12


def test_running_trials_leave_a_stopped_study_at_their_next_report(tmp_path):
    path = tmp_path / "s.db"

    def slow(t):
        for step in range(1, 200):
            if step == 2:
                steering(path).stop()
            time.sleep(0.05)
            t.report(step, loss=1.0)

    result = danlu.tune(
        slow, SPACE, minimize="loss", trials=3, store=str(path), scheduler="diverged", engine="inline"
    )
    (trial,) = result.trials
    assert trial.status is Status.WAITING
    assert len(trial.curve) < 60  # a driver looks once a second


def test_one_running_trial_is_ended_by_a_person(tmp_path):
    path = tmp_path / "s.db"

    def slow(t):
        for step in range(1, 200):
            if t.number == 1 and step == 3:
                steering(path).prune(1, "no good")
            time.sleep(0.02 if t.number == 1 else 0)
            t.report(step, loss=1.0 / step)
            if t.number != 1 and step == 5:
                return

    result = danlu.tune(
        slow, SPACE, minimize="loss", trials=3, store=str(path), scheduler="diverged", engine="inline"
    )
    ended = result.trials[1]
    assert ended.status is Status.STOPPED
    assert ended.reason == "ended by ann: no good"
    assert 3 <= len(ended.curve) < 150
    assert ended.metrics["loss"] == min(ended.curve.metrics["loss"])
    assert [t.status for t in result.trials] == [Status.DONE, Status.STOPPED, Status.DONE]


def test_a_trial_nobody_runs_is_ended_at_once(tmp_path):
    path = str(tmp_path / "s.db")
    with danlu.open_study(SPACE, minimize="loss", store=path) as study:
        told, bare = study.ask(), study.ask()
        told.report(1, loss=0.5)
        study.session.responder.release(told.number, 1, Cause.DRAINED, "for the test")
        study.session.responder.release(bare.number, 1, Cause.DRAINED, "for the test")
        steering(path).prune(told.number)
        steering(path).prune(bare.number, "it never began")
        first, second = study.result.trials
        assert (first.status, first.metrics) == (Status.STOPPED, {"loss": 0.5})
        assert (second.status, second.cause) == (Status.FAILED, Cause.CANCELLED)
        assert second.reason == "ended by ann: it never began"
        assert study.ask().number == 2  # neither is given out again
        with pytest.raises(SettingError, match="stopped already"):
            steering(path).prune(0)
        with pytest.raises(TrialMissing):
            steering(path).prune(9)


def test_asking_a_paused_study_is_a_sentence(tmp_path):
    with danlu.open_study(SPACE, minimize="loss") as study:
        study.control.pause()
        for ask in (study.ask, lambda: study.ask_batch(2)):
            with pytest.raises(BudgetError, match="the study was paused by .* Resume it first"):
                ask()
        study.control.resume()
        assert study.ask().number == 0


def test_points_and_notes_have_their_actor(tmp_path):
    path = str(tmp_path / "s.db")
    with danlu.open_study(SPACE, minimize="loss", store=path) as study:
        steering(path).enqueue({"x": 0.25}, op="a")
        steering(path).enqueue({"x": 0.25}, op="a")  # said again: once
        trial = study.ask()
        assert trial["x"] == 0.25
        assert study.result.trials[0].source == "enqueued"
        steering(path).note("odd", 0)
        steering(path, actor="bob").note("not so odd", 0)
        steering(path).note("of the study")
        assert study.result.trials[0].notes == ("ann: odd", "bob: not so odd")
        assert "of the study" in study.result.why()
        actors = [
            entry.event.actor
            for entry in study.result.study.entries()
            if isinstance(entry.event, ev.Enqueued | ev.Noted)
        ]
        assert actors == ["ann", "ann", "bob", "ann"]
        with pytest.raises(SpaceError):
            steering(path).enqueue({"x": 2.0})
        with pytest.raises(TrialMissing):
            steering(path).note("nowhere", 7)


def test_time_that_a_study_is_paused_is_not_on_its_budget():
    history = History()
    told = [
        ev.Created(danlu.Space(SPACE).spec, danlu.open_study(SPACE).session.replica.history.goal, 1, 100.0),
        ev.Opened("w", "s", "s", 110.0),
        ev.Steered("pause", "ann", 120.0),
        ev.Steered("resume", "ann", 5000.0),
        ev.Noted(-1, {}, 5005.0),
    ]
    history.fold(ev.Entry(seq, event) for seq, event in enumerate(told, 1))
    assert history.spent.seconds == 15.0
    assert history.decisions.halted is None


def test_a_study_in_another_process_heeds_the_command_line(tmp_path):
    path = tmp_path / "s.db"
    (tmp_path / "slow.py").write_text(
        "import time\n\ndef train(trial):\n    time.sleep(0.05)\n    return trial['x']\n\nSPACE = {'x': __import__('danlu').Float(0, 1)}\n"
    )
    command = [sys.executable, "-m", "danlu.cli", "run", f"{tmp_path}/slow.py:train", "--space", f"{tmp_path}/slow.py:SPACE", "--store", str(path), "--name", "s", "--trials", "2000"]  # fmt: skip
    run = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        until = time.monotonic() + 60
        while not path.exists() or not SqliteStore(path).studies() or len(steering(path, "s")._history) < 5:
            assert time.monotonic() < until
            assert run.poll() is None, run.communicate()[1]
            time.sleep(0.1)
        steer = [sys.executable, "-m", "danlu.cli", "steer", str(path)]
        done = subprocess.run(
            [*steer, "stop", "--reason", "seen enough"], capture_output=True, text=True, check=True
        )
        assert "stop" in done.stdout
        out, err = run.communicate(timeout=60)
        assert run.returncode == 0, err
        assert "seen enough" in err + out
        assert subprocess.run([*steer, "prune"], capture_output=True, text=True).returncode == 2
        subprocess.run(
            [*steer, "enqueue", "--point", json.dumps({"x": 0.5})], check=True, capture_output=True
        )
        assert steering(path, "s")._history.decisions.queue == [{"x": 0.5}]
    finally:
        run.kill()
