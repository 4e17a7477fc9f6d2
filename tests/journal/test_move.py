"""Parameters that change while a trial runs are events: seen in its schedule, kept by an attempt that takes it up."""

import pytest
from test_crash import deaths, essence

import danlu
from danlu import Choice, Float, Int, Switch
from danlu.dashboard import views
from danlu.errors import ReportError, SpaceError
from danlu.journal.events import Cause

SPACE = {"lr": Float(1e-4, 1, log=True), "width": Int(1, 64), "kind": Choice(["a", "b"])}


def plateaus(trial):
    """Resumable; the rate falls after every second step, as the journal has to remember."""
    state = {"sum": 0.0}
    for step in range(trial.restore(state) + 1, 7):
        rate = trial["lr"]
        state["sum"] += rate
        if step % 2 == 0:
            trial.move(step, lr=rate / 2, reason="a plateau")
        trial.save(step, state)
        trial.report(step, loss=state["sum"], rate=rate)


def run(store=None, objective=plateaus, space=SPACE, **how):
    return danlu.tune(objective, space, minimize="loss", trials=3, seed=1, store=store, scheduler="none", sampler="random",
                      trial_limits=danlu.TrialLimits(retries=1000), **how)  # fmt: skip


@pytest.mark.parametrize("workers", [1, 2])
def test_a_move_holds_from_the_next_step_on_and_the_schedule_says_so(workers):
    for trial in run(workers=workers).trials:
        first = trial.params["lr"]
        assert trial.curve.metrics["rate"] == pytest.approx(
            [first, first, first / 2, first / 2, first / 4, first / 4]
        )
        assert [(step, round(values["lr"] / first, 6)) for step, values in trial.schedule] == [
            (0, 1.0),
            (2, 0.5),
            (4, 0.25),
            (6, 0.125),
        ]
        assert all(values["width"] == trial.params["width"] for _, values in trial.schedule)


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.fault)])
def test_a_crash_at_every_append_moves_nothing_twice(every, tmp_path, promised):
    def moved(result):
        return essence(result), [trial.schedule for trial in result.trials]

    died, _ = deaths(run, moved, tmp_path, every)
    promised(1, died, "deaths before and after appends of trials whose parameters move: the same as without")


def test_samplers_learn_from_the_point_that_the_trial_began_with():
    result = run()
    history = result.history
    for trial in result.trials:
        assert history.space.decode(history.columns.units[trial.number].tolist())["lr"] == trial.params["lr"]


@pytest.mark.parametrize(
    ("values", "error", "said"),
    [
        ({}, ReportError, "needs a parameter"),
        ({"lr": -2.0}, SpaceError, "lr can move to a finite number above 0"),
        ({"lr": float("nan")}, SpaceError, "lr"),
        ({"width": 1.5}, SpaceError, "a whole number"),
        ({"width": True}, SpaceError, "a whole number"),
        ({"lr": "fast"}, SpaceError, "lr"),
        ({"no": 1}, SpaceError, "'no'"),
        ({"kind": "c"}, SpaceError, "kind"),
        ({"fixed": 2}, SpaceError, "fixed or not active"),
        ({"opt": "adam"}, SpaceError, "decides what there is to train"),
        ({"momentum": 0.5}, SpaceError, "not active"),
        ({"a": 0.4}, SpaceError, "constraint"),
    ],
)
def test_what_cannot_move_is_refused_and_the_trial_goes_on(values, error, said):
    space = danlu.Space(
        SPACE | {"fixed": 1, "opt": Switch(adam={"beta": Float(0, 1)}, sgd={"momentum": Float(0, 1)}), "a": Float(0, 0.5), "b": Float(0, 0.5)},
        constraints=["a + b <= 0.75"],
    )  # fmt: skip

    def tries(trial):
        with pytest.raises(error, match=said):
            trial.move(values)
        return 0.0

    result = danlu.tune(tries, space, trials=1, enqueue=[{"opt": "adam", "beta": 0.5, "a": 0.1, "b": 0.45}])
    assert result.trials[0].status.name == "DONE"
    assert result.trials[0].schedule == ()


def test_a_move_to_where_it_is_already_writes_nothing():
    def stays(trial):
        for _ in range(3):
            trial.move(width=int(trial["width"]))
        return trial["lr"]

    result = danlu.tune(stays, SPACE, trials=1)
    assert result.trials[0].schedule == ()
    assert result.history.rows.of(0).moved is None


def test_numbers_may_leave_the_range_that_is_searched_and_stay_so_in_the_next_attempt():
    with danlu.open_study(SPACE, minimize="loss", trials=2, seed=1) as study:
        trial = study.ask()
        trial.move(1, {"lr": 1e-9}, width=1000)
        trial.save(1, {})
        trial.report(1, loss=1.0)
        trial.move(2, lr=1e-12)  # after the checkpoint: trained once more, moved once more
        study.session.responder.release(trial.number, trial.attempt, Cause.PREEMPTED, "for a test")
        again = study.ask()
        assert (again.number, again["lr"], again["width"]) == (trial.number, 1e-9, 1000)
        assert study.result.trials[0].schedule[-1][1]["lr"] == 1e-9


def test_one_move_after_another_at_one_step_counts_as_the_last():
    def twice(trial):
        trial.report(1, loss=1.0)
        trial.move(width=3)
        trial.move(width=4, kind="b")
        trial.report(2, loss=float(trial["width"]))

    trial = run(objective=twice).trials[0]
    assert [(step, values["width"], values["kind"]) for step, values in trial.schedule][1:] == [(1, 4, "b")]
    assert trial.curve.metrics["loss"][1] == 4.0


def test_the_page_tells_what_moved_and_why():
    result = run()
    told = [each["why"] for each in views.detail(result.history, 0)["events"] if each["what"] == "changed"]
    assert len(told) == 3
    assert told[0].startswith("after step 2: lr = ")
    assert told[0].endswith("(a plateau)")
