"""Tables: a multi-layer perceptron on standardized numbers and one-hot categories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ...base.failure import say
from ...errors import SettingError
from ...space.parameters import Choice, Float, Int
from ..data import Data, Split, from_arrays, standardize
from ..train.augment import VALUES
from ..train.init import INIT, initialize
from ..train.layers import activation, norm
from ..train.optim import optimizers
from ..train.regularize import REGULARIZERS, strength_of
from ..train.schedules import schedules

SOURCES = (
    "Gorishniy et al., Revisiting deep learning models for tabular data (rtdl), arXiv:2106.11959",
    "Kadra et al., Well-tuned simple nets excel on tabular datasets, arXiv:2106.11189",
)
ROW_CAP = 40  # categories with more levels than this are left out as identifiers


def space() -> dict[str, Any]:
    """Structure, optimizer, schedule and regularization of a multi-layer perceptron."""
    return {
        "depth": Int(1, 6, prior=3),
        "width": Int(16, 512, log=True, prior=128),
        "activation": Choice(["relu", "silu", "elu"], prior="relu"),
        "norm": Choice(["none", "layer", "batch"], prior="none"),
        "init": INIT,
        "optimizer": optimizers("adamw", "nesterov", nesterov={"lr": Float(1e-3, 0.3, log=True, prior=0.03)}),
        **schedules("constant", "cosine", "linear"),
        "batch_size": Choice([32, 64, 128, 256], ordered=True, prior=64),
        **REGULARIZERS,
        **VALUES,
    }


def build(params: Mapping[str, Any], data: Data) -> nn.Module:
    """The perceptron of a point: ``depth`` hidden layers of one width."""
    inputs, layers = data.train.x.shape[1], []
    for _ in range(params["depth"]):
        layers += [nn.Linear(inputs, params["width"]), *norm(params["norm"], params["width"])]
        layers += [activation(params["activation"]), nn.Dropout(strength_of(params, "dropout"))]
        inputs = params["width"]
    return initialize(nn.Sequential(*layers, nn.Linear(inputs, data.outputs)), params["init"])


def load(path: str, *, target: str | None = None, seed: int = 0) -> Data:
    """A table from a CSV file with a header, or from an ``.npz`` with ``x`` and ``y``.

    Args:
        path: the file.
        target: the column to predict; by default the last one. Text and whole numbers of few values are classes.
        seed: of the split.

    Raises:
        SettingError: when the file or the column is not there.
    """
    where = Path(path)
    if not where.is_file():
        raise SettingError(f"a table needs a .csv or .npz file, got {path!r}.")
    if where.suffix == ".npz":
        with np.load(where) as held:
            return prepare(held["x"], held["y"], seed=seed)
    import pandas as pd

    frame = pd.read_csv(where)
    name = target or str(frame.columns[-1])
    if name not in frame.columns:
        raise SettingError(f"there is no column {name!r}. There are: {', '.join(map(str, frame.columns))}.")
    frame = frame.dropna(subset=[name])
    y = frame.pop(name)
    few = y.dtype.kind in "iub" and y.nunique() <= max(2, min(50, len(y) // 10))
    values = y.dtype.kind in "fiu" and not few
    targets = y.to_numpy(dtype=np.float64) if values else y.astype(str).to_numpy()
    return prepare(_columns(frame), targets, seed=seed)


def prepare(x: Any, y: Any, *, seed: int = 0) -> Data:
    """A table as ``Data``: gaps filled with the training part's medians, then standardized."""
    values = np.asarray(x, dtype=np.float32)
    if values.ndim != 2:
        raise SettingError(f"a table needs shape (rows, columns), got {values.shape}.")
    parts = from_arrays(np.arange(len(values))[:, None], np.asarray(y), seed=seed)
    taught = values[parts.train.x[:, 0].numpy()]
    known = ~np.isnan(taught).all(axis=0)
    middle = np.zeros(values.shape[1], dtype=np.float32)
    middle[known] = np.nanmedian(taught[:, known], axis=0)
    filled = torch.from_numpy(np.where(np.isnan(values), middle, values))
    held = {name: Split(filled[part.x[:, 0]], part.y) for name, part in parts.parts().items()}
    return standardize(replace(parts, train=held["train"], valid=held["valid"], test=held["test"]))


def _columns(frame: Any) -> Any:
    """Numbers as they are, gaps marked by a column of their own; text one-hot."""
    import pandas as pd

    parts, left = [], []
    for name in frame.columns:
        column = frame[name]
        if column.dtype.kind in "fiub":
            parts.append(column.astype("float32").rename(str(name)))
            if column.isna().any():
                parts.append(column.isna().astype("float32").rename(f"{name} is missing"))
        elif column.nunique() <= ROW_CAP:
            parts.append(
                pd.get_dummies(column.fillna("missing").astype(str), prefix=str(name), dtype="float32")
            )
        else:
            left.append(f"{str(name)!r} ({column.nunique()} values)")
    if left:
        say(
            f"danlu: columns of text with more than {ROW_CAP} values are left out: {', '.join(left)}. danlu auto uses dates, text and categories of "
            "many values, and gives a model that takes raw rows."
        )
    if not parts:
        raise SettingError(
            f"no column can be used: numbers, or text of at most {ROW_CAP} values, are needed."
        )
    return pd.concat(parts, axis=1).to_numpy(dtype=np.float32)
