"""What the learning curves of a trial say is wrong with it: rules on what was reported, each with its reason and next step.

Nothing is trained here; ``danlu.deep.diagnose`` trains a configuration again in other ways, and is right more often, as a
curve that flattens looks the same whether the network is too small, its rate too low or its data exhausted: these two are where the
rules err (``benchmarks/deep/curves.py`` says how often). The words are
those of Goodfellow, Bengio and Courville, "Deep learning" (2016), chapters 5, 7, 8 and 11.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from itertools import islice
from typing import NamedTuple

import msgspec
import numpy as np

from ..journal.events import Status
from ..journal.history import History
from ..journal.trial import Curve
from ..maths.curves import roughness
from ..maths.threads import one_thread
from .measured import Floats, thinned
from .phrases import Phrase, together

TROUBLES = ("good", "overfit", "underfit", "slow", "unstable", "diverged", "dead", "plateau")
"""What can be wrong; ``dead`` is for ``danlu.deep.diagnose``, which looks into the network."""

ADVICE = {name: str(Phrase(f"advice.{name}")) for name in TROUBLES}
"""What to try next, by trouble."""

REASONS = {name: str(Phrase(f"reason.{name}")) for name in TROUBLES if name != "dead"}
"""Why each rule says what it says."""

RISES, GAP = 0.1, 0.3
"""Shares of the way from the first loss to the best of all: so far a loss has risen again, so far validation is above training."""

UPS, JUMP = 0.35, 0.05
"""A curve jumps when so much of its way in the second half leads up, and one move is at least so much of its range."""

BEHIND, HALFWAY = 0.25, 0.1
"""A trial is behind when so much of the way to the best of all was not made; the second where it is in the worse half of the trials."""

MANY = 30.0
"""A way whose first loss is so many times the best is measured on a logarithmic scale: on a linear one its last decade is nothing."""

FAR = 3.0
"""A trial whose loss is so many times the best is behind, however long the way was, unless both are next to nothing of it."""

STILL, LATE = 0.01, 0.14
"""A curve stands still when no move of its second half is so much of its range; it is slow when so much of its way is late."""


_LATE = ("good", "slow", "underfit", "plateau")
"""What can be said only of a training that has come to its end, or near it."""

_WHOLE = (Status.DONE, Status.FAILED)


class Usual(NamedTuple):
    """What others say: the median of first losses, the least of the best trial, the median of the least of all."""

    start: float
    best: float
    middle: float


class Trouble(msgspec.Struct, frozen=True):
    """What the curves of one trial say.

    Attributes:
        trial: its number.
        trouble: ``good``, ``overfit``, ``underfit``, ``slow``, ``unstable``, ``diverged`` or ``plateau``; '' when its curves
            are too short to say.
        evidence: what was seen, with its figures.
        reason: why the rule says so.
        advice: what to try next.
        phrases: the sentences of the last three by key and values (``phrases.spoken``).
    """

    trial: int
    trouble: str
    evidence: str
    reason: str = ""
    advice: str = ""
    phrases: dict[str, tuple[Phrase, ...]] = {}

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
        return _trouble(number, "", "seen.early", step=str(curve.steps[-1]), longest=str(longest))
    return found


def diagnose_study(history: History, most: int = 10) -> list[Trouble]:
    """What is wrong with the best ``most`` trials that have curves, the best first; of several goals those of the front come first."""
    merit = history.columns.losses[:, 0] if len(history) else np.zeros(0)
    front = history.incumbents.front if len(history.goal.metrics) > 1 else ()
    order = sorted(front, key=lambda row: float(merit[row]))
    order += [
        int(row) for row in np.argsort(merit, kind="stable") if np.isfinite(merit[row]) and row not in front
    ]
    curved = (number for number in order if len(history.reports.curve(number)))
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


def _trouble(number: int, trouble: str, seen: str, **values: str) -> Trouble:
    said: dict[str, tuple[Phrase, ...]] = {"evidence": (Phrase(seen, values),)}
    if trouble:
        said |= {"reason": (Phrase(f"reason.{trouble}"),), "advice": (Phrase(f"advice.{trouble}"),)}
    return Trouble(number, trouble, phrases=said, **{name: together(each) for name, each in said.items()})


def behind(own: float, start: float, best: float, middle: float) -> bool:
    """Whether a loss is far from the best of the study.

    The way from the first loss to the best is measured on the scale that the losses have: logarithmic where it goes over many sizes.
    A quarter of it, or a tenth in the worse half of the trials, is far; so is ``FAR`` times the best.

    Args:
        own: the least of a trial.
        start: where its curve begins.
        best: the least of the best trial.
        middle: the median of the least of all trials.

    Example:
        >>> behind(0.43, 2.3, 0.032, 0.3), behind(0.5, 2.3, 0.45, 0.6), behind(1.1, 10.0, 1.0, 1.05)
        (True, False, False)
    """
    if not own > best:
        return False
    way = max(start - best, 1e-12)
    if best > 0 and own > FAR * best and own - best > 0.01 * way:
        return True
    share = (own - best) / way
    if best > 0 and start > MANY * best:
        share = math.log(own / best) / math.log(start / best)
    return share > (HALFWAY if own > middle else BEHIND)


def _judge(number: int, curve: Curve, name: str, context: Usual) -> Trouble:
    if not name:
        return _trouble(number, "", "seen.none")
    valid = np.array(curve.metrics[name])
    train = np.array(curve.metrics.get(training_name(name, curve.metrics), ()))
    told = train if len(train) else valid
    what = "@training" if len(train) else "@loss"
    start, end = float(told[0]), float(told[-1])
    finite = bool(np.isfinite(told).all() and np.isfinite(valid).all())
    if not finite or float(valid.min()) > 3 * context.start or end > 3 * max(start, 1e-12):
        last = f"{end:.3g}" if math.isfinite(end) else "@nan"
        others = {"others": f"{context.start:.3g}"} if math.isfinite(context.start) else {}
        key = "seen.diverged.others" if others else "seen.diverged"
        values = {"what": what, "start": f"{start:.3g}", "last": last, "step": str(curve.steps[-1]), **others}
        return _trouble(number, "diverged", key, **values)
    if len(valid) < 5:
        return _trouble(number, "", "seen.short", steps=str(len(valid)))
    half = told[len(told) // 2 :]
    moves, span = np.diff(half), max(float(np.ptp(told)), 1e-12)
    ups = float(np.clip(moves, 0, None).sum() / max(float(np.abs(moves).sum()), 1e-12))
    jump = float(np.abs(moves).max(initial=0.0)) / span
    if ups > UPS and jump > JUMP and roughness(valid) > JUMP:
        return _trouble(number, "unstable", "seen.unstable", what=what, ups=f"{ups:.0%}", jump=f"{jump:.0%}")
    return _finished(number, curve, name, _Ends(valid, train, told, half, what, jump), context)


class _Ends(NamedTuple):
    """Curves of a training that came to its end: validation, training, what is judged, its second half, its name, its largest jump."""

    valid: Floats
    train: Floats
    told: Floats
    half: Floats
    what: str
    jump: float


def _finished(number: int, curve: Curve, name: str, ends: _Ends, context: Usual) -> Trouble:
    valid, train, told, half, what, jump = ends
    start, end, low = float(told[0]), float(told[-1]), int(np.argmin(valid))
    least, best = float(valid[low]), min(context.best, float(valid.min()))
    scale = _scaled(float(valid[0]), best)
    way = max(scale(float(valid[0])) - scale(best), 1e-12)
    rise = (scale(float(valid[-1])) - scale(least)) / way
    gap = float(valid[-1] - train[-1]) / max(float(valid[0]) - best, 1e-12) if len(train) else 0.0
    values = {
        "what": what,
        "metric": name,
        "best": f"{least:.3g}",
        "end": f"{end:.3g}",
        "others": f"{context.best:.3g}",
    }
    if len(train) and train[-1] < train[low] and (rise > RISES or gap > GAP):
        values |= {"end": f"{valid[-1]:.3g}", "step": str(curve.steps[low]), "train": f"{train[-1]:.3g}"}
        return _trouble(number, "overfit", "seen.overfit", **values)
    if not behind(least, float(valid[0]), best, context.middle):
        return _trouble(
            number, "good", "seen.good", **values | {"end": f"{valid[-1]:.3g}", "step": str(curve.steps[low])}
        )
    if jump < STILL and not _falling(half):
        return _trouble(number, "plateau", "seen.plateau", **values)
    scale = _scaled(start, float(told.min()))
    late = (scale(float(half[0])) - scale(end)) / max(scale(start) - scale(end), 1e-12)
    if late > LATE:
        return _trouble(number, "slow", "seen.slow", **values | {"late": f"{late:.0%}"})
    return _trouble(number, "underfit", "seen.underfit", **values)


def _scaled(start: float, best: float) -> Callable[[float], float]:
    """The scale on which a way from one loss to another is measured."""
    return math.log if best > 0 and start > MANY * best else float


def _falling(half: Floats) -> bool:
    """Whether losses still fall by a half, which is nothing of a way over many sizes and no standstill."""
    return bool(half[-1] > 0 and half[0] > 2 * half[-1])


def _context(history: History, name: str) -> Usual:
    """Where curves of this metric begin, the least that the best trial came to, and the median of the least of all."""
    number = history.incumbents.best
    best = [] if number is None else history.reports.curve(number).metrics.get(name, ())
    trained = np.flatnonzero(history.columns.lengths > 0)
    curves = [
        history.reports.curve(int(row)).metrics.get(name, ()) for row in trained[thinned(len(trained), 100)]
    ]
    starts = [curve[0] for curve in curves if curve and math.isfinite(curve[0])]
    leasts = [
        min(finite) for curve in curves if (finite := [value for value in curve if math.isfinite(value)])
    ]
    least = min((value for value in best if math.isfinite(value)), default=math.inf)
    return Usual(
        float(np.median(starts)) if starts else math.inf,
        least,
        float(np.median(leasts)) if leasts else math.inf,
    )
