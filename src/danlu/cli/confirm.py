"""``danlu confirm``: whether the best of a study is better than its default, on fresh seeds, and what it comes to."""

from __future__ import annotations

import shlex
from typing import Any

import click

from ..base.places import without_secrets
from .echo import echo, echo_json


@click.command()
@click.argument("store")
@click.argument("study", required=False)
@click.argument("objective", metavar="[FILE.py:FUNCTION]", required=False)
@click.option(
    "--trust", multiple=True, metavar="NAME",
    help="A package, module, file or function (train.py, mine.training) that may be run where the study's journal names it.",
)  # fmt: skip
@click.option("--top", type=int, help="How many candidates at most (default: as the share allows, up to 3).")
@click.option("--seeds", type=int, help="Fresh seeds of the leader (default: as the share allows, up to 8).")
@click.option(
    "--chance", type=float, default=0.95, show_default=True, help="That who is adopted is better, at least."
)
@click.option(
    "--share",
    type=float,
    default=0.1,
    show_default=True,
    help="Of the search's trials or steps that it may cost.",
)
@click.option("-j", "--workers", type=int, default=1, show_default=True, help="Trainings at once.")
@click.option("--gpus", type=int, default=0, help="GPUs to deal out to the workers.")
@click.option("--json", "json_", is_flag=True, help="Machine-readable output.")
def confirm(store: str, study: str | None, objective: str | None, json_: bool, **options: Any) -> None:
    """Train the best of STUDY, which is over, on fresh seeds beside the space's default, and say whether one is better.

    The objective reads its seed in trial.context["seed"]. FILE.py:FUNCTION (or package.module:function) is what the study was run with; what its
    journal names is run where --trust allows it. The same command again goes on where it was; after more trials of STUDY it confirms what is
    new in it. Exit code 1 when nothing beats the default.
    """
    from ..base.plain import as_json
    from ..campaign.certify import Confirmation, confirm_study
    from ..study.tune import engine_of
    from .show import existing

    opened = existing(store)
    names = [name for name in opened.studies() if not _of_campaign(opened, name)]
    if study is None and len(names) != 1:
        raise click.UsageError(f"name one of the studies: {', '.join(names) or 'there is none'}.")
    name = study or names[0]
    plan = Confirmation(options["top"], options["seeds"], options["chance"], options["share"])
    what = objective or _proposed(opened, name, options["trust"])
    found = confirm_study(
        opened, name, what, plan=plan, engine=engine_of(None, options["workers"], options["gpus"]), watch=None if not json_ else False
    )  # fmt: skip
    if json_:
        told = {
            "study": name, "campaign": found.name, "adopted": found.adopted, "trial": found.trial, "params": found.params,
            "metric": found.metric, "value": found.value, "low": found.low, "high": found.high, "default": found.default,
            "sentence": found.sentence,
        }  # fmt: skip
        echo_json(as_json(told))
    else:
        echo(found.sentence)
        for key, value in found.params.items():
            echo(f"  {key} = {value:.4g}" if isinstance(value, float) else f"  {key} = {value}")
        echo(f"danlu show {shlex.join([without_secrets(str(store)), found.name])} has the evidence", err=True)
    if not found.adopted:
        raise click.exceptions.Exit(1)


def _of_campaign(store: Any, name: str) -> bool:
    """Whether a name is a campaign's, or its study's."""
    from ..study.opening import existing_history

    campaign = existing_history(store, name).definition.campaign
    return bool(campaign.kind or campaign.parent)


def _proposed(store: Any, name: str, trust: tuple[str, ...]) -> str:
    """What the journal names, where it is trusted.

    Raises:
        UsageError: where it names nothing.
    """
    from ..study.opening import existing_history
    from ..study.trust import proposed

    history = existing_history(store, name)
    stored = history.definition.stored_config
    if stored is None or not stored.objective:
        raise click.UsageError(
            f"the objective of {name!r} was made inside other code, so its name is not known here. Name it: FILE.py:FUNCTION."
        )
    return proposed(stored.objective, name, trust, history.decisions.chosen.get("imported", ""))
