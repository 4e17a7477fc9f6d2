"""Gaussian process regression: hyperparameters by maximum a posteriori, posterior, derivatives, appends.

Rasmussen and Williams (2006): posterior eq. 2.25-2.26, log marginal likelihood eq. 2.30, its gradient
eq. 5.9, leave-one-out eq. 5.10-5.12. Inputs in [0, 1] may be warped (``warp.py``). The priors are normal
densities of the *logarithms* of the hyperparameters, so the mode that is found does not depend on which of the
two is optimized; the weak preference for lengthscales that grow with sqrt(d) is Hvarfner, Hellsten and Nardi,
"Vanilla Bayesian optimization performs great in high dimensions" (ICML 2024).

To the stationary part a quadratic trend is added (``trend.py``): most losses are bowls from afar, whatever they
are from near, and a quadratic, turned or not, is known from few observations.

Notation: n observations, p feature columns in g groups that share a lengthscale each, w warped columns; theta
is (log lengthscales (g), log variances of output, noise, curves and products, log a (w), log b (w)).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import trend as trends
from . import warp
from .kernels import Floats, Kernel, matern52, squared_distances
from .threads import single

Numbers = NDArray[np.int64]
NONE = np.zeros(0, dtype=np.int64)

JITTER = 1e-8
BOUNDS = ((-6.0, 6.0), (-5.0, 5.0), (-16.0, 2.0), (-12.0, 4.0), (-12.0, 4.0), (-2.0, 2.0))
"""Of log lengthscale, log variance of output, noise, curves and products, and the logarithms of a warp."""

SPREADS = (1.0, 0.7, 1.5, 2.0, 2.0, 0.5)
"""Standard deviations of their priors."""

_ = np.empty(2**21)
del _
"""glibc hands every freed array above 128 KiB back to the system until it has seen a larger one freed; the
page faults of covariance matrices then cost as much as their arithmetic (half the time of a fit, measured)."""


class Shape(NamedTuple):
    """How theta belongs to the columns of the inputs.

    Attributes:
        groups: which lengthscale each column uses, integers 0 .. g - 1 that never fall, shape (p,).
        warped: the columns with a warp of their own, shape (w,); their values are in [0, 1].
    """

    groups: Numbers
    warped: Numbers = NONE

    @property
    def scales(self) -> int:
        """The number of lengthscales."""
        return int(self.groups[-1]) + 1 if len(self.groups) else 0

    def prior(self) -> tuple[Floats, Floats]:
        """Mean and standard deviation of theta's normal prior."""
        count, warped = self.scales, 2 * len(self.warped)
        scale = 0.5 * np.log(max(count, 1))
        means = np.concatenate([np.full(count, scale), [0.0, -6.0, -4.0, -5.0], np.zeros(warped)])
        spreads = np.concatenate([np.full(count, SPREADS[0]), SPREADS[1:5], np.full(warped, SPREADS[5])])
        return means, spreads

    def bounds(self) -> list[tuple[float, float]]:
        """The box that theta is kept in."""
        return [BOUNDS[0]] * self.scales + list(BOUNDS[1:5]) + [BOUNDS[5]] * (2 * len(self.warped))


class Posterior(NamedTuple):
    """A process given observations: everything that predicting needs.

    Attributes:
        shape: how theta belongs to the columns.
        theta: the hyperparameters.
        kernel: the stationary part.
        inputs: features after warping and lengthscales, shape (n, p).
        sides: features from -1 to 1, as the trend sees them, shape (n, p).
        factor: lower Cholesky factor of the covariance, shape (n, n).
        weights: the covariance's inverse times the targets, shape (n,).
    """

    shape: Shape
    theta: Floats
    kernel: Kernel
    inputs: Floats
    sides: Floats
    factor: NDArray[Any]
    weights: Floats

    @property
    def scales(self) -> Floats:
        """The lengthscale of each column, shape (p,)."""
        scales: Floats = np.exp(self.theta[: self.shape.scales])[self.shape.groups]
        return scales

    @property
    def variance(self) -> float:
        """The prior variance of the stationary part."""
        return float(np.exp(self.theta[self.shape.scales]))

    @property
    def noise(self) -> float:
        """The variance of the noise."""
        return float(np.exp(self.theta[self.shape.scales + 1]))

    @property
    def trend(self) -> Floats:
        """The variances of the trend's curves and products, shape (2,)."""
        found: Floats = np.exp(self.theta[self.shape.scales + 2 : self.shape.scales + 4])
        return found

    def seen(self, inputs: Floats) -> tuple[Floats, Floats]:
        """Features (n, p) after warping and lengthscales, and as the trend sees them."""
        return _bent(self.shape, self.theta, inputs) / self.scales, trends.sides(inputs)

    def covariance(self, a: tuple[Floats, Floats], b: tuple[Floats, Floats]) -> Floats:
        """Prior covariance between what was ``seen``."""
        stationary = self.kernel(squared_distances(a[0], b[0]))[0]
        curves, products = trends.covariances(a[1], b[1])
        found: Floats = self.variance * stationary + self.trend[0] * curves + self.trend[1] * products
        return found

    def variances(self, sides: Floats) -> Floats:
        """Prior variance of the latent function, shape (n,)."""
        curves, products = trends.variances(sides)
        found: Floats = self.variance + self.trend[0] * curves + self.trend[1] * products
        return found


def log_prior(theta: Floats, shape: Shape) -> tuple[float, Floats]:
    """The log density of theta's prior (up to a constant) and its gradient."""
    means, spreads = shape.prior()
    z = (theta - means) / spreads
    return float(-0.5 * z @ z), -z / spreads


def log_likelihood(
    theta: Floats,
    inputs: Floats,
    y: Floats,
    shape: Shape,
    kernel: Kernel = matern52,
    trend: tuple[Floats, Floats] | None = None,
    ratios: Floats | None = None,
) -> tuple[float, Floats]:
    """The log marginal likelihood (eq. 2.30) and its gradient by theta (eq. 5.9).

    With W the derivative by the squared distances, a column x of the inputs enters the gradient through
    r = x * rowsum(W) - W x alone, so no pairwise array beyond (n, n) is needed. ``trend`` is what
    ``trends.covariances`` gives of the inputs, where the caller has it already; ``ratios`` are each observation's variance of
    noise beside theta's, shape (n,), 1 when None.

    Raises:
        LinAlgError: when the covariance is not positive definite.
    """
    from scipy.linalg import cho_solve
    from scipy.linalg.lapack import dpotri

    count, n = shape.scales, len(y)
    scales = np.exp(theta[:count])[shape.groups]
    variance, noise, curved, mixed = np.exp(theta[count : count + 4])
    scaled = _bent(shape, theta, inputs) / scales
    correlation, slope = kernel(squared_distances(scaled, scaled))
    curves, products = _trend(inputs) if trend is None else trend
    covariance = variance * correlation
    covariance += curved * curves
    covariance += mixed * products
    ratios = np.ones(n) if ratios is None else ratios
    factor = _factor(covariance, noise * ratios)
    alpha = cho_solve((factor, True), y, check_finite=False)
    value = -0.5 * y @ alpha - np.log(np.diag(factor)).sum() - 0.5 * n * np.log(2.0 * np.pi)
    lower = np.tril(dpotri(factor, lower=1)[0])
    inner = np.outer(alpha, alpha)
    inner -= lower
    lower.flat[:: n + 1] = 0.0
    inner -= lower.T
    weighted = np.multiply(inner, slope, out=slope)
    weighted *= variance
    turned = scaled * weighted.sum(1)[:, None] - weighted @ scaled
    by_scale = -2.0 * np.bincount(shape.groups, (scaled * turned).sum(0), minlength=count)
    by_output, by_curves, by_products = (np.vdot(inner, each) for each in (correlation, curves, products))
    by_variances = [
        variance * by_output,
        noise * (np.diag(inner) @ ratios),
        curved * by_curves,
        mixed * by_products,
    ]
    parts = [by_scale, 0.5 * np.array(by_variances)]
    if len(shape.warped):
        by_a, by_b = warp.by_logarithms(inputs[:, shape.warped], theta[count + 4 :])
        share = 2.0 * turned[:, shape.warped] / scales[shape.warped]
        parts += [(share * by_a).sum(0), (share * by_b).sum(0)]
    return float(value), np.concatenate(parts)


class Mode(NamedTuple):
    """The most probable hyperparameters, and how far others are nearly as probable.

    Attributes:
        theta: where the posterior density of theta is largest.
        root: a root R of theta's covariance R R' in Laplace's approximation, as far as L-BFGS has seen it.
    """

    theta: Floats
    root: Floats

    def draw(self, shape: Shape, rng: np.random.Generator) -> Floats:
        """Hyperparameters drawn from the approximation, kept in their box."""
        low, high = np.array(shape.bounds()).T
        found: Floats = np.clip(self.theta + self.root @ rng.standard_normal(len(self.theta)), low, high)
        return found


@single
def mode(
    inputs: Floats,
    y: Floats,
    shape: Shape,
    *,
    kernel: Kernel = matern52,
    start: Floats | None = None,
    evaluations: int = 25,
    ratios: Floats | None = None,
) -> Mode:
    """The most probable hyperparameters, by L-BFGS.

    Args:
        inputs: features, shape (n, p).
        y: targets of about zero mean and unit scale, shape (n,).
        shape: which lengthscale each column uses, and which columns are warped.
        kernel: one of ``kernels.KERNELS``.
        start: a theta to start from; the prior's mode when None.
        evaluations: how often the likelihood may be computed.
        ratios: each observation's variance of noise beside the common one, shape (n,); 1 when None.
    """
    from scipy.optimize import minimize

    trend = _trend(inputs)

    def loss(theta: Floats) -> tuple[float, Floats]:
        try:
            value, slope = log_likelihood(theta, inputs, y, shape, kernel, trend, ratios)
        except np.linalg.LinAlgError:
            return 1e10, np.zeros_like(theta)
        prior, prior_slope = log_prior(theta, shape)
        return -(value + prior), -(slope + prior_slope)

    means, spreads = shape.prior()
    found = minimize(
        loss, means if start is None else start, jac=True, method="L-BFGS-B", bounds=shape.bounds(),
        options={"maxfun": evaluations},
    )  # fmt: skip
    values, basis = np.linalg.eigh(found.hess_inv.todense())
    roots = np.sqrt(np.clip(values, 0.0, spreads.max() ** 2))  # never wider than the widest prior
    return Mode(found.x, basis * roots)


def fit(
    inputs: Floats, y: Floats, shape: Shape, *, kernel: Kernel = matern52, evaluations: int = 25
) -> Posterior:
    """The process with its most probable hyperparameters; arguments as of ``mode``.

    Example:
        >>> x = np.linspace(0, 1, 9)[:, None]
        >>> model = fit(x, np.sin(6 * x[:, 0]), Shape(np.array([0])))
        >>> bool(abs(predict(model, np.array([[0.3]]))[0][0] - np.sin(1.8)) < 0.05)
        True
    """
    theta = mode(inputs, y, shape, kernel=kernel, evaluations=evaluations).theta
    return condition(inputs, y, shape, theta, kernel=kernel)


def condition(
    inputs: Floats,
    y: Floats,
    shape: Shape,
    theta: Floats,
    *,
    kernel: Kernel = matern52,
    ratios: Floats | None = None,
) -> Posterior:
    """The process with given hyperparameters; arguments as of ``mode``.

    Example:
        >>> x, y = np.array([[0.2], [0.5], [0.8]]), np.array([0.0, 1.0, 0.0])
        >>> theta = Shape(np.array([0])).prior()[0]
        >>> theta[2] = 0.0  # noise of the size of what is looked for
        >>> sure, vague = (condition(x, y, Shape(np.array([0])), theta, ratios=np.array([1, r, 1])) for r in (0.01, 100.0))
        >>> bool(predict(sure, x)[0][1] > 0.9 > 0.3 > predict(vague, x)[0][1])
        True
    """
    from scipy.linalg import cho_solve

    empty = np.zeros((0, 0))
    model = Posterior(shape, theta, kernel, empty, empty, empty, np.zeros(0))
    seen = model.seen(inputs)
    factor = _factor(model.covariance(seen, seen), model.noise if ratios is None else model.noise * ratios)
    weights = cho_solve((factor, True), y, check_finite=False)
    return Posterior(shape, theta, kernel, *seen, factor, weights)


def extend(model: Posterior, inputs: Floats, y: Floats) -> Posterior:
    """The process with more observations: rows are appended to the factor, nothing is factored anew.

    Args:
        model: given the first observations.
        inputs: features of the new ones, shape (k, p).
        y: all targets, old and new, shape (n + k,); the old ones may have changed.

    Example:
        >>> x, y = np.linspace(0, 1, 6)[:, None], np.arange(6.0)
        >>> whole = fit(x, y, Shape(np.array([0])))
        >>> part = condition(x[:4], y[:4], whole.shape, whole.theta)
        >>> bool(np.allclose(extend(part, x[4:], y).weights, whole.weights))
        True
    """
    from scipy.linalg import cho_solve, solve_triangular

    seen, known = model.seen(inputs), (model.inputs, model.sides)
    cross, own = model.covariance(known, seen), model.covariance(seen, seen)
    side = solve_triangular(model.factor, cross, lower=True, check_finite=False)
    corner = _factor(own - side.T @ side, model.noise)
    n, k = cross.shape
    factor = np.zeros((n + k, n + k), order="F")
    factor[:n, :n], factor[n:, :n], factor[n:, n:] = model.factor, side.T, corner
    weights = cho_solve((factor, True), y, check_finite=False)
    scaled, sides = (np.vstack(pair) for pair in zip(known, seen, strict=True))
    return model._replace(inputs=scaled, sides=sides, factor=factor, weights=weights)


def predict(model: Posterior, inputs: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of the latent function at rows of ``inputs`` (eq. 2.25, 2.26)."""
    from scipy.linalg import solve_triangular

    seen = model.seen(inputs)
    cross = model.covariance(seen, (model.inputs, model.sides))
    solved = solve_triangular(model.factor, cross.T, lower=True, check_finite=False)
    variances = model.variances(seen[1]) - np.einsum("ij,ij->j", solved, solved)
    return cross @ model.weights, np.maximum(variances, 1e-12)


def average(model: Posterior, inputs: Floats) -> tuple[float, float]:
    """Mean and variance of the latent function's average over rows of ``inputs``: exact, as an average is linear.

    Example:
        >>> x = np.linspace(0, 1, 9)[:, None]
        >>> model = fit(x, x[:, 0] - 0.5, Shape(np.array([0])))
        >>> bool(abs(average(model, np.array([[0.2], [0.4]]))[0] + 0.2) < 0.01)
        True
    """
    from scipy.linalg import solve_triangular

    seen = model.seen(inputs)
    cross = model.covariance(seen, (model.inputs, model.sides)).mean(0)
    solved = solve_triangular(model.factor, cross, lower=True, check_finite=False)
    prior = float(model.covariance(seen, seen).mean())
    return float(cross @ model.weights), max(prior - float(solved @ solved), 1e-12)


def predict_slopes(model: Posterior, inputs: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Mean and variance (q,) at rows of ``inputs`` (q, p), and their gradients by the features (q, p)."""
    from scipy.linalg import cho_solve

    variance, (curved, mixed) = model.variance, model.trend
    seen, sides = model.seen(inputs)
    by_input = np.broadcast_to(1.0 / model.scales, seen.shape)
    warped = model.shape.warped
    if len(warped):
        by_input = by_input.copy()
        by_input[:, warped] *= warp.steepness(inputs[:, warped], model.theta[model.shape.scales + 4 :])
    correlation, slope = model.kernel(squared_distances(seen, model.inputs))
    level, squares = sides @ model.sides.T, model.sides * model.sides
    curves, products = trends.covariances(sides, model.sides)
    cross = variance * correlation + curved * curves + mixed * products
    solved = cho_solve((model.factor, True), cross.T, check_finite=False).T

    def by(weights: Floats) -> Floats:
        turned = (2.0 * variance) * slope * weights
        stationary = (seen * turned.sum(1)[:, None] - turned @ model.inputs) * by_input
        if weights.ndim == 1:
            weights = np.broadcast_to(weights, level.shape)
        linear = weights @ model.sides * curved + (level * weights) @ model.sides * mixed
        found: Floats = stationary + 2.0 * (linear + (2.0 * curved - mixed) * sides * (weights @ squares))
        return found

    total = (sides * sides).sum(1)[:, None]
    own = 4.0 * sides * (curved * (1.0 + 2.0 * sides * sides) + mixed * (total - sides * sides))
    spreads = np.maximum(model.variances(sides) - (cross * solved).sum(1), 1e-12)
    return cross @ model.weights, spreads, by(model.weights), own - 2.0 * by(solved)


def sample(model: Posterior, inputs: Floats, rng: np.random.Generator) -> Floats:
    """One joint draw of the latent function at rows of ``inputs``."""
    mean, root = _joint(model, inputs)
    draw: Floats = mean + root @ rng.standard_normal(len(inputs))
    return draw


def draws(model: Posterior, inputs: Floats, rng: np.random.Generator, count: int) -> Floats:
    """Joint draws of the latent function at rows of ``inputs``, shape (count, n)."""
    mean, root = _joint(model, inputs)
    found: Floats = mean + rng.standard_normal((count, len(inputs))) @ root.T
    return found


def _joint(model: Posterior, inputs: Floats) -> tuple[Floats, Floats]:
    """Mean of the latent function at rows of ``inputs``, and a root of its covariance."""
    from scipy.linalg import solve_triangular

    seen = model.seen(inputs)
    cross, prior = model.covariance(seen, (model.inputs, model.sides)), model.covariance(seen, seen)
    solved = solve_triangular(model.factor, cross.T, lower=True, check_finite=False)
    covariance = prior - solved.T @ solved + 1e-6 * np.diag(prior).max() * np.eye(len(inputs))
    return cross @ model.weights, np.linalg.cholesky(covariance)


def leave_one_out(model: Posterior, y: Floats) -> tuple[Floats, Floats]:
    """Mean and variance at each observation from all others (eq. 5.12), without refitting."""
    from scipy.linalg import cho_solve

    inverse = cho_solve((model.factor, True), np.eye(len(y)), check_finite=False)
    diagonal = np.diag(inverse)
    return y - model.weights / diagonal, 1.0 / diagonal


def _factor(covariance: Floats, noise: float | Floats) -> NDArray[Any]:
    from scipy.linalg.lapack import dpotrf

    covariance.flat[:: len(covariance) + 1] += noise + JITTER
    factor, failed = dpotrf(covariance, lower=1, clean=1)
    if failed:
        raise np.linalg.LinAlgError("the covariance is not positive definite.")
    found: NDArray[Any] = factor
    return found


def _trend(inputs: Floats) -> tuple[Floats, Floats]:
    sides = trends.sides(inputs)
    return trends.covariances(sides, sides)


def _bent(shape: Shape, theta: Floats, inputs: Floats) -> Floats:
    if not len(shape.warped):
        return inputs
    a, b = np.exp(theta[shape.scales + 4 :]).reshape(2, -1)
    warped = inputs.copy()
    warped[:, shape.warped] = warp.kumaraswamy(inputs[:, shape.warped], a, b)
    return warped
