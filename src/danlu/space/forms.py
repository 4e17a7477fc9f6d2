"""The forms that values have outside of the journal: things for their names, lists where they were lists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..base.values import Value
from .parameters import Choice
from .slots import Slot


class ValueForms:
    """What objectives get and results show for the values of a point.

    Args:
        slots: of the space.

    Attributes:
        named: the names of the choices of things by name.

    Example:
        >>> from .space import Space
        >>> space = Space({"widths": Choice([[64, 32], [128]]), "root": Choice({"square": len})})
        >>> space.forms.given({"widths": (64, 32), "root": "square"})
        {'widths': [64, 32], 'root': <built-in function len>}
        >>> space.forms.shown({"widths": (64, 32), "root": "square"})
        {'widths': [64, 32], 'root': 'square'}
    """

    def __init__(self, slots: Sequence[Slot]) -> None:
        choices = {s.name: s.parameter for s in slots if isinstance(s.parameter, Choice)}
        self.named = tuple(name for name, choice in choices.items() if choice.named)
        self._choices = {name: choice for name, choice in choices.items() if choice.named or choice.lists}
        self._listed = {name: choice for name, choice in choices.items() if choice.lists}

    @property
    def things(self) -> dict[str, Mapping[str, Any]]:
        """For each choice of things by name that is at hand, its things."""
        return {name: choice.things for name, choice in self._choices.items() if choice.things}

    def given(self, values: Mapping[str, Value]) -> dict[str, Value]:
        """Values as journals have them with what the objective gets for them.

        Raises:
            SpaceError: for a name whose thing is not at hand.
        """
        own = self._choices
        return {name: own[name][value] if name in own else value for name, value in values.items()}

    def shown(self, values: dict[str, Value]) -> dict[str, Value]:
        """Values as results show them: lists where they were lists, things by their names."""
        if not self._listed:
            return values
        return {
            name: self._listed[name].given(v) if name in self._listed else v for name, v in values.items()
        }

    def lists(self, values: Mapping[str, Value]) -> dict[str, str]:
        """For each value that is a list, how its lists and tuples lie in it (``values.shape``)."""
        return {
            name: choice.lists[choice.index(values[name])]
            for name, choice in self._listed.items()
            if name in values
        }
