"""A study that is resumed with other code says so, and does what it is told about the trials of the old."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias, get_args

import msgspec

from ..base.failure import say
from ..errors import ObjectiveChanged, SettingError
from ..journal.programs import listed
from ..journal.provenance import Change, Provenance
from .study import Study

IfChanged: TypeAlias = Literal["continue", "refuse", "set aside"]
"""What becomes of a study whose objective's code is other than that of earlier trials."""


def reconcile(
    study: Study,
    objective: Callable[..., Any] | str,
    if_changed: IfChanged = "continue",
    *,
    expected: bool = False,
) -> None:
    """Say on stderr what differs from the code that ran the study's trials so far, and keep what runs now for the journal.

    ``expected`` says that trials are to be trained longer, for which code has to change as a rule.

    Raises:
        ObjectiveChanged: when the code differs and that is to be refused; nothing has been written then.
        SettingError: when ``if_changed`` is none of its words.
    """
    from ..engines.provenance import provenance_of

    if if_changed not in get_args(IfChanged):
        raise SettingError(f"if_changed needs one of {', '.join(get_args(IfChanged))}, got {if_changed!r}.")
    now = provenance_of(objective)
    history = study.session.replica.history
    others = _others(study, now)
    again = (
        history.definition.programs.newest is not None and history.definition.programs.newest.code == now.code
    )
    for change, trials in others.values():
        _say(study, change, trials, if_changed, expected=expected, again=again)
        if if_changed == "refuse":
            raise ObjectiveChanged(
                f"the objective's code changed since {numbered(trials)} of {study.name!r} ran: {listed(change.code)}. "
                "Choose another name, go on all the same with if_changed='continue', or have these trials set aside: 'set aside'."
            )
        if if_changed == "set aside":
            study.control.set_aside(trials, f"other code ran them: {listed(change.code)}")
    if not others:
        _say_less(study, now)
    if history.definition.programs.knows_sources(now.code):
        now = msgspec.structs.replace(now, sources={})
    study.session.provenance = now


def _others(study: Study, now: Provenance) -> dict[str, tuple[Change, list[int]]]:
    """The codes that ran trials and differ from what runs now: how, and which trials."""
    history = study.session.replica.history
    ran: dict[str, list[int]] = {}
    for number, row in enumerate(history.rows):
        if row.code and not row.aside:
            ran.setdefault(row.code, []).append(number)
    found = {}
    for code, trials in ran.items():
        old = [
            history.definition.programs.by_code[each]
            for each in code.split("+")
            if each in history.definition.programs.by_code
        ]
        changes = [
            change for change in (history.definition.programs.since(each, now) for each in old) if change.code
        ]
        if changes:
            found[code] = (changes[0], trials)
    return found


def _say(
    study: Study, change: Change, trials: Sequence[int], if_changed: IfChanged, *, expected: bool, again: bool
) -> None:
    if again and if_changed == "continue":  # the session before this one has said it
        told = f"{numbered(trials)} of {study.name!r} ran with other code: {listed(change.code)}."
        say(f"danlu: {told}")
        return
    number = len(study.session.replica.history)
    follows = {
        "continue": f"From trial {number} on the study holds results of both. To keep them apart, choose another name, "
        'or have the trials of the other code set aside: if_changed="set aside" (--if-changed set-aside).',
        "refuse": "",
        "set aside": f"{numbered(trials).capitalize()} are set aside: they stay visible, and count for nothing any more.",
    }[if_changed]
    if expected:
        follows = "That is expected where trials are trained longer: look whether the lines that changed are these alone."
    lines = [
        f"danlu: the objective's code changed since {numbered(trials)} of {study.name!r} ran: {listed(change.code)}."
    ]
    lines += [f"    {line}" for line in change.diff]
    say("\n".join([*lines, follows] if follows else lines))


def _say_less(study: Study, now: Provenance) -> None:
    """Differences that need not matter, a line."""
    history = study.session.replica.history
    before = history.definition.programs.newest
    change = (
        Change() if before is None or not history.rows else history.definition.programs.since(before, now)
    )
    told = [*change.near, *change.versions]
    if told:
        say(f"danlu: since {study.name!r} was last run, {listed(tuple(told))}.")


def numbered(trials: Sequence[int]) -> str:
    """Trial numbers in words.

    Example:
        >>> numbered([0, 1, 2, 5]), numbered([3])
        ('trials 0 to 2 and 5', 'trial 3')
    """
    runs: list[list[int]] = []
    for number in trials:
        if runs and runs[-1][-1] == number - 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    words = [f"{run[0]} to {run[-1]}" if len(run) > 2 else " and ".join(map(str, run)) for run in runs]
    shown = words if len(words) <= 4 else [*words[:3], f"{sum(map(len, runs[3:]))} more"]
    joined = f"{', '.join(shown[:-1])} and {shown[-1]}" if len(shown) > 1 else shown[0]
    return f"trial{'s' if len(trials) > 1 else ''} {joined}"
