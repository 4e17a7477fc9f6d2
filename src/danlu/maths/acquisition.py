"""How promising a point is, from the mean and standard deviation of a model of the loss.

All functions are for minimisation and grow with promise. Expected improvement: Mockus (1975), Jones et
al. (1998); its logarithm without cancellation: Ament et al., "Unexpected improvements to expected
improvement" (NeurIPS 2023); probability of improvement with a margin: Kushner (1964); confidence
bound: Srinivas et al. (2010).
"""

from __future__ import annotations

import numpy as np
from scipy.special import erfcx, log_ndtr, ndtr

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


def log_expected_improvement_slopes(
    mean: float, std: float, best: float, by_mean: Floats, by_std: Floats
) -> tuple[float, Floats]:
    """``log_expected_improvement`` at one point, and its gradient from those of mean and std."""
    u = np.array([(best - mean) / std])
    logarithm = log_h(u)
    share = np.exp(log_ndtr(u) - logarithm)[0]
    by_u = -by_mean / std - u[0] * by_std / std
    return float(logarithm[0] + np.log(std)), by_std / std + share * by_u


def expected_improvement(mean: Floats, std: Floats, best: float) -> Floats:
    """E[max(best - f, 0)]."""
    return np.exp(log_expected_improvement(mean, std, best))


def probability_of_improvement(mean: Floats, std: Floats, best: float, margin: float = 0.0) -> Floats:
    """P(f < best - margin)."""
    chance: Floats = ndtr((best - margin - mean) / std)
    return chance


def confidence_bound(mean: Floats, std: Floats, width: float = 2.0) -> Floats:
    """-(mean - width std): how low the loss may plausibly be."""
    return -(mean - width * std)
