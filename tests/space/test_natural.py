"""Bounds that a parameter's name sets: what is advised lies within, what nobody knows is asked."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from danlu import Float, Int, Space
from danlu.deep.recipes import RECIPES
from danlu.space.natural import MEANINGS, NAMES, natural, wider

SEARCHED = {
    f"{recipe}/{slot.name}": slot.parameter
    for recipe, each in RECIPES.items()
    for slot in Space(each.space()).slots
    if isinstance(slot.parameter, Float | Int)
}
"""Every number that danlu.deep searches, whose ranges are sourced."""


@pytest.mark.parametrize("name", SEARCHED)
def test_whatever_deep_searches_has_bounds_that_hold_its_sourced_range(name):
    parameter, bounds = SEARCHED[name], natural(name.partition("/")[2])
    assert bounds is not None, "give it bounds in space/natural.py"
    assert bounds.low <= parameter.low < parameter.high <= bounds.high
    for side in ("lower", "upper"):
        found = wider(name.partition("/")[2], parameter, side)
        if found is not None:
            assert found.known
            inside = (
                bounds.low < found.bound < bounds.high
                if bounds.within
                else bounds.low <= found.bound <= bounds.high
            )
            assert inside, (side, found)


NEVER = {
    "mixup": (Float(0, 1), "upper"), "cutmix_alpha": (Float(0.1, 1, log=True), "upper"), "depth": (Int(1, 12), "lower"),
    "n_layers": (Int(1, 3, log=True), "lower"), "batch_size": (Int(1, 64), "lower"), "epochs": (Int(1, 9), "lower"),
    "dropout": (Float(0, 0.5), "lower"), "weight_decay": (Float(0, 0.1), "lower"), "warmup_ratio": (Float(0, 1), "upper"),
    "n": (Int(1, 9), "lower"), "k": (Int(0, 9), "lower"), "x": (Float(0, 9), "lower"), "subsample": (Float(0.2, 1), "upper"),
}  # fmt: skip


@pytest.mark.parametrize("name", NEVER)
def test_nobody_is_told_to_go_where_a_parameter_ends(name):
    parameter, side = NEVER[name]
    assert wider(name, parameter, side) is None


@pytest.mark.parametrize(
    ("name", "parameter", "bound"),
    [
        ("momentum", Float(0.5, 0.99), 0.995),
        ("opt.sgd.momentum", Float(0, 0.9), 0.95),
        ("beta2", Float(0.9, 0.999), 0.9995),
        ("drop_path", Float(0, 0.8), 0.9),
        ("label_smoothing", Float(0.01, 0.5, log=True), 0.75),
        ("lr", Float(1e-4, 0.1, log=True), 0.3),
        ("hidden", Int(8, 64, log=True), 190.0),
        ("one_minus_beta1", Float(0.02, 0.5, log=True), 0.75),
        ("frac", Float(0.2, 0.8), 1.0),
    ],
)
def test_known_names_go_as_far_as_they_can(name, parameter, bound):
    found = wider(name, parameter, "upper")
    assert (found.bound, found.known) == (bound, True)


def test_a_range_outside_of_what_the_name_says_means_something_else():
    assert natural("gamma").high == 1
    found = wider("gamma", Float(1e-3, 10, log=True), "upper")  # that of a support vector machine
    assert (found.bound, found.known) == (30.0, False)


@given(
    st.sampled_from([*MEANINGS, *NAMES, "x", "foo.bar", "dropout", "momentum", "width"]),
    st.floats(0, 0.9), st.floats(0.01, 2), st.booleans(), st.sampled_from(["lower", "upper"]), st.booleans(),
)  # fmt: skip
def test_a_wider_bound_is_wider_and_within(name, low, span, log, side, whole):
    if whole:
        parameter = Int(1 + int(10 * low), 2 + int(10 * low) + int(9 * span), log=log)
    else:
        parameter = Float(low + 1e-3 * log, low + 1e-3 * log + span, log=log)
    found, bounds = wider(name, parameter, side), natural(name)
    if found is None:
        return
    assert found.bound < parameter.low if side == "lower" else found.bound > parameter.high
    assert found.bound >= 0 or parameter.low < 0
    assert not whole or (found.bound == math.floor(found.bound) and found.bound >= 1)
    if bounds is not None and found.known:
        assert bounds.low <= found.bound <= bounds.high
