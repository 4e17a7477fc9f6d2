"""The Gaussian process sampler: better than chance, whatever the settings, with failures and many workers."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import danlu
from danlu import Choice, Float, Int, Switch
from danlu.core.columns import active
from danlu.core.errors import SettingError
from danlu.core.space import Space
from danlu.maths.targets import half_rank, with_failures
from danlu.samplers.features import features
from danlu.testing import spaces

SPACE = {
    "lr": Float(1e-5, 1, log=True),
    "depth": Int(1, 6),
    "act": Choice(["relu", "gelu", "tanh"]),
    "opt": Switch(sgd={"momentum": Float(0, 0.99)}, adam={"beta2": Float(0.9, 0.999)}),
}


def loss(trial):
    """A mixed, conditional bowl with its minimum of 0 at adam, gelu, depth 4, lr 1e-3, beta2 0.95."""
    p = trial.params
    far = (np.log10(p["lr"]) + 3) ** 2 / 4 + (p["depth"] - 4) ** 2 / 10 + 0.5 * (p["act"] != "gelu")
    inner = (
        0.2 + (p["opt.sgd.momentum"] - 0.9) ** 2
        if p["opt"] == "sgd"
        else 50 * (p["opt.adam.beta2"] - 0.95) ** 2
    )
    return float(far + inner)


def best(sampler, trials=40, seeds=range(5), **options):
    return [
        danlu.tune(loss, SPACE, trials=trials, sampler=sampler, seed=seed, **options).best.value
        for seed in seeds
    ]


def test_it_finds_in_40_trials_what_chance_does_not_find_in_160():
    """Five fixed seeds each; under equal samplers all five pairs would agree once in 32 runs."""
    assert max(best(danlu.GP())) < min(best("random", trials=160))


@pytest.mark.parametrize(
    ("sampler", "share"),
    [
        (danlu.GP(acquisition="ucb"), 0.1),
        (danlu.GP(kernel="matern32"), 0.1),
        (danlu.GP(kernel="squared_exponential"), 0.1),
        (danlu.GP(acquisition="pi"), 1.0),  # greedy by nature: it stays where it first was lucky
    ],
    ids=["ucb", "matern32", "squared_exponential", "pi"],
)
def test_every_acquisition_and_kernel_beats_chance(sampler, share):
    assert np.median(best(sampler, seeds=range(3))) < share * np.median(best("random", seeds=range(3)))


def test_it_learns_to_avoid_what_fails():
    """The optimum lies at the edge of a region that runs out of memory."""

    def edge(trial):
        if trial["width"] + trial["batch"] > 1:
            raise MemoryError
        return -trial["width"] - 0.5 * trial["batch"]

    space = {"width": Float(0, 1), "batch": Float(0, 1)}
    failed, found = [], []
    for seed in range(3):
        result = danlu.tune(edge, space, trials=60, sampler=danlu.GP(), seed=seed)
        failed += [trial.status is danlu.Status.FAILED for trial in result.trials[20:]]
        found.append(result.best.value)
    assert max(found) < -0.98  # chance: -0.82 to -0.97
    assert np.mean(failed) < 0.3  # chance: 0.5


def test_running_trials_keep_the_others_away():
    with danlu.open_study(
        {"x": Float(0, 1), "y": Float(0, 1)}, minimize="loss", sampler=danlu.GP(), seed=1
    ) as study:
        for trial in study.ask_batch(8):
            study.tell(trial, (trial["x"] - 0.5) ** 2 + (trial["y"] - 0.5) ** 2)
        batch = [study.ask() for _ in range(4)] + study.ask_batch(4)
        points = np.array([[trial["x"], trial["y"]] for trial in batch])
        gaps = np.linalg.norm(points[:, None] - points[None], axis=2)[~np.eye(8, dtype=bool)]
        assert gaps.min() > 1e-4


def test_resuming_asks_the_same_points(tmp_path):
    whole = danlu.tune(loss, SPACE, trials=24, sampler="gp", seed=4)
    for trials in (9, 15, 24):
        parts = danlu.tune(loss, SPACE, trials=trials, sampler="gp", seed=4, store=tmp_path / "s.db")
    assert [t.params for t in parts.trials] == [t.params for t in whole.trials]


def test_settings_are_checked():
    with pytest.raises(SettingError, match="acquisition to be one of log_ei, pi, ucb, got 'ei'"):
        danlu.GP(acquisition="ei")
    with pytest.raises(SettingError, match="initial >= 2"):
        danlu.GP(initial=1)
    with pytest.raises(SettingError, match="GP models one goal"):
        danlu.tune(loss, SPACE, minimize=["a", "b"], sampler="gp")


@given(st.data())
def test_vectorised_snapping_is_the_spaces_own(data):
    space = data.draw(spaces())
    shown = features(space)
    units = np.random.default_rng(data.draw(st.integers(0, 99))).random((6, len(space)))
    snapped, mask = shown.snap(units)
    for row, point in zip(snapped, units.tolist(), strict=True):
        own, values = space.snap(point)
        for position, slot in enumerate(space.slots):
            if slot.name not in values or slot.parameter.size < 2**40:
                assert row[position] == pytest.approx(own[position], abs=1e-9)
    assert shown.of(snapped, mask).shape == (6, len(shown.groups))
    assert np.isfinite(shown.of(snapped, mask)).all()


def test_two_options_are_at_distance_one_and_inactive_ones_in_the_middle():
    space = Space({"s": Switch(on={"c": Choice(["a", "b", "c"])}, off={})})
    shown = features(space)
    units = np.array(
        [
            space.encode(values)
            for values in ({"s": "on", "s.on.c": "a"}, {"s": "on", "s.on.c": "c"}, {"s": "off"})
        ]
    )
    seen = shown.of(units, active(space.slots, units))
    assert np.sum((seen[0] - seen[1]) ** 2) == pytest.approx(1)
    np.testing.assert_allclose(seen[2, 2:], 1 / 3 / np.sqrt(2))


@given(st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=40))
def test_warped_targets_keep_their_order_and_stay_small(losses):
    warped = half_rank(np.array(losses))
    assert np.isfinite(warped).all()
    order = np.argsort(losses, kind="stable")
    assert (np.diff(warped[order]) >= -1e-9).all()
    assert len(with_failures(warped, 3)) == len(losses) + 3
    assert (with_failures(warped, 3)[-3:] >= warped.max()).all()
