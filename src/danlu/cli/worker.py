"""``danlu worker``: join a study from this machine."""

from __future__ import annotations

from typing import Any

import click

from .echo import echo, echo_json


@click.command()
@click.argument("store", metavar="URL")
@click.argument("objective", metavar="[FILE.py:FUNCTION]", required=False)
@click.option("--study", "name", required=True, help="The study's name in the store.")
@click.option(
    "--trust", multiple=True, metavar="NAME",
    help="A package, module, file or function (train.py, mine.training) that may be run where the study's journal names it.",
)  # fmt: skip
@click.option("-j", "--slots", "workers", type=int, default=1, show_default=True, help="Trials at once.")
@click.option("--gpus", type=int, default=0, help="GPUs to deal out to the slots.")
@click.option(
    "--grace", type=float, default=25.0, show_default=True,
    help="Seconds that trials get to reach a report after SIGTERM, before they are handed back.",
)  # fmt: skip
@click.option("--stay", is_flag=True, help="Stay until every trial is over, not only taken.")
@click.option(
    "--wait", metavar="TIME", default="0", help="How long to wait for the study to begin: 90s, 15m."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def worker(store: str, objective: str | None, **options: Any) -> None:
    """Join a study that was begun elsewhere, and work on it until its budget is spent.

    FILE.py:FUNCTION (or package.module:function) names what to run; the study's journal says how. The journal has the name of what the
    study was begun with too, and it is run only where --trust allows it: whoever can write into a store could put any name there.
    Trials whose worker died are taken up from their checkpoints. SIGTERM and Ctrl-C drain: nothing new is taken,
    and what runs is handed back at its next report; the exit code is then 143 or 130, so that a scheduler starts it again.
    A study in which every trial has failed ends with 1.
    """
    from ..problem.budget import seconds_of
    from ..study.work import work
    from .leave import leave, told_of_sigterm

    wait, as_json = options.pop("wait"), options.pop("as_json")
    seconds = float(wait) if wait.replace(".", "", 1).isdigit() else seconds_of(wait)
    ended: list[int] = []
    with told_of_sigterm():
        result = work(
            store, options.pop("name"), objective, wait=seconds or 0.0,
            callbacks=[lambda _, trial: ended.append(trial.number)], **options,
        )  # fmt: skip
    if as_json:
        from ..base.plain import as_json as shown

        echo_json(shown({"study": result.name, "stopped": result.stopped, "trials": result.table()}))
    else:
        echo(f"{result!r}\n{result.stopped}")
    leave(result, ended)
