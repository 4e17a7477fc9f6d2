"""The mean of whoever was selected for having the lowest mean, without the optimism that selecting brings.

Several are measured ``first`` times, the one of the lowest mean is measured ``later`` times more, and the mean of all its measurements
is too low, because the first of them were chosen for being low. Cohen and Sackrowitz, "Two stage conditionally unbiased estimators of
the selected mean" (1989), give the estimate of least variance among those without bias, in the notation of Bowden and Glimm, "Unbiased
estimation of selected treatment means in two-stage trials" (Biometrical Journal 50, 2008).

Notation, turned to lowest instead of largest: x1 the selected one's mean in the first stage with variance v1, y in the second with
variance v2, x2 the next best in the first. z = (v2 x1 + v1 y) / (v1 + v2) is the mean of all; x1 = z + v1 d / (v1 + v2), where
d = x1 - y is independent of z, normal with variance v1 + v2, and below (x2 - z) (v1 + v2) / v1 as x1 was below x2.
"""

from __future__ import annotations

import math

import numpy as np

PLACES = np.linspace(-8.0, 8.0, 161)
"""Where the density of z is summed, in its standard deviations."""


def selected_mean(x1: float, y: float, x2: float, noise: float, first: int, later: int) -> float:
    """The selected one's mean, on average right whenever it is selected.

    Args:
        x1: its mean over ``first`` measurements (1 or more), the lowest of all.
        y: its mean over ``later`` ones (1 or more).
        x2: the next lowest mean over ``first`` measurements; infinite where there was no other.
        noise: the standard deviation of one measurement, 0 or more.
        first, later: how many measurements.

    Example:
        >>> selected_mean(1.0, 1.2, math.inf, 0.1, 2, 2)  # of one that had no rival all measurements count alike
        1.1
        >>> round(selected_mean(1.0, 1.2, 1.01, 0.1, 2, 2), 3)  # of one that was hardly ahead the first ones were luck
        1.21
    """
    z = (first * x1 + later * y) / (first + later)
    if noise == 0.0 or math.isinf(x2):
        return z
    from scipy.special import log_ndtr

    v1, v2 = noise**2 / first, noise**2 / later
    root = math.sqrt(v1 + v2)
    w = root / v1 * (x2 - z)
    hazard = math.exp(-0.5 * w * w - 0.5 * math.log(2.0 * math.pi) - float(log_ndtr(w)))
    return z + v2 / root * hazard


def selected_interval(
    x1: float, y: float, x2: float, noise: float, first: int, later: int, *, miss: float
) -> tuple[float, float]:
    """An interval that misses the selected one's mean with the chance ``miss`` whenever it is selected, half of it on either side.

    It holds the means under which z lies in the middle of its own distribution, given the selection. Arguments as in ``selected_mean``.

    Example:
        >>> low, high = selected_interval(1.0, 1.2, math.inf, 0.1, 2, 2, miss=0.1)
        >>> round(low, 3), round(high, 3)  # 1.645 standard errors to either side
        (1.018, 1.182)
    """
    from scipy.special import ndtri

    z = (first * x1 + later * y) / (first + later)
    error = noise / math.sqrt(first + later)
    if noise == 0.0 or math.isinf(x2):
        reach = -error * float(ndtri(miss / 2))
        return z - reach, z + reach
    from scipy.optimize import brentq

    def excess(mean: float, chance: float) -> float:
        return _below(z, mean, x2, noise, first, later) - chance

    # the chance of a z that is at most the one seen falls as the mean rises
    ends = [
        float(brentq(excess, z - 6.0 * error, z + 12.0 * error, (chance,), xtol=1e-3 * error))
        for chance in (1.0 - miss / 2, miss / 2)
    ]
    return ends[0], ends[1]


def _below(z: float, mean: float, x2: float, noise: float, first: int, later: int) -> float:
    """The chance of a mean of all measurements that is at most z, given that the first ones' was below x2."""
    from scipy.special import log_ndtr

    v1, error = noise**2 / first, noise / math.sqrt(first + later)
    root = noise * math.sqrt(1 / first + 1 / later)
    places = mean + error * PLACES
    logs = -0.5 * PLACES**2 + log_ndtr(root / v1 * (x2 - places))
    weights = np.exp(logs - logs.max())
    return float(np.interp(z, places, (np.cumsum(weights) - weights / 2) / weights.sum()))
