"""``danlu predict``: what a saved model says of the rows of a table."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import Any

import click


@click.command()
@click.argument("model", type=click.Path())
@click.argument("table", type=click.Path())
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False),
    help="Where to write predictions as CSV (default: the terminal).",
)
@click.option("--probabilities", is_flag=True, help="A column for the probability of each class, too.")
def predict(model: str, table: str, output: str | None, *, probabilities: bool) -> None:
    """Predict the target of the rows of TABLE with a MODEL that danlu auto has saved; one line a row, in their order."""
    from ..auto.model import load_model

    found = load_model(model)
    head, columns = [found.target.name], [found.predict(table).tolist()]
    if probabilities:
        head += [f"{found.target.name}={label}" for label in found.classes]
        columns += found.predict_proba(table).T.tolist()
    rows = list(zip(*columns, strict=True))
    if output is None:
        _write(sys.stdout, head, rows)
        return
    with Path(output).open("w", encoding="utf-8", newline="") as file:
        _write(file, head, rows)


def _write(file: Any, head: list[str], rows: list[tuple[Any, ...]]) -> None:
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(rows)
