"""Analyses against what is known: functions whose effects can be written down, trainings that were made to go wrong."""

import math
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from torch import nn

import danlu
from danlu import Choice, Float, Int, Switch, deep
from danlu.analysis.compare import compare
from danlu.analysis.curves import curves
from danlu.analysis.diagnosis import ADVICE, REASONS, diagnose_curves, diagnose_study
from danlu.analysis.edf import edf
from danlu.analysis.effects import effects, model_of, surface
from danlu.analysis.findings import findings
from danlu.analysis.measured import chosen, measured, thinned
from danlu.analysis.progress import progress, regret, savings
from danlu.analysis.ranks import ranks
from danlu.analysis.robustness import robustness
from danlu.analysis.selection import select
from danlu.analysis.summary import summary
from danlu.analysis.timeline import timeline
from danlu.analysis.trial_table import axis, trial_table
from danlu.errors import SettingError
from danlu.journal.events import Status

SPACE = {
    "x": Float(0, 1), "lr": Float(1e-4, 1, log=True), "n": Int(1, 9),
    "opt": Switch(sgd={"m": Float(0, 0.99)}, adam={}),
}  # fmt: skip


def value(t):
    extra = 0.5 * t["opt.sgd.m"] if t["opt"] == "sgd" else 0.4
    return (t["x"] - 0.3) ** 2 + 0.1 * abs(math.log10(t["lr"]) + 2) + extra


def train(t):
    for step in range(1, 11):
        t.report(step, loss=value(t) * (1 + 1 / step))


@pytest.fixture(scope="module")
def study():
    return danlu.tune(
        train, SPACE, minimize="loss", trials=120, sampler="quasirandom", scheduler="diverged", seed=1
    )


def tuned(run, space, trials=60, **settings):
    settings = {"sampler": "quasirandom", "seed": 0, **settings}
    return danlu.tune(run, space, trials=trials, **settings)


# Choosing trials.


def test_selecting_agrees_with_a_loop_over_trials(study):
    rows = select(
        study.history, {"x": "0.2..0.6", "lr": "..0.01", "opt": "sgd", "opt.sgd.m": "0.5..", "loss": "..1"}
    )
    plain = [
        t.number for t in study.trials
        if 0.2 <= t.params["x"] <= 0.6 and t.params["lr"] <= 0.01 and t.params["opt"] == "sgd"
        and t.params["opt.sgd.m"] >= 0.5 and t.metrics["loss"] <= 1
    ]  # fmt: skip
    assert rows.tolist() == plain
    assert 0 < len(plain) < 120
    assert select(study.history, {"n": "3..5"}).tolist() == [
        t.number for t in study.trials if 3 <= t.params["n"] <= 5
    ]
    assert select(study.history, {"trial": "7"}).tolist() == [7]
    assert select(study.history, {"n": "3|5"}).tolist() == [
        t.number for t in study.trials if t.params["n"] in {3, 5}
    ]
    assert select(study.history, {"trial": "..1|9..10|40"}).tolist() == [0, 1, 9, 10, 40]
    assert len(select(study.history, {"status": "done|failed"})) == 120


def test_options_of_python_are_selected_as_they_are_written_anywhere():
    space = {"flag": Choice([True, False, None]), "word": Choice(["true", "True"])}
    trials = danlu.tune(lambda t: 1.0, space, trials=30, seed=0, sampler="random")
    for text, value in (("true", True), ("False", False), ("none", None)):
        assert select(trials.history, {"flag": text}).tolist() == [
            t.number for t in trials.trials if t.params["flag"] is value
        ]
    assert select(trials.history, {"word": "true"}).tolist() == [
        t.number for t in trials.trials if t.params["word"] == "true"
    ]


def test_a_maximized_metric_is_selected_in_its_own_sign():
    result = danlu.tune(lambda t: t["x"], {"x": Float(0, 1)}, maximize="acc", trials=20, seed=0)
    assert select(result.history, {"acc": "0.5.."}).tolist() == [
        t.number for t in result.trials if t.value >= 0.5
    ]


@pytest.mark.parametrize(
    ("terms", "says"),
    [
        ({"y": "1..2"}, "nothing called 'y'"),
        ({"x": "2..1"}, "low <= high"),
        ({"x": "a..b"}, "reads low..high"),
        ({"x": ""}, "reads low..high"),
        ({"opt": "rmsprop"}, "options sgd, adam"),
        ({"status": "dead"}, "not 'dead'"),
    ],
)
def test_a_wrong_selection_is_a_sentence(study, terms, says):
    with pytest.raises(SettingError, match=says):
        select(study.history, terms)


@given(st.integers(0, 500), st.integers(2, 50))
def test_thinning_keeps_the_ends(count, most):
    kept = thinned(count, most)
    assert len(kept) <= max(most, 1)
    assert not count or (kept[0] == 0 and kept[-1] == count - 1)


def test_a_picture_of_another_goal_has_its_best_among_them():
    result = danlu.tune(
        lambda t: {"a": t["x"], "b": -t["x"]}, {"x": Float(0, 1)}, minimize=["a", "b"], trials=60, seed=0
    )
    values = [t.metrics["b"] for t in result.trials]
    assert int(np.argmin(values)) in trial_table(result.history, None, "b", most=5).numbers
    assert int(np.argmax(values)) in trial_table(result.history, None, "a", most=5).numbers


def test_a_picture_of_many_trials_has_the_best_among_them(study):
    rows = chosen(study.history, np.arange(120), 20)
    order = np.argsort(study.history.columns.losses[:, 0])
    assert len(rows) <= 20
    assert set(order[:4]) <= set(rows)


# The arrays of figures.


def test_progress_is_the_running_minimum(study):
    found = progress(study.history)
    losses = study.history.columns.losses[:, 0]
    running = np.minimum.accumulate(losses)
    assert found.values.tolist() == losses.tolist()
    assert found.best_numbers.tolist() == [i for i in range(120) if i == 0 or running[i] < running[i - 1]]
    thin = progress(study.history, most=20)
    assert len(thin.numbers) < 40
    assert {losses.argmin(), losses.argmax()} <= set(thin.numbers)


def test_a_limit_keeps_a_trial_from_counting_as_best():
    result = danlu.tune(
        lambda t: {"loss": t["x"], "size": 1 - t["x"]}, {"x": Float(0, 1)}, minimize="loss",
        limits=["size <= 0.5"], trials=30, sampler="quasirandom", seed=0,
    )  # fmt: skip
    found = progress(result.history)
    assert (found.best_values >= 0.5).all()
    assert found.values.min() < 0.5


def test_regret_ends_at_nothing_and_counts_steps(study):
    found = regret(study.history)
    assert found.regret[-1] == 0
    assert (np.diff(found.regret) < 0).all()
    assert found.steps.tolist() == [10 * (number + 1) for number in found.trials]
    assert regret(study.history, best=0.0).regret[-1] == study.best.value


def test_savings_count_the_steps_that_were_not_trained():
    result = danlu.tune(
        train, SPACE, minimize="loss", trials=30, scheduler="median", sampler="random", seed=0
    )
    lengths = [len(t.curve) for t in result.trials]
    early = [length for t, length in zip(result.trials, lengths, strict=True) if t.status is Status.STOPPED]
    found = savings(result.history)
    assert early
    assert found.steps == sum(lengths)
    assert found.whole == sum(lengths) + sum(10 - length for length in early)


def test_curves_are_thinned_and_the_best_is_drawn_last(study):
    found = curves(study.history, most=30, points=4)
    assert len(found.lines) <= 30
    assert found.total == 120
    assert all(len(line.steps) <= 4 and line.steps[-1] == 10 for line in found.lines)
    assert found.lines[-1].trial == study.best.number
    assert curves(study.history, "nothing").lines == ()


def charged(trial):
    for step in range(10, 60, 10):
        trial.charge(trial["lr"] + 1)
        trial.report(step, loss=trial["lr"] / step, epoch=step / 10)


def test_curves_are_drawn_over_what_was_spent_or_reported_by_then():
    space = {"lr": Float(0, 1)}
    history = danlu.tune(
        charged, space, minimize="loss", trials=6, seed=1, fidelity=danlu.Fidelity("batch", 10, 50)
    ).history
    found = curves(history)
    assert (found.x, found.unit) == ("step", "batch")
    assert found.xs == ("step", "seconds", "cost", "loss", "epoch")
    by = {x: curves(history, x=x).lines for x in found.xs}
    for at, line in enumerate(found.lines):
        trial = history.trials[line.trial]
        assert line.along.tolist() == line.steps.tolist()
        price = trial.params["lr"] + 1
        assert by["cost"][at].along.tolist() == pytest.approx(
            [price * n for n in range(1, len(line.steps) + 1)]
        )
        assert by["epoch"][at].along.tolist() == [step / 10 for step in line.steps]
        seconds = by["seconds"][at].along
        assert (np.diff(seconds) >= 0).all()
        assert 0 < seconds[-1] <= trial.seconds * (1 + 1e-6)
    with pytest.raises(SettingError, match="drawn over step, seconds, cost, loss, epoch, not 'hours'"):
        curves(history, x="hours")


def test_time_goes_on_over_attempts_and_a_metric_may_be_named_like_it():
    from danlu.journal.history import History

    history = History()
    for report in ((0, 1, {"seconds": 9.0}, 1.5, None), (0, 2, {"seconds": 8.0}, 2.5, 7.0)):
        trial, step, metrics, seconds, cost = report
        history.reports.add(trial, step, metrics, 1, seconds=seconds, cost=cost)
    history.reports.add(0, 2, {"late": 1.0}, 0, seconds=2.75)  # the same step once more
    assert history.reports.taken(0)["seconds"].tolist() == [1.5, 2.75]
    assert np.isnan(history.reports.taken(0)["cost"]).tolist() == [True, False]
    history.reports.rewind(0, 2)
    history.reports.add(0, 2, {"seconds": 7.0}, 1, seconds=30.0)
    assert history.reports.taken(0)["seconds"].tolist() == [1.5, 30.0]
    result = danlu.tune(
        lambda t: [t.report(step, seconds=1 / step) for step in (1, 2)] and None,
        {"x": Float(0, 1)}, minimize="seconds", trials=1,
    )  # fmt: skip
    assert curves(result.history).xs == ("step", "seconds", "seconds (metric)")
    assert curves(result.history, x="seconds (metric)").lines[0].along.tolist() == [1.0, 0.5]


def test_ranks_are_those_of_scipy_also_of_equal_values_and_of_a_part():
    values = iter([0.4, 0.1, math.inf, 0.4, 0.9, 0.2, -3.0, 0.4])
    space = {"x": Float(0, 1)}
    history = danlu.tune(
        lambda t: next(values), space, maximize="score", trials=8, sampler="random", seed=1
    ).history
    known = np.array([0, 1, 3, 4, 5, 6, 7])
    scores = np.array([0.4, 0.1, 0.4, 0.9, 0.2, -3.0, 0.4])
    found = ranks(history)
    assert found.ranks[known] == pytest.approx((stats.rankdata(-scores) - 1) / 6)
    assert np.isnan(found.ranks[2])
    assert found.ranked == 7
    part = ranks(history, rows=np.array([1, 2, 4]))
    assert part.ranks.tolist()[::2] == [1.0, 0.0]
    with pytest.raises(SettingError, match="the goal has score, not 'x'"):
        ranks(history, "x")


def test_a_distribution_is_that_of_scipy_and_studies_stand_beside_each_other():
    def searched(seed, **goal):
        space = {"x": Float(0, 1)}
        return danlu.tune(lambda t: round(t["x"], 1), space, trials=40, seed=seed, sampler="random", **goal)

    one, two = searched(1, minimize="loss"), searched(2, minimize="loss")
    found = edf(one.history, beside={"other": two, "same": one.history})
    assert [line.name for line in found.lines] == ["study", "other", "same"]
    for line, result in zip(found.lines, (one, two, one), strict=True):
        told = stats.ecdf([trial.value for trial in result.trials]).cdf
        assert line.values.tolist() == told.quantiles.tolist()
        assert line.shares == pytest.approx(told.probabilities)
        assert line.trials == 40
    assert len(edf(one.history, most=3).lines[0].values) == 3
    with pytest.raises(SettingError, match="'up' wants loss large, 'study' the opposite"):
        edf(one.history, beside={"up": searched(3, maximize="loss")})


def test_a_sheet_holds_coordinates_with_gaps_where_a_parameter_is_off(study):
    found = trial_table(study.history)
    m = [axis.name for axis in found.axes].index("opt.sgd.m")
    off = [t.params["opt"] != "sgd" for t in study.trials]
    assert np.isnan(found.units[:, m]).tolist() == off
    assert found.values[:, 0].tolist() == [t.value for t in study.trials]
    assert found.front.tolist() == [study.best.number]


@pytest.mark.parametrize(
    "parameter",
    [
        Float(1e-5, 0.3, log=True),
        Float(-3, 7),
        Int(1, 1000, log=True),
        Int(0, 3),
        Choice(["a", 2, None]),
        Float(0.1, 0.10001),
        Int(1, 3),
        Int(8, 32, log=True),
        Int(8, 64, step=8),
        Int(0, 2**60),
        Float(0.1, 0.7, step=0.2),
        Float(-1.9634e9, -1.96e9),
        Float(1e-300, 1e300, log=True),
        Float(1, 1 + 1e-12),
        Float(5e-324, 1e-300),
    ],
)
def test_ticks_of_an_axis_stand_where_their_values_are(parameter):
    ticks = axis("p", parameter).ticks
    places = [place for place, _ in ticks]
    assert places == sorted(places)
    assert len(set(places)) == len(places) >= 2
    assert all(0 <= place <= 1 for place in places)
    if not isinstance(parameter, Choice):
        for place, label in ticks:
            assert float(parameter.decode(place)) == pytest.approx(float(label), rel=1e-3)
        texts = [label for _, label in ticks]
        assert len(set(texts)) == len(texts)  # two places never have one label
        if isinstance(parameter, Int) and parameter.high < 10**7:
            values = [int(text) for text in texts]  # whole numbers, as the parameter's are
            assert [parameter.decode(place) for place in places] == values


def test_no_two_bars_of_a_lane_overlap():
    result = danlu.tune(train, SPACE, minimize="loss", trials=12, workers=2, seed=0)
    found = timeline(result.history)
    assert len(found.workers) == len(set(found.lanes))
    for lane in set(found.lanes):
        bars = sorted(zip(found.starts[found.lanes == lane], found.ends[found.lanes == lane], strict=True))
        assert all(after[0] >= before[1] for before, after in pairwise(bars))


def test_analyses_of_an_empty_study_are_empty(tmp_path):
    with danlu.open_study({"x": Float(0, 1)}, minimize="loss") as study:
        history = study.result.history
        assert progress(history).total == savings(history).steps == len(curves(history).lines) == 0
        assert trial_table(history).units.shape == (0, 1)
        assert timeline(history).workers == ()
        assert "no trial has a result" in str(summary("empty", history))
        with pytest.raises(SettingError, match="at least 4"):
            effects(history)


# Effects.


def test_effects_are_those_of_the_function(study):
    found = {effect.axis.name: effect for effect in effects(study.history).effects}
    x = found["x"]
    shape = (x.units - 0.3) ** 2
    assert (
        np.abs((x.mean - x.mean.mean()) - (shape - shape.mean()) * 1.1).max() < 0.02
    )  # the last step counts 1.1 fold
    lr = found["lr"]
    shape = 0.11 * np.abs(4 * lr.units - 2)
    assert np.abs((lr.mean - lr.mean.mean()) - (shape - shape.mean())).max() < 0.03
    assert found["n"].span < 0.02
    m = found["opt.sgd.m"]
    assert m.mean[-1] - m.mean[0] == pytest.approx(0.55 * 0.99, abs=0.06)
    assert len(found["opt"].units) == 2


def test_the_band_covers_the_truth_as_often_as_it_says():
    """Of 95 % bands over 30 studies at three places, at least 80 % hold the truth: fewer than that has a chance below 1e-6."""
    held = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        result = tuned(
            lambda t, rng=rng: math.sin(4 * t["x"]) + t["y"] + 0.1 * rng.standard_normal(),
            {"x": Float(0, 1), "y": Float(0, 1)},
            40,
            seed=seed,
        )
        model = model_of(result.history)
        for unit in (0.1, 0.5, 0.9):
            moved = model.units.copy()
            moved[:, 0] = unit
            mean, deviation = model.average(moved)
            truth = model.standard(np.array([math.sin(4 * unit) + moved[:, 1].mean()]))
            held.append(abs(mean - truth[0]) < 1.96 * deviation)
    assert np.mean(held) >= 0.8


def test_a_product_interacts_and_a_sum_does_not():
    space = {"a": Float(-1, 1), "b": Float(-1, 1)}
    product = tuned(lambda t: t["a"] * t["b"], space)
    total = tuned(lambda t: t["a"] + t["b"], space)
    assert surface(product.history, "a", "b").interaction > 0.95
    found = surface(total.history, "a", "b")
    assert found.interaction < 0.02
    a, b = np.meshgrid(2 * found.x_units - 1, 2 * found.y_units - 1)
    assert np.abs(found.mean - (a + b)).max() < 0.05
    assert found.deviation.shape == found.mean.shape == (15, 15)


def test_maximizing_shows_effects_in_the_users_sign():
    space = {"a": Float(0, 1)}
    result = danlu.tune(lambda t: t["a"], space, maximize="acc", trials=20, sampler="quasirandom", seed=0)
    (effect,) = effects(result.history).effects
    assert effect.mean[-1] - effect.mean[0] == pytest.approx(1, abs=0.05)


def test_a_surface_says_what_it_cannot_show(study):
    for pair, says in ((("x", "x"), "twice"), (("x", "q"), "not 'q'")):
        with pytest.raises(SettingError, match=says):
            surface(study.history, *pair)
    apart = {"opt": Switch(a={"p": Float(0, 1)}, b={"q": Float(0, 1)})}
    result = tuned(lambda t: t["opt.a.p"] if t["opt"] == "a" else t["opt.b.q"], apart)
    with pytest.raises(SettingError, match="never active together"):
        surface(result.history, "opt.a.p", "opt.b.q")


# Findings.


def kinds(result, **settings):
    seen = effects(result.history)
    return {(finding.kind, finding.subject) for finding in findings(result.history, seen=seen, **settings)}


def test_an_optimum_at_an_edge_a_flat_direction_and_failures_are_found():
    def run(t):
        if t["w"] > 0.7:
            raise ValueError("too wide")
        return abs(math.log10(t["lr"])) + t["w"] * 0.1

    space = {"lr": Float(1e-4, 1e-1, log=True), "idle": Float(0, 1), "w": Float(0, 1)}
    result = tuned(run, space, 80)
    found = findings(result.history, seen=effects(result.history))
    told = {finding.kind: finding for finding in found}
    assert told["edge"].subject == "lr"
    assert "upper edge" in told["edge"].text
    assert "Widen it to 0.3" in told["edge"].remedy
    assert told["flat"].subject == "idle"
    assert told["failing"].subject == "w"
    assert "(raised)" in told["failing"].text
    assert "w above 0.7" in told["failing"].text
    assert all(finding.reason and finding.remedy for finding in found)


def separations(rows):
    """Each parameter, side and threshold, with how much more of the failed trials than of the others lie there, by counting."""
    bad, good = ([values for values, failed in rows if failed is kind] for kind in (True, False))
    for name in rows[0][0]:
        for at in {values[name] for values, _ in rows}:
            for side, there in (("above", lambda v, at=at: v >= at), ("below", lambda v, at=at: v < at)):
                hit, others = (sum(there(values[name]) for values in kind) for kind in (bad, good))
                yield hit / len(bad) - others / len(good), name, side, hit, hit + others, at


@pytest.mark.parametrize("seed", range(6))
def test_where_trials_fail_is_the_threshold_that_tells_most_of_them_from_the_others(seed):
    rng, rows = np.random.default_rng(seed), []
    space = {"u": Float(-2, 5), "v": Float(1e-4, 1, log=True), "kind": Choice(["a", "b"])}
    with danlu.open_study(space, minimize="loss", sampler="random", seed=seed) as study:
        for _ in range(50):
            trial = study.ask()
            over = trial["u"] > 2 if seed % 2 else trial["v"] < 1e-2  # one is above, the other below
            failed = bool(over) if rng.uniform() < 0.93 else rng.uniform() < 0.5
            study.tell(trial, failed="raised") if failed else study.tell(trial, 0.5)
            rows.append(({"u": trial["u"], "v": trial["v"]}, failed))
        (found,) = [each for each in findings(study.result.history) if each.kind == "failing"]
    gain, name, side, hit, total, at = max(separations(rows))
    assert gain >= 0.6
    assert found.subject == name
    assert f"{hit} of the {total} with {name} {side} {at:.3g} among them" in found.text
    assert found.remedy.startswith(
        f"Move the {'upper' if side == 'above' else 'lower'} bound of {name} to {at:.2g}"
    )


@pytest.mark.parametrize("order", [("rough", "sharp"), ("sharp", "rough")])
def test_of_two_parameters_that_tell_failed_trials_the_better_one_is_named(order):
    rng = np.random.default_rng(1)
    sharp = rng.uniform(0, 1, 40)
    rough = np.clip(sharp + rng.normal(0, 0.12, 40), 0, 1)

    def run(t):
        if t["sharp"] > 0.5:
            raise ValueError("too sharp")
        return t["rough"]

    points = [{"rough": float(one), "sharp": float(other)} for one, other in zip(rough, sharp, strict=True)]
    result = tuned(run, {name: Float(0, 1) for name in order}, 40, enqueue=points)
    rows = [(dict(trial.params), trial.status is danlu.Status.FAILED) for trial in result.trials]
    assert {name for gain, name, *_ in separations(rows) if gain >= 0.6} == {"rough", "sharp"}
    (found,) = [each for each in findings(result.history) if each.kind == "failing"]
    assert found.subject == "sharp"


@pytest.mark.parametrize("results", [6, 30])
def test_an_option_with_which_trials_fail_is_named_however_few_they_are(results):
    def run(t):
        if t["penalty"] == "l1":
            raise ValueError("lbfgs knows no l1")
        return t["C"]

    space = {"C": Float(0.1, 10), "penalty": Choice(["l1", "l2", "none"]), "other": Choice([True, 1, 1.0])}
    points = [
        {"C": 0.1 + each / 5, "penalty": ("l1", "l2", "none")[each % 3], "other": (True, 1)[each % 2]}
        for each in range(3 * results // 2)
    ]
    result = tuned(run, space, len(points), enqueue=points)
    (found,) = [each for each in findings(result.history) if each.kind == "failing"]
    count = results // 2
    assert found.subject == "penalty"
    assert (
        f"{count} of {len(points)} trials failed (raised): {count} x ValueError: lbfgs knows no l1"
        in found.text
    )
    assert f". {count} of the {count} with penalty l1 among them." in found.text
    assert found.remedy.startswith("Leave l1 out of penalty")


def test_failures_that_no_threshold_tells_from_the_others_are_said_without_one():
    rng = np.random.default_rng(0)
    with danlu.open_study({"u": Float(0, 1)}, minimize="loss", sampler="random", seed=0) as study:
        for _ in range(60):
            trial = study.ask()
            study.tell(trial, failed="raised") if rng.uniform() < 0.5 else study.tell(trial, 0.5)
        (found,) = [each for each in findings(study.result.history) if each.kind == "failing"]
    assert found.subject == ""
    assert "among them" not in found.text


def test_a_good_study_has_no_findings():
    result = tuned(
        lambda t: (t["x"] - 0.4) ** 2 + (t["y"] - 0.6) ** 2, {"x": Float(0, 1), "y": Float(0, 1)}, 30
    )
    assert kinds(result) == set()


def test_what_cannot_be_widened_is_no_finding():
    assert kinds(tuned(lambda t: t["x"], {"x": Float(0, 1)}, 40)) == set()  # zero is where it begins


def test_few_trials_are_said_to_be_few():
    assert kinds(tuned(lambda t: t["x"], {"x": Float(0, 1)}, 5)) == {("few", "")}


def test_noise_alone_is_not_called_an_effect_of_anything():
    """Pure noise in 40 studies: an edge is claimed for at most a quarter (the best is at one by chance in a tenth)."""
    claimed = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        result = tuned(
            lambda t, rng=rng: rng.standard_normal(), {"x": Float(1, 2), "y": Float(1, 2)}, 40, seed=seed
        )
        claimed += any(finding.kind in {"edge", "flat"} for finding in findings(result.history))
    assert claimed <= 10


# Curves: real trainings of the digits network, made to go wrong.

DIGITS = ("good", "overfit", "underfit", "diverged")


@pytest.fixture(scope="module")
def digits():
    torch.set_num_threads(1)
    whole = deep.datasets.digits(3)
    numbers = torch.Generator().manual_seed(3)
    few = whole.train.take(torch.randperm(len(whole.train), generator=numbers)[:150])
    wrong = torch.where(
        torch.rand(150, generator=numbers) < 0.25, torch.randint(10, (150,), generator=numbers), few.y
    )
    small = deep.Data(**{**vars(whole), "train": deep.Split(few.x, wrong)})

    def build(params, data):
        width = params["width"]
        return nn.Sequential(nn.Flatten(), nn.Linear(64, width), nn.ReLU(), nn.Linear(width, 10))

    def run(trial):
        case = trial["case"]
        settings = {"good": {}, "overfit": {"epochs": 40}, "underfit": {}, "diverged": {}}[case]
        fixed = {"schedule": "constant"} if case in {"overfit", "diverged"} else {}
        params = {
            "width": {"good": 64, "overfit": 128, "underfit": 1, "diverged": 64}[case],
            "optimizer": "adamw",
            "optimizer.adamw.lr": 6e-3,
        }
        if case == "diverged":
            params = {"width": 64}
            fixed |= {"optimizer": "momentum", "warmup": 0.0, "options": {"lr": 500.0}}
        objective = deep.Objective(
            build, small if case == "overfit" else whole, fixed=fixed, epochs=settings.get("epochs", 15)
        )
        objective.train(params, 3, trial)

    return danlu.tune(
        run, {"case": Choice(DIGITS)}, minimize="val_loss", sampler="grid", trials=4, scheduler="diverged"
    )


def test_the_digits_networks_troubles_are_told_from_their_curves(digits):
    found = {t.params["case"]: diagnose_curves(digits.history, t.number) for t in digits.trials}
    assert {case: trouble.trouble for case, trouble in found.items()} == {
        "good": "good", "overfit": "overfit", "diverged": "diverged",
        "underfit": found["underfit"].trouble,
    }  # fmt: skip
    assert found["underfit"].trouble in {
        "underfit",
        "slow",
    }  # the two that curves alone cannot tell for certain
    for trouble in found.values():
        assert trouble.reason == REASONS[trouble.trouble]
        assert trouble.advice == ADVICE[trouble.trouble]
        assert any(letter.isdigit() for letter in trouble.evidence)
    assert diagnose_study(digits.history)[0].trial == digits.best.number


def test_curves_that_say_nothing_are_said_to():
    def run(t):
        t.report(1, acc=0.5)
        t.report(2, acc=0.6)

    result = danlu.tune(run, {"x": Float(0, 1)}, maximize="acc", trials=2, scheduler="diverged")
    assert "no loss" in diagnose_curves(result.history, 0).evidence.lower()
    short = danlu.tune(
        lambda t: t.report(1, loss=1.0), {"x": Float(0, 1)}, minimize="loss", trials=2, scheduler="diverged"
    )
    assert "too few" in diagnose_curves(short.history, 0).evidence


def test_a_trial_that_was_ended_early_is_not_called_slow():
    def run(t):
        for epoch in range(1, 41):
            t.report(epoch, train_loss=t["x"] + 1 / epoch, val_loss=t["x"] + 1 / epoch)

    result = danlu.tune(
        run, {"x": Float(0, 1)}, minimize="val_loss", trials=20, sampler="random", scheduler="median", seed=0
    )
    early = [t for t in result.trials if t.status is Status.STOPPED and len(t.curve) < 20]
    assert early
    for trial in early:
        found = diagnose_curves(result.history, trial.number)
        assert found.trouble == ""
        assert "too early" in found.evidence or "too few" in found.evidence


def test_a_jumping_and_a_standing_curve_are_told():
    def run(t):
        for epoch in range(1, 21):
            fall = 2.0 ** (-epoch / 3)
            shape = {
                "good": 0.1 + fall,
                "unstable": 0.5 + 0.4 * (epoch % 2),
                "plateau": max(0.8, 1 - epoch / 15),
                "slow": 1 - epoch / 60,
            }[t["case"]]
            t.report(epoch, train_loss=shape, val_loss=shape + 0.01)

    names = ["good", "unstable", "plateau", "slow"]
    result = danlu.tune(
        run, {"case": Choice(names)}, minimize="val_loss", sampler="grid", trials=4, scheduler="diverged"
    )
    assert {t.params["case"]: diagnose_curves(result.history, t.number).trouble for t in result.trials} == {
        n: n for n in names
    }


# Robustness and comparison.


def test_noise_is_measured_from_repeats_and_ties_follow_from_it():
    result = repeated(np.random.default_rng(0))
    found = robustness(result.history)
    assert found.source == "repeats"
    assert found.noise == pytest.approx(0.05, rel=0.4)  # 19 degrees of freedom: off by 40 % in less than 2 %
    best = result.best.value
    assert all(result.trials[tie].value - best <= 2 * 2**0.5 * found.noise for tie in found.ties)


def repeated(rng):
    with danlu.open_study({"x": Float(0, 1)}, minimize="loss", sampler="random", seed=0) as study:
        study.control.enqueue(*[{"x": 0.1}] * 20)
        for _ in range(60):
            trial = study.ask()
            study.tell(trial, trial["x"] + 0.05 * rng.standard_normal())
        return study.result


def test_a_sharp_parameter_has_less_room_than_a_broad_one():
    space = {"sharp": Float(0, 1), "broad": Float(0, 1)}
    result = tuned(lambda t: 9 * (t["sharp"] - 0.4) ** 2 + (t["broad"] - 0.4) ** 2, space)
    sharp, broad = robustness(result.history).rooms
    assert (sharp.name, broad.name) == ("sharp", "broad")
    assert sharp.low < sharp.best < sharp.high
    assert sharp.high - sharp.low < 0.5 * (broad.high - broad.low)


def test_fresh_seeds_are_set_beside_the_search(study):
    first, second = (int(row) for row in np.argsort(study.history.columns.losses[:, 0])[:2])
    found = robustness(study.history, fresh={first: [0.3, 0.5], second: [0.2, 0.3]})
    assert [each.trial for each in found.confirmed] == [second, first]
    assert found.confirmed[0].mean == pytest.approx(0.25)
    assert found.confirmed[0].deviation == pytest.approx(np.std([0.2, 0.3], ddof=1))


def group(sampler, seeds, run=lambda t: t["x"] ** 2 + t["y"] ** 2):
    space = {"x": Float(0, 1), "y": Float(0, 1)}
    return [danlu.tune(run, space, trials=12, sampler=sampler, seed=seed).history for seed in seeds]


def test_groups_are_compared_as_scipy_compares_them():
    groups = {"random": group("random", range(8)), "gp": group("gp", range(8, 15))}
    found = compare(groups)
    random, gp = (
        [history.columns.losses[:, 0].min() for history in groups[name]] for name in ("random", "gp")
    )
    (pair,) = found.pairs
    assert pair.test == "Mann-Whitney"
    assert pair.p == pytest.approx(stats.mannwhitneyu(random, gp).pvalue)
    assert pair.better == pytest.approx(np.mean([[a < b for b in gp] for a in random]))
    assert [each.name for each in found.groups] == sorted(
        groups, key=lambda name: np.median({"random": random, "gp": gp}[name])
    )
    paired = compare({"random": group("random", range(6)), "gp": group("gp", range(6))}).pairs[0]
    assert paired.test == "Wilcoxon"


@pytest.mark.fault
def test_the_same_way_is_seldom_called_better_than_itself():
    """Two groups of one sampler, 20 times at 0.05: six or more finds have a chance below 0.0004."""
    found = sum(
        compare(
            {
                "a": group("random", range(20 * i, 20 * i + 10)),
                "b": group("random", range(20 * i + 10, 20 * i + 20)),
            }
        )
        .pairs[0]
        .p
        < 0.05
        for i in range(20)
    )
    assert found < 6


def test_many_pairs_are_corrected():
    groups = {name: group("random", range(10 * i, 10 * i + 5)) for i, name in enumerate("abc")}
    raw = [
        stats.mannwhitneyu(*[[h.columns.losses[:, 0].min() for h in groups[name]] for name in pair]).pvalue
        for pair in ("ab", "ac", "bc")
    ]
    order = np.argsort(raw)
    expected, highest = [0.0] * 3, 0.0
    for rank, at in enumerate(order):
        highest = max(highest, min(1.0, raw[at] * (3 - rank)))
        expected[at] = highest
    assert [pair.p for pair in compare(groups).pairs] == pytest.approx(expected)


def test_a_comparison_says_what_it_cannot_tell():
    one = group("random", [1])
    found = compare({"a": one, "b": group("gp", [2])})
    assert found.pairs[0].test == ""
    assert "One study a group" in found.notice
    with pytest.raises(SettingError, match="two groups"):
        compare({"a": one})
    with pytest.raises(SettingError, match="one goal"):
        compare(
            {
                "a": one,
                "b": [danlu.tune(lambda t: t["x"], {"x": Float(0, 1)}, maximize="acc", trials=3).history],
            }
        )


def test_a_metric_outside_the_goal_is_refused(study):
    for analysis in (measured, progress, effects, findings, robustness):
        with pytest.raises(SettingError, match="the goal has loss, not 'acc'"):
            analysis(study.history, "acc")


def test_the_page_says_what_was_found(study):
    page = summary("nets", study.history)
    text = str(page)
    assert f"best loss {study.best.value:.6g} in trial {study.best.number}" in text
    assert "what mattered" in text
    assert page.states == {"done": 120}


# Limits that nothing keeps.


def test_a_best_that_breaks_the_limits_is_said_to_everywhere(tmp_path):
    """The nearest trial is shown with what it breaks; once one keeps the limits there is nothing to say."""
    from danlu.analysis.findings import beyond

    def train(trial):
        return {"loss": trial["x"], "ms": 50 + trial["x"], "acc": 0.5}

    how = {"minimize": "loss", "trials": 12, "seed": 1, "watch": False}
    space = {"x": danlu.Float(0, 1)}
    result = danlu.tune(train, space, limits=["ms <= 20", "acc >= 0.9"], **how)
    (finding,) = beyond(result.history)
    near = f"the nearest, trial {result.best.number}, has ms={50 + result.best.params['x']:.6g}, acc=0.5."
    assert finding.text == f"No trial keeps ms <= 20 and acc >= 0.9; {near}"
    assert "which breaks the limits as all do" in repr(result)
    assert finding.text in result.why()
    assert result.analysis.summary().findings[0].kind == "beyond"
    (tmp_path / "own.py").write_text(
        "import danlu\nspace = {'x': danlu.Float(0, 1)}\ndef f(x): return {'loss': x, 'ms': 50 + x}\n"
    )
    command = ["run", "own.py:f", "--minimize", "loss", "--limit", "ms <= 20", "-n", "3"]
    ran = subprocess.run(
        [sys.executable, "-m", "danlu", *command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0
    assert "danlu: No trial keeps ms <= 20; the nearest, trial" in ran.stderr
    kept = danlu.tune(train, space, limits=["ms <= 50.9"], **how)
    assert beyond(kept.history) == []
    assert "breaks" not in repr(kept)


def test_a_surface_shows_no_trial_that_the_space_no_longer_holds():
    store = danlu.stores.MemoryStore()

    def train(trial):
        return trial["a"] * trial["b"]

    settings = {"minimize": "value", "store": store, "sampler": "random", "seed": 1}
    danlu.tune(train, {"a": danlu.Float(0, 10), "b": danlu.Float(0, 1)}, trials=12, **settings)
    result = danlu.tune(
        train, {"a": danlu.Float(0, 5), "b": danlu.Float(0, 1)}, trials=16, extend=True, **settings
    )
    inside = [trial.metrics["value"] for trial in result.trials if trial.params["a"] <= 5]
    assert 4 <= len(inside) < 16
    assert sorted(surface(result.history, "a", "b").values) == pytest.approx(sorted(inside))
