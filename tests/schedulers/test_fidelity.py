"""Learning from curves: when trials came to a step, what samplers compare, and the default that cuts trials short."""

import itertools
import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import danlu
from danlu import Fidelity, Float
from danlu.analysis.progress import progress
from danlu.engines import Recording, Simulator
from danlu.errors import ObjectiveError, SettingError
from danlu.maths.ranks import correlation, ranks
from danlu.samplers.parts.comparable import comparable

SPACE = {"floor": Float(0, 1), "other": Float(0, 1)}


def falling(params, steps=27):
    """The floor shows from the first step on."""
    return Recording(
        tuple(range(1, steps + 1)),
        {"loss": tuple(params["floor"] + 1 / step for step in range(1, steps + 1))},
    )


def late(params, steps=27):
    """Nothing can be told before step 20."""
    dice = random.Random(params["floor"])
    noise = [10 + dice.random() - step / 100 for step in range(1, 20)]
    return Recording(tuple(range(1, steps + 1)), {"loss": (*noise, *[params["floor"]] * (steps - 19))})


def cut(result, whole):
    return sum(len(trial.curve) < whole for trial in result.trials)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(1, 3), st.integers(-9, 9)), max_size=60),
    st.integers(1, 9),
)
def test_arrivals_are_what_a_plain_loop_finds(told, step):
    """Five trials report in any order with steps that jump; folded at once or looked at after each report."""
    with danlu.open_study(SPACE, minimize="loss", sampler="random", scheduler="diverged", seed=1) as study:
        trials = [study.ask() for _ in range(5)]
        at, best, expected = dict.fromkeys(range(5), 0), {}, {}
        for number, jump, loss in told:
            at[number] += jump
            trials[number].report(at[number], loss=loss)
            best[number] = min(best.get(number, math.inf), loss)
            if at[number] >= step:
                expected.setdefault(number, best[number])
            study.session.replica.history.columns.arrived(step)
        history = study.session.replica.history
        fresh = study.result.history
        for each in (history, fresh):
            came = each.columns.arrived(step)
            assert came.numbers.tolist() == list(expected)
            assert came.metrics["loss"].tolist() == list(expected.values())
            assert each.columns.lengths.tolist() == [at[number] for number in range(5)]


def test_the_same_arrivals_from_a_journal_read_at_once(tmp_path):
    def train(trial):
        for step in range(1, 10):
            trial.report(step, loss=trial["floor"] + 1 / step)

    store = danlu.stores.SqliteStore(tmp_path / "s.db")
    one = danlu.tune(
        train, SPACE, minimize="loss", trials=12, store=store, seed=1, scheduler=danlu.schedulers.ASHA(high=9)
    )
    other = danlu.open_study(
        store=danlu.stores.SqliteStore(tmp_path / "s.db"), name="study", trials=12
    ).result
    for step in (1, 3, 9):
        mine, theirs = one.history.columns.arrived(step), other.history.columns.arrived(step)
        assert mine.numbers.tolist() == theirs.numbers.tolist()
        assert mine.metrics["loss"].tolist() == theirs.metrics["loss"].tolist()


def test_evidence_is_the_finished_trials_while_none_was_cut():
    def train(trial):
        trial.report(1, loss=9.0)
        return trial["floor"]

    history = danlu.tune(train, SPACE, minimize="loss", trials=6, seed=1, scheduler="diverged").history
    known = comparable(history)
    assert known.step == 0
    assert known.losses[:, 0].tolist() == [row.losses[0] for row in history.rows]


def test_evidence_is_the_deepest_step_that_enough_have_reached():
    scheduler = danlu.schedulers.SuccessiveHalving(trials=27, low=1, high=27)
    history = danlu.tune(
        falling,
        SPACE,
        minimize="loss",
        trials=27,
        seed=1,
        sampler="random",
        scheduler=scheduler,
        engine=Simulator(),
    ).history  # 27 reach step 1, 9 step 3, 3 step 9, 1 step 27
    for need, step, count in (
        (28, 1, 27),
        (27, 1, 27),
        (10, 1, 27),
        (9, 3, 9),
        (4, 3, 9),
        (3, 9, 3),
        (1, 27, 1),
    ):
        known = comparable(history, need)
        assert (known.step, len(known.numbers)) == (step, count)
        floors = [history.trials[int(number)].params["floor"] for number in known.numbers]
        assert known.losses[:, 0] == pytest.approx([floor + 1 / step for floor in floors])


def test_evidence_keeps_failures_and_limits():
    def train(trial):
        for step in range(1, 10):
            loss = math.nan if trial.number % 4 == 3 and step == 2 else trial["floor"]
            trial.report(step, loss=loss, memory=float(trial.number))

    scheduler = danlu.schedulers.Chain(danlu.schedulers.Diverged(), danlu.schedulers.ASHA(low=3, high=9))
    history = danlu.tune(
        train, SPACE, minimize="loss", limits=["memory <= 5"], trials=12, seed=1, sampler="random",
        scheduler=scheduler,
    ).history  # fmt: skip
    known = comparable(history)
    failed = known.numbers[~known.good].tolist()
    assert failed == [3, 7, 11]
    assert known.step == 3
    assert sorted(known.numbers.tolist()) == list(range(12))
    good = known.numbers[known.good]
    assert known.slacks[known.good, 0].tolist() == [number - 5.0 for number in good]


@pytest.mark.parametrize("sampler", ["gp", "tpe"])
def test_models_find_the_floor_in_a_fraction_of_the_steps(sampler):
    """27-step trainings, the worth of ten whole ones: the floor within 0.06, in each of five seeds."""
    for seed in range(5):
        result = danlu.tune(
            falling, SPACE, minimize="loss", budget=danlu.Budget(steps=270), trials=999, seed=seed, sampler=sampler,
            scheduler=danlu.schedulers.ASHA(low=1, high=27, promote=True), engine=Simulator(),
        )  # fmt: skip
        assert result.best.params["floor"] < 0.06


def test_auto_compares_trials_where_early_steps_tell():
    result = danlu.tune(
        falling, SPACE, minimize="loss", budget=danlu.Budget(steps=360), seed=1, engine=Simulator()
    )
    assert len(result.trials) > 40  # 13 in full
    assert "trials are compared from step 1 of 27 on, one in 3 goes on" in result.why()
    assert result.best.params["floor"] < 0.05


def test_auto_trains_in_full_where_early_steps_tell_nothing():
    result = danlu.tune(
        late, SPACE, goal=danlu.Goal.of(minimize="loss", at="last"), time=60 * 27, seed=1, engine=Simulator()
    )
    reasons = [line for line in result.why() if "said little" in line]
    assert reasons[-1].startswith("all trials are trained in full: step 9 said little of later")
    assert reasons
    assert cut(result, 27) <= 1  # the last one is cut by the time
    assert result.best.params["floor"] < 0.05


def test_auto_ends_only_hopeless_trials_where_the_budget_counts_trials():
    """The same 40 configurations in full: the best is the same, at less than 60 % of the steps."""
    settings = {"minimize": "loss", "trials": 40, "seed": 1, "sampler": "random"}
    result = danlu.tune(falling, SPACE, **settings, engine=Simulator())
    whole = danlu.tune(falling, SPACE, **settings, engine=Simulator(), scheduler="diverged")
    assert result.best.value == whole.best.value
    assert sum(len(trial.curve) for trial in result.trials) < 40 * 27 * 0.6
    assert any("the budget counts trials, not epochs" in line for line in result.why())


def test_auto_stops_for_good_where_nothing_is_saved_and_pauses_where_something_is():
    for saves, status in ((False, danlu.Status.STOPPED), (True, danlu.Status.PAUSED)):
        trained = []

        def train(trial, *, saves=saves, trained=trained):
            for step in range(trial.restore() + 1, 28):
                trained.append((trial.number, step))
                if saves:
                    trial.save(step)
                trial.report(step, loss=trial["floor"] + 1 / step)

        result = danlu.tune(train, SPACE, minimize="loss", budget=danlu.Budget(steps=300), seed=1)
        left = {trial.status for trial in result.trials if len(trial.curve) < 27}
        assert left - {danlu.Status.WAITING} == {status}  # the last one waits for more budget
        assert len(set(trained)) == len(trained)  # no step of a trial was trained twice


def test_auto_leaves_short_trainings_and_single_values_alone():
    short = danlu.tune(lambda p: falling(p, 7), SPACE, minimize="loss", trials=12, seed=1, engine=Simulator())
    assert cut(short, 7) == 0
    assert "trials of 7 steps are trained in full, that is short enough" in short.why()
    single = danlu.tune(lambda t: t["floor"], SPACE, trials=12, seed=1)
    assert all(trial.status is danlu.Status.DONE for trial in single.trials)


def test_auto_decides_the_same_when_it_is_cut_off_and_goes_on():
    def session(store, *budgets):
        for steps in budgets:
            result = danlu.tune(
                train,
                SPACE,
                minimize="loss",
                budget=danlu.Budget(steps=steps),
                trials=200,
                seed=4,
                store=store,
                fidelity=Fidelity("e", 1, 27),
            )
        return [(t.params, t.status, t.curve, t.reason) for t in result.trials]

    def train(trial):
        for step in range(trial.restore() + 1, 28):
            trial.save(step)
            trial.report(step, loss=trial["floor"] + 1 / step)

    whole = session(danlu.stores.MemoryStore(), 300)
    assert whole == session(danlu.stores.MemoryStore(), 40, 111, 112, 300)


def test_virtual_time_is_that_of_the_slowest_worker():
    """Jobs of 3, 1, 1 and 1 seconds on two workers end after 3 seconds; limits of time are virtual too."""
    lengths = itertools.chain([3, 1, 1, 1])

    def train(params):
        return Recording((1,), {"loss": (params["floor"],)}, (float(next(lengths)),))

    simulator = Simulator(2)
    danlu.tune(train, SPACE, minimize="loss", trials=4, seed=1, engine=simulator)
    assert simulator.clock() == 3.0
    simulator = Simulator(2)
    result = danlu.tune(falling, SPACE, minimize="loss", time=100.0, trials=999, seed=1, engine=simulator)
    assert 100.0 <= simulator.clock() < 102.0
    assert sum(len(trial.curve) for trial in result.trials) in range(198, 204)


def test_a_recording_that_failed_fails_and_nonsense_is_named():
    def train(params):
        cause = danlu.Cause.MEMORY if params["floor"] > 0.5 else None
        return Recording((1, 2), {"loss": (2.0, 1.0)}, cause=cause)

    result = danlu.tune(train, SPACE, minimize="loss", trials=9, seed=1, engine=Simulator())
    for trial in result.trials:
        assert (trial.cause is danlu.Cause.MEMORY) == (trial.params["floor"] > 0.5)
    with pytest.raises(ObjectiveError, match="one value of every metric"):
        Recording((1, 2), {"loss": (1.0,)})
    with pytest.raises(ObjectiveError, match="gives a danlu.engines.Recording, got 3"):
        danlu.tune(lambda params: 3, SPACE, trials=1, engine=Simulator())
    with pytest.raises(SettingError, match="workers to be a whole number >= 1, got 0"):
        Simulator(0)
    with pytest.raises(SettingError, match="1 <= low < high, got low=5, high=5"):
        Fidelity("epoch", 5, 5)


@given(st.lists(st.integers(0, 5), min_size=2, max_size=30))
def test_rank_correlation_is_scipys(values):
    from scipy.stats import rankdata, spearmanr

    one = np.array(values, float)
    other = np.sin(one * 2.0) + one
    assert ranks(one).tolist() == (rankdata(one) - 1).tolist()
    if np.ptp(one):
        assert correlation(one, other) == pytest.approx(spearmanr(one, other)[0])


@pytest.mark.parametrize("saves", [True, False])
@pytest.mark.parametrize(
    "how",
    [
        {"scheduler": "asha", "trials": 25, "fidelity": danlu.Fidelity("epoch", 1, 27)},
        {"scheduler": "median", "trials": 25},
        {"budget": danlu.Budget(steps=500)},
    ],
    ids=["asha", "median", "default"],
)
def test_where_the_last_report_counts_no_curve_that_was_cut_is_the_best(how, saves):
    """What overshoots early and collapses is not better for having been ended in time, and reaches no target."""

    def train(trial):
        for epoch in range(trial.restore() + 1, 28):
            if saves:
                trial.save(epoch)
            trial.report(epoch, acc=(1 - trial["x"]) * (1 if epoch <= 8 else 0.3) + trial["x"] * epoch / 27)

    goal = danlu.Goal.of(maximize="acc", at="last", target=1.5)
    result = danlu.tune(train, {"x": Float(0, 1)}, goal=goal, seed=1, **how)
    whole = [trial for trial in result.trials if len(trial.curve) == 27]
    assert 0 < len(whole) < len(result.trials)
    assert result.best.value == max(trial.value for trial in whole)
    assert result.best.number in {trial.number for trial in whole}
    cut = [trial.value for trial in result.trials if trial not in whole and trial.value is not None]
    assert max(cut) > result.best.value or how.get("scheduler") != "asha", "nothing was tempting"
    best = progress(result.history).best_values
    assert best[-1] == result.best.value
    early = danlu.Goal.of(maximize="acc", at="last", target=(result.best.value + max(cut)) / 2)
    if max(cut) > result.best.value:
        assert (
            danlu.tune(train, {"x": Float(0, 1)}, goal=early, seed=1, **how).history.incumbents.reached
            is None
        )
