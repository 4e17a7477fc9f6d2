"""click, and typer on top of it."""

from __future__ import annotations

import contextlib
import enum
import sys
from typing import Any

from .reader import PLAIN, Reader


def click_type(option: Any) -> tuple[str, list[Any] | None]:
    """What an option makes of text, and its choices; typer keeps the annotation, click a type of its own."""
    described = getattr(option, "type_descriptor", None)
    if described is not None:
        kind = described.annotation
        if isinstance(kind, type) and issubclass(kind, enum.Enum):
            return "other", [member.value for member in kind]
        return {int: "int", float: "float", bool: "bool?", str: "str"}.get(kind, "other"), None
    names = {
        "integer": "int",
        "integer range": "int",
        "float": "float",
        "float range": "float",
        "boolean": "bool?",
        "text": "str",
    }
    return names.get(option.type.name, "other"), [
        getattr(choice, "name", choice) for choice in getattr(option.type, "choices", None) or []
    ] or None


def bound(option: Any, end: str) -> float | None:
    """What an option's type has as its least or largest value."""
    held = getattr(getattr(option, "type", None), end, None)
    return held if isinstance(held, (int, float)) else None


def click_flags(command: Any, fixed: list[str]) -> list[dict[str, Any]]:
    found = []
    for option in command.params:
        if option.param_type_name != "option" or option.name in {
            "help",
            "install_completion",
            "show_completion",
        }:
            continue
        kind = "value"
        if getattr(option, "count", False):
            kind = "count"
        elif option.multiple or option.nargs != 1:
            kind = "append" if option.multiple else "list"
        elif option.is_flag:
            kind = (
                "boolean"
                if option.secondary_opts
                else "true"
                if isinstance(option.default, bool) or not option.default
                else "const"
            )
        longs = [text for text in option.opts if text.startswith("--")] or list(option.opts)
        default = None if callable(option.default) else getattr(option.default, "value", option.default)
        default = default if isinstance(default, PLAIN) else None
        kind_of, options = click_type(option)
        found.append({
            "flag": longs[0], "dest": option.name, "kind": kind, "options": [*option.opts, *option.secondary_opts],
            "default": bool(default) if kind in {"true", "boolean"} else default,
            "choices": options, "type": kind_of,
            "against": (option.secondary_opts or [""])[0], "const": True,
            "truth": {"true": "True", "false": "False"} if kind_of == "bool?" else None, "help": option.help or "",
            "low": bound(option, "min"), "high": bound(option, "max"),
        })  # fmt: skip
    commands = getattr(command, "commands", None)
    if commands:
        named = [word for word in fixed if word in commands]
        if named:
            return found + click_flags(commands[named[0]], fixed)
        found.append({"flag": "", "dest": "", "kind": "commands", "choices": list(commands)})
    return found


def click_values(command: Any, argv: list[str]) -> dict[str, Any]:
    """Those of a group and of the command that is named in it; nothing is called."""
    try:
        context = command.make_context("program", list(argv))
        found = dict(context.params)
        while getattr(command, "commands", None):
            left = [
                *getattr(context, "_protected_args", getattr(context, "protected_args", [])),
                *context.args,
            ]
            name, command, rest = command.resolve_command(context, left)
            context = command.make_context(name, rest, parent=context)
            found.update(context.params)
    except Exception as error:
        if not hasattr(error, "format_message"):  # click's errors and typer's own
            raise
        sys.stderr.write(error.format_message())
        raise SystemExit(2) from None
    else:
        return found


def hook(reader: Reader) -> None:
    def main(self: Any, *args: Any, **kwargs: Any) -> Any:
        del args, kwargs
        return reader.end(click_flags(self, reader.fixed), "click", lambda argv: click_values(self, argv))

    with contextlib.suppress(ImportError):
        import click

        for holder in {click.Command, click.Group, getattr(click.core, "BaseCommand", click.Command)}:
            holder.main = main
    try:
        import typer.core
        import typer.main
    except ImportError:
        return
    for holder in (typer.core.TyperCommand, typer.core.TyperGroup):
        holder.main = main
    typer.main.Typer.__call__ = lambda self, *_, **__: main(typer.main.get_command(self))
