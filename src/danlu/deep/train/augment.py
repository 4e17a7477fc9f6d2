"""Augmentation on tensors: every sample moved, turned, hidden or disturbed a little, by draws that are given.

Each function takes its random numbers as an argument, uniform in [0, 1), so an epoch's draws can be made in one
go, by one generator, and are the same wherever and however often the epoch is run.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import SettingError
from ...space.parameters import Float
from .regularize import maybe

KERAS_TUNER = "Keras Tuner's HyperImageAugment: each strength in 0..1 of its largest use"
CUTOUT = "DeVries and Taylor, Improved regularization with cutout, arXiv:1708.04552"
WORDS = "Iyyer et al., Deep unordered composition rivals syntactic methods, ACL 2015: word dropout 0..0.5"
NOISE = "Bishop, Training with noise is equivalent to Tikhonov regularization, 1995"

IMAGES: dict[str, Any] = {
    "shift": Float(0.0, 0.25, prior=0.0),  # largest move, as a share of the side
    "rotate": Float(0.0, 30.0, prior=0.0),  # largest turn, degrees
    "cutout": maybe(Float(0.1, 0.5, prior=0.25)),  # side of the hidden square, as a share of the side
    "flip": Float(0.0, 0.5, prior=0.0),  # how often left and right are exchanged
}
VALUES: dict[str, Any] = {
    "noise": maybe(Float(0.01, 0.3, log=True, prior=0.05))
}  # in standard deviations of the inputs

Strength = Tensor
"""One strength a sample, shape (n,): samples of several trainings may be in one batch."""


def warp(x: Tensor, strengths: Mapping[str, Strength], draws: Tensor) -> Tensor:
    """Images shifted, turned and mirrored, by bilinear interpolation with zeros outside.

    Args:
        x: images, shape (n, channels, height, width).
        strengths: ``shift``, ``rotate``, ``flip``, each of shape (n,).
        draws: uniform numbers, shape (n, 4).
    """
    none = torch.zeros(1, device=x.device)
    angle = (2 * draws[:, 2] - 1) * strengths.get("rotate", none) * (math.pi / 180)
    mirror = 1 - 2 * (draws[:, 3] < strengths.get("flip", none)).to(x.dtype)
    moves = (2 * draws[:, :2] - 1) * 2 * strengths.get("shift", none).reshape(-1, 1)
    cos, sin = torch.cos(angle), torch.sin(angle)
    rows = [
        torch.stack([cos * mirror, -sin, moves[:, 0]], 1),
        torch.stack([sin * mirror, cos, moves[:, 1]], 1),
    ]
    grid = nn.functional.affine_grid(torch.stack(rows, 1).to(x.dtype), list(x.shape), align_corners=False)
    return nn.functional.grid_sample(x, grid, align_corners=False)


def cutout(x: Tensor, side: Strength, draws: Tensor) -> Tensor:
    """Images with a square hidden; ``side`` is its share of the image's side, ``draws`` have shape (n, 2)."""
    height, width = x.shape[-2:]
    rows = (torch.arange(height, device=x.device) + 0.5) / height
    columns = (torch.arange(width, device=x.device) + 0.5) / width
    hidden = ((rows - draws[:, :1]).abs() < side.reshape(-1, 1) / 2)[:, :, None] & (
        (columns - draws[:, 1:2]).abs() < side.reshape(-1, 1) / 2
    )[:, None, :]
    return x.masked_fill(hidden[:, None], 0.0)


def disturb(x: Tensor, strength: Strength, draws: Tensor) -> Tensor:
    """Values with normal noise of that standard deviation; draws of the values' own shape."""
    noise = torch.erfinv((2 * draws - 1).clamp(-1 + 1e-6, 1 - 1e-6)) * math.sqrt(2)
    return x + noise.reshape(x.shape) * strength.reshape(-1, *[1] * (x.ndim - 1))


def drop_tokens(x: Tensor, strength: Strength, draws: Tensor) -> Tensor:
    """Token numbers with some of them replaced by padding (0); draws of the tokens' own shape."""
    return x.masked_fill(draws < strength.reshape(-1, 1), 0)


NAMES = ("shift", "rotate", "flip", "cutout", "noise", "token_dropout")


def draws_needed(names: Mapping[str, float], sample: torch.Size) -> int:
    """How many uniform numbers one sample of this shape takes."""
    for name in names:
        if name not in NAMES:
            raise SettingError(f"there is no augmentation {name!r}. There are: {', '.join(NAMES)}.")
    values = math.prod(sample)
    return sum(size for _, size in _plan(names, values))


def augment(x: Tensor, strengths: Mapping[str, Strength], draws: Tensor) -> Tensor:
    """``x`` with everything in ``strengths`` done to it.

    Args:
        x: samples, shape (n, ...).
        strengths: by name, each of shape (n,).
        draws: uniform numbers, shape (n, ``draws_needed``).

    Example:
        >>> images = torch.ones(2, 1, 4, 4)
        >>> augment(images, {"cutout": torch.tensor([0.0, 1.0])}, torch.full((2, 2), 0.5)).sum((1, 2, 3)).tolist()
        [16.0, 0.0]
    """
    at = 0
    for kind, size in _plan(strengths, math.prod(x.shape[1:])):
        part, at = draws[:, at : at + size], at + size
        x = _KINDS[kind](x, strengths, part)
    return x


def _plan(names: Mapping[str, Any], values: int) -> list[tuple[str, int]]:
    kinds = [("warp", 4)] if {"shift", "rotate", "flip"} & names.keys() else []
    kinds += [("cutout", 2)] if "cutout" in names else []
    kinds += [("noise", values)] if "noise" in names else []
    kinds += [("token_dropout", values)] if "token_dropout" in names else []
    return kinds


_KINDS: dict[str, Callable[[Tensor, Mapping[str, Strength], Tensor], Tensor]] = {
    "warp": warp,
    "cutout": lambda x, strengths, draws: cutout(x, strengths["cutout"], draws),
    "noise": lambda x, strengths, draws: disturb(x, strengths["noise"], draws),
    "token_dropout": lambda x, strengths, draws: drop_tokens(x, strengths["token_dropout"], draws),
}
