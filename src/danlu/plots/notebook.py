"""How a study and a trial look in a notebook."""

from __future__ import annotations

import base64
import html
import io
from collections import Counter
from typing import Any

from ..analysis.pace import duration
from ..errors import DanluError
from ..journal.history import History
from ..journal.trial import Trial
from .plot import plot


def study_html(name: str, history: History) -> str:
    """A study: how its trials stand, the best, and two figures where matplotlib is installed."""
    states = Counter(row.status.name.lower() for row in history.rows)
    told = ", ".join(f"{count} {state}" for state, count in states.items()) or "no trials"
    parts = [f"<div><b>{html.escape(name)}</b>: {told}</div>"]
    front = history.incumbents.front
    if len(history.goal.metrics) > 1 and front:
        parts.append(
            f"<div>front: {len(front)} {'trial' if len(front) == 1 else 'trials'} that none beats in all goals</div>"
        )
        parts += [
            _table(
                {
                    f"trial {each}": _named(history.trials.configuration(each).metrics)
                    for each in sorted(front)[:10]
                }
            )
        ]
    elif history.incumbents.best is not None:
        best = history.trials.configuration(history.incumbents.best)
        parts += [f"<div>best: trial {best.number}</div>", _table({**best.metrics, **best.params})]
    kinds = [
        kind
        for kind, there in (("history", bool(history.incumbents.front)), ("curves", len(history.reports) > 0))
        if there
    ]
    return "".join([*parts, *(_image(history, kind) for kind in kinds)])


def trial_html(trial: Trial) -> str:
    """A trial: how it stands, its metrics, its parameters, and its first metric as a small curve.

    Example:
        >>> import danlu
        >>> page = trial_html(danlu.tune(lambda t: t["x"], {"x": danlu.Float(0, 1)}, trials=1).best)
        >>> "trial 0" in page and "<table>" in page
        True
    """
    why = html.escape(trial.reason or trial.why)
    head = f"<div><b>trial {trial.number}</b>: {trial.status.name.lower()}{f' ({why})' if why else ''}, {duration(trial.seconds)}</div>"
    return head + _table({**trial.metrics, **trial.params}) + _curve(trial)


def _table(values: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td>{html.escape(name)}</td><td>{html.escape(_shown(value))}</td></tr>"
        for name, value in values.items()
    )
    return f"<table>{rows}</table>"


def _named(values: dict[str, float]) -> str:
    return ", ".join(f"{name} = {_shown(value)}" for name, value in values.items())


def _shown(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _curve(trial: Trial, width: int = 260, height: int = 60) -> str:
    """The first metric's curve as a small drawing."""
    for name, values in trial.curve.metrics.items():
        points = [
            (step, value)
            for step, value in zip(trial.curve.steps, values, strict=True)
            if abs(value) < float("inf")
        ]
        if len(points) < 2:
            continue
        steps, shown = zip(*points, strict=True)
        low, span = min(shown), (max(shown) - min(shown)) or 1.0
        first, length = steps[0], (steps[-1] - steps[0]) or 1
        path = " ".join(
            f"{(step - first) / length * width:.1f},{height - (value - low) / span * (height - 6) - 3:.1f}"
            for step, value in points
        )
        line = f'<polyline points="{path}" fill="none" stroke="#0072B2" stroke-width="1.5"/>'
        return f'<div>{html.escape(name)}</div><svg width="{width}" height="{height}" role="img" aria-label="{html.escape(name)} by step">{line}</svg>'
    return ""


def _image(history: History, kind: str) -> str:
    """A figure as a picture in the page; '' where matplotlib is missing."""
    try:
        axes = plot(history, kind)
    except DanluError:
        return ""
    from matplotlib import pyplot as plt

    buffer = io.BytesIO()
    axes.figure.savefig(buffer, format="png", dpi=90)
    plt.close(axes.figure)
    data = base64.b64encode(buffer.getvalue()).decode()
    return f'<img alt="{kind}" src="data:image/png;base64,{data}"/>'
