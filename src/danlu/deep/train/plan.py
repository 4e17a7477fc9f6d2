"""How a network is trained, as plain frozen settings: the same from code, from a trial, from a journal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from ...errors import SettingError
from .augment import NAMES
from .optim import rule
from .regularize import strength_of
from .schedules import lr_multipliers


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about a training that is not the network and not the data.

    Args:
        epochs: passes over the training part (at least 1).
        batch_size: samples a step; None for all of them (batch gradient descent), 1 for stochastic descent.
        optimizer, options: a name of ``deep.optim.OPTIMIZERS`` and its hyperparameters; those left out
            take their defaults.
        schedule, schedule_options, warmup: a name of ``deep.schedules``, its own options, the share of steps to warm up.
        label_smoothing: of labels, in [0, 1).
        mixup: alpha of the Beta distribution that shares are drawn from; 0 for none.
        l1: strength of the penalty on weights.
        clip: the largest norm of the gradient; None for no limit.
        augment: strength by name, of ``deep.augment.NAMES``.
        ema: decay of the exponential average of weights that is judged instead of the weights, in
            [0, 1); 0 for none.
        patience: epochs without improvement after which training ends; 0 for never.
        negatives: for a ranking, items drawn a positive pair that the user did not have (at least 1).
        precision: ``float32``, ``bf16`` or ``fp16`` (with a scaled loss) for what autocast covers.
        compile: whether the network goes through ``torch.compile`` (a minute at first; rarely pays when small).

    Raises:
        SettingError: with the rule, the value and the remedy.

    Example:
        >>> Plan(epochs=5, optimizer="nesterov", options={"lr": 0.1}).optimizer
        'nesterov'
    """

    epochs: int = 20
    batch_size: int | None = 64
    optimizer: str = "adamw"
    options: dict[str, float] = {}
    schedule: str = "linear"
    schedule_options: dict[str, float] = {}
    warmup: float = 0.05
    label_smoothing: float = 0.0
    mixup: float = 0.0
    l1: float = 0.0
    clip: float | None = None
    augment: dict[str, float] = {}
    ema: float = 0.0
    patience: int = 0
    negatives: int = 4
    precision: Literal["float32", "bf16", "fp16"] = "float32"
    compile: bool = False

    def __post_init__(self) -> None:
        known = rule(self.optimizer).defaults
        lr_multipliers(self.schedule, 1, warmup=self.warmup, options=self.schedule_options)
        rules = [
            ("epochs", self.epochs, self.epochs >= 1, "at least 1"),
            ("batch_size", self.batch_size, self.batch_size is None or self.batch_size >= 1, "at least 1, or None"),
            ("label_smoothing", self.label_smoothing, 0 <= self.label_smoothing < 1, "in [0, 1)"),
            ("warmup", self.warmup, 0 <= self.warmup < 1, "in [0, 1)"),
            ("ema", self.ema, 0 <= self.ema < 1, "in [0, 1)"),
            ("mixup", self.mixup, self.mixup >= 0, "at least 0"),
            ("l1", self.l1, self.l1 >= 0, "at least 0"),
            ("clip", self.clip, self.clip is None or self.clip > 0, "above 0, or None"),
            ("patience", self.patience, self.patience >= 0, "at least 0"),
            ("negatives", self.negatives, self.negatives >= 1, "at least 1"),
            ("precision", self.precision, self.precision in {"float32", "bf16", "fp16"}, "float32, bf16 or fp16"),
        ]  # fmt: skip
        for name, value, holds, words in rules:
            if not holds:
                raise SettingError(f"a plan needs {name} to be {words}, got {value!r}.")
        for name in self.options:
            if name not in known:
                raise SettingError(f"{self.optimizer} has no {name!r}. It has: {', '.join(known)}.")
        for name in self.augment:
            if name not in NAMES:
                raise SettingError(f"there is no augmentation {name!r}. There are: {', '.join(NAMES)}.")

    @classmethod
    def of(cls, params: Mapping[str, Any], **fixed: Any) -> Plan:
        """The plan in a point of one of danlu's spaces; names that are no part of a plan are left alone.

        Args:
            params: values by full name, as ``trial.params`` holds them.
            fixed: settings that are not searched; ``augment`` and ``options`` are merged with what is.

        Raises:
            SettingError: when a value makes no sense.

        Example:
            >>> Plan.of({"optimizer": "adamw", "optimizer.adamw.lr": 0.01, "depth": 3}, epochs=5).options
            {'lr': 0.01}
        """
        plain = ("batch_size", "optimizer", "schedule", "warmup", "ema", "clip", "negatives", "epochs",
                 "patience")  # fmt: skip
        settings: dict[str, Any] = {name: params[name] for name in plain if name in params}
        settings["options"] = within(params, "optimizer")
        settings["schedule_options"] = within(params, "schedule")
        settings["augment"] = {name: strength for name in NAMES if (strength := strength_of(params, name))}
        settings |= {name: strength_of(params, name) for name in ("label_smoothing", "mixup", "l1")}
        for name in ("options", "augment", "schedule_options"):
            settings[name] = {**settings[name], **fixed.pop(name, {})}
        return cls(**{**settings, **fixed})


def within(params: Mapping[str, Any], switch: str) -> dict[str, Any]:
    """The parameters of the option that a switch has taken, by their short names.

    Example:
        >>> within({"net": "cnn", "net.cnn.kernel": 3, "lr": 1}, "net")
        {'kernel': 3}
    """
    prefix = f"{switch}."
    return {name.rpartition(".")[2]: value for name, value in params.items() if name.startswith(prefix)}
