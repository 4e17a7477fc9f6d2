"""What a network gives and how good that is."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ..data import Data, Split
from .metrics import Metric, losses, ranks, scores
from .plan import Plan

_ROWS = 2048  # samples a pass when judging


class Evaluation:
    """How a training's network is judged: by the average of its weights where its plan has one.

    Args:
        model: that is trained.
        data: says what is predicted.
        plan: says whether weights are averaged.
        dtype: that it computes in, None for its own.
        extra: more metrics by name.

    Attributes:
        average: of the weights, None where the plan has none.
        extra: more metrics by name.
    """

    def __init__(
        self, model: nn.Module, data: Data, plan: Plan, dtype: torch.dtype | None, extra: Mapping[str, Metric] | None
    ) -> None:  # fmt: skip
        self.extra = extra
        self.average = (
            AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(plan.ema), use_buffers=True)  # type: ignore[no-untyped-call]
            if plan.ema
            else None
        )
        self._model, self._data, self._dtype = model, data, dtype

    @property
    def network(self) -> nn.Module:
        """That is judged."""
        return self._model if self.average is None else self.average.module

    def update(self) -> None:
        """A step was taken."""
        if self.average is not None:
            self.average.update_parameters(self._model)

    def scores(self, part: Split, prefix: str = "") -> dict[str, float]:
        """The scores on a part, each name with a prefix."""
        with torch.autocast(part.x.device.type, dtype=self._dtype, enabled=self._dtype is not None):
            return judge(self.network, self._data, part, prefix, self.extra)


@torch.no_grad()
def predict(model: nn.Module, x: Tensor) -> Tensor:
    """What the network gives for samples, in its evaluation mode; shape (n, outputs).

    Example:
        >>> predict(nn.Linear(3, 2), torch.zeros(5, 3)).shape
        torch.Size([5, 2])
    """
    training = model.training
    model.eval()
    outputs = torch.cat([model(x[start : start + _ROWS]) for start in range(0, len(x), _ROWS)])
    model.train(training)
    return outputs.float()


def judge(
    model: nn.Module, data: Data, part: Split, prefix: str = "", extra: Mapping[str, Metric] | None = None
) -> dict[str, float]:
    """The loss and metrics of a network on a part of the data.

    Args:
        model: judged in its evaluation mode.
        data: says what is predicted.
        part: samples that the network has not been trained on, usually.
        prefix: put before every name.
        extra: more metrics by name.

    Example:
        >>> from danlu.deep.data import from_arrays
        >>> data = from_arrays([[0.0], [1.0]] * 10, [0, 1] * 10)
        >>> sorted(judge(nn.Linear(1, 2), data, data.valid, "val_"))
        ['val_accuracy', 'val_f1', 'val_loss', 'val_precision', 'val_recall']
    """
    if data.kind == "ranking":
        found = _judge_ranking(model, data, part)
    else:
        found = scores(data.kind, predict(model, part.x), part.y, extra)
    return {f"{prefix}{name}": value for name, value in found.items()}


def _judge_ranking(model: nn.Module, data: Data, part: Split) -> dict[str, float]:
    users, items = data.sizes
    device = part.x.device
    pairs = torch.cartesian_prod(torch.arange(users, device=device), torch.arange(items, device=device))
    table = predict(model, pairs).reshape(users, items)
    return ranking(table, data, part)


def ranking(table: Tensor, data: Data, part: Split) -> dict[str, float]:
    """The loss (each wanted item against four others, always the same) and the ranks, of a table of scores."""
    numbers = torch.Generator().manual_seed(0)
    who = part.x[:, 0].repeat_interleave(4)
    others = torch.randint(table.shape[1], (len(who),), generator=numbers).to(who.device)
    wanted = losses("ranking", table[part.x[:, 0], part.x[:, 1]], torch.ones(len(part), device=who.device))
    unwanted = losses("ranking", table[who, others], torch.zeros(len(who), device=who.device))
    loss = float(torch.cat([wanted, unwanted]).mean())
    return {"loss": loss, **ranks(part.x[:, 1], table, part.x[:, 0], data.seen)}
