"""Checks before any search: what is wrong with data, network and loss is cheaper to find than to tune around.

Each check says what it saw, whether that is well, and what to do (after Karpathy, A recipe for training neural networks,
2019, and the faults in published snippets: a one-unit sigmoid for three classes, a softmax before a loss that has its own).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import msgspec
import numpy as np
import torch
from torch import Tensor, nn

from ..data import Data, Split
from ..train.epochs import seeded
from ..train.evaluation import predict
from ..train.fit import device_of
from ..train.plan import Plan
from ..train.training import Training

STEPS = 200
BATCH = 32


@dataclass(frozen=True)
class Check:
    """One check.

    Attributes:
        name: head, targets, start, overfit, leakage, scale or shuffling.
        well: whether all is well.
        evidence: what was seen, a sentence.
        advice: what to do; '' when all is well.
    """

    name: str
    well: bool
    evidence: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{'ok  ' if self.well else 'BAD '} {self.name}: {self.evidence}{' ' + self.advice if self.advice else ''}"


def preflight(
    build: Callable[[], nn.Module], data: Data, plan: Plan = Plan(), *, seed: int = 0, device: str = "auto"
) -> list[Check]:
    """Look at network, data and plan before searching; every check, well or not.

    Args:
        build: makes a fresh network.
        data: its parts.
        plan: how it would be trained.
        seed: of what is drawn.
        device: as in ``fit``.

    Example:
        >>> from danlu import deep
        >>> data = deep.datasets.breast_cancer()
        >>> checks = deep.preflight(lambda: nn.Sequential(nn.Linear(30, 2), nn.Softmax(1)), data)
        >>> [check.name for check in checks if not check.well]
        ['head']
    """
    where = device_of(device)
    with seeded(seed, 0, where):
        model = build()
    moved = data.to(where)
    outputs = predict(model.to(where), moved.train.x[:512])
    checks = [_head(outputs, moved), _targets(moved)]
    if all(check.well for check in checks[1:]) and checks[0].well:
        checks += [_start(outputs, moved), _overfits(build, moved, plan, seed, where)]
    if data.kind != "ranking" and checks[1].well:
        checks += [_leakage(moved), _scale(moved), _shuffled(moved)]
    return checks


def _head(outputs: Tensor, data: Data) -> Check:
    if data.kind != "classes":
        wide = outputs.ndim > 1 and outputs.shape[1] != 1
        return Check(
            "head", not wide, f"the network gives {tuple(outputs.shape[1:]) or 'one number'} a sample for {data.kind}.",
            "It has to give one number." if wide else "",
        )  # fmt: skip
    width = outputs.shape[1] if outputs.ndim > 1 else 1
    if width != data.outputs:
        return Check(
            "head", well=False, evidence=f"the network gives {width} numbers a sample, and there are {data.outputs} classes.",
            advice=f"Its last layer needs {data.outputs} units, without a sigmoid or softmax.",
        )  # fmt: skip
    share = bool(((outputs.sum(1) - 1).abs() < 1e-4).all()) and bool((outputs >= 0).all())
    logs = bool(((outputs.exp().sum(1) - 1).abs() < 1e-4).all())
    bounded = bool(((outputs >= 0) & (outputs <= 1)).all()) and not share
    if share or bounded:
        kind = "a softmax" if share else "a sigmoid"
        return Check(
            "head", well=False, evidence=f"the network's outputs look like {kind}'s: between 0 and 1.",
            advice=f"The loss has its own softmax: leave {kind} out, or it learns slowly and is never sure.",
        )  # fmt: skip
    still = bool((outputs.std(0) < 1e-7).all())
    if still:
        return Check("head", well=False, evidence="the outputs are the same for every sample.",
                     advice="Something cuts the input off: dead units, a zeroed layer, a wrong axis.")  # fmt: skip
    words = "log-probabilities, which the loss takes as well" if logs else "logits"
    return Check("head", well=True, evidence=f"{width} {words} a sample.")


def _targets(data: Data) -> Check:
    y = data.train.y
    if data.kind != "classes":
        flat = bool(y.std() < 1e-12) and data.kind == "values"
        return Check("targets", not flat, f"values from {float(y.min()):.3g} to {float(y.max()):.3g}.",
                     "All targets are the same: there is nothing to learn." if flat else "")  # fmt: skip
    low, high = int(y.min()), int(y.max())
    if low < 0 or high >= data.outputs:
        return Check("targets", well=False, evidence=f"classes from {low} to {high}, and the network knows 0 to {data.outputs - 1}.",
                     advice="Number the classes from 0.")  # fmt: skip
    counts = torch.bincount(y, minlength=data.outputs)
    missing = int((counts == 0).sum())
    rarest = int(counts.min())
    return Check(
        "targets", not missing, f"{data.outputs} classes, the rarest {rarest} times.",
        f"{missing} of them are not in the training part: split anew, or leave them out." if missing else "",
    )  # fmt: skip


def _start(outputs: Tensor, data: Data) -> Check:
    from ..train.metrics import losses

    y = data.train.y[: len(outputs)]
    loss = float(losses(data.kind, outputs, y.float() if data.kind != "classes" else y).mean())
    usual = {"classes": math.log(data.outputs), "values": float(y.float().var()) + float(y.float().mean()) ** 2,
             "ranking": math.log(2)}[data.kind]  # fmt: skip
    high = loss > 2 * usual + 0.5
    return Check(
        "start", not high, f"the loss before training is {loss:.3g}, and guessing costs {usual:.3g}.",
        "The weights or inputs are too large: check the scale of the inputs and the initialization." if high else "",
    )  # fmt: skip


def _overfits(
    build: Callable[[], nn.Module], data: Data, plan: Plan, seed: int, where: torch.device
) -> Check:
    from dataclasses import replace

    few = torch.randperm(len(data.train), generator=torch.Generator().manual_seed(seed))[:BATCH].to(where)
    tiny = replace(data, train=data.train.take(few))
    bare = msgspec.structs.replace(
        plan, batch_size=None, epochs=STEPS, schedule="constant", schedule_options={}, warmup=0.0, label_smoothing=0.0, mixup=0.0,
        augment={}, l1=0.0, patience=0,
    )  # fmt: skip
    with seeded(seed, 0, where):
        training = Training(build(), tiny, bare, seed=seed, device=where)
    for module in training.model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    first = last = math.nan
    for epoch in range(1, STEPS + 1):
        for number, batch in training.batches(epoch):
            loss = training.loss(batch)
            training.step(number, loss)
            last = float(loss.detach())
            first = last if math.isnan(first) else first
        if last < 0.1 * first or not math.isfinite(last):
            break
    well = math.isfinite(last) and last < 0.5 * first
    return Check(
        "overfit", well, f"{STEPS} steps on one batch of {len(few)} take the loss from {first:.3g} to {last:.3g}.",
        "" if well else "A network that cannot learn a few samples by heart is broken, too small, or its rate is far off: "
        "run find_lr, then look at the head and the targets.",
    )  # fmt: skip


def _leakage(data: Data) -> Check:
    seen = {row.tobytes() for row in _rows(data.train)}
    for name, part in (("valid", data.valid), ("test", data.test)):
        if part is None:
            continue
        rows = _rows(part)
        twice = sum(row.tobytes() in seen for row in rows)
        if twice > 0.01 * len(rows):
            return Check("leakage", well=False, evidence=f"{twice} of {len(rows)} samples of the {name} part are in the training part as well.",
                         advice="Remove duplicates before you split, or split by what they have in common.")  # fmt: skip
    found = _telling(data)
    if found is not None:
        return Check("leakage", well=False, evidence=f"input {found} alone gives the target away.",
                     advice="Ask whether it is known when the prediction is made; if not, leave it out.")  # fmt: skip
    return Check(
        "leakage", well=True, evidence="no sample is in two parts, and no single input gives the target away."
    )


def _rows(part: Split) -> list[np.ndarray]:
    return list(part.x.reshape(len(part), -1).cpu().numpy())


def _telling(data: Data) -> int | None:
    """An input whose correlation with the target, or with membership in some class, is all but perfect."""
    x, y = data.train.x, data.train.y
    if x.ndim != 2 or not x.is_floating_point():
        return None
    wanted = nn.functional.one_hot(y, data.outputs).float() if data.kind == "classes" else y[:, None].float()
    a, b = x - x.mean(0), wanted - wanted.mean(0)
    related = (a.T @ b).abs() / (a.norm(dim=0)[:, None] * b.norm(dim=0) + 1e-12)
    best = float(related.max())
    return int(related.max(1).values.argmax()) if best > 0.995 else None


def _scale(data: Data) -> Check:
    x = data.train.x
    if not x.is_floating_point():
        return Check("scale", well=True, evidence="inputs are whole numbers.")
    flat = x.reshape(len(x), -1) if x.ndim == 2 else x.flatten(2).transpose(0, 1).flatten(1).T
    size = flat.abs().max(0).values
    large = float(size.max())
    spread = flat.std(0)
    ratio = float(spread.max() / spread[spread > 0].min()) if bool((spread > 0).any()) else 1.0
    bad = large > 100 or (x.ndim == 2 and ratio > 100)
    return Check(
        "scale", not bad, f"inputs reach {large:.3g}; the widest spread is {ratio:.3g} times the narrowest.",
        "Standardize them: deep.standardize(data)." if bad else "",
    )  # fmt: skip


def _shuffled(data: Data) -> Check:
    """Whether the parts hold the targets in the same shares, as a random split would."""
    from scipy import stats

    train, valid = data.train.y.cpu().numpy(), data.valid.y.cpu().numpy()
    if data.kind == "classes":
        table = np.stack([np.bincount(part, minlength=data.outputs) for part in (train, valid)])
        table = table[:, table.sum(0) > 0]
        chance = float(stats.chi2_contingency(table).pvalue) if table.shape[1] > 1 else 1.0
    else:
        chance = float(stats.ks_2samp(train, valid).pvalue)
    bad = chance < 1e-4
    return Check(
        "shuffling", not bad, f"training and validation part differ in their targets as a random split would with probability {chance:.2g}.",
        "The split follows an order in the data: shuffle first (deep.from_arrays does)." if bad else "",
    )  # fmt: skip
