"""What a sampler makes of earlier studies: points to begin with, a prior mean, and a gate."""

import numpy as np
import pytest

import danlu
from danlu.journal.features import features
from danlu.journal.past import Past
from danlu.maths.kernels import matern52
from danlu.samplers.parts import transfer
from danlu.samplers.parts.comparable import comparable
from danlu.samplers.parts.surrogate import SurrogateSettings, surrogate
from danlu.space.space import Space

SPACE = Space({"x": danlu.Float(0, 1), "y": danlu.Float(0, 1)})
CENTER = np.array([0.3, 0.7])


def past(name, center, count=40, seed=0, sign=1.0):
    """An earlier study of a bowl; with a sign of -1 a hill."""
    units = np.random.default_rng(seed).random((count, 2))
    losses = sign * ((units - center) ** 2).sum(1)
    return Past(name, units, np.array([True, True]), losses)


def surrogate_of(count, seed=1):
    """The surrogate of a study whose trials are points drawn at random over the bowl."""
    study = danlu.open_study(SPACE, minimize="loss", trials=count, sampler="random", seed=seed)
    for _ in range(count):
        trial = study.ask()
        study.tell(trial, loss=float(((np.array([trial["x"], trial["y"]]) - CENTER) ** 2).sum()))
    history, shown = study.result.history, features(SPACE)
    settings = SurrogateSettings(matern52, 3, 250, drawn=False)
    made = surrogate(history, shown, comparable(history), settings, np.random.default_rng(0))
    return made, shown


def test_the_one_that_ranks_the_trials_best_counts_most():
    """Over twenty studies of eight trials the true bowl has four fifths of the weight at least in all but two at most."""
    pasts = past("far", np.array([0.9, 0.1]), seed=2), past("near", CENTER + 0.03, seed=3)
    shares = []
    for seed in range(20):
        made, shown = surrogate_of(8, seed)
        shares.append(transfer.weights(made, pasts, shown, matern52, np.random.default_rng(seed)))
    shares = np.array(shares)
    assert np.allclose(shares.sum(1), 1.0)
    assert (shares[:, 1] > 0.8).sum() >= 18


def test_one_that_misleads_is_shut_out():
    """A hill for a bowl misranks nearly every pair: it is let in by none of twenty studies of eight trials."""
    turned = (past("turned", CENTER, sign=-1.0),)
    for seed in range(20):
        made, shown = surrogate_of(8, seed)
        shares = transfer.weights(made, turned, shown, matern52, np.random.default_rng(seed))
        assert not shares.any()
        assert transfer.taught(made, shares, turned, shown, matern52) == (made, ())


def test_the_study_s_own_process_corrects_a_past_that_is_off():
    made, shown = surrogate_of(12)
    pasts = (past("off", CENTER + 0.2, seed=3),)
    taught, parts = transfer.taught(made, np.ones(1), pasts, shown, matern52)
    grid = np.stack(np.meshgrid(np.linspace(0, 1, 21), np.linspace(0, 1, 21)), -1).reshape(-1, 2)
    mean, _ = transfer.gp.predict(taught.models[0], grid)
    best = grid[np.argmin(mean + transfer.level(parts, grid))]
    old = grid[np.argmin(transfer.level(parts, grid))]
    assert np.abs(old - CENTER).max() > 0.12
    assert np.abs(best - CENTER).max() < 0.12
    assert parts[0].weight >= 0.0


def test_a_portfolio_has_a_point_for_each_kind_of_study():
    here, there = np.array([0.2, 0.2]), np.array([0.8, 0.9])
    pasts = (past("here", here), past("here too", here, seed=5), past("there", there, seed=6))
    points = np.array(transfer.portfolio(SPACE, pasts, features(SPACE), matern52, 3))
    assert np.abs(points[0] - here).max() < 0.2, "two of three studies are best there"
    assert np.abs(points[1] - there).max() < 0.2


def test_a_model_sees_the_parameters_that_it_knows():
    units = np.random.default_rng(0).random((30, 2))
    half = Past("half", units * [1, 0] + [0, 0.5], np.array([True, False]), np.abs(units[:, 0] - 0.25))
    learned = transfer.lesson(half, features(SPACE), matern52)
    assert learned.columns.tolist() == [0]
    line = np.stack([np.linspace(0, 1, 41), np.random.default_rng(1).random(41)], 1)
    assert line[np.argmin(learned.expected(line)), 0] == pytest.approx(0.25, abs=0.06)


def test_slopes_of_a_raised_process_are_those_of_its_mean():
    from danlu.maths.raised import Raised, predict, predict_slopes

    made, shown = surrogate_of(10)
    taught, parts = transfer.taught(made, np.ones(1), (past("near", CENTER + 0.05),), shown, matern52)
    model = Raised(taught.models[0], parts)
    at = np.random.default_rng(4).random((5, 2))
    mean, variance, by_mean, by_variance = predict_slopes(model, at)
    assert np.allclose(mean, predict(model, at)[0])
    assert np.allclose(variance, predict(model, at)[1])
    for column in range(2):
        step = 1e-5 * np.eye(2)[column]
        (up, wide), (down, narrow) = predict(model, at + step), predict(model, at - step)
        assert np.allclose((up - down) / 2e-5, by_mean[:, column], atol=1e-4)
        assert np.allclose((wide - narrow) / 2e-5, by_variance[:, column], atol=1e-4)


def test_the_fourth_trial_is_none_of_the_portfolio():
    """What an earlier study thinks bad is never seen otherwise, and what misleads never found out."""
    old = danlu.tune(
        lambda t: (t["x"] - 0.9) ** 2 + (t["y"] - 0.9) ** 2, SPACE, minimize="loss", trials=20, seed=1
    )
    new = danlu.tune(lambda t: t["x"] + t["y"], SPACE, minimize="loss", trials=4, past=old, seed=2)
    assert new.trials[0].params["x"] > 0.75
    assert new.trials[3].params == {"x": 0.5, "y": 0.5}


def test_a_bowl_is_found_though_its_past_is_turned_around():
    """The bowl is found to 0.01 by the fifteenth trial in each of five."""
    for seed in range(5):
        hill = danlu.tune(
            lambda t: -((t["x"] - 0.3) ** 2) - (t["y"] - 0.7) ** 2, SPACE, minimize="loss", trials=15, sampler="random", seed=seed
        )  # fmt: skip
        found = danlu.tune(
            lambda t: (t["x"] - 0.3) ** 2 + (t["y"] - 0.7) ** 2, SPACE, minimize="loss", trials=15, past=hill, seed=seed
        )  # fmt: skip
        assert found.best.value < 0.01
