"""The small choices every network makes: activation, normalization, pooling."""

from __future__ import annotations

from torch import nn

from ...errors import SettingError

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "elu": nn.ELU, "tanh": nn.Tanh,
}  # fmt: skip
NORMS = ("batch", "layer", "group", "none")


def activation(name: str) -> nn.Module:
    """A fresh activation layer.

    Raises:
        SettingError: for a name that is not there.

    Example:
        >>> activation("gelu")
        GELU(approximate='none')
    """
    if name not in ACTIVATIONS:
        raise SettingError(f"there is no activation {name!r}. There are: {', '.join(ACTIVATIONS)}.")
    return ACTIVATIONS[name]()


def norm(name: str, channels: int, *, images: bool = False) -> list[nn.Module]:
    """The normalization of this many channels as a list of one layer, or none.

    Args:
        name: ``batch``, ``layer``, ``group`` (of at most eight groups) or ``none``.
        images: whether what is normalized is (n, channels, height, width) and not (n, channels).

    Raises:
        SettingError: for a name that is not there.

    Example:
        >>> norm("none", 8), norm("layer", 8)[0].normalized_shape
        ([], (8,))
    """
    if name == "none":
        return []
    if name == "batch":
        return [nn.BatchNorm2d(channels) if images else nn.BatchNorm1d(channels)]
    if name == "group":
        groups = max(group for group in range(1, 9) if channels % group == 0)
        return [nn.GroupNorm(groups, channels)]
    if name == "layer":
        return [nn.GroupNorm(1, channels) if images else nn.LayerNorm(channels)]
    raise SettingError(f"there is no normalization {name!r}. There are: {', '.join(NORMS)}.")


def pooling(name: str, size: int) -> nn.Module:
    """A pooling layer, ``max`` or ``avg``; rows and columns that do not fill a window are kept.

    Example:
        >>> pooling("max", 2)
        MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=True)
    """
    if name not in {"max", "avg"}:
        raise SettingError(f"there is no pooling {name!r}. There are: max, avg.")
    return nn.MaxPool2d(size, ceil_mode=True) if name == "max" else nn.AvgPool2d(size, ceil_mode=True)
