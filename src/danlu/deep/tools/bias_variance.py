"""Bias and variance of a configuration, measured: folds by seeds, trained as one block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import SettingError
from ..stack.stack import train_together
from ..train.evaluation import predict
from ..train.objective import Objective


@dataclass(frozen=True)
class BiasVariance:
    """How a configuration errs.

    Attributes:
        error: the squared error of a network on samples it has not seen: of values, or of the probabilities of all
            classes summed (Brier's score).
        bias: the part that remains when the networks of all seeds are averaged: bias squared, and noise of the data.
        variance: the part that averaging takes away: how differently the same network is learned from other starts.
        train: the same squared error on the samples that were trained on.
        by_seed, by_fold: the standard deviation of the validation loss over seeds (within a fold), and over folds.
        losses: the validation loss of each network, a row a fold, a column a seed.
    """

    error: float
    bias: float
    variance: float
    train: float
    by_seed: float
    by_fold: float
    losses: tuple[tuple[float, ...], ...]

    def __str__(self) -> str:
        return (
            f"squared error {self.error:.4g} on unseen samples = {self.bias:.4g} bias and noise + {self.variance:.4g} variance; "
            f"{self.train:.4g} on those trained on. {self.advice} The validation loss is "
            f"{np.mean(self.losses):.4g} +- {self.by_seed:.2g} over seeds, +- {self.by_fold:.2g} over folds."
        )

    @property
    def advice(self) -> str:
        """What would help most."""
        if self.variance > self.bias:
            return "Most of it is variance: average several networks, regularize, or get more data."
        if self.train > 0.7 * self.error:
            return "It errs as much on what it has seen: a larger network, or a longer training."
        return "It knows what it has seen and not the rest: regularize, augment, or get more data."


def bias_variance(
    objective: Objective, params: Mapping[str, Any], *, folds: int = 5, seeds: int = 8, seed: int = 0
) -> BiasVariance:
    """Train a configuration on every fold with every seed, and take its error apart.

    The decomposition is that of Geman, Bienenstock and Doursat (Neural networks and the bias/variance dilemma, 1992),
    over starts and orders of the data; over training sets it is the spread over folds.

    Args:
        objective: says what is trained; networks end with their best epoch's weights.
        params: the configuration.
        folds: at least 2.
        seeds: at least 2.
        seed: the first of them.

    Raises:
        SettingError: for a ranking, or fewer than two folds or seeds.

    Example:
        >>> from danlu import deep
        >>> objective = deep.Objective(lambda params, data: nn.Linear(30, 2), deep.datasets.breast_cancer(), epochs=3)
        >>> found = deep.bias_variance(objective, {"optimizer": "adamw"}, folds=2, seeds=2)
        >>> abs(found.bias + found.variance - found.error) < 1e-6
        True
    """
    if folds < 2 or seeds < 2:
        raise SettingError(f"spread needs at least two folds and two seeds, got {folds} and {seeds}.")
    parts = objective.data.folds(folds, seed=seed)
    trainings = [
        objective.training(params, seed + number, data=fold) for fold in parts for number in range(seeds)
    ]
    curves = train_together(trainings)
    errors, train, losses = [], [], []
    for at, fold in enumerate(parts):
        group = trainings[at * seeds : (at + 1) * seeds]
        models = [training.best.give(training.model) for training in group]
        known = group[0].data
        guesses = torch.stack([_guess(model, known.valid.x, fold.kind) for model in models])
        wanted = _wanted(known.valid.y, fold.kind, fold.outputs)
        mean = guesses.mean(0)
        errors.append([float(((wanted - g) ** 2).sum(-1).mean()) for g in (guesses, mean)])
        seen = _guess(models[0], known.train.x, fold.kind)
        train.append(float(((_wanted(known.train.y, fold.kind, fold.outputs) - seen) ** 2).sum(-1).mean()))
        found = curves[at * seeds : (at + 1) * seeds]
        losses.append(tuple(min(scores["val_loss"] for scores in curve) for curve in found))
    error, bias = np.mean(errors, axis=0)
    table = np.array(losses)
    return BiasVariance(
        float(error), float(bias), float(error - bias), float(np.mean(train)), float(table.std(axis=1, ddof=1).mean()),
        float(table.mean(axis=1).std(ddof=1)), tuple(losses),
    )  # fmt: skip


def _guess(model: nn.Module, x: Tensor, kind: str) -> Tensor:
    outputs = predict(model, x).double()
    return outputs.softmax(-1) if kind == "classes" else outputs.reshape(len(outputs), 1)


def _wanted(y: Tensor, kind: str, classes: int) -> Tensor:
    return nn.functional.one_hot(y, classes).double() if kind == "classes" else y.double().reshape(-1, 1)
