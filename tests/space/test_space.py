"""Parameters and spaces: every value comes back, nothing contradictory gets in."""

import itertools
import math
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from danlu import Choice, Float, Int, Space, Switch
from danlu.base.values import typed_key
from danlu.errors import SpaceError
from danlu.journal.columns import active
from danlu.journal.events import Asked, Created, decode, encode, pack_params, unpack_params
from danlu.problem.goal import Goal
from danlu.space.feasible import complete, fill
from danlu.space.parameters import levels
from danlu.space.size import size_at
from danlu.space.space import difference
from danlu.testing import points, spaces


@given(st.data())
def test_snapping_is_idempotent_and_equal_values_have_equal_points(data):
    space = data.draw(spaces())
    unit, values = space.snap(data.draw(points(space)))
    assert all(0 <= coordinate <= 1 for coordinate in unit)
    again = space.encode(values)
    assert again == unit
    for slot in space.slots:  # inactive coordinates are in the middle, so they cannot tell points apart
        if slot.name not in values:
            assert again[space.names.index(slot.name)] == 0.5


@given(st.data())
def test_every_discrete_value_comes_back_from_its_point(data):
    space = data.draw(spaces(depth=0))
    values = space.decode(data.draw(points(space)))
    back = space.decode(space.encode(values))
    for slot in space.slots:
        value, returned = values[slot.name], back[slot.name]
        narrow = slot.parameter.size < 2**50 and not (getattr(slot.parameter, "log", False) and value > 2**40)
        if narrow:
            assert typed_key(returned) == typed_key(value)
        elif isinstance(value, int):
            assert abs(returned - value) <= 1e-12 * value
        elif value != 0:
            span = slot.parameter.high - slot.parameter.low
            assert abs(returned - value) <= 1e-9 * (abs(value) if slot.parameter.log else span)


@given(st.data())
def test_every_value_survives_the_journal_exactly(data):
    space = data.draw(spaces())
    values = space.decode(data.draw(points(space)))
    event = Asked(0, pack_params(values), b"", "w", 1.0)
    back = unpack_params(decode(encode(event)).params)
    assert {k: typed_key(v) for k, v in back.items()} == {k: typed_key(v) for k, v in values.items()}


@given(spaces())
def test_a_space_survives_the_journal(space):
    event = Created(space.spec, Goal.of(minimize="x"), 1, 1.0)
    assert decode(encode(event)) == event
    assert difference(space.spec, decode(encode(event)).space) == []


@pytest.mark.parametrize(
    "value", [2**53 + 1, -(2**63) + 1, 0, 1e-300, -0.0, 1.5, "丹炉", "", None, True, (1, (None, "a"))]
)
def test_hard_values_are_options_and_come_back(value):
    choice = Choice([value, "other"])
    assert typed_key(choice.decode(choice.encode(value))) == typed_key(value)
    assert typed_key(unpack_params(pack_params({"v": value}))["v"]) == typed_key(value)


def test_large_integers_are_kept_exactly_when_given():
    space = Space({"n": Int(0, 2**62)})
    assert complete(space, {"n": 2**53 + 1}, [0.0]) == {"n": 2**53 + 1}


def test_options_of_different_types_are_different():
    choice = Choice([1, 1.0, True, "1"])
    assert [typed_key(choice.decode(choice.encode(v)))[0] for v in choice.values] == [
        "int",
        "float",
        "bool",
        "str",
    ]
    with pytest.raises(SpaceError, match="twice"):
        Choice([1, 2, 1])


def test_numpy_scalars_become_plain_values():
    assert [type(v) for v in Choice(np.array([1.5, 2.5])).values] == [float, float]
    assert type(Choice([np.int64(3)]).values[0]) is int


def test_integers_own_equal_shares():
    units = (np.arange(7000) + 0.5) / 7000
    counts = np.bincount([Int(2, 8).decode(u) for u in units])[2:]
    assert (counts == 1000).all()


def test_steps_are_exact_and_clean():
    grid = Float(0, 1, step=0.1)
    assert [grid.decode(i / 10) for i in range(11)] == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0]
    assert grid.size == 11
    assert [Int(1, 9, step=4).decode(u) for u in (0.1, 0.5, 0.9)] == [1, 5, 9]


def nested():
    return Space(
        {
            "net": Switch(
                cnn={"kernel": Choice([3, 5]), "pool": Switch(max={"size": Int(2, 3)}, none={})},
                rnn={"cell": Choice(["gru", "lstm"]), "units": 64},
            ),
            "lr": Float(1e-4, 1e-1, log=True),
            "epochs": 12,
        }
    )


def test_switches_open_spaces_to_any_depth():
    space = nested()
    assert space.names == (
        "net",
        "net.cnn.kernel",
        "net.cnn.pool",
        "net.cnn.pool.max.size",
        "net.rnn.cell",
        "lr",
    )
    assert space.decode([0.1, 0.1, 0.1, 0.9, 0.5, 1.0]) == {
        "net": "cnn", "net.cnn.kernel": 3, "net.cnn.pool": "max", "net.cnn.pool.max.size": 3, "lr": 0.1, "epochs": 12,
    }  # fmt: skip
    assert space.decode([0.9, 0.1, 0.1, 0.9, 0.9, 0.0]) == {
        "net": "rnn", "net.rnn.cell": "lstm", "net.rnn.units": 64, "lr": 1e-4, "epochs": 12,
    }  # fmt: skip


@given(st.data())
def test_the_activity_mask_agrees_with_decoding(data):
    space = data.draw(spaces())
    rows = [space.snap(data.draw(points(space))) for _ in range(4)]
    mask = active(space.slots, np.array([unit for unit, _ in rows]).reshape(4, len(space)))
    assert mask.tolist() == [[name in values for name in space.names] for _, values in rows]


def test_size_counts_conditions_once():
    space = Space({"a": Int(1, 3), "s": Switch(x={"b": Choice([1, 2])}, y={}, z={"c": Int(1, 4)})})
    assert space.size == 3 * (2 + 1 + 4)
    assert nested().size == math.inf
    assert size_at(Space({"x": Float(0, 1), "k": Int(1, 2)}).slots, 5) == 10


def test_short_names_are_found_and_ambiguous_ones_named():
    space = Space({"a": Switch(x={"lr": Float(0, 1)}, y={}), "b": Switch(x={"lr": Float(0, 1)}, y={})})
    with pytest.raises(SpaceError, match=r"any of a\.x\.lr, b\.x\.lr"):
        complete(space, {"lr": 0.5}, space.center())
    assert complete(nested(), {"cell": "gru", "net": "rnn"}, nested().center())["net.rnn.cell"] == "gru"


def test_constraints_hold_where_their_parameters_are_active():
    space = Space(
        {"a": Int(1, 9), "b": Int(1, 9), "s": Switch(on={"c": Int(1, 9)}, off={})},
        constraints=[lambda p: p["a"] < p["b"], "c > a", "not (a == 1 and b == 2)"],
    )
    assert space.constraints.hold({"a": 2, "b": 3, "s": "off"})
    assert not space.constraints.hold({"a": 3, "b": 3, "s": "off"})
    assert not space.constraints.hold({"a": 2, "b": 3, "s": "on", "s.on.c": 2})
    assert not space.constraints.hold({"a": 1, "b": 2, "s": "off"})
    assert space.spec.constraints[1:] == ("c > a", "not (a == 1 and b == 2)")


@pytest.mark.parametrize("text", ["__import__('os')", "a.b()", "[1][0]", "a if b else c", "lambda: 1", "a <"])
def test_text_constraints_cannot_run_code(text):
    with pytest.raises(SpaceError, match="constraint"):
        Space({"a": Int(1, 2), "b": Int(1, 2)}, constraints=[text])


BAD = {
    "Float needs low < high, got low=2": lambda: Float(2, 1),
    r"Float\(log=True\) needs low > 0, got low=0": lambda: Float(0, 1, log=True),
    "bounds whose logarithms differ": lambda: Float(1e24, 1e24 * (1 + 3e-16), log=True),
    "step that divides high - low": lambda: Float(0, 1, step=0.3),
    "step > 0": lambda: Int(0, 10, step=-2),
    "not both": lambda: Float(1, 2, log=True, step=0.5),
    "finite high, got high=inf": lambda: Float(0, math.inf),
    "low to be a number, got low='a'": lambda: Float("a", 1),
    "low to be a whole number, got low=1.5": lambda: Int(1.5, 3),
    "below 2\\*\\*63": lambda: Int(0, 2**64),
    "at least one option": lambda: Choice([]),
    "a list of options, got 'abc'": lambda: Choice("abc"),
    "finite numbers, got nan": lambda: Choice([math.nan]),
    "options that are None": lambda: Choice([print]),
    "Switch needs at least one option": lambda: Switch(),
    "a dict of parameters for option 'a'": lambda: Switch(a=3),
    "non-empty string, got ''": lambda: Space({"": Int(1, 2)}),
    r"Choice\(\[1, 2\]\) for a list": lambda: Space({"a": [1, 2]}),
    "a fixed value that is None": lambda: Space({"a": object()}),
    "Did you mean 'depth'": lambda: complete(Space({"depth": Int(1, 2)}), {"dept": 1}, [0.5]),
    "depth needs a value between 1 and 2, got 3": lambda: complete(
        Space({"depth": Int(1, 2)}), {"depth": 3}, [0.5]
    ),
    "depth needs a whole number": lambda: complete(Space({"depth": Int(1, 2)}), {"depth": 1.5}, [0.5]),
    "is not active here": lambda: complete(nested(), {"cell": "gru", "net": "cnn"}, nested().center()),
    "fixed at 12, got 13": lambda: complete(nested(), {"epochs": 13}, nested().center()),
    "one of .* is needed, got 'tanh'": lambda: complete(Space({"a": Choice(["relu"])}), {"a": "tanh"}, [0.5]),
    "there is no parameter 'z'": lambda: Space({"a": Int(1, 2)}, constraints=["z > 1"]),
    "between 0.0 and 1.0, got 2": lambda: Float(0, 1, prior=2),
    r"a prior among \['a', 'b'\], got 'c'": lambda: Switch(a={}, b={}, prior="c"),
}


@pytest.mark.parametrize("sentence", BAD)
def test_bad_input_gets_a_sentence(sentence):
    with pytest.raises(SpaceError, match=sentence):
        BAD[sentence]()


def test_a_switch_has_a_prior_and_may_have_an_option_of_that_name():
    space = Space(
        {"opt": Switch({"sgd": {}, "adam": {"lr": Float(0, 1, prior=0.1)}, "lion": {}}, prior="lion")}
    )
    assert space.decode(space.center()) == {"opt": "lion"}
    assert list(Switch(prior={"low": Int(0, 1)}, none={}).options) == ["prior", "none"]


def test_bounds_of_the_largest_floats():
    wide = Float(-sys.float_info.max / 4, sys.float_info.max / 4)
    assert wide.decode(1.0) == wide.high
    with pytest.raises(SpaceError, match="finite"):
        Float(-sys.float_info.max, sys.float_info.max)


def test_a_constrained_space_is_searched_inside():
    space = Space({"a": Float(0, 1), "b": Float(0, 1)}, constraints=["a + b <= 1"])
    values = fill(space, {"a": 0.75}, iter_units(space))
    assert values["a"] == 0.75
    assert values["b"] <= 0.25
    with pytest.raises(SpaceError, match="a constraint forbids the point"):
        fill(space, {"a": 0.75, "b": 0.5}, iter_units(space))


def iter_units(space):
    rng = np.random.default_rng(1)
    return lambda: rng.random(len(space)).tolist()


def test_grid_walks_conditional_spaces_exactly_once():
    from danlu.samplers.parts.admission import combinations

    space = Space({"a": Int(1, 3), "s": Switch(x={"b": Choice([1, 2])}, y={})}, constraints=["a != 2"])
    walked = [tuple(sorted(space.decode(p).items(), key=str)) for p in combinations(space)]
    assert len(walked) == len(set(walked)) == 2 * 3
    for a, rest in itertools.product((1, 3), ({"s": "x", "s.x.b": 1}, {"s": "x", "s.x.b": 2}, {"s": "y"})):
        assert tuple(sorted({"a": a, **rest}.items(), key=str)) in walked


def test_options_share_parameters():
    space = Space(
        {
            "booster": Switch(
                {"linear": {}, ("tree", "dart"): {"depth": Int(1, 4)}, "dart": {"drop": Choice([1, 2])}}
            )
        }
    )
    assert space.names == ("booster", "booster.tree|dart.depth", "booster.dart.drop")
    assert space.size == 1 + 4 + 4 * 2
    seen = [space.decode([(option + 0.5) / 3, 0.1, 0.9]) for option in range(3)]
    shared = {"booster.tree|dart.depth": 1}
    assert seen == [
        {"booster": "linear"},
        {"booster": "tree", **shared},
        {"booster": "dart", **shared, "booster.dart.drop": 2},
    ]
    assert fill(space, {"booster": "tree", "depth": 3}, space.center)["booster.tree|dart.depth"] == 3
    with pytest.raises(SpaceError, match="not active here"):
        fill(space, {"booster": "linear", "depth": 3}, space.center)
    assert Space.from_spec(space.spec).spec == space.spec


@pytest.mark.parametrize(
    "parameter",
    [Int(1, 16, log=True), Int(1, 100, log=True), Int(3, 5, log=True), Int(-3, 4), Int(8, 64, step=8), Float(0, 1, step=0.1),
     Float(-3, 9, step=1.5), Choice(["a", None, 1.5]), Choice([4, 2, 8], ordered=True)],
    ids=str,
)  # fmt: skip
def test_every_value_of_a_finite_parameter_has_a_level(parameter):
    found = [parameter.decode(unit) for unit in levels(parameter)]
    assert len(found) == len(set(map(repr, found))) == parameter.size
    assert levels(parameter) == sorted(levels(parameter))


@pytest.mark.parametrize(
    "sampler", ["grid", "auto", "random", "gp", "tpe", "quasirandom", "evolution", "genetic", "cmaes"]
)
def test_a_finite_space_of_whole_numbers_on_a_log_scale_is_tried_to_its_end(sampler):
    """Half of the values from 1 to 100 have no share of a hundredth of the interval to themselves."""
    import danlu

    result = danlu.tune(
        lambda trial: float(trial["width"]),
        {"width": Int(1, 40, log=True)},
        trials=60,
        sampler=sampler,
        seed=1,
    )
    assert sorted(trial.params["width"] for trial in result.trials) == list(range(1, 41))
    assert "has been tried" in result.study.stopped


def test_an_earlier_word_is_answered_with_the_new_one():
    space = Space({"x": Float(0, 1)}, constraints=["x < 0.5"])
    assert space.constraints.hold({"x": 0.25})
    with pytest.raises(AttributeError, match=r"no allows any more. Write space\.constraints\.hold\(values\)"):
        space.allows({"x": 0.25})
    with pytest.raises(AttributeError, match="no attribute 'alows'"):
        getattr(space, "alows")  # noqa: B009
