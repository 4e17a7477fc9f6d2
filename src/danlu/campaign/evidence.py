"""What a stage of a playbook has shown: where its best lie, whether they trained long enough, how each parameter fared by itself."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ..base.values import Value
from ..journal.trial import Trial
from ..problem.goal import Metric
from ..space.infer import meaning
from ..space.parameters import Choice, Float, Int
from ..space.roles import role
from ..space.space import Space
from ..study.result import Result
from .confirm import score, scored
from .contract import Judge

EDGE = 0.1
"""The share of a range at either end that counts as its edge."""
WIDER = 0.3
"""By what share of its range, as it is searched, a side is widened."""
PAD = 0.15
"""What is left around the better trials when a range is narrowed, as a share of the range."""
NARROWEST = 0.25
"""The share of a range that is left at least."""
BUCKETS = 4
"""Parts of a numeric range that are compared with each other."""


def better(result: Result, metric: Metric, *, share: float = 1 / 3, least: int = 3) -> list[Trial]:
    """The best part of the trials that have the metric, best first: ``share`` of them, ``least`` where there are as many."""
    found = sorted(scored(result, metric), key=lambda row: (row[1], row[0].number))
    return [trial for trial, _ in found[: max(least, round(share * len(found)))]]


class Edges(NamedTuple):
    """Ranges whose best trials lie at an edge: wider bounds by name, points to try in the new room, and why."""

    ranges: dict[str, tuple[float, float]]
    points: list[dict[str, Value]]
    reason: str


def edges(result: Result, metric: Metric, names: Iterable[str]) -> Edges:
    """Which ranges are to be wider: those whose best trial lies at an edge, with the next two near it.

    Only ranges of rates, penalties and widths on a logarithmic scale, which have no natural end there. Others stay: a share ends at 1, and
    what nobody knows by its name may end where its range does.
    """
    top = better(result, metric)[:3]
    found: dict[str, tuple[float, float]] = {}
    further: dict[str, tuple[float, float]] = {}
    said = []
    for slot in result.history.space.slots:
        leaf = slot.parameter
        if (
            slot.name not in set(names)
            or not isinstance(leaf, Float | Int)
            or not leaf.log
            or not _endless(slot.name)
        ):
            continue
        units = [leaf.encode(trial.params[slot.name]) for trial in top if slot.name in trial.params]
        if len(units) < len(top) or not units:
            continue
        factor = (leaf.high / leaf.low) ** WIDER
        if units[0] <= EDGE and max(units) <= 3 * EDGE:
            steps = [leaf.low / math.sqrt(factor), leaf.low / factor]
        elif units[0] >= 1 - EDGE and min(units) >= 1 - 3 * EDGE:
            steps = [leaf.high * math.sqrt(factor), leaf.high * factor]
        else:
            continue
        half, whole = (max(1, round(step)) if isinstance(leaf, Int) else step for step in steps)
        if leaf.low <= whole <= leaf.high:
            continue  # a width of 1 has no less
        found[slot.name] = (min(leaf.low, whole), max(leaf.high, whole))
        further[slot.name] = (half, whole)
        said.append(
            f"{slot.name} from {leaf.low:g}..{leaf.high:g} to {found[slot.name][0]:g}..{found[slot.name][1]:g}"
        )
    points = (
        [{**top[0].params, **{name: pair[place] for name, pair in further.items()}} for place in (0, 1)]
        if further
        else []
    )
    return Edges(found, points, f"the best lie at the edge: {'; '.join(said)}" if said else "")


def _endless(name: str) -> bool:
    last = name.rpartition(".")[2]
    return role(name) == "rate" or meaning(last) in {"a penalty", "a width"}


def isolated(result: Result, metric: Metric, names: Iterable[str]) -> dict[str, list[list[Any]]]:
    """The best value over all that was tuned along, for each part of a parameter: [what, value, trials] by name.

    The playbook's isolation plot: a comparison is fair when the rest was tuned for each part. A numeric range has four parts of equal width
    as it is searched.
    """
    trials = better(result, metric, share=1.0)
    found: dict[str, list[list[Any]]] = {}
    for slot in result.history.space.slots:
        if slot.name not in set(names):
            continue
        leaf = slot.parameter
        parts: dict[int, list[Any]] = {}
        for trial in trials:  # the best first
            if slot.name in trial.params:
                value = trial.params[slot.name]
                place = (
                    leaf.index(value)
                    if isinstance(leaf, Choice)
                    else min(int(leaf.encode(value) * BUCKETS), BUCKETS - 1)
                )
                parts.setdefault(place, [_part(leaf, place), score(trial, metric), 0])[2] += 1
        found[slot.name] = [parts[place] for place in sorted(parts)]
    return found


def _part(leaf: Float | Int | Choice, place: int) -> str:
    if isinstance(leaf, Choice):
        return str(leaf.values[place])
    low, high = (leaf.decode(min(each / BUCKETS, 1.0)) for each in (place, place + 1))
    return f"{low:.3g} to {high:.3g}"


def epochs_of(whole: Space, results: Sequence[Result], metric: Metric, current: Mapping[str, Value]) -> Judge:
    """How long to train, by a rule, where the space has a parameter for it; else whether it was long enough.

    The rule: a fifth more than the median of the steps at which the best curves were best; half as much again as now where most of them were
    best at their end.
    """
    last, best = [], []
    for result in results:
        for trial in better(result, metric)[:3]:
            values = trial.curve.metrics.get(metric.name, ())
            points = [
                (metric.loss(value), step)
                for step, value in zip(trial.curve.steps, values, strict=True)
                if math.isfinite(value)
            ]
            if len(points) > 1:
                last.append(max(step for _, step in points))
                best.append(min(points)[1])
    slot = next((each for each in whole.slots if role(each.name) == "epochs"), None)
    if not best:
        return Judge("epochs", "nothing to settle", "no curves were reported", {"params": {}})
    median = sorted(best)[len(best) // 2]
    ends = sum(step >= 0.9 * end for step, end in zip(best, last, strict=True))
    short = 2 * ends > len(best)
    reason = f"the best curves were best at step {median} in the median; {ends} of {len(best)} at their end"
    now = None if slot is None else current.get(slot.name)
    if slot is None or not isinstance(slot.parameter, Int) or not isinstance(now, int):
        verdict = "longer trainings may be better" if short else "long enough"
        return Judge("epochs", verdict, reason, {"params": {}})
    leaf = slot.parameter
    asked = math.ceil(1.5 * now) if short else math.ceil(1.2 * median)
    value = leaf.decode(leaf.encode(max(leaf.low, min(leaf.high, asked))))
    return Judge(
        "epochs", f"{slot.name} {value}", f"{reason}; before it was {now}", {"params": {slot.name: value}}
    )


def narrowed(whole: Space, results: Sequence[Result], metric: Metric, current: Mapping[str, Value]) -> Judge:
    """Where the last search looks: numbers around the better third of the last stage that searched each, options that those agree on.

    What is adopted stays within. A choice whose better third has several options stays open, so that the model may combine what the
    stages have found one by one; so does what no stage has asked about, but for the epochs, which a rule sets.
    """
    ranges: dict[str, list[float]] = {}
    fixed: dict[str, Value] = {}
    shares = []
    for slot in whole.slots:
        leaf = slot.parameter
        if role(slot.name) == "epochs" and slot.name in current:
            fixed[slot.name] = current[slot.name]
            continue
        last = next((each for each in reversed(results) if slot.name in each.history.space.names), None)
        top = (
            []
            if last is None
            else [
                trial.params[slot.name]
                for trial in better(last, metric, least=4)
                if slot.name in trial.params
            ]
        )
        if len(top) < 3:
            continue
        if slot.name in current:
            top.append(current[slot.name])
        if isinstance(leaf, Choice):
            if len({leaf.index(value) for value in top}) == 1:
                fixed[slot.name] = top[0]
            continue
        units = [leaf.encode(value) for value in top]
        low, high = max(0.0, min(units) - PAD), min(1.0, max(units) + PAD)
        if high - low < NARROWEST:
            middle = min(max((low + high) / 2, NARROWEST / 2), 1 - NARROWEST / 2)
            low, high = middle - NARROWEST / 2, middle + NARROWEST / 2
        bounds = [
            leaf.low if low <= 0.0 else leaf.decode(low),
            leaf.high if high >= 1.0 else leaf.decode(high),
        ]
        if bounds[0] < bounds[1]:
            ranges[slot.name] = bounds
            shares.append(high - low)
    said = [f"{name} {low:.3g} to {high:.3g}" for name, (low, high) in ranges.items()]
    said += [f"{name} {value}" for name, value in fixed.items()]
    kept = f"{sum(shares) / len(shares):.0%} of each range on average; " if shares else ""
    return Judge(
        "ranges", f"{len(ranges)} ranges are narrowed, {len(fixed)} values settled",
        f"{kept}{'; '.join(said)}: what the better third of its last stage has" if said else "no stage has searched enough to narrow anything",
        {"ranges": ranges, "fixed": fixed},
    )  # fmt: skip
