"""Runs a program until it parses its arguments, says what they are, and tries command lines on its parser; and no further.

This file is run as it is by the program's own Python and imports nothing of danlu: ``python reader.py JSON``, where JSON holds
the target, whether it is a module, its fixed arguments, whether it parses in stages, and two pipes. The first answer is the
list of flags; each further question is a command line, each answer its values or the parser's complaint.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import inspect
import io
import json
import os
import runpy
import signal
import sys
import typing
from typing import Any

AFTER_FIRST = 5  # seconds that a program gets between the first parser and the next
PARSERS: dict[str, Any] = {}  # argparse's own ways to parse, which are replaced
PLAIN = (bool, int, float, str, type(None))


class Reader:
    """Speaks with danlu through two pipes."""

    def __init__(self, told: dict[str, Any]) -> None:
        self.fixed: list[str] = told["fixed"]
        self.staged: bool = told["staged"]
        self.folders = [os.path.abspath(folder) for folder in told["folders"]]
        self.questions = os.fdopen(told["read"], "r")
        self.answers = os.fdopen(told["write"], "w")
        self.earlier: list[tuple[Any, Any]] = []
        self.done = False

    def say(self, answer: dict[str, Any]) -> None:
        print(json.dumps(answer, default=str), file=self.answers, flush=True)

    def end(self, flags: list[dict[str, Any]], kind: str, check: Any) -> None:
        """Answer, and answer questions until nobody asks any more; the program never goes on."""
        self.done = True
        signal.alarm(0)
        self.say({"flags": flags, "kind": kind, "checks": check is not None})
        for line in self.questions:
            complaint = io.StringIO()
            try:
                with contextlib.redirect_stderr(complaint), contextlib.redirect_stdout(complaint):
                    values = check(json.loads(line))
                self.say({"values": {name: plain(value) for name, value in values.items()}})
            except BaseException as error:  # parsers leave by SystemExit, and types may raise anything
                told = [text.strip(" \t│╭╮╰╯─") for text in complaint.getvalue().splitlines()]
                told = [text for text in told if text and not text.startswith("For full help")]
                last = [text for text in told if "rror" in text or "nvalid" in text][-1:] or told[-1:]
                said = "" if isinstance(error, SystemExit) else f"{type(error).__name__}: {error}"
                self.say({"error": said or (last[0] if last else "the parser refused")})
        os._exit(0)

    def refuse(self, sentence: str) -> None:
        if self.earlier:
            self.known()
        self.done = True
        self.say({"error": sentence})
        os._exit(0)

    def known(self) -> None:
        """The flags of the parsers that were seen, when no further one comes."""
        flags = [flag for parser, _ in self.earlier for flag in argparse_flags(parser, self.fixed)]
        self.end(flags, "argparse", lambda argv: staged_values(self.earlier, argv, None))

    def watch(self, event: str, args: tuple[Any, ...]) -> None:
        """A program that writes beside its script before it has parsed its arguments does something else than parsing."""
        if event != "open" or self.done or not isinstance(args[0], str):
            return
        mode, flags = args[1], args[2]
        writes = (isinstance(mode, str) and set(mode) & set("wax+")) or (
            isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        )
        path = os.path.abspath(args[0])
        if (
            writes
            and "__pycache__" not in path
            and any(path.startswith(folder + os.sep) for folder in self.folders)
        ):
            self.refuse(f"it opens {args[0]} for writing before it reads its arguments")


def plain(value: Any) -> Any:
    if isinstance(value, PLAIN):
        return value
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    inner = getattr(value, "value", None)
    return {
        "text": str(value),
        "name": getattr(value, "name", None),
        "value": inner if isinstance(inner, PLAIN) else None,
    }


def choices_of(action: Any) -> list[Any] | None:
    """What to write for each choice: a member of an enum is written as its type reads it."""
    if not action.choices:
        return None
    found = []
    for choice in action.choices:
        if isinstance(choice, PLAIN):
            found.append(choice)
            continue
        for text in (str(choice), getattr(choice, "value", None), getattr(choice, "name", None)):
            if isinstance(text, str) and reads(action.type, text) == choice:
                found.append(text)
                break
    return found


def reads(kind: Any, text: str) -> Any:
    try:
        return kind(text) if kind else text
    except Exception:  # a type may raise what it likes
        return None


def truth_of(action: Any) -> dict[str, str] | None:
    """The texts that a type takes for true and false."""
    found = {}
    for name, wanted, texts in (
        ("true", True, ("True", "true", "1")),
        ("false", False, ("False", "false", "0", "")),
    ):
        for text in texts:
            if reads(action.type, text) is wanted:
                found[name] = text
                break
    return found if len(found) == 2 else None


KINDS = {
    "_StoreTrueAction": "true", "_StoreFalseAction": "false", "_StoreConstAction": "const", "_AppendAction": "append",
    "_ExtendAction": "append", "_AppendConstAction": "append", "_CountAction": "count", "BooleanOptionalAction": "boolean",
}  # fmt: skip


def argparse_flags(parser: Any, fixed: list[str]) -> list[dict[str, Any]]:
    """The options of a parser, and of the commands that the fixed arguments name."""
    found = []
    commands = []
    for action in parser._actions:
        kind = type(action).__name__
        if kind == "_SubParsersAction":
            named = [word for word in fixed if word in action.choices]
            for word in named[:1]:
                found += argparse_flags(action.choices[word], fixed)
            if not named:
                commands += list(action.choices)
        if not action.option_strings or kind in {"_HelpAction", "_VersionAction"}:
            continue
        takes = KINDS.get(kind, "value" if action.nargs in {None, "?"} else "list")
        longs = [text for text in action.option_strings if text.startswith("--")] or list(
            action.option_strings
        )
        shown = [text for text in longs if not (takes == "boolean" and text.startswith("--no-"))]
        default = action.default
        found.append({
            "flag": (shown or longs)[0], "dest": action.dest, "kind": takes, "options": list(action.option_strings),
            "default": default if isinstance(default, PLAIN) else str(getattr(default, "value", default)),
            "choices": choices_of(action), "type": getattr(action.type, "__name__", "other") if action.type else None,
            "against": next((text for text in longs if takes == "boolean" and text.startswith("--no-")), ""),
            "const": action.const if isinstance(action.const, PLAIN) else str(action.const),
            "truth": truth_of(action) if isinstance(default, bool) and takes == "value" else None,
        })  # fmt: skip
    if commands:
        found.append({"flag": "", "dest": "", "kind": "commands", "choices": commands})
    return found


def staged_values(parsers: list[tuple[Any, Any]], argv: list[str], last: Any) -> dict[str, Any]:
    """What stages of parsers make of a command line; the last one is strict when the program is."""
    values: dict[str, Any] = {}
    for parser, _ in parsers:
        found, argv = PARSERS["known"](parser, argv)
        values |= vars(found)
    if last is not None:
        values |= vars(PARSERS["strict"](last, argv))
    return values


def hook_argparse(reader: Reader) -> None:
    import argparse

    PARSERS["known"], PARSERS["strict"] = (
        argparse.ArgumentParser.parse_known_args,
        argparse.ArgumentParser.parse_args,
    )

    def strict(self: Any, *args: Any, **kwargs: Any) -> Any:
        if reader.done:
            return PARSERS["strict"](self, *args, **kwargs)
        if (
            type(self).parse_known_args is not known
        ):  # it completes itself there, as simple-parsing does, and comes back below
            reader.staged = False
            return PARSERS["strict"](self, *args, **kwargs)
        flags = argparse_flags(self, reader.fixed)
        names = {flag["flag"] for flag in flags}
        flags += [
            flag
            for parser, _ in reader.earlier
            for flag in argparse_flags(parser, reader.fixed)
            if flag["flag"] not in names
        ]
        return reader.end(flags, "argparse", lambda argv: staged_values(reader.earlier, argv, self))

    def known(self: Any, *args: Any, **kwargs: Any) -> Any:
        if reader.done:
            return PARSERS["known"](self, *args, **kwargs)
        reader.earlier.append((self, args))
        if not reader.staged:
            reader.known()
        reader.done = True
        found = PARSERS["known"](self, *args, **kwargs)
        reader.done = False
        signal.signal(signal.SIGALRM, lambda *_: reader.known())
        signal.alarm(AFTER_FIRST)
        return found

    argparse.ArgumentParser.parse_args = strict
    argparse.ArgumentParser.parse_intermixed_args = strict
    argparse.ArgumentParser.parse_known_args = known
    argparse.ArgumentParser.parse_known_intermixed_args = known


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
            "truth": {"true": "True", "false": "False"} if kind_of == "bool?" else None,
        })  # fmt: skip
    commands = getattr(command, "commands", None)
    if commands:
        named = [word for word in fixed if word in commands]
        if named:
            return found + click_flags(commands[named[0]], fixed)
        found.append({"flag": "", "dest": "", "kind": "commands", "choices": list(commands)})
    return found


def click_values(command: Any, argv: list[str]) -> dict[str, Any]:
    """Without groups, whose commands are read as they run."""
    try:
        return dict(command.make_context("program", list(argv)).params)
    except Exception as error:
        if not hasattr(error, "format_message"):  # click's errors and typer's own
            raise
        sys.stderr.write(error.format_message())
        raise SystemExit(2) from None


def hook_click(reader: Reader) -> None:
    def main(self: Any, *args: Any, **kwargs: Any) -> Any:
        del args, kwargs
        check = None if getattr(self, "commands", None) else (lambda argv: click_values(self, argv))
        return reader.end(click_flags(self, reader.fixed), "click", check)

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


def absl_kind(flag: Any) -> str:
    """How many values a flag of absl takes; its classes are known by name, as they may not be imported."""
    if any(each.__name__ == "MultiFlag" for each in type(flag).__mro__):
        return "append"
    return "list" if any(each.__name__ == "BaseListParser" for each in type(flag.parser).__mro__) else "value"


def absl_flags(values: Any) -> list[dict[str, Any]]:
    found = []
    for module, flags in values.flags_by_module_dict().items():
        if module.partition(".")[0] == "absl":
            continue
        for flag in flags:
            kind = type(flag.parser).__name__
            options = getattr(flag.parser, "enum_values", None)
            found.append({
                "flag": f"--{flag.name}", "dest": flag.name, "kind": absl_kind(flag),
                "options": [f"--{flag.name}", f"--no{flag.name}"],
                "default": flag.default if isinstance(flag.default, PLAIN) else str(flag.default),
                "choices": list(options) if options else None,
                "type": {"IntegerParser": "int", "FloatParser": "float", "BooleanParser": "bool?"}.get(kind, "str"),
                "truth": {"true": "true", "false": "false"} if kind == "BooleanParser" else None,
            })  # fmt: skip
    return found


def hook_absl(reader: Reader) -> None:
    try:
        from absl import app, flags
    except ImportError:
        return
    real = flags.FlagValues.__call__

    def values(found: Any, argv: list[str]) -> dict[str, Any]:
        for name in found:
            found[name].unparse()
        real(found, ["program", *argv])
        return {name: found[name].value for name in found}

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if reader.done:
            return real(self, *args, **kwargs)
        return reader.end(absl_flags(self), "absl", lambda argv: values(self, argv))

    flags.FlagValues.__call__ = call
    app.run = lambda *_, **__: call(flags.FLAGS)


def signature_flags(component: Any, *, dashes: bool) -> list[dict[str, Any]]:
    """Flags of a dataclass or function, for libraries that make them from it."""
    if dataclasses.is_dataclass(component):
        made = [
            (
                field.name,
                field.default_factory()
                if field.default_factory is not dataclasses.MISSING
                else field.default,
            )
            for field in dataclasses.fields(component)
        ]
    else:
        made = [(name, each.default) for name, each in inspect.signature(component).parameters.items()]
    hints = {}
    with contextlib.suppress(Exception):  # annotations may name what is not there
        hints = typing.get_type_hints(component)
    kinds = {int: "int", float: "float", str: "str"}
    found = []
    for name, value in made:
        kind = kinds.get(hints[name], "other") if name in hints else kinds.get(type(value), "other")
        known = isinstance(value, PLAIN)
        flag = "--" + (name.replace("_", "-") if dashes else name)
        negative = "--no-" + name.replace("_", "-")
        switch = dashes and isinstance(value, bool)
        found.append({
            "flag": flag, "dest": name, "kind": "boolean" if switch else "value", "options": [flag, f"--{name}", negative],
            "default": value if known else None, "choices": None, "against": negative if switch else "",
            "type": kind,
            "truth": {"true": "True", "false": "False"} if isinstance(value, bool) else None,
        })  # fmt: skip
    return found


def hook_jsonargparse(reader: Reader) -> None:
    """It is built on argparse and parses by itself."""
    try:
        import jsonargparse
    except ImportError:
        return
    real = jsonargparse.ArgumentParser.parse_args

    def parse(self: Any, *args: Any, **kwargs: Any) -> Any:
        if reader.done:
            return real(self, *args, **kwargs)
        flags = argparse_flags(self, reader.fixed)
        for flag, action in (
            (flag, action) for flag in flags for action in self._actions if action.dest == flag["dest"]
        ):
            hint = getattr(action, "_typehint", None)
            if hint is not None:
                flag["type"] = {int: "int", float: "float", str: "str", bool: "bool?"}.get(hint, "other")
                flag["truth"] = {"true": "true", "false": "false"} if hint is bool else None
        return reader.end(flags, "jsonargparse", lambda argv: dict(real(self, list(argv)).as_flat().__dict__))

    jsonargparse.ArgumentParser.parse_args = parse


def hook_fire(reader: Reader) -> None:
    try:
        import fire
    except ImportError:
        return

    def run(component: Any = None, *args: Any, **kwargs: Any) -> Any:
        del args, kwargs
        if inspect.isfunction(component):
            return reader.end(signature_flags(component, dashes=False), "fire", None)
        return reader.refuse("fire is given no function, so its flags depend on what is called")

    fire.Fire = run
    with contextlib.suppress(AttributeError):
        fire.core.Fire = run


def hook_tyro(reader: Reader) -> None:
    try:
        import tyro
    except ImportError:
        return
    real = tyro.cli

    def cli(component: Any, *args: Any, **kwargs: Any) -> Any:
        del args, kwargs
        if not (dataclasses.is_dataclass(component) or inspect.isfunction(component)):
            return reader.refuse("tyro is given neither a dataclass nor a function")
        checks = None
        if dataclasses.is_dataclass(component):
            checks = lambda argv: vars(real(component, args=list(argv)))  # noqa: E731 - one expression
        return reader.end(signature_flags(component, dashes=True), "tyro", checks)

    tyro.cli = cli


def main() -> None:
    told = json.loads(sys.argv[1])
    target = told["target"]
    reader = Reader(told)
    hook_argparse(reader)
    for name, hook in (("click", hook_click), ("absl", hook_absl), ("fire", hook_fire), ("tyro", hook_tyro),
                       ("jsonargparse", hook_jsonargparse)):  # fmt: skip
        if name in told["libraries"]:
            hook(reader)
    sys.argv = [target, *reader.fixed]
    sys.dont_write_bytecode = True
    sys.addaudithook(reader.watch)
    try:
        if told["module"]:
            sys.path[0] = os.getcwd()
            runpy.run_module(target, run_name="__main__", alter_sys=True)
        else:
            sys.path[0] = os.path.dirname(os.path.abspath(target))
            runpy.run_path(target, run_name="__main__")
    except BaseException as error:  # whatever the program leaves with is told
        if isinstance(error, SystemExit) and error.code in {0, None}:
            reader.refuse("it ended without reading arguments")
        reader.refuse(f"it ended with {type(error).__name__}: {error}")
    reader.refuse("it ran to its end without reading arguments")


if __name__ == "__main__":
    main()
