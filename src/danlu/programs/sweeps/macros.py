"""A W&B sweep's command: its macros filled with a trial's values, and what ``wandb.init`` reads of them.

W&B hands parameters over in two ways at once: in the command, and in a file that ``WANDB_SWEEP_PARAM_PATH`` names, whose values
``wandb.init`` puts over those of the program's own config. Both are done here as its agent does them, without a server.
"""

from __future__ import annotations

import copy
import json
import os
import re
import sys
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import msgspec

from ...base.values import shown
from ...errors import ObjectiveError

DEFAULT = ("${env}", "${interpreter}", "${program}", "${args}")
"""The command of a file that has none."""

CONFIG, ARGUMENTS = "wandb-sweep-config.yaml", "wandb-sweep-args.json"
"""Files in a trial's folder: what ``wandb.init`` reads, and what ``${args_json_file}`` names."""

FLUSH = "WANDB__TRANSACTION_LOG_FLUSH_INTERVAL"
"""The variable that says after how many seconds wandb writes what was logged; by itself it takes 15, too late to end a run early."""

_MACRO = re.compile(r"\$\{([^}]*)\}")
_VALUES = (
    "args", "args_no_hyphens", "args_no_equals", "args_no_boolean_flags", "args_json", "args_json_file",
    "args_append_hydra", "args_override_hydra",
)  # fmt: skip
_MACROS = ("env", "interpreter", "program", *_VALUES)


class Macros(msgspec.Struct, frozen=True):
    """A command with macros.

    Attributes:
        command: its words, checked by ``macros_of``.
        program: that ``${program}`` stands for.
        paths: where each searched parameter stands among the values, by full name: those of a group are one value of the program.
        fixed: values that are the same in every trial, in the same tree.
        sweep: the sweep's name, for programs that ask for it.
    """

    command: tuple[str, ...]
    program: str
    paths: dict[str, tuple[str, ...]]
    fixed: dict[str, Any]
    sweep: str

    def words(self, params: Mapping[str, Any], own: Mapping[str, str], *, resumes: bool = False) -> list[str]:
        """The command line of a trial.

        Args:
            params: its values by full name.
            own: texts of its own, ``dir`` among them.
            resumes: nothing, as W&B's runs begin anew.

        Example:
            >>> macros = Macros(("run", "${args}"), "", {"lr": ("lr",), "opt.name": ("opt", "name")}, {"epochs": 3}, "s")
            >>> macros.words({"lr": 0.1, "opt.name": "sgd"}, {"dir": "folder"})
            ['run', '--epochs=3', '--lr=0.1', "--opt={'name': 'sgd'}"]
        """
        del resumes
        values = self.values(params)
        filled = {
            "env": ["/usr/bin/env"],
            "interpreter": [sys.executable],
            "program": [self.program],
            "args": [f"--{name}={value}" for name, value in values.items()],
            "args_no_hyphens": [f"{name}={value}" for name, value in values.items()],
            "args_no_equals": [word for name, value in values.items() for word in (f"--{name}", str(value))],
            "args_no_boolean_flags": list(_flags(values)),
            "args_json": [_json(values)],
            "args_json_file": [str(Path(own["dir"], ARGUMENTS))],
            "args_append_hydra": [f"+{name}={value}" for name, value in values.items()],
            "args_override_hydra": [f"++{name}={value}" for name, value in values.items()],
        }
        words: list[str] = []
        for word in self.command:
            macro = _MACRO.fullmatch(word)
            words += filled[macro[1]] if macro else [word]
        return words

    def environment(self, params: Mapping[str, Any], own: Mapping[str, str]) -> dict[str, str]:
        """What makes ``wandb`` read the values and keep its run in the trial's folder, without a server unless the user wants one."""
        del params
        mode = os.environ.get("WANDB_MODE", "offline")
        named = {"WANDB_SWEEP_ID": self.sweep} if mode == "offline" else {}
        return {
            "WANDB_MODE": mode,
            "WANDB_DIR": own["dir"],
            "WANDB_SWEEP_PARAM_PATH": str(Path(own["dir"], CONFIG)),
            FLUSH: os.environ.get(FLUSH, "1"),
        } | named

    def write(self, params: Mapping[str, Any], own: Mapping[str, str]) -> None:
        """Write the values as ``wandb.init`` reads them, and as ``${args_json_file}`` has them; JSON is YAML as well."""
        values = self.values(params)
        config = {"wandb_version": 1} | {name: {"value": value} for name, value in values.items()}
        Path(own["dir"], CONFIG).write_text(_json(config), "utf-8")
        if "${args_json_file}" in self.command:
            Path(own["dir"], ARGUMENTS).write_text(_json(values), "utf-8")

    @property
    def in_folder(self) -> bool:
        """Yes: ``wandb`` keeps its run there."""
        return True

    @property
    def reads_folder(self) -> bool:
        """Yes: ``wandb.config`` is there."""
        return True

    def values(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The values of a trial as the program has them: groups in each other."""
        tree: dict[str, Any] = copy.deepcopy(self.fixed)
        for name, path in self.paths.items():
            inner = tree
            for part in path[:-1]:
                inner = inner.setdefault(part, {})
            inner[path[-1]] = params[name]
        return tree


def _json(values: Mapping[str, Any]) -> str:
    """Values as JSON; YAML's dates, which JSON has not, as text."""
    return json.dumps(values, default=str)


def _flags(values: Mapping[str, Any]) -> Sequence[str]:
    """Flags of which those that are true have no value, and those that are false are left out."""
    return [
        f"--{name}" if value is True else f"--{name}={value}"
        for name, value in values.items()
        if value is not False
    ]


def checked(command: Any, program: str) -> tuple[str, ...]:
    """The words of a file's command, ``${envvar:NAME}`` filled in.

    Raises:
        ObjectiveError: for a macro that there is not, and for a variable that is not set.

    Example:
        >>> checked(["${program}", "${args}"], "train.py")
        ('${program}', '${args}')
    """
    if command is None:
        command = list(DEFAULT)
    if not isinstance(command, list) or not command:
        raise ObjectiveError(
            f"command needs to be a list of words, got {shown(command)}. Write one word a line."
        )
    words = tuple(_MACRO.sub(_variable, str(word)) for word in command)
    for word in words:
        for name in _MACRO.findall(word):
            if name not in _MACROS:
                near = get_close_matches(name, _MACROS, n=1)
                remedy = (
                    f"Did you mean ${{{near[0]}}}?"
                    if near
                    else f"There are: {', '.join(_MACROS)} and envvar:NAME."
                )
                raise ObjectiveError(f"command has a macro that there is not, ${{{name}}}. {remedy}")
            if word != f"${{{name}}}":
                raise ObjectiveError(f"${{{name}}} has to be a word of the command by itself, got {word!r}.")
    if "${program}" in words and not program:
        raise ObjectiveError("command has ${program} and the file names no program. Write program: train.py.")
    return words


def _variable(macro: re.Match[str]) -> str:
    kind, mark, name = macro[1].partition(":")
    if kind != "envvar" or not mark:
        return macro[0]
    if name not in os.environ:
        raise ObjectiveError(f"the command needs the environment variable {name}, which is not set.")
    return os.environ[name]
