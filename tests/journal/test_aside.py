"""Trials that are set aside stay in the journal and count for nothing any more."""

import pytest

import danlu
from danlu.errors import BudgetError, Fenced, TrialMissing
from danlu.journal.events import Status
from danlu.journal.history import History
from danlu.problem.goal import Goal
from danlu.samplers.parts.comparable import comparable

SPACE = {"x": danlu.Float(0, 1)}


def opened(store, **settings):
    return danlu.open_study(SPACE, minimize="loss", store=store, **{"seed": 3, "trials": 6, **settings})


def told(study, count, first=1.0, *, report=False):
    for at in range(count):
        trial = study.ask()
        if report:
            trial.report(1, loss=first + at)
        study.tell(trial, loss=first + at)


def rungs(study):
    state = study.session.replica.algorithms._scheduler
    return [[part.tolist() for part in state.ladder.entries((0, rung))] for rung in range(2)]


def test_they_are_off_the_budget_the_front_the_evidence_and_the_table_says_so(tmp_path):
    with opened(tmp_path / "s.db") as study:
        told(study, 3, report=True)
        assert study.result.best.number == 0
        study.control.set_aside([0, 1, 0], "the data was broken")
        study.control.set_aside([1], "said twice, written once")
        result = study.result
        assert result.best.number == 2
        assert [trial.aside for trial in result.trials] == ["the data was broken"] * 2 + [""]
        assert [row["aside"] for row in result.table()] == ["the data was broken"] * 2 + [None]
        assert "2 set aside" in repr(result)
        assert sum("set aside" in line for line in result.why()) == 1
        history = result.history
        assert (history.spent.trials, history.spent.steps, history.spent.finished, len(history)) == (
            1,
            1,
            1,
            3,
        )
        assert comparable(history).numbers.tolist() == [2]
        assert len(history.columns.seen) == 1
        told(study, 5)
        with pytest.raises(BudgetError):
            study.ask()
        assert len(study.result.trials) == 8


def test_the_search_goes_on_as_if_they_had_never_been(tmp_path):
    with opened(tmp_path / "whole.db", sampler="quasirandom") as study:
        told(study, 4)
        points = [trial.params for trial in study.result.trials]
    with opened(tmp_path / "s.db", sampler="quasirandom") as study:
        study.control.enqueue({"x": 0.25})
        told(study, 3)
        study.control.set_aside(range(3), "broken")
        told(study, 5)
        tried = [trial.params for trial in study.result.trials]
        assert tried[3] == {"x": 0.25}
        assert tried[4:8] == points


def test_one_that_runs_is_ended_and_its_worker_is_told(tmp_path):
    with opened(tmp_path / "s.db") as study, opened(tmp_path / "s.db") as other:
        trial, paused = other.ask(), other.ask()
        other.session.responder.release(paused.number, paused.attempt, danlu.Cause.PREEMPTED, "left")
        study.control.set_aside([trial.number, paused.number], "older code")
        with pytest.raises(Fenced):
            trial.report(1, loss=0.0)
        assert study.ask().number == 2
        assert study.result.trials[0].status is Status.STOPPED
        with pytest.raises(TrialMissing):
            study.control.set_aside([0, 99], "no such trial")


def test_a_new_process_and_one_that_was_there_hold_the_same(tmp_path):
    halving = danlu.schedulers.SuccessiveHalving(trials=4, low=1, high=4, factor=2)
    settings = {"scheduler": halving, "sampler": "tpe", "trials": 12}
    with opened(tmp_path / "s.db", **settings) as study:
        told(study, 3)
        study.control.set_aside([0, 2], "broken")
        told(study, 1, first=0.5)
        with opened(tmp_path / "s.db", **settings) as later:
            assert rungs(later) == rungs(study)
            assert later.session.replica.algorithms.propose(
                1, ""
            ) == study.session.replica.algorithms.propose(1, "")
        again = History()
        again.fold(study.session.replica.journal.read(0))
        assert list(again.trials) == study.result.trials
        block = study.session.replica.algorithms._scheduler
        assert [block.block(number) for number in (1, 3, 4, 5)] == [0, 0, 0, 0]
        assert block.members(0, 0).tolist() == [1, 3, 4, 5]


def test_a_population_is_made_of_those_that_count():
    def train(trial):
        memory = {"step": 0}
        for step in range(trial.restore(memory) + 1, 7):
            memory["step"] = step
            trial.save(step, memory)
            trial.report(step, loss=trial["x"] / step)

    store, pbt = danlu.stores.MemoryStore(), danlu.schedulers.PBT(population=4, interval=2)
    with opened(store, scheduler=pbt) as study:
        for _ in range(2):
            study.tell(study.ask(), failed="raised")
        study.control.set_aside([0, 1], "broken")
    result = danlu.tune(train, SPACE, minimize="loss", store=store, seed=3, trials=6, scheduler=pbt)
    assert len(result.trials) == 6
    assert [trial.status for trial in result.trials[2:]] == [Status.DONE] * 4


def test_a_target_that_only_they_reached_is_open_again():
    with danlu.open_study(SPACE, goal=Goal.of(minimize="loss", target=0.1), trials=9) as study:
        told(study, 2, first=0.0)
        assert study.result.history.incumbents.reached == 0
        study.control.set_aside([0], "measured on the wrong data")
        assert study.result.history.incumbents.reached is None
