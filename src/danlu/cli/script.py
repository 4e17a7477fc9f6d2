"""What ``danlu run train.py --tune ... --metric ...`` searches: flags by name, with ranges given or inferred."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import click

from ..core.infer import FIXED
from ..core.parameters import Choice, Float, Int
from ..engines.script import Flag, Script, flags_of

RISING = ("acc", "f1", "auc", "precision", "recall", "r2", "score", "reward", "bleu", "map", "iou", "dice")


def scripted(script: str, options: dict[str, Any]) -> tuple[Script, dict[str, Any], tuple[str, ...]]:
    """The objective, its space, and the metrics to minimise; prints what is assumed.

    Raises:
        UsageError: for a flag that the script does not have, or a range that makes no sense.
    """
    if options["flags"] is None or not options["metrics"]:
        raise click.UsageError("a script needs --tune FLAGS and --metric 'LINE with {x}'.")
    known = {flag.name: flag for flag in flags_of(script)}
    space: dict[str, Any] = {}
    for part in options["flags"].split(","):
        name, given, what = part.strip().lstrip("-").partition("=")
        flag = _known(name, known)
        if given:
            space[flag.name] = _range(flag, what)
            continue
        found = flag.inferred()
        if found.parameter is None:
            raise click.UsageError(
                f"--{flag.name}: {found.why}. Give its range: --tune {flag.name}=LOW:HIGH or =a|b."
            )
        click.echo(str(found), err=True)
        space[flag.name] = found.parameter
    objective = Script(
        script, {name: known[name] for name in space}, options["metrics"], fixed=options["fixed"]
    )
    if options["minimize"] or options["maximize"]:
        return objective, space, options["minimize"]
    first = objective.names[0]
    if any(word in first for word in RISING):
        options["maximize"] = (first,)
        return objective, space, ()
    return objective, space, (first,)


def _known(name: str, known: dict[str, Flag]) -> Flag:
    alike = {flag.replace("_", "-"): flag for flag in known} | {
        flag.dest: flag.name for flag in known.values()
    }
    for spelled in (name, alike.get(name.replace("_", "-"), "")):
        if spelled in known:
            return known[spelled]
    near = get_close_matches(name, known, n=1)
    remedy = f"Did you mean --{near[0]}?" if near else f"It has: {', '.join(sorted(set(known) - FIXED))}."
    raise click.UsageError(f"the script has no flag --{name}. {remedy}")


def _range(flag: Flag, text: str) -> Any:
    """``low:high``, ``low:high:log`` or ``a|b|c``; the script's default is tried first where it is inside."""
    if "|" in text:
        values = [_value(each) for each in text.split("|")]
        return Choice(values, prior=flag.default) if flag.default in values else Choice(values)
    low, _, rest = text.partition(":")
    high, _, scale = rest.partition(":")
    try:
        bounds = [float(low), float(high)]
    except ValueError:
        raise click.UsageError(f"--{flag.name} needs LOW:HIGH, LOW:HIGH:log or a|b, got {text!r}.") from None
    inside = isinstance(flag.default, int | float) and bounds[0] <= flag.default <= bounds[1]
    prior = flag.default if inside else None
    if flag.type == "int" or (isinstance(flag.default, int) and all(each.is_integer() for each in bounds)):
        return Int(int(bounds[0]), int(bounds[1]), log=scale == "log", prior=prior)
    return Float(bounds[0], bounds[1], log=scale == "log", prior=prior)


def _value(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
