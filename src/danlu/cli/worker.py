"""``danlu worker``: join a study from this machine."""

from __future__ import annotations

import contextlib
from typing import Any

import click

from .duration import wait
from .echo import echo, echo_json
from .program_options import WithRest, program_options

_PROGRAM = {
    "metrics": "--metric", "edits": "--edit", "style": "--style", "booleans": "--booleans", "resume": "--resume", "module": "-m",
    "terminal": "--terminal", "fixed": "what stands after --",
}  # fmt: skip


@click.command(cls=WithRest)
@click.argument("store", metavar="URL")
@click.argument("objective", metavar="[FILE.py[:FUNCTION]]", required=False)
@click.option("--study", "name", required=True, help="The study's name in the store.")
@program_options
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
    "--wait",
    callback=wait,
    metavar="TIME",
    default="0",
    help="How long to wait for the study to begin: 90s, 15m.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def worker(store: str, objective: str | None, **options: Any) -> None:
    """Join a study that was begun elsewhere, and work on it until its budget is spent.

    FILE.py:FUNCTION (or package.module:function) names what to run; the study's journal says how. The journal has the name of what the
    study was begun with too, and it is run only where --trust allows it: whoever can write into a store could put any name there.

    A program is named as to danlu run, its parameters and their ranges are the study's: danlu worker URL --study s --metric val_loss -- python
    train.py --epochs 5, or danlu worker URL train.py --study s --metric val_loss -- --epochs 5.

    Trials whose worker died are taken up from their checkpoints. SIGTERM and Ctrl-C drain: nothing new is taken,
    and what runs is handed back at its next report; the exit code is then 143 or 130, so that a scheduler starts it again.
    A study in which every trial has failed ends with 1.
    """
    from ..study.work import work
    from .leave import leave, told_of_sigterm

    as_json = options.pop("as_json")
    what: Any = objective
    program = {option: options.pop(option) for option in _PROGRAM}
    if program["metrics"] or (objective is None and program["fixed"]):
        what = _program(store, options["name"], objective, program, options["wait"])
    else:
        unused = next((spelled for option, spelled in _PROGRAM.items() if program[option]), "")
        if unused:
            raise click.UsageError(f"{unused} is for programs, which need --metric: --metric val_loss.")
    ended: list[int] = []
    with told_of_sigterm():
        result = work(
            store, options.pop("name"), what,
            callbacks=[lambda _, trial: ended.append(trial.number)], **options,
        )  # fmt: skip
    if as_json:
        from ..base.plain import as_json as shown

        echo_json(
            shown({"study": result.study.name, "stopped": result.study.stopped, "trials": result.table()})
        )
    else:
        echo(f"{result!r}\n{result.study.stopped}")
    leave(result, ended)


def _program(store: str, name: str, target: str | None, options: dict[str, Any], wait: float) -> Any:
    """The program that was named, with the study's parameters.

    Raises:
        UsageError: for one that does not fit the study.
    """
    from ..study.opening import existing_history, open_store
    from ..study.work import await_study
    from .script import joined

    if not options["metrics"]:
        raise click.UsageError("say where the metric is read, as danlu run was told: --metric val_loss.")
    with contextlib.closing(open_store(store)) as opened:
        await_study(opened, name, wait)
        history = existing_history(opened, name)
    spec = history.space.spec
    if spec.constants or any(slot.parent >= 0 for slot in spec.slots):
        raise click.UsageError(
            f"the study {name!r} has fixed values or conditions, as sweep files have them, and their places in a command are not known. "
            "Start the same danlu run here as where it was begun."
        )
    searched = {slot.name: slot.parameter for slot in spec.slots}
    return joined(target, options, searched, history.goal, history.definition.contexts)
