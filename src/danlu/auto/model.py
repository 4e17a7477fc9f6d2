"""A model of raw rows: what its columns are, what is done with them, and the weighted models that predict."""

from __future__ import annotations

import os
import pickle
import platform
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from ..base.failure import say
from ..errors import SettingError
from .ensemble import warmed
from .fits import mean_of
from .reading.columns import TypedColumn, values_of
from .reading.table import read_table
from .reading.target import TargetColumn

MAGIC = b"danlu model 1\n"


@dataclass(frozen=True, eq=False)
class Model:
    """What one call has come to; it takes rows as they are in the table that it was made of.

    Attributes:
        target: what is predicted.
        columns: what each column of the table was taken for, and why.
        members: weights, and the fitted models whose mean each is the weight of.
        temperature: by which probabilities are calibrated, 1 for none.
        story: how it was found: the data, candidates, the ensemble, the test, each as plain values.
    """

    target: TargetColumn
    columns: tuple[TypedColumn, ...]
    members: tuple[tuple[float, tuple[Any, ...]], ...]
    temperature: float = 1.0
    story: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        tested = self.story.get("test") or {}
        said = (
            f"; {self.story['metric']} {tested['value']:.4g} on {tested['rows']} rows never seen"
            if tested
            else ""
        )
        return f"Model({self.target.name!r}, {self.target.task}, {len(self.members)} models{said})"

    @property
    def classes(self) -> tuple[Any, ...]:
        """The classes, in the order of ``predict_proba``'s columns; () where numbers are predicted."""
        return self.target.labels

    def predict(self, rows: Any) -> np.ndarray:
        """The target of rows: the most likely class, or a number; shape (n,).

        Args:
            rows: a data frame, a file's path, mappings, or one mapping; with the columns that are used, in any order.

        Raises:
            SettingError: when a column is missing, or the rows are no table.
        """
        found = self._said(rows)
        if self.target.task == "numbers":
            return found
        labels = np.array(self.target.labels, dtype=None if _plain(self.target.labels) else object)
        return np.asarray(labels[found.argmax(axis=1)])

    def predict_proba(self, rows: Any) -> np.ndarray:
        """Probabilities of the classes, shape (n, classes).

        Raises:
            SettingError: for a model of numbers, and as ``predict``.
        """
        if self.target.task == "numbers":
            raise SettingError(f"{self.target.name!r} is a number: it has no probabilities. Use predict.")
        return self._said(rows)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the model to a file that ``danlu.load_model`` reads; the path of the file."""
        target = Path(path)
        if target.is_dir():
            raise SettingError(f"a model is saved to a file, and {str(target)!r} is a folder.")
        target.parent.mkdir(parents=True, exist_ok=True)
        head = msgspec.json.encode({"python": platform.python_version(), **_versions()})
        written = target.with_name(f"{target.name}.part")
        written.write_bytes(MAGIC + head + b"\n" + zlib.compress(pickle.dumps(self, protocol=5), 1))
        written.replace(target)
        return target

    def report(self, path: str | os.PathLike[str]) -> Path:
        """Write how it was found to one HTML file that opens anywhere; the path of the file."""
        from .report import page

        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(page(self), "utf-8")
        return target

    def summary(self) -> str:
        """How it was found, a page of text."""
        from .summary import summary

        return summary(self)

    def _said(self, rows: Any) -> np.ndarray:
        table = read_table(rows)
        values = values_of(table.frame, self.columns)
        classes = len(self.target.labels)
        if not len(values):
            return np.zeros((0, classes) if classes else 0)
        found = mean_of(self.members, values, self.target.task, classes)
        return warmed(found, self.temperature) if classes and self.temperature != 1.0 else found


def load_model(path: str | os.PathLike[str]) -> Model:
    """The model that ``model.save`` wrote.

    It is a pickle inside: load only files of people whom you would let run a program on your machine.

    Raises:
        SettingError: when there is no such file, or it is no model, or it is damaged.

    Example:
        >>> load_model("none.danlu")
        Traceback (most recent call last):
        ...
        danlu.errors.SettingError: there is no file 'none.danlu'. Name one that model.save has written.
    """
    source = Path(path)
    if not source.is_file():
        raise SettingError(f"there is no file {str(path)!r}. Name one that model.save has written.")
    raw = source.read_bytes()
    if not raw.startswith(MAGIC):
        raise SettingError(
            f"{source.name!r} is no model of danlu's. Name a file that model.save has written."
        )
    head, _, body = raw[len(MAGIC) :].partition(b"\n")
    try:
        made = msgspec.json.decode(head, type=dict[str, str])
        packed = zlib.decompress(body)
    except (msgspec.DecodeError, zlib.error) as error:
        raise SettingError(f"the model {source.name!r} is damaged: {error}. Save it anew.") from error
    now = {"python": platform.python_version(), **_versions()}
    others = [
        f"{name} {made[name]} (here {now.get(name, 'missing')})"
        for name in made
        if made[name] != now.get(name)
    ]
    if others:
        say(f"danlu: the model {source.name!r} was made with {', '.join(others)}: check a few predictions.")
    try:
        found = pickle.loads(packed)  # noqa: S301 - the docstring says whose files may be loaded
    except Exception as error:
        raise SettingError(f"the model {source.name!r} cannot be read here: {type(error).__name__}: {error}. Install what it was made with: {', '.join(f'{name} {made[name]}' for name in made)}.") from error  # fmt: skip
    assert isinstance(found, Model)
    return found


def _versions() -> dict[str, str]:
    found = {}
    for name in ("scikit-learn", "pandas", "numpy", "lightgbm", "xgboost", "catboost", "torch"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _plain(labels: Sequence[Any]) -> bool:
    return len({type(label) for label in labels}) == 1
