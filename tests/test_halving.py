"""Schedulers that compare trials at steps: the published table, a brute-force oracle, and what is saved."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import danlu
from danlu import Float
from danlu.core.errors import SettingError
from danlu.maths import halving
from danlu.schedulers.ladder import Ladder

SPACE = {"floor": Float(0, 1)}


def test_the_published_table():
    """Li et al. 2018, table 1: R = 81, eta = 3."""
    assert halving.table(1, 81, 3) == [
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
def test_in_any_order_trials_stop_where_the_definition_says(count, seed, factor):
    """Trials advance one step at a time in a random order; each verdict is compared with a count by hand.

    The oracle keeps plain lists: at a rung a trial goes on when fewer than a ``factor``-th of all that have come
    there, itself included, are better; while fewer than ``factor`` have come, it goes on.
    """
    rng = np.random.default_rng(seed)
    steps = halving.rungs(1, 9, factor)[:-1]
    floors, came, at, alive = rng.random(count), {step: [] for step in steps}, [0] * count, set(range(count))
    scheduler = danlu.ASHA(low=1, high=9, factor=factor)
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


def test_most_steps_are_saved_and_the_best_is_found():
    """64 trials of 27 steps; a sixth of the steps, and the winner is one of the best three."""

    def train(trial):
        for step in range(1, 28):
            trial.report(step, loss=trial["floor"] + 1 / step)

    result = danlu.tune(
        train, SPACE, minimize="loss", trials=64, sampler="random", scheduler=danlu.ASHA(high=27), seed=1
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

    scheduler = danlu.ASHA(low=1, high=9, factor=3, brackets=2)
    result = danlu.tune(
        train, SPACE, minimize="loss", trials=40, sampler="random", scheduler=scheduler, seed=1
    )
    early, late = ([t for t in result.trials if t.number % 2 == part] for part in (0, 1))
    assert {trial.tag for trial in late} == {"from step 3"}
    assert min(len(trial.curve) for trial in early) == 1
    assert min(len(trial.curve) for trial in late) == 3


def test_a_broken_limit_and_nan_lose_against_everybody():
    def train(trial):
        for step in range(1, 10):
            loss = math.nan if trial.number == 9 else trial.number / 100
            trial.report(step, loss=loss, memory=99.0 if trial.number == 0 else 1.0)

    result = danlu.tune(
        train, SPACE, minimize="loss", limits=["memory <= 10"], trials=10, sampler="random",
        scheduler=danlu.ASHA(low=3, high=9), seed=1,
    )  # fmt: skip
    stopped = [trial.number for trial in result.trials if trial.status is danlu.Status.STOPPED]
    assert {3, 9} <= set(stopped)
    assert 1 not in stopped  # better than number 0 by the limit alone, and 2 is no better


@given(st.integers(0, 10_000))
def test_median_is_the_median_of_running_means(seed):
    """Against numpy on whole curves: trials one after the other, random curves of eight steps."""
    rng = np.random.default_rng(seed)
    curves = rng.random((14, 8))
    rule = danlu.Median(least=4)
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
        ladder = ladder.told(place, trial, loss)
        first.setdefault(place, {}).setdefault(trial, loss)
    for state, truth in ((ladder, first), (old, expected)):
        for place, losses in (truth or {}).items():
            for trial in range(10):
                others = [loss for other, loss in losses.items() if other != trial]
                assert state.others(place, trial).tolist() == others
    if old is not None:  # a branch from the old one does not disturb the new one
        old.told(0, 11, 5.0)
        assert 5.0 not in ladder.others(0, 99)


def test_median_averages_nan_and_infinity_as_the_worst():
    """A curve of NaN and of both infinities among the others: no warning, and the finite trial goes on."""
    odd = [[math.nan] * 3, [math.inf, -math.inf, 1.0], [math.inf] * 3, [0.5] * 3]
    rule = danlu.Median(least=1)
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
        (lambda: danlu.ASHA(low=0), "1 <= low < high, got low=0"),
        (lambda: danlu.ASHA(factor=1), "factor > 1"),
        (lambda: danlu.ASHA(brackets=9), "between 1 and 5 brackets from step 1 to 81, got 9"),
        (lambda: danlu.Median(percentile=100), "percentile between 0 and 100"),
        (lambda: danlu.Median(least=0), "least >= 1"),
    ):
        with pytest.raises(SettingError, match=words):
            make()
    with pytest.raises(SettingError, match="ASHA follows one goal"):
        danlu.tune(lambda t: {"a": 1, "b": 2}, SPACE, minimize=["a", "b"], trials=2, scheduler="asha")
