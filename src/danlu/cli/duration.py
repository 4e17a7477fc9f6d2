"""Times as options take them: refused under the name of the option that was given."""

from __future__ import annotations

import click

from ..errors import BudgetError
from ..problem.budget import seconds_of


def limit(ctx: click.Context, param: click.Parameter, text: str | None) -> float | None:
    """A time above 0, ``90s``, ``15m``, ``1h30m``, in seconds; a callback of an option.

    Raises:
        BadParameter: for another.
    """
    del ctx, param
    seconds = _seconds(text)
    if seconds is not None and not seconds > 0:
        raise click.BadParameter(f"it has to be above 0, got {text!r}. Leave it out for no limit.")
    return seconds


def wait(ctx: click.Context, param: click.Parameter, text: str) -> float:
    """A time that may be 0, or a bare number of seconds; a callback of an option.

    Raises:
        BadParameter: for another.
    """
    del ctx, param
    bare = text.replace(".", "", 1).isdecimal()
    return float(text) if bare else _seconds(text) or 0.0


def _seconds(text: str | None) -> float | None:
    try:
        return seconds_of(text)
    except BudgetError as error:
        raise click.BadParameter(str(error)) from None  # click adds the option's name
