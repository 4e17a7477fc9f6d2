"""Metrics that are printed: by a pattern of the line, or by name alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from ...errors import ObjectiveError
from ..printed.curve import LinePattern
from ..printed.fields import BAR, HEADINGS, LineNumbers, LineReader, alike, step_of, unread
from ..printed.pattern import Found, Pattern, UnreadNumber
from .base import Follower, RunFolders

COUNT = "count"
"""What is written in place of a step's name so that values are counted."""


class PrintedSource:
    """What is printed: it comes once a step, in time, and needs neither a variable nor a file."""

    once, late = False, ""

    def told(self, folders: RunFolders) -> Mapping[str, str]:
        """Nothing."""
        del folders
        return {}

    def follow(self, folders: RunFolders) -> Follower | None:
        """Nothing, as it is printed."""
        del folders
        return None


class PatternSource(PrintedSource):
    """A metric in a line of output that is written with holes, ``val loss: {x}``.

    Args:
        text: of the line, as in ``Pattern``.

    Raises:
        ObjectiveError: as for ``Pattern``.
    """

    def __init__(self, text: str) -> None:
        read = Pattern(text)
        self.text, self.names, self.main = text, read.names, read.named.get("x", "")
        self.doubts: Mapping[str, str] = read.doubts
        self.counted = read.counted

    def __repr__(self) -> str:
        return f"PatternSource({self.text!r})"

    def pattern(self) -> LinePattern:
        """The pattern, for one run."""
        return Pattern(self.text)


class FieldSource(PrintedSource):
    """A metric in a program's output that is given by its name alone, in whatever form it is printed.

    Args:
        name: of the metric, as it is printed; ``val loss`` and ``val_loss`` are the same.
        step: the word that its step stands beside, ``bar`` for the counter of a progress bar, ``count`` to count its values;
            "" to take what is there.

    Example:
        >>> reader = FieldSource("val_loss").pattern()
        >>> reader.find("{'val_loss': 0.25, 'epoch': 2.0}")
        Found(step=2.0, values={'val_loss': 0.25}, places=1, how="its 'epoch'")
        >>> reader.find("step 7: val loss 0.25").how
        "its 'step'"
    """

    def __init__(self, name: str, step: str = "") -> None:
        if not name.strip():
            raise ObjectiveError(
                "a metric needs a name, or a line with {x} where its number is: 'val loss: {x}'."
            )
        self.name, self.step = name.strip(), step.strip()
        self.text = f"{self.name}:{self.step}" if self.step else self.name
        self.main = "_".join(self.name.split())
        self.names: tuple[str, ...] = (self.main,)
        self.doubts: Mapping[str, str] = {}
        self.counted = f"Write {self.name + ':' + COUNT!r}"

    def __repr__(self) -> str:
        return f"FieldSource({self.text!r})"

    def pattern(self) -> LinePattern:
        """What finds it, for one run."""
        return NamedField(self)


class ReadsLines(Protocol):
    """Whoever finds the numbers of lines, as ``LineReader`` does."""

    def read(self, line: str) -> LineNumbers:
        """What a line says."""


class NamedField:
    """Finds a number by its name, line after line; the step is in the line, in a heading above it, or counted.

    Whether there is a step is settled by the first line that has the number: a step that is no whole number there (0.5 epochs) is
    none.
    """

    steps = False

    def __init__(self, source: FieldSource, reader: ReadsLines | None = None) -> None:
        self.text, self.names, self.counted = source.text, source.names, source.counted
        self.redrawn = repr(f"{source.name}:{BAR}")
        self._name, self._step = source.name, source.step
        self._reader: ReadsLines = reader or LineReader()
        self._heading: tuple[str, float] | None = None
        self._how: str | None = None

    def find(self, line: str) -> Found | None:
        """The step and the value in a line; None where it has none."""
        read = self._reader.read(line)
        steps = dict(read.steps)
        values = [value for name, told in read.values.items() if alike(self._name, name) for value in told]
        self._head(steps)
        if not values:
            return None
        step, how = self._at(steps)
        return Found(step, {self.names[0]: values[0]}, len(values), how)

    def unread(self, line: str) -> UnreadNumber | None:
        """What stands beside the name in place of a number; None for other lines."""
        return unread(self._name, line)

    def nearest(self, lines: Sequence[str]) -> str:
        """The names that were printed, with the remedy."""
        reader = LineReader()
        said: dict[str, str] = {}
        for line in lines:
            said |= {name: line for name in reader.read(line).values if name not in said}
        words = set(self._name.lower().replace("_", " ").split())
        near = max(
            said, key=lambda name: len(words & set(name.lower().replace("_", " ").split())), default=""
        )
        if near and words & set(near.lower().replace("_", " ").split()):
            return f"the nearest is {near!r} in {said[near].strip()[:200]!r}"
        if said:
            return f"the numbers that it printed are named {', '.join(map(repr, list(said)[:12]))}"
        return Pattern(f"{self._name} {{x}}").nearest(lines) if "{" not in self._name else ""

    def _head(self, steps: Mapping[str, float]) -> None:
        """Remember a counter that holds for the lines below."""
        name = self._step or next((word for word in steps if word in HEADINGS), "")
        if name in steps:
            self._heading = (name, steps[name])

    def _at(self, steps: Mapping[str, float]) -> tuple[float | None, str]:
        """The step of a value, and how it is known."""
        if self._step == COUNT:
            return None, ""
        name = self._step or step_of(steps) or ""
        if name in steps:
            step, how = steps[name], f"its {name!r}"
        elif self._heading is not None:
            step, how = self._heading[1], f"the {self._heading[0]!r} above it"
        else:
            step, how = None, ""
        if self._how is None:
            self._how = "counted" if step is None or (step != int(step) and not self._step) else "said"
        return (None, "") if self._how == "counted" else (step, how)
