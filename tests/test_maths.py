"""Every formula against an independent source: quadrature, finite differences, scikit-learn, scipy."""

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.optimize import approx_fprime
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process import kernels as sk

from danlu.maths import acquisition, gp, kernels, qmc

RNG = np.random.default_rng(0)
X = RNG.random((14, 3))
Y = np.sin(4 * X[:, 0]) + X[:, 1] ** 2 + 0.05 * RNG.standard_normal(14)
GROUPS = np.array([0, 1, 1])
THEIRS = {
    "squared_exponential": lambda scales: sk.RBF(scales),
    "matern32": lambda scales: sk.Matern(scales, nu=1.5),
    "matern52": lambda scales: sk.Matern(scales, nu=2.5),
}


@pytest.mark.parametrize("name", kernels.KERNELS)
def test_kernels_are_those_of_scikit_learn_and_their_slopes_are_right(name):
    scales = np.array([0.5, 1.5, 0.8])
    ours, slope = kernels.KERNELS[name](kernels.squared_distances(X / scales, X / scales))
    np.testing.assert_allclose(ours, THEIRS[name](scales)(X), atol=1e-7)
    d2 = np.linspace(0.01, 9, 40)
    numeric = (kernels.KERNELS[name](d2 + 1e-6)[0] - kernels.KERNELS[name](d2 - 1e-6)[0]) / 2e-6
    np.testing.assert_allclose(kernels.KERNELS[name](d2)[1], numeric, rtol=1e-5, atol=1e-8)
    assert np.isfinite(slope).all()


@pytest.mark.parametrize("name", kernels.KERNELS)
def test_likelihood_posterior_and_leave_one_out_agree_with_scikit_learn(name):
    theta = np.array([-0.3, 0.2, 0.4, -4.0])
    kernel = kernels.KERNELS[name]
    scales = np.exp(theta[:2])[GROUPS]
    noise = np.exp(theta[3]) + gp.JITTER
    theirs = GaussianProcessRegressor(
        sk.ConstantKernel(np.exp(theta[2])) * THEIRS[name](scales), alpha=noise, optimizer=None
    ).fit(X, Y)
    parts = np.array([kernels.squared_distances(X[:, g == GROUPS], X[:, g == GROUPS]) for g in (0, 1)])
    value, _ = gp.log_likelihood(theta, parts, Y, kernel)
    assert value == pytest.approx(theirs.log_marginal_likelihood(), rel=1e-8)
    model = gp.condition(X, Y, GROUPS, theta, kernel=kernel)
    at = RNG.random((5, 3))
    mean, std = theirs.predict(at, return_std=True)
    np.testing.assert_allclose(gp.predict(model, at)[0], mean, rtol=1e-6)
    np.testing.assert_allclose(np.sqrt(gp.predict(model, at)[1]), std, rtol=1e-5)
    means, variances = gp.leave_one_out(model, Y)
    for left in (0, 7):
        others = np.arange(14) != left
        without = gp.condition(X[others], Y[others], GROUPS, theta, kernel=kernel)
        mean, variance = gp.predict(without, X[left : left + 1])
        assert means[left] == pytest.approx(mean[0], rel=1e-6)
        assert variances[left] == pytest.approx(variance[0] + noise, rel=1e-6)


@pytest.mark.parametrize("name", kernels.KERNELS)
def test_gradients_agree_with_finite_differences(name):
    kernel = kernels.KERNELS[name]
    parts = np.array([kernels.squared_distances(X[:, g == GROUPS], X[:, g == GROUPS]) for g in (0, 1)])
    theta = np.array([-0.2, 0.3, 0.1, -3.0])
    numeric = approx_fprime(theta, lambda t: gp.log_likelihood(t, parts, Y, kernel)[0], 1e-6)
    np.testing.assert_allclose(gp.log_likelihood(theta, parts, Y, kernel)[1], numeric, rtol=1e-3, atol=1e-3)
    numeric = approx_fprime(theta, lambda t: gp.log_prior(t)[0], 1e-7)
    np.testing.assert_allclose(gp.log_prior(theta)[1], numeric, rtol=1e-4, atol=1e-4)
    model = gp.condition(X, Y, GROUPS, theta, kernel=kernel)
    point = np.array([0.31, 0.62, 0.13])
    mean, variance, by_mean, by_variance = gp.predict_slopes(model, point)
    plain = gp.predict(model, point[None])
    assert (mean, variance) == pytest.approx((plain[0][0], plain[1][0]))
    for ours, which in ((by_mean, 0), (by_variance, 1)):
        numeric = approx_fprime(point, lambda x, which=which: gp.predict(model, x[None])[which][0], 1e-7)
        np.testing.assert_allclose(ours, numeric, rtol=1e-3, atol=1e-5)

    def improvement(x):
        mean, variance = gp.predict(model, x[None])
        return acquisition.log_expected_improvement(mean, np.sqrt(variance), 0.2)[0]

    std = np.sqrt(variance)
    value, slope = acquisition.log_expected_improvement_slopes(
        mean, std, 0.2, by_mean, by_variance / (2 * std)
    )
    assert value == pytest.approx(improvement(point))
    np.testing.assert_allclose(slope, approx_fprime(point, improvement, 1e-7), rtol=1e-3, atol=1e-4)


def test_fitting_finds_a_mode_and_ignores_a_useless_input():
    x = RNG.random((40, 2))
    y = np.sin(5 * x[:, 0])
    y = (y - y.mean()) / y.std()
    model = gp.fit(x, y, np.array([0, 1]), evaluations=100)
    assert model.scales[1] > 3 * model.scales[0]
    at = RNG.random((50, 2))
    truth = (np.sin(5 * at[:, 0]) - np.sin(5 * x[:, 0]).mean()) / np.sin(5 * x[:, 0]).std()
    assert np.abs(gp.predict(model, at)[0] - truth).max() < 0.1


def test_posterior_samples_have_the_posteriors_moments():
    """4,000 draws: the mean is within 4.5 standard errors (a false alarm in 1e-5 of runs), seeds fixed."""
    model = gp.condition(X, Y, GROUPS, np.array([-0.3, 0.2, 0.4, -3.0]))
    at = RNG.random((3, 3))
    mean, variance = gp.predict(model, at)
    rng = np.random.default_rng(1)
    draws = np.array([gp.sample(model, at, rng) for _ in range(4000)])
    assert (np.abs(draws.mean(0) - mean) < 4.5 * np.sqrt(variance / 4000) + 1e-4).all()
    np.testing.assert_allclose(draws.var(0), variance, rtol=0.15)


def test_acquisitions_agree_with_quadrature():
    for mean, std, best in ((0.0, 1.0, 0.5), (1.0, 0.3, 0.2), (-1.0, 2.0, -3.0)):
        density = stats.norm(mean, std).pdf
        expected, _ = integrate.quad(lambda f, b=best, d=density: (b - f) * d(f), best - 12 * std, best)
        arguments = np.array([mean]), np.array([std]), best
        assert acquisition.expected_improvement(*arguments)[0] == pytest.approx(expected, rel=1e-7)
        assert acquisition.probability_of_improvement(*arguments, 0.1)[0] == pytest.approx(
            stats.norm(mean, std).cdf(best - 0.1)
        )
        assert acquisition.confidence_bound(*arguments[:2], 1.5)[0] == pytest.approx(1.5 * std - mean)


def test_log_improvement_is_exact_where_the_plain_form_is_zero():
    """Against mpmath with 60 digits, from far below to far above."""
    import mpmath

    mpmath.mp.dps = 60
    for u in (-1e5, -2000.0, -999.0, -300.0, -40.0, -5.0, -1.0001, -0.9999, 0.0, 1.0, 30.0):
        exact = mpmath.log(mpmath.npdf(u) + mpmath.mpf(u) * mpmath.ncdf(u))
        assert acquisition.log_h(np.array([u]))[0] == pytest.approx(float(exact), rel=1e-6)


def test_sobol_is_scipys_and_starts_anywhere():
    from scipy.stats import qmc as theirs

    whole = theirs.Sobol(5, scramble=True, rng=np.random.default_rng(3)).random(64)
    np.testing.assert_array_equal(qmc.sobol(5, 3, 0, 64), whole)
    np.testing.assert_array_equal(qmc.sobol(5, 3, 40, 24), whole[40:])
    assert qmc.sobol(0, 3, 0, 4).shape == (4, 0)
