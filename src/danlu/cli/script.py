"""What ``danlu run train.py --tune ... --metric ...`` searches: flags by name, with ranges given or inferred."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import click
import msgspec

from ..engines.flags import Flag, Program, ProgramError, Reading, differs, scan
from ..engines.script import HOLE, Script
from ..errors import ObjectiveError
from ..problem.direction import direction
from ..space.infer import FIXED
from ..space.parameters import Choice, Float, Int
from .echo import echo

_SWITCHES = {"true", "false", "boolean"}
"""Kinds of flags that take no value."""

READ = {None, "int", "float", "bool", "str", "bool?"}
"""Types whose values have to be those that were given; others may make of them what they like, which is shown."""

Goals = tuple[tuple[str, ...], tuple[str, ...]]


def scripted(
    target: str, options: Mapping[str, Any], contexts: Sequence[Mapping[str, Any]] = ()
) -> tuple[Script, dict[str, Any], Goals]:
    """The objective, its space, and the metrics to minimize and to maximize; prints what is assumed.

    Args:
        target: the program.
        options: of ``danlu run``.
        contexts: that each configuration is evaluated in.

    Raises:
        UsageError: for a flag that the script does not have, or a range that makes no sense.
        ObjectiveError: for a program that cannot be read or refuses its arguments.
    """
    _refuse(options)
    program = Program(target, module=options["module"])
    fixed: tuple[str, ...] = options["fixed"]
    asked = dict(_asked(options["flags"]))
    with contextlib.ExitStack() as stack:
        reading = _reading(stack, program, fixed, asked, terminal=options["terminal"])
        flags, space = _space(reading, fixed, asked)
        goals, why = _goals(Script(program, flags, options["metrics"]), options)
        objective = Script(
            program, flags, options["metrics"], fixed=fixed, terminal=options["terminal"], why=why
        )
        if reading is not None:
            _try(objective, reading, space, contexts)
    _reach(objective, contexts)
    return objective, space, goals


def _refuse(options: Mapping[str, Any]) -> None:
    if not options["flags"] or not options["metrics"]:
        raise click.UsageError("a script needs --tune FLAGS and --metric 'LINE with {x}'.")
    if options["space"]:
        raise click.UsageError(
            f"a script's space is what --tune says, so --space {options['space']} would be ignored. Leave it out."
        )
    if options["engine"] not in {None, "pool"}:
        raise click.UsageError(
            f"a script is run by the pool, which keeps what it prints, got --engine {options['engine']}. Leave it out, or "
            "tune a function: danlu run FILE.py:FUNCTION."
        )


def _asked(text: str) -> list[tuple[str, str]]:
    """Names and ranges, '' where none is given."""
    found: list[tuple[str, str]] = []
    for part in text.split(","):
        name, _, what = part.strip().lstrip("-").partition("=")
        if not name:
            raise click.UsageError(f"--tune needs names of flags between commas, got {text!r}.")
        if name in dict(found):
            raise click.UsageError(f"--tune needs each flag once, got {name} twice.")
        found.append((name, what))
    return found


def _reading(
    stack: contextlib.ExitStack,
    program: Program,
    fixed: Sequence[str],
    asked: Mapping[str, str],
    *,
    terminal: bool,
) -> Reading | None:
    """The program at its parser; None where it has none that is read, which needs a range for each flag."""
    try:
        return stack.enter_context(
            Reading(program, [HOLE.sub("0", text) for text in fixed], terminal=terminal)
        )
    except ObjectiveError as error:
        if not all(asked.values()) or isinstance(error, ProgramError):
            raise
        known = not program.runs_itself and scan(program)[0]
        reason = (
            str(error).partition(". Give every")[0]
            if known
            else f"{program.target} has no parser that danlu reads"
        )
        echo(f"{reason}: what --tune names is passed as it is, --NAME=VALUE.", err=True)
        return None


def _space(
    reading: Reading | None, fixed: Sequence[str], asked: Mapping[str, str]
) -> tuple[dict[str, Flag], dict[str, Any]]:
    flags: dict[str, Flag] = {}
    space: dict[str, Any] = {}
    for name, what in asked.items():
        if f"{{{name}}}" in " ".join(fixed):
            if not what:
                raise click.UsageError(
                    f"{{{name}}} among the fixed arguments needs a range: --tune {name}=LOW:HIGH or =a|b."
                )
            flag = Flag(f"--{name}", name)
        elif reading is None:
            flag = Flag(f"--{name}", name)
        else:
            flag = _known(name, reading)
            _refuse_fixed(flag, reading, fixed)
            if flag.refused():
                raise click.UsageError(f"{flag.refused()}.")
            if flag.name != flag.flag.lstrip("-").replace("-", "_"):
                echo(
                    f"{flag.flag} sets {flag.dest}: the study has {flag.name}, with the program's value.",
                    err=True,
                )
        flags[flag.name] = flag
        space[flag.name] = _range(flag, what) if what else _inferred(flag)
    return flags, space


def _inferred(flag: Flag) -> Any:
    found = flag.inferred()
    if found.parameter is None and (flag.kind in _SWITCHES or flag.truth is not None):
        echo(f"{flag.name}: on or off, as was asked; {'on' if flag.default else 'off'} first", err=True)
        return _switch(flag)
    if found.parameter is None:
        raise click.UsageError(
            f"--{flag.name}: {found.why}. Give its range: --tune {flag.name}=LOW:HIGH or =a|b."
        )
    echo(str(found), err=True)
    return found.parameter


def _known(name: str, reading: Reading) -> Flag:
    known = {flag.name: flag for flag in reading.flags} | {
        flag.flag.lstrip("-"): flag for flag in reading.flags
    }
    alike = {
        text.lstrip("-").replace("_", "-"): flag
        for flag in reading.flags
        for text in flag.options
        if text != flag.against
    }
    alike |= {
        flag.dest.replace("_", "-"): flag
        for flag in reading.flags
        if flag.dest.replace("_", "-") not in alike
    }
    found = known.get(name) or alike.get(name.replace("_", "-"))
    if found is not None:  # of several spellings the one that was asked for
        own = [
            each
            for each in found.options
            if found.kind == "value" and each.lstrip("-") == name and len(each) > 2
        ]
        return msgspec.structs.replace(found, flag=own[0]) if own else found
    spelled = [flag.flag.lstrip("-") for flag in reading.flags]
    near = [each for each in spelled if each.startswith(name)] or get_close_matches(name, spelled, n=1)
    remedy = f"Did you mean --{near[0]}?" if near else f"It has: {', '.join(sorted(set(known) - FIXED))}."
    if reading.commands:
        remedy = f"It has commands: name one among the fixed arguments, -- {reading.commands[0]} (of {', '.join(reading.commands)})."
    raise click.UsageError(f"the script has no flag --{name}. {remedy}")


def _refuse_fixed(flag: Flag, reading: Reading, fixed: Sequence[str]) -> None:
    """A flag that is searched and fixed at once would be given twice, and the last one wins without a word."""
    others = {text for each in reading.flags for text in each.options if each.flag != flag.flag}
    for text in fixed:
        word = text.partition("=")[0]
        short = word.startswith("--") and len(word) > 2 and any(own.startswith(word) for own in flag.options)
        if word in flag.options or (short and word not in others):
            raise click.UsageError(f"{flag.flag} is searched and fixed ({text}). Leave one of the two out.")


def _try(
    objective: Script, reading: Reading, space: Mapping[str, Any], contexts: Sequence[Mapping[str, Any]]
) -> None:
    """Give the program's own parser command lines with the ends and options of each range.

    Raises:
        UsageError: when it refuses one, or makes another value of what it is given.
    """
    tried = {name: _values(parameter) for name, parameter in space.items()}
    placed = objective.placed(space)
    seen = [{name: str(value) for name, value in context.items()} for context in contexts] or [{}]
    for at in range(max(len(seen), *map(len, tried.values()))):
        point = {name: values[at % len(values)] for name, values in tried.items()}
        arguments = objective.arguments(point, seen[at % len(seen)] | {"dir": "dir", "trial": "0"})
        try:
            values = reading.values(arguments)
        except ObjectiveError as error:
            raise click.UsageError(f"{error}. danlu tried: {' '.join(arguments)}") from None
        if values is None:
            echo(
                f"the parser of {reading.kind} cannot be asked: what it makes of the values is not known.",
                err=True,
            )
            return
        for name, flag in objective.flags.items():
            other = "" if name in placed else differs(flag, point[name], values)
            if other and flag.type not in READ:
                echo(f"{flag.name}: of {point[name]!r} the program makes {other}.", err=True)
            elif other:
                raise click.UsageError(
                    f"{' '.join(flag.arguments(point[name])) or flag.flag} gives the program {other} in place of {point[name]!r}. "
                    f"Search values that its type ({flag.type or 'text'}) takes, or mend its parser."
                )


def _values(parameter: Any) -> list[Any]:
    if isinstance(parameter, Choice):
        return list(parameter.values)
    return [parameter.low, parameter.high]


def _reach(script: Script, contexts: Sequence[Mapping[str, Any]]) -> None:
    """Say how contexts reach a script that nothing hands them to: it may read a variable, which nobody can know.

    Raises:
        UsageError: for a context that is named like something else that fixed arguments may say.
    """
    names = tuple(contexts[0]) if contexts else ()
    for name in names:
        if name in {"dir", "trial", *script.flags}:
            raise click.UsageError(
                f"{{{name}}} stands for something else already. Give the context another name than {name!r}."
            )
    unsaid = [name for name in names if not script.says(name)]
    if unsaid:
        holes = " ".join(f"--{name} {{{name}}}" for name in unsaid)
        echo(
            f"nothing hands {', '.join(unsaid)} to the script: all its trials train alike unless it reads DANLU_CONTEXT (JSON). "
            f"Write -- {holes}.",
            err=True,
        )


def _goals(script: Script, options: Mapping[str, Any]) -> tuple[Goals, dict[str, str]]:
    """The metrics of the goal; where none is given, the one that is {x}, if its name says the direction.

    Raises:
        UsageError: for a name that is not printed, and for a direction that nobody can know.
    """
    names = script.names
    small, large = tuple(options["minimize"]), tuple(options["maximize"])
    for name in (*small, *large):
        if name not in names:
            near = get_close_matches(name, names, n=1)
            remedy = f"Did you mean {near[0]!r}?" if near else f"--metric gives: {', '.join(names)}."
            raise click.UsageError(
                f"no --metric is named {name!r}. {remedy} A hole may have a name: 'acc {{{name}}}'."
            )
    if small or large:
        return (small, large), dict.fromkeys(small, "minimized, as asked") | dict.fromkeys(
            large, "maximized, as asked"
        )
    first = script.main
    way, reason = direction(first)
    if first in script.doubts:
        way, reason = None, script.doubts[first]
    if way is None:
        raise click.UsageError(
            f"nobody can know whether more of {first!r} is better ({reason}). Say --minimize {first} or --maximize {first}."
        )
    echo(f"{first} is {way}d: {reason} (--minimize or --maximize says otherwise).", err=True)
    return ((first,), ()) if way == "minimize" else ((), (first,)), {first: f"{way}d: {reason}"}


def _range(flag: Flag, text: str) -> Any:
    """``low:high``, ``low:high:log`` or ``a|b|c``; the script's default is tried first where it is inside."""
    if "|" in text:
        if flag.kind in _SWITCHES:
            words = {word.strip().lower() for word in text.split("|")}
            if words not in ({"true", "false"}, {"on", "off"}, {"yes", "no"}, {"1", "0"}):
                raise click.UsageError(f"--{flag.name} is on or off, got {text!r}. Write --tune {flag.name}.")
            return _switch(flag)
        values = [_value(each, flag) for each in text.split("|")]
        return Choice(values, prior=flag.default) if flag.default in values else Choice(values)
    low, _, rest = text.partition(":")
    high, _, scale = rest.partition(":")
    try:
        bounds = [float(low), float(high)]
    except ValueError:
        bounds = []
    if not bounds or scale not in {"", "log"}:
        raise click.UsageError(f"--{flag.name} needs LOW:HIGH, LOW:HIGH:log or a|b, got {text!r}.")
    if flag.kind in {"true", "false", "boolean", "const"} or isinstance(flag.default, bool):
        raise click.UsageError(
            f"--{flag.name} is on or off and has no range, got {text!r}. Write --tune {flag.name}."
        )
    if flag.choices:
        options = "|".join(map(str, flag.choices))
        raise click.UsageError(
            f"--{flag.name} takes one of {options} and has no range, got {text!r}. Write --tune {flag.name} or {flag.name}={options}."
        )
    whole = flag.type == "int" or (flag.type != "float" and all(_is_int(each) for each in (low, high)))
    if whole and not all(each.is_integer() for each in bounds):
        raise click.UsageError(f"--{flag.name} takes whole numbers, got {text!r}.")
    inside = isinstance(flag.default, int | float) and bounds[0] <= flag.default <= bounds[1]
    prior = flag.default if inside else None
    if whole:
        prior = int(prior) if prior is not None and float(prior).is_integer() else None
        return Int(int(bounds[0]), int(bounds[1]), log=scale == "log", prior=prior)
    return Float(bounds[0], bounds[1], log=scale == "log", prior=None if prior is None else float(prior))


def _switch(flag: Flag) -> Choice:
    """On or off, what it is without being given first."""
    return Choice([True, False], prior=bool(flag.default))


def _is_int(text: str) -> bool:
    return text.strip().lstrip("+-").isdigit()


def _value(text: str, flag: Flag) -> Any:
    text = text.strip()
    if flag.truth is not None and text.lower() in {"true", "false"}:
        return text.lower() == "true"
    if (flag.type is None and flag.options) or flag.type == "str":
        return text
    for kind in (int, float) if flag.type != "float" else (float,):
        with contextlib.suppress(ValueError):
            return kind(text)
    return text
