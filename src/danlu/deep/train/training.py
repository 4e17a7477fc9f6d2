"""One network in training: its data by epochs, its loss, its steps, its average, its best weights so far."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..data import Data
from .best_epoch import BestEpoch
from .descent import Descent
from .epochs import Batch, arrange, cuts_of
from .evaluation import Evaluation
from .metrics import Metric, losses
from .plan import Plan


class Training:
    """A network that is being trained after a plan; ``fit`` is the loop around it.

    Args:
        model: trained in place.
        data: on any device; it is moved.
        plan: how.
        seed: of the order of the data, augmentation and dropout.
        device: where.
        monitor: the metric whose best epoch counts.
        extra: more metrics by name.

    Attributes:
        descent: the optimizer and its rates.
        evaluation: how the network is judged.
        best: the best epoch so far.
    """

    def __init__(
        self, model: nn.Module, data: Data, plan: Plan, *, seed: int, device: torch.device,
        monitor: str = "val_loss", extra: Mapping[str, Metric] | None = None,
    ) -> None:  # fmt: skip
        self.model = model.to(device)
        self.data = data.to(device)
        self.plan, self.seed, self.device = plan, seed, device
        self._dtype = {"float32": None, "bf16": torch.bfloat16, "fp16": torch.float16}[plan.precision]
        self._cuts = cuts_of(data, plan)
        self.descent = Descent(model, plan, len(self._cuts) * plan.epochs, device)
        self.evaluation = Evaluation(model, self.data, plan, self._dtype, extra)
        self.best = BestEpoch(monitor)
        self._forward = torch.compile(self.model) if plan.compile else self.model
        self._strengths = {name: torch.tensor([value], device=device) for name, value in plan.augment.items()}

    @property
    def things(self) -> tuple[Any, ...]:
        """What a checkpoint has to keep."""
        return (self.model, self.descent.optimizer, self.descent.scaler, self.evaluation.average, self.best)

    def batches(self, epoch: int) -> Iterator[tuple[int, Batch]]:
        """The numbers of an epoch's steps (over the whole training) and what each of them sees."""
        order = arrange(self.data, self.plan, self.seed, epoch)
        first = (epoch - 1) * len(self._cuts)
        self.model.train()
        yield from enumerate(order.batches(self._cuts, self._strengths), first)

    def loss(self, batch: Batch) -> Tensor:
        """The mean loss of a batch, the labels smoothed and mixed as the plan says."""
        if self._dtype is None:
            return self._loss(batch)
        with torch.autocast(self.device.type, dtype=self._dtype):
            return self._loss(batch)

    def _loss(self, batch: Batch) -> Tensor:
        outputs = self._forward(batch.x)
        if batch.second is None or batch.share is None:
            return losses(self.data.kind, outputs, batch.y, self.plan.label_smoothing, reduction="mean")
        found = losses(self.data.kind, outputs, batch.y, self.plan.label_smoothing)
        other = losses(self.data.kind, outputs, batch.second, self.plan.label_smoothing)
        return torch.lerp(other, found, batch.share).mean()

    def step(self, number: int, loss: Tensor) -> None:
        """One step of the optimizer at the schedule's rate."""
        self.descent.step(number, loss)
        self.evaluation.update()
