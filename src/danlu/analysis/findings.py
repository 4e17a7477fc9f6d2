"""What a person should look at before the next study: ranges that end too soon, directions that do nothing, what fails.

The questions are those of Godbole, Dahl, Gilmer, Shallue and Nado, "Deep learning tuning playbook" (2023): is the best point
near a boundary of the space, were there enough points, what share was infeasible? Each finding is a sentence with its figures,
the reason for the rule, and what to do next.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from ..journal.events import Status
from ..journal.history import History
from ..maths.threads import one_thread
from ..space.parameters import Choice, Float, Int
from ..space.slots import Slot
from .measured import Measured, measured
from .mismatch import MISMATCH

if TYPE_CHECKING:
    from ..problem.fidelity import Fidelity
    from .effects import Effects  # SciPy comes with it, and a study that runs asks for findings

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


class Finding(msgspec.Struct, frozen=True):
    """Something worth knowing.

    Attributes:
        kind: ``mismatch``, ``beyond``, ``unreached``, ``alike``, ``still``, ``edge``, ``flat``, ``few``, ``failing`` or ``stale``.
        subject: the parameter it is about, the kind of a mismatch, '' for the study.
        text: what was seen, with its figures.
        reason: why the rule says so.
        remedy: what to do next.
    """

    kind: str
    subject: str
    text: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.text} {self.remedy}"


@one_thread
def findings(history: History, metric: str | None = None, *, seen: Effects | None = None) -> list[Finding]:
    """Findings about a study, the most pressing first; of a study with fewer than ten results only that they are few, and what fails.

    Args:
        history: of the study.
        metric: of the goal; its first when None.
        seen: effects on the metric; without them nothing is said of flat directions.

    Raises:
        SettingError: for a metric that the goal does not have.

    Example:
        >>> import danlu
        >>> space = {"x": danlu.Float(0, 1)}
        >>> result = danlu.tune(lambda t: (t["x"] - 2) ** 2, space, trials=40, sampler="quasirandom", seed=0)
        >>> print(findings(result.history)[0])
        The best x sits at the upper edge: 0.998, of 0 to 1. Widen it to 1.5 and go on.
    """
    known = measured(history, metric, fits=True)
    same = [*_mismatches(history), *beyond(history), *unmoved(history, metric)]
    found = list(_few(history, known))
    if len(known.rows) < 10:
        return [*same, *_failing(history), *found]
    flat = list(_flat(seen)) if seen is not None else []
    idle = {finding.subject for finding in flat}
    edges = [finding for finding in _edges(history, known) if finding.subject not in idle]
    return [*same, *_failing(history), *edges, *found, *_stale(known), *flat]


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
    return [
        Finding(
            "unreached", "",
            f"No trial has reported {fidelity.name} {fidelity.low}, the first at which trials are compared; the longest came to {longest}.",
            "A scheduler compares trials at the steps that they report, from the lowest of its range on.",
            f"So none can be ended early. Name the range that is reported: {fidelity.name}:1:{longest}.",
        )
    ]  # fmt: skip


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
    return [Finding(
        "beyond", "", f"No trial keeps {limits}; the nearest, trial {history.incumbents.best}, has {near}.",
        "A trial that breaks a limit is ranked by how far it is beyond it, and behind all that keep it.",
        "Widen the space to where the limit can be kept, or set it where some trial comes.",
    )]  # fmt: skip


def _mismatches(history: History) -> Iterator[Finding]:
    """What trials have said of output, loss and labels; the last two sentences of a remark are reason and remedy."""
    for about, said in history.decisions.chosen.items():
        if about.startswith(MISMATCH):
            *seen, reason, remedy = re.split(r"(?<=\.) (?=[A-Z])", said)
            yield Finding("mismatch", about.removeprefix(MISMATCH), " ".join(seen), reason, remedy)


def _alike(name: str, value: float, count: int) -> Finding:
    return Finding(
        "alike", "", f"{name} is {value:g} in all {count} trials that are over, whatever their parameters.",
        "A metric that no parameter changes cannot be searched.",
        "Check that the objective uses its parameters, that the loss and the output layer suit the labels (one unit for "
        "many classes predicts one of them for ever), and that the metric is that of this trial.",
    )  # fmt: skip


def _still(name: str, count: int) -> Finding:
    return Finding(
        "still", "", f"{name} has not moved within any of the {count} trials that reported it {STILL} times or more.",
        "What does not move while a model trains says nothing of its training, and nothing to early stopping.",
        "Check that what is reported is measured anew at each step, and that the optimizer has the model's weights.",
    )  # fmt: skip


def _few(history: History, known: Measured) -> Iterator[Finding]:
    want = max(10, 5 * len(history.space))
    if len(known.rows) < want:
        yield Finding(
            "few", "", f"{len(known.rows)} trials have a result, and the space has {len(history.space)} parameters.",
            "With fewer than about five trials a parameter a search has not seen the space.",
            f"Give the study {want} trials or more, or fix what you are sure of.",
        )  # fmt: skip


def _edges(history: History, known: Measured) -> Iterator[Finding]:
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
            if away > EDGE + 0.5 / parameter.size or crowd > 3 * EDGE + 0.5 / parameter.size:
                continue
            wider = _wider(parameter, side)
            if wider is None:
                continue  # it cannot go further
            value = parameter.decode(best)
            text = f"The best {slot.name} sits at the {side} edge: {value:.3g}, of {parameter.low:g} to {parameter.high:g}."
            remedy = f"Widen it to {wider:g} and go on."
            yield Finding(
                "edge",
                slot.name,
                text,
                "Where the best is at a boundary, better may lie beyond it (tuning playbook).",
                remedy,
            )


def _wider(parameter: Float | Int, side: str) -> float | None:
    """A bound further out: three times on a logarithmic scale, half of the range on a linear one."""
    low, high = float(parameter.low), float(parameter.high)
    if parameter.log:
        bound = _round(high * 3 if side == "upper" else low / 3)
        if isinstance(parameter, Int):
            bound = max(1.0, float(round(bound)))
        return None if bound in (low, high) else bound
    if side == "upper" and low >= 0 and 0.8 <= high < 1 and isinstance(parameter, Float):
        return float(f"{1 - (1 - high) / 2:.4g}")  # a share such as momentum: nearer to 1, not past it
    half = 0.5 * (high - low)
    bound = high + half if side == "upper" else low - half
    if side == "lower" and low >= 0:
        if low == 0:
            return None  # what starts at nothing is not negative by accident
        bound = max(bound, low / 2)
    return float(round(bound)) if isinstance(parameter, Int) else _round(bound)


def _round(value: float) -> float:
    return float(f"{value:.2g}")


def _flat(seen: Effects) -> Iterator[Finding]:
    for effect in seen.effects:
        if effect.share + effect.doubt < 0.1 and seen.fitted >= 0.3:
            name = effect.axis.name
            yield Finding(
                "flat", name,
                f"{name} makes no difference: over its whole range {seen.metric} changes by {effect.span:.2g}, which is "
                f"{effect.share:.1%} of what trials differ by, {effect.share + effect.doubt:.1%} at most.",
                "A direction that does nothing costs trials (Bergstra and Bengio 2012: few parameters matter).",
                f"Fix {name} at what is cheapest, and search the others.",
            )  # fmt: skip


def _failing(history: History) -> Iterator[Finding]:
    over = np.array(sorted(number for number, _ in history.rows.ended), np.int64)
    failed = history.columns.statuses[over] == Status.FAILED
    count, share = int(failed.sum()), float(failed.mean()) if len(over) else 0.0
    if count < 3 or share < 0.1:
        return
    causes = [history.rows[row].cause for row in over[failed]]
    names = [cause.value for cause in causes if cause is not None]
    most = max(dict.fromkeys(names), key=names.count) if names else "failed"
    where = _where(history, over, failed)
    yield Finding(
        "failing", where.name if where else "", f"{count} of {len(over)} trials failed ({most}){where.text if where else ''}.",
        "A failed trial costs its time and teaches little (tuning playbook: what share was infeasible?).",
        where.remedy if where else "Look at their reasons: danlu show --why.",
    )  # fmt: skip


class _Place(NamedTuple):
    """Where trials fail: the share of the failed ones there above that of the others, and how it is said."""

    gain: float
    name: str
    text: str
    remedy: str


def _where(history: History, over: np.ndarray, failed: np.ndarray) -> _Place | None:
    """The threshold of a number, or the option of a choice, that best tells failed trials from others, if one does."""
    best: _Place | None = None
    for at, slot in enumerate(history.space.slots):
        on = history.columns.active[over, at]
        if failed[on].sum() < 3 or (~failed[on]).sum() < 3:
            continue
        column, bad = history.columns.units[over, at][on], failed[on]
        for place in (_options if isinstance(slot.parameter, Choice) else _thresholds)(slot, column, bad):
            if place.gain >= 0.6 and (best is None or place.gain > best.gain):
                best = place
    return best


def _thresholds(slot: Slot, column: np.ndarray, bad: np.ndarray) -> Iterator[_Place]:
    order = np.argsort(column, kind="stable")
    behind = np.cumsum(bad[order][::-1])[::-1]  # failed at this place and beyond
    size = np.arange(len(order), 0, -1)
    for above in (True, False):
        inside, total = (behind, size) if above else (bad.sum() - behind, len(order) - size)
        gain = _gain(inside, total, bad)
        place = int(np.argmax(gain))
        value = slot.parameter.decode(float(column[order[place]]))
        side, hit = ("above" if above else "below"), int(inside[place])
        yield _Place(
            float(gain[place]),
            slot.name,
            f", {hit} of the {int(total[place])} with {slot.name} {side} {value:.3g} among them",
            f"Move the {'upper' if above else 'lower'} bound of {slot.name} to {value:.2g}, or say why it fails with danlu show --why.",
        )


def _options(slot: Slot, column: np.ndarray, bad: np.ndarray) -> Iterator[_Place]:
    values = [slot.parameter.decode(float(unit)) for unit in column]
    for value in dict.fromkeys(values):
        there = np.array([each == value and type(each) is type(value) for each in values])
        hit = int(bad[there].sum())
        yield _Place(
            float(_gain(hit, there.sum(), bad)),
            slot.name,
            f", {hit} of the {int(there.sum())} with {slot.name} {value} among them",
            f"Leave {value} out of {slot.name}, or say why it fails with danlu show --why.",
        )


def _gain(inside: Any, total: Any, bad: np.ndarray) -> Any:
    """Balanced accuracy of "fails there", from -1 to 1."""
    return inside / bad.sum() - (total - inside) / (~bad).sum()


def _stale(known: Measured) -> Iterator[Finding]:
    running = np.minimum.accumulate(known.losses)
    last = int(np.flatnonzero(running < np.concatenate([[np.inf], running[:-1]]))[-1])
    since = len(running) - 1 - last
    if since >= max(30, 2 * len(running) / 3) and math.isfinite(running[last]):
        yield Finding(
            "stale", "", f"Nothing better came in the last {since} of {len(running)} trials.",
            "Half a search without an improvement seldom ends with one that matters.",
            "Confirm the best on fresh seeds, or change the space, not the number of trials.",
        )  # fmt: skip
