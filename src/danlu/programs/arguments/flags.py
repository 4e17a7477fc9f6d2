"""The flags of a program: read from its parser, which also tries the command lines that danlu would run.

Only a program that imports a parser is run, until it parses and no further (``held``). Parsers that are read: argparse and what
is built on it (transformers' HfArgumentParser, simple-parsing, jsonargparse, LightningCLI), click, typer, absl, fire, tyro, and the composed
config of Hydra.
"""

from __future__ import annotations

import ast
import contextlib
import json
import math
import os
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ...errors import ObjectiveError
from ..program import Program
from .template import Style, value_text

PATIENCE = 60.0
"""Seconds that a program gets to import what it needs and come to its parser."""

LIBRARIES = {
    "argparse": "argparse", "simple_parsing": "argparse", "jsonargparse": "jsonargparse", "configargparse": "argparse",
    "configargparser": "argparse", "tap": "argparse", "HfArgumentParser": "argparse", "LightningCLI": "jsonargparse",
    "TrlParser": "argparse", "click": "click", "typer": "click", "absl": "absl", "fire": "fire", "tyro": "tyro",
    "hydra": "hydra",
}  # fmt: skip
_PARSES = {"parse_args", "parse_known_args", "parse_args_into_dataclasses", "parse_intermixed_args"}
_REMEDY = (
    "Give every flag its range, --tune lr=1e-5:0.1:log,width=16|32, and it is passed as --lr=VALUE; or write {lr} where the value "
    "belongs: -- lr={lr}"
)


class ProgramError(ObjectiveError):
    """The program fails before it reads its flags: no trial of it can do better."""


class Flag(msgspec.Struct, frozen=True):
    """One option of a program.

    Attributes:
        flag: how it is written.
        dest: the name under which the program has it.
        default: that the program has without it.
        choices: that it allows.
        kind: ``value`` takes one, ``list`` several; ``true``, ``false`` and ``const`` take none; ``boolean`` has a flag against it;
            ``assign`` is written without dashes, ``optim.lr=0.1``, as Hydra wants it.
        against: that flag.
        type: the name of what the program makes of the text, None when it stays text.
        options: all ways to write it.
        const: what the program has with a flag that takes no value.
        truth: texts that its type takes for true and false.
        style: how it is written, in place of what its kind says.
        help: what the program says of it.
        low, high: what its type takes, None for anything.
    """

    flag: str
    dest: str
    default: Any = None
    choices: list[Any] | None = None
    kind: str = "value"
    against: str = ""
    type: str | None = None
    options: list[str] = []
    const: Any = None
    truth: dict[str, str] | None = None
    style: Style | None = None
    help: str = ""
    low: float | None = None
    high: float | None = None

    @property
    def name(self) -> str:
        """How it is named in the study: as it is written, or as the program has it where the flag turns it off.

        Dashes become underscores, so that constraints can use the name.
        """
        return (self.dest if self.kind in {"false", "const"} else self.flag.lstrip("-")).replace("-", "_")

    def refused(self, options: str = "", style: Style | None = None) -> str:
        """Why no value of it can be searched; '' when one can.

        Args:
            options: its range as text, ``on|off``; what a program makes of the options that are given is found by asking its parser.
            style: how its values are written, in place of what its parser takes for true and false.
        """
        if self.kind == "count":
            return f"{self.flag} counts how often it is given and takes no value, so it has no range. Give it as often as you want it: -- {self.flag}"
        if self.kind == "append":
            return f"{self.flag} collects values. Name the value, --tune width=16:64, and write it where it belongs: -- {self.flag} {{width}}"
        if self.kind == "list":
            return (
                f"{self.flag} takes several values. Name each of them, --tune first=16:64,second=16:64, and write them where they belong: "
                f"-- {self.flag} {{first}} {{second}}"
            )
        if (
            self.type is None
            and isinstance(self.default, int | float)
            and self.kind == "value"
            and self.options
            and not (self.choices and all(isinstance(each, str) for each in self.choices))
        ):
            return (
                f"{self.flag} has no type in the program, which would get text in place of {self.default!r}. "
                f"Write type={type(self.default).__name__} in its add_argument"
            )
        switch = isinstance(self.default, bool) and self.kind == "value" and not self.choices
        if switch and self.truth is None and "|" not in options and style is None:
            return (
                f"{self.flag} takes no text for True or for False that danlu knows (True and False, 1 and 0, yes and no, on and off, y and n, "
                f"t and f). Say which it takes: --tune {self.name}=TEXT|TEXT"
            )
        return ""

    def arguments(self, value: Any) -> list[str]:
        """The part of the command line that gives the program this value; nothing for None."""
        if value is None:
            return []
        if self.style is not None:
            return self.style.words(self.flag.lstrip("-"), value)
        if self.kind == "boolean":
            return [self.flag if value else self.against]
        if self.kind in {"true", "false", "const"}:
            return [] if value == self.default else [self.flag]
        text = value_text(value)
        if isinstance(value, bool) and self.truth is not None:
            text = self.truth["true" if value else "false"]
        if self.kind == "assign":
            return [f"{self.flag}={_quoted(text) if isinstance(value, str) else text}"]
        if len(self.flag) > 2:
            return [f"{self.flag}={text}"]
        return [f"{self.flag}{text}"] if text.startswith("-") else [self.flag, text]


def _quoted(text: str) -> str:
    """A text as Hydra's grammar takes it: what it would read as something else in quotes."""
    if re.fullmatch(r"[A-Za-z_/][\w./@-]*", text) and text.lower() not in {
        "null",
        "true",
        "false",
        "nan",
        "inf",
    }:
        return text
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


class Reading:
    """A program that is held at its parser: its flags, and what it makes of command lines.

    Use it as a context: the program is ended with it.

    Args:
        program: to read.
        fixed: arguments that are always passed; they choose a subcommand, and what is required has to be among them.
        terminal: whether it is run in a terminal, for programs that ask for its size before they parse.

    Raises:
        ObjectiveError: when the program has no parser that danlu reads, or does not come to it.
    """

    def __init__(self, program: Program, fixed: Sequence[str] = (), *, terminal: bool = False) -> None:
        self._program, self._fixed = program, list(fixed)
        libraries, stages = scan(program)
        if not libraries:
            raise ObjectiveError(f"{program.target} imports no parser of flags that danlu reads. {_REMEDY}.")
        asks, self._questions = os.pipe()
        self._answers, says = os.pipe()
        folders = [str(program.source().absolute().parent), str(Path.cwd())]
        told = {"target": program.target, "module": program.module, "fixed": self._fixed, "staged": stages > 1,
                "folders": folders, "libraries": sorted(libraries), "read": asks, "write": says}  # fmt: skip
        outer, inner = terminal_of() if terminal else (-1, subprocess.DEVNULL)
        self._ends = [self._answers, *([outer] if terminal else [])]
        self._process = subprocess.Popen(
            [program.python, str(Path(__file__).with_name("held")), json.dumps(told)],
            pass_fds=(asks, says), stdin=inner, stdout=inner, stderr=inner, start_new_session=True,
            env={**os.environ, **program.launched},
        )  # fmt: skip
        if terminal:
            os.close(inner)
        os.close(asks)
        os.close(says)
        self._rest = b""
        try:
            first = self._answer(PATIENCE)
        except BaseException:
            self.close()
            raise
        if "error" in first:
            self.close()
            raise self._unread(first["error"], terminal=terminal)
        self.kind: str = first["kind"]
        self._checks: bool = first["checks"]
        self.note: str = first["note"]
        found = msgspec.convert(first["flags"], type=list[Flag])
        self.commands = [
            str(word) for flag in found if flag.kind == "commands" for word in flag.choices or ()
        ]
        self.flags = [flag for flag in found if flag.kind != "commands"]

    def _unread(self, reason: str, *, terminal: bool) -> ObjectiveError:
        """A program that fails is not tuned; one that only reads no flags needs a range for each."""
        sentence = f"the flags of {self._program.target} cannot be read: {reason}"
        if not reason.startswith("it ended with"):
            return ObjectiveError(f"{sentence}. {_REMEDY}.")
        root = Path.cwd() if self._program.module else self._program.source().parent
        files = [
            path.read_text("utf-8", errors="replace") for path, _ in _trees(self._program.source(), root)
        ]
        if not terminal and any("stty" in text or "get_terminal_size" in text for text in files):
            return ProgramError(f"{sentence}. It asks for a terminal's size: give it one by --terminal.")
        return ProgramError(f"{sentence}. Run it by hand until it takes --help.")

    def __enter__(self) -> Reading:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def values(self, arguments: Sequence[str]) -> dict[str, Any] | None:
        """What the program would have by these arguments; None when its parser cannot be asked.

        Raises:
            ObjectiveError: with the parser's complaint.
        """
        if not self._checks:
            return None
        os.write(self._questions, json.dumps(list(arguments)).encode() + b"\n")
        answer = self._answer(PATIENCE)
        if "error" in answer:
            raise ObjectiveError(f"{self._program.target} refuses its arguments: {answer['error']}")
        values: dict[str, Any] = answer["values"]
        return values

    def close(self) -> None:
        """End the program."""
        if self._questions >= 0:
            for end in (self._questions, *self._ends):
                os.close(end)
            self._questions = -1
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _drain(self, end: int) -> None:
        try:
            os.read(end, 1 << 16)
        except OSError:  # nobody holds the terminal any more
            self._ends.remove(end)
            os.close(end)

    def _answer(self, seconds: float) -> dict[str, Any]:
        by = time.monotonic() + seconds
        while b"\n" not in self._rest:
            ready, _, _ = select.select(self._ends, [], [], max(0.0, by - time.monotonic()))
            if not ready:
                raise ObjectiveError(
                    f"{self._program.target} did not come to read its flags in {seconds:g} seconds. {_REMEDY}."
                )
            if self._answers not in ready:  # what is printed on a terminal has to be taken from it
                self._drain(ready[0])
                continue
            chunk = os.read(self._answers, 1 << 16)
            if not chunk:
                raise ObjectiveError(f"{self._program.target} ended before it read its flags. {_REMEDY}.")
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer


def terminal_of() -> tuple[int, int]:
    """A terminal of 80 columns and 24 rows: where to read what is printed, and where to print."""
    import fcntl
    import pty
    import struct
    import termios

    outer, inner = pty.openpty()
    fcntl.ioctl(inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    return outer, inner


def flags_of(script: str, python: str = sys.executable) -> list[Flag]:
    """The options of a script; it is run until it parses its arguments, and no further.

    Raises:
        ObjectiveError: when it does not get there.
    """
    with Reading(Program(script, python=python)) as reading:
        return reading.flags


def scan(program: Program) -> tuple[set[str], int]:
    """The parsers that a program's files import, and how often they parse; without running anything."""
    source = program.source()
    if program.runs_itself:
        return set(), 0
    libraries: set[str] = set()
    stages = 0
    for _, tree in _trees(source, Path.cwd() if program.module else source.parent):
        for node in ast.walk(tree):
            names = [node.attr] if isinstance(node, ast.Attribute) else []
            if isinstance(node, ast.Import):
                names = [alias.name.partition(".")[0] for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [(node.module or "").partition(".")[0], *(alias.name for alias in node.names)]
            libraries |= {LIBRARIES[name] for name in names if name in LIBRARIES}
            stages += (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in _PARSES
            )
    return libraries, stages


def _trees(source: Path, root: Path) -> Iterator[tuple[Path, ast.Module]]:
    """The syntax of a file and of the files beside it that it imports, at most 100."""
    queue, seen = [source], {source}
    while queue and len(seen) <= 100:
        path = queue.pop(0)
        try:
            tree = ast.parse(path.read_text("utf-8", errors="replace"), path.name)
        except SyntaxError as error:
            raise ObjectiveError(f"{path} is not Python that can be read: {error}.") from None
        yield path, tree
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            folder = root
            if isinstance(node, ast.ImportFrom):
                folder = (
                    path.parents[node.level - 1] if node.level and node.level <= len(path.parents) else root
                )
                names = [".".join(filter(None, (node.module, alias.name))) for alias in node.names] + [
                    node.module or ""
                ]
            for name in filter(None, names):
                base = folder.joinpath(*name.split("."))
                for file in (base.with_suffix(".py"), base / "__init__.py"):
                    if file.is_file() and file not in seen:
                        seen.add(file)
                        queue.append(file)


def differs(flag: Flag, wanted: Any, values: Mapping[str, Any]) -> str:
    """What a program has in place of the value it was given; '' when it has that value."""
    if flag.dest not in values:
        return "nothing"
    got = values[flag.dest]
    got = got[0] if isinstance(got, list) and len(got) == 1 else got
    if isinstance(got, dict):  # an object: a member of an enum, a path
        return (
            ""
            if str(wanted) in {got["text"], got["name"], str(got["value"])} or flag.type == "other"
            else str(got["text"])
        )
    if isinstance(wanted, bool) or isinstance(got, bool):
        same = isinstance(got, bool | int) and got == wanted  # some types for switches make 1 and 0
        return "" if same else repr(got)
    if isinstance(wanted, int | float) and isinstance(got, int | float):
        return "" if math.isclose(got, wanted, rel_tol=1e-12) else repr(got)
    if flag.type not in {None, "str", "int", "float"}:
        return ""
    return "" if str(got) == str(wanted) else repr(got)
