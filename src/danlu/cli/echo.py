"""What the command line prints. Names and reasons in a store are other people's text, which a terminal must not obey."""

from __future__ import annotations

import codecs
import contextlib
import io
import os
import re
import sys
from typing import Any

import click

from ..base.failure import say

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


_SHAPES = str.maketrans({**dict(zip("▁▂▃▄▅▆▇█", "_.-:=+*#", strict=True)), "丹": "danlu"})


def _spelled(error: UnicodeError) -> tuple[str, int]:
    """What an encoding lacks, as JSON spells it, so that JSON stays what it is."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{lacking[at : at + 4]}" for at in range(0, len(lacking), 4)), error.end


codecs.register_error("danlu.spelled", _spelled)


def forgive(stream: Any) -> None:
    r"""Have a stream spell out what its encoding lacks, where it would raise: names are of any language, terminals are not.

    Example:
        >>> stream = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
        >>> forgive(stream)
        >>> stream.write("5 µm 丹") and stream.flush()
        >>> stream.buffer.getvalue()
        b'5 \xb5m \\u4e39'
    """
    if isinstance(stream, io.TextIOWrapper) and stream.errors in {"strict", "surrogateescape"}:
        stream.reconfigure(errors="danlu.spelled")


def drawn(shapes: str, encoding: str | None) -> str:
    """Bars and curves as an encoding can write them: in ASCII where it has no blocks.

    Example:
        >>> drawn("▁▅█", "utf-8"), drawn("▁▅█", "latin-1")
        ('▁▅█', '_=#')
    """
    try:
        shapes.encode(encoding or "utf-8")
    except UnicodeEncodeError:
        return shapes.translate(_SHAPES)
    return shapes


def echo(said: Any, *, err: bool = False) -> None:
    """Print a line, control characters spelled out; on standard error, whether or not there still is one."""
    if err:
        say(visible(str(said)))
    else:
        _written(visible(str(said)))


def echo_json(text: str) -> None:
    """Print JSON to be read by a program: byte by byte as it is, in UTF-8 wherever standard output goes.

    At a terminal it is for eyes: in the terminal's own encoding, with control characters spelled out.
    """
    if sys.stdout is not None and sys.stdout.isatty():
        echo(text)
    else:
        _written(text.encode())


def visible(text: str) -> str:
    r"""Text that a terminal shows and does not obey: what controls it, or turns its reading direction, is spelled out.

    Line ends and tabs stay. The spelling is that of JSON strings, so that JSON stays what it is.

    Example:
        >>> print(visible("lr\x1b[2J and \u202e"))
        lr\u001b[2J and \u202e
    """
    return _CONTROLS.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


class OutputUnwritten(click.ClickException):
    """Standard output takes nothing more; what the command did is done."""

    exit_code = 1


def _written(text: str | bytes) -> None:
    """Print.

    Raises:
        OutputUnwritten: for a full disk and the like; what is still held back for it is let go.
    """
    try:
        click.echo(text)
    except BrokenPipeError:
        raise
    except OSError as error:
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise OutputUnwritten(
            f"standard output cannot be written: {error.strerror or error}. What the command did is done; only its words are lost."
        ) from error
