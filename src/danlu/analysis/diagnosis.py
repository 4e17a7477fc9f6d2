"""What the learning curves of a trial say is wrong with it: rules on what was reported, each with its reason and next step.

Nothing is trained here; ``danlu.deep.diagnose`` trains a configuration again in other ways, and is right more often, as a
curve that flattens looks the same whether the network is too small, its rate too low or its data exhausted: these two are where the
rules err (``benchmarks/deep/curves.py`` says how often). The words are
those of Goodfellow, Bengio and Courville, "Deep learning" (2016), chapters 5, 7, 8 and 11.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from itertools import islice
from typing import NamedTuple

import msgspec
import numpy as np

from ..journal.events import Status
from ..journal.history import History
from ..journal.trial import Curve
from ..maths.curves import roughness
from ..maths.threads import one_thread
from .measured import thinned

ADVICE = {
    "good": "Nothing of what was tried would have helped much: tune on, or get more data.",
    "overfit": "Regularize more (decay, dropout, smoothing, augmentation), stop earlier, or get more data.",
    "underfit": "Make the network larger, or regularize it less.",
    "slow": "Raise the learning rate, or train longer.",
    "unstable": "Lower the learning rate, warm up longer, or clip the gradient.",
    "diverged": "Lower the learning rate by ten, or clip the gradient; check the scale of inputs and targets.",
    "dead": "Initialize anew, lower the rate, or use an activation that has a gradient everywhere (gelu, silu).",
    "plateau": "Let the rate fall later or less: the steps became too small before the network had learned.",
}
"""What to try next, by trouble."""

REASONS = {
    "good": "The validation loss fell and stayed down.",
    "overfit": "Validation rises while training falls: capacity goes into the noise of the sample (Goodfellow et al., 5.2, 7.8).",
    "underfit": "Training is as bad as validation, and others did better: capacity or regularization binds (5.2, 11.4).",
    "slow": "The loss still falls at the end: the optimizer was stopped, not the network's capacity (11.4.1).",
    "unstable": "The loss jumps as often as it falls: steps are too long for the surface's curvature (8.2, 8.3.1).",
    "diverged": "The loss is no longer a number, or far above where it began: steps climb cliffs of the surface (8.2.4).",
    "plateau": "Nothing moved in the second half, though others came further from there (8.2.2, 11.4.1).",
}
"""Why each rule says what it says."""

RISES, GAP = 0.1, 0.3
"""Shares of the way from the first loss to the best of all: so far a loss has risen again, so far validation is above training."""

UPS, JUMP = 0.35, 0.05
"""A curve jumps when so much of its way in the second half leads up, and one move is at least so much of its range."""

BEHIND = 0.25
"""A trial is behind when so much of the way to the best of all was not made."""

STILL, LATE = 0.01, 0.14
"""A curve stands still when no move of its second half is so much of its range; it is slow when so much of its way is late."""


_LATE = ("good", "slow", "underfit", "plateau")
"""What can be said only of a training that has come to its end, or near it."""

_WHOLE = (Status.DONE, Status.FAILED)


class Usual(NamedTuple):
    """What other trials of the study say: where losses begin (the median), and the least that the best came to."""

    start: float
    best: float


class Trouble(msgspec.Struct, frozen=True):
    """What the curves of one trial say.

    Attributes:
        trial: its number.
        trouble: ``good``, ``overfit``, ``underfit``, ``slow``, ``unstable``, ``diverged`` or ``plateau``; '' when its curves
            are too short to say.
        evidence: what was seen, with its figures.
        reason: why the rule says so.
        advice: what to try next.
    """

    trial: int
    trouble: str
    evidence: str
    reason: str = ""
    advice: str = ""

    def __str__(self) -> str:
        return f"trial {self.trial}: {self.trouble or 'unknown'}. {self.evidence} {self.advice}".rstrip()


@one_thread
def diagnose_curves(history: History, number: int) -> Trouble:
    """What is wrong with one trial, as far as its curves show.

    Curves of a loss are looked for under the goal's own metric where it is minimized, else under ``val_loss`` or ``loss``, and
    beside it the loss of training (``train_loss`` for ``val_loss``; any metric with ``train`` for ``val`` or ``valid``).
    Without one, over- and under-fitting cannot be told.

    Raises:
        TrialMissing: when there is no such trial.

    Example:
        >>> import danlu
        >>> def train(trial):
        ...     for epoch in range(1, 21):
        ...         trial.report(epoch, val_loss=1 / epoch + 0.05 * epoch * trial["x"], train_loss=1 / epoch)
        >>> result = danlu.tune(train, {"x": danlu.Float(0.5, 1)}, minimize="val_loss", trials=1)
        >>> diagnose_curves(result.history, 0).trouble
        'overfit'
    """
    row = history.rows.of(number)
    curve = history.reports.curve(number)
    name = loss_name(curve, history)
    found = _judge(number, curve, name, _context(history, name))
    longest = int(history.columns.lengths.max(initial=0))
    if found.trouble in _LATE and row.status not in _WHOLE and 2 * curve.steps[-1] < longest:
        early = f"It has come to step {curve.steps[-1]}, others to {longest}: too early to say what it would have become."
        return Trouble(number, "", early)
    return found


def diagnose_study(history: History, most: int = 10) -> list[Trouble]:
    """What is wrong with the best ``most`` trials that have curves, the best first."""
    merit = history.columns.losses[:, 0] if len(history) else np.zeros(0)
    order = [int(row) for row in np.argsort(merit, kind="stable") if np.isfinite(merit[row])]
    curved = (number for number in order if history.reports.count(number))
    return [diagnose_curves(history, number) for number in islice(curved, most)]


def commonest(troubles: list[Trouble]) -> str:
    """The trouble that most of the trials have, '' for none.

    Example:
        >>> commonest([Trouble(0, "slow", ""), Trouble(1, "slow", ""), Trouble(2, "good", "")])
        'slow'
    """
    counts = Counter(each.trouble for each in troubles if each.trouble not in {"", "good"})
    ((name, count),) = counts.most_common(1) or (("", 0),)
    return name if 2 * count > len(troubles) else ""


def loss_name(curve: Curve, history: History) -> str:
    """The metric of a curve that is a loss of validation, '' when there is none."""
    goal = history.goal.metrics
    first = goal[0].name if goal and not goal[0].maximize else ""
    for name in (first, "val_loss", "valid_loss", "validation_loss", "loss"):
        if name and name in curve.metrics:
            return name
    return ""


def training_name(name: str, metrics: Mapping[str, object]) -> str:
    """The training's own metric beside one of validation, '' when there is none.

    Example:
        >>> training_name("val_loss", {"train_loss": 1, "val_loss": 2})
        'train_loss'
    """
    for prefix in ("validation", "valid", "val", "test", "eval"):
        if name.startswith(prefix):
            for other in ("train", "training"):
                if other + name[len(prefix) :] in metrics:
                    return other + name[len(prefix) :]
    beside = f"train_{name}"
    return beside if beside in metrics else ""


def _judge(number: int, curve: Curve, name: str, context: Usual) -> Trouble:
    if not name:
        return Trouble(number, "", "No loss was reported by steps, so there is nothing to judge.")
    valid = np.array(curve.metrics[name])
    train = np.array(curve.metrics.get(training_name(name, curve.metrics), ()))
    told = train if len(train) else valid
    what = "The training loss" if len(train) else "The loss"

    def said(trouble: str, evidence: str) -> Trouble:
        return Trouble(number, trouble, evidence, REASONS[trouble], ADVICE[trouble])

    start, end = float(told[0]), float(told[-1])
    finite = bool(np.isfinite(told).all() and np.isfinite(valid).all())
    if not finite or float(valid.min()) > 3 * context.start or end > 3 * max(start, 1e-12):
        last = f"{end:.3g}" if math.isfinite(end) else "no longer a number"
        others = f"; others begin at {context.start:.3g}" if math.isfinite(context.start) else ""
        return said("diverged", f"{what} went from {start:.3g} to {last} by step {curve.steps[-1]}{others}.")
    if len(valid) < 5:
        return Trouble(number, "", f"{len(valid)} steps are too few to judge a curve; it takes 5.")
    half = told[len(told) // 2 :]
    moves, span = np.diff(half), max(float(np.ptp(told)), 1e-12)
    ups = float(np.clip(moves, 0, None).sum() / max(float(np.abs(moves).sum()), 1e-12))
    jump = float(np.abs(moves).max(initial=0.0)) / span
    if ups > UPS and jump > JUMP and roughness(valid) > JUMP:
        return said(
            "unstable",
            f"{what} goes up for {ups:.0%} of its way in the second half, by {jump:.0%} of its range at once.",
        )
    way = max(float(valid[0]) - min(context.best, float(valid.min())), 1e-12)
    low = int(np.argmin(valid))
    rise, gap = float(valid[-1] - valid[low]) / way, float(valid[-1] - train[-1]) / way if len(train) else 0.0
    if len(train) and train[-1] < train[low] and (rise > RISES or gap > GAP):
        return said(
            "overfit",
            f"{name} was best at step {curve.steps[low]} ({valid[low]:.3g}) and ended at {valid[-1]:.3g}; "
            f"training went on down to {train[-1]:.3g}.",
        )
    if float(valid.min() - context.best) / way <= BEHIND:
        return said(
            "good",
            f"{name} came to {valid.min():.3g} at step {curve.steps[low]} and ended at {valid[-1]:.3g}.",
        )
    others = f"the best trial came to {context.best:.3g}"
    if jump < STILL:
        return said("plateau", f"{what} stood still at {end:.3g} for the second half; {others}.")
    late = float(half[0] - end) / max(start - end, 1e-12)
    if late > LATE:
        return said(
            "slow", f"{what} made {late:.0%} of its way in the second half and stands at {end:.3g}; {others}."
        )
    return said("underfit", f"{what} levelled off at {end:.3g}, {name} at {valid.min():.3g}; {others}.")


def _context(history: History, name: str) -> Usual:
    """Where curves of this metric begin, and the least that the best trial came to."""
    number = history.incumbents.best
    best = [] if number is None else history.reports.curve(number).metrics.get(name, ())
    trained = np.flatnonzero(history.columns.lengths > 0)
    firsts = [
        history.reports.curve(int(row)).metrics.get(name, (math.nan,))[0]
        for row in trained[thinned(len(trained), 100)]
    ]
    starts = [first for first in firsts if math.isfinite(first)]
    least = min((value for value in best if math.isfinite(value)), default=math.inf)
    return Usual(float(np.median(starts)) if starts else math.inf, least)
