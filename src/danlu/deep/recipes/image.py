"""Images: a convolutional network, plain blocks as in VGG or with a way around them as in ResNet."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import SettingError
from ...space.parameters import Choice, Float, Int
from ..data import Data, from_arrays, standardize
from ..train.augment import IMAGES
from ..train.init import initialize
from ..train.layers import activation, norm, pooling
from ..train.optim import optimizers
from ..train.regularize import REGULARIZERS, strength_of
from ..train.schedules import schedules

SOURCES = (
    "Simonyan and Zisserman, Very deep convolutional networks (VGG), arXiv:1409.1556",
    "He et al., Deep residual learning (ResNet), arXiv:1512.03385",
    "Dahl et al., AlgoPerf, arXiv:2306.07179; AutoGluon's widths, arXiv:2003.06505",
)


def space() -> dict[str, Any]:
    """Structure, optimizer, schedule, regularization and augmentation of an image network."""
    return {
        "block": Choice(["plain", "residual"], prior="plain"),
        "depth": Int(1, 4, prior=2),
        "width": Int(8, 64, log=True, prior=32),
        "kernel": Choice([3, 5], ordered=True, prior=3),
        "pool": Choice(["max", "avg"], prior="max"),
        "activation": Choice(["relu", "gelu", "silu"], prior="relu"),
        "norm": Choice(["none", "batch", "group"], prior="none"),
        "init": Choice(["kaiming", "default"], prior="kaiming"),
        "optimizer": optimizers("adamw", "nesterov", adamw={"lr": Float(3e-4, 3e-2, log=True, prior=1e-3)}),
        **schedules("constant", "linear", "one_cycle", "cosine"),
        "batch_size": Choice([32, 64, 128], ordered=True, prior=64),
        **{name: REGULARIZERS[name] for name in ("label_smoothing", "mixup")},
        "dropout": Float(0.0, 0.5, prior=0.0),
        **{name: IMAGES[name] for name in ("shift", "rotate", "cutout")},
    }  # fmt: skip


class Residual(nn.Module):
    """Two convolutions with a way around them; the last scale starts at zero, so it starts as the identity."""

    def __init__(self, channels: int, kernel: int, act: str, norm_: str) -> None:
        super().__init__()
        conv = [nn.Conv2d(channels, channels, kernel, padding=kernel // 2) for _ in range(2)]
        self.body = nn.Sequential(
            conv[0], *norm(norm_, channels, images=True), activation(act),
            conv[1], *norm(norm_, channels, images=True),
        )  # fmt: skip
        self.act = activation(act)

    def forward(self, x: Tensor) -> Tensor:
        """The input plus what the body makes of it."""
        out: Tensor = self.act(x + self.body(x))
        return out

    def begin_as_identity(self) -> None:
        """Zero the last layer that has a weight (Goyal et al., arXiv:1706.02677, 5.1)."""
        last = [module for module in self.body if getattr(module, "weight", None) is not None][-1]
        with torch.no_grad():
            last.weight.zero_()  # type: ignore[operator]


def build(params: Mapping[str, Any], data: Data) -> nn.Module:
    """The network of a point: ``depth`` stages of twice the channels and half the side, pooled, and a head."""
    channels, side = data.train.x.shape[1], min(data.train.x.shape[2:])
    layers: list[nn.Module] = []
    for stage in range(params["depth"]):
        wide = params["width"] * 2**stage
        conv = nn.Conv2d(channels, wide, params["kernel"], padding=params["kernel"] // 2)
        layers += [conv, *norm(params["norm"], wide, images=True), activation(params["activation"])]
        if params["block"] == "residual":
            layers.append(Residual(wide, params["kernel"], params["activation"], params["norm"]))
        if side >= 4:
            layers.append(pooling(params["pool"], 2))
            side = -(-side // 2)
        channels = wide
    model = nn.Sequential(
        *layers, nn.AdaptiveAvgPool2d(min(side, 2)), nn.Flatten(), nn.Dropout(strength_of(params, "dropout"))
    )
    model.append(nn.Linear(channels * min(side, 2) ** 2, data.outputs))
    initialize(model, params["init"])
    for module in model.modules():
        if isinstance(module, Residual):
            module.begin_as_identity()
    return model


def load(path: str, *, seed: int = 0) -> Data:
    """Images from a folder of one folder a class, or from an ``.npz`` with ``x`` and ``y``.

    Args:
        path: a folder (PNG, JPEG, BMP, of one size, or they are resized to the first one's), or a file with x of shape
            (n, height, width) or (n, channels, height, width).
        seed: of the split.

    Raises:
        SettingError: when there is nothing to read.
    """
    where = Path(path)
    if where.is_dir():
        x, y = _folder(where)
    elif where.suffix == ".npz" and where.is_file():
        with np.load(where) as held:
            x, y = np.asarray(held["x"], dtype=np.float32), held["y"]
    else:
        raise SettingError(
            f"images need a folder of one folder a class, or an .npz with x and y, got {path!r}."
        )
    return prepare(x, y, seed=seed)


def prepare(x: Any, y: Any, *, seed: int = 0) -> Data:
    """Images as ``Data``: float, channels first, standardized by the training part's mean and deviation."""
    images = np.asarray(x, dtype=np.float32)
    if images.ndim == 3:
        images = images[:, None]
    if images.ndim != 4:
        raise SettingError(
            f"images need shape (n, height, width) or (n, channels, height, width), got {images.shape}."
        )
    return standardize(from_arrays(images, np.asarray(y), kind="classes", seed=seed), together=True)


def _folder(where: Path) -> tuple[Any, list[str]]:
    from PIL import Image

    files = sorted(
        file for folder in sorted(where.iterdir()) if folder.is_dir() for file in folder.iterdir()
        if file.suffix.lower() in {".png", ".jpg", ".jpeg", ".bmp"}
    )  # fmt: skip
    if not files:
        raise SettingError(f"{where} holds no folder with images. Put each class into a folder of its own.")
    pictures, size = [], None
    for file in files:
        with Image.open(file) as picture:
            plain = picture.convert("L" if picture.mode in {"1", "L", "I", "I;16"} else "RGB")
            size = size or plain.size
            pictures.append(np.asarray(plain if plain.size == size else plain.resize(size), dtype=np.float32))
    channels = {picture.ndim for picture in pictures}
    if channels == {2, 3}:
        pictures = [picture if picture.ndim == 3 else np.stack([picture] * 3, -1) for picture in pictures]
    stacked = np.stack(pictures)
    images = stacked if stacked.ndim == 3 else stacked.transpose(0, 3, 1, 2)
    return images, [file.parent.name for file in files]
