"""Constraints that hardly any point meets: met by every sampler, or refused with what is in the way."""

import math

import numpy as np
import pytest

import danlu
from danlu import Float, Int, Space, Switch
from danlu.errors import SpaceError
from danlu.space.expression import Expression
from danlu.space.feasible import excess, meet

RARE = {
    "a corner": Space({"a": Float(0, 1), "b": Float(0, 1)}, constraints=["a + b <= 0.002"]),
    "a chain on logarithms": Space(
        {"lr": Float(1e-6, 1, log=True), "wd": Float(1e-6, 1, log=True), "d": Float(0, 1)},
        constraints=["1000 * lr <= wd", "wd <= 0.01 * d", "d < 0.3"],
    ),
    "a product": Space({name: Int(1, 1000) for name in "abc"}, constraints=["a * b == c * 7"]),
    "multiples": Space({"width": Int(1, 4096), "heads": Int(1, 64), "layers": Int(1, 64)},
                       constraints=["width % heads == 0", "heads >= 32", "layers == heads", "width > 3000"]),
    "one function": Space({"a": Float(0, 1), "b": Float(0, 1)}, constraints=[lambda p: p["a"] < 0.004 and p["b"] < 0.004]),
    "eight functions": Space({f"x{i}": Float(0, 1) for i in range(8)},
                             constraints=[lambda p, i=i: p[f"x{i}"] < 0.2 for i in range(8)]),
    "in switches": Space({"o": Switch(a={"m": Float(0, 1), "n": Float(0, 1)}, b={"z": Float(0, 1)})},
                         constraints=["m + n < 0.003", "z < 0.00001"]),
    "a simplex": Space({f"x{i}": Float(0, 1) for i in range(9)}, constraints=[" + ".join(f"x{i}" for i in range(9)) + " <= 1"]),
    "either or": Space({"a": Float(0, 1), "b": Float(0, 1)},
                       constraints=["a < 0.001 and b < 0.001 or a > 0.999 and 0.999 < b"]),
}  # fmt: skip


def total(trial):
    return sum(value for value in trial.values() if not isinstance(value, str))


@pytest.mark.parametrize(
    "sampler", ["random", "quasirandom", "tpe", "gp", "cmaes", "genetic", "evolution", None]
)
@pytest.mark.parametrize("kind", ["a corner", "a product", "in switches"])
def test_every_sampler_meets_constraints_that_hardly_any_point_meets(kind, sampler):
    result = danlu.tune(total, RARE[kind], trials=8, sampler=sampler, seed=0)
    assert all(RARE[kind].constraints.hold(trial.params) for trial in result.trials)
    assert len({str(trial.params) for trial in result.trials}) >= 6


@pytest.mark.parametrize("kind", RARE)
def test_what_is_found_is_allowed_varied_and_near_what_was_proposed(kind):
    space = RARE[kind]
    rng = np.random.default_rng(1)
    proposals = rng.random((12, len(space))).tolist()
    points = [meet(space, unit) for unit in proposals]
    assert all(space.constraints.hold(space.decode(point)) for point in points)
    assert len({str(point) for point in points}) >= 6
    assert points == [
        meet(Space.from_spec(space.spec, constraints=space.constraints), unit) for unit in proposals
    ]
    assert all(meet(space, point) == point for point in points[:4])


def test_a_search_under_a_rare_constraint_finds_its_best():
    result = danlu.tune(lambda t: abs(t["a"] - 0.001), RARE["a corner"], trials=30, seed=0)
    assert result.best.value < 2e-4


def test_points_given_in_part_are_completed_where_chance_would_not():
    space = RARE["a chain on logarithms"]
    result = danlu.tune(total, space, trials=2, enqueue=[{"d": 0.25}, {"wd": 2e-3}], seed=0)
    assert result.trials[0].params["d"] == 0.25
    assert result.trials[1].params["wd"] == 2e-3
    assert all(space.constraints.hold(trial.params) for trial in result.trials)
    with pytest.raises(SpaceError, match="whatever the rest"):
        danlu.tune(total, space, trials=2, enqueue=[{"d": 0.5}])


IMPOSSIBLE = {
    "text": (["a > 2", "b < 0.5"], r"'a > 2' holds at 0.00% of 2,000 points by itself, least of all"),
    "function": ([lambda p: p["a"] > 2], "the function <lambda> holds at 0.00%"),
    "together": (["a > 0.6", "a < 0.4"], "Each holds somewhere, but not all together"),
}


@pytest.mark.parametrize("kind", IMPOSSIBLE)
def test_constraints_that_nothing_meets_are_refused_with_the_share_before_any_trial(kind, monkeypatch):
    monkeypatch.setattr("danlu.space.feasible.CHANCES", 3_000)
    constraints, sentence = IMPOSSIBLE[kind]
    ran = []
    with pytest.raises(SpaceError, match=f"none of 3,000 points.*{sentence}"):
        danlu.tune(ran.append, Space({"a": Float(0, 1), "b": Float(0, 1)}, constraints=constraints), trials=5)
    assert not ran


def test_a_finite_space_that_constraints_empty_is_said_to_be_empty():
    with pytest.raises(SpaceError, match="none of the 100 configurations"):
        danlu.tune(total, Space({"a": Int(1, 10), "b": Int(1, 10)}, constraints=["a + b > 30"]), trials=5)
    few = Space({"a": Int(1, 100), "b": Int(1, 100)}, constraints=["a + b == 199", "a < b"])
    result = danlu.tune(total, few, trials=5, sampler="random", seed=0)
    assert [trial.params for trial in result.trials] == [{"a": 99, "b": 100}]
    assert "every configuration of the space has been tried" in result.study.stopped


@pytest.mark.parametrize(
    "text",
    [
        "a < 1",
        "a <= b",
        "a == b",
        "a != b",
        "0 < a < b",
        "a < 1 and b < 1",
        "a < 1 or b < 1",
        "not a < 1",
        "a",
        "'x' == 'y'",
    ],
)
def test_the_excess_is_nothing_exactly_where_a_constraint_holds(text):
    constraint = Expression(text)
    for a in (-1.0, 0.0, 0.5, 1.0, 2.0, math.nan):
        for b in (0.5, 1, 2.0):
            values = {"a": a, "b": b}
            assert (constraint.excess(values) == 0.0) is constraint(values), (text, values)
    assert Expression("a <= 1").excess({"a": 3}) > Expression("a <= 1").excess({"a": 2}) > 0


def test_a_parameter_that_is_not_active_is_in_no_ones_way():
    space = RARE["in switches"]
    assert excess(space, {"o": "b", "o.b.z": 0.0}) == 0.0
    assert excess(space, {"o": "b", "o.b.z": 0.5}) > 0
