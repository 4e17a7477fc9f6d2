"""What the command line prints. Names and reasons in a store are other people's text, which a terminal must not obey."""

from __future__ import annotations

import re
from typing import Any

import click

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def echo(said: Any, *, err: bool = False) -> None:
    """Print a line, control characters spelled out."""
    click.echo(visible(str(said)), err=err)


def visible(text: str) -> str:
    r"""Text that a terminal shows and does not obey: what controls it, or turns its reading direction, is spelled out.

    Line ends and tabs stay. The spelling is that of JSON strings, so that JSON stays what it is.

    Example:
        >>> print(visible("lr\x1b[2J and \u202e"))
        lr\u001b[2J and \u202e
    """
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
