"""Learning-rate schedules: what share of its peak the rate has at each step, as pure functions of progress.

A schedule is no object with a state: the rate of a step follows from its number, so a training that is
resumed, forked or run in a block has the same rates as one that was left alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import SettingError
from ...space.parameters import Float, Int, Switch

Shares = NDArray[np.float64]

ONE_CYCLE = "Smith and Topin, Super-convergence, arXiv:1708.07120; the shape of fastai's fit_one_cycle"
COSINE = "Loshchilov and Hutter, SGDR, arXiv:1608.03983, without restarts"
WARM_UP = (
    "Goyal et al., Accurate, large minibatch SGD, arXiv:1706.02677; 5 % as in AlgoPerf, arXiv:2306.07179"
)
STEPS = "He et al., Deep residual learning, arXiv:1512.03385: a tenth, twice"
LINEAR = "Defazio et al., When, why and how much?, arXiv:2310.07831: linear to zero is the best default"

_SPACES: dict[str, dict[str, Any]] = {
    "linear": {},
    "cosine": {},
    "one_cycle": {"rise": Float(0.1, 0.5, prior=0.25)},
    "constant": {},
    "step": {"drop": Float(0.05, 0.5, log=True, prior=0.1), "times": Int(1, 4, prior=2)},
    "exponential": {"final": Float(1e-3, 0.5, log=True, prior=0.01)},
}
_WARM_UP = Float(0.0, 0.2, prior=0.05)


def schedules(*names: str) -> dict[str, Any]:
    """The parameters ``schedule``, a switch whose first option is the default, and ``warmup``.

    Raises:
        SettingError: for a name that is not there.

    Example:
        >>> list(schedules("linear", "one_cycle"))
        ['schedule', 'warmup']
    """
    for name in names:
        _known(name)
    return {
        "schedule": Switch({name: _SPACES[name] for name in names}, prior=names[0]),
        "warmup": _WARM_UP,
    }


def lr_multipliers(
    name: str, steps: int, *, warmup: float = 0.0, options: Mapping[str, Any] | None = None
) -> Shares:
    """The rate at each of ``steps`` steps as a share of its peak; shape (steps,), in [0, 1].

    Args:
        name: constant, linear, cosine, step, exponential or one_cycle.
        warmup: the share of all steps during which the rate rises linearly from near zero (not for
            one_cycle, which has its own ``rise``).
        options: the schedule's own: ``drop`` and ``times`` (step), ``final`` (exponential), ``rise``
            (one_cycle).

    Raises:
        SettingError: for an unknown schedule or option.

    Example:
        >>> lr_multipliers("linear", 4).round(2).tolist()
        [1.0, 0.75, 0.5, 0.25]
        >>> lr_multipliers("constant", 4, warmup=0.5).tolist()
        [0.5, 1.0, 1.0, 1.0]
    """
    given = {key: parameter.prior for key, parameter in _known(name).items()}
    for option in options or {}:
        if option not in given:
            raise SettingError(
                f"the schedule {name} has no {option!r}. It has: {', '.join(given) or 'none'}."
            )
    given.update(options or {})
    at = np.arange(steps) / max(1, steps)
    if name == "one_cycle":
        return _one_cycle(at, given["rise"])
    rising = round(warmup * steps)
    after = np.clip((np.arange(steps) - rising) / max(1, steps - rising), 0.0, 1.0)
    shape = _SHAPES[name](after, given)
    ramp = (np.arange(steps) + 1) / max(1, rising)
    return np.where(np.arange(steps) < rising, ramp, shape)


_SHAPES: dict[str, Callable[[Shares, dict[str, Any]], Shares]] = {
    "constant": lambda at, _: np.ones_like(at),
    "linear": lambda at, _: 1 - at,
    "cosine": lambda at, _: 0.5 * (1 + np.cos(math.pi * at)),
    "step": lambda at, given: given["drop"] ** np.floor(at * (given["times"] + 1)),
    "exponential": lambda at, given: given["final"] ** at,
}


def _one_cycle(at: Shares, rise: float) -> Shares:
    """Up along a half cosine from a 25th of the peak, down along another to next to nothing."""
    up = 1 / 25 + (1 - 1 / 25) * 0.5 * (1 - np.cos(math.pi * at / rise))
    down = 1e-5 + (1 - 1e-5) * 0.5 * (1 + np.cos(math.pi * (at - rise) / (1 - rise)))
    return np.where(at < rise, up, down)


def _known(name: str) -> dict[str, Any]:
    if name not in _SPACES:
        raise SettingError(f"there is no schedule {name!r}. There are: {', '.join(_SPACES)}.")
    return _SPACES[name]
