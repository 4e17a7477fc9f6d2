"""What a person should look at before the next study: ranges that end too soon, directions that do nothing, what fails.

The questions are those of Godbole, Dahl, Gilmer, Shallue and Nado, "Deep learning tuning playbook" (2023): is the best point
near a boundary of the space, were there enough points, what share was infeasible? Each finding is a sentence with its figures,
the reason for the rule, and what to do next. Of several goals each has its own findings, and the front has those that
are of no goal alone: a parameter that one goal does not mind may be what drives another.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import msgspec
import numpy as np

from ..journal.events import Status
from ..journal.history import History
from ..maths.pareto import front_ranks, hypervolume
from ..maths.threads import one_thread
from ..space.natural import Wider, wider
from ..space.parameters import Choice, Float, Int
from .failures import cause_of, failures, over_of, where
from .measured import Floats, Measured, Numbers, measured
from .mismatch import MISMATCH
from .phrases import Phrase, together

if TYPE_CHECKING:
    from ..problem.fidelity import Fidelity
    from .effects import Effect, Effects  # SciPy comes with it, and a study that runs asks for findings

EDGE = 0.05
"""So near to 0 or 1 a coordinate is at the edge."""

TOP = 0.1
"""The share of the trials that counts as the best, when it is asked where they lie; five at least."""


SAME = 4
"""This many different points with exactly the same result say that the metric tells nothing."""

SAME_BUT_MOVING = 10
"""The same where the metric moves while a trial trains: it can be measured, and coarse ones meet at their ceiling."""

STILL = 3
"""Reports from which on a curve that is one value counts as one that never moves."""

COVERED = 0.99
"""A front that covered so much of what it covers now has not grown since (its hypervolume)."""

GROUPS = 3
"""So many errors are told one by one in the finding on failures; ``danlu show`` and ``failures`` have all."""


class Finding(msgspec.Struct, frozen=True):
    """Something worth knowing.

    Attributes:
        kind: ``failing``, ``mismatch``, ``beyond``, ``unreached``, ``alike``, ``still``, ``edge``, ``few``, ``stale``, ``alone``
            or ``flat``.
        subject: the parameter it is about, the kind of a mismatch, '' for the study.
        text: what was seen, with its figures.
        reason: why the rule says so.
        remedy: what to do next.
        goal: the metric that it is about, where the study has several; '' where it is about all of them.
        phrases: the sentences of ``text``, ``reason`` and ``remedy`` by key and values (``phrases.spoken``).
    """

    kind: str
    subject: str
    text: str
    reason: str
    remedy: str
    goal: str = ""
    phrases: dict[str, tuple[Phrase, ...]] = {}

    def __str__(self) -> str:
        return f"{self.text} {self.remedy}"


def _finding(kind: str, subject: str, text: tuple[Phrase, ...], remedy: Phrase, goal: str = "") -> Finding:
    said = {"text": text, "reason": (Phrase(f"{kind}.reason"),), "remedy": (remedy,)}
    return Finding(
        kind, subject, goal=goal, phrases=said, **{name: together(each) for name, each in said.items()}
    )


@one_thread
def findings(
    history: History, metric: str | None = None, *, seen: Effects | Sequence[Effects] | None = None
) -> list[Finding]:
    """Findings about a study, the most pressing first; of a study with fewer than ten results only that they are few, and what fails.

    Args:
        history: of the study.
        metric: of the goal, to hear of it alone; all of the goal's when None.
        seen: effects on metrics of the goal; without them nothing is said of flat directions. Where the study has several goals
            and effects on some are not given, a flat direction is said to be fixed only if it is flat for those too.

    Raises:
        SettingError: for a metric that the goal does not have.

    Example:
        >>> import danlu
        >>> space = {"lr": danlu.Float(1e-4, 1e-1, log=True)}
        >>> result = danlu.tune(lambda t: 1 / t["lr"], space, trials=40, sampler="quasirandom", seed=0)
        >>> print(findings(result.history)[0])
        The best lr sits at the upper edge: 0.0987, of 0.0001 to 0.1. Widen it to 0.3 and go on.
    """
    goals = [
        measured(history, each, fits=True) for each in ([metric] if metric else goals_of(history) or (None,))
    ]
    told = () if seen is None else (seen,) if not isinstance(seen, Sequence) else tuple(seen)
    failing, found = list(_failing(history)), list(_few(history, goals[0]))
    same = [
        *_mismatches(history),
        *beyond(history),
        *(each for goal in goals for each in unmoved(history, goal.name or None)),
    ]
    first = [*failing, *same] if _most_fail(history) else [*same, *failing]
    if len(goals[0].rows) < 10:
        return [*first, *found]
    flat = list(_flat(history, told, metric))
    idle = {(finding.goal, finding.subject) for finding in flat}
    several = len(history.goal.metrics) > 1
    edges = [
        finding for finding in _edges(history, goals, several=several)
        if not all((goal, finding.subject) in idle for goal in (finding.goal or "").split(", "))
    ]  # fmt: skip
    stale = [
        each for goal in goals if metric or not several for each in _stale(history, goal, several=several)
    ]
    front = [] if metric or not several else [*_stale_front(history), *_alone(history)]
    return [*first, *edges, *found, *front, *stale, *flat]


@one_thread
def unmoved(history: History, metric: str | None = None) -> list[Finding]:
    """Whether the metric is the same in every trial that is over, or never moves while any of them trains.

    It looks no further than the first trial that shows the contrary.

    Args:
        history: of the study; trials that failed or were set aside say nothing.
        metric: of the goal; its first when None.

    Example:
        >>> import danlu
        >>> result = danlu.tune(lambda t: 0.0, {"x": danlu.Float(0, 1)}, maximize="accuracy", trials=5)
        >>> unmoved(result.history)[0].text
        'accuracy is 0 in all 5 trials that are over, whatever their parameters.'
    """
    names = [each.name for each in history.goal.metrics]
    if not names:
        return []
    column = 0 if metric is None else names.index(metric)
    name, points, firsts = names[column], set[bytes](), list[float]()
    still, moving, curves = True, False, 0
    for number, _ in history.rows.ended:
        row = history.rows[number]
        if row.losses is None:
            continue
        points.add(row.asked.unit)
        firsts.append((row.metrics or {}).get(name, row.losses[column]))
        if not moving:
            curve = history.reports.curve(number).metrics.get(name, ())
            told = [value for value in curve if not math.isnan(value)]
            moving = len(set(told)) > 1
            curves += len(told) >= STILL
        still = still and firsts[-1] == firsts[0]
        if not still and (moving or not curves):
            return []  # most studies, at their second trial
    found = []
    if still and len(points) >= (SAME_BUT_MOVING if moving else SAME):
        found.append(_alike(name, firsts[0], len(firsts)))
    if not still and not moving and curves >= SAME and len(points) >= SAME:
        found.append(_still(name, curves))
    return found


def unreached(history: History, fidelity: Fidelity | None) -> list[Finding]:
    """That no curve comes to the first step at which trials may be compared, so that none can be ended early.

    Args:
        history: of the study; trials that failed or were set aside say nothing.
        fidelity: of the study; None where nobody named one.

    Example:
        >>> import danlu
        >>> result = danlu.tune(lambda t: {"loss": [0.3, t["x"]]}, {"x": danlu.Float(0, 1)}, minimize="loss", trials=4)
        >>> unreached(result.history, danlu.Fidelity("epoch", 10, 90))[0].text
        'No trial has reported epoch 10, the first at which trials are compared; the longest came to 2.'
    """
    if fidelity is None:
        return []
    longest, curves = 0, 0
    for number, _ in history.rows.ended:
        last = history.reports.last(number)
        if history.rows[number].losses is None or last is None:
            continue
        longest, curves = max(longest, last[0]), curves + 1
        if longest >= fidelity.low:
            return []
    if curves < SAME:
        return []
    told = {"step": fidelity.name, "low": str(fidelity.low), "longest": str(longest)}
    return [_finding("unreached", "", (Phrase("unreached.text", told),), Phrase("unreached.remedy", told))]


def beyond(history: History) -> list[Finding]:
    """That no trial keeps the goal's limits, and how near the nearest comes; nothing where one keeps them.

    Example:
        >>> import danlu
        >>> result = danlu.tune(lambda t: {"loss": t["x"], "ms": 50 + t["x"]}, {"x": danlu.Float(0, 1)}, minimize="loss",
        ...                     limits=["ms <= 20"], trials=3, seed=0)
        >>> beyond(result.history)[0].text.startswith("No trial keeps ms <= 20; the nearest, trial ")
        True
    """
    if history.incumbents.best is None or not history.trials.configuration(history.incumbents.best).violation:
        return []
    told = history.trials.configuration(history.incumbents.best).metrics
    pairs = zip(history.goal.limits, history.goal.slacks(told), strict=True)
    broken = [limit for limit, over in pairs if not over <= 0]
    limits = " and ".join(f"{each.name} {'<=' if each.below else '>='} {each.bound:g}" for each in broken)
    near = ", ".join(
        f"{each.name}={told[each.name]:.6g}" if each.name in told else f"no {each.name}" for each in broken
    )
    said = {"limits": limits, "trial": str(history.incumbents.best), "near": near}
    return [_finding("beyond", "", (Phrase("beyond.text", said),), Phrase("beyond.remedy"))]


def goals_of(history: History) -> list[str]:
    """The names of the goal's metrics, without those that limits alone are about."""
    return [each.name for each in history.goal.metrics]


def _mismatches(history: History) -> Iterator[Finding]:
    """What trials have said of output, loss and labels; the last two sentences of a remark are reason and remedy."""
    for about, said in history.decisions.chosen.items():
        if about.startswith(MISMATCH):
            *seen, reason, remedy = re.split(r"(?<=\.) (?=[A-Z])", said)
            yield Finding("mismatch", about.removeprefix(MISMATCH), " ".join(seen), reason, remedy)


def _alike(name: str, value: float, count: int) -> Finding:
    told = {"metric": name, "value": f"{value:g}", "trials": str(count)}
    return _finding("alike", "", (Phrase("alike.text", told),), Phrase("alike.remedy"))


def _still(name: str, count: int) -> Finding:
    told = {"metric": name, "trials": str(count), "times": str(STILL)}
    return _finding("still", "", (Phrase("still.text", told),), Phrase("still.remedy"))


def _few(history: History, known: Measured) -> Iterator[Finding]:
    want = max(10, 5 * len(history.space))
    if len(known.rows) < want:
        told = {"trials": str(len(known.rows)), "parameters": str(len(history.space)), "wanted": str(want)}
        yield _finding("few", "", (Phrase("few.text", told),), Phrase("few.remedy", told))


def _keeping(history: History, known: Measured) -> Measured:
    """The trials that keep the limits, where enough of them do: others cannot be the best."""
    fine = history.columns.violations[known.rows] == 0
    return known._replace(rows=known.rows[fine], losses=known.losses[fine]) if fine.sum() >= 5 else known


def _edges(history: History, goals: Sequence[Measured], *, several: bool) -> Iterator[Finding]:
    """Where the best of each goal is at a bound; goals that agree are one finding."""
    by_place: dict[tuple[int, str], list[tuple[str, float]]] = {}
    for goal in goals:
        for at, side, value in _at_edge(history, _keeping(history, goal)):
            by_place.setdefault((at, side), []).append((goal.name, value))
    for (at, side), found in by_place.items():
        slot = history.space.slots[at]
        parameter = slot.parameter
        further = None if isinstance(parameter, Choice) else wider(slot.name, parameter, side)
        if further is None or isinstance(parameter, Choice):
            continue  # it cannot go further
        for_ = ", ".join(name for name, _ in found) if several else ""
        yield _edge(slot.name, parameter, side, found[0][1], further, for_)


def _at_edge(history: History, known: Measured) -> Iterator[tuple[int, str, float]]:
    """Slots whose best trials are crowded at a bound: the slot's place, the side, and the best's value."""
    order = known.rows[np.argsort(known.losses, kind="stable")]
    top = order[: max(5, round(TOP * len(order)))]
    for at, slot in enumerate(history.space.slots):
        parameter = slot.parameter
        if isinstance(parameter, Choice) or parameter.size <= 4 or not history.columns.active[order[0], at]:
            continue
        column = history.columns.units[top, at][history.columns.active[top, at]]
        best, middle = float(history.columns.units[order[0], at]), float(np.median(column))
        for side, away in (("lower", best), ("upper", 1.0 - best)):
            crowd = middle if side == "lower" else 1.0 - middle
            if away <= EDGE + 0.5 / parameter.size and crowd <= 3 * EDGE + 0.5 / parameter.size:
                yield at, side, float(parameter.decode(best))


def _edge(name: str, parameter: Float | Int, side: str, value: float, further: Wider, goals: str) -> Finding:
    told = {
        "name": name, "value": f"{value:.3g}", "low": f"{parameter.low:g}", "high": f"{parameter.high:g}",
        "bound": f"{further.bound:g}", "goals": goals,
    }  # fmt: skip
    text = Phrase(f"edge.{side}.goals" if goals else f"edge.{side}", told)
    remedy = Phrase("edge.remedy" if further.known else f"edge.ask.{side}", told)
    return _finding("edge", name, (text,), remedy, goals)


def _flat(history: History, seen: Sequence[Effects], metric: str | None) -> Iterator[Finding]:
    """Directions that do nothing for a goal; they are to be fixed where they do nothing for the others either."""
    names = goals_of(history)
    several = len(names) > 1
    for effects in seen:
        if metric not in {None, effects.metric} or effects.fitted < FITTED:
            continue
        others = [name for name in names if name != effects.metric]
        for effect in effects.effects:
            if not _idle(effect):
                continue
            name = effect.axis.name
            told = {
                "name": name, "metric": effects.metric, "span": f"{effect.span:.2g}",
                "share": f"{effect.share:.1%}", "most": f"{effect.share + effect.doubt:.1%}",
            }  # fmt: skip
            drives = [other.metric for other in seen if other.metric in others and not _flat_for(other, name)]
            unknown = [other for other in others if other not in {each.metric for each in seen}]
            goals = ", ".join(drives or unknown)
            which = "flat.drives" if drives else "flat.unknown" if unknown else "flat.remedy"
            goal = effects.metric if several else ""
            yield _finding(
                "flat", name, (Phrase("flat.text", told),), Phrase(which, told | {"goals": goals}), goal
            )


FITTED = 0.3
"""A model that explains less of a metric says nothing of directions."""


def _idle(effect: Effect) -> bool:
    return effect.share + effect.doubt < 0.1


def _flat_for(effects: Effects, name: str) -> bool:
    """Whether it can be said of a parameter that it does nothing; where a model says too little, it cannot."""
    found = next((effect for effect in effects.effects if effect.axis.name == name), None)
    return found is not None and effects.fitted >= FITTED and _idle(found)


def _most_fail(history: History) -> bool:
    over = over_of(history)
    failed = int((history.columns.statuses[over] == Status.FAILED).sum())
    return 2 * failed >= len(over) > 0


def _failing(history: History) -> Iterator[Finding]:
    """What fails, grouped; from three trials and a tenth on, and in any case while nothing else has come."""
    over = over_of(history)
    failed = history.columns.statuses[over] == Status.FAILED
    count = int(failed.sum())
    if not count or (count < len(over) and (count < 3 or count < 0.1 * len(over))):
        return
    place, told = where(history, over, failed), failures(history)
    groups = [
        f"{each.count} x {_quoted(each.error)} [{_numbers(each.trials, each.count)}]"
        for each in told[:GROUPS]
    ]
    rest = sum(each.count for each in told[GROUPS:])
    groups += [f"{rest} x ..."] if rest else []
    said = {
        "failed": str(count), "trials": str(len(over)), "cause": "@" + cause_of(history, over[failed].tolist()),
        "groups": "; ".join(groups),
    }  # fmt: skip
    text = (Phrase("failing.text", said), *(() if place is None else (place.text,)))
    all_ = Phrase("failing.remedy.all" if count == len(over) else "failing.remedy")
    yield _finding("failing", place.name if place else "", text, all_ if place is None else place.remedy)


def _quoted(error: str) -> str:
    return error.rstrip(".") if len(error) <= 120 else f"{error[:117]}..."


def _numbers(trials: Sequence[int], count: int) -> str:
    return f"#{', #'.join(map(str, trials[:3]))}{', ...' if count > 3 else ''}"


def _stale(history: History, known: Measured, *, several: bool) -> Iterator[Finding]:
    known = _keeping(history, known)
    running = np.minimum.accumulate(known.losses)
    last = int(np.flatnonzero(running < np.concatenate([[np.inf], running[:-1]]))[-1])
    since = len(running) - 1 - last
    if since >= _long(len(running)) and math.isfinite(running[last]):
        told = {"since": str(since), "trials": str(len(running)), "goal": known.name}
        key = "stale.text.goal" if several else "stale.text"
        yield _finding(
            "stale", "", (Phrase(key, told),), Phrase("stale.remedy"), known.name if several else ""
        )


def _long(trials: int) -> float:
    """So many trials without a better one are worth a word."""
    return max(30.0, 2 * trials / 3)


def front_covered(losses: Floats) -> int:
    """How many of the first rows cover ``COVERED`` of what all of them cover.

    Volumes are taken below a point a tenth of the front's reach beyond its worst (at least a little beyond, where the front is one
    point). Of three goals or more at most 60 of the front are looked at.

    Args:
        losses: of trials in their order, shape (n, m), n at least 1.

    Example:
        >>> front_covered(np.array([[1.0, 1.0], [0.5, 2.0], [2.0, 0.5], [3.0, 3.0]]))
        3
    """
    front = losses[front_ranks(losses) == 0]
    reach = np.ptp(front, axis=0)
    reference = front.max(0) + np.where(reach > 0, 0.1 * reach, 1e-9 + 1e-9 * np.abs(front.max(0)))

    def volume(count: int) -> float:
        first = losses[:count]
        kept = first[front_ranks(first) == 0]
        if kept.shape[1] > 2 and len(kept) > 60:
            kept = kept[np.argsort(kept[:, 0])[np.linspace(0, len(kept) - 1, 60).astype(int)]]
        return hypervolume(kept, reference)

    whole, low, high = volume(len(losses)), 0, len(losses)
    while high - low > 1:  # more trials cover no less
        middle = (low + high) // 2
        low, high = (low, middle) if volume(middle) >= COVERED * whole else (middle, high)
    return high


def _together(history: History) -> tuple[Numbers, Floats]:
    """Trials with all metrics of the goal that keep the limits, and their losses, shape (n, m)."""
    each = [measured(history, name, fits=True) for name in goals_of(history)]
    rows = each[0].rows
    for other in each[1:]:
        rows = np.intersect1d(rows, other.rows)
    fine = history.columns.violations[rows] == 0
    rows = rows[fine] if fine.any() else rows
    return rows, np.column_stack([one.losses[np.searchsorted(one.rows, rows)] for one in each])


def _stale_front(history: History) -> Iterator[Finding]:
    rows, losses = _together(history)
    if len(rows) < 30:
        return
    since = len(rows) - front_covered(losses)
    if since >= _long(len(rows)):
        told = {"since": str(since), "trials": str(len(rows))}
        yield _finding("stale", "", (Phrase("stale.text.front", told),), Phrase("stale.remedy"))


def _alone(history: History) -> Iterator[Finding]:
    if len(history.incumbents.front) == 1:
        told = {"trial": str(history.incumbents.front[0]), "goals": ", ".join(goals_of(history))}
        yield _finding("alone", "", (Phrase("alone.text", told),), Phrase("alone.remedy"))
