"""jsonargparse, and LightningCLI on top of it: built on argparse, and parsing by itself."""

from __future__ import annotations

import contextlib
import typing
from typing import Any

from .argparses import argparse_flags, commands_of
from .reader import PLAIN, Reader


def kind_of(hint: Any) -> str:
    if typing.get_origin(hint) is typing.Union or type(hint).__name__ == "UnionType":
        inner = [each for each in typing.get_args(hint) if each is not type(None)]
        hint = inner[0] if len(inner) == 1 else hint
    return {int: "int", float: "float", str: "str", bool: "bool?"}.get(hint, "other")


def hook(reader: Reader) -> None:
    try:
        import jsonargparse
    except ImportError:
        return
    real = jsonargparse.ArgumentParser.parse_args

    def values(parser: Any, argv: list[str]) -> dict[str, Any]:
        """Flat, those of a command without its name before theirs."""
        found: dict[str, Any] = dict(real(parser, list(argv)).as_flat().__dict__)
        for command in commands_of(parser):
            found.update(
                {
                    name[len(command) + 1 :]: value
                    for name, value in list(found.items())
                    if name.startswith(f"{command}.")
                }
            )
        return found

    def parse(self: Any, *args: Any, **kwargs: Any) -> Any:
        if reader.done:
            return real(self, *args, **kwargs)
        reader.done = True  # its own parsing is not the program's
        now: dict[str, Any] = {}
        with contextlib.suppress(BaseException):  # what is missing is asked for with the first command line
            now = values(self, reader.fixed)
        reader.done = False
        chosen = [commands_of(self)[word] for word in reader.fixed if word in commands_of(self)]
        parsers = [self, *chosen[:1]]
        hints = {
            action.dest: getattr(action, "_typehint", None)
            for parser in parsers
            for action in parser._actions
        }
        flags = argparse_flags(self, reader.fixed)
        flags = [
            flag
            for flag in flags
            if flag["dest"] not in {"config", "print_config"} and flag["default"] != "==SUPPRESS=="
        ]
        for flag in flags:
            hint = hints.get(flag["dest"])
            if hint is not None:
                flag["type"], flag["truth"] = (
                    kind_of(hint),
                    {"true": "true", "false": "false"} if kind_of(hint) == "bool?" else None,
                )
                if typing.get_origin(hint) is typing.Literal:
                    flag["choices"] = list(typing.get_args(hint))
            if isinstance(now.get(flag["dest"]), PLAIN) and flag["dest"] in now:
                flag["default"] = now[flag["dest"]]
        flags += further(now, flags, list(commands_of(self)))
        return reader.end(flags, "jsonargparse", lambda argv: values(self, argv))

    jsonargparse.ArgumentParser.parse_args = parse


def further(now: dict[str, Any], flags: list[dict[str, Any]], commands: list[str]) -> list[dict[str, Any]]:
    """Flags that the parser only knows once a class is chosen: ``--model.init_args.lr``."""
    known = {flag["dest"] for flag in flags}
    found = []
    for name, value in now.items():
        if (
            name in known
            or "." not in name
            or name.partition(".")[0] in commands
            or not isinstance(value, PLAIN)
        ):
            continue
        kind = kind_of(type(value))
        found.append({
            "flag": f"--{name}", "dest": name, "kind": "value", "options": [f"--{name}"], "default": value, "type": kind,
            "truth": {"true": "true", "false": "false"} if kind == "bool?" else None,
        })  # fmt: skip
    return found
