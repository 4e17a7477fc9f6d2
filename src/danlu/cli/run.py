"""``danlu run``: tune a function from the command line."""

from __future__ import annotations

import shlex
import tempfile
from pathlib import Path
from typing import Any

import click

from ..base.places import without_secrets
from .echo import echo, echo_json


@click.command()
@click.argument("objective", metavar="FILE.py[:FUNCTION]")
@click.option(
    "--tune",
    "flags",
    metavar="FLAGS",
    help="Flags of a script to search: lr,dropout or lr=1e-5:0.1:log,act=relu|gelu.",
)
@click.option(
    "--metric",
    "metrics",
    multiple=True,
    metavar="LINE",
    help="A line of its output, as it is printed, with holes: 'Epoch {step}/{*} val loss: {x}'; {x} the number that is optimized, {acc} a number "
    "that is named acc, {step} the step, {*} anything; or re:REGEX with named groups. Repeatable.",
)
@click.option("-m", "module", is_flag=True, help="The script is a module, as in python -m package.module.")
@click.option("--terminal", is_flag=True, help="Run the script in a terminal of 80 columns.")
@click.option(
    "--constraint",
    "constraints",
    multiple=True,
    metavar="RULE",
    help="Rule between parameters: 'batch * width <= 65536'; repeatable.",
)
@click.option(
    "--context",
    "contexts",
    multiple=True,
    metavar="NAME=VALUES",
    help="Evaluate every configuration in each of these, a trial each: fold=0..4 or seed=1,2,3; repeatable for all combinations. "
    "A script gets them as {fold} after --.",
)
@click.argument("fixed", nargs=-1, type=click.UNPROCESSED)
@click.option("--space", metavar="FILE", help="space.toml or file.py:name (default: FILE.py:space).")
@click.option("-n", "--trials", type=int, help="Budget of trials (default 100).")
@click.option("--time", "time_", metavar="TIME", help="Budget of time: 90s, 15m, 1h30m.")
@click.option("--no-improvement", type=int, help="Stop after N trials without improvement.")
@click.option("-j", "--workers", type=int, default=1, show_default=True, help="Trials at once.")
@click.option(
    "--engine",
    help="What runs the trials: inline, pool, vectorized, ray (default: pool for several workers).",
)
@click.option("--gpus", type=int, default=0, help="GPUs to deal out to the workers.")
@click.option("--store", metavar="FILE", help="File that keeps the study (default: none).")
@click.option("--name", help="The study's name in the store (default: the function's).")
@click.option("--minimize", multiple=True, metavar="METRIC", help="Metric to minimize; repeatable.")
@click.option("--maximize", multiple=True, metavar="METRIC", help="Metric to maximize; repeatable.")
@click.option("--target", type=float, help="End when the first metric reaches this.")
@click.option("--limit", multiple=True, metavar="RULE", help="Constraint on a metric: 'latency <= 20'.")
@click.option(
    "--sampler",
    help="Which point next: auto, gp, tpe, bohb, cmaes, genetic, evolution, nsga2, quasirandom, random, grid.",
)
@click.option(
    "--scheduler",
    help="How long a trial may live: auto, asha, hyperband, halving, median, extrapolation, forecast, pbt, patience, diverged, none (every trial in full).",
)
@click.option("--fidelity", metavar="NAME:LOW:HIGH", help="Range of the reported steps: epoch:1:81.")
@click.option("--trial-time", metavar="TIME", help="Time limit of one trial.")
@click.option("--trial-memory", type=int, metavar="MIB", help="Memory limit of one trial.")
@click.option(
    "--same-failures",
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    help="End when the first N trials fail alike; 0 for never.",
)
@click.option("--seed", type=int, help="Seed of all randomness.")
@click.option(
    "--keep",
    type=click.Choice(["best", "all"]),
    default="best",
    show_default=True,
    help="Whose checkpoints and folders a new study keeps.",
)
@click.option("--extend", is_flag=True, help="Allow a changed space for an existing study.")
@click.option(
    "--if-changed",
    type=click.Choice(["continue", "refuse", "set-aside"]),
    default="continue",
    show_default=True,
    help="When the code is other than that of earlier trials.",
)
@click.option(
    "--longer", metavar="WHICH", help="Train finished trials longer: best, all, or numbers (3 or 3,7)."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def run(objective: str, **options: Any) -> None:
    """Tune FUNCTION of FILE.py, or a script by its flags; the same command again resumes where it was.

    A script is run as it is: danlu run train.py --tune lr,dropout --metric 'val loss: {x}' -- --epochs 5. What stands
    after -- is passed on; in it {dir} is the trial's folder, {trial} its number, and {lr} the value of lr. Its flags are
    read from its parser (argparse, click, typer, absl, fire, tyro), its output line by line.
    """
    from ..problem.contexts import contexts_of
    from ..study.tune import tune
    from .leave import leave, told_of_sigterm

    what: Any = objective
    engine = options["engine"]
    contexts = contexts_of(_contexts(options["contexts"]))
    if options["flags"] is not None or options["metrics"]:
        from .script import scripted

        what, space, (options["minimize"], options["maximize"]) = scripted(objective, options, contexts)
        if what.in_folder and options["store"] is None:
            echo(
                f"{{dir}} is temporary: it lies in {tempfile.gettempdir()} and goes when this command ends. {_KEPT}",
                err=True,
            )
        engine = "pool"  # what a script prints goes to its trial's log
    else:
        for name in ("module", "terminal", "fixed"):
            if options[name]:
                raise click.UsageError(
                    f"{_SPELLED[name]} is for scripts, which need --tune FLAGS and --metric 'LINE with {{x}}'."
                )
        space = _space(objective, options["space"])
    space = _constrained(space, options["constraints"])
    name = _name(objective, options)
    ended: list[int] = []
    with told_of_sigterm():
        result = tune(
            what,
            space,
            minimize=options["minimize"],
            maximize=options["maximize"],
            target=options["target"],
            limits=options["limit"],
            trials=options["trials"],
            time=options["time_"],
            budget=_budget(options["no_improvement"]),
            workers=options["workers"],
            engine=engine,
            gpus=options["gpus"],
            trial_limits=_limits(options),
            sampler=options["sampler"],
            scheduler=options["scheduler"],
            fidelity=_fidelity(options["fidelity"]),
            contexts=contexts or None,
            store=options["store"],
            name=name,
            seed=options["seed"],
            extend=options["extend"],
            keep=options["keep"],
            if_changed=options["if_changed"].replace("-", " "),
            longer=_longer(options["longer"]),
            watch=not options["as_json"],
            callbacks=[lambda _, trial: ended.append(trial.number)],
        )
    _tell(result, options, _winner(result, what))
    leave(result, ended)


def _budget(no_improvement: int | None) -> Any:
    from ..problem.budget import Budget

    return None if no_improvement is None else Budget(no_improvement=no_improvement)


def _limits(options: dict[str, Any]) -> Any:
    from ..problem.budget import TrialLimits

    memory = options["trial_memory"]
    return TrialLimits(
        time=options["trial_time"], memory=None if memory is None else memory << 20, same_failures=options["same_failures"]
    )  # fmt: skip


def _name(objective: str, options: dict[str, Any]) -> str:
    if options["name"] is not None:
        return str(options["name"])
    return objective if options["module"] else Path(objective.rpartition(":")[2]).stem


_KEPT = "--store FILE keeps the folders of the best trials."
_SPELLED = {"module": "-m", "terminal": "--terminal", "fixed": "what stands after --"}


def _constrained(space: Any, rules: tuple[str, ...]) -> Any:
    """The space with the command line's constraints beside its own."""
    from ..space.space import Space

    if not rules:
        return space
    if space is None:
        raise click.UsageError(
            "--constraint needs a space whose names it can use: --space FILE, or a variable 'space' beside the function."
        )
    if isinstance(space, Space):
        return Space.from_spec(space.spec, constraints=[*space.constraints, *rules])
    return Space(space, constraints=list(rules))


def _fidelity(text: str | None) -> Any:
    from ..problem.fidelity import Fidelity

    if text is None:
        return None
    name, *steps = text.split(":")
    if len(steps) != 2 or not all(step.isdigit() for step in steps):
        raise click.UsageError(
            f"--fidelity needs NAME:LOW:HIGH with whole numbers, epoch:1:81, got {text!r}."
        )
    return Fidelity(name, int(steps[0]), int(steps[1]))


def _contexts(given: tuple[str, ...]) -> dict[str, list[Any]]:
    """The values of each context's name.

    Raises:
        UsageError: for what is not a NAME=VALUES.
    """
    found: dict[str, list[Any]] = {}
    for text in given:
        name, sign, values = (part.strip() for part in text.partition("="))
        first, dots, last = values.partition("..")
        if not name or not sign or not values or name in found:
            raise click.UsageError(
                f"--context needs NAME=VALUES, each name once, fold=0..4 or seed=1,2,3, got {text!r}."
            )
        if dots:
            if not all(end.lstrip("-").isdigit() for end in (first, last)) or int(last) < int(first):
                raise click.UsageError(
                    f"a range of contexts has whole numbers that rise, fold=0..4, got {text!r}."
                )
            found[name] = list(range(int(first), min(int(last), int(first) + 20_000) + 1))
        else:
            found[name] = [_number(value.strip()) for value in values.split(",")]
    return found


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _longer(text: str | None) -> Any:
    if text is None or text in ("best", "all"):
        return text
    numbers = text.split(",")
    if not all(number.strip().isdigit() for number in numbers):
        raise click.UsageError(f"--longer needs best, all, or numbers of trials such as 3,7, got {text!r}.")
    return [int(number) for number in numbers]


def _space(objective: str, space: str | None) -> Any:
    """The space that was named, or the ``space`` beside the function when the file has one."""
    from ..engines.objective import resolve_objective
    from ..errors import ObjectiveError
    from .spacefile import read_space

    resolve_objective(objective)
    if space is not None:
        return read_space(space)
    try:
        return read_space(objective.rpartition(":")[0] + ":space")
    except ObjectiveError:
        return None


def _winner(result: Any, what: Any) -> str:
    """The command line of the best trial of a script; '' where there is none."""
    from ..engines.script import Script

    if not isinstance(what, Script) or not result.history.front:
        return ""
    best, folder = (
        result.best,
        f"{result.name}-best",
    )  # its own holds what it has made, which would be written over
    context = {name: str(value) for name, value in best.context.items()}
    command = what.command(best.params, context | {"dir": folder, "trial": str(best.number)})
    return f"mkdir -p {shlex.quote(folder)} && {command}" if what.in_folder else command


def _tell(result: Any, options: dict[str, Any], command: str) -> None:
    from ..base.plain import as_json
    from .show import print_best
    from .spelled import spelled

    if options["as_json"]:
        told = {"study": result.name, "stopped": result.stopped, "trials": result.table()}
        echo_json(as_json(told | ({"command": command} if command else {})))
        return
    echo(f"{result!r}\n{spelled(result.stopped)}")
    print_best(result)
    if command:
        echo(f"run it again: {command}")
    store = options["store"]
    if store is not None:
        echo(f"see every trial: danlu show {without_secrets(str(store))} {result.name}")
    elif result.history.front and result.has_dir():
        echo(
            f"what trial {result.best.number} wrote into its folder goes when this command ends. {_KEPT}",
            err=True,
        )
