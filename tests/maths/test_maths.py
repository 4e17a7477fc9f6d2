"""Every formula against an independent source: quadrature, finite differences, scikit-learn, scipy."""

import numpy as np
import pytest
from scipy import integrate, stats
from scipy.optimize import approx_fprime
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process import kernels as sk

from danlu.maths import acquisition, gp, kernels, pareto, qmc, warp
from danlu.maths.targets import half_rank

RNG = np.random.default_rng(0)
X = RNG.random((14, 3))
Y = np.sin(4 * X[:, 0]) + X[:, 1] ** 2 + 0.05 * RNG.standard_normal(14)
SHAPE = gp.Shape(np.array([0, 1, 1]))
BENT = gp.Shape(SHAPE.groups, np.array([0, 2]))
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


class Trend(sk.StationaryKernelMixin, sk.Kernel):
    """A Bayesian regression on z, z^2 and products of two coordinates, z = 2x - 1, in scikit-learn's dress."""

    def __init__(self, curves, products):
        self.curves, self.products = curves, products

    def __call__(self, x, y=None, eval_gradient=False):
        one, other = (self.basis(2 * part - 1) for part in (x, x if y is None else y))
        return one @ other.T

    def basis(self, z):
        products = [z[:, i] * z[:, j] for i in range(z.shape[1]) for j in range(i)]
        return np.hstack(
            [
                np.sqrt(self.curves) * z,
                np.sqrt(self.curves) * z**2,
                np.sqrt(self.products) * np.array(products).T,
            ]
        )

    def diag(self, x):
        return (self.basis(2 * x - 1) ** 2).sum(1)


@pytest.mark.parametrize("name", kernels.KERNELS)
def test_likelihood_posterior_and_leave_one_out_agree_with_scikit_learn(name):
    theta = np.array([-0.3, 0.2, 0.4, -4.0, -1.0, -0.5])
    kernel = kernels.KERNELS[name]
    scales = np.exp(theta[:2])[SHAPE.groups]
    noise = np.exp(theta[3]) + gp.JITTER
    stationary = sk.ConstantKernel(np.exp(theta[2])) * THEIRS[name](scales)
    theirs = GaussianProcessRegressor(stationary + Trend(*np.exp(theta[4:])), alpha=noise, optimizer=None)
    theirs.fit(X, Y)
    value, _ = gp.log_likelihood(theta, X, Y, SHAPE, kernel)
    assert value == pytest.approx(theirs.log_marginal_likelihood(), rel=1e-8)
    model = gp.condition(X, Y, SHAPE, theta, kernel=kernel)
    at = RNG.random((5, 3))
    mean, std = theirs.predict(at, return_std=True)
    np.testing.assert_allclose(gp.predict(model, at)[0], mean, rtol=1e-6)
    np.testing.assert_allclose(np.sqrt(gp.predict(model, at)[1]), std, rtol=1e-5)
    means, variances = gp.leave_one_out(model, Y)
    for left in (0, 7):
        others = np.arange(14) != left
        without = gp.condition(X[others], Y[others], SHAPE, theta, kernel=kernel)
        mean, variance = gp.predict(without, X[left : left + 1])
        assert means[left] == pytest.approx(mean[0], rel=1e-6)
        assert variances[left] == pytest.approx(variance[0] + noise, rel=1e-6)


@pytest.mark.parametrize(
    ("shape", "theta"),
    [
        (SHAPE, [-0.2, 0.3, 0.1, -3.0, -1.0, -0.5]),
        (BENT, [-0.2, 0.3, 0.1, -3.0, -1.0, -0.5, 0.4, -0.5, -0.3, 0.6]),
    ],
    ids=["plain", "warped"],
)
@pytest.mark.parametrize("name", kernels.KERNELS)
def test_gradients_agree_with_finite_differences(name, shape, theta):
    kernel = kernels.KERNELS[name]
    theta = np.array(theta)
    numeric = approx_fprime(theta, lambda t: gp.log_likelihood(t, X, Y, shape, kernel)[0], 1e-6)
    np.testing.assert_allclose(
        gp.log_likelihood(theta, X, Y, shape, kernel)[1], numeric, rtol=1e-3, atol=1e-3
    )
    numeric = approx_fprime(theta, lambda t: gp.log_prior(t, shape)[0], 1e-7)
    np.testing.assert_allclose(gp.log_prior(theta, shape)[1], numeric, rtol=1e-4, atol=1e-4)
    model = gp.condition(X, Y, shape, theta, kernel=kernel)
    points = np.array([[0.31, 0.62, 0.13], [0.8, 0.4, 0.9]])
    *plain, by_mean, by_variance = gp.predict_slopes(model, points)
    np.testing.assert_allclose(plain, gp.predict(model, points))
    for at, ours, theirs in zip(points, by_mean, by_variance, strict=True):
        for slope, which in ((ours, 0), (theirs, 1)):
            numeric = approx_fprime(at, lambda x, which=which: gp.predict(model, x[None])[which][0], 1e-7)
            np.testing.assert_allclose(slope, numeric, rtol=1e-3, atol=1e-5)


def test_rows_appended_are_rows_factored_anew():
    theta = np.array([-0.2, 0.3, 0.1, -3.0, -1.0, -0.5, 0.4, -0.5, -0.3, 0.6])
    whole = gp.condition(X, Y, BENT, theta)
    grown = gp.condition(X[:9], np.zeros(9), BENT, theta)
    for upto in (10, 14):
        grown = gp.extend(grown, X[len(grown.weights) : upto], Y[:upto])
    np.testing.assert_allclose(grown.factor, whole.factor, atol=1e-12)
    np.testing.assert_allclose(grown.weights, whole.weights, rtol=1e-9)


def test_a_turned_bowl_is_known_from_a_handful_of_observations():
    """Six dimensions, 28 coefficients, 40 observations: exact where no observation is near."""
    rng = np.random.default_rng(0)
    turned, _ = np.linalg.qr(rng.standard_normal((6, 6)))

    def bowl(x):
        return (((x - 0.4) @ turned) ** 2) @ 3.0 ** np.arange(6) / 20

    x, at = rng.random((40, 6)), rng.random((200, 6))
    model = gp.fit(x, bowl(x), gp.Shape(np.arange(6)), evaluations=200)
    assert np.abs(gp.predict(model, at)[0] - bowl(at)).max() < 0.05 * np.ptp(bowl(at))


def test_bends_are_the_distribution_function_of_kumaraswamy():
    """With a or b of 1 it is a beta distribution's."""
    x = np.linspace(0.01, 0.99, 9)
    np.testing.assert_allclose(warp.kumaraswamy(x, 2.5, 1.0), stats.beta(2.5, 1).cdf(x))
    np.testing.assert_allclose(warp.kumaraswamy(x, 1.0, 0.4), stats.beta(1, 0.4).cdf(x))


def test_a_bend_is_found():
    """A function that only moves near 0 is predicted better by a process that may warp its input."""
    x = np.sort(RNG.random((25, 1)), axis=0)
    at = np.linspace(0.02, 0.98, 60)[:, None]
    wave = [np.sin(9 * values[:, 0] ** 0.25) for values in (x, at)]
    errors = [
        np.abs(gp.predict(gp.fit(x, wave[0], shape, evaluations=60), at)[0] - wave[1]).mean()
        for shape in (gp.Shape(np.array([0]), np.array([0])), gp.Shape(np.array([0])))
    ]
    assert errors[0] < 0.7 * errors[1]


def test_posterior_samples_have_the_posteriors_moments():
    """4,000 draws: the mean is within 4.5 standard errors (a false alarm in 1e-5 of runs), seeds fixed."""
    model = gp.condition(X, Y, SHAPE, np.array([-0.3, 0.2, 0.4, -3.0, -1.0, -0.5]))
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


@pytest.mark.parametrize(
    ("width", "seed"), [(1, 0), (2, 1), (5, 3), (40, 9), (qmc.TABLED, 2), (qmc.TABLED + 1, 2)]
)
@pytest.mark.filterwarnings("ignore:The balance properties")
def test_sobol_is_scipys_and_starts_anywhere(width, seed):
    from scipy.stats import qmc as theirs

    whole = theirs.Sobol(width, scramble=True, rng=np.random.default_rng(seed)).random(64)
    np.testing.assert_array_equal(qmc.sobol(width, seed, 0, 64), whole)
    np.testing.assert_array_equal(qmc.sobol(width, seed, 40, 24), whole[40:])


def test_sobol_of_nothing_and_far_along():
    from scipy.stats import qmc as theirs

    assert qmc.sobol(0, 3, 0, 4).shape == (4, 0)
    assert qmc.sobol(3, 3, 9, 0).shape == (0, 3)
    far = theirs.Sobol(3, scramble=True, rng=np.random.default_rng(3)).fast_forward(2**29 + 5).random(3)
    np.testing.assert_array_equal(qmc.sobol(3, 3, 2**29 + 5, 3), far)


def test_the_gain_in_area_agrees_with_counting():
    """20,000 joint draws for each of three fronts: within 4.5 standard errors (a false alarm in 1e-5 of runs)."""
    rng = np.random.default_rng(0)
    reference = np.array([1.0, 1.2])
    for front in (np.zeros((0, 2)), np.array([[0.3, 0.4]]), np.array([[0.1, 0.9], [0.3, 0.4], [0.8, 0.1]])):
        means, stds = np.array([[0.35], [0.5]]), np.array([[0.3], [0.2]])
        gain = np.exp(acquisition.log_expected_hypervolume_improvement(means, stds, front, reference))[0]
        draws = means[:, 0] + stds[:, 0] * rng.standard_normal((20_000, 2))
        before = pareto.hypervolume(front, reference) if len(front) else 0.0
        gains = np.array([_area(front, draw, reference) - before for draw in draws])
        assert abs(gains.mean() - gain) < 4.5 * gains.std() / np.sqrt(len(gains))


def _area(front, draw, reference):
    """The area under the front and one more point, by a sweep of its own."""
    points = sorted([*map(tuple, front), tuple(draw)])
    area, ceiling = 0.0, reference[1]
    for x, y in points:
        if x < reference[0] and y < ceiling:
            area += (reference[0] - x) * (ceiling - y)
            ceiling = y
    return area


def test_far_from_the_front_the_gain_keeps_its_order():
    """Where the plain form is zero, the logarithm still says which of two points is nearer."""
    means = np.array([[30.0, 20.0], [30.0, 20.0]])
    front, reference = np.array([[0.0, 0.0]]), np.array([1.0, 1.0])
    gain = acquisition.log_expected_hypervolume_improvement(means, np.full((2, 2), 0.5), front, reference)
    assert np.isfinite(gain).all()
    assert gain[1] > gain[0] + 100


def test_chances_below_a_bound():
    chance = acquisition.log_probability_below(np.array([0.3]), np.array([0.5]), 0.1)
    assert chance[0] == pytest.approx(stats.norm(0.3, 0.5).logcdf(0.1))


@pytest.mark.parametrize("size", [1e300, 8e307, 1e-200, 1e-310])
def test_losses_of_any_size_are_warped_as_ordinary_ones(size):
    losses = np.array([-1.0, 0.5, 1.0, 2.0, -0.25])
    np.testing.assert_allclose(half_rank(size * losses), half_rank(losses), rtol=1e-9)
