"""What keeps a network from learning its training set by heart: L1, dropout, label smoothing, mixup.

L2 and decoupled decay belong to the optimizer (``optim.py``), early stopping to the loop (``fit.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ...space.parameters import Float, Switch

DROPOUT = "Srivastava et al., Dropout, JMLR 15, 2014; AlgoPerf, arXiv:2306.07179"
SMOOTHING = "Szegedy et al., Rethinking the Inception architecture, arXiv:1512.00567; AlgoPerf: 0 to 0.2"
MIXUP = "Zhang et al., mixup, arXiv:1710.09412: alpha in 0.1..1"
L1 = "Tibshirani, Regression shrinkage and selection via the lasso, 1996; rtdl's ranges, arXiv:2106.11959"


def maybe(strength: Float) -> Switch:
    """Off, which is the default, or on with a strength: most networks need few of the many remedies there are.

    With five regularizers as ranges from zero every quasi-random point was over-regularized. Measured on Friedman's regression with 20
    trials: nothing beat the default; with switches 0.066 against 0.112.

    Example:
        >>> strength_of({"mixup": "on", "mixup.on.strength": 0.2}, "mixup"), strength_of({"mixup": "off"}, "mixup")
        (0.2, 0.0)
    """
    return Switch({"off": {}, "on": {"strength": strength}}, prior="off")


def strength_of(params: Mapping[str, Any], name: str) -> float:
    """How strong a remedy is at a point, whether it is a number there or may be off; 0 where it is not named."""
    given = params.get(name, 0.0)
    return float(params[f"{name}.on.strength"]) if given == "on" else 0.0 if given == "off" else float(given)


REGULARIZERS: dict[str, Any] = {
    "dropout": maybe(Float(0.05, 0.5, prior=0.2)),
    "label_smoothing": maybe(Float(0.02, 0.2, prior=0.1)),
    "mixup": maybe(Float(0.1, 1.0, prior=0.2)),
    "l1": maybe(Float(1e-7, 1e-3, log=True, prior=1e-5)),
}


def penalized(model: nn.Module) -> list[nn.Parameter]:
    """The weights that L1 acts on: matrices and kernels; biases and the scales of norms are left alone.

    Example:
        >>> len(penalized(nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2))))
        1
    """
    return [parameter for parameter in model.parameters() if parameter.ndim > 1]


def mix(x: Tensor, other: Tensor, share: Tensor) -> Tensor:
    """Each sample blended with another.

    Args:
        x, other: samples, shape (n, ...), of a floating type.
        share: how much of ``x`` stays, shape (n,), in [0, 1].

    Example:
        >>> mix(torch.tensor([0.0, 1.0]), torch.tensor([1.0, 0.0]), torch.tensor([0.75, 0.5])).tolist()
        [0.25, 0.5]
    """
    return torch.lerp(other, x, share.reshape(-1, *[1] * (x.ndim - 1)).to(x.dtype))
