"""The part of a space that is searched while the rest stays as it is, and what parameters are for by their names."""

import numpy as np
import pytest

from danlu import Choice, Float, Int, Space, Switch
from danlu.deep.recipes import RECIPES
from danlu.errors import SpaceError
from danlu.space.restrict import restricted
from danlu.space.roles import role

NESTED = {
    "depth": Int(1, 4),
    "block": Switch(
        plain={"norm": Switch(none={}, batch={"momentum": Float(0, 1), "eps": 1e-5})},
        residual={"norm": Choice(["a", "b"])},
    ),
    "opt": Switch(
        {
            "sgd": {"lr": Float(1e-3, 1, log=True)},
            "adam|lion": {"beta": Float(0.8, 1)},
            "adam": {},
            "lion": {"k": 3},
        }
    ),
    "fixed": 7,
}


def points(space, count=200, seed=0):
    return [space.decode(unit) for unit in np.random.default_rng(seed).random((count, len(space))).tolist()]


@pytest.mark.parametrize(
    "fixed",
    [
        {},
        {"depth": 2},
        {"block": "residual"},
        {"block": "plain"},
        {"block": "plain", "block.plain.norm": "batch"},
        {"block.plain.norm": "none"},
        {"block.plain.norm": "batch", "opt": "adam"},
        {"opt": "sgd", "opt.sgd.lr": 0.1},
        {"opt": "lion"},
        {"depth": 1, "block": "residual", "block.residual.norm": "b", "opt": "sgd", "opt.sgd.lr": 0.5},
    ],
)
def test_points_of_the_part_are_the_points_of_the_whole_that_have_the_fixed_values(fixed):
    whole = Space(NESTED)
    part = restricted(whole, fixed)
    for point in points(part):
        assert all(point[name] == value for name, value in fixed.items() if name in point)
        again = whole.decode(whole.encode(point))
        assert again.keys() == point.keys(), "a point of the whole, and complete"
        for name, value in point.items():
            assert again[name] == (pytest.approx(value) if isinstance(value, float) else value)

    def shapes(space):
        return {frozenset(point) for point in points(space, 600)}

    asked = {
        frozenset(point)
        for point in points(whole, 600)
        if all(
            point.get(name, value) == value
            for name, value in fixed.items()
            if name in {"block", "opt", "block.plain.norm"}
        )
    }
    assert shapes(part) == asked, "and every combination of what is active is there"


def test_ranges_are_replaced_by_those_of_their_kind():
    whole = Space(NESTED)
    part = restricted(whole, {"opt": "sgd"}, {"opt.sgd.lr": Float(0.01, 0.1, log=True)})
    assert all(0.01 <= point["opt.sgd.lr"] <= 0.1 for point in points(part))
    with pytest.raises(SpaceError, match="a range of its own kind"):
        restricted(whole, {}, {"depth": Float(1, 2)})
    with pytest.raises(SpaceError, match="no parameter 'dept'"):
        restricted(whole, {"dept": 2})
    with pytest.raises(SpaceError, match="depth"):
        restricted(whole, {"depth": 9})


def test_constraints_hold_in_the_part_where_what_they_name_is_there():
    whole = Space(
        {"a": Int(1, 8), "b": Int(1, 8), "s": Switch(on={"c": Int(1, 4)}, off={})},
        constraints=["a <= b", "c < a", lambda p: p["a"] != 5],
    )
    part = restricted(whole, {"b": 4, "s": "off"})
    assert [str(each) for each in part.constraints if not callable(each) or "<=" in str(each)][:1] == [
        "a <= b"
    ]
    allowed = {point["a"] for point in points(part) if part.constraints.hold(point)}
    assert allowed == {1, 2, 3, 4}
    assert len(part.constraints) == 2, "c is gone, so is what compares it"


def test_every_parameter_of_the_recipes_has_a_role():
    for recipe in RECIPES.values():
        space = Space(recipe.space())
        roles = {name: role(name) for name in space.names}
        unknown = [name for name, each in roles.items() if each == "unknown"]
        assert unknown in ([], ["spread", "negatives"]), recipe.name
        assert {name for name, each in roles.items() if each == "rate"} == {
            name for name in roles if name.endswith(".lr")
        }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("learningRate", "rate"),
        ("opt.sgd.lr", "rate"),
        ("lr_decay", "optimizer"),
        ("weight_decay", "regularization"),
        ("model.dropout", "regularization"),
        ("n_layers", "architecture"),
        ("model.activation", "architecture"),
        ("batch_size", "batch"),
        ("num_epochs", "epochs"),
        ("max-epochs", "epochs"),
        ("warmup_steps", "optimizer"),
        ("x3", "unknown"),
    ],
)
def test_roles_are_told_by_names(name, expected):
    assert role(name) == expected
