"""``danlu run``: tune a function from the command line."""

from __future__ import annotations

import shlex
import tempfile
from pathlib import Path
from typing import Any

import click

from ..base.places import without_secrets
from .duration import limit
from .echo import echo, echo_json
from .piped import say_piped
from .program_options import WithRest, program_options


class _Run(WithRest):
    """A command that is run needs to be told what."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Refuse where nothing is named, before or after ``--``."""
        left = super().parse_args(ctx, args)
        if ctx.params.get("objective") is None and not ctx.params["fixed"] and not ctx.resilient_parsing:
            raise click.UsageError(
                "name what to tune: FILE.py:FUNCTION, a script and --tune FLAGS, or a command after --.", ctx
            )
        return left


@click.command(cls=_Run)
@click.argument("objective", metavar="[FILE.py[:FUNCTION]|SWEEP.yaml]", required=False)
@click.option(
    "--tune",
    "flags",
    multiple=True,
    metavar="FLAGS",
    help="Parameters of a program to search: lr,dropout or lr=1e-5:0.1:log,act=relu|gelu; an empty option, wd=|0.1, leaves the flag out. "
    "Repeatable.",
)
@program_options
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
@click.option("--time", "time_", callback=limit, metavar="TIME", help="Budget of time: 90s, 15m, 1h30m.")
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
@click.option("--trial-time", callback=limit, metavar="TIME", help="Time limit of one trial.")
@click.option("--trial-memory", type=click.IntRange(min=1), metavar="MIB", help="Memory limit of one trial.")
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
@click.option(
    "--past",
    multiple=True,
    metavar="STORE",
    help="Earlier studies to learn from: a store, store.db#name, Optuna's database or journal, a folder of Ray Tune, a .csv. May be repeated.",
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
def run(objective: str | None, **options: Any) -> None:
    """Tune FUNCTION of FILE.py, a script by its flags, or any command; the same call again resumes where it was.

    What stands after -- are the arguments of the script before it, or, where nothing stands before it, a whole command:
    danlu run train.py --tune lr,dropout --metric val_loss -- --epochs 5, or
    danlu run --tune lr=1e-5:0.1:log --metric val_loss -- torchrun --nproc-per-node=2 train.py --lr {lr}.

    In the command {lr} is the value of lr, {dir} the trial's folder, {trial} its number, {seed} its seed, {checkpoint} its folder of
    checkpoints, {config} its config file, {json} its parameters. What has no place there is appended as the program's parser wants it
    (argparse, click, typer, absl, fire, tyro, jsonargparse, Hydra), or as --style says. Its output is read line by line, its files as they grow.

    A sweep of W&B's is run as its file says: danlu run sweep.yaml; a file of a Hydra sweeper with its application: danlu run
    hparams_search/optuna.yaml -- python train.py.
    """
    from ..errors import SettingError
    from ..problem.contexts import contexts_of
    from ..study.tune import tune
    from .leave import leave, told_of_sigterm
    from .recognize import first_trial, say_unused
    from .sweep import is_sweep, swept

    what: Any = objective
    engine = options["engine"]
    options["flags"] = ",".join(options["flags"]) or None
    contexts = contexts_of(_contexts(options["contexts"]))
    if objective is not None and is_sweep(objective):
        what, space = swept(objective, options)
        engine = "pool"
    elif objective is None or options["flags"] is not None or options["metrics"] or options["edits"]:
        from .script import scripted

        what, space, (options["minimize"], options["maximize"]) = scripted(objective, options, contexts)
        if (what.line.says("dir") or what.line.says("checkpoint")) and options["store"] is None:
            echo(
                f"{{dir}} is temporary: it lies in {tempfile.gettempdir()} and goes when this command ends. {_KEPT}",
                err=True,
            )
        engine = engine or "pool"  # what a program prints goes to its trial's log
    else:
        for name, spelled in _SPELLED.items():
            if options[name]:
                raise click.UsageError(
                    f"{spelled} is for scripts, which need --tune FLAGS and --metric 'LINE with {{x}}'."
                )
        space = _space(objective, options["space"])
    if what is not objective:
        say_piped()
    space = _constrained(space, options["constraints"])
    name = _name(objective, what, options)
    first = first_trial(what, options["store"], name)
    ended: list[int] = []

    def tuned(first: Any) -> Any:
        return tune(
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
            seed=options["seed"] if first is None else first.seed,
            enqueue=[] if first is None else [first.params],
            extend=options["extend"],
            past=options["past"],
            keep=options["keep"],
            if_changed=options["if_changed"].replace("-", " "),
            longer=_longer(options["longer"]),
            watch=not options["as_json"],
            callbacks=[lambda _, trial: ended.append(trial.number)],
        )

    with told_of_sigterm():
        try:
            result = tuned(first)
        except SettingError:
            if first is None or first_trial(what, options["store"], name) is first:
                raise
            result = tuned(None)  # another process has begun the study meanwhile, with its own seed
    say_unused(first)
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


def _name(objective: str | None, what: Any, options: dict[str, Any]) -> str:
    if options["name"] is not None:
        return str(options["name"])
    if objective is None:
        return str(what.program.target if what.program.module else Path(what.program.name).stem)
    return objective if options["module"] else Path(objective.rpartition(":")[2]).stem


_KEPT = "--store FILE keeps the folders of the best trials."
_SPELLED = {
    "module": "-m", "terminal": "--terminal", "fixed": "what stands after --", "style": "--style", "booleans": "--booleans",
    "resume": "--resume",
}  # fmt: skip


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
    from ..base.rng import key
    from ..programs.command import Command, own_of

    if not isinstance(what, Command) or not result.history.incumbents.front:
        return ""
    best, folder = (
        result.best,
        f"{result.study.name}-best",
    )  # its own holds what it has made, which would be written over
    own = {"seed": str(key(result.history.definition.seed, best.number, "objective") % 2**31)}
    own |= {name: str(value) for name, value in best.context.items()} | own_of(best.number, Path(folder))
    return what.again(best.params, own)


def _tell(result: Any, options: dict[str, Any], command: str) -> None:
    from ..base.plain import as_json
    from ..programs.apart import units_apart
    from .show import print_best
    from .spelled import spelled

    apart = [
        str(each) for each in units_apart(result.trials, [each.name for each in result.history.goal.metrics])
    ]
    for sentence in apart:
        echo(f"danlu: {sentence}", err=True)
    if options["as_json"]:
        told = {"study": result.study.name, "stopped": result.study.stopped, "trials": result.table()}
        told |= {"command": command} if command else {}
        echo_json(as_json(told | ({"doubts": apart} if apart else {})))
        return
    echo(f"{result!r}\n{spelled(result.study.stopped)}")
    print_best(result)
    if command:
        echo(f"run it again: {command}")
    store = options["store"]
    if store is not None:
        echo(f"see every trial: danlu show {shlex.join([without_secrets(str(store)), result.study.name])}")
    elif result.history.incumbents.front and not command and _has_folder(result):
        echo(
            f"what trial {result.best.number} wrote into its folder goes when this command ends. {_KEPT}",
            err=True,
        )


def _has_folder(result: Any) -> bool:
    """Whether the best trial's code has kept files of its own."""
    from ..errors import DanluError

    try:
        return bool(result.dir())
    except DanluError:
        return False
