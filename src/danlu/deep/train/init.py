"""Initializations: how the weights of a network start."""

from __future__ import annotations

import torch
from torch import nn

from ...errors import SettingError
from ...space.parameters import Choice

KAIMING = "He et al., Delving deep into rectifiers, arXiv:1502.01852"
XAVIER = "Glorot and Bengio, Understanding the difficulty of training deep networks, AISTATS 2010"
ORTHOGONAL = "Saxe et al., Exact solutions to the nonlinear dynamics of learning, arXiv:1312.6120"

INITS = ("kaiming", "xavier", "orthogonal", "default")
INIT = Choice(INITS, prior="kaiming")


def initialize(model: nn.Module, name: str) -> nn.Module:
    """Draw the weights of all linear and convolutional layers anew, biases zero; the head keeps PyTorch's.

    Args:
        name: ``kaiming`` (normal, fan in), ``xavier`` (uniform), ``orthogonal``, or ``default`` for
            PyTorch's own, which changes nothing.

    Raises:
        SettingError: for another name.

    Example:
        >>> net = initialize(nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 2)), "xavier")
        >>> bool(net[0].bias.abs().max() == 0)
        True
    """
    if name not in INITS:
        raise SettingError(f"there is no initialization {name!r}. There are: {', '.join(INITS)}.")
    if name == "default":
        return model
    layers = [layer for layer in model.modules() if isinstance(layer, nn.Linear | nn.Conv1d | nn.Conv2d)]
    for layer in layers[:-1]:
        with torch.no_grad():
            if name == "kaiming":
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            elif name == "xavier":
                nn.init.xavier_uniform_(layer.weight)
            else:
                nn.init.orthogonal_(layer.weight)
            if layer.bias is not None:
                layer.bias.zero_()
    return model
