"""A step is the number that the objective reports, and what is counted in steps is what was trained."""

from __future__ import annotations

import numpy as np
import pytest

import danlu
from danlu import Float
from danlu.analysis.progress import regret, savings
from danlu.contracts.algorithms import read
from danlu.dashboard.views import head, table
from danlu.journal import events as ev
from danlu.journal.history import History
from danlu.problem.goal import Goal

X = {"x": Float(0, 1)}


def told(*events):
    """The history of a journal with a study that minimizes ``loss``, two trials, and these events."""
    begun = [ev.Created(danlu.Space(X).spec, Goal.of(minimize="loss"), 0, 0.0)]
    unit = np.array([0.5]).tobytes()
    begun += [ev.Asked(number, ev.pack_params({"x": 0.5}), unit, "w", 0.0) for number in (0, 1)]
    history = History()
    history.fold(ev.Entry(at + 1, event) for at, event in enumerate((*begun, *events)))
    return history


def said(*steps, trial=0, attempt=1, **metrics):
    metrics = metrics or {"loss": 1.0}
    return [ev.Reported(trial, attempt, step, metrics, 1.0, 1.0) for step in steps]


def kept(step, trial=0, attempt=1):
    return ev.Saved(trial, attempt, step, "d", 1, 1.0)


def again(attempt, trial=0, **how):
    return ev.Resumed(trial, attempt, "w", 1.0, **how)


@pytest.mark.parametrize(
    ("events", "steps"),
    [
        ((), 0),
        (said(10, 20, 30), 30),
        (said(0, 10, 20, 30), 30),
        (said(1, 10, 20, 30), 30),
        (said(*range(1, 6)), 5),
        (said(*range(5)), 4),
        (said(0), 1),
        (said(0, 1), 1),
        (said(3, 4, 100), 100),
        (said(5) + said(5, acc=0.5) + said(6), 6),
        (said(0) + said(0, acc=0.5), 1),
        (said(10) + said(7, trial=1), 17),
        ([kept(10), *said(10), again(2), *said(20, attempt=2)], 20),
        ([kept(10), *said(10, 13), again(2), *said(11, 12, 13, attempt=2)], 16),
        ([kept(10), *said(10), again(2), kept(11, attempt=2), *said(11, attempt=2)], 11),
        ([*said(10, 20), again(2), *said(10, 20, 30, attempt=2)], 50),
        ([kept(10), *said(10), again(2), *said(5, 10, attempt=2)], 20),  # it did not use the checkpoint
        ([kept(4), *said(4), kept(8), *said(8), again(2), *said(6, attempt=2)], 10),  # the newest was not readable
        ([kept(10), *said(10), kept(20), again(2), *said(20, attempt=2)], 20),  # nobody has seen step 20
        ([kept(10), *said(10), again(2, anew=True), *said(10, attempt=2)], 20),
        ([kept(10), *said(10), *said(4, trial=1), again(2, trial=1, donor=0), *said(12, trial=1, attempt=2)], 16),
        ([kept(10), *said(10), again(2), again(3), *said(15, attempt=3)], 15),
    ],
)  # fmt: skip
def test_steps_are_the_rise_of_the_reported_number(events, steps):
    history = told(*events)
    assert history.spent.steps == steps == sum(row.trained for row in history.rows)
    assert history.reports.trained()[-1] == steps


def test_what_is_set_aside_takes_its_steps_along_and_adds_none():
    history = told(*said(30), *said(7, trial=1), ev.SetAside((0,), "broken", 1.0), *said(40))
    assert history.spent.steps == 7
    assert history.reports.trained([0]).tolist() == [0, 0, 7, 7]
    assert (savings(history).steps, savings(history).early) == (7, 0)


def tenth(trial):
    for epoch in range(10, 101, 10):
        trial.report(epoch, loss=trial["x"] + 1 / epoch)


def test_a_budget_of_steps_buys_the_same_training_at_any_interval_of_reports():
    def every(trial):
        for epoch in range(1, 101):
            trial.report(epoch, loss=trial["x"] + 1 / epoch)

    for train in (tenth, every):
        result = danlu.tune(
            train,
            X,
            minimize="loss",
            budget=danlu.Budget(steps=400),
            scheduler="none",
            sampler="random",
            seed=1,
        )
        assert (len(result.trials), result.history.spent.steps) == (4, 400)
        assert "the budget of 400 steps is spent" in result.study.stopped


def test_a_curve_that_is_returned_and_reports_without_a_step_are_counted_alike():
    def counting(trial):
        for at in range(5):
            trial.report(loss=trial["x"] + at)

    for train in (lambda t: {"loss": [t["x"], 2.0, 3.0, 4.0, 5.0]}, counting):
        result = danlu.tune(train, X, minimize="loss", budget=danlu.Budget(steps=10), scheduler="none")
        assert (len(result.trials), result.history.spent.steps) == (2, 10)


def test_an_objective_that_reports_step_0_alone_spends_its_budget():
    result = danlu.tune(lambda t: t.report(0, loss=t["x"]), X, minimize="loss", budget=danlu.Budget(steps=3))
    assert len(result.trials) == 3


def test_tables_pictures_and_replays_count_what_the_budget_counts():
    store = danlu.stores.MemoryStore()
    result = danlu.tune(tenth, X, minimize="loss", trials=3, store=store, scheduler="none", seed=1)
    history = result.history
    assert {row["steps"] for row in result.table()} == {100}
    assert {row["steps"] for row in table(history, {}, sort="steps")["rows"]} == {100}
    assert head("study", history)["spent"]["steps"] == savings(history).steps == 300
    assert regret(history).steps.tolist() == [100 * (number + 1) for number in regret(history).trials]
    found = danlu.replay(store.journal("study"), danlu.schedulers.NoScheduler())
    assert (found.steps, found.whole_steps, found.saved) == (300, 300, 0.0)


def test_a_quarter_of_the_steps_goes_to_whole_trials_at_any_interval_of_reports():
    def train(params, every):
        steps = tuple(range(every, 82, every))
        return danlu.engines.Recording(steps, {"loss": tuple(params["x"] + 1 / step for step in steps)})

    shares = []
    for every in (1, 3):
        result = danlu.tune(
            lambda params, every=every: train(params, every), X, minimize="loss", budget=danlu.Budget(steps=81 * 20), sampler="random",
            seed=1, engine=danlu.engines.Simulator(), fidelity=danlu.Fidelity("epoch", 3, 81),
        )  # fmt: skip
        shares.append(
            sum(trial.curve.steps[-1] == 81 for trial in result.trials) * 81 / result.history.spent.steps
        )
    assert abs(shares[0] - shares[1]) < 0.1


def test_a_simulated_trial_that_is_taken_up_again_pays_for_what_is_new():
    def train(params):
        return danlu.engines.Recording(tuple(range(1, 10)), {"loss": (params["x"],) * 9})

    for resumes, paid in ((True, 9), (False, 9 + 3 + 1)):
        result = danlu.tune(
            train, X, minimize="loss", trials=27, sampler="random", seed=0, engine=danlu.engines.Simulator(resumes=resumes),
            scheduler=danlu.schedulers.SuccessiveHalving(trials=9, low=1, high=9),
        )  # fmt: skip
        assert max(row.trained for row in result.history.rows) == paid  # some skip a pause, none pays more


def test_a_setting_that_older_journals_have_under_another_word_is_understood():
    assert read({"danlu.scheduler": "patience", "steps": 4}, "scheduler") == danlu.schedulers.Patience(
        reports=4
    )


def test_patience_counts_reports_at_whatever_steps_they_come():
    def flat(trial):
        for epoch in range(10, 1001, 10):
            trial.report(epoch, loss=1.0)

    result = danlu.tune(flat, X, minimize="loss", trials=1, scheduler=danlu.schedulers.Patience(reports=3))
    assert result.trials[0].curve.steps == (10, 20, 30, 40)
