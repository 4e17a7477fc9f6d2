"""What is wrong with a training, and what would have helped: curves, units, and the same run forked.

Rules on curves alone were right for 25 of 42 trainings that had been made to go wrong, rules and forks for 27 of 28: a
curve that flattens looks the same whether the network is too small, the rate too low, or the data exhausted. So the run is
repeated with other rates, longer, wider, with more and with less regularization, all of them stacked (``block.py``), and the
fork that helps names the trouble. The words follow Goodfellow et al., Deep learning (2016), chapters 5, 8 and 11, and the
deep learning tuning playbook (Godbole et al., 2023).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ...analysis.diagnosis import ADVICE
from ...maths.curves import roughness
from ...plots.parameters import draw_forks
from ...plots.plot import axes_of
from ..data import Data
from ..stack.stack import train_together
from ..train.evaluation import predict
from ..train.metrics import losses
from ..train.objective import Objective
from ..train.optim import rule
from ..train.plan import Plan
from ..train.training import Training

Floats = NDArray[np.float64]

TROUBLES = ("good", "overfit", "underfit", "slow", "unstable", "diverged", "dead", "plateau")
FASTER = ("ten times the rate", "a hundred times the rate", "three times as long")
WIDTHS = ("width", "hidden", "factors", "embedding")
HELPS = 0.15
"""A fork helps when it wins so much of what there is to win: from guessing down to the best of all forks."""

GAP = 0.25
"""So far apart, as a share of what guessing costs, losses of training and validation are a network that learns by heart."""


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """What a training suffers from.

    Attributes:
        trouble: one of ``TROUBLES``.
        evidence: what says so, sentences with numbers.
        advice: what to try next.
        forks: for each fork, the best validation loss of the run as it was changed; ``as it was`` among them.
        curves: for each fork its scores by epoch.
    """

    trouble: str
    evidence: str
    advice: str
    forks: dict[str, float]
    curves: dict[str, list[dict[str, float]]]

    def __str__(self) -> str:
        return f"{self.trouble}: {self.evidence} {self.advice}"

    def plot(self, axes: Any = None) -> Any:
        """The validation loss of the run and of its forks over the epochs; matplotlib's axes."""
        axes = axes_of((5.5, 3.4)) if axes is None else axes
        draw_forks(self.curves, axes, title=self.trouble)
        return axes


def diagnose(objective: Objective, params: Mapping[str, Any], *, seed: int = 0) -> Diagnosis:
    """Train a configuration and its forks, and say what is wrong with it.

    Args:
        objective: says what is trained.
        params: the configuration; a parameter named width, hidden, factors or embedding makes a wider fork, one
            named dropout forks with more and with less of it.
        seed: of the weights and the order of the data.

    Example:
        >>> from danlu import deep
        >>> data = deep.datasets.breast_cancer()
        >>> tiny = deep.Objective(lambda params, data: nn.Linear(30, 2), data, epochs=4)
        >>> deep.diagnose(tiny, {"optimizer": "adamw", "optimizer.adamw.lr": 1e-5}).trouble
        'slow'
    """
    plan = objective.plan(params)
    made = {
        name: objective.training(changed, seed, plan=other)
        for name, (changed, other) in _forks(params, plan).items()
    }
    curves = dict(zip(made, train_together(list(made.values())), strict=True))
    own = made["as it was"]
    return _judge(own.data, curves, dead_units(own.model, own.data.valid.x), _still(own))


def _forks(params: Mapping[str, Any], plan: Plan) -> dict[str, tuple[Mapping[str, Any], Plan]]:
    """The run as it was, and changed in one way each."""
    change = msgspec.structs.replace
    own = {**rule(plan.optimizer).defaults, **plan.options}
    decay = "decay" if "decay" in own else "l2"
    more = change(plan, options={**own, decay: max(20 * own[decay], 1.0 if decay == "decay" else 0.01)},
                  label_smoothing=max(plan.label_smoothing, 0.1))  # fmt: skip
    less = change(plan, options={**own, decay: 1e-7}, label_smoothing=0.0, mixup=0.0, l1=0.0, augment={})
    found: dict[str, tuple[Mapping[str, Any], Plan]] = {
        "as it was": (params, plan),
        "a tenth of the rate": (params, change(plan, options={**own, "lr": own["lr"] / 10})),
        "ten times the rate": (params, change(plan, options={**own, "lr": own["lr"] * 10})),
        "a hundred times the rate": (params, change(plan, options={**own, "lr": own["lr"] * 100})),
        "three times as long": (params, change(plan, epochs=3 * plan.epochs)),
        "a steady rate": (params, change(plan, schedule="constant", schedule_options={})),
        "more regularized": ({**params, **_dropout(params, 0.4)}, more),
        "less regularized": ({**params, **_dropout(params, 0.0)}, less),
    }
    wide = {name: _four_times(value) for name, value in params.items() if name.rpartition(".")[2] in WIDTHS}
    if wide:
        found["four times as wide"] = ({**params, **wide}, plan)
    return found


def _four_times(value: Any) -> Any:
    return max(4 * value, 16) if isinstance(value, int) and not isinstance(value, bool) else value


def _dropout(params: Mapping[str, Any], rate: float) -> dict[str, Any]:
    if "dropout" not in params:
        return {}
    if isinstance(params["dropout"], str):
        return {"dropout": "on", "dropout.on.strength": rate} if rate else {"dropout": "off"}
    return {"dropout": rate}


def _judge(data: Data, curves: dict[str, list[dict[str, float]]], dead: float, still: bool) -> Diagnosis:
    best = {name: _best(curve) for name, curve in curves.items()}
    own = curves["as it was"]
    train, valid = _column(own, "train_loss"), _column(own, "val_loss")
    guess = guessing(data)
    reached = min(best.values())
    room = max(guess - reached, 0.05 * guess, 1e-9)
    won = {name: (best["as it was"] - value) / room for name, value in best.items() if name != "as it was"}
    learned = (guess - best["as it was"]) / room

    def said(trouble: str, evidence: str) -> Diagnosis:
        return Diagnosis(trouble, evidence, ADVICE[trouble], best, curves)

    def helped(name: str) -> str:
        return f"{name} would have come to a validation loss of {best[name]:.3g} instead of {best['as it was']:.3g}."

    if not np.isfinite(train).all() or train[-1] > 3 * guess + 1e-9:
        last = "no longer a number" if not np.isfinite(train[-1]) else f"{train[-1]:.3g}"
        return said(
            "diverged", f"The training loss went from {train[0]:.3g} to {last}; guessing costs {guess:.3g}."
        )
    rise = (valid[-1] - valid.min()) / room
    gap = (valid[-1] - train[-1]) / guess
    rough = roughness(train)
    calm = won["a tenth of the rate"]
    flat = _flat(train, guess)
    faster = max(won[name] for name in FASTER)
    larger = max(won.get("four times as wide", 0.0), won["less regularized"])
    steadier = won["a steady rate"]
    blind = learned < 0.1 and (dead > 0.9 or still)
    if (
        calm > HELPS
        and calm >= max(faster, 0.6 * larger)
        and (blind or rough > 0.02 or train[-1] > 0.5 * guess)
    ):
        return said(
            "unstable",
            f"The training loss jumps ({rough:.0%} of its range, up as often as down); "
            + helped("a tenth of the rate"),
        )
    if blind and larger < 0.5:
        what = (
            "the network gives the same for every sample"
            if still
            else f"{dead:.0%} of a layer's units are zero for every sample"
        )
        return said(
            "dead",
            f"Nothing was learned (validation loss {best['as it was']:.3g}, guessing costs {guess:.3g}), and {what}.",
        )
    if train[-1] < 0.75 * valid[-1] and (rise > HELPS or gap > GAP):
        return said(
            "overfit",
            f"The training loss fell to {train[-1]:.3g}, and the validation loss stands at {valid[-1]:.3g}, at its best {valid.min():.3g}.",
        )
    if flat and steadier > HELPS and steadier >= 0.6 * faster:
        return said(
            "plateau",
            f"The training loss stood still at {train[-1]:.3g} for the last half of the epochs; "
            + helped("a steady rate"),
        )
    if max(faster, larger) <= HELPS:
        return said(
            "good",
            f"The validation loss came to {best['as it was']:.3g}; the best of all forks came to {reached:.3g}.",
        )
    if larger >= faster:
        name = max(("four times as wide", "less regularized"), key=lambda each: won.get(each, -math.inf))
        return said("underfit", f"The training loss stays at {train[-1]:.3g}; " + helped(name))
    name = max(FASTER, key=won.__getitem__)
    return said("slow", f"The training loss is still at {train[-1]:.3g}; " + helped(name))


def _flat(train: Floats, guess: float) -> bool:
    """Whether the second half of the training brought next to nothing."""
    middle = train[len(train) // 2]
    return bool(middle - train[-1] < 0.03 * max(guess, 1e-9))


def guessing(data: Data) -> float:
    """What the best guess costs that does not look at the inputs: the entropy of the classes, or the variance.

    Example:
        >>> from danlu import deep
        >>> round(guessing(deep.from_arrays(np.zeros((100, 1)), np.arange(100) % 4)), 3)
        1.386
    """
    y = data.valid.y
    if data.kind == "classes":
        shares = torch.bincount(data.train.y, minlength=data.outputs).float().clamp_min(0.5)
        logits = (shares / shares.sum()).log().expand(len(y), -1)
        return float(losses("classes", logits, y).mean())
    if data.kind == "values":
        return float(((y - data.train.y.mean()) ** 2).mean())
    return math.log(2)


@torch.no_grad()
def dead_units(model: nn.Module, x: Tensor) -> float:
    """Of the layer that has most of them, the share of units that are zero for every sample.

    Only layers that can be exactly zero are looked at: ReLU.

    Example:
        >>> net = nn.Sequential(nn.Linear(2, 4), nn.ReLU())
        >>> _ = net[0].bias.data.fill_(-100.0)
        >>> dead_units(net, torch.randn(8, 2))
        1.0
    """
    found = [0.0]

    def look(module: nn.Module, inputs: Any, output: Tensor) -> None:
        del module, inputs
        units = output.transpose(0, 1).flatten(1) if output.ndim > 2 else output.T
        found.append(float((units == 0).all(1).float().mean()))

    hooks = [module.register_forward_hook(look) for module in model.modules() if isinstance(module, nn.ReLU)]
    try:
        predict(model, x)
    finally:
        for hook in hooks:
            hook.remove()
    return max(found)


def _still(training: Training) -> bool:
    """Whether the network gives the same for every sample."""
    outputs = predict(training.model, training.data.valid.x)
    flat = outputs.reshape(len(outputs), -1)
    return bool((flat.std(0) < 1e-3).all())


def _column(curve: list[dict[str, float]], name: str) -> Floats:
    return np.array([scores[name] for scores in curve], dtype=float)


def _best(curve: list[dict[str, float]]) -> float:
    values = _column(curve, "val_loss")
    finite = values[np.isfinite(values)]
    return float(finite.min()) if len(finite) else math.inf
