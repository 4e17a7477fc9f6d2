"""``danlu diagnose``, ``danlu compare``, ``danlu plot``: what a study has taught, on one page, beside others, as a picture."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..base.plain import as_json
from .echo import echo, echo_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..analysis.diagnosis import Trouble
    from ..journal.history import History

FIGURES = (
    "history",
    "curves",
    "parallel",
    "slices",
    "effects",
    "importance",
    "contour",
    "surface",
    "front",
    "timeline",
    "regret",
    "rank",
    "edf",
)


@click.command()
@click.argument("store")
@click.argument("name", required=False)
@click.option("--trial", type=int, help="What the curves of one trial say.")
@click.option("--json", "json_", is_flag=True, help="Machine-readable output.")
def diagnose(store: str, name: str | None, trial: int | None, json_: bool) -> None:
    """Study NAME of STORE on one page: what mattered, what to widen or fix, what its best trials suffer from."""
    from .show import load_one

    result = load_one(store, name)
    if trial is not None:
        trouble = result.analysis.diagnose(trial)
        if json_:
            echo_json(as_json(trouble))
        else:
            echo(f"{trouble}\n{trouble.reason}".rstrip())
        return
    page = result.analysis.summary()
    if json_:
        echo_json(as_json(page))
        return
    echo(str(page))
    for line in _grouped(page.troubles):
        echo(f"  {line}")


def _grouped(troubles: Sequence[Trouble]) -> list[str]:
    """What the curves of the best say, a trouble once: its first trial in full, the others by their numbers."""
    found: dict[str, list[Trouble]] = {}
    for each in troubles:
        found.setdefault(each.trouble, []).append(each)
    lines = []
    for first, *others in found.values():
        numbers = ", ".join(str(each.trial) for each in others)
        also = f" Likewise {'trial' if len(others) == 1 else 'trials'} {numbers}." if others else ""
        lines.append(f"{first}{also}")
    return lines


@click.command()
@click.argument("stores", nargs=-1, required=True)
@click.option("--metric", help="Of the goal; its first by default.")
@click.option(
    "--trials",
    type=click.IntRange(min=1),
    help="Compare after N trials; by default as many as the shortest study has.",
)
@click.option(
    "-o", "--output", type=click.Path(dir_okay=False), help="Draw it into this file (png, svg, pdf)."
)
@click.option("--json", "json_", is_flag=True, help="Machine-readable output.")
def compare(
    stores: tuple[str, ...], metric: str | None, trials: int | None, output: str | None, json_: bool
) -> None:
    """Which way of searching did better, and whether that could be chance.

    With several STORES each is a group, and its studies are its runs. In one store, studies whose names differ in a number at
    their end alone (gp-1, gp-2) are a group.
    """
    from ..analysis.compare import compare as compared

    found = compared(_groups(stores), metric, trials=trials)
    if output is not None:
        _draw(output, found)
    if json_:
        echo_json(as_json(found))
        return
    better = "larger" if found.maximize else "smaller"
    echo(f"best {found.metric} after {found.trials} trials ({better} is better)")
    for group in found.groups:
        echo(
            f"{group.median:12.6g}  [{group.low:.6g} to {group.high:.6g}]  {group.name}, {len(group.best)} studies"
        )
    for pair in found.pairs:
        one, other = pair.names
        p = f", p = {pair.p:.3g} ({pair.test})" if pair.test else ""
        echo(f"{one} does better than {other} with probability {pair.better:.2f}{p}")
    if found.notice:
        echo(found.notice)


@click.command()
@click.argument("store")
@click.argument("kind", type=click.Choice(FIGURES), metavar="KIND")
@click.argument("name", required=False)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    help="File to write: png, svg, pdf [default: KIND.png].",
)
@click.option("--metric", help="Of the goal; for curves, any that was reported.")
@click.option(
    "--x",
    help="For contour and surface the first parameter; for curves step, seconds, cost or a reported metric.",
)
@click.option("--y", help="For contour and surface the second parameter.")
@click.option(
    "--method",
    metavar="METHOD",
    help="For importance: fanova, permutation or ped-anova [default: as on the page].",
)
@click.option("--json", "json_", is_flag=True, help="The arrays behind the figure instead of a file.")
def plot(
    store: str, kind: str, name: str | None, output: str | None, json_: bool, **settings: str | None
) -> None:
    """Draw figure KIND of study NAME of STORE.

    KIND is history, curves, parallel, slices, effects, importance, contour, surface, front, timeline, regret, rank or edf.
    """
    from ..plots.plot import arrays as arrays_of
    from .show import load_one

    result = load_one(store, name)
    given = {setting: value for setting, value in settings.items() if value is not None}
    if json_:
        echo_json(as_json(arrays_of(result.history, kind, **given)))
        return
    import numpy as np

    figure: Any = kind
    axes = _quietly(lambda: result.plot(figure, **given))
    path = output or f"{kind}.png"
    np.atleast_1d(axes)[0].figure.savefig(path, dpi=150)
    echo(f"{kind} of {result.study.name!r} drawn into {path}")


def _groups(stores: tuple[str, ...]) -> dict[str, list[History]]:
    from .show import existing, load

    found: dict[str, list[History]] = {}
    for store in stores:
        for name in existing(store).studies():
            group = re.sub(r"[-_. ]?\d+$", "", name) or name if len(stores) == 1 else _stem(store)
            found.setdefault(group, []).append(load(store, name).history)
    return found


def _stem(store: str) -> str:
    return Path(store.rpartition("/")[2] if "://" in store else store).stem


def _draw(path: str, found: Any) -> None:
    def drawn() -> Any:
        from ..plots.plot import axes_of
        from ..plots.trials import draw_comparison

        axes = axes_of((6, 3.6))
        draw_comparison(found, axes)
        return axes

    _quietly(drawn).figure.savefig(path, dpi=150)


def _quietly(draw: Any) -> Any:
    """Draw without a screen."""
    import os

    os.environ.setdefault("MPLBACKEND", "agg")
    return draw()
