"""What a trial's command line is, which variables and files go with it: a program, its fixed words, and parameters in their places."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from ...errors import ObjectiveError
from ..program import Program
from .configs import Edit, write_edited
from .flags import Flag
from .template import OWN, Style, as_json, filled, holes, known

CONFIG = "config.json"
"""The file in a trial's folder that holds its parameters."""


class Line(Protocol):
    """How a trial's values reach its program.

    ``own`` holds texts of the trial by name: ``dir``, ``trial``, ``seed``, ``checkpoint``, and the values of its context; in ``resumes`` whether
    there is a checkpoint to go on from.
    """

    def words(self, params: Mapping[str, Any], own: Mapping[str, str], *, resumes: bool = False) -> list[str]:
        """The whole command, the program first."""

    def environment(self, params: Mapping[str, Any], own: Mapping[str, str]) -> dict[str, str]:
        """Variables that the program gets beside those of everybody."""

    def write(self, params: Mapping[str, Any], own: Mapping[str, str]) -> None:
        """Write the files that it reads into the trial's folder."""

    @property
    def in_folder(self) -> bool:
        """Whether it sends the program to the trial's own folder."""

    @property
    def reads_folder(self) -> bool:
        """Whether the program reads a file that is written there."""


class ProgramLine:
    """A program's command line: words as they are given, values in their holes, what has no hole appended.

    A parameter goes where it is named first: into holes of the words, into files that are edited, to its flag, else as ``style`` says.

    Args:
        program: to run.
        flags: of parameters, by name.
        fixed: words after the program.
        style: for parameters that have no other place; None where they are not passed.
        edits: of config files.
        resume: words that are appended where there is a checkpoint.

    Raises:
        ObjectiveError: for an edited file that no word names, and for two of one name.
    """

    def __init__(
        self, program: Program, flags: Mapping[str, Flag], fixed: Sequence[str] = (), *,
        style: Style | None = None, edits: Sequence[Edit] = (), resume: Sequence[str] = (),
    ) -> None:  # fmt: skip
        self._program, self.flags, self.fixed = program, dict(flags), tuple(fixed)
        self.edits, self._style, self._resume = tuple(edits), style, tuple(resume)
        self._refuse_lost()

    def _refuse_lost(self) -> None:
        files = {edit.file: Path(edit.file).name for edit in self.edits}
        if len(set(files.values())) < len(files):
            raise ObjectiveError(
                f"edited files need names of their own, as their copies lie side by side, got {', '.join(files)}. Rename one."
            )
        for file in files:
            if not any(_names(word, file) for word in self.fixed) and (
                len(files) > 1 or not self.says("config")
            ):
                raise ObjectiveError(
                    f"no word of the command names {file}, so its copy would never be read. Write its path, or {{config}} where the copy's "
                    f"path belongs: -- ... --config {{config}}."
                )

    def words(self, params: Mapping[str, Any], own: Mapping[str, str], *, resumes: bool = False) -> list[str]:
        """The whole command, the program first.

        Raises:
            ObjectiveError: when no word is left.
        """
        values = self._values(params, own)
        words = filled(self._program.command, values) + self.arguments(params, own)
        if resumes:
            words += filled(self._resume, values)
        if not words:
            raise ObjectiveError("no word of the command is left, as its only parameter is None.")
        return words

    def arguments(self, params: Mapping[str, Any], own: Mapping[str, str]) -> list[str]:
        """The words after the program."""
        fixed = filled(self.fixed, self._values(params, own))
        fixed = [self._copied(word, own) for word in fixed]
        placed = self.placed(params)
        flags = [
            part
            for name, flag in self.flags.items()
            if name not in placed
            for part in flag.arguments(params[name])
        ]
        rest = self._rest(params)
        return [*fixed, *flags, *(self._style.all_words(rest) if self._style and rest else ())]

    def environment(self, params: Mapping[str, Any], own: Mapping[str, str]) -> dict[str, str]:
        """Variables for parameters that are given so."""
        del own
        return self._style.variables(self._rest(params)) if self._style else {}

    def write(self, params: Mapping[str, Any], own: Mapping[str, str]) -> None:
        """Write its parameters as JSON, and the edited copies."""
        Path(own["dir"], CONFIG).write_text(as_json(params) + "\n", "utf-8")
        values = self._values(params, own)
        for file in dict.fromkeys(edit.file for edit in self.edits):
            write_edited(
                Path(file),
                self._copy(file, own),
                [each for each in self.edits if each.file == file],
                params,
                values,
            )

    def placed(self, names: Iterable[str]) -> set[str]:
        """The parameters that a hole or an edit has a place for."""
        given = dict.fromkeys(names)
        told = {known(hole, given) for hole in self._holes()}
        return (
            {edit.name for edit in self.edits if edit.name} | {name for name in told if name}
        ) & given.keys()

    @property
    def in_folder(self) -> bool:
        """Whether it sends the program to the trial's own folder."""
        return any(self.says(name) for name in ("dir", "checkpoint", "config")) or bool(self.edits)

    @property
    def reads_folder(self) -> bool:
        """Whether the program reads a file that is written there: its edited copies, or all parameters."""
        return bool(self.edits) or self.says("config")

    def says(self, name: str) -> bool:
        """Whether there is a hole for this name."""
        return any(name in {hole, hole.replace("-", "_")} for hole in self._holes())

    def unknown(self, names: Iterable[str]) -> list[str]:
        """Holes that stand for nothing: neither for these names nor for something of a trial."""
        every = dict.fromkeys([*names, *OWN])
        return [hole for hole in dict.fromkeys(self._holes()) if known(hole, every) is None]

    def _holes(self) -> Iterable[str]:
        return holes([*self._program.words, *self.fixed, *self._resume, *(edit.text for edit in self.edits)])

    def _rest(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters that have no place of their own."""
        placed = self.placed(params) | self.flags.keys()
        return {name: value for name, value in params.items() if name not in placed}

    def _values(self, params: Mapping[str, Any], own: Mapping[str, str]) -> dict[str, str | None]:
        style = self._style or Style()
        values: dict[str, str | None] = {"json": as_json(params), "config": self._config(own)}
        values |= own
        placed = self.placed(params)
        return values | {
            name: None if value is None else style.text(value)
            for name, value in params.items()
            if name in placed and name not in {"dir", "trial"}
        }

    def _config(self, own: Mapping[str, str]) -> str:
        files = list(dict.fromkeys(edit.file for edit in self.edits))
        return self._copy(files[0], own).as_posix() if files else str(Path(own.get("dir", ""), CONFIG))

    def _copy(self, file: str, own: Mapping[str, str]) -> Path:
        return Path(own.get("dir", ""), Path(file).name)

    def _copied(self, word: str, own: Mapping[str, str]) -> str:
        """A word with the copy's path in place of the original's."""
        for file in dict.fromkeys(edit.file for edit in self.edits):
            if _names(word, file):
                head, sign, _ = word.rpartition("=") if not _same(word, file) else ("", "", "")
                return f"{head}{sign}{self._copy(file, own)}"
        return word


def _names(word: str, file: str) -> bool:
    """Whether a word is a file's path, or an option with it: ``--config=train.yaml``."""
    return _same(word, file) or ("=" in word and _same(word.rpartition("=")[2], file))


def _same(word: str, file: str) -> bool:
    return bool(word) and not re.search(r"[{}]", word) and Path(word).absolute() == Path(file).absolute()
