"""Schedulers that compare trials at steps: the published table, a brute-force oracle, and what is saved."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import danlu
from danlu import Float
from danlu.errors import SettingError
from danlu.maths import halving
from danlu.schedulers.parts.ladder import Ladder

SPACE = {"floor": Float(0, 1)}


def test_the_published_table():
    """Li et al. 2018, table 1: R = 81, eta = 3."""
    assert halving.table(halving.rungs(1, 81, 3), 3) == [
        [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)],
        [(27, 3), (9, 9), (3, 27), (1, 81)],
        [(9, 9), (3, 27), (1, 81)],
        [(6, 27), (2, 81)],
        [(5, 81)],
    ]


@given(st.integers(1, 50), st.integers(1, 400), st.floats(1.05, 8))
def test_rungs_rise_from_the_lowest_to_the_highest(low, more, factor):
    steps = halving.rungs(low, low + more, factor)
    assert steps[0] == low
    assert steps[-1] == low + more
    assert all(one < other for one, other in itertools.pairwise(steps))


@given(st.integers(2, 60), st.integers(0, 10_000), st.sampled_from([2.0, 3.0, 4.0]))
@settings(max_examples=40)
def test_in_any_order_trials_stop_where_the_definition_says(count, seed, factor):
    """Trials advance one step at a time in a random order; each verdict is compared with a count by hand.

    The oracle keeps plain lists: at a rung a trial goes on when fewer than a ``factor``-th of all that have come
    there, itself included, are better; while fewer than ``factor`` have come, it goes on.
    """
    rng = np.random.default_rng(seed)
    steps = halving.rungs(1, 9, factor)[:-1]
    floors, came, at, alive = rng.random(count), {step: [] for step in steps}, [0] * count, set(range(count))
    scheduler = danlu.schedulers.ASHA(low=1, high=9, factor=factor)
    with danlu.open_study(SPACE, minimize="loss", scheduler=scheduler, sampler="random", seed=1) as study:
        trials = [study.ask() for _ in range(count)]
        while alive:
            number = int(rng.choice(sorted(alive)))
            at[number] += 1
            loss = floors[number] + 1 / at[number]
            expected = True
            if at[number] in steps:
                came[at[number]].append(loss)
                total = len(came[at[number]])
                better = sum(other < loss for other in came[at[number]])
                expected = total < factor or better < max(1, math.floor(total / factor))
            try:
                trials[number].report(at[number], loss=loss)
                went_on = True
            except danlu.TrialStopped:
                went_on = False
            assert went_on == expected
            if not went_on or at[number] == 9:
                alive.discard(number)


@given(st.integers(2, 60), st.integers(0, 10_000), st.sampled_from([2.0, 3.0]), st.integers(1, 4))
@settings(max_examples=40)
def test_in_any_order_trials_are_promoted_as_the_definition_says(turns, seed, factor, workers):
    """Workers advance random trials; every choice is compared with Li et al.'s get_job, done by hand on lists.

    The oracle looks from the highest rung down for the best trial among the best ``factor``-th of all that came
    to the rung which has not been promoted and is not running; else it starts a new one.
    """
    rng = np.random.default_rng(seed)
    steps = halving.rungs(1, 9, factor)[:-1]
    floors = rng.random(turns + workers)
    came: list[dict] = [{} for _ in steps]
    promoted: list[set] = [set() for _ in steps]
    at: dict[int, int] = {}
    running: dict = {}

    def expected(started):
        for rung in reversed(range(len(steps))):
            best = sorted(came[rung], key=lambda n: (came[rung][n], n))[: int(len(came[rung]) / factor)]
            for number in best:
                if number not in promoted[rung]:
                    promoted[rung].add(number)
                    return number
        return started

    scheduler = danlu.schedulers.ASHA(low=1, high=9, factor=factor, promote=True)
    with danlu.open_study(SPACE, minimize="loss", scheduler=scheduler, sampler="random", seed=1) as study:
        for _ in range(workers):
            trial = study.ask()
            assert trial.number == expected(len(at))
            running[trial.number], at[trial.number] = trial, 0
        for _ in range(turns):
            number = int(rng.choice(sorted(running)))
            trial = running.pop(number)
            at[number] += 1
            loss = floors[number % len(floors)] + 1 / at[number]
            rung = steps.index(at[number]) if at[number] in steps else -1
            if rung >= 0:
                came[rung][number] = loss
                following = expected(len(at))
            try:
                trial.report(at[number], loss=loss)
                went_on = True
            except danlu.TrialPaused:
                went_on = False
            assert went_on == (rung < 0 or following == number)
            if went_on and at[number] < 9:
                running[number] = trial
                continue
            if went_on:
                study.tell(trial, loss=loss)
                following = expected(len(at))
            trial = study.ask()
            assert trial.number == following
            at.setdefault(following, 0)
            running[following] = trial


@pytest.mark.parametrize("workers", [1, 3])
def test_hyperband_trains_exactly_the_published_counts(workers):
    """R = 81, eta = 3 (Li et al. 2018, table 1): how many trials of each bracket end at which step."""
    counts = Counter()
    trained = Counter()

    def train(trial):
        memory = {"step": 0}
        for step in range(trial.restore(memory) + 1, 82):
            memory["step"] = step
            trial.save(step, memory)
            trained[trial.number, step] += 1
            trial.report(step, loss=trial["floor"] + 1 / step)

    table = halving.table(halving.rungs(1, 81, 3), 3)
    total = sum(bracket[0][0] for bracket in table)
    assert total == 128
    if workers == 1:
        result = danlu.tune(
            train, SPACE, minimize="loss", trials=total, sampler="random", seed=1,
            scheduler=danlu.schedulers.Hyperband(high=81),
        )  # fmt: skip
    else:
        result = danlu.tune(
            curves, SPACE, minimize="loss", trials=total, sampler="random", seed=1,
            scheduler=danlu.schedulers.Hyperband(high=81), engine=danlu.engines.Simulator(workers),
        )  # fmt: skip
    for trial in result.trials:
        counts[trial.tag, trial.curve.steps[-1]] += 1
    for number, bracket in enumerate(table, 1):
        tag = f"bracket {number}: {bracket[0][0]} from step {bracket[0][1]}"
        for (count, step), (further, _) in zip(bracket, [*bracket[1:], (0, 0)], strict=True):
            assert counts[tag, step] == count - further
    assert not trained or max(trained.values()) == 1
    for number in (0, 81):  # in each bracket those went on that were best
        block = [t for t in result.trials if t.tag == result.trials[number].tag]
        went = [t.params["floor"] for t in block if len(t.curve) > min(len(b.curve) for b in block)]
        assert sorted(t.params["floor"] for t in block)[: len(went)] == sorted(went)


def curves(params):
    """A recording of 81 steps, a second each."""
    steps = range(1, 82)
    return danlu.engines.Recording(
        tuple(steps), {"loss": tuple(params["floor"] + 1 / step for step in steps)}
    )


def test_promoted_trials_are_trained_anew_where_training_depends_on_its_length():
    """A schedule that falls to zero at the horizon: each attempt starts at step 1 and knows how far it goes."""
    attempts = []

    def train(trial):
        attempts.append((trial.number, trial.horizon, trial.saved))
        for step in range(1, trial.horizon + 1):
            trial.save(step, {"step": step})
            trial.report(step, loss=trial["floor"] + 1 / step + 0.1 * (trial.horizon == 9))

    result = danlu.tune(
        train, SPACE, minimize="loss", trials=9, sampler="random", seed=1, scheduler=danlu.schedulers.SuccessiveHalving(),
        fidelity=danlu.Fidelity("epoch", 1, 9, resume_safe=False),
    )  # fmt: skip
    assert [horizon for _, horizon, _ in attempts] == [1] * 9 + [3] * 3 + [9]
    assert all(saved is None for *_, saved in attempts)
    whole = [trial for trial in result.trials if len(trial.curve) == 9]
    assert len(whole) == 1
    assert whole[0].value == pytest.approx(whole[0].params["floor"] + 1 / 9 + 0.1)


def test_paused_trials_count_and_their_checkpoints_stay():
    """Nobody is whole when the budget ends: the best is the best paused one, and it can be restored."""

    def train(trial):
        for step in range(trial.restore() + 1, 10):
            trial.save(step)
            trial.report(step, loss=trial["floor"] + 1 / step)

    store = danlu.stores.MemoryStore()
    settings = {"minimize": "loss", "sampler": "random", "seed": 1, "store": store}
    scheduler = danlu.schedulers.SuccessiveHalving(trials=27, low=1, high=9)
    with danlu.open_study(SPACE, scheduler=scheduler, **{**settings, "trials": 27}) as study:
        for _ in range(5):
            with pytest.raises(danlu.TrialPaused):
                train(study.ask())
        result = study.result
        assert result.best.value == min(trial.value for trial in result.trials)
        assert all(trial.status is danlu.Status.PAUSED for trial in result.trials)
    result = danlu.tune(train, SPACE, scheduler=scheduler, **{**settings, "trials": 27})
    assert Counter(len(t.curve) for t in result.trials) == {1: 18, 3: 6, 9: 3}
    assert result.best.status is danlu.Status.DONE


def test_trials_that_pause_count_towards_no_improvement():
    """Losses that only rise: the study ends ten trials after the first, though none of them ever finishes."""

    def train(trial):
        for step in (1, 2, 3):
            trial.save(step)
            trial.report(step, loss=float(trial.number))

    result = danlu.tune(
        train, SPACE, minimize="loss", trials=99, budget=danlu.Budget(no_improvement=10), sampler="random", seed=1,
        scheduler=danlu.schedulers.SuccessiveHalving(trials=99, low=1, high=3),
    )  # fmt: skip
    assert len(result.trials) == 11
    assert result.study.stopped == "the last 10 trials brought no improvement"


def test_several_goals_are_compared_by_front():
    """Three of nine go on: the front of three that nobody beats."""
    points = [(1, 9), (5, 5), (9, 1), (2, 10), (6, 6), (10, 2), (9, 9), (9.5, 8), (10, 10)]

    def train(trial):
        for step in (1, 2, 3):
            trial.report(step, a=points[trial.number][0], b=points[trial.number][1])

    for scheduler in (
        danlu.schedulers.SuccessiveHalving(trials=9, low=1, high=3),
        danlu.schedulers.ASHA(low=1, high=3, promote=True),
    ):
        result = danlu.tune(
            train, SPACE, minimize=["a", "b"], trials=9, sampler="random", scheduler=scheduler, seed=1
        )
        assert {t.number for t in result.trials if len(t.curve) == 3} == {0, 1, 2}
        assert {t.number for t in result.front} == {0, 1, 2}


def test_most_steps_are_saved_and_the_best_is_found():
    """64 trials of 27 steps; a sixth of the steps, and the winner is one of the best three."""

    def train(trial):
        for step in range(1, 28):
            trial.report(step, loss=trial["floor"] + 1 / step)

    result = danlu.tune(
        train,
        SPACE,
        minimize="loss",
        trials=64,
        sampler="random",
        scheduler=danlu.schedulers.ASHA(high=27),
        seed=1,
    )
    assert sum(len(trial.curve) for trial in result.trials) < 64 * 27 / 6
    floors = sorted(trial.params["floor"] for trial in result.trials)
    assert result.best.params["floor"] <= floors[2]
    reasons = [trial.reason for trial in result.trials if trial.status is danlu.Status.STOPPED]
    assert all("one in 3 goes on" in reason for reason in reasons)


def test_brackets_are_first_compared_at_later_rungs():
    def train(trial):
        for step in range(1, 10):
            trial.report(step, loss=trial["floor"] + 1 / step)

    scheduler = danlu.schedulers.ASHA(low=1, high=9, factor=3, brackets=2)
    result = danlu.tune(
        train, SPACE, minimize="loss", trials=40, sampler="random", scheduler=scheduler, seed=1
    )
    early, late = ([t for t in result.trials if (t.tag == "from step 3") is part] for part in (False, True))
    assert min(len(trial.curve) for trial in early) == 1
    assert min(len(trial.curve) for trial in late) == 3
    assert 4 <= len(late) <= 17  # Hyperband's table begins 9 and 3 trials: P(outside) < 0.005 for this draw


def test_a_broken_limit_and_nan_lose_against_everybody():
    def train(trial):
        for step in range(1, 10):
            loss = math.nan if trial.number == 9 else trial.number / 100
            trial.report(step, loss=loss, memory=99.0 if trial.number == 0 else 1.0)

    result = danlu.tune(
        train, SPACE, minimize="loss", limits=["memory <= 10"], trials=10, sampler="random",
        scheduler=danlu.schedulers.ASHA(low=3, high=9), seed=1,
    )  # fmt: skip
    stopped = [trial.number for trial in result.trials if trial.status is danlu.Status.STOPPED]
    assert {3, 9} <= set(stopped)
    assert 1 not in stopped  # better than number 0 by the limit alone, and 2 is no better


@given(st.integers(0, 10_000))
@settings(max_examples=40)
def test_median_is_the_median_of_running_means(seed):
    """Against numpy on whole curves: trials one after the other, random curves of eight steps."""
    rng = np.random.default_rng(seed)
    curves = rng.random((14, 8))
    rule = danlu.schedulers.Median(least=4)
    with danlu.open_study(SPACE, minimize="loss", scheduler=rule, sampler="random", seed=1) as study:
        lengths = []
        for curve in curves:
            trial = study.ask()
            for step, loss in enumerate(curve, 1):
                others = [curves[i][:step].mean() for i, long in enumerate(lengths) if long >= step]
                expected = len(others) < 4 or curve[:step].min() <= np.percentile(others, 50)
                try:
                    trial.report(step, loss=loss)
                    assert expected
                except danlu.TrialStopped:
                    assert not expected
                    break
            lengths.append(step)
            if step == 8:
                study.tell(trial, loss=float(curve.min()))


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.floats(0, 1)), max_size=40),
    st.integers(0, 40),
)
def test_an_old_ladder_reads_as_it_did(told, kept):
    ladder, old, expected = Ladder(), None, None
    first: dict = {}
    for number, (place, trial, loss) in enumerate(told):
        if number == kept:
            old, expected = ladder, {key: dict(losses) for key, losses in first.items()}
        ladder = ladder.told(place, trial, [loss])
        first.setdefault(place, {}).setdefault(trial, loss)
    for state, truth in ((ladder, first), (old, expected)):
        for place, losses in (truth or {}).items():
            for trial in range(10):
                others = [[loss] for other, loss in losses.items() if other != trial]
                assert state.others(place, trial).tolist() == others
    if old is not None:  # a branch from the old one does not disturb the new one
        old.told(0, 11, [5.0])
        assert 5.0 not in ladder.others(0, 99)


def test_median_averages_nan_and_infinity_as_the_worst():
    """A curve of NaN and of both infinities among the others: no warning, and the finite trial goes on."""
    odd = [[math.nan] * 3, [math.inf, -math.inf, 1.0], [math.inf] * 3, [0.5] * 3]
    rule = danlu.schedulers.Median(least=1)
    with danlu.open_study(SPACE, minimize="loss", scheduler=rule, sampler="random", seed=1) as study:
        for curve in odd:
            trial = study.ask()
            for step, loss in enumerate(curve, 1):
                try:
                    trial.report(step, loss=loss)
                except danlu.TrialStopped:
                    break
        assert len(study.result.trials[3].curve) == 3


def test_settings_are_checked():
    for make, words in (
        (lambda: danlu.schedulers.ASHA(low=0), "1 <= low < high, got low=0"),
        (lambda: danlu.schedulers.ASHA(factor=1), "factor > 1"),
        (lambda: danlu.schedulers.Median(percentile=100), "percentile between 0 and 100"),
        (lambda: danlu.schedulers.Median(percentile=0), "percentile between 0 and 100"),
        (lambda: danlu.schedulers.Median(least=0), "least >= 1"),
    ):
        with pytest.raises(SettingError, match=words):
            make()
    for scheduler, words in (
        (danlu.schedulers.ASHA(high=81, brackets=9), "between 1 and 5 brackets from step 1 to 81, got 9"),
        ("asha", "ASHA needs to know at which step a trial is whole"),
        (danlu.schedulers.Hyperband(high=81), "begins with a bracket of 81 trials, and the budget is 2"),
    ):
        with pytest.raises(SettingError, match=words):
            danlu.tune(lambda t: 1.0, SPACE, trials=2, scheduler=scheduler)
