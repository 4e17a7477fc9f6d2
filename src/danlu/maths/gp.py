"""Gaussian process regression: hyperparameters by maximum a posteriori, posterior, derivatives.

Rasmussen and Williams (2006): posterior eq. 2.25-2.26, log marginal likelihood eq. 2.30, its gradient
eq. 5.9. The priors are normal densities of the *logarithms* of the hyperparameters, so the mode that
is found does not depend on which of the two is optimised; the weak preference for lengthscales that
grow with sqrt(d) is Hvarfner, Hellsten and Nardi, "Vanilla Bayesian optimization performs great in
high dimensions" (ICML 2024).

Notation: n observations, p feature columns in g groups that share a lengthscale each; theta is
(log lengthscales (g), log output variance, log noise variance).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_solve, solve_triangular
from scipy.optimize import minimize

from .kernels import Floats, Kernel, matern52, squared_distances

JITTER = 1e-8
BOUNDS = ((-6.0, 6.0), (-5.0, 5.0), (-16.0, 2.0))
"""Of log lengthscale, log output variance, log noise variance."""


class Posterior(NamedTuple):
    """A fitted process: everything that predicting needs."""

    inputs: Floats
    scales: Floats
    variance: float
    noise: float
    factor: NDArray[Any]
    weights: Floats
    kernel: Kernel
    theta: Floats


def log_prior(theta: Floats) -> tuple[float, Floats]:
    """The log density of the hyperparameters' prior (up to a constant) and its gradient."""
    groups = len(theta) - 2
    means = np.concatenate([np.full(groups, 0.5 * np.log(max(groups, 1))), [0.0, -6.0]])
    spreads = np.concatenate([np.ones(groups), [0.7, 1.5]])
    z = (theta - means) / spreads
    return float(-0.5 * z @ z), -z / spreads


def log_likelihood(
    theta: Floats, parts: Floats, y: Floats, kernel: Kernel = matern52
) -> tuple[float, Floats]:
    """The log marginal likelihood (eq. 2.30) and its gradient by theta (eq. 5.9).

    ``parts`` has shape (g, n, n): each group's own squared distances, not divided by anything.
    """
    groups, n = len(parts), len(y)
    inverse = np.exp(-2.0 * theta[:groups])
    variance, noise = np.exp(theta[groups]), np.exp(theta[groups + 1])
    correlation, slope = kernel(np.tensordot(inverse, parts, 1))
    covariance = variance * correlation + (noise + JITTER) * np.eye(n)
    factor = np.linalg.cholesky(covariance)
    alpha = cho_solve((factor, True), y)
    value = -0.5 * y @ alpha - np.log(np.diag(factor)).sum() - 0.5 * n * np.log(2.0 * np.pi)
    inner = np.outer(alpha, alpha) - cho_solve((factor, True), np.eye(n))
    weighted = inner * slope * variance
    by_scale = -np.array([(weighted * part).sum() for part in parts]) * inverse
    by_variance = 0.5 * variance * (inner * correlation).sum()
    by_noise = 0.5 * noise * np.trace(inner)
    return float(value), np.concatenate([by_scale, [by_variance, by_noise]])


def fit(
    inputs: Floats,
    y: Floats,
    groups: NDArray[np.int64],
    *,
    kernel: Kernel = matern52,
    start: Floats | None = None,
    evaluations: int = 25,
) -> Posterior:
    """The process with its most probable hyperparameters, by L-BFGS from ``start`` or the prior's mode.

    Args:
        inputs: features, shape (n, p).
        y: targets of about zero mean and unit scale, shape (n,).
        groups: which lengthscale each column uses, integers 0 .. g - 1, shape (p,).
        kernel: one of ``kernels.KERNELS``.
        start: a theta to start from, shape (g + 2,).
        evaluations: how often the likelihood may be computed.

    Example:
        >>> x = np.linspace(0, 1, 9)[:, None]
        >>> model = fit(x, np.sin(6 * x[:, 0]), np.array([0]))
        >>> bool(abs(predict(model, np.array([[0.3]]))[0][0] - np.sin(1.8)) < 0.05)
        True
    """
    count = int(groups.max()) + 1 if len(groups) else 0
    parts = np.array(
        [squared_distances(inputs[:, groups == g], inputs[:, groups == g]) for g in range(count)]
    )
    parts = parts.reshape(count, len(y), len(y))
    if start is None:
        start = np.concatenate([np.full(count, 0.5 * np.log(max(count, 1))), [0.0, -6.0]])
    bounds = [BOUNDS[0]] * count + list(BOUNDS[1:])

    def loss(theta: Floats) -> tuple[float, Floats]:
        try:
            value, slope = log_likelihood(theta, parts, y, kernel)
        except np.linalg.LinAlgError:
            return 1e10, np.zeros_like(theta)
        prior, prior_slope = log_prior(theta)
        return -(value + prior), -(slope + prior_slope)

    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxfun": evaluations})
    return condition(inputs, y, groups, found.x, kernel=kernel)


def condition(
    inputs: Floats, y: Floats, groups: NDArray[np.int64], theta: Floats, *, kernel: Kernel = matern52
) -> Posterior:
    """The process with given hyperparameters."""
    scales = np.exp(theta[:-2])[groups] if len(groups) else np.ones(0)
    variance, noise = float(np.exp(theta[-2])), float(np.exp(theta[-1]))
    scaled = inputs / scales
    correlation, _ = kernel(squared_distances(scaled, scaled))
    covariance = variance * correlation + (noise + JITTER) * np.eye(len(y))
    factor = np.linalg.cholesky(covariance)
    return Posterior(scaled, scales, variance, noise, factor, cho_solve((factor, True), y), kernel, theta)


def predict(model: Posterior, inputs: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of the latent function at rows of ``inputs`` (eq. 2.25, 2.26)."""
    correlation, _ = model.kernel(squared_distances(inputs / model.scales, model.inputs))
    cross = model.variance * correlation
    solved = solve_triangular(model.factor, cross.T, lower=True)
    return cross @ model.weights, np.maximum(model.variance - (solved * solved).sum(0), 1e-12)


def predict_slopes(model: Posterior, point: Floats) -> tuple[float, float, Floats, Floats]:
    """Mean, variance and their gradients by the features of one point, shape (p,)."""
    scaled = point / model.scales
    gaps = scaled - model.inputs
    correlation, slope = model.kernel((gaps * gaps).sum(1))
    cross = model.variance * correlation
    jacobian = (2.0 * model.variance * slope)[:, None] * gaps / model.scales
    solved = cho_solve((model.factor, True), cross)
    variance = max(model.variance - float(cross @ solved), 1e-12)
    return float(cross @ model.weights), variance, jacobian.T @ model.weights, -2.0 * jacobian.T @ solved


def sample(model: Posterior, inputs: Floats, rng: np.random.Generator) -> Floats:
    """One joint draw of the latent function at rows of ``inputs``."""
    scaled = inputs / model.scales
    cross = model.variance * model.kernel(squared_distances(scaled, model.inputs))[0]
    prior = model.variance * model.kernel(squared_distances(scaled, scaled))[0]
    solved = solve_triangular(model.factor, cross.T, lower=True)
    covariance = prior - solved.T @ solved + 1e-6 * model.variance * np.eye(len(inputs))
    draw: Floats = cross @ model.weights + np.linalg.cholesky(covariance) @ rng.standard_normal(len(inputs))
    return draw


def leave_one_out(model: Posterior, y: Floats) -> tuple[Floats, Floats]:
    """Mean and variance at each observation from all others (eq. 5.12), without refitting."""
    inverse = cho_solve((model.factor, True), np.eye(len(y)))
    diagonal = np.diag(inverse)
    return y - model.weights / diagonal, 1.0 / diagonal
