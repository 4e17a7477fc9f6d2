"""What is run for a trial: a Python script, a module, or any command line, and where in it the script is."""

from __future__ import annotations

import ast
import os
import re
import shutil
import sys
from collections.abc import Sequence
from importlib.machinery import PathFinder
from pathlib import Path

import msgspec

from ..errors import ObjectiveError

_PYTHON = re.compile(r"(?:python|pypy)[\d.]*(?:\.exe)?")
_LAUNCHERS = {
    "torch.distributed.run", "torch.distributed.launch", "torch.distributed.elastic", "accelerate.commands.launch", "deepspeed",
    "cProfile", "coverage", "debugpy", "pdb", "trace", "viztracer", "memory_profiler",
}  # fmt: skip
"""Modules that run another program."""
_DISTRIBUTED = {
    "torchrun",
    "accelerate",
    "deepspeed",
    "horovodrun",
    "torch.distributed.run",
    "torch.distributed.launch",
}
_ONE = {
    "RANK": "0",
    "LOCAL_RANK": "0",
    "WORLD_SIZE": "1",
    "LOCAL_WORLD_SIZE": "1",
    "MASTER_ADDR": "localhost",
    "MASTER_PORT": "29500",
}


_STARTERS = {
    ".sh": "sh",
    ".bash": "bash",
    ".zsh": "zsh",
    ".r": "Rscript",
    ".jl": "julia",
    ".pl": "perl",
    ".js": "node",
    ".lua": "lua",
}
"""What runs a file, by its suffix."""


class Program(msgspec.Struct, frozen=True):
    """What is run for a trial: a Python script, a module (``python -m``), or anything executable.

    Attributes:
        target: the script's path, the module's name, or the command's.
        module: whether it is a module.
        python: that reads its parser, and runs it where no words say how.
        words: of a command that was given whole: all up to its target.
    """

    target: str
    module: bool = False
    python: str = sys.executable
    words: tuple[str, ...] = ()

    @property
    def command(self) -> list[str]:
        """How it is started, without arguments."""
        if self.words:
            return list(self.words)
        if self.module:
            return [self.python, "-u", "-m", self.target]
        if self.runs_itself:
            return [str(Path(self.target).absolute())]
        return [self.python, "-u", str(Path(self.target).absolute())]

    @property
    def name(self) -> str:
        """Its target in short."""
        return self.target if self.module else Path(self.target).name

    @property
    def runs_itself(self) -> bool:
        """Whether it is no Python file but can be executed."""
        if self.module or self.target.endswith(".py"):
            return False
        return shutil.which(self.target) is not None if self.words else os.access(self.target, os.X_OK)

    @property
    def starter(self) -> str:
        """What has to be named before a file that neither Python nor the system runs as it is; '' where nothing has."""
        path = Path(self.target)
        if self.module or self.words or self.target.endswith(".py") or not path.is_file():
            return ""
        with path.open("rb") as file:
            head = file.read(300)
        if self.runs_itself and (head.startswith(b"#!") or b"\0" in head):
            return ""
        if _is_python(path):
            return "python" if self.runs_itself else ""
        return _shebang(self.target) or _STARTERS.get(path.suffix.lower(), "sh")

    @property
    def launched(self) -> dict[str, str]:
        """Variables that a program finds which is started for several processes, as the first of one."""
        return dict(_ONE) if any(Path(word).name in _DISTRIBUTED for word in self.words) else {}

    def source(self) -> Path:
        """Its main file.

        Raises:
            ObjectiveError: when there is none.
        """
        if self.module:
            return self._module()
        path = Path(self.target)
        if self.words and self.runs_itself:
            path = Path(shutil.which(self.target) or self.target)
        if not path.is_file():
            if self.words and os.sep not in self.target and not self.target.endswith(".py"):
                raise ObjectiveError(
                    f"there is no program {self.target} on the path. Install it, or name it with its folder."
                )
            raise ObjectiveError(f"there is no script {self.target}.")
        return path

    def _module(self) -> Path:
        """The file that ``python -m`` runs; nothing is imported to find it.

        Raises:
            ObjectiveError: when there is no such module, or a package that cannot be run.
        """
        folders: list[str] | None = [str(Path.cwd()), *sys.path]
        parts = self.target.split(".")
        for at in range(len(parts)):
            spec = PathFinder.find_spec(".".join(parts[: at + 1]), folders)
            if spec is None:
                raise ObjectiveError(
                    f"there is no module {self.target} in {Path.cwd()}, nor is it installed."
                )
            folders = list(spec.submodule_search_locations or ())
        if folders:
            main = next((path for each in folders if (path := Path(each, "__main__.py")).is_file()), None)
            if main is None:
                raise ObjectiveError(
                    f"{self.target} is a package without __main__.py, which python -m does not run. Name the module in it: "
                    f"{self.target}.train."
                )
            return main
        if spec is None or spec.origin is None or not spec.origin.endswith(".py"):
            raise ObjectiveError(f"the module {self.target} has no file of Python that could be read.")
        return Path(spec.origin)


def program_of(words: Sequence[str]) -> tuple[Program, tuple[str, ...]]:
    """A command line as a program and its arguments.

    The program is the first Python script or module in it, behind whatever starts it (python, torchrun, accelerate launch, srun, env),
    else its first word.

    Raises:
        ObjectiveError: when there is no word, or nothing by its name.

    Example:
        >>> program, arguments = program_of(["torchrun", "--nproc-per-node=2", "-m", "pkg.train", "--lr", "{lr}"])
        >>> program.target, program.module, arguments
        ('pkg.train', True, ('--lr', '{lr}'))
    """
    words = list(words)
    if not words:
        raise ObjectiveError("a command needs a word after --: danlu run -- python train.py --lr {lr}.")
    if re.fullmatch(r"[A-Za-z_]\w*=.*", words[0]) and not Path(words[0]).exists():
        words.insert(0, "env")
    if words[0].endswith(".py") and not os.access(words[0], os.X_OK):
        return Program(words[0]), tuple(words[1:])
    at, module = _place(words)
    if at is None:
        return Program(words[0], words=(words[0],)), tuple(words[1:])
    return (
        Program(words[at], module=module, python=_python(words[:at]), words=tuple(words[: at + 1])),
        tuple(words[at + 1 :]),
    )


def _place(words: Sequence[str]) -> tuple[int | None, bool]:
    """Where the Python program stands in a command line, and whether it is a module."""
    for at, word in enumerate(words):
        if word in {"-c", "--"} and any(
            _PYTHON.fullmatch(Path(each).name) or each.endswith("sh") for each in words[:at]
        ):
            return None, False  # a program in a word
        if word.endswith(".py"):
            return at, False
        if word in {"-m", "--module"} and at + 1 < len(words) and at:
            named = words[at + 1]
            if named in _LAUNCHERS or not re.fullmatch(r"[A-Za-z_]\w*(?:\.\w+)*", named):
                continue
            if _runs_modules(words[:at]):
                return at + 1, True
    if _is_python_script(words[0]):
        return 0, False
    return None, False


def _runs_modules(before: Sequence[str]) -> bool:
    """Whether ``-m`` after these words names a module: something that takes one stands there, and no other program."""
    last = [Path(word).name for word in before if not word.startswith("-")]
    return any(_PYTHON.fullmatch(word) or word in _DISTRIBUTED for word in last)


def _is_python(path: Path) -> bool:
    """Whether a file's text is Python's."""
    try:
        ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return False
    return True


def _is_python_script(word: str) -> bool:
    """Whether a file without a suffix is Python's, by its first line."""
    found = shutil.which(word)
    return found is not None and os.sep in word and "python" in _shebang(found)


def _shebang(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            line = file.readline(300)
    except OSError:
        return ""
    return line[2:].decode("utf-8", "replace").strip() if line.startswith(b"#!") else ""


def _python(before: Sequence[str]) -> str:
    """The interpreter that words start: named among them, or that of a launcher written in Python."""
    for word in reversed(before):
        found = shutil.which(word) if _PYTHON.fullmatch(Path(word).name) else None
        if found is not None:
            return found
    for word in before:
        line = _shebang(shutil.which(word) or "") if word and not word.startswith("-") else ""
        named = line.split()[:1]
        if named and _PYTHON.fullmatch(Path(named[0]).name) and os.access(named[0], os.X_OK):
            return named[0]
    return sys.executable
