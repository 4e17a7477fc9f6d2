"""The values of a trial's parameters, and which of them its objective has asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..base.foreign import ATTRIBUTES
from ..base.values import Value, fresh, shaped
from ..errors import ObjectiveError
from ..space.point import Point


class ParameterValues:
    """Values by full name; whoever reads one is noted.

    Args:
        params: as the journal has them.
        lists: which of them were lists of what kind.
        named: which are choices of things by name: the journal has the names alone.
        names: of all parameters of the space.
    """

    def __init__(
        self, params: Mapping[str, Any], lists: Mapping[str, str], named: Sequence[str], names: Sequence[str]
    ) -> None:
        self._values: dict[str, Value] = {
            name: shaped(value, lists.get(name, "")) for name, value in params.items()
        }
        self._lacking = [name for name in named if name in self._values]
        self._names = names
        self._read: set[str] = set()
        self._missed: set[str] = set()

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __contains__(self, name: object) -> bool:
        return name in Point(self._values, self._names)

    def __getitem__(self, name: str) -> Value:
        self._read.add(name)
        return Point(self.held(), self._names)[name]

    def __setitem__(self, name: str, value: Value) -> None:
        self._values[name] = value

    def all(self) -> dict[str, Value]:
        """All of them, which counts as reading each."""
        self._read.update(self._values)
        return dict(self.held())

    def held(self) -> dict[str, Value]:
        """All of them, unread.

        Raises:
            ObjectiveError: when a thing is known by its name alone.
        """
        if self._lacking:
            raise ObjectiveError(
                f"{self._lacking[0]} is a choice of things by name, and the journal keeps their names alone: "
                f"{self._values[self._lacking[0]]!r} is not at hand here. Start the same call with the space where it is."
            )
        return self._values

    def read(self, *names: str) -> None:
        """The objective has seen these."""
        self._read.update(names)

    def miss(self, name: str) -> None:
        """The objective has asked for what is not there; a parameter of another branch is no miss."""
        if not any(own == name or own.endswith(f".{name}") for own in self._names):
            self._missed.add(name)

    def furnish(self, things: Mapping[str, Mapping[str, Any]]) -> None:
        """Give the things that parameters name, for each parameter by name; whoever has the space at hand does so."""
        for name in [name for name in self._lacking if name in things]:
            self._values[name] = fresh(things[name][self._values[name]])
            self._lacking.remove(name)

    @property
    def untouched(self) -> bool:
        """Whether the objective has read none of them, so that what it did cannot depend on them."""
        return not self._read

    def unheard(self) -> str:
        """What the objective asked for and did not get beside parameters that it never read, as a sentence; else ''."""
        every = {name for name in self._values if not self._was_read(name)}
        missed = sorted(name for name in self._missed if name not in ATTRIBUTES and not name.startswith("_"))
        if not every or not missed:
            return ""
        return (
            f"the objective asked for {', '.join(map(repr, missed))}, which the space does not have, and never read "
            f"{', '.join(map(repr, sorted(every)))}. If they are the same, give them one name"
        )

    def _was_read(self, name: str) -> bool:
        return any(
            name == read or name.endswith(f".{read}") or name.startswith(f"{read}.") for read in self._read
        )
