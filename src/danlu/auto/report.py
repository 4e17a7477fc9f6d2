"""How a model was found, as one HTML file: the data, the columns with their reasons, the candidates, the ensemble, the test.

It has neither scripts nor addresses, so it opens anywhere; its colors and panels are those of the page's own report.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

from .summary import Explained, judged

STYLE = """
:root { --paper: #ffffff; --back: #f4f5f7; --text: #1c2128; --dim: #59636e; --line: #d9dee4; --accent: #0b62a8; --bad: #a83a00; --good: #006b4f;
  --done: #0072b2; --best: #c23b00; color-scheme: light dark; font: 14px/1.45 system-ui, "Noto Sans CJK SC", "PingFang SC", sans-serif; }
@media (prefers-color-scheme: dark) { :root { --paper: #171b21; --back: #0e1116; --text: #e6eaef; --dim: #9aa5b1; --line: #323942; --accent: #6cb6f0;
  --bad: #ff9a5c; --good: #4fd1a5; --done: #2f94d4; --best: #ff8a4a; } }
* { box-sizing: border-box; } body { margin: 0; background: var(--back); color: var(--text); }
main { padding: .8rem 1rem 3rem; max-width: 1100px; margin: 0 auto; display: grid; gap: .7rem; }
h1 { font-size: 1.25rem; margin: 0; overflow-wrap: anywhere; } h2 { font-size: .95rem; margin: 0 0 .3rem; }
section { background: var(--paper); border: 1px solid var(--line); border-radius: 8px; padding: .5rem .7rem; min-width: 0; overflow-x: auto; }
.bad { border-color: var(--bad); } .bad h2, td.bad, li.bad { color: var(--bad); } .dim, small { color: var(--dim); }
table { border-collapse: collapse; width: 100%; } th { text-align: left; color: var(--dim); font-weight: 400; } td, th { padding: .15rem .6rem .15rem 0; vertical-align: top;
  border-bottom: 1px solid var(--line); overflow-wrap: anywhere; } td.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
p, ul { margin: .2rem 0; } svg { max-width: 100%; height: auto; } svg text { fill: var(--dim); font-size: 11px; } .bar { fill: var(--done); } .own { fill: var(--best); }
.axis { stroke: var(--line); } .mark { stroke: var(--best); stroke-width: 2; } code { font-family: ui-monospace, monospace; }
"""


def page(model: Explained) -> str:
    """The report of a model, a whole document."""
    story = model.story
    title = f"{model.target.name} \u2014 {story.get('source') or story['name']}"
    parts = [
        f"<h1>{_t(title)}</h1>",
        _section("What was found", _list(judged(model))),
        _section("The target is given away", _list(story["leaks"]), bad=True) if story["leaks"] else "",
        _section("The test", _tested(model)),
        _section("Calibration", _calibration(model)) if (story["test"] or {}).get("reliability") else "",
        _section("The data", _data(model)),
        _section("The columns, and what each was taken for", _columns(model)),
        _section("The candidates", _candidates(story)),
        _section("What mattered", _mattered(story)),
        _section("The ensemble", _ensemble(story)),
    ]
    body = "\n".join(part for part in parts if part)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>{_t(title)}</title><style>{STYLE}</style></head><body><main>{body}</main></body></html>\n"
    )


def _t(value: Any) -> str:
    return escape(str(value))


def _n(value: Any) -> str:
    return "\u2014" if value is None else f"{value:.4g}" if isinstance(value, float) else _t(value)


def _section(head: str, body: str, *, bad: bool = False) -> str:
    return f"<section{' class=bad' if bad else ''}><h2>{_t(head)}</h2>{body}</section>"


def _list(lines: Sequence[str]) -> str:
    return "".join(f"<p>{_t(line)}</p>" for line in lines)


def _rows(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    def cell(value: Any) -> str:
        return (
            f'<td class="n">{_n(value)}</td>' if isinstance(value, int | float) else f"<td>{_n(value)}</td>"
        )

    top = "".join(f"<th>{_t(each)}</th>" for each in head)
    body = "".join("<tr>" + "".join(map(cell, row)) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _data(model: Explained) -> str:
    story = model.story
    counts = ", ".join(f"{name}: {_n(value)}" for name, value in list(story["counts"].items())[:20])
    used = sum(column.used for column in model.columns)
    lines = [
        f"{story['rows']} rows with a target, {len(model.columns)} columns beside it, of which {used} are used.",
        f"The target {model.target.name!r} is {model.target.task}: {model.target.reason}. {counts}.",
        f"{story['parts']}.", *(f"{note}." for note in story["notes"]),
    ]  # fmt: skip
    return _list(lines)


def _columns(model: Explained) -> str:
    rows = [
        (column.name, column.kind, column.reason, column.values or None) for column in model.columns[:500]
    ]
    more = f"<p class=dim>and {len(model.columns) - 500} more</p>" if len(model.columns) > 500 else ""
    return _rows(("column", "taken for", "because", "values"), rows) + more


def _candidates(story: Any) -> str:
    rows = [
        (each["trial"], each["model"], each["value"], each["spread"], each["folds"], each["seconds"],
         ", ".join(f"{name} = {_plain(value)}" for name, value in each["params"].items()), "" if each["whole"] else each["why"])
        for each in story["candidates"][:60]
    ]  # fmt: skip
    told = f"<p class=dim>{len(story['candidates'])} configurations; those that would hardly have become the best were given up after their first folds.</p>"
    return told + _rows(("trial", "model", story["metric"], "+-", "folds", "seconds", "parameters", "given up or failed"), rows)  # fmt: skip


def _plain(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _mattered(story: Any) -> str:
    columns = [(each["column"], max(0.0, each["rise"])) for each in story["ensemble"]["importance"][:15]]
    found = "<p class=dim>By how much the loss rises when a column is shuffled, in rows that the model had not seen:</p>" + _bars(columns)  # fmt: skip
    if not story["ensemble"]["mattered"]:
        return (
            found
            + f"<p class=dim>Which hyperparameters mattered: {_t(story['ensemble']['mattered_not'])}</p>"
        )
    shares = [
        (each["name"].removeprefix("model."), float(each["share"]))
        for each in story["ensemble"]["mattered"]["parameters"][:10]
    ]
    notice = story["ensemble"]["mattered"].get("notice") or ""
    return (
        found
        + f"<p class=dim>Hyperparameters, by their share of the variance. {_t(notice)}</p>"
        + _bars(shares)
    )


def _ensemble(story: Any) -> str:
    found = story["ensemble"]
    rows = [
        (f"{each['weight']:.0%}", each["model"], each["trial"], each["loss"]) for each in found["members"]
    ]
    told = (
        f"{found['configurations']} configurations predicted every row. On rows that neither models nor weights had seen: {story['metric']} {_n(found['honest'])}; "
        f"the best single configuration {_n(found['single'])}, the default {_n(found['default_value'])}."
    )
    return f"<p>{_t(told)}</p>" + _rows(("weight", "model", "trial", story["metric"]), rows)


def _bars(rows: Sequence[tuple[str, float]]) -> str:
    most = max((value for _, value in rows), default=0.0) or 1.0
    height = 18 * len(rows) + 4
    drawn = "".join(
        f'<text x="205" y="{18 * at + 14}" text-anchor="end">{_t(name[:32])}</text><rect class="bar" x="212" y="{18 * at + 4}" width="{max(1.0, 380 * value / most):.1f}" height="12"/>'
        f'<text x="{218 + max(1.0, 380 * value / most):.1f}" y="{18 * at + 14}">{value:.3g}</text>'
        for at, (name, value) in enumerate(rows)
    )
    return f'<svg viewBox="0 0 680 {height}" width="680" role="img">{drawn}</svg>'


def _tested(model: Explained) -> str:
    tested = model.story["test"]
    if not tested:
        return _list(["No test part was set aside."])
    marks = [("the model", tested["value"], tested["low"], tested["high"])]
    marks += [(words, tested[who], None, None) for who, words in (("single", "the best single one"), ("default", "the default")) if who in tested]  # fmt: skip
    held = [value for mark in marks for value in mark[1:] if value is not None and value == value]
    low, high = min(held), max(held)
    span = (high - low) or 1.0

    def x(value: float) -> float:
        return float(170 + 440 * (value - low) / span)

    drawn = ""
    for at, (words, value, left, right) in enumerate(marks):
        y = 22 * at + 14
        drawn += f'<text x="150" y="{y + 4}" text-anchor="end">{_t(words)}</text>'
        if left is not None and right is not None:
            drawn += f'<line class="mark" x1="{x(left):.1f}" x2="{x(right):.1f}" y1="{y}" y2="{y}"/>'
        drawn += f'<circle class="{"bar" if at else "own"}" cx="{x(value):.1f}" cy="{y}" r="4"/><text x="{x(value) + 8:.1f}" y="{y - 5}">{value:.4g}</text>'
    told = f"{model.story['metric']} on {tested['rows']} rows that were set aside before anything was looked at; the line is a 90 % interval."
    return (
        f'<p>{_t(told)}</p><svg viewBox="0 0 680 {22 * len(marks) + 10}" width="680" role="img">{drawn}</svg>'
    )


def _calibration(model: Explained) -> str:
    bins = model.story["test"]["reliability"]
    most = max(each["rows"] for each in bins)
    points = "".join(
        f'<circle class="bar" cx="{40 + 200 * each["said"]:.1f}" cy="{220 - 200 * each["true"]:.1f}" r="{2 + 6 * (each["rows"] / most) ** 0.5:.1f}"/>'
        for each in bins
    )
    axes = '<line class="axis" x1="40" y1="220" x2="240" y2="20"/><line class="axis" x1="40" y1="220" x2="240" y2="220"/><line class="axis" x1="40" y1="20" x2="40" y2="220"/>'
    words = '<text x="140" y="240" text-anchor="middle">said</text><text x="14" y="120">true</text>'
    told = "How often the most likely class is right, by the probability that was said (test part); on the line, probabilities mean what they say."
    return f'<p>{_t(told)}</p><svg viewBox="0 0 260 245" width="260" role="img">{axes}{words}{points}</svg>'
