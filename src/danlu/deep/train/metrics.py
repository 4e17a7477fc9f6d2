"""Losses that are trained on, and metrics that are reported, several at once.

All of them are kept at every epoch, so the choice among them can be changed afterwards without a rerun. The usual
ones are counted on the device for any number of networks at once; tests hold them to scikit-learn's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ..data import Kind

Metric = Callable[[NDArray[np.generic], NDArray[np.generic]], float]
"""A function of targets and predictions (classes, or values), as scikit-learn has them."""

MAXIMIZED = ("accuracy", "precision", "recall", "f1", "r2", "hit_at_10", "ndcg_at_10")
TOP = 10


def losses(
    kind: Kind,
    outputs: Tensor,
    y: Tensor,
    label_smoothing: float = 0.0,
    *,
    reduction: Literal["none", "mean"] = "none",
) -> Tensor:
    """The loss of each sample, shape (n,), or their mean.

    Args:
        kind: cross-entropy for ``classes``, squared error for ``values``, cross-entropy of a yes or no
            for ``ranking``.
        outputs: of the network, shape (n, classes), or (n,) or (n, 1).
        y: targets, shape (n,).
        label_smoothing: of the classes' labels.
        reduction: ``none`` or ``mean``.

    Example:
        >>> losses("values", torch.tensor([[1.0], [2.0]]), torch.tensor([1.0, 4.0])).tolist()
        [0.0, 4.0]
    """
    if kind == "classes":
        return nn.functional.cross_entropy(outputs, y, label_smoothing=label_smoothing, reduction=reduction)
    flat = outputs.reshape(y.shape)
    if kind == "values":
        return nn.functional.mse_loss(flat, y, reduction=reduction)
    return nn.functional.binary_cross_entropy_with_logits(flat, y, reduction=reduction)


def scores(
    kind: Kind, outputs: Tensor, y: Tensor, extra: Mapping[str, Metric] | None = None
) -> dict[str, float]:
    """The loss and the metrics of predictions, as scikit-learn has them; averages over classes unweighted.

    Args:
        kind, outputs, y: as in ``losses``; for a ranking use ``ranks``.
        extra: more metrics by name.

    Example:
        >>> found = scores("classes", torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 0]))
        >>> found["accuracy"], round(found["f1"], 4)
        (0.5, 0.3333)
    """
    return scores_of_each(kind, outputs.unsqueeze(0), y, extra)[0]


def scores_of_each(
    kind: Kind, outputs: Tensor, y: Tensor, extra: Mapping[str, Metric] | None = None
) -> list[dict[str, float]]:
    """``scores`` of several networks on the same samples, counted in one go.

    Args:
        kind, y, extra: as in ``scores``.
        outputs: of each network, shape (members, n, outputs) or (members, n).
    """
    members = len(outputs)
    targets = y.expand(members, -1)
    loss = losses(kind, outputs.flatten(0, 1), targets.flatten()).view(targets.shape).mean(1)
    if kind == "classes":
        guess = outputs.argmax(-1)
        table = _by_class(guess, targets, outputs.shape[-1])
    else:
        guess = outputs.reshape(
            targets.shape
        ).double()  # squares of a diverging one overflow single precision
        table = _by_distance(guess, targets.double())
    columns = {"loss": loss, **table}
    found = [
        dict(zip(columns, row, strict=True))
        for row in torch.stack([*map(torch.Tensor.double, columns.values())], 1).tolist()
    ]
    for row, each in zip(guess, found, strict=True):
        for name, metric in (extra or {}).items():
            each[name] = float(metric(y.cpu().numpy(), row.cpu().numpy()))
    return found


def _by_class(guess: Tensor, y: Tensor, classes: int) -> dict[str, Tensor]:
    """Shares of each member's confusion matrix; a class that is neither there nor guessed does not count."""
    members = len(guess)
    cells = (torch.arange(members, device=y.device)[:, None] * classes + y) * classes + guess
    counts = torch.bincount(cells.flatten(), minlength=members * classes**2).reshape(
        members, classes, classes
    )
    right, there, guessed = counts.diagonal(0, 1, 2).double(), counts.sum(2), counts.sum(1)
    used = (there + guessed > 0).double()
    average = {
        "precision": right / guessed.clamp_min(1),
        "recall": right / there.clamp_min(1),
        "f1": 2 * right / (there + guessed).clamp_min(1),
    }
    found = {name: (value * used).sum(1) / used.sum(1) for name, value in average.items()}
    return {"accuracy": right.sum(1) / y.shape[1], **found}


def _by_distance(guess: Tensor, y: Tensor) -> dict[str, Tensor]:
    error, total = guess - y, ((y - y.mean(1, keepdim=True)) ** 2).sum(1)
    unexplained = (error**2).sum(1) / total.clamp_min(math.ulp(0.0))
    return {"mae": error.abs().mean(1), "r2": 1 - unexplained}


def ranks(wanted: Tensor, table: Tensor, users: Tensor, seen: Tensor | None) -> dict[str, float]:
    """How high the items that users turned out to want stand among all that they did not have before.

    All items are ranked, not a sample of them: sampled ranking metrics can put models in the wrong order
    (Krichene and Rendle, On sampled metrics for item recommendation, KDD 2020).

    Args:
        wanted: items, shape (n,).
        table: the score of every item for every user, shape (users, items).
        users: who wanted them, shape (n,).
        seen: True where a user had an item in training, shape (users, items).

    Example:
        >>> ranks(torch.tensor([1]), torch.tensor([[0.9, 0.8, 0.1]]), torch.tensor([0]), None)["hit_at_10"]
        1.0
    """
    own = table[users, wanted]
    open_ = table if seen is None else table.masked_fill(seen, -torch.inf)
    above = (open_[users] > own[:, None]).sum(1).double()
    level = (open_[users] == own[:, None]).sum(1).double() - 1  # ties share their places
    place = above + level.clamp_min(0) / 2
    hit = place < TOP
    gain = torch.where(hit, 1 / torch.log2(place + 2), torch.zeros_like(place))
    return {f"hit_at_{TOP}": float(hit.double().mean()), f"ndcg_at_{TOP}": float(gain.mean())}


def rises(name: str) -> bool:
    """Whether a metric of this name is better when it is larger.

    Example:
        >>> rises("val_accuracy"), rises("val_loss")
        (True, False)
    """
    return name.removeprefix("val_").removeprefix("test_") in MAXIMIZED
