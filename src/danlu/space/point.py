"""The values of one point, and how a name finds its parameter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches

from ..base.values import Value
from ..errors import InactiveParameter, NoParameter, SpaceError


class Point(Mapping[str, Value]):
    """The values of one point, found by full name or by any unambiguous ending of it.

    The name of a group, ``"model"`` where there are ``"model.depth"`` and ``"model.width"``, finds the point of its members.
    ``in`` and ``get`` take a name that is not there for what it is, as those of a dict do.

    Example:
        >>> Point({"opt": "sgd", "opt.sgd.lr": 0.1})["lr"]
        0.1
    """

    __slots__ = ("_every", "_values")

    def __init__(self, values: Mapping[str, Value], every: Sequence[str] = ()) -> None:
        self._values = values
        self._every = every

    def __getitem__(self, name: str) -> Value:
        if name in self._values:
            return self._values[name]
        ending = "." + name
        found = [known for known in self._values if known.endswith(ending)]
        if len(found) == 1:
            return self._values[found[0]]
        if not found and any(known == name or known.endswith(ending) for known in self._every):
            raise InactiveParameter(f"{name} is not active at this point.")
        group = f"{name}."
        members = {
            known.removeprefix(group): value
            for known, value in self._values.items()
            if known.startswith(group)
        }
        if members and not found:
            return Point(
                members, [known.removeprefix(group) for known in self._every if known.startswith(group)]
            )
        return self._values[resolve(list(self._values), name)]

    def __getattr__(self, name: str) -> Value:
        """A value by its name, as in a group: ``trial.model.depth``."""
        if not name.startswith("_") and name in self:
            return self[name]
        raise AttributeError(f"there is no parameter {name!r}.")

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(dict(self._values))


def resolve(names: Sequence[str], name: str) -> str:
    """The one name among ``names`` that is ``name`` or ends in ``"." + name``.

    Raises:
        NoParameter: when none does, with the nearest name.
        SpaceError: when several do.

    Example:
        >>> resolve(["opt", "opt.sgd.lr"], "lr")
        'opt.sgd.lr'
    """
    if name in names:
        return name
    found = [known for known in names if known.endswith("." + name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise SpaceError(f"{name!r} could be any of {', '.join(found)}. Use the full name.")
    near = get_close_matches(name, names, n=1, cutoff=0.4)
    remedy = f" Did you mean {near[0]!r}?" if near else f" There are: {', '.join(names) or 'none'}."
    raise NoParameter(f"there is no parameter {name!r}.{remedy}")
