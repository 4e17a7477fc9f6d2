"""``danlu show``: studies of a store, trials of a study."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from ..base.places import without_secrets
from ..base.plain import as_json
from ..errors import SettingError, StoreError
from ..journal.tags import ARCHIVED
from ..study.control import Control
from ..study.opening import existing_history
from ..study.result import Result
from ..study.said import user
from .echo import drawn, echo, echo_json
from .listing import Wanted, arranged, cell, listed, screen_of, show_lines


@click.command()
@click.argument("store")
@click.argument("name", required=False)
@click.option("--trial", type=int, help="Everything about one trial.")
@click.option("--raw", is_flag=True, help="With --trial: fields as they are kept, the unit point among them.")
@click.option(
    "--top", type=click.IntRange(min=1), help="The N best trials, of several goals the front first."
)
@click.option("--last", type=click.IntRange(min=1), help="The N newest trials.")
@click.option(
    "--sort",
    metavar="COLUMN",
    help="Sort by a column, a metric from good to bad; -COLUMN from large to small.",
)
@click.option("--columns", metavar="NAMES", help="Show these columns alone: lr,loss,seconds.")
@click.option(
    "--all",
    "whole",
    is_flag=True,
    help="Every trial [default: the newest 40, or as many as the screen has lines for], and in the list of studies the archived too.",
)
@click.option(
    "--importance",
    "method",
    is_flag=False,
    flag_value="",
    metavar="METHOD",
    help="Which parameters mattered; METHOD is fanova, permutation or ped-anova [default: as on the page].",
)
@click.option("--why", is_flag=True, help="What danlu decided by itself, and why.")
@click.option("--json", "json_", is_flag=True, help="Machine-readable output.")
def show(
    store: str,
    name: str | None,
    trial: int | None,
    why: bool,
    method: str | None,
    json_: bool,
    raw: bool,
    **wanted: Any,
) -> None:
    """List the studies of STORE, those of a campaign under it, or the trials of study NAME; of a campaign what it has judged.

    Exit code 1 when a study of the list is damaged.
    """
    opened = existing(store)
    names = opened.studies()
    if name is None and len(names) != 1:
        rows = _tree([_listed(opened, each) for each in names])
        if json_:
            echo_json(as_json(rows))
        else:
            shown = [row for row in rows if wanted["whole"] or ARCHIVED not in row.get("tags", ())]
            tagged = any("tags" in row for row in shown)
            echo(table([_indented(row, tagged=tagged) for row in shown]) or "no studies")
            if len(shown) < len(rows):
                echo(f"{len(rows) - len(shown)} archived, which --all shows")
        if any("damage" in row for row in rows):
            raise click.exceptions.Exit(1)
        return
    result = load(store, name or names[0])
    if result.history.definition.campaign.kind and not why:
        _campaign(result, opened, json_=json_)
        return
    if why and json_:
        echo_json(as_json(result.why()))
    elif why:
        echo("\n".join(result.why()))
    elif method is not None:
        _importance(result, method, json_=json_)
    elif trial is not None:
        _one(result, trial, json_=json_, raw=raw)
    else:
        _trials(result, Wanted(**wanted), json_=json_)


def _trials(result: Result, wanted: Wanted, *, json_: bool) -> None:
    """The trials that are wanted, what is not shown of them, errors where trials fail, and the best or the front."""
    rows = result.table()
    if json_:
        every = wanted.top is None and wanted.last is None
        rows, _ = listed(rows, result.history, wanted._replace(whole=wanted.whole or every))
        echo_json(as_json(arranged(rows, wanted.columns, None)[0]))
        return
    screen = screen_of()
    shown, more = listed(rows, result.history, wanted, lines=screen[1] if screen else None)
    shown, hidden = arranged(shown, wanted.columns, screen[0] if screen else None)
    lines = [
        *_failing(result),
        table(shown) or "no trials",
        *filter(None, (more, hidden)),
        *best_lines(result),
    ]
    show_lines("\n".join(lines))
    _limits(result)


def _failing(result: Result) -> list[str]:
    """The errors of a study without a result, before anything else."""
    from ..analysis.failures import failures
    from ..analysis.summary import failed_lines

    return [] if result.history.incumbents.front else failed_lines(failures(result.history))


def _tree(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each study after the campaign that opened it, else where it was."""
    names = {row["study"] for row in rows}
    found: list[dict[str, Any]] = []
    for row in rows:
        if row["parent"] not in names:
            found += [row, *(each for each in rows if each["parent"] == row["study"])]
    return found


def _indented(row: dict[str, Any], *, tagged: bool = False) -> dict[str, Any]:
    shown = {**row, "study": f"  {row['study']}" if row["parent"] else row["study"]}
    del shown["parent"]
    if tagged:
        shown["tags"] = ", ".join(shown.pop("tags", ()))
    return shown


def _campaign(result: Result, store: Any, *, json_: bool) -> None:
    """What a campaign was run with, its stages, and what it has judged."""
    own = result.history
    if json_:
        told = {
            "campaign": own.definition.campaign.kind,
            "settings": own.definition.campaign.settings,
            "stages": own.definition.campaign.stages,
        }
        echo_json(as_json({**told, "judgments": [each.told() for each in own.definition.campaign.judgments]}))
        return
    echo(f"a campaign of the kind {own.definition.campaign.kind}")
    for name, value in own.definition.campaign.settings.items():
        if value not in ("", None, {}):
            echo(f"  {name} = {cell(value)}")
    there = set(store.studies())
    rows = [
        {"stage": stage, **{key: value for key, value in _listed(store, study).items() if key != "parent"}}
        for stage, study in own.definition.campaign.stages.items()
        if study in there
    ]
    echo(table(rows) or "no stage was begun")
    for each in own.definition.campaign.judgments:
        echo(f"{each.subject}: {each.verdict}; {each.reason}")


def _importance(result: Result, method: Any, *, json_: bool) -> None:
    found = result.analysis.importance(method=method or None)
    if json_:
        echo_json(as_json(found))
        return
    echo(f"{found.method} for {found.metric}, {found.trials} trials")
    for each in found.parameters:
        bar = drawn("█" * round(40 * each.share), sys.stdout.encoding)
        tied = sum(other.rank == each.rank for other in found.parameters) > 1
        echo(
            f"{f'{each.rank}=' if tied else each.rank:>3}  {each.share:6.1%}  [{each.low:.0%} to {each.high:.0%}]  {each.name}  {bar}"
        )
    for pair in found.pairs:
        echo(f"     {pair.share:6.1%}  {' with '.join(pair.names)}, beyond each alone")
    if found.notice:
        echo(found.notice)


def existing(path: str) -> Any:
    """The store behind a URL, or in a file that has to be there already.

    Raises:
        StoreError: when there is no such file.
    """
    from ..study.opening import open_store

    if "://" not in path and not Path(path).exists():
        raise StoreError(f"there is no store {path}. Run a study with --store {path} first.")
    return open_store(path)


def load(path: str, name: str) -> Result:
    """What a stored study has found."""
    store = existing(path)
    return Result(name, existing_history(store, name), store)


def load_one(path: str, name: str | None) -> Result:
    """What the named study of a store has found, or its only one.

    Raises:
        SettingError: when there are several and none is named.
    """
    names = existing(path).studies()
    if name is None and len(names) != 1:
        raise SettingError(
            f"name one of the studies of {without_secrets(path)}: {', '.join(names) or 'there is none'}."
        )
    return load(path, name or names[0])


def controlled(path: str, name: str | None, actor: str | None) -> tuple[Result, Control]:
    """The named study of a store, or its only one, and how it is told something in the name of ``actor``, the user when None.

    Raises:
        As ``load_one``.
    """
    result = load_one(path, name)
    return result, Control(existing(path).journal(result.study.name), result.history, actor or user())


def print_best(result: Result) -> None:
    """The best configuration, a parameter a line; of several goals the front, a trial a line."""
    echo("\n".join(best_lines(result)))
    _limits(result)


def best_lines(result: Result) -> list[str]:
    """As ``print_best`` prints them."""
    front = result.history.incumbents.front
    if not front:
        return ["no trial has a result yet"]
    if len(result.history.goal.metrics) > 1:
        from .board import front_line

        told = [result.history.trials.configuration(number) for number in sorted(front)[:FRONT]]
        rest = (
            [f"  and {len(front) - FRONT} more; --top {len(front)} shows them"] if len(front) > FRONT else []
        )
        lines = [f"  trial {each.number}: {_named(each.metrics)}" for each in told]
        return [front_line(result.history), *lines, *rest]
    best = result.best
    return [
        f"best: trial {best.number} with {_named(best.metrics)}",
        *(f"  {name} = {cell(value)}" for name, value in best.params.items()),
    ]


FRONT = 10
"""So many trials of a front are named below the table."""


def _named(values: dict[str, float]) -> str:
    return ", ".join(f"{name}={value:.6g}" for name, value in values.items())


def _limits(result: Result) -> None:
    from ..analysis.findings import beyond

    for finding in beyond(result.history):
        echo(f"danlu: {finding}", err=True)


WIDEST = 48
"""Characters of a cell that a table shows; --trial N and --json have all of it."""


def table(rows: list[dict[str, Any]]) -> str:
    """Rows as aligned plain text; columns in order of first appearance.

    Example:
        >>> print(table([{"trial": 0, "aside": "x" * 60}, {"trial": 1}]))
        trial  aside
        0      xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx...
        1
    """
    columns = list(dict.fromkeys(name for row in rows for name in row))
    cells = [columns, *[[_short(cell(row.get(name))) for name in columns] for row in rows]]
    widths = [max(len(line[at]) for line in cells) for at in range(len(columns))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
        if rows
    )


def _short(text: str) -> str:
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 3]}..."


def _listed(store: Any, name: str) -> dict[str, Any]:
    """A study's line in the list; one that cannot be read has a sentence instead."""
    from ..journal.history import History, sound

    history, damage = History(), list[str]()
    try:
        for _ in sound(store.journal(name).read(0), damage, history):
            pass
    except StoreError as error:
        damage.append(str(error))
    return _summary(Result(name, history, store)) | ({"damage": damage[0]} if damage else {})


def _summary(result: Result) -> dict[str, Any]:
    history = result.history
    several = len(history.goal.metrics) > 1
    best = result.best.value if history.incumbents.front and not several else None
    states = {status: count for status, count in _counts(result).items() if count}
    return {
        "study": result.study.name,
        "parent": history.definition.campaign.parent,
        "trials": len(history),
        "best": best,
        **({"tags": list(history.decisions.tags)} if history.decisions.tags else {}),
        **({"front": len(history.incumbents.front)} if several else {}),
        **states,
    }


def _counts(result: Result) -> dict[str, int]:
    return result.history.rows.states()


def _one(result: Result, number: int, *, json_: bool, raw: bool) -> None:
    import msgspec

    trial = result.history.trials[number]
    fields = msgspec.structs.asdict(trial)
    fields["status"] = trial.status.name.lower()
    fields["curve"] = {"step": trial.curve.steps, **trial.curve.metrics}
    fields["checkpoints"] = [msgspec.structs.asdict(kept) for kept in trial.checkpoints]
    fields["files"] = [msgspec.structs.asdict(kept) for kept in trial.files]
    if json_:
        echo_json(as_json(fields))
    elif raw:
        echo("\n".join(f"{name}: {cell(value)}" for name, value in fields.items()))
    else:
        from .one import lines_of

        show_lines("\n".join(lines_of(result.history, trial, sys.stdout.encoding)))
