"""Recommendation: which items a user will want, by factors of users and items and what a network makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import SettingError
from ...space.parameters import Choice, Float, Int, Switch
from ..data import Data, Split
from ..train.layers import activation
from ..train.optim import optimizers
from ..train.regularize import REGULARIZERS, strength_of
from ..train.schedules import schedules

SOURCES = (
    "Koren, Bell, Volinsky, Matrix factorization techniques for recommender systems, 2009",
    "He et al., Neural collaborative filtering (NeuMF), arXiv:1708.05031: factors 8-64, four negatives a positive",
    "Rendle et al., Neural collaborative filtering vs. matrix factorization revisited, arXiv:2005.09683",
)


def space() -> dict[str, Any]:
    """Factors, network, negatives, optimizer and regularization of a recommender."""
    return {
        "net": Switch(
            {
                "dot": {"factors": Int(4, 64, log=True, prior=16)},
                "neural": {
                    "user_factors": Int(4, 64, log=True, prior=16),
                    "item_factors": Int(4, 64, log=True, prior=16),
                    "hidden": Int(8, 128, log=True, prior=32),
                    "depth": Int(1, 3, prior=2),
                },
            },
            prior="dot",
        ),
        "spread": Float(0.003, 0.3, log=True, prior=0.1),
        "negatives": Int(1, 10, prior=4),
        "dropout": REGULARIZERS["dropout"],
        "optimizer": optimizers("adamw", "adagrad", adamw={
            "lr": Float(1e-4, 0.3, log=True, prior=1e-3), "decay": Float(1e-3, 10.0, log=True, prior=0.01)},
            adagrad={"lr": Float(1e-3, 1.0, log=True, prior=0.01)}),
        **schedules("constant", "linear"),
        "batch_size": Choice([128, 256, 512], ordered=True, prior=256),
    }  # fmt: skip


class Recommender(nn.Module):
    """Pairs of user and item numbers, shape (n, 2), to a score each, shape (n,)."""

    def __init__(self, params: Mapping[str, Any], users: int, items: int) -> None:
        super().__init__()
        own = {name.rpartition(".")[2]: value for name, value in params.items() if name.startswith("net.")}
        self.kind, depth, dropout = params["net"], own.get("depth", 0), strength_of(params, "dropout")
        wide_user = own["factors" if self.kind == "dot" else "user_factors"]
        wide_item = own["factors" if self.kind == "dot" else "item_factors"]
        self.users, self.items = nn.Embedding(users, wide_user), nn.Embedding(items, wide_item)
        self.user_bias, self.item_bias = nn.Embedding(users, 1), nn.Embedding(items, 1)
        self.drop = nn.Dropout(dropout)
        layers: list[nn.Module] = []
        wide = wide_user + wide_item
        for _ in range(depth):
            layers += [nn.Linear(wide, own["hidden"]), activation("relu"), nn.Dropout(dropout)]
            wide = own["hidden"]
        self.body = nn.Sequential(*layers, nn.Linear(wide, 1)) if depth else nn.Identity()
        with torch.no_grad():
            for embedding in (self.users, self.items):
                embedding.weight.normal_(std=params["spread"])
            for bias in (self.user_bias, self.item_bias):
                bias.weight.zero_()

    def forward(self, pairs: Tensor) -> Tensor:
        """Biases plus the product of the factors, or what the network makes of both."""
        user, item = self.drop(self.users(pairs[..., 0])), self.drop(self.items(pairs[..., 1]))
        bias = (self.user_bias(pairs[..., 0]) + self.item_bias(pairs[..., 1])).squeeze(-1)
        if self.kind == "dot":
            out: Tensor = bias + (user * item).sum(-1)
        else:
            out = bias + self.body(torch.cat([user, item], -1)).squeeze(-1)
        return out


def build(params: Mapping[str, Any], data: Data) -> nn.Module:
    """The recommender of a point."""
    return Recommender(params, *data.sizes)


def load(path: str, *, liked: float | None = None, seed: int = 0) -> Data:
    """Pairs from a CSV file whose first columns are user, item and, if there is one, rating.

    Args:
        path: the file, with a header.
        liked: ratings from here on count as wanted; by default the median rating.
        seed: of the split.

    Raises:
        SettingError: when there is nothing to read.
    """
    if not Path(path).is_file():
        raise SettingError(f"pairs need a .csv file with columns user, item[, rating], got {path!r}.")
    import pandas as pd

    frame = pd.read_csv(path)
    if len(frame.columns) < 2:
        raise SettingError(f"pairs need columns user, item[, rating], got {list(frame.columns)}.")
    if len(frame.columns) > 2:
        ratings = frame[frame.columns[2]]
        frame = frame[ratings >= (ratings.median() if liked is None else liked)]
    users, items = (pd.factorize(frame[name])[0] for name in frame.columns[:2])
    return prepare(np.stack([users, items], 1), seed=seed)


def prepare(pairs: Any, *, users: int | None = None, items: int | None = None, seed: int = 0) -> Data:
    """Pairs as ``Data``: for every user with three pairs or more, one held out to validate and one to test.

    Args:
        pairs: user and item numbers from 0, shape (n, 2).
        users, items: how many there are; by default the largest number plus one.
        seed: of what is held out.

    Raises:
        SettingError: when no user has three pairs.
    """
    unique = np.unique(np.asarray(pairs, dtype=np.int64), axis=0)
    numbers = np.random.default_rng(seed)
    mixed = unique[numbers.permutation(len(unique))]
    mixed = mixed[np.argsort(mixed[:, 0], kind="stable")]
    starts = np.r_[True, mixed[1:, 0] != mixed[:-1, 0]]
    place = np.arange(len(mixed)) - np.maximum.accumulate(np.where(starts, np.arange(len(mixed)), 0))
    own = np.bincount(mixed[:, 0])[mixed[:, 0]]
    held = {"valid": mixed[(own >= 3) & (place == 0)], "test": mixed[(own >= 3) & (place == 1)]}
    if not len(held["valid"]):
        raise SettingError("a recommender needs users with three different items or more; none has.")
    train = mixed[(own < 3) | (place > 1)]
    sizes = (users or int(unique[:, 0].max()) + 1, items or int(unique[:, 1].max()) + 1)
    seen = torch.zeros(*sizes, dtype=torch.bool)
    seen[train[:, 0], train[:, 1]] = True
    parts = {name: _positive(rows) for name, rows in held.items()}
    return Data(_positive(train), parts["valid"], parts["test"], "ranking", 1, sizes, seen=seen)


def _positive(rows: Any) -> Split:
    return Split(torch.from_numpy(np.ascontiguousarray(rows)), torch.ones(len(rows)))
