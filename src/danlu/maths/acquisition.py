"""How promising a point is, from the mean and standard deviation of a model of the loss.

All functions are for minimization and grow with promise. Expected improvement: Mockus (1975), Jones et
al. (1998); its logarithm without cancellation: Ament et al., "Unexpected improvements to expected
improvement" (NeurIPS 2023); probability of improvement with a margin: Kushner (1964); confidence
bound: Srinivas et al. (2010).
"""

from __future__ import annotations

import numpy as np

from .kernels import Floats

_LOG_SQRT_2PI = 0.5 * np.log(2.0 * np.pi)


def log_h(u: Floats) -> Floats:
    """log(phi(u) + u Phi(u)) for any u, exact to rounding (Ament et al., eq. 9).

    Three branches: as it stands; through erfcx below -1; the leading term of the series, -2 log|u|,
    far out.

    Example:
        >>> bool(abs(log_h(np.array([0.0]))[0] + 0.5 * np.log(2 * np.pi)) < 1e-12)
        True
    """
    from scipy.special import erfcx, ndtr

    u = np.asarray(u, dtype=float)
    high = np.maximum(u, -1.0)
    direct = np.log(np.exp(-0.5 * high * high - _LOG_SQRT_2PI) + high * ndtr(high))
    low = np.clip(u, -1e6, -1.0)
    ratio = np.sqrt(0.5 * np.pi) * erfcx(-low / np.sqrt(2.0)) * -low
    near = np.log1p(-np.minimum(ratio, 1.0 - 1e-16))
    series = -2.0 * np.log(-low)
    tail = np.where(low < -1e3, series, near) - 0.5 * low * low - _LOG_SQRT_2PI
    result: Floats = np.where(u > -1.0, direct, tail)
    return result


def log_expected_improvement(mean: Floats, std: Floats, best: float) -> Floats:
    """Log E[max(best - f, 0)]."""
    return log_h((best - mean) / std) + np.log(std)


def expected_improvement(mean: Floats, std: Floats, best: float) -> Floats:
    """E[max(best - f, 0)]."""
    return np.exp(log_expected_improvement(mean, std, best))


def probability_of_improvement(mean: Floats, std: Floats, best: float, margin: float = 0.0) -> Floats:
    """P(f < best - margin)."""
    from scipy.special import ndtr

    chance: Floats = ndtr((best - margin - mean) / std)
    return chance


def confidence_bound(mean: Floats, std: Floats, width: float = 2.0) -> Floats:
    """-(mean - width std): how low the loss may plausibly be."""
    return -(mean - width * std)


def log_probability_below(mean: Floats, std: Floats, bound: float = 0.0) -> Floats:
    """Log P(f < bound), the chance that a limit is kept.

    Gardner et al., "Bayesian optimization with inequality constraints" (ICML 2014).
    """
    from scipy.special import log_ndtr

    chance: Floats = log_ndtr((bound - mean) / std)
    return chance


def log_expected_hypervolume_improvement(
    means: Floats, stds: Floats, front: Floats, reference: Floats
) -> Floats:
    """Log of the expected gain in the area that a front of two losses dominates, exactly.

    With independent normal losses the gain falls into strips between neighboring points of the front, in
    each of which it is a product of two expected improvements (Emmerich et al. 2011; Yang et al. 2019):
    sum over k of (EI1(u_k) - EI1(l_k)) EI2(h_k). Everything is kept in logarithms (Ament et al. 2023).

    Args:
        means: shape (2, n).
        stds: shape (2, n).
        front: losses that nothing beats, shape (k, 2); it may be empty.
        reference: the worst losses that count, shape (2,).

    Example:
        >>> one = np.ones((2, 1))
        >>> gain = log_expected_hypervolume_improvement(0 * one, 1e-6 * one, np.zeros((0, 2)), np.ones(2))
        >>> bool(abs(gain[0]) < 1e-5)
        True
    """
    from scipy.special import logsumexp

    inside = front[(front < reference).all(1)]
    inside = inside[np.argsort(inside[:, 0], kind="stable")]
    upper = np.append(inside[:, 0], reference[0])
    heights = np.concatenate([[reference[1]], inside[:, 1]])
    by_upper = np.array([log_expected_improvement(means[0], stds[0], u) for u in upper])
    by_height = np.array([log_expected_improvement(means[1], stds[1], h) for h in heights])
    lower = np.vstack([np.full((1, means.shape[1]), -np.inf), by_upper[:-1]])
    gap = np.minimum(lower - by_upper, -1e-300)
    widths = by_upper + np.log(-np.expm1(gap))
    gain: Floats = logsumexp(widths + by_height, axis=0)
    return gain
