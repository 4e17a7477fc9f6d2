"""Optimizers, each with the hyperparameters that are its own, where to search them, and who says so.

Parameters of one name under two optimizers are two parameters: a good rate for SGD is no rate for Adam. Decay
that is added to the gradient (``l2``) and decay that is taken off the weights (``decay``, decoupled) have
useful ranges orders of magnitude apart, so they have two names.

Batch, stochastic and mini-batch gradient descent are ``sgd`` with a batch of everything, of one, of a few:
``Plan(optimizer="sgd", batch_size=None | 1 | 64)``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

import msgspec
import torch
from torch import nn

from ...errors import SettingError
from ...space.parameters import Float, Switch

ALGOPERF = (
    "Dahl et al., Benchmarking neural network training algorithms, arXiv:2306.07179, tables of search spaces"
)
PLAYBOOK = "Godbole et al., Deep learning tuning playbook, 2023"
RMSPROP = "Tieleman and Hinton, lecture 6.5, 2012"
ADAGRAD = "Duchi, Hazan, Singer, Adaptive subgradient methods, JMLR 12, 2011"
ADADELTA = "Zeiler, ADADELTA, arXiv:1212.5701"
ADAM = "Kingma and Ba, Adam, arXiv:1412.6980"
ADAMW = "Loshchilov and Hutter, Decoupled weight decay regularization, arXiv:1711.05101"
NADAM = "Dozat, Incorporating Nesterov momentum into Adam, ICLR workshop 2016"
RADAM = "Liu et al., On the variance of the adaptive learning rate, arXiv:1908.03265"
MUON = "Jordan et al., Muon, 2024; rates matched to AdamW's: Liu et al., arXiv:2502.16982"
NESTEROV = "Sutskever et al., On the importance of initialization and momentum, ICML 2013"
SGD = "Robbins and Monro, A stochastic approximation method, 1951"


class Rule(msgspec.Struct, frozen=True):
    """One optimizer: what can be searched (priors are the defaults), and where the ranges come from."""

    space: dict[str, Float]
    sources: tuple[str, ...]

    @property
    def defaults(self) -> dict[str, float]:
        """The sourced default of each hyperparameter."""
        return {name: cast(float, parameter.prior) for name, parameter in self.space.items()}


def _log(low: float, high: float, prior: float) -> Float:
    return Float(low, high, log=True, prior=prior)


_L2 = _log(1e-7, 5e-3, 5e-5)  # added to the gradient; AlgoPerf's range for Nesterov, up to the sources' use
_DECAY = _log(5e-3, 1.0, 0.01)  # off the weights; AlgoPerf's range for AdamW, PyTorch's default
_GAP1 = _log(0.02, 0.5, 0.1)  # 1 - beta1, AlgoPerf
_GAP2 = _log(1e-3, 0.1, 1e-3)  # 1 - beta2: from Adam's 0.999 down to 0.9
_MOMENTUM = _log(5e-3, 0.3, 0.1)  # 1 - momentum, AlgoPerf

OPTIMIZERS: dict[str, Rule] = {
    "sgd": Rule({"lr": _log(0.02, 1.0, 0.1), "l2": _L2}, (SGD, PLAYBOOK)),
    "momentum": Rule(
        {"lr": _log(5e-3, 1.0, 0.05), "one_minus_momentum": _MOMENTUM, "l2": _L2}, (ALGOPERF, PLAYBOOK)
    ),
    "nesterov": Rule(
        {"lr": _log(0.02, 1.0, 0.1), "one_minus_momentum": _MOMENTUM, "l2": _L2}, (NESTEROV, ALGOPERF)
    ),
    "adagrad": Rule({"lr": _log(1e-3, 0.3, 0.01), "l2": _L2}, (ADAGRAD,)),
    "adadelta": Rule({"lr": _log(0.05, 2.0, 1.0), "one_minus_rho": _log(0.01, 0.2, 0.1), "l2": _L2}, (ADADELTA,)),
    "rmsprop": Rule(
        {"lr": _log(1e-4, 1e-2, 1e-3), "one_minus_alpha": _log(1e-3, 0.2, 0.01), "l2": _L2}, (RMSPROP, ALGOPERF)
    ),
    "adam": Rule(
        {"lr": _log(1e-4, 3e-2, 1e-3), "one_minus_beta1": _GAP1, "one_minus_beta2": _GAP2, "l2": _L2},
        (ADAM, ALGOPERF),
    ),
    "adamw": Rule(
        {"lr": _log(1e-4, 3e-2, 1e-3), "one_minus_beta1": _GAP1, "one_minus_beta2": _GAP2, "decay": _DECAY},
        (ADAMW, ALGOPERF),
    ),
    "nadamw": Rule(
        {"lr": _log(1e-4, 3e-2, 1e-3), "one_minus_beta1": _GAP1, "one_minus_beta2": _GAP2, "decay": _DECAY},
        (NADAM, ADAMW, ALGOPERF),
    ),
    "radam": Rule(
        {"lr": _log(1e-4, 3e-2, 1e-3), "one_minus_beta1": _GAP1, "one_minus_beta2": _GAP2, "decay": _DECAY},
        (RADAM, ADAMW),
    ),
    "muon": Rule({"lr": _log(1e-4, 3e-2, 1e-3), "one_minus_momentum": _log(0.01, 0.2, 0.05), "decay": _DECAY}, (MUON,)),
}  # fmt: skip


def optimizers(*names: str, **ranges: Mapping[str, Any]) -> Switch:
    """A switch between optimizers, the first of them the default.

    Args:
        names: of ``OPTIMIZERS``.
        ranges: by optimizer, parameters that replace its own.

    Raises:
        SettingError: for a name that is not there.

    Example:
        >>> list(optimizers("nesterov", "adamw").options)
        ['nesterov', 'adamw']
    """
    for name in (*names, *ranges):
        rule(name)
    return Switch(
        {name: {**OPTIMIZERS[name].space, **ranges.get(name, {})} for name in names},
        prior=names[0],
    )


def rule(name: str) -> Rule:
    """The optimizer of that name.

    Raises:
        SettingError: when there is none.

    Example:
        >>> rule("adam").defaults["lr"]
        0.001
    """
    if name not in OPTIMIZERS:
        raise SettingError(f"there is no optimizer {name!r}. There are: {', '.join(OPTIMIZERS)}.")
    return OPTIMIZERS[name]


def arguments(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """What a rule's hyperparameters are called by PyTorch; those left out take their defaults.

    Raises:
        SettingError: for an option that the optimizer does not have.

    Example:
        >>> arguments("nesterov", {"lr": 0.5})["momentum"], arguments("adamw", {})["betas"]
        (0.9, (0.9, 0.999))
    """
    known = rule(name).defaults
    for option in options:
        if option not in known:
            raise SettingError(f"{name} has no {option!r}. It has: {', '.join(known)}.")
    given = {**known, **options}
    made: dict[str, Any] = {"lr": given["lr"], "weight_decay": given.get("decay", given.get("l2", 0.0))}
    if "one_minus_momentum" in given:
        made["momentum"] = 1 - given["one_minus_momentum"]
        made["nesterov"] = name in {"nesterov", "muon"}
    if "one_minus_beta1" in given:
        made["betas"] = (1 - given["one_minus_beta1"], 1 - given["one_minus_beta2"])
    if "one_minus_alpha" in given:
        made["alpha"] = 1 - given["one_minus_alpha"]
    if "one_minus_rho" in given:
        made["rho"] = 1 - given["one_minus_rho"]
    return made


def optimizer(name: str, model: nn.Module, options: Mapping[str, Any] | None = None) -> torch.optim.Optimizer:
    """The optimizer of a network's parameters, fused where PyTorch has it.

    Muon orthogonalises the steps of hidden matrices; all other parameters are AdamW's, at the same rate.

    Raises:
        SettingError: for an unknown name or option.

    Example:
        >>> type(optimizer("adamw", nn.Linear(2, 1), {"lr": 0.01})).__name__
        'AdamW'
    """
    kwargs = arguments(name, options or {})
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if name == "muon":
        return cast(torch.optim.Optimizer, _muon(model, kwargs))
    classes: dict[str, Any] = {
        "sgd": torch.optim.SGD, "momentum": torch.optim.SGD, "nesterov": torch.optim.SGD,
        "adagrad": torch.optim.Adagrad, "adadelta": torch.optim.Adadelta, "rmsprop": torch.optim.RMSprop,
        "adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "nadamw": torch.optim.NAdam,
        "radam": torch.optim.RAdam,
    }  # fmt: skip
    if name in {"nadamw", "radam"}:
        kwargs["decoupled_weight_decay"] = True
    if name in {"sgd", "momentum", "nesterov", "adam", "adamw"}:
        kwargs["fused"] = True  # 1.3 to 1.7 times as fast on a CPU core, for nothing
    made: torch.optim.Optimizer = classes[name](parameters, **kwargs)
    return made


class OptimizerList:
    """Several optimizers that step as one: for networks whose parameters are of two kinds.

    Example:
        >>> net = nn.Linear(2, 1)
        >>> both = OptimizerList([torch.optim.SGD([net.weight], lr=1.0), torch.optim.SGD([net.bias], lr=2.0)])
        >>> [group["lr"] for group in both.param_groups]
        [1.0, 2.0]
    """

    def __init__(self, parts: Iterable[torch.optim.Optimizer]) -> None:
        self.parts = list(parts)

    @property
    def param_groups(self) -> list[dict[str, Any]]:
        """The groups of all of them."""
        return [group for part in self.parts for group in part.param_groups]

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for part in self.parts:
            part.zero_grad()

    def step(self) -> None:
        """One step each."""
        for part in self.parts:
            part.step()

    def state_dict(self) -> dict[str, Any]:
        """All states, by position."""
        return {str(at): part.state_dict() for at, part in enumerate(self.parts)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Put all states back."""
        for at, part in enumerate(self.parts):
            part.load_state_dict(state[str(at)])


def _muon(model: nn.Module, kwargs: dict[str, Any]) -> OptimizerList:
    layers = [module for module in model.modules() if isinstance(module, nn.Linear)]
    hidden = [layer.weight for layer in layers[:-1]]  # the head is AdamW's, as the method's author says
    held = {id(weight) for weight in hidden}
    others = [parameter for parameter in model.parameters() if id(parameter) not in held]
    parts: list[torch.optim.Optimizer] = [
        torch.optim.AdamW(others, lr=kwargs["lr"], weight_decay=kwargs["weight_decay"])
    ]
    if hidden:
        parts.append(torch.optim.Muon(hidden, **kwargs, adjust_lr_fn="match_rms_adamw"))
    return OptimizerList(parts)
