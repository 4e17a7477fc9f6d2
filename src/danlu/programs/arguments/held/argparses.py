"""argparse, and what is built on it."""

from __future__ import annotations

import signal
from typing import Any

from .reader import PLAIN, Reader

AFTER_FIRST = 5  # seconds that a program gets between the first parser and the next
PARSERS: dict[str, Any] = {}  # argparse's own ways to parse, which are replaced


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
        (
            "true",
            True,
            ("True", "true", "1", "yes", "on", "y", "t", "Yes", "YES", "On", "ON", "Y", "T", "TRUE"),
        ),
        (
            "false",
            False,
            ("False", "false", "0", "no", "off", "n", "f", "No", "NO", "Off", "OFF", "N", "F", "FALSE", ""),
        ),
    ):
        for text in texts:
            got = reads(action.type, text)
            if isinstance(got, (bool, int)) and got == wanted:
                found[name] = text
                break
    return found if len(found) == 2 else None


def switches(kind: Any) -> bool:
    """Whether a type makes true or false of all that it takes, as strtobool does, and as some do that give 1 and 0."""
    told = [reads(kind, text) for text in ("True", "False", "true", "false", "1", "0", "7", "0.5", "")]
    return {True, False} <= {each for each in told if isinstance(each, (bool, int))} and all(
        each is None or (isinstance(each, (bool, int)) and each in {0, 1}) for each in told
    )


def default_of(action: Any) -> Any:
    """The default as the program has it: what is given as text is read by its type, as argparse does it."""
    default = action.default
    read = reads(action.type, default) if isinstance(default, str) and action.type else None
    default = read if isinstance(read, PLAIN) and read is not None else default
    if not isinstance(default, PLAIN):
        return str(getattr(default, "value", default))
    whole = isinstance(default, int) and default in {0, 1}
    return bool(default) if whole and action.type and switches(action.type) else default


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
        offered = offered_by(action)
        if offered:
            named = [word for word in fixed if word in offered]
            for word in named[:1]:
                found += argparse_flags(offered[word], fixed)
            if not named:
                commands += list(offered)
        if not action.option_strings or kind in {"_HelpAction", "_VersionAction"}:
            continue
        takes = KINDS.get(kind, "value" if action.nargs in {None, "?"} else "list")
        longs = [text for text in action.option_strings if text.startswith("--")] or list(
            action.option_strings
        )
        against = [text for text in longs if takes == "boolean" and turns_off(text, longs)]
        takes = "true" if takes == "boolean" and not against else takes
        shown = [text for text in longs if text not in against]
        default = default_of(action)
        truth = takes == "value" and (
            isinstance(default, bool) or (default is None and action.type and switches(action.type))
        )
        found.append({
            "flag": (shown or longs)[0], "dest": action.dest, "kind": takes, "options": list(action.option_strings),
            "default": default, "help": help_of(action),
            "choices": choices_of(action), "type": getattr(action.type, "__name__", "other") if action.type else None,
            "against": next(iter(against), ""),
            "const": action.const if isinstance(action.const, PLAIN) else str(action.const),
            "truth": truth_of(action) if truth else None,
        })  # fmt: skip
    if commands:
        found.append({"flag": "", "dest": "", "kind": "commands", "choices": commands})
    return found


def offered_by(action: Any) -> dict[str, Any]:
    """The commands that an action of subparsers offers, each with its parser; {} for any other."""
    import argparse

    if not isinstance(action, argparse._SubParsersAction):
        return {}
    return dict(action._name_parser_map)


def commands_of(parser: Any) -> dict[str, Any]:
    """The commands of a parser, each with its own."""
    found: dict[str, Any] = {}
    for action in parser._actions:
        found.update(offered_by(action))
    return found


def turns_off(flag: str, flags: list[str]) -> bool:
    """Whether a flag is another one with a no before its name."""
    return flag.startswith("--no") and any(
        flag in (f"--no{other[2:]}", f"--no-{other[2:]}") for other in flags if other != flag
    )


def help_of(action: Any) -> str:
    text = action.help
    return text if isinstance(text, str) and text != "==SUPPRESS==" else ""


def staged_values(parsers: list[tuple[Any, Any]], argv: list[str], last: Any) -> dict[str, Any]:
    """What stages of parsers make of a command line; the last one is strict when the program is."""
    values: dict[str, Any] = {}
    for parser, _ in parsers:
        found, argv = PARSERS["known"](parser, argv)
        values |= vars(found)
    if last is not None:
        values |= vars(PARSERS["strict"](last, argv))
    return values


class Stages:
    """The parsers of a program that parses in stages, as they were met."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.parsers: list[tuple[Any, Any]] = []

    def known(self) -> None:
        """The flags of the parsers that were seen, when no further one comes."""
        flags = [flag for parser, _ in self.parsers for flag in argparse_flags(parser, self.reader.fixed)]
        self.reader.end(flags, "argparse", lambda argv: staged_values(self.parsers, argv, None))


def hook(reader: Reader) -> None:
    import argparse

    stages = Stages(reader)

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
            for parser, _ in stages.parsers
            for flag in argparse_flags(parser, reader.fixed)
            if flag["flag"] not in names
        ]
        return reader.end(flags, "argparse", lambda argv: staged_values(stages.parsers, argv, self))

    def known(self: Any, *args: Any, **kwargs: Any) -> Any:
        if reader.done:
            return PARSERS["known"](self, *args, **kwargs)
        stages.parsers.append((self, args))
        reader.last_resort = stages.known
        if not reader.staged:
            stages.known()
        reader.done = True
        found = PARSERS["known"](self, *args, **kwargs)
        reader.done = False
        signal.signal(signal.SIGALRM, lambda *_: stages.known())
        signal.alarm(AFTER_FIRST)
        return found

    argparse.ArgumentParser.parse_args = strict
    argparse.ArgumentParser.parse_intermixed_args = strict
    argparse.ArgumentParser.parse_known_args = known
    argparse.ArgumentParser.parse_known_intermixed_args = known
