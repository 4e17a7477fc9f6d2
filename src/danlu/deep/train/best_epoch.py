"""The best epoch of a training, by one metric."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from ...problem.goal import Metric as Measure
from .metrics import rises


class BestEpoch:
    """The best epoch so far and a copy of its weights.

    Example:
        >>> best, net = BestEpoch("val_loss"), nn.Linear(1, 1)
        >>> for epoch, loss in enumerate([0.5, 0.3, 0.4], 1):
        ...     best.see(epoch, loss, net)
        >>> best.epoch, best.stale(3, patience=1)
        (2, True)
    """

    def __init__(self, metric: str) -> None:
        self.metric = metric
        self.epoch = 0
        self.value = Measure(metric, rises(metric)).worst
        self.weights: dict[str, Any] = {}

    def see(self, epoch: int, value: float, model: nn.Module) -> None:
        """Keep a copy of the weights if the value is the best yet."""
        if self.improves(value):
            self.put(epoch, value, {name: held.detach().clone() for name, held in model.state_dict().items()})

    def improves(self, value: float) -> bool:
        """Whether a value is the best yet."""
        return Measure(self.metric, rises(self.metric)).better(value, self.value)

    def put(self, epoch: int, value: float, weights: dict[str, Tensor]) -> None:
        """This is the best epoch now."""
        self.epoch, self.value, self.weights = epoch, value, weights

    def stale(self, epoch: int, patience: int) -> bool:
        """Whether nothing has improved for ``patience`` epochs; never when that is 0."""
        return patience > 0 and epoch - self.epoch >= patience

    def ends(self, epoch: int, scores: Mapping[str, float], patience: int) -> bool:
        """Whether an epoch's scores end training early: it diverged, or nothing has improved for too long."""
        return not math.isfinite(scores["train_loss"]) or self.stale(epoch, patience)

    def give(self, model: nn.Module) -> nn.Module:
        """The network with the weights of the best epoch, in its evaluation mode."""
        if self.weights:
            model.load_state_dict(self.weights)
        return model.eval()

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"epoch": self.epoch, "value": self.value, "weights": self.weights}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """What a checkpoint kept."""
        self.epoch, self.value, self.weights = state["epoch"], state["value"], dict(state["weights"])
