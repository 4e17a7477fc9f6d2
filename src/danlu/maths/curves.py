"""Where a learning curve is heading: a posterior over families of curves, in closed form.

The families are those of Domhan, Springenberg and Hutter, "Speeding up automatic hyperparameter optimization of
deep neural networks by extrapolation of learning curves" (IJCAI 2015): powers, exponentials and logarithms that
fall towards an asymptote. Instead of sampling their parameters by MCMC, the shape runs over a grid, and for each
shape asymptote, height and noise have a conjugate prior (normal and inverse gamma; Bishop, "Pattern recognition and
machine learning", 2006, section 3.3), so the evidence of each shape and its Student-t prediction are exact.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .kernels import Floats

POINTS = 40
"""Curves are thinned to this many points, the newest most densely."""

DEGREES, NOISE = 1.0, 0.02
"""The inverse gamma prior of the noise's variance: half the degrees of freedom, and a scale as a share of the range."""


class CurveForecast(NamedTuple):
    """What a curve will be at a later step: a mixture of Student-t distributions.

    Attributes:
        weights: of the shapes, adding up to 1, shape (k,).
        means: shape (k,).
        scales: shape (k,).
        degrees: degrees of freedom of all.
    """

    weights: Floats
    means: Floats
    scales: Floats
    degrees: float

    def below(self, bar: float) -> float:
        """The probability of a value below ``bar``."""
        from scipy.special import stdtr

        return float(self.weights @ stdtr(self.degrees, (bar - self.means) / self.scales))

    def mean(self) -> float:
        """The expected value."""
        return float(self.weights @ self.means)


def outlook(steps: Floats, losses: Floats, horizon: float) -> CurveForecast:
    """What is to be expected of a curve at ``horizon``.

    Args:
        steps: rising, positive, at least three, shape (n,).
        losses: finite, shape (n,).
        horizon: a step not before the last one.

    Example:
        >>> t = np.arange(1.0, 21.0)
        >>> seen = outlook(t, 0.3 + t**-0.5, 100.0)
        >>> abs(seen.mean() - 0.4) < 0.03, seen.below(0.2) < 0.05
        (True, True)
    """
    from scipy.special import gammaln, logsumexp

    back = (
        np.linspace(0.0, np.sqrt(len(steps) - 1.0), POINTS) ** 2
        if len(steps) > POINTS
        else np.arange(len(steps))
    )
    kept = len(steps) - 1 - np.unique(np.round(back).astype(int))[::-1]
    t, y = steps[kept], losses[kept]
    middle, spread = float(y[-1]), float(np.ptp(y)) or 1e-12
    y = (y - middle) / spread
    columns, ahead = _shapes(t, horizon)
    n = len(t)
    design = np.stack([np.ones((len(columns), n)), columns], axis=2)  # (k, n, 2)
    trust = np.clip(t / t[-1], 0.05, 1.0)  # what is long past says less of what is to come
    prior = 0.25 * NOISE**2 * np.eye(2)  # both of about two ranges, when the noise is as expected
    weighted = design * trust[None, :, None]
    precision = np.einsum("kni,knj->kij", weighted, design) + prior
    right = np.einsum("kni,n->ki", weighted, y)
    means = np.linalg.solve(precision, right[..., None])[..., 0]
    rate = NOISE**2 + 0.5 * np.maximum((trust * y * y).sum() - (means * right).sum(1), 0.0)
    shape = DEGREES + 0.5 * n
    evidence = -shape * np.log(rate) - 0.5 * np.linalg.slogdet(precision)[1] + gammaln(shape)
    point = np.stack([np.ones(len(columns)), ahead], axis=1)
    spreads = 1.0 + np.einsum("ki,kij,kj->k", point, np.linalg.inv(precision), point)
    scales = np.sqrt(rate / shape * spreads)
    weights = np.exp(evidence - logsumexp(evidence))
    expected = (means * point).sum(1)
    return CurveForecast(weights, middle + spread * expected, spread * scales, 2.0 * shape)


def roughness(train: Floats) -> float:
    """How much of a curve's range it goes up, on average over its second half; 0 when it only falls.

    Example:
        >>> roughness(np.array([4.0, 3.0, 2.0, 1.0])), roughness(np.array([4.0, 1.0, 2.5, 1.0, 2.5]))
        (0.0, 0.25)
    """
    half = train[len(train) // 2 :] if len(train) > 3 else train
    spread = float(np.ptp(train))
    return 0.0 if spread <= 0 else float(np.clip(np.diff(half), 0, None).mean() / spread)


def _shapes(t: Floats, horizon: float) -> tuple[Floats, Floats]:
    """Curves that fall from 1 at the first step, shape (k, n), and where they are at the horizon, shape (k,)."""
    both = np.append(t, horizon)
    scaled = both / both[0]
    powers = [scaled**-power for power in (0.25, 0.5, 1.0, 2.0)]
    logs = [1.0 / (1.0 + np.log(scaled)), 1.0 / (1.0 + np.log(scaled)) ** 2]
    falls = [np.exp(-(both - both[0]) / (share * horizon)) for share in (0.02, 0.05, 0.1, 0.2, 0.4, 0.8)]
    line = [1.0 - 0.5 * (both - both[0]) / (horizon - both[0] + 1e-12)]
    all_ = np.array([*powers, *logs, *falls, *line])
    return all_[:, :-1], all_[:, -1]
