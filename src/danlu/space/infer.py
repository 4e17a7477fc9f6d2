"""Ranges from names and defaults: what a person who reads ``def train(lr=1e-3, hidden=64)`` would search.

A default is a hint of the scale, the name of its meaning. What is no hyperparameter by its name (seeds, paths, devices,
epochs) stays as it is, and so does what nobody can guess. Every range holds its default, which is its prior and so the
first trial. Ranges of optimizers follow AlgoPerf (arXiv:2306.07179), as in ``danlu.deep.train.optim``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from ..base.values import Value
from .parameters import Choice, Float, Int, Leaf


class Inferred(msgspec.Struct, frozen=True):
    """What became of one name and default.

    Attributes:
        name: of the argument.
        default: as it was given.
        parameter: to search, None when the default stays.
        why: in a few words.
    """

    name: str
    default: Any
    parameter: Leaf | None
    why: str

    def __str__(self) -> str:
        parameter = self.parameter
        if parameter is None:
            return f"{self.name} = {self.default!r} ({self.why})"
        if isinstance(parameter, Choice):
            first = f"; {self.default!r} first" if self.default in parameter.values else ""
            return f"{self.name}: one of {', '.join(map(str, parameter.values))}{first} ({self.why})"
        scale = " on a logarithmic scale" if parameter.log else ""
        return f"{self.name}: {parameter.low:g} to {parameter.high:g}{scale}; {self.default!r} first ({self.why})"


FIXED = frozenset(
    [
        "seed",
        "seeds",
        "random",
        "state",
        "epoch",
        "epochs",
        "device",
        "devices",
        "gpu",
        "gpus",
        "cuda",
        "workers",
        "jobs",
        "worker",
        "path",
        "paths",
        "dir",
        "directory",
        "root",
        "folder",
        "file",
        "files",
        "name",
        "names",
        "verbose",
        "verbosity",
        "debug",
        "log",
        "logging",
        "logger",
        "print",
        "save",
        "saving",
        "resume",
        "checkpoint",
        "ckpt",
        "port",
        "host",
        "rank",
        "world",
        "backend",
        "dataset",
        "url",
        "output",
        "out",
        "outdir",
        "test",
        "eval",
        "evaluate",
        "validation",
        "val",
        "download",
        "cache",
        "tol",
        "classes",
        "class",
        "vocab",
        "vocabulary",
        "max_iter",
        "niter",
        "iter",
        "iters",
        "iterations",
        "interval",
        "every",
        "freq",
        "frequency",
        "version",
        "id",
        "project",
        "tag",
        "deterministic",
        "profile",
        "amp",
        "fp16",
        "bf16",
        "compile",
        "copy",
        "maximize",
        "foreach",
        "capturable",
        "differentiable",
        "fused",
    ]
)
"""Words that make a name no hyperparameter."""


def infer(name: str, default: Any, options: Sequence[Value] | None = None) -> Inferred:
    """The range to search for an argument.

    Args:
        name: of the argument, in snake, kebab or camel case.
        default: its default.
        options: all its values, where the code says what they are (``Literal``, argparse's ``choices``).

    Example:
        >>> print(infer("learning_rate", 1e-3))
        learning_rate: 3.33333e-05 to 0.03 on a logarithmic scale; 0.001 first (a learning rate)
        >>> print(infer("seed", 0))
        seed = 0 (not a hyperparameter by its name)
    """
    words = words_of(name)
    parameter: Leaf | None
    if options is not None and len(options) > 1 and not set(words) & FIXED:
        known = default in options
        parameter = Choice(list(options), prior=default) if known else Choice(list(options))
        return Inferred(name, default, parameter, "its options are given")
    fixed = set(words) & FIXED or "_".join(words) in FIXED
    if fixed and not (
        words[-1] in {"size", "rate"} and "batch" in words and not {"test", "eval", "val"} & set(words)
    ):
        return Inferred(name, default, None, "not a hyperparameter by its name")
    if isinstance(default, bool):
        return Inferred(name, default, Choice([False, True], prior=default), "on or off")
    if not isinstance(default, int | float):
        return Inferred(name, default, None, "nothing says what else it could be")
    if not 0 <= default < math.inf:
        return Inferred(name, default, None, "nobody can guess the range of a negative or infinite number")
    for meaning, matches, make in _RULES:
        if matches(words):
            parameter = make(default)
            if parameter is not None:
                return Inferred(name, default, parameter, meaning)
    return _by_value(name, default)


def meaning(name: str) -> str:
    """What a name stands for, in a few words; '' where it does not say.

    Example:
        >>> meaning("learning_rate"), meaning("optim.lr"), meaning("x")
        ('a learning rate', 'a learning rate', '')
    """
    words = words_of(name)
    return next((each for each, matches, _ in _RULES if matches(words)), "")


def words_of(name: str) -> tuple[str, ...]:
    """The words of a name in snake, kebab, camel or dotted case, in lower case.

    Example:
        >>> words_of("optim.weightDecay")
        ('optim', 'weight', 'decay')
    """
    parts = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()
    return tuple(word for word in re.split(r"[^a-z0-9]+", parts) if word)


def _has(*any_of: str) -> Callable[[tuple[str, ...]], bool]:
    wanted = set(any_of)
    return lambda words: bool(wanted & set(words)) or "_".join(words) in wanted


def _log(below: float, above: float) -> Callable[[float], Leaf | None]:
    def make(default: float) -> Leaf | None:
        if default <= 0:
            return None
        return Float(default / below, default * above, log=True, prior=float(default))

    return make


def _share(high: float) -> Callable[[float], Leaf | None]:
    def make(default: float) -> Leaf | None:
        if not 0 <= default < 1:
            return None
        return Float(0.0, max(high, min(0.95, 1.5 * default)), prior=float(default))

    return make


def _decay(default: float) -> Leaf | None:
    """Over five decades; of nothing, a grid of powers of ten with nothing first."""
    if default == 0:
        return Choice([default, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1], ordered=True, prior=default)
    return Float(
        default / 1e3, max(default * 1.001, min(default * 100, 10.0)), log=True, prior=float(default)
    )


def _near_one(default: float) -> Leaf | None:
    if not 0 <= default < 1:
        return None
    if default >= 0.99:
        return Float(0.9, max(0.9999, (1 + default) / 2), prior=float(default))
    return Float(min(0.5, default), max(0.99, default), prior=float(default))


def _width(default: float) -> Leaf | None:
    if not isinstance(default, int) or default < 1:
        return None
    whole = default
    return Int(max(1, whole // 4), max(2, 4 * whole), log=True, prior=whole)


def _depth(default: float) -> Leaf | None:
    if not isinstance(default, int) or default < 1:
        return None
    return Int(1, max(default + 2, 2 * default), prior=default)


def _powers(default: float) -> Leaf | None:
    if not isinstance(default, int) or default < 1:
        return None
    whole = default
    options = sorted({max(1, whole // 4), max(1, whole // 2), whole, 2 * whole, 4 * whole})
    return Choice(options, ordered=True, prior=whole)


def _odd(default: float) -> Leaf | None:
    if not isinstance(default, int) or default < 1:
        return None
    return Choice(sorted({3, 5, 7, default}), ordered=True, prior=default)


def _heads(default: float) -> Leaf | None:
    if not isinstance(default, int) or default < 1:
        return None
    whole = default
    return Choice(sorted({max(1, whole // 2), whole, 2 * whole}), ordered=True, prior=whole)


def _part(default: float) -> Leaf | None:
    """Of rows or columns, of which nothing cannot be taken."""
    if not 0 < default <= 1:
        return None
    return Float(min(0.2, default / 2), 1.0, prior=float(default))


_RULES: tuple[tuple[str, Callable[[tuple[str, ...]], bool], Callable[[float], Leaf | None]], ...] = (
    ("label smoothing", _has("smoothing"), _share(0.3)),
    ("a price of errors", lambda w: w == ("c",), _log(1e3, 1e3)),
    ("a share", _has("mixup", "cutmix"), _share(1.0)),
    ("a share of the steps", lambda w: "warmup" in w and bool({"ratio", "fraction", "share", "pct"} & set(w)), _share(0.3)),
    ("dropout", _has("dropout", "drop", "droprate", "dropconnect"), _share(0.5)),
    ("a share of rows or columns", lambda w: bool({"subsample", "colsample", "subsampling"} & set(w))
     or (bool({"fraction", "frac"} & set(w)) and bool({"bagging", "feature", "sample", "data"} & set(w))), _part),
    ("a small constant", _has("eps", "epsilon"), _log(1e3, 1e3)),
    ("a decay of a rate", lambda w: "decay" in w and bool({"lr", "rate", "learning"} & set(w)), _near_one),
    ("a learning rate", lambda w: bool({"lr", "eta", "eta0", "lrate"} & set(w)) or {"learning", "rate"} <= set(w) or w == ("step", "size"),
     _log(30, 30)),
    ("a penalty", lambda w: bool({"decay", "wd", "l1", "l2", "reg", "lambda", "lambd", "ridge", "penalty", "regularization", "alpha"} & set(w)),
     _decay),
    ("a memory", _has("momentum", "beta", "beta1", "beta2", "beta_1", "beta_2", "rho", "ema", "gamma", "betas", "mu"), _near_one),
    ("a limit of the gradient", lambda w: "clip" in w or ("grad" in w and "norm" in w), _log(10, 10)),
    ("a temperature", _has("temperature", "temp"), _log(10, 10)),
    ("a batch size", lambda w: "batch" in w or w in {("bs",), ("batchsize",)}, _powers),
    ("a kernel", _has("kernel", "kernel_size"), _odd),
    ("attention heads", lambda w: bool({"head", "heads", "nhead", "nheads"} & set(w)), _heads),
    ("a depth", lambda w: bool({"layers", "layer", "depth", "nlayers", "blocks", "block", "stages"} & set(w)), _depth),
    ("a number of trees", _has("estimators", "trees"), _width),
    ("a width", lambda w: bool({"hidden", "width", "units", "dim", "channels", "filters", "embedding", "embed", "emsize", "nhid", "neurons", "factors", "features", "feedforward", "rank", "size", "nodes", "leaves", "components", "neighbors", "clusters", "leaf", "bins"} & set(w)),
     _width),
)  # fmt: skip


def _by_value(name: str, default: float) -> Inferred:
    """When the name says nothing, the default's size does."""
    why = "by the size of its default"
    parameter: Leaf | None = None
    if isinstance(default, int):
        if default >= 1:
            whole = default
            parameter = Int(max(1, whole // 4), max(2, 4 * whole), log=whole >= 16, prior=whole)
    elif 0 < default <= 0.01:
        parameter = Float(default / 100, default * 100, log=True, prior=default)
    elif 0 <= default <= 1:
        parameter = Float(0.0, 1.0, prior=float(default))
    else:
        parameter = Float(default / 10, default * 10, log=True, prior=float(default))
    return Inferred(name, default, parameter, why if parameter else "nothing says what else it could be")
