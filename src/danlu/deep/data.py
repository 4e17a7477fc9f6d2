"""What a network is trained on: three parts that never mix, and how to make them of arrays.

The training part teaches, the validation part chooses, the test part is touched once, at the end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ..errors import SettingError

Kind = Literal["classes", "values", "ranking"]
"""What is predicted: one of several classes, a number, or which items a user will want."""


@dataclass(frozen=True, eq=False)
class Split:
    """Samples and their targets, of one length.

    Attributes:
        x: inputs, shape (n, ...); whole numbers are token or user and item numbers.
        y: class numbers (n,), values (n,), or for a ranking ones (n,): every pair is a positive.
    """

    x: Tensor
    y: Tensor

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: Tensor) -> Split:
        """Some of the samples."""
        return Split(self.x[rows], self.y[rows])


@dataclass(frozen=True, eq=False)
class Data:
    """A data set in parts.

    Attributes:
        train, valid: parts; ``test`` may be None while nothing is confirmed.
        kind: what is predicted.
        outputs: how many numbers the network gives a sample: the classes, or 1.
        sizes: sizes that the network has to know: of the vocabulary, or of users and items.
        labels: names of the classes, if they have any.
        words: the word of each token number from 2, for texts.
        scale: mean and deviation by which inputs were standardized, as ``standardize`` leaves them.
        target_scale: the same of targets that are values.
        seen: for a ranking, which items each user had in training, shape (users, items), True where.
    """

    train: Split
    valid: Split
    test: Split | None = None
    kind: Kind = "classes"
    outputs: int = 1
    sizes: tuple[int, ...] = ()
    labels: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    scale: tuple[Tensor, Tensor] | None = None
    target_scale: tuple[Tensor, Tensor] | None = None
    seen: Tensor | None = None

    def __post_init__(self) -> None:
        for name, part in (("train", self.train), ("valid", self.valid), ("test", self.test)):
            if part is None:
                continue
            if len(part.x) != len(part.y) or not len(part.y):
                raise SettingError(
                    f"the {name} part needs as many targets as samples and at least one, got {len(part.x)} "
                    f"samples and {len(part.y)} targets."
                )
            if part.x.is_floating_point() and not bool(torch.isfinite(part.x).all()):
                raise SettingError(
                    f"the {name} part holds values that are not finite. Fill or drop them first."
                )

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name} {len(part)}" for name, part in self.parts().items())
        return f"Data({sizes}; x {tuple(self.train.x.shape[1:])}; {self.outputs} {self.kind})"

    def parts(self) -> dict[str, Split]:
        """The parts that are there, by name."""
        named = {"train": self.train, "valid": self.valid, "test": self.test}
        return {name: part for name, part in named.items() if part is not None}

    def to(self, device: torch.device) -> Data:
        """The same data on a device: itself where it is there already."""
        here = self.train.x.device
        if here.type == device.type and device.index in {None, here.index}:
            return self
        moved = {name: Split(part.x.to(device), part.y.to(device)) for name, part in self.parts().items()}
        seen = None if self.seen is None else self.seen.to(device)
        return replace(self, **moved, seen=seen)  # type: ignore[arg-type]

    def folds(self, count: int, *, seed: int = 0) -> list[Data]:
        """``count`` views of the training and validation samples, each validated on another share of them.

        Classes are spread evenly (``sklearn.model_selection.StratifiedKFold``). The test part stays.

        Raises:
            SettingError: when there are fewer than two folds, more than samples, or it is a ranking.

        Example:
            >>> data = from_arrays(np.zeros((20, 3)), np.arange(20) % 2)
            >>> [len(fold.valid) for fold in data.folds(4)]
            [4, 4, 4, 4]
        """
        from sklearn.model_selection import KFold, StratifiedKFold

        x, y = torch.cat([self.train.x, self.valid.x]), torch.cat([self.train.y, self.valid.y])
        if self.kind == "ranking" or not 2 <= count <= len(y):
            raise SettingError(
                f"folds need 2 to {len(y)} of them and data that is not a ranking, got {count} of {self.kind}."
            )
        splitter = StratifiedKFold if self.kind == "classes" else KFold
        rows = splitter(count, shuffle=True, random_state=seed).split(np.zeros(len(y)), y.cpu().numpy())
        whole = Split(x, y)
        return [
            replace(
                self, train=whole.take(torch.from_numpy(train)), valid=whole.take(torch.from_numpy(valid))
            )
            for train, valid in rows
        ]


def from_arrays(
    x: ArrayLike, y: ArrayLike, *, kind: Kind | None = None, valid: float = 0.2, test: float = 0.2, seed: int = 0,
    labels: tuple[str, ...] = (), sizes: tuple[int, ...] = (),
) -> Data:  # fmt: skip
    """Data of arrays, split at random; classes keep their shares in every part.

    Args:
        x: samples, shape (n, ...); floats, or whole numbers for tokens.
        y: targets, shape (n,): class numbers from 0 (or names), or values.
        kind: ``classes`` or ``values``; by default values for floats, classes for all else.
        valid, test: shares of the samples, in (0, 1), together below 1; ``test=0`` for none.
        seed: of the split.
        labels, sizes: as in ``Data``.

    Raises:
        SettingError: when shapes, shares or targets make no sense.

    Example:
        >>> from_arrays(np.zeros((10, 3)), np.arange(10) % 2)
        Data(train 6, valid 2, test 2; x (3,); 2 classes)
    """
    from sklearn.model_selection import train_test_split

    inputs, targets = _tensor(x), np.asarray(y)
    if len(inputs) != len(targets) or targets.ndim != 1:
        raise SettingError(
            f"from_arrays needs one target a sample, got x {tuple(inputs.shape)} and y {targets.shape}."
        )
    if not 0 < valid < 1 or not 0 <= test < 1 or valid + test >= 1:
        raise SettingError(
            f"the shares of valid and test need to leave some to train, got {valid} and {test}."
        )
    kind = kind or ("values" if targets.dtype.kind == "f" else "classes")
    if kind == "classes":
        names, targets = np.unique(targets, return_inverse=True)
        labels = labels or tuple(str(name) for name in names)
    whole = Split(inputs, torch.as_tensor(targets, dtype=torch.long if kind == "classes" else torch.float32))
    rows, parts = np.arange(len(targets)), {}
    for name, share in (("test", test), ("valid", valid / (1 - test))):
        if share:
            even = targets[rows] if kind == "classes" else None
            try:
                rows, held = train_test_split(rows, test_size=share, random_state=seed, stratify=even)
            except ValueError as error:
                raise SettingError(f"the data cannot be split: {error}") from None
            parts[name] = whole.take(torch.from_numpy(held))
    outputs = len(labels) if kind == "classes" else 1
    train = whole.take(torch.from_numpy(rows))
    return Data(train, parts["valid"], parts.get("test"), kind, outputs, sizes, labels)


def standardize(data: Data, *, together: bool = False) -> Data:
    """Inputs, and targets that are values, with mean 0 and deviation 1 in the training part.

    Args:
        data: as it is.
        together: one mean and deviation for all inputs (the pixels of an image) instead of one each.

    Example:
        >>> data = standardize(from_arrays(np.arange(20.0).reshape(10, 2), np.arange(10.0)))
        >>> round(float(data.train.x.mean()), 6), round(float(data.train.y.std()), 6)
        (0.0, 1.0)
    """
    x = data.train.x
    mean, deviation = (x.mean(), x.std()) if together else (x.mean(0), x.std(0))
    deviation = torch.where(deviation > 1e-12, deviation, torch.ones_like(deviation))
    middle, spread = torch.tensor(0.0), torch.tensor(1.0)
    if data.kind == "values":
        middle, spread = data.train.y.mean(), data.train.y.std().clamp_min(1e-12)
    parts = {
        name: Split(
            (part.x - mean) / deviation, (part.y - middle) / spread if data.kind == "values" else part.y
        )
        for name, part in data.parts().items()
    }
    targets = (middle, spread) if data.kind == "values" else None
    return replace(data, **parts, scale=(mean, deviation), target_scale=targets)  # type: ignore[arg-type]


def _tensor(x: Any) -> Tensor:
    if isinstance(x, Tensor):
        return x if x.is_floating_point() else x.long()
    array = np.asarray(x)
    if array.dtype.kind not in "fiub":
        raise SettingError(f"samples need to be numbers, got an array of {array.dtype}. Encode them first.")
    return torch.as_tensor(array, dtype=torch.float32 if array.dtype.kind == "f" else torch.long)
