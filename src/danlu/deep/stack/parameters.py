"""Networks of one structure as one: stacked weights, one row a member, and how to run them forward.

A ``Sequential`` is walked layer by layer: linear layers and dropout have a form of their own for stacked weights,
layers without weights take all members' samples as one batch, everything else goes through ``torch.vmap``, and so
does a network that is no ``Sequential``, as a whole (Python overhead is then paid once for all members).

Narrower networks run inside wider ones: a unit that was added with weights of zero gives zero, and as long as its
activation takes zero to zero, so do its gradients, in both directions. It stays zero under every optimizer here, so a
padded member is the member itself, and needs no mask.
"""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vjp
from torch.nn.attention import SDPBackend, sdpa_kernel

_ = torch.empty(31 * 2**20, dtype=torch.uint8)
del _
"""Once glibc has seen a large array freed it keeps freed ones, as in ``maths/gp.py``: a tenth of a block's time."""

UNSTACKABLE = (RuntimeError, NotImplementedError, TypeError, ValueError)
"""What PyTorch raises for what it cannot map over rows, the want of memory included: such networks are trained alone."""

Weights = dict[str, Tensor]
"""Stacked tensors by parameter name, shape (members, ...)."""


class PerModelDropout(nn.Module):
    """Dropout whose rate is a tensor, so that it can differ between the rows of a block."""

    rate: Tensor

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.register_buffer("rate", torch.tensor(float(rate)), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Each value dropped with the rate, the others scaled up; all of them kept when judging."""
        if not self.training:
            return x
        rate = self.rate.reshape(self.rate.shape + (1,) * (x.ndim - self.rate.ndim))
        return x * (torch.rand_like(x) >= rate) / (1 - rate)


def rowwise(model: nn.Module) -> nn.Module:
    """A copy whose dropout can be stacked; dropout of rate 0 is left out."""
    copied = copy.deepcopy(model)
    for name, module in list(copied.named_modules()):
        if type(module) is nn.Dropout:
            parent = copied.get_submodule(name.rpartition(".")[0])
            setattr(parent, name.rpartition(".")[2], PerModelDropout(module.p) if module.p else nn.Identity())
    return copied


def structure(model: nn.Module, *, widths: bool = False) -> str:
    """What two networks must have in common to be rows of one block, as text.

    Args:
        model: as ``rowwise`` leaves it.
        widths: whether the sizes of weights count. Without them, networks of different widths look alike.
    """
    parts = []
    for name, module in model.named_modules():
        plain = {
            key: value if not callable(value) else getattr(value, "__qualname__", repr(value))
            for key, value in vars(module).items()
            if not key.startswith("_") and key != "training" and (widths or key not in _SIZES)
        }
        plain = {
            key: value for key, value in plain.items() if not isinstance(value, Tensor | nn.Module | list)
        }
        parts.append(f"{name}:{type(module).__qualname__}{sorted(plain.items(), key=str)}")
    tensors = [*model.named_parameters(), *model.named_buffers()]
    shapes = [(name, tuple(tensor.shape) if widths else tensor.ndim) for name, tensor in tensors]
    return re.sub(r" at 0x[0-9a-f]+", "", f"{parts}{shapes}")


_SIZES = {"in_features", "out_features", "in_channels", "out_channels", "num_features", "p"}
_WIDENS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.BatchNorm1d, nn.BatchNorm2d, nn.Sequential, nn.Identity, PerModelDropout,
           nn.ReLU, nn.GELU, nn.SiLU, nn.ELU, nn.Tanh, nn.Flatten, nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d)  # fmt: skip


def widens(model: nn.Module) -> bool:
    """Whether a network can be padded: a chain of layers that take zero units to zero units.

    Example:
        >>> widens(nn.Sequential(nn.Linear(2, 3), nn.ReLU())), widens(nn.Sequential(nn.Linear(2, 3), nn.LayerNorm(3)))
        (True, False)
    """
    chain = isinstance(model, nn.Sequential) and all(type(module) in _WIDENS for module in model)
    plain = all(
        not isinstance(module, nn.Conv1d | nn.Conv2d) or module.groups == 1 for module in model.modules()
    )
    return chain and plain


def pad(tensor: Tensor, shape: Sequence[int], fill: float = 0.0) -> Tensor:
    """A tensor in the corner of a larger one.

    Example:
        >>> pad(torch.ones(1, 2), (2, 3)).tolist()
        [[1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    if tuple(tensor.shape) == tuple(shape):
        return tensor
    wide = tensor.new_full(tuple(shape), fill)
    wide[tuple(slice(size) for size in tensor.shape)] = tensor
    return wide


class StackedParameters:
    """The stacked weights of networks of one structure.

    Args:
        models: as ``rowwise`` leaves them; the widest of them gives the shapes.

    Attributes:
        flat: all weights, shape (members, weights); ``weights`` are views of it by name.
        buffers: stacked, by name.
        shapes: of each member's own weights, by name.
    """

    def __init__(self, models: Sequence[nn.Module]) -> None:
        widest = max(models, key=lambda model: sum(parameter.numel() for parameter in model.parameters()))
        self.skeleton = copy.deepcopy(widest)
        shape = {name: tuple(tensor.shape) for name, tensor in widest.named_parameters()}
        held = {name: tuple(tensor.shape) for name, tensor in widest.named_buffers()}
        rows = []
        for model in models:
            own = dict(model.named_parameters())
            rows.append(torch.cat([pad(own[name].detach(), shape[name]).reshape(-1) for name in shape]))
        self.shape = shape
        self.flat = torch.stack(rows)
        self.buffers = {
            name: torch.stack(
                [
                    pad(dict(model.named_buffers())[name], held[name], float(name.endswith("running_var")))
                    for model in models
                ]
            )
            for name in held
        }
        self.shapes = [
            {name: tuple(tensor.shape) for name, tensor in model.named_parameters()} for model in models
        ]
        self._view()
        self.alone = not isinstance(self.skeleton, nn.Sequential)
        self._recurrent = any(isinstance(module, nn.RNNBase) for module in self.skeleton.modules())
        attends = any(isinstance(module, nn.MultiheadAttention) for module in self.skeleton.modules())
        self._kernel = _plain_attention if attends else nullcontext

    def __len__(self) -> int:
        return len(self.flat)

    def _view(self) -> None:
        self.weights: Weights = {}
        at = 0
        for name, shape in self.shape.items():
            size = torch.Size(shape).numel()
            self.weights[name] = self.flat[:, at : at + size].view(len(self.flat), *shape)
            at += size

    def keep(self, rows: Tensor) -> None:
        """Only these rows stay, in this order."""
        self.flat = self.flat[rows]
        self.buffers = {name: tensor[rows] for name, tensor in self.buffers.items()}
        self.shapes = [self.shapes[row] for row in rows.tolist()]
        self._view()

    def join(self, other: StackedParameters) -> None:
        """Put another one's rows, of the same shapes, behind these."""
        self.flat = torch.cat([self.flat, other.flat])
        self.buffers = {
            name: torch.cat([tensor, other.buffers[name]]) for name, tensor in self.buffers.items()
        }
        self.shapes += other.shapes
        self._view()

    def state(self, row: int, flat: Tensor | None = None) -> dict[str, Tensor]:
        """One member's own weights and buffers, copied out of the block, at their own sizes.

        Args:
            row: of the member.
            flat: weights like ``flat`` to read instead: an average, or an optimizer's state.
        """
        source, at, found = (self.flat if flat is None else flat)[row], 0, {}
        for name, shape in self.shape.items():
            size = torch.Size(shape).numel()
            own = tuple(slice(length) for length in self.shapes[row][name])
            found[name] = source[at : at + size].view(shape)[own].clone()
            at += size
        return found

    def forward(self, x: Tensor, weights: Weights | None = None) -> Tensor:
        """What each member gives for its own samples.

        Args:
            x: shape (members, n, ...).
            weights: to run with, the block's own by default.

        Returns:
            Shape (members, n, outputs).
        """
        held = self.weights if weights is None else weights
        if self.alone:
            return self._mapped(self.skeleton, "", held, x)
        for name, layer in self.skeleton.named_children():
            form = _FORMS.get(type(layer))
            if form is not None:
                x = form(layer, {key: held[f"{name}.{key}"] for key, _ in layer.named_parameters()}, x)
            elif type(layer) is PerModelDropout:
                rated = layer.train(self.skeleton.training)
                rated.rate = self.buffers[f"{name}.rate"]
                x = rated(x)
            else:
                x = self._mapped(layer, f"{name}.", held, x)
        return x

    def _mapped(self, layer: nn.Module, prefix: str, weights: Weights, x: Tensor) -> Tensor:
        own = {name: weights[prefix + name] for name, _ in layer.named_parameters()}
        held = {name: self.buffers[prefix + name] for name, _ in layer.named_buffers()}

        def run(parameters: Weights, buffers: Weights, inputs: Tensor) -> Tensor:
            out: Tensor = functional_call(layer, (parameters, buffers), (inputs,))
            return out

        def traced(parameters: Weights, buffers: Weights, inputs: Tensor) -> Tensor:
            out: Tensor = vjp(lambda given: run(given, buffers, inputs), parameters)[0]
            return out  # recurrent layers map only so

        mapped = torch.vmap(traced if self._recurrent else run, randomness="different")
        with self._kernel():
            out: Tensor = mapped(own, held, x)
        return out


@contextmanager
def _plain_attention() -> Iterator[None]:
    """Attention by the operations that can be mapped over rows, neither of its two faster ways."""
    fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(fast)


Form = Callable[[Any, Mapping[str, Tensor], Tensor], Tensor]


def _linear(layer: nn.Linear, weights: Mapping[str, Tensor], x: Tensor) -> Tensor:
    shape = x.shape
    flat = x.reshape(shape[0], -1, shape[-1])
    turned = weights["weight"].transpose(1, 2)
    out = (
        torch.bmm(flat, turned)
        if layer.bias is None
        else torch.baddbmm(weights["bias"][:, None], flat, turned)
    )
    shaped: Tensor = out.reshape(*shape[:-1], out.shape[-1])
    return shaped


def _as_one_batch(layer: nn.Module, weights: Mapping[str, Tensor], x: Tensor) -> Tensor:
    del weights
    out: Tensor = layer(x.flatten(0, 1))
    return out.view(*x.shape[:2], *out.shape[1:])


def _each_value(layer: nn.Module, weights: Mapping[str, Tensor], x: Tensor) -> Tensor:
    del weights
    out: Tensor = layer(x)
    return out


_FORMS: dict[type[nn.Module], Form] = {
    nn.Linear: _linear,
    **dict.fromkeys((nn.ReLU, nn.GELU, nn.SiLU, nn.ELU, nn.Tanh, nn.Identity), _each_value),
    **dict.fromkeys((nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.Flatten), _as_one_batch),
}
