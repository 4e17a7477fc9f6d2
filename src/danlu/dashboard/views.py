"""What the page's panels are drawn from: a history and a selection in, plain data out. Sizes are bounded, whatever the study's."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ..analysis.curves import curves
from ..analysis.diagnosis import diagnose_curves, diagnose_study
from ..analysis.edf import edf
from ..analysis.effects import effects, model_of, surface
from ..analysis.findings import findings
from ..analysis.importance import DEFAULT, importance
from ..analysis.measured import Numbers, measured
from ..analysis.pace import pace
from ..analysis.phrases import spoken
from ..analysis.progress import progress, savings
from ..analysis.ranks import ranks
from ..analysis.selection import select
from ..analysis.timeline import timeline
from ..analysis.trial_table import axes
from ..base.plain import plain
from ..errors import SettingError
from ..journal import events as ev
from ..journal.events import Status
from ..journal.history import History
from ..journal.trial import headings
from ..maths.pareto import hypervolume
from .errors import errors

LINES, POINTS, PLACES = 150, 50, 600
"""At most this many curves, points a curve, and trials in panels that draw each."""

FIRST_PAIRS = 12
"""So many pairs are tried until two parameters are found that are active together."""

MOST_VOLUME = 80
"""Of a front of more trials the volume is not told."""

DISTINCT = 300
"""Points of a distribution at most."""

PAGE = 200
"""At most this many rows of the table are sent at once."""


def head(name: str, history: History) -> dict[str, Any]:
    """How a study stands: the line at the top of the page, and its entry in the list of studies."""
    counts = (
        np.bincount(history.columns.statuses, minlength=len(Status))
        if len(history)
        else np.zeros(len(Status), int)
    )
    best = None if history.incumbents.best is None else history.trials.configuration(history.incumbents.best)
    stored_config, now = history.definition.stored_config, pace(history)
    return {
        "name": name,
        "seq": history.seq,
        "trials": len(history),
        "aside": len(history.rows.aside),
        "states": {status.name.lower(): int(counts[status]) for status in Status},
        "best": None
        if best is None
        else {"number": best.number, "value": best.value, "metrics": best.metrics},
        "goal": [{"name": m.name, "maximize": m.maximize, "target": m.target} for m in history.goal.metrics],
        "limits": [f"{x.name} {'<=' if x.below else '>='} {x.bound:g}" for x in history.goal.limits],
        "budget": {} if stored_config is None else stored_config.budget,
        "spent": {
            "seconds": history.spent.seconds,
            "steps": history.spent.steps,
            "cost": history.spent.cost,
        },
        "savings": savings(history),
        "rate": now.rate,
        "pace": now,
        "halted": now.halted,
        "created": history.spent.created_at,
        "latest": history.spent.last_at,
        "queued": len(history.decisions.queue),
        "chosen": history.decisions.chosen,
        "tags": history.decisions.tags,
        "trial_tags": _trial_tags(history),
        "contexts": list(history.definition.contexts[0]) if history.definition.contexts else [],
        "parent": history.definition.campaign.parent,
        "campaign": history.definition.campaign.kind,
        "settings": history.definition.campaign.settings,
        "stages": [
            {"stage": stage, "study": study} for stage, study in history.definition.campaign.stages.items()
        ],
        "judgments": [each.told() for each in history.definition.campaign.judgments[-50:]],
        "front": _front(history),
    }


MOST_TAGS = 200
"""So many tags of trials are offered for the filter."""


def _trial_tags(history: History) -> list[str]:
    """The tags that trials have, as they came."""
    return list(dict.fromkeys(tag for row in history.rows if row.tags for tag in row.tags))[:MOST_TAGS]


def _front(history: History) -> dict[str, Any] | None:
    """How many trials no other beats, and between which values they lie; None where one metric says who is best."""
    if len(history.goal.metrics) < 2:
        return None
    rows = np.array(sorted(history.incumbents.front), np.int64)
    losses = np.array([history.trials.configuration(row).losses for row in rows.tolist()])
    losses = losses.reshape(len(rows), len(history.goal.metrics))
    values = [metric.value(losses[:, at]) for at, metric in enumerate(history.goal.metrics)]
    ends = [(float(each.min()), float(each.max())) for each in values] if len(rows) else []
    return {"count": len(rows), "ends": ends, "volume": _volume(losses)}


def _volume(losses: Numbers) -> float | None:
    """The share of the box around the front, a tenth wider at its bad corner, that the front dominates; None where that is too long a sum."""
    if not 1 < len(losses) <= MOST_VOLUME or losses.shape[1] > 4:
        return None
    low, high = losses.min(0), losses.max(0)
    if not (high > low).all():
        return None
    corner = np.full(losses.shape[1], 1.1)
    return float(hypervolume((losses - low) / (high - low), corner) / corner.prod())


def view(
    name: str,
    history: History,
    terms: Mapping[str, str],
    metric: str | None = None,
    *,
    curve: str | None = None,
    along: str = "step",
    places: int | None = None,
) -> dict[str, Any]:
    """All panels that are quick: everything but what needs a model.

    Args:
        name: the study's.
        history: of the study.
        terms: the selection.
        metric: which all panels are about; the goal's first when None.
        curve: the metric whose curves are shown, any that was reported; ``metric`` when None.
        along: what curves are drawn over, one of ``Curves.xs``.
        places: at most this many trials in panels that draw each.

    Raises:
        SettingError: for a selection or a metric that makes no sense.
    """
    rows = select(history, terms)
    goal = _goal(history, metric)
    ranked = ranks(history, goal, rows, most=PLACES if places is None else places)
    return {
        "head": head(name, history),
        "selected": len(rows),
        "measured": len(measured(history, goal, rows).rows),
        "live": int((history.columns.statuses[rows] < Status.DONE).sum()),
        "failed": int((history.columns.statuses[rows] == Status.FAILED).sum()),
        "errors": errors(history, rows),
        "trace": history.decisions.trace,
        "axes": axes(history),
        "metric": goal or (history.goal.metrics[0].name if history.goal.metrics else ""),
        "metrics": history.reports.names,
        "progress": progress(history, goal, rows, most=1200),
        "curves": curves(history, curve or metric, rows, most=LINES, points=POINTS, x=along),
        "sheet": ranked.table,
        "ranks": ranked.ranks,
        "edf": edf(history, goal, rows, name=name, most=DISTINCT),
        "timeline": timeline(history, rows, most=PLACES),
        "decisions": [{"at": at, "text": text} for at, text in history.decisions.log[-50:]],
    }


def insight(
    history: History, terms: Mapping[str, str], metric: str | None = None, **asked: str
) -> dict[str, Any]:
    """The panels that need a model: importance, effects, a surface, findings, what curves say; ``asked`` as in ``insights``.

    Raises:
        SettingError: as ``view``.
    """
    found: dict[str, Any] = {}
    for _, part in insights(history, terms, metric, **asked):
        found |= part
    return found


def insights(
    history: History,
    terms: Mapping[str, str],
    metric: str | None = None,
    *,
    x: str = "",
    y: str = "",
    method: str = DEFAULT,
) -> Iterator[tuple[str, dict[str, Any]]]:
    """``insight`` part by part: each time what is calculated next, '' for nothing more, and what has been found.

    Raises:
        SettingError: as ``view``.
    """
    rows = select(history, terms)
    goal = _goal(history, metric)
    known = measured(history, goal, rows, fits=True)
    yield "diagnosis", {"few": len(known.rows) if len(known.rows) < 4 or not len(history.space) else -1}
    zh: dict[str, Any] = {}
    yield "importance", _spoken({"troubles": diagnose_study(history)}, zh)
    if len(known.rows) < 4 or not len(history.space):
        yield "", _spoken({"findings": findings(history, metric=goal)}, zh)
        return
    share: Any = importance(history, goal, method=method, rows=rows)  # type: ignore[arg-type]
    yield "model", _spoken({"importance": share}, zh)
    model = model_of(history, goal, rows)
    yield "effects", {}
    seen = effects(history, goal, model=model)
    yield "surface", _spoken({"effects": seen, "findings": findings(history, goal, seen=seen)}, zh)
    found: dict[str, Any] = {"surface": None}
    for pair in _pairs(history, x, y, [each.name for each in share.parameters]):
        try:
            found = {"surface": surface(history, *pair, goal, model=model)}
            break
        except (
            SettingError
        ) as error:  # never active together: the page says so in the panel, where no pair is
            found.setdefault("refusal", str(error))
    yield "", found


def _spoken(found: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    """A part with its sentences in Chinese beside those in English, all that were said before included; the page chooses."""
    for name in ("findings", "troubles"):
        if name in found:
            said[name] = [spoken(each, "zh") for each in found[name]]
    for name in ("importance", "effects"):
        if found.get(name) is not None:
            said[name] = spoken(found[name], "zh").notice
    return {**found, "zh": dict(said)}


def table(
    history: History,
    terms: Mapping[str, str],
    *,
    sort: str = "trial",
    descending: bool = False,
    first: int = 0,
    count: int = PAGE,
    rows: Numbers | None = None,
) -> dict[str, Any]:
    """A part of the table of trials, of ``rows`` alone where they are given.

    Raises:
        SettingError: as ``view``, and for a column that there is not.
    """
    rows = select(history, terms) if rows is None else rows
    order = _order(history, rows, sort, descending=descending)
    first, count = max(0, first), max(0, count)
    shown, several = [], len(history.definition.programs.by_code) > 1
    newest = history.definition.programs.newest.code if history.definition.programs.newest is not None else ""
    for number in order[first : first + count].tolist():
        row = history.rows[number]
        metrics = row.metrics or history.incumbents.counted(number)
        shown.append({
            "trial": number, "status": row.status, "params": row.params(), "metrics": metrics,
            "steps": history.reports.reached(number), "seconds": row.seconds + row.attempt_seconds,
            "reason": row.reason, "source": row.asked.source, "aside": row.aside,
            "cause": "" if row.cause is None else row.cause.value, "ended": row.ended_at, "tags": row.tags, "notes": len(row.notes),
            **({"code": row.code, "other": row.code != newest} if several else {}),
            **({"configuration": history.trials.groups.members.head(number), "context": row.asked.context} if history.trials.groups else {}),
        })  # fmt: skip
    return {
        "total": len(rows),
        "first": first,
        "rows": shown,
        "columns": list(history.space.names),
        "metrics": list(history.goal.names),
    }


def detail(history: History, number: int) -> dict[str, Any]:
    """One trial: everything about it, beside the best.

    Raises:
        TrialMissing: when there is no such trial.
    """
    trial = history.trials[number]
    best = None if history.incumbents.best is None else history.trials.configuration(history.incumbents.best)
    fields = {name: value for name, value in plain(trial).items() if name not in {"unit", "losses"}}
    fields["taken"] = history.reports.taken(number)
    trouble = diagnose_curves(history, number)
    return {
        "trial": fields,
        "best": None
        if best is None
        else {"number": best.number, "params": best.params, "metrics": best.metrics, "curve": best.curve},
        "rank": _rank(history, number),
        "trouble": trouble,
        "zh": {"trouble": spoken(trouble, "zh")},
        "events": _events(history, number),
    }


def _moves(moved: ev.Moved) -> str:
    values = ", ".join(f"{name} = {value}" for name, value in ev.unpack_params(moved.params).items())
    return f"{values} ({moved.reason})" if moved.reason else values


def _events(history: History, number: int) -> list[dict[str, Any]]:
    """The stations of a trial's life that its row keeps, each with its reason."""
    row = history.rows[number]
    at = row.asked.at
    before = bisect.bisect_right(history.decisions.log, at, key=lambda each: each[0]) - 1
    found = [
        {"at": at, "what": "asked", "why": row.asked.reason or row.asked.source, "who": row.asked.worker}
    ]
    if before >= 0:
        found[0]["then"] = history.decisions.log[before][1]
    if row.donor >= 0:
        found.append({"at": None, "what": "copied", "why": f"from trial {row.donor}", "who": ""})
    if row.attempt > 1:
        found.append(
            {
                "at": None,
                "what": "resumed",
                "why": row.why,
                "who": row.worker,
                "attempt": row.attempt,
                "deaths": row.deaths,
            }
        )
    found += [
        {"at": None, "what": "changed", "why": f"from step {step}", "who": ""}
        for step, _ in (row.schedule or [])[1:]
    ]
    found += [
        {
            "at": each.at,
            "what": "changed",
            "why": f"after step {each.step}: {_moves(each)}",
            "who": row.worker,
        }
        for each in row.moved or ()
    ]
    if number in history.decisions.pruned:
        found.append({"at": None, "what": "steered", "why": history.decisions.pruned[number], "who": ""})
    if row.status is not Status.RUNNING:
        cause = f" ({row.cause.value})" if row.cause else ""
        found.append(
            {
                "at": row.ended_at,
                "what": row.status.name.lower(),
                "why": f"{row.reason}{cause}".strip(),
                "who": row.worker,
            }
        )
    return found


def _rank(history: History, number: int) -> int | None:
    """The place of a trial among all with a value, the best being 1."""
    losses = history.columns.losses[:, 0]
    own = losses[number]
    return None if not np.isfinite(own) else int((losses < own).sum()) + 1


def _goal(history: History, metric: str | None) -> str | None:
    """The metric as one of the goal's; None when it is another that was reported, which only curves show."""
    return metric if metric in {each.name for each in history.goal.metrics} else None


def _pairs(history: History, x: str, y: str, ranked: list[str]) -> list[tuple[str, str]]:
    """The pairs of parameters whose surface may be shown, the wanted one alone, else the most important first."""
    names = [name for name in (x, y) if name in history.space.names]
    if len(names) == 2:
        return [(names[0], names[1])] if x != y else []
    names += [name for name in ranked if name not in names]
    if x in names:
        return [(x, other) for other in names if other != x][:FIRST_PAIRS]
    return [(one, other) for at, other in enumerate(names) for one in names[:at]][:FIRST_PAIRS]


def _order(history: History, rows: Numbers, sort: str, *, descending: bool) -> Numbers:
    searched, measured_, _ = headings(history.space.names, history.goal.names)
    names, goals = list(searched.values()), list(measured_.values())
    if sort == "trial":
        key = rows.astype(float)
    elif sort in names:
        at = names.index(sort)
        key = np.where(
            history.columns.active[rows, at] & history.columns.fits[rows],
            history.columns.units[rows, at],
            np.nan,
        )
    elif sort in goals:
        column = goals.index(sort)
        key = history.goal.metrics[column].value(history.columns.losses[rows, column])
    elif sort == "reason":
        texts = [history.rows[row].reason for row in rows.tolist()]
        ranks = {text: float(rank) for rank, text in enumerate(sorted(set(texts) - {""}))}
        key = np.array([ranks.get(text, np.nan) for text in texts])
    elif sort == "status":
        key = history.columns.statuses[rows].astype(float)
    elif sort == "code":
        places = {
            code: float(place) for place, code in enumerate(dict.fromkeys(row.code for row in history.rows))
        }
        key = np.array([places[history.rows[row].code] for row in rows])
    elif sort == "tags":
        known = sorted({row.tags for row in history.rows} - {()})
        key = np.array(
            [
                known.index(history.rows[row].tags) if history.rows[row].tags else np.nan
                for row in rows.tolist()
            ],
            float,
        )
    elif sort == "configuration":
        key = np.array([float(history.trials.groups.members.head(row)) for row in rows.tolist()])
    elif sort == "steps":
        key = np.array([float(history.reports.reached(number)) for number in rows.tolist()])
    elif sort == "seconds":
        key = np.array([history.rows[row].seconds + history.rows[row].attempt_seconds for row in rows])
    else:
        raise SettingError(f"the table has no column {sort!r} to sort by.")
    key = np.where(
        np.isnan(key), np.inf, -key if descending else key
    )  # what is not known comes last, either way
    return rows[np.argsort(key, kind="stable")]
