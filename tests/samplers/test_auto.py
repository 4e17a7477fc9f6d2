"""The default sampler: what it picks, that it says so, and that it switches as a study grows."""

import numpy as np
import pytest

import danlu
from danlu import Choice, Float, Int, Switch
from danlu.samplers import auto


def reasons(space, trials=6, goal="loss", **options):
    names = [goal] if isinstance(goal, str) else goal
    result = danlu.tune(
        lambda t: {name: float(len(str(t.params)) + i) for i, name in enumerate(names)},
        space, minimize=goal, trials=trials, seed=1, **options,
    )  # fmt: skip
    return " ".join(result.why()), result


def test_it_says_what_leads_and_why():
    mixed = {"x": Float(0, 1), "s": Switch(a={"y": Float(0, 1)}, b={})}
    assert (
        "a Gaussian process leads: with 3 parameters (conditional ones and unordered ones among them)"
        in reasons(mixed)[0]
    )
    assert "with 1 parameter and 2 goals" in reasons({"x": Float(0, 1)}, goal=["a", "b"])[0]
    wide = {f"x{i}": Float(0, 1) for i in range(201)}
    assert "TPE leads: with 201 parameters" in reasons(wide)[0]
    assert "nothing is modeled" in " ".join(danlu.tune(lambda t: 1.0, {}, trials=1).why())


def test_a_reason_is_said_once_and_survives_in_the_store(tmp_path):
    store = tmp_path / "s.db"
    for trials in (4, 8):
        text, _ = reasons({"x": Float(0, 1)}, trials=trials, store=store)
    assert text.count("a Gaussian process leads") == 1


def test_a_finite_space_within_the_budget_is_tried_exhaustively():
    space = {"a": Int(1, 4), "b": Choice(["x", "y", "z"])}
    text, result = reasons(space, trials=50)
    assert "all 12 configurations fit into 50 trials" in text
    assert len(result.trials) == 12
    assert len({str(trial.params) for trial in result.trials}) == 12


def test_it_switches_when_a_study_has_become_long(monkeypatch):
    monkeypatch.setattr(auto, "LONG", 20)
    monkeypatch.setattr(auto, "SEVERAL", 20)
    plain = {"x": Float(0, 1), "n": Int(1, 50)}
    assert "CMA-ES leads: after 20 trials" in reasons(plain, trials=60)[0]
    assert "TPE leads: after 20 trials" in reasons(plain | {"c": Choice(["a", "b"])}, trials=30)[0]
    assert "NSGA-II leads" in reasons(plain, trials=30, goal=["a", "b"])[0]


def test_where_time_is_the_budget_and_trials_cost_nothing_no_model_is_asked(monkeypatch):
    monkeypatch.setattr(auto, "EARLY", 12)
    space = {"x": Float(0, 1), "y": Float(0, 1)}
    for options, words in (
        ({"time": 3600}, "CMA-ES leads: where trials take"),
        ({"trials": 30}, "Gaussian process leads"),
        ({"time": 3600, "trials": 30}, "Gaussian process leads"),
    ):
        budget = danlu.Budget(**options)
        with danlu.open_study(space, minimize="loss", seed=1, budget=budget) as study:
            for _ in range(16):
                trial = study.ask()
                study.tell(trial, (trial["x"] - 0.3) ** 2 + trial["y"])
            assert words in study.result.why()[-1]


def test_after_the_switch_it_goes_on_improving(monkeypatch, tmp_path):
    """And resuming in the long phase asks the same points."""
    monkeypatch.setattr(auto, "LONG", 20)
    space = {name: Float(0, 1) for name in "abcd"}

    def valley(trial):
        return sum((value - 0.3) ** 2 * 10**i for i, value in enumerate(trial.params.values()))

    whole = danlu.tune(valley, space, trials=240, seed=2)
    early = min(trial.value for trial in whole.trials[:20])
    assert whole.best.value < early / 2
    for trials in (50, 240):
        parts = danlu.tune(valley, space, trials=trials, seed=2, store=tmp_path / "s.db")
    assert [t.params for t in parts.trials] == [t.params for t in whole.trials]


@pytest.mark.parametrize("workers", [4, 8])
def test_many_workers_lose_little(workers):
    """Branin, 48 trials, five seeds: simulated workers asked before any of their trials is told.

    The median regret stays under 0.1, which five runs of random search of 48 trials reach one time in four.
    """

    def branin(p):
        x, y = p["x"], p["y"]
        bent = y - 5.1 / (4 * np.pi**2) * x * x + 5 / np.pi * x - 6
        return bent**2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x) + 10 - 0.397887

    found = []
    for seed in range(5):
        space = {"x": Float(-5, 10), "y": Float(0, 15)}
        with danlu.open_study(space, minimize="loss", seed=seed) as study:
            waiting = [study.ask() for _ in range(workers)]
            for _ in range(48 - workers):
                trial = waiting.pop(0)
                study.tell(trial, branin(trial.params))
                waiting.append(study.ask())
            for trial in waiting:
                study.tell(trial, branin(trial.params))
            found.append(study.result.best.value)
    assert np.median(found) < 0.1
