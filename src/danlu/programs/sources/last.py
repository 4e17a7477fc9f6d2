"""A file that holds the number at the end: a text that is one, a JSON file with a key, or lines with names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from ...base.failure import ProgramFailed
from ..printed.curve import LinePattern
from ..printed.fields import LineReader, alike, flattened
from ..printed.pattern import Found, number
from .base import Follower, RunFolders, SourceValue
from .files import no_file, not_found, refuse_nul, several
from .places import FreshFiles, decoded
from .rows import loaded, repeated


class LastSource:
    """A number that a program leaves in a file.

    Args:
        path: of the file, ``result.txt``, ``metrics.json``.
        name: of the number in it, ``val.loss`` for a key in an object; "" for the one number that it is, which is named by its file.
            A list of numbers in a JSON file is a curve, a step each, and so is an object with ``steps`` and ``values``.

    Example:
        >>> LastSource("out/accuracy.txt").names, LastSource("metrics.json", "val.loss").names
        (('accuracy',), ('val.loss',))
    """

    def __init__(self, path: str, name: str = "") -> None:
        self.path, self.name = path, name
        self.text = f"file:{path}" + (f":{name}" if name else "")
        self.main = name or Path(path).stem.strip("*") or "metric"
        self.names: tuple[str, ...] = (self.main,)
        self.doubts: Mapping[str, str] = {}
        self.counted = ""
        self.once, self.late = True, ""

    def __repr__(self) -> str:
        return f"LastSource({self.text!r})"

    def pattern(self) -> LinePattern | None:
        """Nothing, as it is in a file."""
        return None

    def told(self, folders: RunFolders) -> Mapping[str, str]:
        """Nothing, as its path says where it is."""
        del folders
        return {}

    def follow(self, folders: RunFolders) -> Follower:
        """Be ready to read it at the end."""
        return LastFollower(self, folders)


class LastFollower:
    """Reads the file when the program has ended."""

    def __init__(self, source: LastSource, folders: RunFolders) -> None:
        self._source = source
        self._files = FreshFiles(source.path, folders)

    def poll(self) -> Iterable[SourceValue]:
        """Nothing: the file may be half written."""
        return ()

    def close(self) -> Iterable[SourceValue]:
        """The number, or the list of them."""
        path = self._files.only()
        if path is None:
            raise no_file(self._source.text, self._files.missing())
        shown = self._files.shown(path)
        text = decoded(path)
        refuse_nul(self._source.text, text, shown)
        values = self._values(text, shown)
        return [
            SourceValue(
                Found(step, {self._source.main: value}, 1, "" if step is None else "its 'steps'"), shown
            )
            for step, value in values
        ]

    def _values(self, text: str, shown: str) -> list[tuple[float | None, float]]:
        name = self._source.name
        try:
            told = loaded(text)
        except (ValueError, RecursionError):
            return [(None, value) for value in self._printed(text, shown)]
        if isinstance(told, dict):
            if name in repeated(told):
                raise several(self._source.text, shown, name, "key")
            curve = curve_of(_under(told, name))
            if curve is not None:
                return curve
            found = dict(flattened(told))
            key = name or (next(iter(found)) if len(found) == 1 else "")
            if key not in found:
                raise self._missing(shown, found)
            return [(None, found[key])]
        if isinstance(told, int | float) and not isinstance(told, bool):
            return [(None, float(told))]
        raise self._missing(shown, {})

    def _printed(self, text: str, shown: str) -> list[float]:
        """The number that a text is, or the last that has the name."""
        value = number(text)
        if value is not None:
            return [value]
        reader = LineReader()
        read = [reader.read(line) for line in text.splitlines()]
        found = {name: told[0] for line in read for name, told in line.values.items()}
        name = self._source.name or (next(iter(found)) if len(found) == 1 else "")
        values = [value for each, value in found.items() if name and alike(name, each)]
        if not values:
            raise self._missing(shown, found)
        return values[-1:]

    def _missing(self, shown: str, found: Mapping[str, float]) -> ProgramFailed:
        if self._source.name:
            return not_found(self._source.text, shown, self._source.name, found, "key")
        return ProgramFailed(
            f"{self._source.text} needs a file that is one number, and {shown} has "
            + (f"several: name one, {self._source.text}:{next(iter(found))}." if found else "none."),
            "",
        )


def curve_of(found: object) -> list[tuple[float | None, float]] | None:
    """Values with their steps, of a list of numbers, or of an object with ``steps`` and ``values``, as Sacred writes; None for anything else.

    Example:
        >>> curve_of([0.5, 0.25]), curve_of({"steps": [0, 10], "values": [0.5, 0.25]}), curve_of({"values": [1]})
        ([(None, 0.5), (None, 0.25)], [(0.0, 0.5), (10.0, 0.25)], None)
    """
    if isinstance(found, dict):
        steps, values = _numbers(found.get("steps")), _numbers(found.get("values"))
        return (
            None
            if steps is None or values is None or len(steps) != len(values)
            else list(zip(steps, values, strict=True))
        )
    numbers = _numbers(found)
    return None if numbers is None else [(None, value) for value in numbers]


def _numbers(found: object) -> list[float] | None:
    if not isinstance(found, list) or not found:
        return None
    numbers = [float(each) for each in found if isinstance(each, int | float) and not isinstance(each, bool)]
    return numbers if len(numbers) == len(found) else None


def _under(told: Mapping[str, object], name: str) -> object:
    """What is under a key, or under the keys between its dots."""
    found: object = told
    for key in [name] if name in told else name.split("."):
        found = found.get(key) if isinstance(found, dict) else None
    return found
