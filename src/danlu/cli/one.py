"""One trial as a person reads it: how it went, with what, when, and what it reported; dates and durations as such."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from ..analysis.pace import duration
from ..journal.events import Status
from ..journal.history import History
from ..journal.trial import Trial
from .board import sparkline
from .echo import drawn
from .listing import cell


def lines_of(history: History, trial: Trial, encoding: str | None = None) -> Iterator[str]:
    """A trial in lines; what says nothing of it is left out.

    Args:
        history: of its study.
        trial: of it.
        encoding: of the terminal, which may have no bars for curves.

    Example:
        >>> import danlu
        >>> result = danlu.tune(lambda t: t["x"], {"x": danlu.Float(0, 1)}, trials=3, sampler="quasirandom", seed=0)
        >>> lines = list(lines_of(result.history, result.trials[result.best.number]))
        >>> lines[0].endswith(": done, the best of 3"), "parameters" in lines
        (True, True)
    """
    place = _place(history, trial)
    yield f"trial {trial.number}: {trial.status.name.lower()}{f', {place}' if place else ''}"
    if trial.aside:
        yield f"set aside, it counts for nothing: {trial.aside}"
    if trial.reason or trial.cause:
        cause = f" ({trial.cause.value})" if trial.cause else ""
        yield f"reason: {trial.reason or 'none was given'}{cause}"
    yield from _section("metrics", trial.metrics)
    if trial.violation > 0:
        yield f"  beyond the limits by {trial.violation:.6g} in all"
    yield from _section("parameters", trial.params)
    yield from _section("context", trial.context)
    yield from _when(trial)
    yield from _curves(trial, encoding)
    if trial.checkpoints:
        steps = ", ".join(str(kept.step) for kept in trial.checkpoints)
        yield f"checkpoints: at {'step' if len(trial.checkpoints) == 1 else 'steps'} {steps}"
    for step, params in trial.schedule[1:]:
        yield f"changed after step {step}: {', '.join(f'{name} = {cell(value)}' for name, value in params.items())}"
    yield from _section("facts", trial.facts)
    yield from ["notes", *(f"  {each}" for each in trial.notes)] if trial.notes else []
    if trial.files:
        yield from [
            "files",
            *(f"  {each.name}, {sized(each.size)}, {moment(each.at)}" for each in trial.files),
        ]
    if trial.tags:
        yield f"tags: {', '.join(trial.tags)}"
    if trial.code:
        yield f"program: {trial.code}"


def _section(title: str, values: dict[str, Any]) -> Iterator[str]:
    if values:
        yield title
        yield from (f"  {name} = {cell(value)}" for name, value in values.items())


def sized(count: int) -> str:
    """Bytes as a person reads them.

    Example:
        >>> sized(900), sized(2048), sized(5 << 20)
        ('900 bytes', '2.0 KiB', '5.0 MiB')
    """
    if count < 2**10:
        return f"{count} bytes"
    return f"{count / 2**10:.1f} KiB" if count < 2**20 else f"{count / 2**20:.1f} MiB"


def _place(history: History, trial: Trial) -> str:
    """Where it stands among all with a value."""
    if len(history.goal.metrics) > 1:
        return "on the front" if trial.number in history.incumbents.front else ""
    losses = [row.losses[0] for row in history.rows if row.losses is not None and not row.aside]
    row = history.rows[trial.number]
    if row.losses is None or row.aside:
        return ""
    rank = 1 + sum(loss < row.losses[0] for loss in losses)
    best = history.incumbents.best == trial.number
    return f"the best of {len(losses)}" if best else f"rank {rank} of {len(losses)}"


def moment(at: float) -> str:
    """A time in Unix seconds as a date in the reader's own zone.

    Example:
        >>> len(moment(1_795_740_000.0))
        19
    """
    return datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _when(trial: Trial) -> Iterator[str]:
    why = f": {trial.why}" if trial.why else ""
    yield (
        f"asked: {moment(trial.asked_at)} by the {trial.source}{why}"
        if trial.source == "sampler"
        else (f"asked: {moment(trial.asked_at)}, {trial.source}{why}")
    )
    if trial.donor >= 0:
        yield f"copied from trial {trial.donor}"
    attempts = f" in {trial.attempt} attempts" if trial.attempt > 1 else ""
    deaths = (
        f", its worker died {trial.deaths} {'time' if trial.deaths == 1 else 'times'}" if trial.deaths else ""
    )
    ran = f"ran for {duration(trial.seconds)}{attempts}{deaths}"
    over = trial.status >= Status.DONE and trial.ended_at is not None
    yield f"ended: {moment(trial.ended_at)}, {ran}" if over and trial.ended_at is not None else ran
    if abs(trial.cost - trial.seconds) > 1e-9 * max(1.0, abs(trial.seconds)):
        yield f"cost: {trial.cost:.6g}"


def _curves(trial: Trial, encoding: str | None) -> Iterator[str]:
    if not len(trial.curve):
        return
    steps = trial.curve.steps
    yield (
        f"reports: {len(steps)}, of steps {steps[0]} to {steps[-1]}"
        if len(steps) > 1
        else f"reports: 1, of step {steps[0]}"
    )
    wide = max(len(name) for name in trial.curve.metrics)
    for name, values in trial.curve.metrics.items():
        bars = drawn(sparkline(values), encoding)
        yield f"  {name.ljust(wide)}  {bars}  {values[0]:.4g} to {values[-1]:.4g}"
