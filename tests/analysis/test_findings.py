"""Findings that hold for several goals, for studies in which all fails, and for what limits forbid; the diagnosis of trials far behind."""

import contextlib
import math

import numpy as np
import pytest

import danlu
from danlu import Float, Int
from danlu.analysis.diagnosis import behind, diagnose_curves
from danlu.analysis.effects import Effect, Effects
from danlu.analysis.failures import failures
from danlu.analysis.findings import findings, front_covered
from danlu.analysis.phrases import spoken
from danlu.analysis.summary import summary
from danlu.analysis.trial_table import axis
from danlu.maths.pareto import front_ranks, hypervolume

SPACE = {"lr": Float(1e-4, 1e-1, log=True), "depth": Int(1, 12), "idle": Float(0, 1)}


def two(trial):
    return {"acc": 1 - 0.1 * abs(math.log10(trial["lr"]) + 2.5), "ms": 5.0 + trial["depth"]}


@pytest.fixture(scope="module")
def goals():
    return danlu.tune(two, SPACE, maximize="acc", minimize="ms", trials=60, sampler="random", seed=3).history


def effects_of(metric, **spans):
    """Effects as they would be found, without the model: the share that each parameter has."""
    line = np.array([0.0, 1.0])
    found = [
        Effect(axis(name, SPACE[name]), line, line, line, line, share, share, 0.01)
        for name, share in spans.items()
    ]
    return Effects(metric, 60, tuple(found), False, 0.9)


ACC = effects_of("acc", lr=2.0, depth=0.01, idle=0.01)
MS = effects_of("ms", lr=0.01, depth=2.0, idle=0.01)


def told(found, kind):
    return {(each.goal, each.subject): each for each in found if each.kind == kind}


def test_what_drives_another_goal_is_not_to_be_fixed(goals):
    found = told(findings(goals, seen=[ACC, MS]), "flat")
    assert set(found) == {("acc", "depth"), ("acc", "idle"), ("ms", "lr"), ("ms", "idle")}
    assert found["acc", "depth"].remedy == "Keep searching it: it matters for ms."
    assert found["ms", "lr"].remedy == "Keep searching it: it matters for acc."
    assert found["acc", "idle"].remedy == "Fix idle at what is cheapest, and search the others."
    (alone,) = [
        each for each in findings(goals, "ms", seen=MS) if each.subject == "lr" and each.kind == "flat"
    ]
    assert alone.remedy == "Fix lr at what is cheapest only if it makes no difference to acc either."
    assert "Keep" not in str(findings(goals, "ms", seen=MS))


def test_findings_of_a_goal_are_of_that_goal_alone(goals):
    assert {each.goal for each in findings(goals, "acc", seen=ACC)} <= {"", "acc"}
    assert all(each.goal != "ms" for each in findings(goals, "acc", seen=[ACC, MS]))


def test_nobody_is_told_to_go_below_one_layer(goals):
    """The best of ms has a depth of 1, which is where layers begin."""
    assert not told(findings(goals), "edge")


def test_an_edge_of_two_goals_is_one_finding():
    result = danlu.tune(
        lambda t: {"a": 1 / t["lr"], "b": 2 / t["lr"]}, {"lr": SPACE["lr"]}, minimize=["a", "b"], trials=40,
        sampler="quasirandom", seed=0,
    )  # fmt: skip
    found = findings(result.history)
    (edge,) = [each for each in found if each.kind == "edge"]
    assert edge.text.startswith("The best lr for a, b sits at the upper edge")
    assert [each.kind for each in found if each.kind == "alone"] == ["alone"]


def told_front(points):
    """A study of these losses, told one by one."""
    with danlu.open_study({"x": Float(0, 1)}, minimize=["a", "b"], sampler="random", seed=0) as study:
        for a, b in points:
            study.tell(study.ask(), {"a": a, "b": b})
        return study.result.history


def test_a_front_that_grows_is_not_stale_though_no_goal_gets_better():
    """The first two trials are the best of each goal for ever; every other trial fills the front between them."""
    growing = [
        (0.0, 1.0),
        (1.0, 0.0),
        *[(each / 60, 1 - each / 60 - 0.5 * min(each, 60 - each) / 60) for each in range(1, 60)],
    ]
    assert not told(findings(told_front(growing)), "stale")
    still = [*growing[:8], *[(1.5 + each / 99, 1.5) for each in range(60)]]
    ((_, stale),) = told(findings(told_front(still)), "stale").items()
    assert stale.text.startswith("The front has covered no more for the last 6")
    assert told(findings(told_front(growing), "a"), "stale")["a", ""].text.startswith(
        "Nothing better for a came in the last 60 of 61"
    )


@pytest.mark.parametrize("goals", [2, 3])
def test_the_front_is_covered_as_a_loop_over_trials_says(goals):
    rng = np.random.default_rng(goals)
    for _ in range(10):
        losses = rng.random((40, goals))
        front = losses[front_ranks(losses) == 0]
        reach = np.ptp(front, axis=0)
        reference = front.max(0) + np.where(reach > 0, 0.1 * reach, 1e-9 + 1e-9 * np.abs(front.max(0)))
        whole = hypervolume(losses, reference)
        plain = next(n for n in range(1, 41) if hypervolume(losses[:n], reference) >= 0.99 * whole)
        assert front_covered(losses) == plain


def test_a_summary_of_several_goals_names_the_front_and_no_best(goals):
    text = str(summary("two", goals))
    assert f"front of {len(goals.incumbents.front)} trials" in text
    assert "best acc" not in text
    for number in goals.incumbents.front[:3]:
        assert f"trial {number}: ms=" in text


# Failures.


def other(t):
    if t.number % 3 == 2:
        raise FileNotFoundError("data/train.csv")
    raise ValueError(f"no such file: {t['lr']}")


def alike(t):
    raise ValueError(f"no such file: {t['lr']}")


@pytest.mark.parametrize(("run", "trials"), [(other, 1), (other, 6), (alike, 5)])
def test_where_all_fail_the_errors_come_first_in_every_language(run, trials):
    """The last is set aside by the study, as an objective that cannot work; its error is what a person has to see all the more."""
    store = danlu.stores.MemoryStore()
    with contextlib.suppress(danlu.errors.ObjectiveError):
        danlu.tune(
            run, SPACE, minimize="loss", trials=trials, sampler="random", seed=0, store=store, name="s"
        )
    history = danlu.load(store, "s").history
    trials = len(history)
    found = findings(history)
    assert found[0].kind == "failing"
    assert f"{trials} of {trials} trial" in found[0].text
    assert "ValueError: no such file" in found[0].text
    assert "mended" in found[0].remedy
    zh = spoken(found[0], "zh")
    assert "ValueError: no such file" in zh.text
    assert "失败" in zh.text
    groups = failures(history)
    assert sum(each.count for each in groups) == trials
    assert [each.count for each in groups] == sorted([each.count for each in groups], reverse=True)
    text = str(summary("s", history))
    assert text.splitlines()[1:3] == [
        "errors:",
        next(line for line in text.splitlines() if "ValueError" in line),
    ]
    if run is other and trials > 2:
        assert groups[1].error.startswith("FileNotFoundError")
        assert groups[1].trials == (2, 5)
        assert text.index("ValueError") < text.index("FileNotFoundError")


def test_errors_are_grouped_by_what_they_say_and_placed_where_they_happen():
    rng = np.random.default_rng(0)
    expected = {"high": [], "odd": []}

    def run(t):
        if t["u"] > 0.8:
            expected["high"].append(t.number)
            raise ValueError(f"too high: {t['u']}")
        if rng.random() < 0.2:
            expected["odd"].append(t.number)
            raise RuntimeError("odd")
        return 0.5 + t["v"]

    result = danlu.tune(
        run, {"u": Float(0, 1), "v": Float(0, 1)}, minimize="loss", trials=80, sampler="random", seed=0
    )
    found = {each.error.split(":")[0]: each for each in failures(result.history)}
    high, odd = found["ValueError"], found["RuntimeError"]
    assert (high.count, list(high.trials)) == (len(expected["high"]), expected["high"][:5])
    assert (odd.count, list(odd.trials)) == (len(expected["odd"]), expected["odd"][:5])
    assert high.name == "u"
    assert f"{high.count} of the {high.count} with u above" in high.place
    assert (odd.name, odd.place) == ("", "")


# What is far behind is not good.


def test_a_trial_far_behind_the_best_is_not_called_good():
    ends = {0: 0.43, 1: 0.032, **{number: 0.05 + 0.02 * number for number in range(2, 16)}}

    def run(t):
        for step in range(1, 21):
            t.report(step, val_loss=ends[t.number] + 2.3 * 0.6**step)

    history = danlu.tune(
        run, {"x": Float(0, 1)}, minimize="val_loss", trials=16, sampler="random", scheduler="none", seed=0
    ).history
    assert diagnose_curves(history, 0).trouble != "good"
    assert diagnose_curves(history, 1).trouble == "good"
    assert sum(diagnose_curves(history, number).trouble == "good" for number in range(16)) < 8


@pytest.mark.parametrize(
    ("own", "start", "best", "middle", "far"),
    [
        (0.01, 10.0, 0.01, 0.1, False),  # the best itself
        (0.14, 10.0, 0.01, 0.1, True),  # fourteen times, which on a linear way is a hundredth
        (4e-8, 2.3, 1e-8, 1e-7, False),  # both are next to nothing
        (4.0, 25.0, 1.0, 6.0, True),  # four times the best, though an eighth of the way
        (1.2, 2.0, 1.0, 1.5, False),
        (1.2, 2.0, 1.0, 1.1, True),  # a fifth of the way, and most did better
        (-0.9, 1.0, -1.0, -0.5, False),  # losses below nothing have no ratio
        (-0.2, 1.0, -1.0, -0.5, True),
    ],
)
def test_how_far_is_far(own, start, best, middle, far):
    assert behind(own, start, best, middle) is far
