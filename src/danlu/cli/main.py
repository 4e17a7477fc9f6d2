"""``danlu``: one word a command; each command's module is imported only when it runs."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

from danlu.cli.echo import echo, forgive, visible

COMMANDS = {
    "run": ("danlu.cli.run:run", "Tune a function; the same command again resumes."),
    "tune": ("danlu.cli.tune:tune", "Tune a network for images, text, tables or recommendations."),
    "auto": ("danlu.cli.auto:auto", "Find, confirm and test a model of a table."),
    "predict": ("danlu.cli.predict:predict", "Predict rows of a table with a saved model."),
    "confirm": ("danlu.cli.confirm:confirm", "Train a study's best on fresh seeds, beside its default."),
    "worker": ("danlu.cli.worker:worker", "Join a study from any machine."),
    "show": ("danlu.cli.show:show", "List studies, or the trials of one."),
    "watch": ("danlu.cli.watch:watch", "Follow a study live from its journal."),
    "dashboard": ("danlu.cli.dashboard:dashboard", "Show studies in a browser, as they run."),
    "note": ("danlu.cli.label:note", "Keep a remark with a study or a trial."),
    "tag": ("danlu.cli.label:tag", "Put words on trials, to find them again."),
    "archive": ("danlu.cli.label:archive", "Leave studies out of the lists."),
    "steer": ("danlu.cli.steer:steer", "Pause, stop or nudge a study that runs."),
    "diagnose": ("danlu.cli.insight:diagnose", "A study on one page: what mattered, what is wrong."),
    "compare": ("danlu.cli.insight:compare", "Which way of searching did better, and by chance?"),
    "plot": ("danlu.cli.insight:plot", "Draw a figure of a study."),
    "replay": ("danlu.cli.replay:replay", "What another scheduler would have saved."),
    "export": ("danlu.cli.transfer:export", "Write a study as JSON lines."),
    "import": ("danlu.cli.transfer:import_", "Make a study of exported lines, or of Optuna's or Ray Tune's."),
    "check": ("danlu.cli.upkeep:check", "Read every event and checkpoint of a store."),
    "backup": ("danlu.cli.upkeep:backup", "Copy a store, also while it is in use."),
    "restore": ("danlu.cli.upkeep:restore", "Make a store of a backup."),
    "repair": ("danlu.cli.upkeep:repair", "Save what is sound of a damaged store."),
    "delete": ("danlu.cli.upkeep:delete", "Delete a study, with all that belongs to it."),
    "gc": ("danlu.cli.upkeep:gc", "Remove checkpoints that nobody names."),
    "doctor": ("danlu.cli.doctor:doctor", "Check this machine and a store."),
}


class Lazy(click.Group):
    """A group that knows its commands by name and first line before it imports them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of a user's day."""
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        del ctx
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is named; of one that there is not, the nearest is said."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            near = get_close_matches(args[0], COMMANDS, 1)
            remedy = f"Did you mean {near[0]!r}?" if near else "danlu --help lists all."
            raise click.UsageError(f"there is no command {args[0]!r}. {remedy}", ctx=ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; an error of danlu is a sentence, in the command's own words."""
        from danlu.errors import DanluError

        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            if visible(error.message) == error.message:
                raise
            raise click.ClickException(visible(error.message)) from None
        except DanluError as error:
            from danlu.cli.spelled import spelled

            command = self.get_command(ctx, ctx.invoked_subcommand or "")
            said = "\n".join([f"danlu: {error}", *getattr(error, "__notes__", ())])
            echo(spelled(said, command) if command else said, err=True)
            ctx.exit(2)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, from the table above."""
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="danlu", prog_name="danlu")
def danlu() -> None:
    """Tune deep-learning models: what to try next, how long each trial may live, nothing lost."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line; errors of danlu are one sentence on stderr and exit code 2."""
    forgive(sys.stdout)
    try:
        sys.exit(danlu.main(arguments, standalone_mode=False))
    except click.NoSuchOption as error:
        answered = _own_word(error)
        answered.show()
        sys.exit(answered.exit_code)
    except click.BadParameter as error:
        answered = _option_word(error)
        answered.show()
        sys.exit(answered.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        echo("danlu: interrupted; run the same command again to resume.", err=True)
        sys.exit(130)


def _own_word(error: click.NoSuchOption) -> click.UsageError:
    """Answer an option that other tools have with danlu's own, where this command has it."""
    import re

    from danlu.base.foreign import ARGUMENTS

    own = ARGUMENTS.get(error.option_name.lstrip("-").replace("-", "_"))
    known = [name for each in error.ctx.command.params for name in each.opts] if error.ctx else []
    found = [f"--{word.replace('_', '-')}" for word in re.findall(r"(\w+)=", own or "")]
    meant = [name for name in found if name in known]
    if not own:
        return error
    remedy = f"danlu says {' or '.join(meant) if meant else own}."
    return click.UsageError(f"No such option {error.option_name!r}. {remedy}", ctx=error.ctx)


def _option_word(error: click.BadParameter) -> click.UsageError:
    """Answer a word that is none of the options with the nearest, and with all of them once."""
    import re
    from difflib import get_close_matches

    param = error.param
    said = re.match(r"'(.*)' is not one of ", error.message, re.DOTALL)
    if param is None or not isinstance(param.type, click.Choice) or said is None:
        return error
    options = list(map(str, param.type.choices))
    name = param.opts[-1] if param.param_type_name == "option" else (param.name or "").upper()
    near = get_close_matches(said[1], options, 1)
    remedy = f"Did you mean {near[0]!r}? " if near else ""
    return click.UsageError(
        f"{name} takes {', '.join(options)}, not {said[1]!r}. {remedy}".rstrip(), ctx=error.ctx
    )
