"""Losses that are trained on, and metrics that are reported, several at once.

All of them are kept at every epoch, so the choice among them can be changed afterwards without a rerun.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .data import Kind

Metric = Callable[[NDArray[np.generic], NDArray[np.generic]], float]
"""A function of targets and predictions (classes, or values), as scikit-learn has them."""

MAXIMIZED = ("accuracy", "precision", "recall", "f1", "r2", "hit_at_10", "ndcg_at_10")
TOP = 10


def losses(kind: Kind, outputs: Tensor, y: Tensor, smoothing: float = 0.0) -> Tensor:
    """The loss of each sample, shape (n,).

    Args:
        kind: cross-entropy for ``classes``, squared error for ``values``, cross-entropy of a yes or no
            for ``ranking``.
        outputs: of the network, shape (n, classes), or (n,) or (n, 1).
        y: targets, shape (n,).
        smoothing: of the classes' labels.

    Example:
        >>> losses("values", torch.tensor([[1.0], [2.0]]), torch.tensor([1.0, 4.0])).tolist()
        [0.0, 4.0]
    """
    if kind == "classes":
        return nn.functional.cross_entropy(outputs, y, label_smoothing=smoothing, reduction="none")
    flat = outputs.reshape(y.shape)
    if kind == "values":
        return (flat - y) ** 2
    return nn.functional.binary_cross_entropy_with_logits(flat, y, reduction="none")


def scores(
    kind: Kind, outputs: Tensor, y: Tensor, extra: Mapping[str, Metric] | None = None
) -> dict[str, float]:
    """The loss and the metrics of predictions: scikit-learn's, averages over classes unweighted.

    Args:
        kind, outputs, y: as in ``losses``; for a ranking use ``ranks``.
        extra: more metrics by name.

    Example:
        >>> found = scores("classes", torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 0]))
        >>> found["accuracy"], round(found["f1"], 4)
        (0.5, 0.3333)
    """
    from sklearn import metrics

    found = {"loss": float(losses(kind, outputs, y).mean())}
    truth = y.cpu().numpy()
    if kind == "classes":
        guess = outputs.argmax(1).cpu().numpy()
        precision, recall, f1, _ = metrics.precision_recall_fscore_support(
            truth, guess, average="macro", zero_division=0
        )
        found |= {"accuracy": float(np.mean(truth == guess))}
        found |= {"precision": float(precision), "recall": float(recall), "f1": float(f1)}
    else:
        guess = outputs.reshape(y.shape).double().cpu().numpy()  # squares of a diverging one overflow float32
        if np.isfinite(guess).all():
            found |= {"mae": float(metrics.mean_absolute_error(truth, guess))}
            found |= {"r2": float(metrics.r2_score(truth, guess))} if len(truth) > 1 else {}
    for name, metric in (extra or {}).items():
        found[name] = float(metric(truth, guess))
    return found


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
