"""``danlu auto``: from a table to a model that one can trust, without writing code."""

from __future__ import annotations

import shlex
from typing import Any

import click

from .duration import limit
from .echo import echo, echo_json


@click.command()
@click.argument("table", type=click.Path())
@click.option("--target", required=True, metavar="COLUMN", help="The column to predict.")
@click.option(
    "--time",
    "time_",
    callback=limit,
    metavar="TIME",
    help="Time of the whole call: 90s, 15m, 1h30m (default: 5m).",
)
@click.option("-n", "--trials", type=int, help="Fits for N configurations on all folds, instead of a time.")
@click.option(
    "--metric",
    default="",
    help="What decides: log_loss, roc_auc, accuracy, f1, rmse, mae, ... (default: the task's).",
)
@click.option(
    "--task", default="", metavar="TASK", help="binary, classes or numbers (default: a guess that is told)."
)
@click.option(
    "--test",
    "test_",
    type=float,
    default=0.2,
    show_default=True,
    help="Share of rows that is looked at once, at the end.",
)
@click.option("--folds", type=int, help="Cross-validation with N folds (default: 5, of large tables 3).")
@click.option("--group", metavar="COLUMN", help="Says whom a row is about: rows of one stay together.")
@click.option("--order-by", metavar="COLUMN", help="Says when a row was: newer rows validate and test.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="COLUMN=KIND",
    help="What a column is: number, boolean, category, date, text, left out.",
)
@click.option("--models", metavar="NAMES", help="Families, with commas (default: all installed).")
@click.option("-j", "--workers", type=int, default=1, show_default=True, help="Fits at once.")
@click.option("--store", metavar="FILE", help="File that keeps the search (default: none).")
@click.option("--name", default="auto", show_default=True, help="The search's name in the store.")
@click.option(
    "--model",
    "model_",
    type=click.Path(dir_okay=False),
    default="model.danlu",
    show_default=True,
    help="Where to save the model.",
)
@click.option("--report", type=click.Path(dir_okay=False), help="Where to write an HTML report.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of all randomness.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def auto(table: str, **options: Any) -> None:
    """Find, confirm and test a model of TABLE; the same command again, with a store, goes on where it was."""
    from ..auto.call import automl

    how = {
        name: options[name]
        for name in (
            "target",
            "trials",
            "metric",
            "task",
            "folds",
            "group",
            "order_by",
            "workers",
            "store",
            "name",
            "seed",
        )
    }
    model = automl(
        table, time=options["time_"], test=options["test_"], kinds=_kinds(options["kinds"]),
        models=options["models"].split(",") if options["models"] else None, watch=False if options["as_json"] else None, **how,
    )  # fmt: skip
    saved = model.save(options["model_"])
    if options["report"]:
        model.report(options["report"])
    if options["as_json"]:
        from ..base.plain import plain

        echo_json(_json({**plain(dict(model.story)), "saved": str(saved)}))
        return
    echo(model.summary())
    echo(f"saved as {saved}: danlu predict {shlex.quote(str(saved))} NEW.csv")


def _json(value: Any) -> str:
    from ..base.plain import as_json

    return as_json(value)


def _kinds(given: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for each in given:
        name, sign, kind = each.rpartition("=")
        if not sign or not name:
            raise click.UsageError(f"--kind takes COLUMN=KIND, as age=number, got {each!r}.")
        found[name] = kind
    return found
