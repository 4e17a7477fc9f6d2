"""How a network's weights follow the gradient: optimizer, rates, penalty and the largest gradient."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .optim import optimizer
from .plan import Plan
from .regularize import penalized
from .schedules import lr_multipliers


class Descent:
    """The steps of one training.

    Args:
        model: whose weights they move.
        plan: how.
        steps: of the whole training.
        device: where.

    Attributes:
        optimizer: PyTorch's.
        lr_multipliers: of the peak rate, one a step.
        scaler: of losses in half precision.
    """

    def __init__(self, model: nn.Module, plan: Plan, steps: int, device: torch.device) -> None:
        self.optimizer = optimizer(plan.optimizer, model, plan.options)
        self.lr_multipliers = lr_multipliers(
            plan.schedule, steps, warmup=plan.warmup, options=plan.schedule_options
        ).tolist()
        self.scaler = torch.amp.GradScaler(device.type, enabled=plan.precision == "fp16")
        self._l1, self._clip = plan.l1, plan.clip
        self._peaks = [group["lr"] for group in self.optimizer.param_groups]
        self._weights = penalized(model)
        self._parameters = list(model.parameters())

    def step(self, number: int, loss: Tensor) -> None:
        """One step of the optimizer at the schedule's rate."""
        share = self.lr_multipliers[number]
        for group, peak in zip(self.optimizer.param_groups, self._peaks, strict=True):
            group["lr"] = peak * share
        self.optimizer.zero_grad()
        if self.scaler.is_enabled():
            self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            self.scaler.unscale_(self.optimizer)
            self._limit()
            self.scaler.step(self.optimizer)
            self.scaler.update()
        else:
            loss.backward()  # type: ignore[no-untyped-call]
            self._limit()
            self.optimizer.step()

    def _limit(self) -> None:
        """Add the penalty's gradient, and cut the gradient to its largest norm."""
        for weight in self._weights if self._l1 else []:
            if weight.grad is not None:
                weight.grad.add_(weight.detach().sign(), alpha=self._l1)
        if self._clip:
            nn.utils.clip_grad_norm_(self._parameters, self._clip)
