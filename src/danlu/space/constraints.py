"""What the values of one point have to fulfill together."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from ..base.values import Value, shown
from ..errors import InactiveParameter, SpaceError
from .expression import Expression
from .point import Point, resolve

Constraint: TypeAlias = Callable[[Mapping[str, Value]], bool]
"""A test of the values of one point; a point is allowed when every constraint is true."""

FUNCTION = "<function>"
"""How a journal writes a constraint that was a function."""


class Constraints(Sequence[Constraint]):
    """The constraints of a space, in order.

    Args:
        given: functions of the values, or strings.
        every: the names of all parameters and constants.

    Attributes:
        forgotten: whether some were functions, which a journal does not keep, and have not been given again.

    Raises:
        SpaceError: when one cannot be read, or names what there is not.
    """

    def __init__(
        self, given: Iterable[Constraint | str], every: tuple[str, ...], *, forgotten: bool = False
    ) -> None:
        self._all = tuple(Expression(each) if isinstance(each, str) else each for each in given)
        self._every = every
        self.forgotten = forgotten
        for constraint in self._all:
            if isinstance(constraint, Expression):
                for name in constraint.names:
                    resolve(list(every), name)

    def __len__(self) -> int:
        return len(self._all)

    def __iter__(self) -> Iterator[Constraint]:
        return iter(self._all)

    def __getitem__(self, position: Any) -> Any:
        return self._all[position]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Constraints):
            return NotImplemented
        mine, others = ([c for c in each if not isinstance(c, Expression)] for each in (self, other))
        return self.texts == other.texts and self.forgotten == other.forgotten and mine == others

    def __hash__(self) -> int:
        return hash(self.texts)

    @property
    def texts(self) -> tuple[str, ...]:
        """Each as a journal keeps it."""
        return tuple(str(each) if isinstance(each, Expression) else FUNCTION for each in self._all)

    def hold(self, values: Mapping[str, Value]) -> bool:
        """Whether every one holds at ``values``; one that names a parameter which is not active does."""
        if not self._all:
            return True
        point = Point(values, self._every)
        return all(_holds(constraint, point) for constraint in self._all)

    def refuse_pointless(self, truths: Collection[str]) -> None:
        """Refuse texts that hold wherever a number is not 0, which nobody means.

        Args:
            truths: the names whose values are true or false by themselves.
        """
        for constraint in self._all:
            if isinstance(constraint, Expression) and not constraint.names:
                raise SpaceError(
                    f"the constraint {str(constraint)!r} names no parameter, so it is the same at every point. Leave it out, or write "
                    f"{f'{self._every[0]} < 1' if self._every else 'a comparison'!r}."
                )
            for name in constraint.judged if isinstance(constraint, Expression) else ():
                if resolve(list(self._every), name) not in truths:
                    raise SpaceError(
                        f"the constraint {str(constraint)!r} compares {name} with nothing, and it is not true or false by itself. Write a "
                        f"comparison, '{name} < 1'."
                    )


def _holds(constraint: Constraint, point: Point) -> bool:
    try:
        held: Any = constraint(point)
    except InactiveParameter:
        return True
    if held is None:
        raise SpaceError(
            f"the constraint {getattr(constraint, '__name__', constraint)} gave None, and it has to say True where it holds and False "
            "where not. Has it a return?"
        )
    if (
        not isinstance(held, bool)
        and getattr(getattr(held, "dtype", None), "kind", "") + str(getattr(held, "ndim", "")) != "b0"
    ):
        raise SpaceError(
            f"the constraint {getattr(constraint, '__name__', constraint)} gave {shown(held)}, and it has to say True where it holds and "
            "False where not. Return a comparison, or bool(...)."
        )
    return bool(held)
