"""``danlu steer``: pause, resume or stop a study that runs elsewhere, end one trial, enqueue a point, leave a note."""

from __future__ import annotations

from typing import TypeVar

import click

from .echo import echo

T = TypeVar("T")


@click.command()
@click.argument("store")
@click.argument("order", type=click.Choice(["pause", "resume", "stop", "prune", "enqueue", "note"]))
@click.argument("name", required=False)
@click.option("--trial", type=int, help="The trial to prune, or to keep a note with.")
@click.option("--point", help="For enqueue: parameters as JSON; those left out are drawn.")
@click.option("--text", help="For note: what to keep.")
@click.option("--reason", default="", help="For pause, resume, stop and prune: why, for the record.")
@click.option("--actor", help="Who says so, for the record [default: the user].")
def steer(
    store: str,
    order: str,
    name: str | None,
    trial: int | None,
    point: str | None,
    text: str | None,
    reason: str,
    actor: str | None,
) -> None:
    """Tell study NAME of STORE what to do.

    pause begins nothing new, stop has running trials leave at their next report, prune ends one trial; workers act on it within
    a second or at a trial's next report. Every order is kept in the journal with its actor.
    """
    from .show import controlled

    result, steering = controlled(store, name, actor)
    if order == "prune":
        steering.prune(_needed(trial, "prune", "--trial"), reason)
    elif order == "enqueue":
        steering.enqueue(_point(_needed(point, "enqueue", "--point")))
    elif order == "note":
        steering.note(_needed(text, "note", "--text"), -1 if trial is None else trial)
    else:
        getattr(steering, order)(reason)
    echo(f"{order}: told {result.study.name!r}")


def _needed(value: T | None, order: str, option: str) -> T:
    if value is None:
        raise click.UsageError(f"{order} needs {option}.")
    return value


def _point(text: str) -> dict[str, object]:
    import json

    try:
        found = json.loads(text)
    except ValueError as error:
        raise click.UsageError(
            f"--point needs JSON such as '{{\"lr\": 0.01}}', got {text!r} ({error})."
        ) from error
    if not isinstance(found, dict):
        raise click.UsageError(f"--point needs a JSON object, got {text!r}.")
    return {name: tuple(value) if isinstance(value, list) else value for name, value in found.items()}
