"""Without ``--metric``: run the program once, show every series of numbers that it tells, and have one chosen.

What was trained is not lost: the run becomes the study's first trial, where it is what that would have been.
"""

from __future__ import annotations

import atexit
import contextlib
import secrets
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import click

from ..base.failure import at_terminal
from ..errors import ObjectiveError
from ..programs.command import Command
from ..programs.rehearsed import RehearsedRun, kept
from ..programs.series.recognize import series_of
from ..programs.series.record import Recorder, RunRecord
from ..programs.series.rehearsal import Rehearsal, rehearse
from ..programs.series.series import NumberSeries
from ..space.space import Space
from ..study.opening import open_store
from .echo import echo

SHOWN = 20
"""How many series are shown."""


class ChosenMetrics(NamedTuple):
    """Metrics as they are asked for, which way they go, where that was asked for, and the run that told them, where it is a first trial."""

    metrics: tuple[str, ...]
    minimize: tuple[str, ...]
    maximize: tuple[str, ...]
    rehearsed: RehearsedRun | None = None


def recognized(
    make: Callable[[Recorder], Command],
    space: Mapping[str, Any],
    options: Mapping[str, Any],
    contexts: Sequence[Mapping[str, Any]],
) -> ChosenMetrics:
    """What is optimized, from a run of the program with its defaults.

    Args:
        make: the objective, by what it is read by.
        space: of its parameters.
        options: of ``danlu run``.
        contexts: that each configuration is evaluated in.

    Raises:
        UsageError: with the option to give, where nobody can be asked.
        ObjectiveError: when the program fails, or tells no number.
    """
    recorder = Recorder()
    run = make(recorder)
    searched = Space(dict(space))
    params = searched.decode(searched.center())
    context = contexts[0] if contexts else {}
    values = ", ".join(f"{name}={value}" for name, value in params.items())
    other = _other(options)
    counts = f"This is a rehearsal and no trial, as {other}" if other else "It becomes the first trial"
    echo(
        f"{run.program.target} is run once with {values}, to see what it tells. {counts}: --metric saves it, and Ctrl-C ends it with what "
        "there is.",
        err=True,
    )
    seed = secrets.randbits(32) if options["seed"] is None else int(options["seed"])
    folder = Path(tempfile.mkdtemp(prefix="danlu-rehearsal-"))
    atexit.register(
        shutil.rmtree, folder, ignore_errors=True
    )  # its files are a trial's until this command ends
    with contextlib.redirect_stdout(sys.stderr):
        rehearsal = rehearse(run, recorder, params, folder, context, seed)
        found = series_of(rehearsal.record)
    if not found:
        raise ObjectiveError(_nothing(run.program.target, rehearsal.record))
    known = found[:SHOWN]
    count = f"the {SHOWN} likeliest of {len(found)} series" if len(found) > SHOWN else "these series"
    echo(
        f"{'until it was interrupted ' if rehearsal.interrupted else ''}it told {count} of numbers:", err=True
    )
    for at, each in enumerate(known, 1):
        echo(f"{at:3}  {shown(each)}", err=True)
    chosen = _chosen(known, found, options)
    cut = _cut(rehearsal, options)
    if not other and cut:
        echo(f"the rehearsal is no trial: {cut}.", err=True)
    if other or cut:
        return chosen
    return chosen._replace(rehearsed=kept(rehearsal, params, context, seed))


def first_trial(what: Any, store: str | None, name: str) -> RehearsedRun | None:
    """The rehearsal that is to be the first trial of a study; None where there is none, or the study has begun, which is said."""
    first = what.rehearsed if isinstance(what, Command) else None
    if first is None or store is None:
        return first
    with contextlib.closing(open_store(store)) as opened:
        begun = name in opened.studies()
    if begun:
        echo(f"the rehearsal is no trial: the study {name!r} has begun already.", err=True)
    return None if begun else first


def say_unused(first: RehearsedRun | None) -> None:
    """Say of a rehearsal that it did not become the first trial after all."""
    if first is not None and first.there:
        echo(
            "the rehearsal did not become a trial: the study's first one had other values, or another worker has run it.",
            err=True,
        )


def _other(options: Mapping[str, Any]) -> str:
    """Why a rehearsal is not what a trial would be; '' where it is."""
    if not (options["minimize"] or options["maximize"] or _can_ask()):
        return "nobody is here to be asked which number is optimized"
    if options["gpus"]:
        return f"trials see the GPUs that --gpus {options['gpus']} deals out, and it sees all"
    if options["trial_memory"]:
        return "nobody watches its memory as --trial-memory says"
    if options["engine"] == "ray":
        return "it runs here, and trials where Ray runs them"
    return ""


def _cut(rehearsal: Rehearsal, options: Mapping[str, Any]) -> str:
    """Why a rehearsal that has ended is no whole trial; '' where it is one."""
    limit = options["trial_time"]
    if rehearsal.interrupted:
        return "it was interrupted"
    if limit is not None and rehearsal.seconds > limit:
        return f"it took {rehearsal.seconds:.1f} s, and --trial-time ends a trial after {limit:g} s"
    if not rehearsal.record.whole:
        return f"it printed more than the {len(rehearsal.record.lines)} lines that are kept of it"
    return ""


def _can_ask() -> bool:
    return at_terminal() and sys.stdin is not None and sys.stdin.isatty()


def shown(series: NumberSeries) -> str:
    """A series in one line.

    Example:
        >>> shown(NumberSeries("val loss", "val_loss", "output", "its 'epoch'", 4, 1.0, 0.25, "minimize", "less of 'loss' is better"))
        "--metric 'val loss': 4 steps (its 'epoch'), 1 to 0.25, minimized: less of 'loss' is better"
    """
    steps = f"{series.steps} step{'s' if series.steps != 1 else ''} ({series.step or 'counted'})"
    values = f"{series.first:g} to {series.last:g}" if series.steps > 1 else f"{series.last:g}"
    way = f"{series.way}d: {series.why}" if series.way else f"direction unknown: {series.why}"
    doubts = "".join(f"; {doubt}" for doubt in series.doubts)
    return f"--metric {shlex.quote(series.spec)}: {steps}, {values}, {way}{doubts}"


def _chosen(
    known: Sequence[NumberSeries], found: Sequence[NumberSeries], options: Mapping[str, Any]
) -> ChosenMetrics:
    small, large = tuple(options["minimize"]), tuple(options["maximize"])
    if small or large:
        return ChosenMetrics(tuple(_named(name, found).spec for name in (*small, *large)), small, large)
    if not _can_ask():
        best = known[0]
        way = "" if best.way else f" and --minimize {best.name} or --maximize {best.name}"
        raise click.UsageError(f"say which is optimized, as by --metric {shlex.quote(best.spec)}{way}.")
    at = click.prompt("Which one is optimized", type=click.IntRange(1, len(known)), default=1, err=True)
    series = known[at - 1]
    echo(f"--metric {shlex.quote(series.spec)} says so the next time.", err=True)
    if series.way is not None:
        return ChosenMetrics((series.spec,), (), ())
    way = click.prompt(
        f"Is {series.name} minimized or maximized", type=click.Choice(["minimize", "maximize"]), err=True
    )
    return ChosenMetrics(
        (series.spec,), *(((series.name,), ()) if way == "minimize" else ((), (series.name,)))
    )


def _named(name: str, found: Sequence[NumberSeries]) -> NumberSeries:
    """The series of a name.

    Raises:
        UsageError: for a name that none has, or several have.
    """
    own = [series for series in found if series.name == name]
    if not own:
        names = ", ".join(dict.fromkeys(series.name for series in found))
        raise click.UsageError(f"the program tells no number named {name!r}. It tells: {names}.")
    stepped = [series for series in own if series.step]
    if len(stepped) == 1 and len({(series.steps, series.first, series.last) for series in own}) == 1:
        echo(
            f"{name} is read by --metric {shlex.quote(stepped[0].spec)}, which says its step; others told the same.",
            err=True,
        )
        return stepped[0]
    if len(own) > 1:
        ways = " or ".join(f"--metric {shlex.quote(series.spec)}" for series in own)
        raise click.UsageError(f"the program tells {name} in several places. Say which is meant: {ways}.")
    return own[0]


def _nothing(program: str, record: RunRecord) -> str:
    """That a program tells nothing, with the remedy."""
    last = next((line.text.strip() for line in reversed(record.lines) if line.text.strip()), "")
    said = f"it printed {last[:200]!r} last" if last else "it printed nothing"
    files = ", ".join(str(path) for path in list(record.written().values())[:5])
    return (
        f"{program} tells no number that danlu can read: {said}, and wrote {files or 'no file that may hold any'}. Have it print a line after "
        "each epoch, epoch=1 val_loss=0.25, or name the file that holds the number at the end: --metric file:PATH."
    )
