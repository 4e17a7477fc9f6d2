"""The flags of a program: read from its parser, which also tries the command lines that danlu would run.

Only a program that imports a parser is run, until it parses and no further (``reader.py``). Parsers that are read: argparse and what
is built on it (transformers' HfArgumentParser, simple-parsing, jsonargparse), click, typer, absl, fire, tyro.
"""

from __future__ import annotations

import ast
import contextlib
import json
import math
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ..errors import ObjectiveError
from ..space.infer import Inferred, infer

PATIENCE = 60.0
"""Seconds that a program gets to import what it needs and come to its parser."""

LIBRARIES = {
    "argparse": "argparse", "simple_parsing": "argparse", "jsonargparse": "jsonargparse", "configargparse": "argparse",
    "configargparser": "argparse", "tap": "argparse", "HfArgumentParser": "argparse", "LightningCLI": "jsonargparse",
    "TrlParser": "argparse", "click": "click", "typer": "click", "absl": "absl", "fire": "fire", "tyro": "tyro",
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
        kind: ``value`` takes one, ``list`` several; ``true``, ``false`` and ``const`` take none; ``boolean`` has a flag against it.
        against: that flag.
        type: the name of what the program makes of the text, None when it stays text.
        options: all ways to write it.
        const: what the program has with a flag that takes no value.
        truth: texts that its type takes for true and false.
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

    @property
    def name(self) -> str:
        """How it is named in the study: as it is written, or as the program has it where the flag turns it off.

        Dashes become underscores, so that constraints can use the name.
        """
        return (self.dest if self.kind in {"false", "const"} else self.flag.lstrip("-")).replace("-", "_")

    def inferred(self) -> Inferred:
        """What danlu would search."""
        if self.kind == "const":
            return infer(self.name, self.default, [self.default, self.const])
        if self.kind in {"true", "false", "boolean"}:
            return infer(self.name, bool(self.default))
        default = self.default
        if self.type == "float" and isinstance(default, int) and not isinstance(default, bool):
            default = float(default)
        return infer(self.name, default, self.choices)

    def refused(self) -> str:
        """Why no value of it can be searched; '' when one can."""
        if self.kind in {"append", "count", "list"}:
            what = {"append": "collects values", "count": "counts", "list": "takes several values"}[self.kind]
            return f"{self.flag} {what}. Name the value, --tune width=16:64, and write it where it belongs: -- {self.flag} {{width}}"
        if (
            self.type is None
            and isinstance(self.default, int | float)
            and self.kind == "value"
            and self.options
        ):
            return (
                f"{self.flag} has no type in the program, which would get text in place of {self.default!r}. "
                f"Write type={type(self.default).__name__} in its add_argument"
            )
        if isinstance(self.default, bool) and self.kind == "value" and self.truth is None:
            return f"{self.flag} takes no text for True or for False that the program would read so"
        return ""

    def arguments(self, value: Any) -> list[str]:
        """The part of the command line that gives the program this value."""
        if self.kind == "boolean":
            return [self.flag if value else self.against]
        if self.kind in {"true", "false", "const"}:
            return [] if value == self.default else [self.flag]
        text = str(value)
        if isinstance(value, bool) and self.truth is not None:
            text = self.truth["true" if value else "false"]
        if len(self.flag) > 2:
            return [f"{self.flag}={text}"]
        return [f"{self.flag}{text}"] if text.startswith("-") else [self.flag, text]


class Program(msgspec.Struct, frozen=True):
    """What is run for a trial: a Python script, a module (``python -m``), or anything executable."""

    target: str
    module: bool = False
    python: str = sys.executable

    @property
    def command(self) -> list[str]:
        """How it is started, without arguments."""
        if self.module:
            return [self.python, "-u", "-m", self.target]
        if self.runs_itself:
            return [str(Path(self.target).absolute())]
        return [self.python, "-u", str(Path(self.target).absolute())]

    @property
    def runs_itself(self) -> bool:
        """Whether it is no Python file but can be executed."""
        return not self.module and not self.target.endswith(".py") and os.access(self.target, os.X_OK)

    def source(self) -> Path:
        """Its main file.

        Raises:
            ObjectiveError: when there is none.
        """
        path = Path(self.target)
        if self.module:
            base = Path.cwd().joinpath(*self.target.split("."))
            path = base / "__main__.py" if base.is_dir() else base.with_suffix(".py")
        if not path.is_file():
            what = f"module {self.target} in {Path.cwd()}" if self.module else f"script {self.target}"
            raise ObjectiveError(f"there is no {what}.")
        return path


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
            [program.python, str(Path(__file__).with_name("reader.py")), json.dumps(told)],
            pass_fds=(asks, says), stdin=inner, stdout=inner, stderr=inner, start_new_session=True,
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
            tree = ast.parse(path.read_text("utf-8", errors="replace"))
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
        return "" if got is wanted else repr(got)
    if isinstance(wanted, int | float) and isinstance(got, int | float):
        return "" if math.isclose(got, wanted, rel_tol=1e-12) else repr(got)
    if flag.type not in {None, "str", "int", "float"}:
        return ""
    return "" if str(got) == str(wanted) else repr(got)
