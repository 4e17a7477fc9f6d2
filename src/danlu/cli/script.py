"""What ``danlu run`` searches of a program: parameters by name, with ranges given or inferred, and the place of each."""

from __future__ import annotations

import contextlib
import shlex
import tempfile
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

import click
import msgspec

from ..errors import ObjectiveError
from ..problem.direction import direction
from ..problem.goal import Goal
from ..programs.arguments.configs import Edit, edit_of, value_at
from ..programs.arguments.flags import Flag, ProgramError, Reading, differs, scan
from ..programs.arguments.template import HOLE, OWN, Style, holes, known
from ..programs.command import Command, own_of
from ..programs.program import Program, program_of
from ..space.infer import FIXED
from ..space.parameters import Choice
from .echo import echo
from .ranges import inferred_of, options_in_file, range_of

READ = {None, "int", "float", "bool", "str", "bool?"}
"""Types whose values have to be those that were given; others may make of them what they like, which is shown."""

Goals = tuple[tuple[str, ...], tuple[str, ...]]


def scripted(
    target: str | None, options: Mapping[str, Any], contexts: Sequence[Mapping[str, Any]] = ()
) -> tuple[Command, dict[str, Any], Goals]:
    """The objective, its space, and the metrics to minimize and to maximize; prints what is assumed.

    Args:
        target: the program; None where the fixed arguments are a whole command.
        options: of ``danlu run``.
        contexts: that each configuration is evaluated in.

    Raises:
        UsageError: for a flag that the program does not have, or a range that makes no sense.
        ObjectiveError: for a program that cannot be read or refuses its arguments.
    """
    _refuse(options)
    edits, ranges = _edits(options.get("edits") or ())
    asked, of_files = dict(_asked(options["flags"])), _space_of(edits, ranges)
    make, space = _made(target, options, asked, edits, of_files, contexts, _parameter)
    if not options["metrics"]:
        from .recognize import recognized

        found = recognized(lambda recorder: make((), reads=recorder), space, options, contexts)
        options = {**options, **found._asdict()}
    goals, why = _goals(make(options["metrics"]), options)
    objective = make(options["metrics"], why=why, rehearsed=options.get("rehearsed"))
    _reach(objective, contexts)
    return objective, space, goals


def joined(
    target: str | None,
    options: Mapping[str, Any],
    searched: Mapping[str, Any],
    goal: Goal,
    contexts: Sequence[Mapping[str, Any]] = (),
) -> Command:
    """The objective of a worker that joins a study: the program that its caller names, the parameters of the study.

    Args:
        target: the program; None where the fixed arguments are a whole command.
        options: of ``danlu worker``.
        searched: the study's parameters by name.
        goal: the study's.
        contexts: that each configuration is evaluated in.

    Raises:
        UsageError: for a parameter that has no place in the program, and for a metric of the goal that nothing reads.
        ObjectiveError: for a program that cannot be read or refuses its arguments.
    """
    edits, _ = _edits(options["edits"])
    for edit in edits:
        value_at(edit.file, edit.key)
        if edit.name and edit.name not in searched:
            raise click.UsageError(
                f"the study has no parameter {edit.name!r}. It has: {', '.join(searched)}."
            )
    of_files = {edit.name: searched[edit.name] for edit in edits if edit.name}
    asked = {name: "as in the study" for name in searched if name not in of_files}

    def parameter(flag: Flag, _: str) -> Any:
        if flag.name not in searched:
            raise click.UsageError(
                f"the program's {flag.flag} is {flag.name} to danlu, and the study has: {', '.join(searched)}. Write the parameter where it "
                f"belongs: -- {flag.flag} {{{flag.dest}}}."
            )
        return searched[flag.name]

    make, _ = _made(target, options, asked, edits, of_files, contexts, parameter)
    objective = make(options["metrics"])
    names = [*(metric.name for metric in goal.metrics), *(limit.name for limit in goal.limits)]
    missing = [name for name in names if name not in objective.names]
    if missing:
        raise click.UsageError(
            f"no --metric is named {missing[0]!r}, which the study is about. --metric gives: {', '.join(objective.names)}."
        )
    _reach(objective, contexts)
    return objective


def _made(
    target: str | None,
    options: Mapping[str, Any],
    asked: Mapping[str, str],
    edits: Sequence[Edit],
    of_files: Mapping[str, Any],
    contexts: Sequence[Mapping[str, Any]],
    parameter: Callable[[Flag, str], Any],
) -> tuple[Callable[..., Command], dict[str, Any]]:
    """What makes the objective of its metrics, and the space; command lines of it are tried on the program's parser.

    Args:
        target, options, contexts: as in ``scripted``.
        asked: the parameters that are no key of a file, with the text of their range.
        edits, of_files: those that are, and their parameters.
        parameter: what a flag is searched in, by the text of its range.
    """
    program, fixed = _program(target, options)
    style, resume = _style(options), tuple(shlex.split(options.get("resume") or ""))
    places = dict.fromkeys(holes([*program.words, *fixed, *resume, *(edit.text for edit in edits)]))
    with contextlib.ExitStack() as stack:
        reading = None
        if not (style and all(asked.values())):
            reading = _reading(
                stack,
                program,
                fixed,
                asked,
                places,
                terminal=options["terminal"],
                config=edits[0].file if edits else "",
            )
        flags, space, guessed = _space(reading, fixed, asked, places, style, parameter)
        twice = next((name for name in of_files if name in space), "")
        if twice:
            raise click.UsageError(f"{twice} is named by --tune and by --edit. Leave one of the two out.")
        space |= of_files
        make = partial(
            Command, program, flags, fixed=_own_folder(reading, fixed), terminal=options["terminal"], style=style, edits=edits,
            resume=resume,
        )  # fmt: skip
        _say_unknown(make(()), space, contexts)
        if reading is not None:
            _try(make(()), reading, space, guessed, contexts)
    return make, space


def _parameter(flag: Flag, text: str) -> Any:
    return range_of(flag, text) if text else inferred_of(flag)


def _refuse(options: Mapping[str, Any]) -> None:
    if not (options["flags"] or options.get("edits")):
        raise click.UsageError(
            "a script needs --tune FLAGS: lr,dropout or lr=1e-5:0.1:log,act=relu|gelu; or --edit FILE:KEY for a value in a config file."
        )
    if options["space"]:
        raise click.UsageError(
            f"a program's space is what --tune and --edit say, so --space {options['space']} would be ignored. Leave it out."
        )
    if options["engine"] not in {None, "pool", "ray"}:
        raise click.UsageError(
            f"a program is run by the pool or by Ray, which keep what it prints, got --engine {options['engine']}. Leave it out, or "
            "tune a function: danlu run FILE.py:FUNCTION."
        )


def _program(target: str | None, options: Mapping[str, Any]) -> tuple[Program, tuple[str, ...]]:
    if target is not None:
        program = Program(target, module=options["module"])
        starter = program.starter
        if starter:
            line = shlex.join([*starter.split(), target, *options["fixed"]])
            raise click.UsageError(
                f"{target} is no Python script, and nothing in it says what runs it. Put it after -- with its program before it: "
                f"danlu run --tune lr=1e-5:0.1:log --metric val_loss -- {line} --lr {{lr}}."
            )
        return program, tuple(options["fixed"])
    words = tuple(options["fixed"])
    if options["module"]:
        return Program(words[0], module=True), words[1:]
    return program_of(words)


def _style(options: Mapping[str, Any]) -> Style | None:
    look, booleans = options.get("style"), options.get("booleans")
    if not look and not booleans:
        return None
    return Style(look or "--lr=1", booleans or "True/False")


def _edits(told: Sequence[str]) -> tuple[list[Edit], dict[str, str]]:
    """The edits, and the range of each parameter among them, '' where it is inferred."""
    edits: list[Edit] = []
    ranges: dict[str, str] = {}
    for text in told:
        edit, what = edit_of(text)
        if edit.name in ranges:
            raise click.UsageError(f"--edit needs each key once, got {edit.name} twice.")
        if edit.name:
            ranges[edit.name] = what
        edits.append(edit)
    return edits, ranges


def _space_of(edits: Sequence[Edit], ranges: Mapping[str, str]) -> dict[str, Any]:
    """The parameters whose values are in config files; what is there is tried first."""
    space: dict[str, Any] = {}
    for edit in edits:
        default = value_at(edit.file, edit.key)
        if not edit.name:
            continue
        if "|" in ranges[edit.name]:
            space[edit.name] = options_in_file(f"{edit.key} of {edit.file}", default, ranges[edit.name])
            continue
        if ranges[edit.name] and isinstance(default, str):
            raise click.UsageError(
                f"{edit.key} of {edit.file} is the text {default!r}, and a range is of numbers, got {ranges[edit.name]!r}. Write options, a|b, "
                "or have the file hold a number."
            )
        kind = "float" if isinstance(default, float) else None
        truth = {"true": "true", "false": "false"} if isinstance(default, bool) else None
        flag = Flag(edit.key, edit.key, default, kind="assign", type=kind, truth=truth)
        space[edit.name] = range_of(flag, ranges[edit.name]) if ranges[edit.name] else inferred_of(flag)
    return space


def _asked(text: str | None) -> list[tuple[str, str]]:
    """Names and ranges, '' where none is given."""
    found: list[tuple[str, str]] = []
    for part in text.split(",") if text else ():
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
    places: Mapping[str, None],
    *,
    terminal: bool,
    config: str = "",
) -> Reading | None:
    """The program at its parser; None where it has none that is read, which needs a range for each flag."""
    appended = [name for name in asked if known(name, places) is None]
    if program.runs_itself and not appended:
        return None
    try:
        return stack.enter_context(
            Reading(program, [_stood_in(text, config) for text in fixed], terminal=terminal)
        )
    except ObjectiveError as error:
        if not all(asked.values()) or isinstance(error, ProgramError):
            raise
        if not appended:
            return None
        read = not program.runs_itself and scan(program)[0]
        reason = (
            str(error).partition(". Give every")[0]
            if read
            else f"{program.target} has no parser that danlu reads"
        )
        echo(
            f"{reason}: what --tune names is passed as it is, --NAME=VALUE (--style says otherwise).",
            err=True,
        )
        return None


def _stood_in(word: str, config: str) -> str:
    """A word for a program that is only read: its config file is the original, all else is 0."""
    return HOLE.sub(lambda hole: config if hole[1] == "config" and config else "0", word)


def _space(
    reading: Reading | None,
    fixed: Sequence[str],
    asked: Mapping[str, str],
    places: Mapping[str, None],
    style: Style | None,
    parameter: Callable[[Flag, str], Any],
) -> tuple[dict[str, Flag], dict[str, Any], set[str]]:
    """The flags, the parameters, and which of these nobody gave a range."""
    flags: dict[str, Flag] = {}
    space: dict[str, Any] = {}
    guessed: set[str] = set()
    for name, what in asked.items():
        if known(name, places) is not None or name in places:
            if name in OWN and name != "seed":
                raise click.UsageError(
                    f"{{{name}}} stands for something of every trial. Give the parameter another name."
                )
            if not what:
                raise click.UsageError(
                    f"{{{name}}} among the fixed arguments needs a range: --tune {name}=LOW:HIGH or =a|b."
                )
            flag = Flag(f"--{name}", name, style=style)
        elif reading is None:
            flag = Flag(f"--{name}", name, style=style)
        else:
            flag = _known(name, reading)
            _refuse_fixed(flag, reading, fixed)
            refused = flag.refused(what, style)
            if refused:
                raise click.UsageError(f"{refused}.")
            if flag.kind != "assign" and flag.name != flag.flag.lstrip("-").replace("-", "_"):
                echo(
                    f"{flag.flag} sets {flag.dest}: the study has {flag.name}, with the program's value.",
                    err=True,
                )
            flag = msgspec.structs.replace(flag, style=style)
        if style is None or style.look not in {"LR=1", "json"}:
            flags[flag.name] = flag
        space[flag.name] = parameter(flag, what)
        guessed |= set() if what else {flag.name}
    return flags, space, guessed


def _own_folder(reading: Reading | None, fixed: tuple[str, ...]) -> tuple[str, ...]:
    """Arguments with a folder of its own for each of Hydra's runs: those that start in one second would share one."""
    if reading is None or reading.kind != "hydra" or any(word.startswith("hydra.run.dir=") for word in fixed):
        return fixed
    echo(
        "hydra.run.dir={dir} is added, so that no two trials share a folder; write it yourself to have another.",
        err=True,
    )
    return (*fixed, "hydra.run.dir={dir}")


def _say_unknown(objective: Command, space: Mapping[str, Any], contexts: Sequence[Mapping[str, Any]]) -> None:
    """Say which holes stand for nothing, as they are passed as they stand."""
    names = [*space, *(contexts[0] if contexts else ())]
    for hole in objective.line.unknown(names):
        near = get_close_matches(hole, [*names, *OWN], n=1)
        remedy = (
            f"Did you mean {{{near[0]}}}?" if near else f"A parameter needs a range: --tune {hole}=LOW:HIGH."
        )
        echo(f"{{{hole}}} is passed as it stands: nothing is named so. {remedy}", err=True)


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
    if reading.note:
        remedy += (
            f" Its first parser was read, and then {reading.note}: run it by hand until it takes --help."
        )
    raise click.UsageError(f"the script has no flag --{name}. {remedy}")


def _refuse_fixed(flag: Flag, reading: Reading, fixed: Sequence[str]) -> None:
    """A flag that is searched and fixed at once would be given twice, and the last one wins without a word."""
    others = {text for each in reading.flags for text in each.options if each.flag != flag.flag}
    for text in fixed:
        word = text.partition("=")[0]
        short = word.startswith("--") and len(word) > 2 and any(own.startswith(word) for own in flag.options)
        assigned = flag.kind == "assign" and word.lstrip("+") == flag.flag
        if word in flag.options or assigned or (short and word not in others):
            raise click.UsageError(f"{flag.flag} is searched and fixed ({text}). Leave one of the two out.")


def _try(
    objective: Command,
    reading: Reading,
    space: Mapping[str, Any],
    guessed: set[str],
    contexts: Sequence[Mapping[str, Any]],
) -> None:
    """Give the program's own parser command lines with the ends and options of each range.

    Raises:
        UsageError: when it refuses one, makes another value of what it is given where that is not its type's to do, or one of several.
    """
    tried = {name: _values(parameter) for name, parameter in space.items()}
    placed = objective.line.placed(space)
    made: dict[str, dict[Any, Any]] = {}
    seen = [{name: str(value) for name, value in context.items()} for context in contexts] or [{}]
    for at in range(max(len(seen), *map(len, tried.values()))):
        point = {name: values[at % len(values)] for name, values in tried.items()}
        try:
            values = _asked_of(objective, reading, point, seen[at % len(seen)])
        except ObjectiveError as error:
            raise click.UsageError(str(error)) from None
        if values is None:
            echo(
                f"the parser of {reading.kind} cannot be asked: what it makes of the values is not known.",
                err=True,
            )
            return
        for name, flag in objective.line.flags.items():
            if name in placed or point[name] is None:
                continue
            other = differs(flag, point[name], values)
            turned = isinstance(point[name], bool) and other in {"True", "False"}
            if other and flag.type not in READ and not turned and name not in guessed:
                echo(f"{flag.name}: of {point[name]!r} the program makes {other}.", err=True)
            elif other:
                given = " ".join(flag.arguments(point[name])) or flag.flag
                remedy = f"Give the range in what its type takes: --tune {name}=LOW:HIGH" if name in guessed and not turned else (
                    f"Search values that its type ({flag.type or 'text'}) takes, or mend its parser"
                )  # fmt: skip
                raise click.UsageError(
                    f"{given} gives the program {other} in place of {point[name]!r}. {remedy}."
                )
            _refuse_alike(flag, point[name], values.get(flag.dest), made.setdefault(name, {}))


def _refuse_alike(flag: Flag, value: Any, got: Any, made: dict[Any, Any]) -> None:
    """Two values of which a program makes one would be searched as two."""
    if isinstance(got, dict | list):
        return
    alike = [each for each, before in made.items() if before == got and each != value]
    if alike:
        raise click.UsageError(
            f"{flag.flag} gives the program {got!r} for {alike[0]!r} and for {value!r}, so they are no two values. Search those that its type "
            f"({flag.type or 'text'}) tells apart."
        )
    made[value] = got


def _asked_of(
    objective: Command, reading: Reading, point: Mapping[str, Any], context: Mapping[str, str]
) -> dict[str, Any] | None:
    """What the program's parser makes of a point, with the files that it would read.

    Raises:
        ObjectiveError: when it refuses them.
    """
    with tempfile.TemporaryDirectory(prefix="danlu-parser-") as folder:
        own = {"seed": "0"} | dict(context) | own_of(0, Path(folder))
        objective.line.write(point, own)
        arguments = objective.arguments(point, own)
        try:
            return reading.values(arguments)
        except ObjectiveError as error:
            shown = " ".join(arguments).replace(folder, "{dir}")
            raise ObjectiveError(f"{str(error).replace(folder, '{dir}')}. danlu tried: {shown}") from None


def _values(parameter: Any) -> list[Any]:
    if isinstance(parameter, Choice):
        return list(parameter.values)
    return [parameter.low, parameter.high]


def _reach(script: Command, contexts: Sequence[Mapping[str, Any]]) -> None:
    """Say how contexts reach a script that nothing hands them to: it may read a variable, which nobody can know.

    Raises:
        UsageError: for a context that is named like something else that fixed arguments may say.
    """
    names = tuple(contexts[0]) if contexts else ()
    for name in names:
        if name in {"dir", "trial", "checkpoint", "config", "json", *script.line.flags}:
            raise click.UsageError(
                f"{{{name}}} stands for something else already. Give the context another name than {name!r}."
            )
    unsaid = [name for name in names if not script.line.says(name)]
    if unsaid:
        holes = " ".join(f"--{name} {{{name}}}" for name in unsaid)
        echo(
            f"nothing hands {', '.join(unsaid)} to the script: all its trials train alike unless it reads DANLU_CONTEXT (JSON). "
            f"Write -- {holes}.",
            err=True,
        )


def _goals(script: Command, options: Mapping[str, Any]) -> tuple[Goals, dict[str, str]]:
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
    for limit in Goal.of(limits=tuple(options.get("limit") or ())).limits:
        if limit.name not in names:
            near = get_close_matches(limit.name, names, n=1)
            remedy = f"Did you mean {near[0]!r}?" if near else f"Add --metric {shlex.quote(limit.name)}."
            raise click.UsageError(f"--limit is on {limit.name!r}, which no --metric reads. {remedy}")
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
