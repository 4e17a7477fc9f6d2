"""How a value becomes part of a command line: in a hole of its words, or appended in the program's own style.

In words ``{lr}`` is the value of lr, ``{dir}`` the trial's folder, ``{trial}`` its number, ``{seed}`` its seed, ``{checkpoint}`` its
folder of checkpoints, ``{config}`` a file of its parameters, ``{json}`` all of them as JSON; of a context, ``{fold}`` is its value.
Parameters without a hole are appended, each as ``Style`` says. A value that is None leaves its flag out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal, get_args

import msgspec

from ...errors import SettingError

HOLE = re.compile(r"\{(\w[\w.-]*)\}")

OWN = ("dir", "trial", "seed", "checkpoint", "config", "json")
"""Holes that stand for something of every trial."""

Look = Literal["--lr=1", "--lr 1", "-lr=1", "-lr 1", "lr=1", "LR=1", "json"]
"""How a parameter is written; ``LR=1`` is a variable of the environment, ``json`` one argument with all of them."""

Booleans = Literal["True/False", "true/false", "1/0", "yes/no", "--x/--no-x", "--x"]
"""How a switch is written: by a word, by a flag against it, or by a flag that is there or not."""


class Style(msgspec.Struct, frozen=True):
    """How parameters are given to a program whose parser is not read.

    Args:
        look: of one parameter.
        booleans: how True and False are written.

    Raises:
        SettingError: for a look that nobody knows.

    Example:
        >>> Style("--lr 1", "--x/--no-x").words("lr", 0.5), Style("lr=1", "true/false").words("bias", True)
        (['--lr', '0.5'], ['bias=true'])
    """

    look: Look = "--lr=1"
    booleans: Booleans = "True/False"

    def __post_init__(self) -> None:
        for name, value, known in (("look", self.look, Look), ("booleans", self.booleans, Booleans)):
            if value not in get_args(known):
                raise SettingError(f"a style's {name} is one of {', '.join(get_args(known))}, got {value!r}.")
        if self.booleans.startswith("--") and self.look in {"LR=1", "json"}:
            raise SettingError(
                f"a switch is no flag among {self.look}, got booleans={self.booleans!r}. Take 'true/false' or '1/0'."
            )

    def words(self, name: str, value: Any) -> list[str]:
        """What is appended for one parameter; nothing for None, and for what is not given by words of its own."""
        if value is None or self.look in {"LR=1", "json"}:
            return []
        dash, parted = self.look.partition("l")[0], " " in self.look
        if isinstance(value, bool) and self.booleans.startswith("--"):
            if value:
                return [f"{dash}{name}"]
            return [f"{dash}no-{name}"] if self.booleans == "--x/--no-x" else []
        text = self.text(value)
        return [f"{dash}{name}", text] if parted else [f"{dash}{name}={text}"]

    def text(self, value: Any) -> str:
        """A value as a program reads it."""
        if isinstance(value, bool):
            true, _, false = (self.booleans if not self.booleans.startswith("-") else "true/false").partition(
                "/"
            )
            return true if value else false
        return value_text(value)

    def all_words(self, params: Mapping[str, Any]) -> list[str]:
        """What is appended for several parameters."""
        if self.look == "json":
            return [as_json(params)]
        return [word for name, value in params.items() for word in self.words(name, value)]

    def variables(self, params: Mapping[str, Any]) -> dict[str, str]:
        """What is put into the environment for several parameters."""
        if self.look != "LR=1":
            return {}
        return {variable(name): self.text(value) for name, value in params.items() if value is not None}


def variable(name: str) -> str:
    """A parameter's name as a variable of the environment.

    Example:
        >>> variable("optim.weight-decay")
        'OPTIM_WEIGHT_DECAY'
    """
    return re.sub(r"\W", "_", name).upper()


def as_json(params: Mapping[str, Any]) -> str:
    """Parameters as one line of JSON; those that are None are null."""
    return json.dumps(dict(params), default=str)


def value_text(value: Any) -> str:
    """A value as text; a list or a dict as JSON, a small negative number without an exponent, which argparse takes for a flag.

    Example:
        >>> value_text(1e-5), value_text(-1e-5), value_text([1, 2])
        ('1e-05', '-0.00001', '[1, 2]')
    """
    if isinstance(value, list | tuple | dict):
        return json.dumps(value)
    text = str(value)
    return (
        format(Decimal(text), "f") if isinstance(value, float) and text[:1] == "-" and "e" in text else text
    )


def holes(words: Sequence[str]) -> Iterator[str]:
    """The names in the holes of words."""
    for word in words:
        yield from HOLE.findall(word)


def filled(words: Sequence[str], values: Mapping[str, str | None]) -> list[str]:
    """Words with values in their holes; a hole that no value has stays as it is.

    A word with a hole for None is left out, and with it the flag before it whose value it is.

    Example:
        >>> filled(["--lr", "{lr}", "--tag=t-{trial}", "--wd", "{wd}"], {"lr": "0.1", "trial": "3", "wd": None})
        ['--lr', '0.1', '--tag=t-3']
    """
    found: list[str] = []
    for word in words:
        named = [known(hole, values) for hole in HOLE.findall(word)]
        if any(name is not None and values[name] is None for name in named):
            if HOLE.fullmatch(word) and found and re.fullmatch(r"--?[A-Za-z][\w.-]*", found[-1]):
                found.pop()
            continue
        found.append(HOLE.sub(lambda hole: _value(hole, values), word))
    return found


def known(hole: str, names: Mapping[str, Any]) -> str | None:
    """The name that a hole means, with or without dashes; None where it means none."""
    return next((name for name in (hole, hole.replace("-", "_")) if name in names), None)


def _value(hole: re.Match[str], values: Mapping[str, str | None]) -> str:
    name = known(hole[1], values)
    return hole[0] if name is None else values[name] or ""
