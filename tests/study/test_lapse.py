"""A call over what a dead one has left ends with everything told; one beside a living worker ends without that worker's trials."""

import threading

import pytest

import danlu
from danlu.base import identity
from danlu.study import lapse

SPACE = {"x": danlu.Float(0, 1)}
HOW = {"minimize": "loss", "trials": 4, "seed": 1}
WAITS = "has a worker that cannot be seen from here"


def train(trial):
    for step in range(trial.restore() + 1, 3):
        trial.save(step)
        trial.report(step, loss=trial["x"])


@pytest.fixture(params=["memory", "sqlite"])
def store(request, tmp_path):
    if request.param == "memory":
        yield danlu.stores.MemoryStore(lease_seconds=0.4)
        return
    opened = danlu.stores.SqliteStore(tmp_path / "s.db", lease_seconds=0.4)
    yield opened
    opened.close()


@pytest.fixture
def elsewhere(monkeypatch):
    """Has what is made within it come from another machine."""

    def there(act):
        with monkeypatch.context() as patch:
            patch.setattr(identity.socket, "gethostname", lambda: "another-machine")
            patch.setattr(identity, "boot", lambda: "another.boot")
            return act()

    return there


def leave(store):
    """A worker that has begun a trial, reported once, and is not heard of any more."""
    study = danlu.open_study(SPACE, store=store, **HOW)
    trial = study.ask()
    trial.save(1)
    trial.report(1, loss=trial["x"])
    study.session.close()
    return study


def test_what_a_worker_of_another_machine_left_is_finished_once_its_lease_is_over(
    store, elsewhere, capsys, promised
):
    elsewhere(lambda: leave(store))
    result = danlu.tune(train, SPACE, store=store, **HOW)
    assert [(trial.status.name, trial.attempt) for trial in result.trials] == [("DONE", 2)] + [
        ("DONE", 1)
    ] * 3
    assert result.trials[0].curve.steps == (1, 2)  # from its checkpoint
    said = capsys.readouterr().err
    assert said.count(f"danlu: trial 0 {WAITS}") == 1
    assert "elsewhere" not in said
    promised(7, 1, "calls over what a worker of another machine had left: finished, nothing trained twice")


def test_a_worker_of_another_machine_that_lives_keeps_its_trial(store, elsewhere, capsys, monkeypatch):
    monkeypatch.setattr(lapse, "SLACK", 0.2)
    study, over = elsewhere(lambda: leave(store)), threading.Event()

    def renew():
        while not over.wait(0.05):
            study.session.replica.journal.renew(study.session.worker)

    heart = threading.Thread(target=renew)
    heart.start()
    try:
        result = danlu.tune(train, SPACE, store=store, **HOW)
    finally:
        over.set()
        heart.join()
    assert [trial.status.name for trial in result.trials] == ["RUNNING"] + ["DONE"] * 3
    said = capsys.readouterr().err
    assert said.count(WAITS) == 1
    assert (
        "danlu: trial 0 runs elsewhere, by a worker whose lease is in force: the result is without that"
        in said
    )
    assert "danlu worker with --stay waits for it" in said


def test_a_worker_that_is_seen_to_live_is_not_waited_for(store, capsys):
    with leave(store):
        result = danlu.tune(train, SPACE, store=store, **HOW)
        assert [trial.status.name for trial in result.trials] == ["RUNNING"] + ["DONE"] * 3
    said = capsys.readouterr().err
    assert WAITS not in said
    assert "trial 0 runs elsewhere" in said


def test_a_joined_worker_leaves_when_there_is_nothing_new(store, elsewhere, capsys):
    with elsewhere(lambda: leave(store)) as study:
        study.session.announce()
        danlu.work(store, "study", train, engine="inline")
    assert WAITS not in capsys.readouterr().err


def test_a_person_who_stops_a_study_waits_for_nobody(store, elsewhere, capsys):
    elsewhere(lambda: leave(store))
    result = danlu.tune(train, SPACE, store=store, callbacks=[lambda result, trial: "enough"], **HOW)
    assert result.study.stopped == "enough"
    assert WAITS not in capsys.readouterr().err
