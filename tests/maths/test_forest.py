"""The forest: against its definition, and against scikit-learn's."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestRegressor

from danlu.maths import forest


def wave(x):
    return np.sin(5 * x[:, 0]) + 2 * (x[:, 1] > 0.5) * x[:, 2] + x[:, 3] ** 2


@settings(deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 25), st.integers(1, 4))
def test_every_leaf_holds_the_mean_and_variance_of_what_fell_into_it(seed, n, least):
    """On coarse inputs with many ties: recomputed from the samples drawn, tree by tree."""
    rng = np.random.default_rng(seed)
    x, y = rng.integers(0, 4, (n, 3)) / 3.0, rng.normal(size=n)
    made = forest.grow(x, y, rng, trees=5, least=least)
    ends = forest.leaves(made, x)
    assert (made.drawn.sum(1) == n).all()
    for tree in range(5):
        for leaf in np.unique(ends[tree][made.drawn[tree] > 0]):
            inside = (ends[tree] == leaf) & (made.drawn[tree] > 0)
            values = np.repeat(y[inside], made.drawn[tree][inside])
            assert len(values) >= min(least, n)
            assert made.means[leaf] == pytest.approx(values.mean())
            assert made.variances[leaf] == pytest.approx(values.var(), abs=1e-9)
    means = made.means[ends]
    mean, variance = forest.predict(made, x)
    np.testing.assert_allclose(mean, means.mean(0))
    np.testing.assert_allclose(variance, made.variances[ends].mean(0) + means.var(0))


def test_it_predicts_as_well_as_scikit_learns():
    """Five data sets of 200 noisy observations: the mean squared error is at most a fifth larger."""
    ours, theirs = [], []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        x, at = rng.random((200, 6)), rng.random((500, 6))
        y = wave(x) + 0.1 * rng.standard_normal(200)
        made = forest.grow(x, y, rng)
        other = RandomForestRegressor(100, min_samples_leaf=2, random_state=seed).fit(x, y)
        ours.append(np.mean((forest.predict(made, at)[0] - wave(at)) ** 2))
        theirs.append(np.mean((other.predict(at) - wave(at)) ** 2))
    assert np.mean(ours) < 1.2 * np.mean(theirs)


def test_out_of_bag_errors_are_honest():
    """Of noise nothing can be learned: an honest error is not below the variance, that on the sample is."""
    rng = np.random.default_rng(0)
    x, y = rng.random((300, 4)), rng.standard_normal(300)
    made = forest.grow(x, y, rng)
    honest = np.nanmean((forest.out_of_bag(made, x) - y) ** 2)
    assert honest > 0.95 * y.var()
    assert np.mean((forest.predict(made, x)[0] - y) ** 2) < 0.6 * y.var()


def test_what_cannot_be_split_is_one_leaf():
    rng = np.random.default_rng(0)
    for x, y in (
        (np.ones((6, 2)), rng.normal(size=6)),
        (rng.random((6, 2)), np.ones(6)),
        (np.ones((1, 1)), np.ones(1)),
    ):
        made = forest.grow(x, y, rng, trees=3)
        assert len(made.features) == 3
        assert np.isfinite(forest.predict(made, x)).all()
