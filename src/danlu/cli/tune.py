"""``danlu tune``: from data to a tuned, confirmed network, without writing code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from .duration import limit
from .echo import echo, echo_json


@click.command()
@click.argument("recipe", type=click.Choice(["image", "text", "recommend", "tabular"]))
@click.option(
    "--data",
    required=True,
    metavar="PATH",
    help="A folder of one folder a class, a .csv or .npz file; or a name: digits, docstrings, ratings, friedman, breast_cancer.",
)
@click.option("-n", "--trials", type=int, help="Budget of trials (default 30).")
@click.option("--time", "time_", callback=limit, metavar="TIME", help="Budget of time: 90s, 15m, 1h30m.")
@click.option("--epochs", type=int, help="Of a whole training (default: the recipe's).")
@click.option("--metric", help="What decides: val_loss, val_accuracy, val_f1, ... (default: the recipe's).")
@click.option("-j", "--workers", type=int, default=1, show_default=True, help="Trainings at once.")
@click.option("--gpus", type=int, default=0, help="GPUs to deal out to the workers.")
@click.option("--folds", type=int, default=0, help="Cross-validation with N folds.")
@click.option("--top", type=int, default=3, show_default=True, help="How many of the best are confirmed.")
@click.option("--seeds", type=int, default=3, show_default=True, help="Fresh seeds for each of them.")
@click.option("--store", metavar="FILE", help="File that keeps the study (default: none).")
@click.option("--name", help="The study's name in the store (default: the recipe's).")
@click.option(
    "--model", type=click.Path(dir_okay=False), help="Where to save the network (torch.export's .pt2)."
)
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of all randomness.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def tune(recipe: str, data: str, **options: Any) -> None:
    """Tune the network of RECIPE on your data; the same command again resumes where it was."""
    from .. import deep

    how: dict[str, Any] = {"watch": not options["as_json"]}
    if options["time_"] is not None:
        how["time"] = options["time_"]
    if options["gpus"]:
        how["gpus"] = options["gpus"]
    tuned = deep.tune(
        recipe, _data(recipe, data, options["seed"]), trials=options["trials"], epochs=options["epochs"],
        metric=options["metric"], top=options["top"], seeds=options["seeds"], store=options["store"],
        study=options["name"], seed=options["seed"], folds=options["folds"], workers=options["workers"], **how,
    )  # fmt: skip
    if options["model"] is not None:
        deep.export(tuned, Path(options["model"]))
    _tell(tuned, as_json=options["as_json"])


def _data(recipe: str, data: str, seed: int) -> Any:
    """The path, or the bundled data of that name when there is no such path."""
    from ..deep.datasets import DATASETS

    if Path(data).exists() or data not in DATASETS:
        return data
    kind, make = DATASETS[data]
    if kind != recipe:
        raise click.UsageError(f"{data} is data for {kind}, not for {recipe}.")
    return make(seed=seed)


def _tell(tuned: Any, *, as_json: bool) -> None:
    from ..base.plain import as_json as written

    if not as_json:
        echo(tuned.report())
        return
    best = tuned.best
    echo_json(
        written(
            {
                "study": tuned.result.study.name,
                "trial": best.trial,
                "params": best.params,
                "metric": tuned.metric,
                "searched": best.searched,
                "fresh": best.fresh,
                "tests": tuned.tests,
            }
        )
    )
