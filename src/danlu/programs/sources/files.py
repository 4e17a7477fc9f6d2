"""Metrics in files: what CSV, JSONL, TensorBoard's, MLflow's and W&B's have in common."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches

from ...base.failure import NothingFound, ProgramFailed
from ..printed.curve import LinePattern
from ..printed.fields import counter, step_of
from .base import Follower, RunFolders
from .lines import COUNT


class FileSource:
    """A metric in a file that a program writes.

    Args:
        kind: of the file, as it stands before its path.
        path: of it.
        name: of the metric in it.
        step: of the column or key that is the step; "" for the first that counts, ``count`` to count the values.
        opens: what reads it.
        tells: what a run is told in its environment.
        late: why values come later than they are logged.
    """

    once = False

    def __init__(
        self, kind: str, path: str, name: str, step: str, opens: Callable[[FileSource, RunFolders], Follower],
        tells: Callable[[RunFolders], Mapping[str, str]] | None = None, late: str = "",
    ) -> None:  # fmt: skip
        self.path, self.name, self.step = path, name, step
        self.text = ":".join([kind, path, name, *([step] if step else [])])
        self.main = name
        self.names: tuple[str, ...] = (name,)
        self.doubts: Mapping[str, str] = {}
        self.counted = f"Write {f'{kind}:{path}:{name}:{COUNT}'!r}"
        self._opens, self._tells, self.late = opens, tells, late

    def __repr__(self) -> str:
        return f"FileSource({self.text!r})"

    def pattern(self) -> LinePattern | None:
        """Nothing, as it is in a file."""
        return None

    def told(self, folders: RunFolders) -> Mapping[str, str]:
        """Variables by which a run's numbers are told from those of others."""
        return {} if self._tells is None else self._tells(folders)

    def follow(self, folders: RunFolders) -> Follower:
        """Begin to read what a run writes."""
        return self._opens(self, folders)


class StepColumn:
    """Which of the numbers beside a metric is its step: settled where the metric is first found.

    Args:
        asked: its name, ``count``, or "".
    """

    def __init__(self, asked: str) -> None:
        self._asked = asked
        self._name: str | None = None

    @property
    def name(self) -> str:
        """What it is; "" where values are counted, and before a metric is found."""
        return "" if self._name in {None, COUNT} else str(self._name)

    def of(self, beside: Mapping[str, float], kind: str) -> tuple[float | None, str]:
        """The step, None where values are counted, and how it is known.

        Args:
            beside: the numbers of the row, by name.
            kind: what a name is in this file, "column".
        """
        if self._name is None:
            self._name = self._asked or _counting(beside)
        if self._name in {"", COUNT} or self._name not in beside:
            return None, ""
        return beside[self._name], f"its {kind} {self._name!r}"


def _counting(beside: Mapping[str, float]) -> str:
    steps = {
        name: value for name, value in beside.items() if counter(name) is not None and value == int(value)
    }
    return step_of(steps) or ""


def not_found(text: str, place: str, name: str, known: Iterable[str], kind: str) -> NothingFound:
    """That a file does not have a metric, with those that it has."""
    names = sorted({re.sub(r"[^ -~\u00a1-\uffff]", "\ufffd", each) for each in known})
    near = get_close_matches(name, names, n=1)
    has = f"Its {kind}s are: {', '.join(names[:20])}." if names else "There are no numbers in it."
    remedy = f"Did you mean {near[0]!r}?" if near and near[0] != name else has
    return NothingFound(f"{text} found nothing: {place} has no number in {kind} {name!r}. {remedy}", "")


def no_file(text: str, why: str) -> NothingFound:
    """That a run has not written the file."""
    return NothingFound(
        f"{text} found nothing: {why}. Have the program write it, give its path as seen from there, or name it by {{dir}}.",
        "",
    )


def several(text: str, place: str, name: str, kind: str) -> ProgramFailed:
    """That a place has several values of one name."""
    return ProgramFailed(
        f"{text} cannot be told: {place} has several {kind}s named {name!r}. Have the program give each a name of its own, or print the one "
        "that is meant.", "",
    )  # fmt: skip


def refuse_nul(text: str, read: str, place: str) -> None:
    """Refuse NULs in what was read.

    Raises:
        ProgramFailed: when there are some, as the encoding is another one.
    """
    if "\0" in read:
        raise ProgramFailed(
            f"{text} cannot be read: {place} has NUL bytes in it, as UTF-16 without a byte order mark has. Have the program write UTF-8.",
            "",
        )
