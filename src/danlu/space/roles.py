"""What a hyperparameter is for, by its name: the order in which a person would settle them.

The names are those that people write (``danlu.space.infer``) and those of danlu's own recipes (``danlu.deep``).
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from .infer import meaning, words_of

Role: TypeAlias = Literal["architecture", "optimizer", "rate", "regularization", "batch", "epochs", "unknown"]

_MEANINGS: dict[str, Role] = {
    "a learning rate": "rate",
    "a batch size": "batch",
    **dict.fromkeys(("a kernel", "attention heads", "a depth", "a width", "a number of trees"), "architecture"),
    **dict.fromkeys(
        ("a decay of a rate", "a memory", "a small constant", "a limit of the gradient", "a share of the steps"), "optimizer"
    ),
    **dict.fromkeys(
        ("label smoothing", "a share", "dropout", "a penalty", "a share of rows or columns", "a price of errors"), "regularization"
    ),
}  # fmt: skip

_WORDS: dict[Role, frozenset[str]] = {
    "epochs": frozenset({"epoch", "epochs"}),
    "optimizer": frozenset(
        {"optimizer", "optimiser", "optim", "opt", "solver", "schedule", "scheduler", "warmup", "nesterov", "amsgrad", "averaging", "ema"}
    ),
    "regularization": frozenset(
        {"smoothing", "augment", "augmentation", "aug", "shift", "rotate", "rotation", "cutout", "crop", "flip", "jitter", "noise", "mixup",
         "cutmix", "decay", "regularizer", "regularization", "token"}
    ),
    "architecture": frozenset(
        {"architecture", "arch", "model", "net", "network", "backbone", "activation", "act", "norm", "normalization", "init",
         "initialization", "initializer", "pool", "pooling", "block", "residual", "cell", "reader", "encoder", "decoder", "bidirectional",
         "attention", "stride", "bias", "growth"}
    ),
}  # fmt: skip


def role(name: str) -> Role:
    """What a parameter is for, by its full name: the last part that says it, from right to left.

    Example:
        >>> role("optimizer.adamw.lr"), role("optimizer.adamw.decay"), role("optimizer.adamw.one_minus_beta1")
        ('rate', 'regularization', 'optimizer')
        >>> role("reader.recurrent.cell"), role("dropout.on.strength"), role("x")
        ('architecture', 'regularization', 'unknown')
    """
    for part in reversed(name.split(".")):
        found = _of(part)
        if found != "unknown":
            return found
    return "unknown"


def _of(part: str) -> Role:
    words = set(words_of(part))
    if words & _WORDS["epochs"]:
        return "epochs"
    known = _MEANINGS.get(meaning(part))
    if known is not None:
        return known
    return next((each for each, any_of in _WORDS.items() if words & any_of), "unknown")
