"""Optimizers of many networks at once: one row a network, each with its own rate, moments and decay.

The updates are PyTorch's, written for a matrix of all weights (members, weights) and columns of settings
(members, 1); tests hold each row to what PyTorch's own optimizer does to that network alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from ..train.optim import arguments
from ..train.training import Training
from .parameters import StackedParameters, pad

Column = Tensor
"""A setting of each member, shape (members, 1)."""

_STATES: dict[str, tuple[str, ...]] = {
    "sgd": (),
    "momentum": ("momentum_buffer",),
    "nesterov": ("momentum_buffer",),
    "adagrad": ("sum",),
    "rmsprop": ("square_avg",),
    "adam": ("exp_avg", "exp_avg_sq"),
    "adamw": ("exp_avg", "exp_avg_sq"),
}
"""The optimizers that can be stacked, and their states by PyTorch's own names."""

STACKED = tuple(_STATES)


class StackedOptimizer:
    """One optimizer of one kind for all rows.

    Args:
        name: one of ``STACKED``.
        options: each member's hyperparameters, as ``optim.arguments`` takes them.
        weights: shape (members, weights); its rows are updated in place by ``step``.

    Example:
        >>> weights = torch.ones(2, 3)
        >>> stacked = StackedOptimizer("sgd", [{"lr": 0.1, "l2": 0.0}, {"lr": 0.2, "l2": 0.0}], weights)
        >>> stacked.step(weights, torch.ones(2, 3), torch.ones(2, 1))
        >>> weights[:, 0].tolist()
        [0.8999999761581421, 0.800000011920929]
    """

    def __init__(self, name: str, options: Sequence[Mapping[str, Any]], weights: Tensor) -> None:
        self.name = name
        given = [arguments(name, each) for each in options]
        self.settings: dict[str, Column] = {}
        for key in given[0]:
            if key == "betas":
                for at in (0, 1):
                    self.settings[f"beta{at + 1}"] = _column([each["betas"][at] for each in given], weights)
            elif key != "nesterov":
                self.settings[key] = _column([each[key] for each in given], weights)
        self.states = {state: torch.zeros_like(weights) for state in _STATES[name]}
        self.count = torch.zeros(len(weights), 1, dtype=torch.float64, device=weights.device)
        self._update: Callable[[Tensor, Tensor, Column], None] = getattr(self, f"_{name}")

    def step(self, weights: Tensor, grads: Tensor, shares: Column) -> None:
        """Update the weights in place.

        Args:
            weights, grads: shape (members, weights); the gradients may be overwritten.
            shares: of each member's peak rate, by its schedule.
        """
        self.count += 1
        self._update(weights, grads, self.settings["lr"] * shares)

    @classmethod
    def of(cls, trainings: Sequence[Training], rows: StackedParameters) -> StackedOptimizer:
        """The optimizers of these trainings as one, with the states they are in."""
        made = cls(trainings[0].plan.optimizer, [training.plan.options for training in trainings], rows.flat)
        for row, training in enumerate(trainings):
            named = dict(training.model.named_parameters())
            held = training.descent.optimizer.state
            for name, state in made.states.items():
                own = [held[named[each]].get(name) if named[each] in held else None for each in rows.shape]
                there = [tensor for tensor in own if tensor is not None]
                if len(there) == len(own):
                    shapes = rows.shape.values()
                    parts = [pad(tensor, shape) for tensor, shape in zip(there, shapes, strict=True)]
                    state[row] = torch.cat([part.reshape(-1) for part in parts])
            steps = [float(each["step"]) for each in held.values() if "step" in each]
            made.count[row] = steps[0] if steps else 0.0
        return made

    def give(self, row: int, training: Training, rows: StackedParameters) -> None:
        """Put one row's state into a training's own optimizer."""
        count = float(self.count[row])
        found = {name: rows.state(row, state) for name, state in self.states.items()}
        if not count and not found:
            return
        for name, parameter in training.model.named_parameters():
            held: dict[str, Any] = {state: tensors[name] for state, tensors in found.items()}
            if self.name in {"adagrad", "rmsprop", "adam", "adamw"}:
                held["step"] = torch.tensor(count, dtype=torch.float32)
            if held:
                training.descent.optimizer.state[parameter] = held

    def keep(self, rows: Tensor) -> None:
        """Only these rows stay, in this order."""
        self.settings = {name: column[rows] for name, column in self.settings.items()}
        self.states = {name: state[rows] for name, state in self.states.items()}
        self.count = self.count[rows]

    def join(self, other: StackedOptimizer) -> None:
        """Put another one's rows behind these."""
        self.settings = {n: torch.cat([column, other.settings[n]]) for n, column in self.settings.items()}
        self.states = {name: torch.cat([state, other.states[name]]) for name, state in self.states.items()}
        self.count = torch.cat([self.count, other.count])

    def _coupled(self, weights: Tensor, grads: Tensor) -> Tensor:
        return grads.addcmul_(weights, self.settings["weight_decay"])

    def _sgd(self, weights: Tensor, grads: Tensor, lr: Column) -> None:
        weights.sub_(self._coupled(weights, grads).mul_(lr))

    def _momentum(self, weights: Tensor, grads: Tensor, lr: Column) -> None:
        held = (
            self.states["momentum_buffer"].mul_(self.settings["momentum"]).add_(self._coupled(weights, grads))
        )
        weights.addcmul_(held, lr, value=-1)

    def _nesterov(self, weights: Tensor, grads: Tensor, lr: Column) -> None:
        grads = self._coupled(weights, grads)
        held = self.states["momentum_buffer"].mul_(self.settings["momentum"]).add_(grads)
        weights.sub_(grads.addcmul_(held, self.settings["momentum"]).mul_(lr))

    def _adagrad(self, weights: Tensor, grads: Tensor, lr: Column) -> None:
        grads = self._coupled(weights, grads)
        total = self.states["sum"].addcmul_(grads, grads)
        weights.sub_(grads.div_(total.sqrt().add_(1e-10)).mul_(lr))

    def _rmsprop(self, weights: Tensor, grads: Tensor, lr: Column) -> None:
        grads, rest = self._coupled(weights, grads), 1 - self.settings["alpha"]
        mean = self.states["square_avg"]
        mean.lerp_(grads * grads, rest.expand_as(mean))
        weights.sub_(grads.div_(mean.sqrt().add_(1e-8)).mul_(lr))

    def _adam(self, weights: Tensor, grads: Tensor, lr: Column) -> None:
        self._moments(weights, self._coupled(weights, grads), lr)

    def _adamw(self, weights: Tensor, grads: Tensor, lr: Column) -> None:
        weights.mul_(1 - lr * self.settings["weight_decay"])
        self._moments(weights, grads, lr)

    def _moments(self, weights: Tensor, grads: Tensor, lr: Column) -> None:
        """Kingma and Ba, arXiv:1412.6980, algorithm 1, corrections for each member's own count of steps."""
        one, two = self.settings["beta1"], self.settings["beta2"]
        first = (1 - one.double() ** self.count).to(lr.dtype)
        second = (1 - two.double() ** self.count).sqrt().to(lr.dtype)
        mean, square = self.states["exp_avg"], self.states["exp_avg_sq"]
        mean.lerp_(grads, (1 - one).expand_as(mean))
        square.lerp_(grads.mul_(grads), (1 - two).expand_as(square))
        spread = torch.sqrt(square, out=grads).mul_(1 / second).add_(1e-8)
        weights.sub_(torch.div(mean, spread, out=grads).mul_(lr / first))


def _column(values: Sequence[float], like: Tensor) -> Column:
    return torch.tensor(values, dtype=torch.float64, device=like.device).to(like.dtype).reshape(-1, 1)
