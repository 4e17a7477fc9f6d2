"""The training loop: alone or inside a trial, on one split or on folds, resumed to the bit."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import nn

from ...base.failure import at_terminal, say
from ...errors import SettingError
from ..data import Data
from .epochs import seeded
from .evaluation import judge
from .metrics import Metric
from .plan import Plan
from .training import Training

SAVE_EVERY = 1.0
"""Seconds of training that may be lost to a crash; saving more often would cost small networks more than it saves.

By the clock, not by the epoch: what a crash loses is repeated exactly anyway."""


class SaveInterval:
    """Says when it is time to save again.

    Example:
        >>> SaveInterval(0.0).due(), SaveInterval(60.0).due()
        (True, False)
    """

    def __init__(self, every: float) -> None:
        self.every = every
        self.last = time.monotonic()

    def due(self) -> bool:
        """Whether this many seconds have passed; from then on they are counted anew."""
        now = time.monotonic()
        if now - self.last < self.every:
            return False
        self.last = now
        return True


class Reporter(Protocol):
    """The part of a live trial that the loop needs."""

    def restore(self, *things: object) -> int:
        """Load the newest checkpoint; its step, 0 when there is none."""

    def save(self, step: int, *things: object) -> None:
        """Keep a checkpoint."""

    def report(self, step: int, **metrics: float) -> None:
        """Say how training goes; may not return."""


@dataclass(frozen=True)
class Fit:
    """What a training came to.

    Attributes:
        epochs: the scores of each epoch: ``train_loss``, and ``val_`` before every metric.
        best_epoch: counted from 1; the network has its weights.
        seconds: of training, judging included.
        diverged: whether the loss was no longer a number.
    """

    epochs: list[dict[str, float]]
    best_epoch: int
    seconds: float
    diverged: bool = False

    @property
    def scores(self) -> dict[str, float]:
        """The scores of the best epoch.

        Raises:
            SettingError: when no epoch had any.
        """
        if not self.best_epoch:
            raise SettingError(
                "the training diverged in its first epoch: no epoch is the best. Lower the rate."
            )
        return self.epochs[self.best_epoch - 1]

    def curve(self, metric: str) -> list[float]:
        """One metric over the epochs."""
        return [scores[metric] for scores in self.epochs]


def fit(
    model: nn.Module, data: Data, plan: Plan = Plan(), *, seed: int = 0, trial: Reporter | None = None,
    device: str = "auto", monitor: str = "val_loss", metrics: Mapping[str, Metric] | None = None,
    progress: bool | None = None, save_every: float = SAVE_EVERY,
) -> Fit:  # fmt: skip
    """Train a network in place; it ends with the weights of its best epoch.

    Inside a trial every epoch is reported, and a trial that is taken up again goes on from where it was last saved,
    to the bit on a processor. The test part is not touched: see ``judge``.

    Args:
        model: gives (n, outputs) for samples (n, ...).
        data: parts of it.
        plan: how to train.
        seed: of the data's order, augmentation and dropout; seed the weights before you make the model.
        trial: the live trial, if there is one.
        device: ``auto`` takes a GPU where there is one; or what ``torch.device`` takes.
        monitor: the metric whose best epoch counts and whose standstill ends training after ``plan.patience``.
        metrics: more of them by name, functions of targets and predictions.
        progress: a line on stderr; by default when alone in a terminal.
        save_every: seconds between checkpoints, in a trial; the last epoch always has one.

    Raises:
        SettingError: when plan and data do not fit.
        TrialStopped, TrialPaused: from the trial's report.

    Example:
        >>> import danlu
        >>> from danlu import deep
        >>> data = deep.from_arrays([[0.0], [1.0]] * 50, [0, 1] * 50)
        >>> _, net = torch.manual_seed(0), nn.Linear(1, 2)
        >>> found = deep.fit(net, data, deep.Plan(epochs=20, options={"lr": 0.03}))
        >>> found.scores["val_accuracy"]
        1.0
    """
    started, saving = time.monotonic(), SaveInterval(save_every)
    training = Training(
        model, data, plan, seed=seed, device=device_of(device), monitor=monitor, extra=metrics
    )
    history: list[dict[str, float]] = []
    start = trial.restore(*training.things, history) if trial else 0
    last = start if history and training.best.ends(start, history[-1], plan.patience) else plan.epochs
    for epoch in range(start + 1, last + 1):
        scores = one_epoch(training, epoch, monitor)
        history.append(scores)
        over = epoch == plan.epochs or training.best.ends(epoch, scores, plan.patience)
        if trial:
            if over or saving.due():
                trial.save(epoch, *training.things, history)
            trial.report(epoch, **scores)
        _show(progress, trial, plan, epoch, scores)
        if over:
            break
    training.best.give(training.model)
    diverged = not math.isfinite(history[-1]["train_loss"])
    return Fit(history, training.best.epoch, time.monotonic() - started, diverged)


def one_epoch(training: Training, epoch: int, monitor: str) -> dict[str, float]:
    """Train one epoch and judge it: the body of both loops."""
    total, count = torch.zeros((), device=training.device), 0
    with seeded(training.seed, epoch, training.device):
        for number, batch in training.batches(epoch):
            loss = training.loss(batch)
            training.step(number, loss)
            total, count = total + loss.detach() * len(batch.y), count + len(batch.y)
    scores = {"train_loss": float(total) / count, **training.evaluation.scores(training.data.valid, "val_")}
    training.best.see(epoch, monitored(scores, monitor), training.evaluation.network)
    return scores


def fit_folds(
    build: Callable[[], nn.Module], data: Sequence[Data], plan: Plan = Plan(), *, seed: int = 0,
    trial: Reporter | None = None, device: str = "auto", monitor: str = "val_loss",
    metrics: Mapping[str, Metric] | None = None, save_every: float = SAVE_EVERY,
) -> list[Fit]:  # fmt: skip
    """Train one network a fold, all of them an epoch further at a time; a report is the mean over the folds.

    A fold whose patience is over is trained no more and counts with its best epoch's scores.

    Args:
        build: makes a fresh network; called under the seed, so all folds start from the same weights.
        data: of ``Data.folds``.
        plan, seed, trial, device, monitor, metrics, save_every: as in ``fit``.

    Example:
        >>> from danlu import deep
        >>> data = deep.from_arrays([[0.0], [1.0]] * 50, [0, 1] * 50)
        >>> fits = deep.fit_folds(lambda: nn.Linear(1, 2), data.folds(4), deep.Plan(epochs=3))
        >>> len(fits)
        4
    """
    started, where, saving = time.monotonic(), device_of(device), SaveInterval(save_every)
    trainings: list[Training] = []
    for fold in data:
        with seeded(seed, 0, where):
            model = build()
        trainings.append(Training(model, fold, plan, seed=seed, device=where, monitor=monitor, extra=metrics))
    things = [thing for training in trainings for thing in training.things]
    histories: list[list[dict[str, float]]] = [[] for _ in trainings]
    start = trial.restore(*things, *histories) if trial else 0
    ended = start and all(each.best.stale(start, plan.patience) for each in trainings)
    for epoch in range(start + 1, (start if ended else plan.epochs) + 1):
        for training, history in zip(trainings, histories, strict=True):
            if len(history) < epoch - 1 or training.best.stale(epoch - 1, plan.patience):
                continue  # this fold is over
            history.append(one_epoch(training, epoch, monitor))
        now = [
            history[epoch - 1] if len(history) >= epoch else history[max(0, training.best.epoch - 1)]
            for training, history in zip(trainings, histories, strict=True)
        ]
        scores = {name: sum(each[name] for each in now) / len(now) for name in now[0]}
        over = epoch == plan.epochs or not math.isfinite(scores["train_loss"])
        over = over or all(each.best.stale(epoch, plan.patience) for each in trainings)
        if trial:
            if over or saving.due():
                trial.save(epoch, *things, *histories)
            trial.report(epoch, **scores)
        if over:
            break
    seconds = time.monotonic() - started
    for training in trainings:
        training.best.give(training.model)
    return [
        Fit(history, training.best.epoch, seconds, not math.isfinite(history[-1]["train_loss"]))
        for training, history in zip(trainings, histories, strict=True)
    ]


def test(model: nn.Module, data: Data, metrics: Mapping[str, Metric] | None = None) -> dict[str, float]:
    """The scores on the test part: once, at the end.

    Raises:
        SettingError: when there is no test part.
    """
    if data.test is None:
        raise SettingError("there is no test part. Make one: from_arrays(..., test=0.2).")
    where = next(model.parameters()).device
    moved = data.to(where)
    assert moved.test is not None
    return judge(model, moved, moved.test, "test_", metrics)


def monitored(scores: Mapping[str, float], monitor: str) -> float:
    """The value of the metric that is watched.

    Raises:
        SettingError: when it is not among the scores.
    """
    if monitor not in scores:
        raise SettingError(f"there is no metric {monitor!r} to monitor. There are: {', '.join(scores)}.")
    return scores[monitor]


def device_of(name: str) -> torch.device:
    """The device by name; ``auto`` is a GPU where there is one."""
    if name != "auto":
        return torch.device(name)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _show(
    progress: bool | None, trial: Reporter | None, plan: Plan, epoch: int, scores: Mapping[str, float]
) -> None:
    if progress if progress is not None else trial is None and at_terminal():
        words = "  ".join(f"{name} {value:.4g}" for name, value in scores.items())
        end = "\n" if epoch == plan.epochs else "\r"
        say(f"epoch {epoch}/{plan.epochs}  {words}", end=end)
