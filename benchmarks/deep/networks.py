"""The networks and data that the benchmarks of the deep layer share: small, real, and quick on one core."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from torch import nn

from danlu import deep
from danlu.deep.recipes import image, text


def mlp(width=64, inputs=20, outputs=4, depth=2):
    sizes = [inputs, *[width] * depth]
    layers = [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], outputs))


def table(rows=2000, inputs=20, outputs=4, seed=0, noise=0.5):
    """Classes by the largest of a few random quadratic forms of normal inputs, with noise."""
    numbers = np.random.default_rng(seed)
    x = numbers.normal(size=(rows, inputs)).astype(np.float32)
    forms = numbers.normal(size=(outputs, inputs, inputs)) / inputs
    y = (np.einsum("ni,kij,nj->nk", x, forms, x) + noise * numbers.normal(size=(rows, outputs))).argmax(1)
    return deep.from_arrays(x, y)


class Recurrent(nn.Module):
    """A GRU over tokens, its states averaged."""

    def __init__(self, words, outputs, width=32):
        super().__init__()
        self.embed, self.read = nn.Embedding(words, 32), nn.GRU(32, width, batch_first=True)
        self.head = nn.Linear(width, outputs)

    def forward(self, tokens):
        return self.head(self.read(self.embed(tokens))[0].mean(1))


def words(rows=1200, seed=0):
    """The docstrings, their first 24 words."""
    data = deep.datasets.docstrings(seed)
    cut = {name: deep.Split(part.x[:, :24], part.y) for name, part in data.parts().items()}
    return replace(
        data, train=cut["train"].take(torch.arange(min(rows, len(cut["train"])))), valid=cut["valid"]
    )


def tokens(rows=3000, length=14, vocabulary=30, outputs=4, seed=0):
    """Classes by which of a few marked tokens comes last in a random sequence."""
    numbers = np.random.default_rng(seed)
    x = numbers.integers(outputs + 1, vocabulary, size=(rows, length))
    for _ in range(3):
        at = numbers.integers(0, length, size=rows)
        x[np.arange(rows), at] = 1 + numbers.integers(0, outputs, size=rows)
    marked = (x >= 1) & (x <= outputs)
    last = length - 1 - marked[:, ::-1].argmax(1)
    y = x[np.arange(rows), last] - 1
    return replace(deep.from_arrays(x, y, kind="classes"), sizes=(vocabulary,))


def cnn(data, width=12, **params):
    space = deep.space("cnn")
    return image.build({**space.decode(space.center()), "width": width, **params}, data)


TASKS = {
    "mlp": (table, lambda data: mlp()),
    "cnn": (deep.datasets.digits, cnn),
    "gru": (words, lambda data: Recurrent(data.sizes[0], data.outputs)),
}

__all__ = ["TASKS", "Recurrent", "cnn", "mlp", "table", "text", "tokens", "words"]
