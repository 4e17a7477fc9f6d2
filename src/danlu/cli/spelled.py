"""Sentences of danlu in the words of the command line: ``minimize='loss'`` is ``--minimize loss`` there.

What danlu says names the arguments of ``danlu.tune``, because that is where it is said from. On the command line the same
argument has another spelling, and one that has none here is left as it is.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping

import click

_OTHER = {"limits": "--limit"}
"""Arguments whose option is named otherwise; those named alike are found by themselves."""
_VALUE = r"'[^'\n]*'|\"[^\"\n]*\"|True|-?\d+(?:\.\d+)?|\.\.\."
_ARGUMENT = re.compile(rf"(?<![\w.(])(\w+)=({_VALUE})(?!\w)")
_MADE = (  # objects that have a spelling of their own
    (re.compile(r"trial_limits=danlu\.TrialLimits\((time|memory)=([^)\n]*)\)"), r"trial_\1=\2"),
    (re.compile(r"(?:budget=danlu\.Budget|trial_limits=danlu\.TrialLimits)\((\w+=[^)\n]*)\)"), r"\1"),
    (re.compile(r"(?:fidelity=)?danlu\.Fidelity\(\"(\w+)\", (\d+), (\d+)\)"), r"--fidelity \1:\2:\3"),
    (
        re.compile(r"engine=danlu\.engines\.(\w+)\(\w*=?\d*\)"),
        lambda found: f"--engine {found[1].lower()}",
    ),
)


def spelled(text: str, command: click.Command | None = None) -> str:
    """A sentence with the arguments of ``danlu.tune`` as the options of a command.

    Args:
        text: the sentence.
        command: whose options are meant, by default the one that runs; without any the sentence stays as it is.

    Example:
        >>> from danlu.cli.run import run
        >>> spelled("Name another goal, minimize='val loss'.", run)
        "Name another goal, --minimize 'val loss'."
        >>> spelled("change the space on purpose with extend=True. Or use Float(log=True).", run)
        'change the space on purpose with --extend. Or use Float(log=True).'
    """
    context = click.get_current_context(silent=True)
    command = command or (context.command if context else None)
    options = [each for each in command.params if isinstance(each, click.Option)] if command else []
    flags = {(option.name or "").rstrip("_"): _flag(option.opts) for option in options}
    flags |= {name: flag for name, flag in _OTHER.items() if flag in flags.values()}
    if not flags:
        return text
    for made, flag in _MADE:
        text = made.sub(flag, text) if "--fidelity" in flags.values() else text
    return _ARGUMENT.sub(lambda found: _spell(found, flags), text)


def _spell(found: re.Match[str], flags: Mapping[str, str]) -> str:
    name, value = found.groups()
    flag = flags.get(name)
    if flag is None:
        return found[0]
    if value in {"True", "..."}:
        return flag if value == "True" else f"{flag} {name.upper()}"
    plain = value.strip("'\"")
    return f"{flag} {shlex.quote(plain.replace(' ', '-') if name == 'if_changed' else plain)}"


def _flag(names: Iterable[str]) -> str:
    return next((name for name in names if name.startswith("--")), "")
