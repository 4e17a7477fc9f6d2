"""One network in training: its optimizer, its rates, its average, its best weights so far."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from ...problem.goal import Metric as Measure
from ..data import Data, Split
from .epochs import Batch, arrange, cuts
from .metrics import Metric, losses, ranks, rises, scores
from .optim import optimizer
from .plan import Plan
from .regularize import penalized
from .schedules import lr_multipliers

_ROWS = 2048  # samples a pass when judging


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

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps."""
        return {"epoch": self.epoch, "value": self.value, "weights": self.weights}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """What a checkpoint kept."""
        self.epoch, self.value, self.weights = state["epoch"], state["value"], dict(state["weights"])


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
    """

    def __init__(
        self, model: nn.Module, data: Data, plan: Plan, *, seed: int, device: torch.device,
        monitor: str = "val_loss", extra: Mapping[str, Metric] | None = None,
    ) -> None:  # fmt: skip
        self.model = model.to(device)
        self.data = data.to(device)
        self.plan, self.seed, self.device, self.extra = plan, seed, device, extra
        self.optimizer = optimizer(plan.optimizer, model, plan.options)
        count = len(data.train) * (1 + plan.negatives if data.kind == "ranking" else 1)
        self.cuts = cuts(count, plan.batch_size)
        self.lr_multipliers = lr_multipliers(
            plan.schedule, len(self.cuts) * plan.epochs, warmup=plan.warmup, options=plan.schedule_options
        ).tolist()
        self._peaks = [group["lr"] for group in self.optimizer.param_groups]
        self._limited = bool(plan.l1 or plan.clip)
        self.scaler = torch.amp.GradScaler(device.type, enabled=plan.precision == "fp16")
        self.average = (
            AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(plan.ema), use_buffers=True)  # type: ignore[no-untyped-call]
            if plan.ema
            else None
        )
        self.best = BestEpoch(monitor)
        self._forward = torch.compile(self.model) if plan.compile else self.model
        self._weights = penalized(model)
        self._dtype = {"float32": None, "bf16": torch.bfloat16, "fp16": torch.float16}[plan.precision]
        self._parameters = list(model.parameters())
        self._strengths = {name: torch.tensor([value], device=device) for name, value in plan.augment.items()}

    @property
    def things(self) -> tuple[Any, ...]:
        """What a checkpoint has to keep."""
        return (self.model, self.optimizer, self.scaler, self.average, self.best)

    @property
    def judged(self) -> nn.Module:
        """The network that is judged: the average of its weights where there is one."""
        return self.model if self.average is None else self.average.module

    def batches(self, epoch: int) -> Iterator[tuple[int, Batch]]:
        """The numbers of an epoch's steps (over the whole training) and what each of them sees."""
        order = arrange(self.data, self.plan, self.seed, epoch)
        first = (epoch - 1) * len(self.cuts)
        self.model.train()
        yield from enumerate(order.batches(self.cuts, self._strengths), first)

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
        share = self.lr_multipliers[number]
        for group, peak in zip(self.optimizer.param_groups, self._peaks, strict=True):
            group["lr"] = peak * share
        self.optimizer.zero_grad()
        if self._dtype is torch.float16:
            self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            self.scaler.unscale_(self.optimizer)
            self._limit()
            self.scaler.step(self.optimizer)
            self.scaler.update()
        else:
            loss.backward()  # type: ignore[no-untyped-call]
            if self._limited:
                self._limit()
            self.optimizer.step()
        if self.average is not None:
            self.average.update_parameters(self.model)

    def _limit(self) -> None:
        """Add the penalty's gradient, and cut the gradient to its largest norm."""
        for weight in self._weights if self.plan.l1 else []:
            if weight.grad is not None:
                weight.grad.add_(weight.detach().sign(), alpha=self.plan.l1)
        if self.plan.clip:
            nn.utils.clip_grad_norm_(self._parameters, self.plan.clip)

    def judge(self, part: Split, prefix: str) -> dict[str, float]:
        """The scores of the judged network on a part, each name with a prefix."""
        with torch.autocast(self.device.type, dtype=self._dtype, enabled=self._dtype is not None):
            return judge(self.judged, self.data, part, prefix, self.extra)

    def keep(self, epoch: int, value: float) -> None:
        """Note how good an epoch was."""
        self.best.see(epoch, value, self.judged)

    def over(self, epoch: int, scores: Mapping[str, float]) -> bool:
        """Whether an epoch's scores end training early: it diverged, or nothing has improved for too long."""
        return not math.isfinite(scores["train_loss"]) or self.best.stale(epoch, self.plan.patience)

    def finish(self) -> nn.Module:
        """The network with its best epoch's weights."""
        if self.best.weights:
            self.model.load_state_dict(self.best.weights)
        return self.model.eval()


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
