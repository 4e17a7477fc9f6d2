"""What a report costs does not depend on how many there were, and a curve that was handed out stays what it was."""

import json
import math
import pickle
import statistics
import sys
from array import array

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import danlu
from danlu import Fidelity, Float
from danlu.base.series import Series
from danlu.journal.reports import Reports
from danlu.schedulers.parts.along import Along
from danlu.schedulers.parts.ladder import Ladder
from danlu.study.responder import Responder

WHOLE = 4000
SCHEDULERS = {
    "default": None, "none": "none", "diverged": "diverged", "median": danlu.schedulers.Median(least=1),
    "patience": danlu.schedulers.Patience(reports=WHOLE), "asha": danlu.schedulers.ASHA(), "promoting": danlu.schedulers.ASHA(promote=True, low=3200, factor=2),
    "pbt": danlu.schedulers.PBT(population=4, interval=WHOLE), "forecast": danlu.schedulers.Forecast(high=WHOLE),
}  # fmt: skip


class Calls:
    """Counts the calls of functions, Python's and C's, and the turns of generators, per report."""

    def __init__(self):
        self.count = 0

    def __enter__(self):
        sys.setprofile(self)
        return self

    def __exit__(self, *_):
        sys.setprofile(None)

    def __call__(self, frame, event, argument):
        self.count += event in ("call", "c_call")


@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_report_takes_as_many_calls_late_as_early(name):
    """Counted for single reports between rungs, after 140 reports and after 3,000; heartbeats are not in them."""
    early, late = range(140, 160), range(3000, 3020)
    seen = {}

    def train(trial):
        for step in range(1, 3100 if trial.number < 2 else 2):
            if trial.number == 1 and (step in early or step in late):
                with Calls() as calls:
                    trial.report(step, loss=1 / step, acc=0.0)
                seen[step] = calls.count
            else:
                trial.report(step, loss=1 / step, acc=0.0)

    danlu.tune(
        train, {"x": Float(0, 1)}, minimize="loss", trials=4, seed=1, watch=False, scheduler=SCHEDULERS[name],
        fidelity=Fidelity("step", 1, WHOLE),
    )  # fmt: skip
    before, after = (statistics.median(seen[step] for step in steps) for steps in (early, late))
    assert after < 1.2 * before, (before, after)


def test_a_merged_report_takes_as_many_calls_late_as_early():
    """Two reports at each step, of one metric each."""
    seen = {}

    def train(trial):
        for step in range(1, 3001):
            with Calls() as calls:
                trial.report(step, acc=0.5)
                trial.report(step, loss=1 / step)
            seen[step] = calls.count

    danlu.tune(train, {"x": Float(0, 1)}, minimize="loss", trials=1, watch=False)
    before, after = (statistics.median(seen[at] for at in range(start, start + 50)) for start in (100, 2900))
    assert after < 1.2 * before, (before, after)


# What was handed out stays.

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["next", "same", "back", "extend"]),
        st.integers(0, 1),
        st.dictionaries(st.sampled_from("abc"), st.floats(-1, 1), min_size=1),
    ),
    max_size=40,
)


@given(STEPS)
def test_curves_are_as_if_each_had_been_copied(told):
    """Against lists: two trials that report, report again at a step, start over, and look ahead."""
    reports, truth, held = Reports(), ({}, {}), []
    names: tuple[list, list] = ([], [])
    for what, trial, metrics in told:
        steps = truth[trial]
        last = max(steps, default=0)
        step = {"next": last + 1, "same": max(last, 1), "back": max(1, last // 2), "extend": last + 2}[what]
        if what == "extend":
            ahead = reports.extended(trial, step, metrics, restart=False)
            assert_same(ahead, {**steps, step: metrics}, [*names[trial], *metrics])
            continue
        if what == "back":
            ahead = reports.extended(trial, step, metrics, restart=True)
            reports.rewind(trial, step)
            for there in [there for there in steps if there >= step]:
                del steps[there]
            assert_same(ahead, {**steps, step: metrics}, [*names[trial], *metrics])
        reports.add(trial, step, metrics, 1)
        steps[step] = {**steps.get(step, {}), **metrics}
        names[trial].extend(metrics)
        curve = reports.curve(trial)
        assert_same(curve, steps, names[trial])
        held.append((curve, dict(steps), list(names[trial])))
    for curve, steps, known in held:
        assert_same(curve, steps, known)


def assert_same(curve, steps, names):
    assert curve.steps == tuple(sorted(steps))
    assert list(curve.metrics) == list(dict.fromkeys(names))
    for name, values in curve.metrics.items():
        expected = [steps[step].get(name, math.nan) for step in sorted(steps)]
        assert repr(values) == repr(tuple(expected))
        assert [repr(values[at - len(values)]) for at in range(len(values))] == [
            repr(each) for each in expected
        ]


def test_a_series_is_what_its_tuple_would_be():
    series = Series(array("d", [0.5, 9.0, 0.25]), array("q", [0, 2]), 2, 0.125)
    same = (0.5, 0.25, 0.125)
    assert series == same
    assert same == series
    assert series != same[:2]
    assert series != 0.5
    assert hash(series) == hash(same)
    assert (series[1:], series[::-1], series[-3], series.index(0.25)) == (same[1:], same[::-1], 0.5, 1)
    assert pickle.loads(pickle.dumps(series)) == same
    assert np.array(series).tolist() == list(same)
    for beyond in (3, -4):
        with pytest.raises(IndexError):
            series[beyond]


def test_results_hold_tuples():
    """What people get can be encoded by anything."""

    def train(trial):
        trial.report(1, loss=0.5)
        trial.report(2, loss=0.25)

    curve = danlu.tune(train, {"x": Float(0, 1)}, minimize="loss", trials=1, watch=False).best.curve
    assert json.loads(json.dumps([curve.steps, curve.metrics])) == [[1, 2], {"loss": [0.5, 0.25]}]


@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from(["more", "again", "cut"]), st.integers(0, 99))))
def test_along_a_curve_is_the_same_as_from_its_start(told):
    """What is folded report by report equals what is folded over the whole curve, after restarts and second reports too."""
    along = Along(lambda kept, value: (*kept, value), ())
    curves = {}
    for trial, what, value in told:
        values = curves.get(trial, ())
        if what == "again":
            values = values[:-1]
        elif what == "cut":
            values = values[: len(values) // 2]
        curves[trial] = (*values, value)
        assert along.of(trial, curves[trial]) == curves[trial]
        along = along.told(trial, curves[trial])
    for trial, values in curves.items():
        assert along.of(trial, values) == values
        assert along.without(trial).of(trial, values) == values


def test_a_ladder_lists_its_places_as_they_were_reached():
    """Also where another state, since dropped, has been told of others in between."""
    ladder = Ladder().told("b", 0, [1.0])
    ladder.told("dropped", 0, [1.0])
    ladder = ladder.told("a", 0, [1.0]).told("dropped", 1, [2.0]).told("b", 1, [1.0])
    assert ladder.places() == ["b", "a", "dropped"]
    assert [ladder.count(place) for place in ("a", "b", "dropped", "never")] == [1, 2, 1, 0]
    assert ladder.losses("dropped", 1) == [2.0]


def test_a_report_that_walks_its_whole_curve_is_noticed(monkeypatch):
    """Counted in rows that are touched, never in seconds."""
    report = Responder._report

    def walks(self, message):
        along = self._replica.history.trials[message.trial].curve.steps
        assert sum(1 for _ in along) < WHOLE
        return report(self, message)

    monkeypatch.setattr(Responder, "_report", walks)
    with pytest.raises(AssertionError, match=r"\(\d+"):
        test_a_report_takes_as_many_calls_late_as_early("none")
