"""Text: words become vectors; a recurrent network or a small Transformer reads them, or they are added up in a bag."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ...errors import SettingError
from ...space.parameters import Choice, Float, Int, Switch
from ..data import Data, Split, from_arrays
from ..train.layers import activation
from ..train.optim import optimizers
from ..train.regularize import REGULARIZERS, strength_of
from ..train.schedules import schedules

SOURCES = (
    "Cho et al., Learning phrase representations (GRU), arXiv:1406.1078; Hochreiter and Schmidhuber, LSTM, 1997",
    "Vaswani et al., Attention is all you need, arXiv:1706.03762; pre-norm: Xiong et al., arXiv:2002.04745",
    "Iyyer et al., Deep unordered composition rivals syntactic methods, ACL 2015; word dropout",
    "Joulin et al., Bag of tricks for efficient text classification, arXiv:1607.01759",
    "Sparck Jones, A statistical interpretation of term specificity (idf), 1972: where a bag's weights start",
)
PAD, UNKNOWN = 0, 1
LENGTH, VOCABULARY = 64, 20_000


def space() -> dict[str, Any]:
    """Reader, sizes, optimizer, schedule and regularization of a text classifier."""
    layers, hidden = Int(1, 2, prior=1), Int(32, 128, log=True, prior=64)
    recurrent = {
        "cell": Choice(["gru", "lstm"], prior="gru"),
        "bidirectional": Choice([False, True], prior=True),
    }
    return {
        "reader": Switch(
            {
                "bag": {"hidden": Choice([0, 64, 256], ordered=True, prior=0)},
                "recurrent": {**recurrent, "layers": layers, "hidden": hidden},
                "transformer": {"layers": layers, "heads": Choice([1, 2, 4], ordered=True, prior=2)},
            },
            prior="bag",
        ),
        "embedding": Int(16, 128, log=True, prior=64),
        "activation": Choice(["relu", "gelu", "tanh"], prior="relu"),
        "optimizer": optimizers("adamw", "nadamw", adamw={"lr": Float(1e-4, 3e-2, log=True, prior=2e-3)}),
        **schedules("linear", "constant", "cosine", "one_cycle"),
        "batch_size": Choice([32, 64, 128], ordered=True, prior=64),
        "dropout": Float(0.0, 0.8, prior=0.3),
        "label_smoothing": REGULARIZERS["label_smoothing"],
        "token_dropout": Float(0.0, 0.4, prior=0.1),
    }


class BagOfWords(nn.Module):
    """The vectors of a text's words added up, each with a learned weight, and scaled by the length of the weights.

    Args:
        params: ``hidden`` of the bag (0 for none), ``embedding``, ``activation``, ``dropout``.
        rarity: where the weights start, shape (words,).
        outputs: classes.
    """

    def __init__(self, params: Mapping[str, Any], rarity: Tensor, outputs: int) -> None:
        super().__init__()
        size, hidden = params["embedding"], params["reader.bag.hidden"]
        self.embed, self.weigh = nn.Embedding(len(rarity), size), nn.Embedding(len(rarity), 1)
        self.drop = nn.Dropout(strength_of(params, "dropout"))
        layers: list[nn.Module] = []
        if hidden:
            layers = [
                nn.Linear(size, hidden),
                activation(params["activation"]),
                nn.Dropout(strength_of(params, "dropout")),
            ]
        self.head = nn.Sequential(*layers, nn.Linear(hidden or size, outputs))
        with torch.no_grad():
            self.embed.weight.normal_(std=0.1)
            self.weigh.weight.copy_(rarity[:, None])

    def forward(self, tokens: Tensor) -> Tensor:
        """The weighted sum of the words through the head; padding weighs nothing."""
        weights = self.weigh(tokens) * (tokens != PAD).unsqueeze(-1)
        total = (self.embed(tokens) * weights).sum(1) / weights.square().sum(1).clamp_min(1e-6).sqrt()
        out: Tensor = self.head(self.drop(total))
        return out


def rarity(data: Data) -> Tensor:
    """The inverse document frequency of every word in the training part, 1 on average; shape (words,)."""
    rows = torch.arange(len(data.train)).repeat_interleave(data.train.x.shape[1])
    pairs = torch.unique(torch.stack([rows, data.train.x.cpu().flatten()], 1), dim=0)
    found = torch.bincount(pairs[:, 1], minlength=data.sizes[0])
    idf = torch.log(len(data.train) / (found.float() + 1)).clamp_min(0.1)
    return idf / idf.mean()


class TextEncoder(nn.Module):
    """Token numbers (n, length) to outputs (n, classes); padding is 0 and is not read."""

    def __init__(self, params: Mapping[str, Any], words: int, outputs: int) -> None:
        super().__init__()
        kind = params["reader"]
        own = {name.rpartition(".")[2]: value for name, value in params.items() if name.startswith("reader.")}
        size = params["embedding"]
        if kind == "transformer":
            size = max(own["heads"], size // own["heads"] * own["heads"])
        self.embed = nn.Embedding(words, size, padding_idx=PAD)
        dropout = strength_of(params, "dropout")
        self.drop = nn.Dropout(dropout)
        self.kind, wide = kind, size
        if kind == "recurrent":
            cell = nn.GRU if own["cell"] == "gru" else nn.LSTM
            self.body: nn.Module = cell(
                size, own["hidden"], own["layers"], batch_first=True, bidirectional=own["bidirectional"]
            )
            wide = own["hidden"] * (2 if own["bidirectional"] else 1)
        else:
            self.place = nn.Parameter(0.02 * torch.randn(1, LENGTH, size))
            layer = nn.TransformerEncoderLayer(
                size, own["heads"], 4 * size, dropout, _name(params["activation"]), batch_first=True,
                norm_first=True,
            )  # fmt: skip
            self.body = nn.TransformerEncoder(layer, own["layers"], enable_nested_tensor=False)
        self.head = nn.Sequential(
            nn.Linear(wide, wide), activation(params["activation"]), self.drop, nn.Linear(wide, outputs)
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """The mean of what was read at every word, through the head."""
        real = (tokens != PAD).unsqueeze(-1)
        read = self.drop(self.embed(tokens))
        if self.kind == "recurrent":
            read = self.body(read)[0]
        else:
            unread = (tokens == PAD) & (torch.arange(tokens.shape[1], device=tokens.device) > 0)
            read = self.body(read + self.place[:, : tokens.shape[1]], src_key_padding_mask=unread)
        mean = (read * real).sum(1) / real.sum(1).clamp_min(1)
        out: Tensor = self.head(mean)
        return out


def _name(act: str) -> Any:
    return {"relu": "relu", "gelu": "gelu", "tanh": torch.tanh}[act]


def build(params: Mapping[str, Any], data: Data) -> nn.Module:
    """The classifier of a point."""
    if params["reader"] == "bag":
        return BagOfWords(params, rarity(data), data.outputs)
    return TextEncoder(params, data.sizes[0], data.outputs)


def load(path: str, *, target: str | None = None, seed: int = 0) -> Data:
    """Texts from a CSV file with columns of text and label, or from a folder of one folder of texts a class.

    Args:
        path: the file or folder.
        target: the column of labels; by default the last one, the text being the first of the others.
        seed: of the split.

    Raises:
        SettingError: when there is nothing to read.
    """
    where = Path(path)
    if where.is_dir():
        files = sorted(file for folder in where.iterdir() if folder.is_dir() for file in folder.glob("*.txt"))
        if not files:
            raise SettingError(
                f"{path} holds no folder with .txt files. Put each class into a folder of its own."
            )
        return prepare([file.read_text("utf-8") for file in files], [f.parent.name for f in files], seed=seed)
    if not where.is_file():
        raise SettingError(f"texts need a .csv file or a folder of one folder a class, got {path!r}.")
    import pandas as pd

    frame = pd.read_csv(where).dropna()
    name = target or str(frame.columns[-1])
    if name not in frame.columns or len(frame.columns) < 2:
        raise SettingError(
            f"there is no column {name!r} beside one of text. There are: {list(frame.columns)}."
        )
    labels = frame.pop(name).astype(str)
    return prepare(frame[frame.columns[0]].astype(str).tolist(), labels.to_numpy(), seed=seed)


def prepare(texts: Sequence[str], labels: Any, *, seed: int = 0) -> Data:
    """Texts as ``Data``: words of the training part seen twice get numbers, the first 64 of a text are read."""
    split = [re.findall(r"[a-z0-9]+", text.lower())[:LENGTH] for text in texts]
    rows = from_arrays(np.arange(len(texts)), np.asarray(labels), kind="classes", seed=seed)
    seen = Counter(word for row in rows.train.x.tolist() for word in split[row])
    kept = [word for word, count in seen.most_common(VOCABULARY) if count > 1]
    numbers = {word: at for at, word in enumerate(kept, 2)}
    table = torch.zeros(len(texts), LENGTH, dtype=torch.long)
    for at, words in enumerate(split):
        table[at, : len(words)] = torch.tensor(
            [numbers.get(word, UNKNOWN) for word in words], dtype=torch.long
        )
    table[:, 0] = torch.where(
        table[:, 0] == PAD, UNKNOWN, table[:, 0]
    )  # a text without words is one unknown word
    parts = {name: Split(table[part.x], part.y) for name, part in rows.parts().items()}
    return replace(rows, **parts, sizes=(len(kept) + 2,), words=tuple(kept))  # type: ignore[arg-type]
