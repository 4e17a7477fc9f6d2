"""The study: asking, telling, resuming, and what it says about itself."""

import json
import math
import subprocess
import sys

import msgspec
import numpy as np
import pytest

import danlu
from danlu import Choice, Float, Int, Space, Switch
from danlu.errors import (
    BudgetError,
    Conflict,
    Exhausted,
    Fenced,
    GoalError,
    ObjectiveError,
    ReportError,
    SettingError,
    SpaceError,
    SpaceMismatch,
    TrialMissing,
)
from danlu.journal import events as ev

X = {"x": Float(-1, 1)}


def square(trial):
    return trial["x"] ** 2


def summary(result):
    return [(t.params, t.status, repr(t.metrics), repr(t.curve), t.cause) for t in result.trials]


def test_tune_finds_the_bottom_of_a_bowl():
    result = danlu.tune(square, X, trials=50, seed=1)
    assert result.best.value < 0.01
    assert len(result.trials) == 50
    assert result.study.stopped == "the budget of 50 trials is spent"
    assert result.front == [result.best]
    assert result.table()[0].keys() >= {"trial", "status", "x", "value", "seconds"}


def test_the_same_seed_gives_the_same_study_and_another_seed_another():
    one, same, other = (danlu.tune(square, X, trials=9, seed=s, sampler="random") for s in (1, 1, 2))
    assert [t.params for t in one.trials] == [t.params for t in same.trials]
    assert [t.params for t in one.trials] != [t.params for t in other.trials]


@pytest.mark.parametrize("sampler", ["random", "quasirandom"])
def test_fifty_and_nothing_is_twenty_five_and_twenty_five(tmp_path, sampler, promised):
    whole = danlu.tune(square, X, trials=50, seed=3, sampler=sampler)
    for trials in (25, 50):
        parts = danlu.tune(square, X, trials=trials, seed=3, sampler=sampler, store=tmp_path / "s.db")
    assert [t.params for t in whole.trials] == [t.params for t in parts.trials]
    promised(17, 1, "a study of 50 beside one of 25 and 25, to the bit")


def test_ask_and_tell_by_hand_and_in_batches():
    with danlu.open_study(X, minimize="loss", trials=5, seed=1) as study:
        trial = study.ask()
        study.tell(trial, loss=trial["x"] ** 2)
        batch = study.ask_batch(10)
        assert len(batch) == 4
        study.tell_batch((trial, {"loss": abs(trial["x"])}) for trial in batch)
        with pytest.raises(BudgetError, match="budget of 5 trials is spent"):
            study.ask()
        assert [t.status for t in study.result.trials] == [danlu.Status.DONE] * 5
        assert study.session.replica.history.columns.losses.shape == (5, 1)


def test_telling_again_is_free_and_telling_otherwise_is_a_conflict(promised):
    with danlu.open_study(X, minimize="loss") as study:
        trial = study.ask()
        study.tell(trial, 0.5)
        before = study.session.replica.history.seq
        study.tell(trial, 0.5)
        study.tell(trial.number, loss=0.5)
        assert study.session.replica.history.seq == before
        with pytest.raises(Conflict, match="The first result stands") as caught:
            study.tell(trial, 0.6)
        assert caught.value.stored == {"loss": 0.5}
        with pytest.raises(Conflict):
            study.tell(trial, failed="crashed")
        with pytest.raises(TrialMissing, match="there is no trial 7"):
            study.tell(7, 0.1)
    promised(3, 1, "the same told again, and something else told")


def test_nan_is_told_twice_without_a_conflict():
    with danlu.open_study(X, minimize="loss") as study:
        trial = study.ask()
        study.tell(trial, math.nan)
        study.tell(trial, math.nan)
        assert study.result.trials[0].cause is danlu.Cause.DIVERGED


def test_an_operation_asks_once(tmp_path):
    with danlu.open_study(X, minimize="loss", store=tmp_path / "s.db") as study:
        first, again, other = study.ask(op="job-1"), study.ask(op="job-1"), study.ask(op="job-2")
        assert (first.number, again.number, other.number) == (0, 0, 1)
    with danlu.open_study(store=tmp_path / "s.db") as later:
        assert later.ask(op="job-2").number == 1


def test_two_open_studies_share_one_journal(tmp_path):
    with (
        danlu.open_study(X, minimize="loss", store=tmp_path / "s.db") as one,
        danlu.open_study(store=tmp_path / "s.db") as two,
    ):
        trials = [one.ask(), two.ask(), one.ask()]
        assert [t.number for t in trials] == [0, 1, 2]
        assert len({t["x"] for t in trials}) == 3
        two.tell(0, 0.5)
        assert one.result.trials[0].value == 0.5


def test_reports_make_a_curve_and_the_best_step_counts():
    def train(trial):
        for step, loss in enumerate([0.9, 0.2, 0.5], 1):
            trial.report(step, loss=loss, accuracy=1 - loss)

    best = danlu.tune(train, X, minimize="loss", trials=1).best
    assert best.metrics == {"loss": 0.2, "accuracy": 0.8}
    assert best.curve.steps == (1, 2, 3)
    assert danlu.tune(train, X, goal=danlu.Goal.of(minimize="loss", at="last"), trials=1).best.value == 0.5
    assert danlu.tune(train, X, maximize="accuracy", trials=1).best.value == 0.8


def test_one_step_may_be_reported_in_parts_but_not_twice_otherwise():
    def train(trial):
        trial.report(1, train_loss=0.3)
        trial.report(1, loss=0.4)
        trial.report(1, loss=0.4)
        with pytest.raises(ReportError, match="has loss=0.4 already, got 0.5"):
            trial.report(1, loss=0.5)
        trial.report(2, loss=0.2)
        with pytest.raises(ReportError, match="steps have to rise"):
            trial.report(1, loss=0.4)
        with pytest.raises(ReportError, match="a real number, got 'a'"):
            trial.report(3, loss="a")
        with pytest.raises(ReportError, match="the metric loss needs a real number, got array"):
            trial.report(3, loss=np.ones(2))
        with pytest.raises(ReportError, match="whole number"):
            trial.report(2.5, loss=1.0)

    result = danlu.tune(train, X, minimize="loss", trials=1)
    assert result.best.curve.metrics["loss"] == (0.4, 0.2)
    assert result.best.curve.metrics["train_loss"][0] == 0.3


def test_several_goals_have_a_front_and_limits_come_first():
    points = [(1.0, 5.0, 1.0), (2.0, 2.0, 1.0), (3.0, 3.0, 1.0), (0.0, 0.0, 9.0), (5.0, 1.0, 1.0)]

    def objective(trial):
        a, b, size = points[trial.number]
        return {"a": a, "b": b, "size": size}

    result = danlu.tune(objective, X, minimize=["a", "b"], limits=["size <= 2"], trials=5)
    assert [t.number for t in result.front] == [0, 1, 4]
    assert result.best.number == 0
    assert result.trials[3].violation == 7.0


def test_maximize_and_minimize_together():
    result = danlu.tune(
        lambda t: {"acc": t["x"], "time": t["x"]}, X, maximize="acc", minimize="time", trials=6
    )
    assert len(result.front) == 6  # a pure trade-off


@pytest.mark.parametrize(
    ("budget", "trials", "reason"),
    [
        ({"target": 0.25}, 1, "the target was reached in trial 0"),
        ({"budget": danlu.Budget(no_improvement=3)}, 4, "the last 3 trials brought no improvement"),
        ({"budget": danlu.Budget(steps=4)}, 2, "the budget of 4 steps is spent"),
        ({"budget": danlu.Budget(cost=30)}, 3, "the budget of 30 cost is spent"),
        ({"time": 1e-9}, 0, "seconds is spent"),
    ],
)
def test_budgets(budget, trials, reason):
    def train(trial):
        trial.report(1, loss=0.25)
        trial.report(2, loss=0.25)
        trial.charge(10)

    result = danlu.tune(train, X, minimize="loss", **budget)
    assert len(result.trials) == trials
    assert reason in result.study.stopped


def test_time_budgets_read_like_people_write_them():
    from danlu.problem.budget import seconds_of

    assert [seconds_of(t) for t in ("90s", "1h30m", "2 min", 5)] == [90, 5400, 120, 5]
    with pytest.raises(BudgetError, match="a time reads like"):
        seconds_of("soon")


def test_enqueued_points_come_first_and_are_checked_at_the_door():
    space = Space({"a": Int(1, 9), "b": Int(1, 9)}, constraints=["a < b"])
    result = danlu.tune(lambda t: t["a"], space, trials=4, enqueue=[{"a": 4, "b": 7}, {"a": 8}], seed=1)
    assert result.trials[0].params == {"a": 4, "b": 7}
    assert result.trials[1].params == {"a": 8, "b": 9}
    assert [t.source for t in result.trials] == ["enqueued", "enqueued", "sampler", "sampler"]
    for bad in ({"a": 10}, {"c": 1}, {"a": 5, "b": 5}, {"a": "x"}):
        with pytest.raises(SpaceError):
            danlu.tune(lambda t: t["a"], space, enqueue=[bad])


def test_priors_are_the_first_point():
    result = danlu.tune(square, {"x": Float(-1, 1, prior=0.25), "n": Int(1, 3)}, trials=3)
    assert result.trials[0].params == {"x": 0.25, "n": 2}


def test_parameters_may_be_drawn_while_running():
    def train(trial):
        depth = trial.suggest("depth", Int(1, 3))
        widths = [trial.suggest(f"width{i}", Int(8, 64, log=True)) for i in range(depth)]
        assert trial.suggest("depth", Int(1, 3)) == depth == trial["depth"]
        return sum(widths)

    result = danlu.tune(train, trials=12, seed=2, sampler="random")
    history = result.history
    assert all(len(t.params) == 1 + t.params["depth"] for t in result.trials)
    assert history.columns.units.shape == (12, len(history.space))
    assert history.columns.active.sum() == sum(len(t.params) for t in result.trials)
    assert {t.params["depth"] for t in result.trials} == {1, 2, 3}
    again = danlu.tune(train, trials=12, seed=2, sampler="random")
    assert [t.params for t in again.trials] == [t.params for t in result.trials]


def test_a_drawn_range_may_move_and_a_kind_may_not():
    def train(trial):
        trial.suggest("n", Int(1, 3 + trial.number))
        return trial["n"]

    assert danlu.tune(train, trials=5).history.space.slots[0].parameter == Int(1, 7)

    def confused(trial):
        trial.suggest("n", Int(1, 3) if trial.number == 0 else Choice(["a"]))
        return 1.0

    result = danlu.tune(confused, trials=2)
    assert "Only the bounds of a Float or Int may move" in result.trials[1].reason


def test_an_unknown_parameter_names_the_nearest():
    result = danlu.tune(lambda t: t["lrr"], {"lr": Float(0, 1)}, trials=2)
    assert "Did you mean 'lr'" in result.trials[0].reason


def test_a_finite_space_ends_when_everything_was_tried():
    space = {"a": Choice([1, 2]), "s": Switch(x={"b": Choice([1, 2])}, y={})}
    for sampler in ("grid", "random", "quasirandom"):
        result = danlu.tune(lambda t: t["a"], space, trials=50, sampler=sampler)
        assert len(result.trials) == 6
        assert "has been tried" in result.study.stopped
    with danlu.open_study({"a": Choice([1])}, minimize="l") as study:
        study.ask()
        with pytest.raises(Exhausted):
            study.ask()


def test_a_grid_larger_than_the_budget_is_counted_and_refused():
    with pytest.raises(BudgetError, match="the grid has 1,000,000 combinations, the budget is 10 trials"):
        danlu.tune(
            square,
            {"x": Float(0, 1), "n": Int(1, 10**5)},
            sampler=danlu.samplers.Grid(resolution=10),
            trials=10,
        )
    with pytest.raises(BudgetError, match="x is continuous"):
        danlu.tune(square, X, sampler="grid", trials=10)


def test_callbacks_see_every_trial_and_may_end_the_study():
    seen = []

    def callback(result, trial):
        seen.append(trial.number)
        return "enough is enough" if trial.number == 3 else None

    result = danlu.tune(square, X, trials=20, callbacks=[callback])
    assert seen == [0, 1, 2, 3]
    assert result.study.stopped == "enough is enough"


def test_a_stop_cannot_be_swallowed():
    def stubborn(trial):
        for step in range(1, 100):
            try:
                trial.report(step, loss=float("nan") if step == 3 else 1.0)
            except Exception:
                pytest.fail("a stop came as an Exception")

    result = danlu.tune(stubborn, X, minimize="loss", trials=1)
    assert result.trials[0].cause is danlu.Cause.DIVERGED
    assert len(result.trials[0].curve) == 3


def test_failures_are_information_and_do_not_stop_the_study():
    def objective(trial):
        if trial.number == 1:
            raise RuntimeError("boom")
        if trial.number == 2:
            return math.inf
        if trial.number == 3:
            return "a string"
        return 1.0

    result = danlu.tune(objective, X, trials=6)
    assert [t.cause and t.cause.value for t in result.trials] == [
        None,
        "raised",
        "diverged",
        "invalid",
        None,
        None,
    ]
    assert "RuntimeError: boom (test_study.py:" in result.trials[1].reason
    assert any("boom" in line for line in result.why())
    assert np.isnan(result.history.columns.losses[1:4]).all()


@pytest.mark.parametrize("returned", [None, "0.3", 1 + 2j, [0.1], True])
def test_a_first_trial_that_returns_nonsense_ends_the_study(returned):
    with pytest.raises((ObjectiveError, GoalError), match=r"real number|the objective gave nothing"):
        danlu.tune(lambda trial: returned, X, trials=10)


def test_a_metric_that_is_never_reported_is_named_after_the_first_trial():
    with pytest.raises(GoalError, match="the goal needs val_loss, the objective gave loss"):
        danlu.tune(lambda trial: {"loss": 1.0}, X, minimize="val_loss", trials=10)


def test_another_space_is_shown_and_extended_on_purpose(tmp_path):
    store = tmp_path / "s.db"
    danlu.tune(square, X, trials=3, store=store, seed=1)
    wider = {"x": Float(-2, 2), "n": Int(1, 3)}
    with pytest.raises(SpaceMismatch) as caught:
        danlu.tune(square, wider, trials=6, store=store)
    assert "n: Int(low=1, high=3, log=False, step=1, prior=None) is new" in str(caught.value)
    assert "x: Float(low=-1.0" in str(caught.value)
    assert "extend=True" in str(caught.value)
    result = danlu.tune(square, wider, trials=6, store=store, extend=True)
    assert [len(t.params) for t in result.trials] == [1, 1, 1, 2, 2, 2]
    assert result.history.columns.units.shape == (6, 2)
    assert (np.abs(result.history.columns.units[:3, 0] - 0.5) <= 0.25).all()
    assert any("changed on purpose" in line for line in result.why())
    narrow = danlu.tune(square, {"x": Float(0.5, 0.6)}, trials=7, store=store, extend=True)
    assert narrow.history.columns.fits.tolist()[-1]
    assert not narrow.history.columns.fits.all()


def test_another_goal_or_seed_is_refused(tmp_path):
    store = tmp_path / "s.db"
    danlu.tune(square, X, trials=1, store=store, seed=1)
    with pytest.raises(GoalError, match="made for minimize value, not maximize value"):
        danlu.tune(square, X, maximize="value", trials=2, store=store)
    with pytest.raises(SettingError, match="has seed 1, not 2"):
        danlu.tune(square, X, trials=2, store=store, seed=2)


BAD_CALLS = {
    "trials > 0, got trials=0": {"trials": 0},
    "trials to be a whole number, got 1.5": {"trials": 1.5},
    "workers to be a whole number >= 1, got 0": {"workers": 0},
    "each limit once, got trials=3": {"trials": 3, "budget": danlu.Budget(trials=4)},
    "a budget is danlu.Budget": {"budget": 4},
    "the limits of a trial are danlu.TrialLimits": {"trial_limits": 4},
    "as goal= or in words": {"minimize": "a", "goal": danlu.Goal.of(minimize="a")},
    "a goal is one of danlu.Goal.of": {"goal": "a"},
    "each metric once, got 'a' twice": {"minimize": "a", "maximize": "a"},
    "a target needs a metric of the goal": {"minimize": "a", "target": {"b": 1}},
    "reads 'metric <= number'": {"limits": ["a < 3"]},
    "Did you mean 'random'": {"sampler": "randon"},
    "there is no scheduler 'x'": {"scheduler": "x"},
    "there is no engine 'x'": {"engine": "x"},
    "there is no store 'mongodb'": {"store": "mongodb://x"},
    "non-empty string, got ''": {"name": ""},
}


@pytest.mark.parametrize("sentence", BAD_CALLS)
def test_bad_calls_get_a_sentence_before_any_work(sentence):
    ran = []
    with pytest.raises(ValueError, match=sentence):
        danlu.tune(ran.append, X, **BAD_CALLS[sentence])
    assert not ran


BAD_VALUES = {
    "got time=-1": lambda: danlu.TrialLimits(time=-1),
    "got memory=True": lambda: danlu.TrialLimits(memory=True),
    "got retries=-1": lambda: danlu.TrialLimits(retries=-1),
    "got same_failures=1.5": lambda: danlu.TrialLimits(same_failures=1.5),
    "a time reads like": lambda: danlu.TrialLimits(time="ten minutes"),
    "time to be a number, got": lambda: danlu.Budget(time=True),
    "at needs 'best' or 'last'": lambda: danlu.Goal.of(at="first"),
}


@pytest.mark.parametrize("sentence", BAD_VALUES)
def test_bad_values_get_a_sentence(sentence):
    with pytest.raises(ValueError, match=sentence):
        BAD_VALUES[sentence]()


def test_values_say_the_same_in_seconds_and_in_words():
    assert danlu.Budget(time="1h") == danlu.Budget(time=3600.0)
    assert danlu.TrialLimits(time="2m").attempt.seconds == 120.0
    study = danlu.tune(square, X, trials=2, budget=danlu.Budget(time="1h", cost=50), seed=1)
    assert "3600.0" in str(
        msgspec.json.encode(study.history.definition.stored_config.budget)
    )  # what journals have always said


def test_what_cannot_be_called_is_refused():
    with pytest.raises(ObjectiveError, match="a function of one trial, got 3"):
        danlu.tune(3, X)


class Toy(danlu.schedulers.BaseScheduler):
    """Pauses every trial at step 2, resumes it once, copies the first one's checkpoint, then stops it."""

    def init(self, problem):
        return ()

    def tell(self, state, trial):
        paused = trial.status is danlu.Status.PAUSED and trial.number not in state
        return (*state, trial.number) if paused else state

    def judge(self, state, view, trial):
        from danlu.contracts.messages import GO, pause, stop

        if trial.curve.steps[-1] == 2 and trial.attempt == 1:
            return pause("a look around")
        return stop("seen enough") if trial.curve.steps[-1] >= 4 else GO

    def next(self, state, view):
        from danlu.contracts.protocols import New, Resume, Wait

        rows = view.history.rows
        resumable = [n for n in state if rows[n].status is danlu.Status.PAUSED]
        if len(rows) < 3:
            return New("tagged", "room for one more")
        if not resumable:
            return Wait()
        number = resumable[0]
        return Resume(number, unit=(0.75,), donor=0, reason="copied") if number == 2 else Resume(number)


def counting(trial):
    memory = {"steps": [], "x": trial["x"]}
    start = trial.restore(memory)
    for step in range(start + 1, 9):
        memory["steps"].append((trial.number, step))
        trial.save(step, memory)
        trial.report(step, loss=1 / step, seen=len(memory["steps"]))


def test_a_scheduler_pauses_resumes_copies_and_stops(tmp_path):
    result = danlu.tune(
        counting, X, minimize="loss", trials=3, scheduler=Toy(), store=tmp_path / "s.db", seed=4
    )
    assert [t.status for t in result.trials] == [danlu.Status.STOPPED] * 3
    assert [t.tag for t in result.trials] == ["tagged"] * 3
    assert [t.curve.steps for t in result.trials] == [(1, 2, 3, 4), (1, 2, 3, 4), (1, 2, 5)]
    assert result.trials[2].curve.metrics["seen"] == (1, 2, 5)  # four steps of trial 0 and one of its own
    copied = result.trials[2]
    assert (copied.donor, copied.params, copied.attempt, copied.why) == (0, {"x": 0.5}, 2, "copied")
    assert result.trials[0].reason == "seen enough"


def test_best_checkpoints_are_kept_and_the_others_removed(tmp_path):
    def train(trial):
        weights = np.full(3, float(trial.number))
        for step in (1, 2, 3):
            trial.save(step, weights)
            trial.report(step, loss=abs(trial.number - 2))

    result = danlu.tune(train, X, minimize="loss", trials=5, store=tmp_path / "s.db")
    kept = np.zeros(3)
    assert result.restore(kept) == 3
    assert kept.tolist() == [2.0, 2.0, 2.0]
    from danlu.runtime.blobs import Folder

    assert len(list(Folder(tmp_path / "s.db.blobs").kept())) == 2  # the newest and the one before


def test_logged_facts_are_kept():
    def objective(trial):
        trial.log(gpu="H100", layers=[1, 2], nested={"a": None})
        return 1.0

    assert danlu.tune(objective, X, trials=1).best.facts == {
        "gpu": "H100",
        "layers": [1, 2],
        "nested": {"a": None},
    }


def test_a_zombie_is_told_and_changes_nothing(tmp_path):
    now = [0.0]
    store = danlu.stores.SqliteStore(tmp_path / "s.db", lease_seconds=10, clock=lambda: now[0])
    with danlu.open_study(X, minimize="loss", store=store) as one, danlu.open_study(store=store) as two:
        zombie = one.ask()
        now[0] = 11.0
        heir = two.ask()
        assert (heir.number, heir.attempt) == (zombie.number, 2)
        for write in (
            lambda: zombie.report(1, loss=9.0),
            lambda: zombie.save(1, {"a": 1}),
            lambda: zombie.log(a=1),
            lambda: one.tell(zombie, 9.0),
        ):
            with pytest.raises(Fenced, match="ask for new work"):
                write()
        two.tell(heir, 0.5)
        assert one.ask().number == 1
        assert [t.metrics for t in one.result.trials] == [{"loss": 0.5}, {}]


def test_folding_one_by_one_is_folding_at_once(tmp_path):
    from danlu.journal.history import History

    store = danlu.stores.SqliteStore(tmp_path / "s.db")
    danlu.tune(counting, X, minimize="loss", trials=3, scheduler=Toy(), store=store, seed=4)
    entries = list(store.journal("study").read(0))
    whole, parts = History(), History()
    whole.fold(entries)
    for entry in entries:
        parts.fold([entry])
        assert parts.columns.units.shape == (len(parts), 1)
    for name in ("units", "active", "losses", "violations", "statuses", "fits"):
        np.testing.assert_array_equal(getattr(whole.columns, name), getattr(parts.columns, name))
    assert list(whole.trials) == list(parts.trials)
    with pytest.raises(ValueError, match="read-only"):
        whole.columns.units[0] = 0


def test_asked_events_say_what_was_seen(tmp_path):
    store = danlu.stores.SqliteStore(tmp_path / "s.db")
    danlu.tune(square, X, trials=3, store=store)
    asked = [(e.seq, e.event.seen) for e in store.journal("study").read(0) if isinstance(e.event, ev.Asked)]
    assert all(seen == seq - 1 for seq, seen in asked)


def test_a_function_constraint_is_never_forgotten_in_silence(tmp_path):
    store = tmp_path / "s.db"
    space = Space({"a": Int(1, 99), "b": Int(1, 99)}, constraints=[lambda p: p["a"] < p["b"], "b < 90"])
    danlu.tune(lambda t: t["a"], space, trials=3, store=store)
    with danlu.open_study(store=store, trials=9) as joined:
        assert len(joined.result.trials) == 3
        with pytest.raises(SpaceError, match="a constraint that is a function"):
            joined.ask()
    with pytest.raises(SpaceMismatch, match="the constraint <function> is gone"):
        danlu.open_study(Space({"a": Int(1, 99), "b": Int(1, 99)}, constraints=["b < 90"]), store=store)
    with danlu.open_study(space, store=store) as whole:
        assert all(t["a"] < t["b"] < 90 for t in whole.ask_batch(10))
    text = Space({"a": Int(1, 99), "b": Int(1, 99)}, constraints=["a < b"])
    danlu.tune(lambda t: t["a"], text, trials=1, store=store, name="text")
    with danlu.open_study(store=store, name="text", trials=11) as joined:
        assert all(t["a"] < t["b"] for t in joined.ask_batch(10))


def test_checkpoints_of_all_trials_are_kept_where_that_is_asked_for(tmp_path):
    def train(trial):
        trial.save(1, {"x": trial["x"]})
        trial.report(1, loss=trial["x"])

    for keep, kept in (("best", 1), ("all", 4)):
        result = danlu.tune(
            train,
            {"x": danlu.Float(0, 1)},
            minimize="loss",
            trials=4,
            keep=keep,
            store=tmp_path / "s.db",
            name=keep,
        )
        assert sum(bool(trial.checkpoints) for trial in result.trials) == kept
    found = {}
    result.restore(found, trial=2)
    assert found == {"x": result.trials[2].params["x"]}


def test_a_table_keeps_parameters_and_metrics_of_one_name_apart(tmp_path):
    """A learning rate that is logged while it is annealed, parameters that are named like columns, metrics too."""
    space = {"lr": danlu.Float(0.1, 1), "status": danlu.Float(0, 1), "trial": danlu.Int(5, 50)}

    def train(trial):
        for step in range(1, 4):
            trial.report(step, loss=trial["lr"] / step, lr=trial["lr"] * 0.1**step, seconds=7.0)

    result = danlu.tune(train, space, minimize="loss", trials=2, seed=1, store=tmp_path / "s.db", watch=False)
    for trial, row in zip(result.trials, result.table(), strict=True):
        assert (row["trial"], row["status"], row["lr"]) == (trial.number, "done", trial.params["lr"])
        assert row["status (parameter)"] == trial.params["status"]
        assert row["trial (parameter)"] == trial.params["trial"]
        assert row["lr (metric)"] == trial.metrics["lr"] != row["lr"]
        assert row["seconds (metric)"] == 7.0 != row["seconds"]
    shown = subprocess.run(
        [sys.executable, "-m", "danlu", "show", tmp_path / "s.db", "--json"], capture_output=True, text=True, check=True
    )  # fmt: skip
    rows = json.loads(shown.stdout)
    assert [row["lr"] for row in (rows["trials"] if isinstance(rows, dict) else rows)] == [
        t.params["lr"] for t in result.trials
    ]


WIDER = [
    (Choice(["sgd", "adam", "rms"]), Choice(["sgd", "rms", "lion", "adamw", "radam"])),
    (Choice(["a", "b"], ordered=True), Choice(["c", "a", "b"], ordered=True)),
    (Int(1, 3), Int(1, 9)),
    (Int(1, 4), Int(-2, 4)),
    (Int(4, 8, step=2), Int(4, 8)),
    (Int(1, 4, log=True), Int(1, 16, log=True)),
]


@pytest.mark.parametrize("sampler", ["auto", "random", "grid", "tpe", "gp", "evolution"])
@pytest.mark.parametrize(("first", "second"), WIDER, ids=str)
def test_a_finite_space_that_grew_is_tried_to_its_end_and_nothing_twice(first, second, sampler):
    asked = []

    def train(trial):
        asked.append(trial["x"])
        return float(len(str(trial["x"])))

    store = danlu.stores.MemoryStore()
    how = {"store": store, "sampler": sampler, "minimize": "value"}
    if sampler == "grid":
        how["trials"] = int(second.size) + 4
    danlu.tune(train, {"x": first}, seed=1, **({"trials": 12} | how))
    result = danlu.tune(train, {"x": second}, extend=True, **({"trials": 40} | how))
    everything = range(second.low, second.high + 1, second.step) if isinstance(second, Int) else second.values
    assert sorted(map(str, set(asked))) == sorted(
        {*map(str, everything), *map(str, asked[: int(first.size)])}
    )
    assert len(asked) == len(set(asked))
    assert "has been tried" in result.study.stopped


def test_algorithms_learn_where_old_points_lie_in_a_space_that_was_changed():
    """An old trial's unit point is that of its values in the space as it is; one outside teaches samplers nothing."""
    told = {}

    class Told(danlu.samplers.BaseSampler, msgspec.Struct, frozen=True):
        def init(self, problem):
            told.clear()
            return 0

        def tell(self, state, trial):
            told[trial.number] = trial.unit
            return state + 1

        def ask(self, state, view, rng, k):
            return rng.random((k, 1))

    store = danlu.stores.MemoryStore()
    danlu.tune(square, {"x": Float(0, 10)}, trials=6, seed=1, store=store, sampler=Told())
    low, high = 2.0, 20.0
    result = danlu.tune(square, {"x": Float(low, high)}, trials=9, store=store, sampler=Told(), extend=True)
    inside = {trial.number for trial in result.trials if trial.params["x"] >= low}
    assert 0 < len(inside) < 9
    assert set(told) == inside
    for number in inside:
        at = (result.trials[number].params["x"] - low) / (high - low)
        assert told[number] == pytest.approx((at,))
        assert result.trials[number].unit == told[number]
    live = dict(told)
    with danlu.open_study(store=store, sampler=Told()) as study:  # folded from the start it is the same
        assert len(study.result.trials) == 9
    assert told == live


def test_an_earlier_word_of_a_result_is_answered_with_the_new_one():
    result = danlu.tune(lambda t: t["x"], {"x": danlu.Float(0, 1)}, trials=2)
    assert result.study.stopped == "the budget of 2 trials is spent"
    with pytest.raises(
        AttributeError, match=r"a result has no stopped any more. Write result\.study\.stopped\."
    ):
        result.stopped  # noqa: B018
    assert [trial.number for trial in result.history.trials.configurations()] == [0, 1]


def test_another_scheduler_judges_from_here_on_and_knows_what_was(tmp_path):
    with danlu.open_study(
        {"x": danlu.Float(0, 1)},
        minimize="loss",
        store=str(tmp_path / "s.db"),
        scheduler="none",
        sampler="random",
        seed=0,
    ) as study:
        for number in range(6):
            trial = study.ask()
            trial.report(1, loss=float(number))
            study.tell(trial, loss=float(number))
        running = study.ask()
        study.session.reschedule(danlu.schedulers.Median())
        with pytest.raises(danlu.errors.TrialStopped):
            running.report(1, loss=9.0)
        assert "Median" in repr(study.session.settings.scheduler)
        before = study.session.replica.algorithms
        with pytest.raises(danlu.errors.SettingError):
            study.session.reschedule(
                danlu.schedulers.SuccessiveHalving()
            )  # nobody has said how long a trial is
        assert study.session.replica.algorithms is before
