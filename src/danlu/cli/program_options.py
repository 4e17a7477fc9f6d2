"""Options of commands that run programs, and what stands after ``--``: where values go in, where metrics come out."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, get_args

import click

from ..programs.arguments.template import Booleans, Look

Decorated = TypeVar("Decorated", bound=Callable[..., object])


class WithRest(click.Command):
    """Options stand before the first ``--``; what stands after it is passed on as it is, as ``fixed``."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Take apart what stands before ``--``."""
        at = args.index("--") if "--" in args else len(args)
        left = super().parse_args(ctx, args[:at])
        ctx.params["fixed"] = (*(ctx.params.get("fixed") or ()), *args[at + 1 :])
        return left


_OPTIONS = (
    click.option(
        "--edit",
        "edits",
        multiple=True,
        metavar="FILE:KEY",
        help="A value in a YAML, TOML or JSON file to search: train.yaml:optim.lr or train.yaml:optim.lr=1e-5:0.1:log; or a text to put there: "
        "train.yaml:out={dir}. The file is edited as a copy in the trial's folder, whose path takes the place of the original's in the command, or of "
        "{config}. Repeatable.",
    ),
    click.option(
        "--style",
        type=click.Choice(get_args(Look)),
        help="How parameters are appended that have no place in the command: by flags, by names (Hydra, OmegaConf), as variables of the "
        "environment (LR=1), or as one argument of JSON (default: as its parser has them, else --lr=1).",
    ),
    click.option(
        "--booleans",
        type=click.Choice(get_args(Booleans)),
        help="How True and False are written: as a word, as a flag and one against it, or as a flag that is there or not.",
    ),
    click.option(
        "--resume",
        metavar="WORDS",
        help="Added to the command when the trial's folder of checkpoints, {checkpoint} and DANLU_CHECKPOINT, is not empty: '--resume {checkpoint}/last.pt'; {checkpoint}/checkpoint-* is the newest of those.",
    ),
    click.option(
        "--metric",
        "metrics",
        multiple=True,
        metavar="WHAT",
        help="Where a metric is read; repeatable. Its name, as the program prints it in whatever form: val_loss. A line with holes: 'Epoch {step}/{*} val loss: "
        "{x}'; {x} the number that is optimized, {acc} a number that is named acc, {step} the step, {*} anything; or re:REGEX with named groups. A "
        "file: csv:log.csv:val_loss, jsonl:log.jsonl:val.loss, tensorboard:logs:val_loss, mlflow:mlruns:val_loss, wandb:wandb:val_loss, "
        "file:result.json:val_loss. Where danlu run is told none, it runs the program once, shows what it tells, and counts that run as the first "
        "trial where it can.",
    ),
    click.option(
        "-m", "module", is_flag=True, help="The script is a module, as in python -m package.module."
    ),
    click.option("--terminal", is_flag=True, help="Run the script in a terminal of 80 columns."),
)


def program_options(command: Decorated) -> Decorated:
    """A command with the options by which a program is run and read."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command
