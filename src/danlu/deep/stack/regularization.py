"""What keeps each row of a stack from learning its data by heart, as its own plan says."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from ..train.augment import augment
from ..train.plan import Plan
from .parameters import StackedParameters


class StackedRegularization:
    """Augmentation, label smoothing, the penalty and the largest gradient: one column a setting, one row a plan.

    Args:
        plans: of the rows.
        rows: their parameters.
    """

    def __init__(self, plans: Sequence[Plan], rows: StackedParameters) -> None:
        device = rows.flat.device

        def column(values: Sequence[float]) -> Tensor:
            return torch.tensor(values, dtype=torch.float32, device=device).reshape(-1, 1)

        self._label_smoothing = column([plan.label_smoothing for plan in plans])
        self._l1 = column([plan.l1 for plan in plans])
        self._clip = column([plan.clip or float("inf") for plan in plans])
        self._strengths = {name: column([plan.augment[name] for plan in plans]) for name in plans[0].augment}
        self._clipped = any(plan.clip for plan in plans)
        self._sparse = any(plan.l1 for plan in plans)
        self._smooth = any(plan.label_smoothing for plan in plans)
        self._penalized = torch.cat(
            [torch.full((torch.Size(shape).numel(),), float(len(shape) > 1)) for shape in rows.shape.values()]
        ).to(device)

    def augmented(self, x: Tensor, draws: Tensor | None) -> Tensor:
        """Samples of each row, shape (members, n, ...), disturbed as their draws say."""
        if draws is None:
            return x
        each = {name: column.expand(x.shape[:2]).flatten() for name, column in self._strengths.items()}
        return augment(x.flatten(0, 1), each, draws.flatten(0, 1)).view(x.shape)

    def smoothed(self, losses: Tensor, outputs: Tensor) -> Tensor:
        """The losses of classes, shape (members, n), with labels smoothed."""
        if not self._smooth:
            return losses
        return torch.lerp(
            losses, -outputs.log_softmax(-1).mean(-1), self._label_smoothing.expand(losses.shape)
        )

    def limit(self, grads: Tensor, weights: Tensor) -> None:
        """Add the penalty's gradient, and cut each row's gradient to its largest norm; in place."""
        if self._sparse:
            grads += self._l1 * weights.sign() * self._penalized
        if self._clipped:
            grads *= (self._clip / (grads.norm(dim=1, keepdim=True) + 1e-6)).clamp_max(1.0)
