"""Finds a learning rate by training with two dozen of them at once, and how many steps fit the training set.

A range test raises the rate while it trains, so what it measures at one rate is what all the smaller ones left behind;
fastai's and Lightning's finders read a rate off that curve. A sweep trains each rate on its own from the same start, which
stacked (``block.py``) costs little more than one training, and compares what is asked for: the validation loss.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from ...plots.parameters import draw_rates
from ...plots.plot import axes_of
from ...space.parameters import Float
from ..data import Data
from ..stack.parameters import UNSTACKABLE
from ..stack.stack import Stack, stackable
from ..train.epochs import cuts_of, seeded
from ..train.fit import device_of, one_epoch
from ..train.optim import rule
from ..train.plan import Plan
from ..train.training import Training

RATES = 24
DECADES = 6.0
STEPS = 60
SEEDS = 2
LONGER = 1.35
"""A training that is 3.5 times as long as the sweep wants a rate lower by this (measured on three networks); one that is no longer gets the sweep's own best."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LRFinderResult:
    """What a learning-rate finder has seen.

    Attributes:
        optimizer: by name.
        rates: that were tried, rising, shape (n,).
        losses: after the sweep, a row a seed, shape (seeds, n): of validation, infinite where training
            diverged; of a range test the smoothed training loss.
        rate: the one that is advised.
        low, high: between them the loss is within a tenth of its fall from the start of the best.
        steps: of each training.
        how: ``sweep`` or ``range test``.
        confidence: 1 when all seeds have the same best rate, falling to 0 when they are a decade apart.
    """

    optimizer: str
    rates: Floats
    losses: Floats
    rate: float
    low: float
    high: float
    steps: int
    how: str
    confidence: float

    def __str__(self) -> str:
        return (
            f"{self.optimizer} learns best at lr={self.rate:.2g} ({self.low:.2g} to {self.high:.2g} are as good) by a "
            f"{self.how} of {len(self.rates)} rates, {self.steps} steps each; confidence {self.confidence:.0%}"
        )

    def parameter(self, *, times: float = 10.0) -> Float:
        """The range to search: ``times`` below and above the advised rate, which is its prior.

        Example:
            >>> found = LRFinderResult("sgd", np.ones(1), np.ones((1, 1)), 0.1, 0.05, 0.2, 60, "sweep", 1.0)
            >>> found.parameter(times=4)
            Float(low=0.025, high=0.4, log=True, step=None, prior=0.1)
        """
        return Float(self.rate / times, self.rate * times, log=True, prior=self.rate)

    def narrow(self, *, times: float = 10.0) -> dict[str, dict[str, Float]]:
        """What ``optimizers`` takes to search around the advised rate: ``optimizers("sgd", **found.narrow())``."""
        return {self.optimizer: {"lr": self.parameter(times=times)}}

    def plot(self, axes: Any = None) -> Any:
        """The loss over the rate, the advised one marked; matplotlib's axes."""
        axes = axes_of((5, 3.2)) if axes is None else axes
        draw_rates(self, axes)
        return axes


def find_lr(
    build: Callable[[], nn.Module], data: Data, plan: Plan = Plan(), *, rates: Sequence[float] | None = None,
    steps: int = STEPS, seeds: int = SEEDS, seed: int = 0, device: str = "auto",
) -> LRFinderResult:  # fmt: skip
    """A learning rate for this network, data, optimizer and batch size.

    Every rate is trained from the same weights on the same batches for ``steps`` steps, its schedule being the plan's over
    that length, and judged on the validation part. Networks that cannot be stacked get a range test instead.

    Args:
        build: makes a fresh network.
        data: with a training and a validation part.
        plan: how to train; its rate is ignored.
        rates: to try, rising; by default 24 over six decades around the optimizer's default.
        steps: of each training.
        seeds: how many starts are averaged.
        seed: the first of them.
        device: as in ``fit``.

    Example:
        >>> from danlu import deep
        >>> data = deep.datasets.breast_cancer()
        >>> found = deep.find_lr(lambda: nn.Linear(30, 2), data, deep.Plan(optimizer="nesterov"))
        >>> 1e-3 < found.rate < 10
        True
    """
    usual = rule(plan.optimizer).defaults["lr"]
    tried = np.asarray(rates, dtype=float) if rates is not None else _grid(usual)
    where = device_of(device)
    short = _shortened(data, plan, steps)
    epochs = max(1, round(steps / _steps(short, plan)))
    plans = [
        msgspec.structs.replace(plan, epochs=epochs, patience=0, options={**plan.options, "lr": float(rate)})
        for rate in tried
    ]
    trainings = []
    for number in range(seeds):
        with seeded(seed + number, 0, where):
            start = build().state_dict()
            for each in plans:
                model = build()
                model.load_state_dict(start)
                trainings.append(Training(model, short, each, seed=seed + number, device=where))
    if stackable(trainings[0]):
        return range_test(build, data, plan, seed=seed, device=device)
    block = Stack(trainings, [0] * len(trainings))
    try:
        for _ in range(epochs):
            scores = block.epoch()
    except UNSTACKABLE:
        return range_test(build, data, plan, seed=seed, device=device)
    losses = np.array([each["val_loss"] for each in scores]).reshape(seeds, len(tried))
    before = trainings[0].evaluation.scores(trainings[0].data.valid)["loss"]
    losses = np.where(np.isfinite(losses), losses, math.inf)
    done = epochs * _steps(short, plan)
    start_loss = min(before, float(np.median(losses[:, 0])))
    return _read(plan.optimizer, tried, losses, start_loss, done, plan.epochs * _steps(data, plan) / done)


def range_test(
    build: Callable[[], nn.Module], data: Data, plan: Plan = Plan(), *, steps: int = 100, seed: int = 0,
    device: str = "auto",
) -> LRFinderResult:  # fmt: skip
    """The cheap fallback: one training whose rate rises until it diverges; a tenth of where the loss is lowest.

    Source: Smith, Cyclical learning rates, arXiv:1506.01186; reading a tenth of the minimum was the best of the
    cheap readings that were measured (0 to 0.3 of loss behind the best rate).

    Args:
        build, data, plan, seed, device: as in ``find_lr``.
        steps: while the rate rises over eight decades.

    Example:
        >>> from danlu import deep
        >>> deep.range_test(lambda: nn.Linear(30, 2), deep.datasets.breast_cancer()).how
        'range test'
    """
    where = device_of(device)
    usual = rule(plan.optimizer).defaults["lr"]
    rates = usual * np.logspace(-5, 3, steps)
    constant = msgspec.structs.replace(plan, schedule="constant", warmup=0.0, schedule_options={}, epochs=1, patience=0,
                                       options={**plan.options, "lr": 1.0})  # fmt: skip
    with seeded(seed, 0, where):
        training = Training(build(), data, constant, seed=seed, device=where)
    smooth: list[float] = []
    training.descent.lr_multipliers, seen = rates.tolist(), 0.0
    epoch = 1
    while len(smooth) < steps:
        for _, batch in training.batches(epoch):
            loss = training.loss(batch)
            value = float(loss.detach())
            seen = 0.9 * seen + 0.1 * value
            smooth.append(seen / (1 - 0.9 ** (len(smooth) + 1)))
            if len(smooth) == steps or not math.isfinite(value) or smooth[-1] > 4 * smooth[0] + 1:
                smooth += [math.inf] * (steps - len(smooth))
                break
            training.step(len(smooth) - 1, loss)
        epoch += 1
    losses = np.array(smooth)[None, :]
    lowest = float(rates[int(np.argmin(losses))])
    return LRFinderResult(
        plan.optimizer, rates, losses, lowest / 10, lowest / 30, lowest / 3, steps, "range test", 0.5
    )


def steps_to_loss(
    build: Callable[[], nn.Module], data: Data, plan: Plan, *, share: float = 0.1, most: int = 100, seed: int = 0,
    device: str = "auto",
) -> int | None:  # fmt: skip
    """The steps after which the training loss first is a ``share`` of what it was before training; None if it never is.

    Args:
        build, data, plan, seed, device: as in ``find_lr``; the rate is the plan's, without a schedule.
        share: of the loss at the start, in (0, 1).
        most: epochs to try.

    Example:
        >>> from danlu import deep
        >>> data = deep.datasets.breast_cancer()
        >>> deep.steps_to_loss(lambda: nn.Linear(30, 2), data, deep.Plan(options={"lr": 0.1})) is not None
        True
    """
    constant = msgspec.structs.replace(
        plan, schedule="constant", warmup=0.0, schedule_options={}, epochs=most, patience=0
    )
    where = device_of(device)
    with seeded(seed, 0, where):
        training = Training(build(), data, constant, seed=seed, device=where)
    goal = share * training.evaluation.scores(training.data.train)["loss"]
    for epoch in range(1, most + 1):
        if one_epoch(training, epoch, "val_loss")["train_loss"] <= goal:
            return epoch * len(cuts_of(data, constant))
    return None


def _grid(usual: float) -> Floats:
    """Rates over six decades, half a decade more above the default than below."""
    found: Floats = usual * np.logspace(-DECADES / 2 + 0.25, DECADES / 2 + 0.25, RATES)
    return found


def _steps(data: Data, plan: Plan) -> int:
    return max(1, math.ceil(len(data.train) / (plan.batch_size or len(data.train))))


def _shortened(data: Data, plan: Plan, steps: int) -> Data:
    """No more training samples than the steps see; no more to validate on than tell rates apart."""
    size = (plan.batch_size or len(data.train)) * steps
    numbers = torch.Generator().manual_seed(0)
    train, valid = (
        part if len(part) <= most else part.take(torch.randperm(len(part), generator=numbers)[:most])
        for part, most in ((data.train, size), (data.valid, 2048))
    )
    return replace(data, train=train, valid=valid)


def _read(
    optimizer: str, rates: Floats, losses: Floats, before: float, steps: int, longer: float
) -> LRFinderResult:
    """The lowest of the losses, each averaged with its neighbors; a little below for a training that is longer."""
    bounded = np.minimum(losses, before + abs(before) + 1.0)  # a neighbor that diverged warns, and no more
    smooth = _smoothed(bounded.mean(0))
    at = int(np.argmin(smooth))
    good = smooth <= smooth[at] + 0.1 * max(before - smooth[at], 0.0)
    first = last = at
    while first > 0 and good[first - 1]:
        first -= 1
    while last < len(rates) - 1 and good[last + 1]:
        last += 1
    own = np.log10(rates[[int(np.argmin(_smoothed(row))) for row in bounded]])
    confidence = float(np.clip(1 - (own.max() - own.min()), 0, 1))
    rate = float(rates[at]) * LONGER ** -min(1.0, max(0.0, math.log(longer, 3.5)))
    low, high = min(float(rates[first]), rate), float(rates[last])
    return LRFinderResult(optimizer, rates, losses, rate, low, high, steps, "sweep", confidence)


def _smoothed(losses: Floats) -> Floats:
    padded = np.concatenate([losses[:1], losses, losses[-1:]])
    found: Floats = 0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:]
    return found
