"""One of a few: ``Choice`` of plain options or of anything by name, and ``Switch``, whose options open sub-spaces."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ..base.answering import Answering
from ..base.values import Value, fresh, label, literal, shape, shaped, shown, typed_key
from ..errors import SpaceError


class _Choosing(Answering):
    """Lists and tuples among options are told apart here, as a journal keeps both as arrays."""

    def __call__(cls, *given: Any, **settings: Any) -> Any:  # noqa: N805 - of a class
        values: Any = given[0] if given else settings.get("values")
        if hasattr(values, "tolist") and getattr(values, "ndim", 1) != 0:
            values = values.tolist()
        elif hasattr(values, "__iter__") and not isinstance(values, str | bytes | Mapping | set | frozenset):
            values = list(values)
        if isinstance(values, list) and "lists" not in settings:
            shapes = tuple(map(shape, values))
            settings["lists"] = shapes if any(shapes) else ()
            given, settings["values"] = given[1:], values
        return super().__call__(*given, **settings)


class _Options(msgspec.Struct, frozen=True, metaclass=_Choosing):
    values: Value


class Choice(_Options, frozen=True, kw_only=True, tag="choice", forbid_unknown_fields=True, dict=True):
    """One of a few options: None, bools, numbers, strings, lists of them; or anything at all, by name.

    Options of different types are different options even where Python calls them equal (``1``,
    ``1.0`` and ``True``). ``ordered`` says that neighbors resemble each other.

    A dict gives names to things: ``Choice({"relu": nn.ReLU, "wide": [64, 32]})``. The journal, results and figures have the
    name, the objective gets the thing, and ``choice["relu"]`` is the way back to it. Lists come back as lists, fresh for each
    trial; what else is mutable is one and the same thing in all trials, so give a class or a function that makes it.

    Raises:
        SpaceError: when there is no option, one twice, or one that no journal can keep.

    Example:
        >>> Choice(["relu", "gelu", None]).decode(0.99) is None
        True
        >>> import math
        >>> Choice({"sine": math.sin, "root": math.sqrt})["root"](4)
        2.0
    """

    ordered: bool = False
    prior: Value = msgspec.UNSET
    lists: tuple[str, ...] = ()
    named: bool = False

    def __post_init__(self) -> None:
        given = self.values
        if not isinstance(self.ordered, bool):
            raise SpaceError(
                f"Choice needs ordered=True or ordered=False, got ordered={shown(self.ordered)}."
            )
        if isinstance(given, Mapping):
            self._name(given)
            given = list(given)
        if isinstance(given, str | bytes) or not hasattr(given, "__iter__") or getattr(given, "ndim", 1) == 0:
            raise SpaceError(f"Choice needs a list of options, got {given!r}. Write Choice([...]).")
        if isinstance(given, set | frozenset):
            raise SpaceError(
                f"Choice needs options in an order, and a set has none that lasts, got {given!r}. Write Choice(sorted(...))."
            )
        options = tuple(_option(value, list(given)) for value in given)
        msgspec.structs.force_setattr(self, "values", options)
        if not options:
            raise SpaceError("Choice needs at least one option, got none.")
        keys = [typed_key(value) for value in options]
        for position, key in enumerate(keys):
            if key in keys[:position]:
                raise SpaceError(
                    f"Choice needs distinct options, got {options[position]!r} twice. Remove one."
                )
        if self.prior is not msgspec.UNSET:
            msgspec.structs.force_setattr(self, "prior", self.check("prior", self.prior))

    def _name(self, things: Mapping[Any, Any]) -> None:
        for name in things:
            if not isinstance(name, str) or not name:
                raise SpaceError(
                    f"Choice needs names that are non-empty strings for its things, got {name!r}. "
                    "Write Choice({'name': thing, ...}), or Choice([...]) for plain options."
                )
            _no_parameter(things[name])
        self.__dict__["things"] = dict(things)
        msgspec.structs.force_setattr(self, "named", True)

    def __repr__(self) -> str:
        prior = "" if self.prior is msgspec.UNSET else f", prior={self.prior!r}"
        ordered = ", ordered=True" if self.ordered else ""
        options = (
            [shaped(value, letters) for value, letters in zip(self.values, self.lists, strict=True)]
            if self.lists
            else list(self.values)
        )
        names = "{" + ", ".join(f"{name!r}: ..." for name in options) + "}"
        return f"Choice({names if self.named else options}{ordered}{prior})"

    def __reduce__(self) -> tuple[Any, ...]:
        if "things" in self.__dict__:
            return _choice, (self.things, self.ordered, self.prior)
        return _restored, (self.values, self.ordered, self.prior, self.lists, self.named)

    def __getitem__(self, name: str) -> Any:
        """The thing of this name.

        Raises:
            SpaceError: when there is none, or only its name is known here.
        """
        self.check("the option", name)
        if not self.named:
            return self.given(name)
        if "things" not in self.__dict__:
            raise SpaceError(
                f"{name!r} is the name of a thing, and only names are kept in a journal. Take it from the space where it was made."
            )
        return self.things[name]

    @property
    def things(self) -> Mapping[str, Any]:
        """The things by name where they are at hand, else nothing."""
        held: Mapping[str, Any] = self.__dict__.get("things", {})
        return held

    def given(self, value: Value) -> Any:
        """What the objective gets for an option: its thing, or a list where it was one."""
        if self.things:
            return fresh(self.things[value])
        return shaped(value, self.lists[self.index(value)]) if self.lists else value

    @property
    def size(self) -> int:
        """The number of options."""
        return len(self.values)

    def encode(self, value: Value) -> float:
        """The middle of the option's share of the unit interval."""
        return self.encoder()(value)

    def decode(self, unit: float) -> Value:
        """The option that owns coordinate ``unit``."""
        return self.decoder()(unit)

    def encoder(self) -> Callable[[Value], float]:
        """``encode`` with its constants worked out once."""
        size = len(self.values)
        places = {typed_key(option): (at + 0.5) / size for at, option in enumerate(self.values)}

        def encode(value: Value) -> float:
            place = places.get(typed_key(value))
            return (self.index(value) + 0.5) / size if place is None else place

        return encode

    def decoder(self) -> Callable[[float], Value]:
        """``decode`` with its constants worked out once."""
        values, size = self.values, len(self.values)
        return lambda unit: values[min(size - 1, max(0, int(unit * size)))]

    def index(self, value: Value) -> int:
        """The position of ``value`` among the options, types told apart."""
        with contextlib.suppress(SpaceError):  # what no journal can keep is no option
            key = typed_key(literal(value))
            for position, option in enumerate(self.values):
                if typed_key(option) == key:
                    return position
        raise SpaceError(f"one of {list(self.values)!r} is needed, got {shown(value)}.")

    def check(self, name: str, value: Value) -> Value:
        """Return the option equal to ``value``, or raise."""
        try:
            return self.values[self.index(value)]
        except SpaceError as error:
            raise SpaceError(f"{name}: {error}") from None


class Switch:
    """A choice whose options open sub-spaces, to any depth.

    Options are given by name; each maps to a space of its own, ``{}`` for none. Inside a trial the
    parameters of the option taken appear as ``"switch.option.parameter"`` and, where that is not
    ambiguous, as plain ``"parameter"``. Options that have parameters in common share them under a tuple
    of their names: the parameter is one and the same in all of them, so what is learned of it in one is
    known in the others, and it appears as ``"switch.first|second.parameter"``. ``prior`` names the option
    that samplers which use priors take first.

    Raises:
        SpaceError: when there is no option, or the prior is none of them.

    Example:
        >>> from .parameters import Float, Int
        >>> optimizer = Switch(sgd={"momentum": Float(0, 0.99)}, adam={"beta2": Float(0.9, 0.9999)})
        >>> list(optimizer.options)
        ['sgd', 'adam']
        >>> booster = Switch({"linear": {}, ("tree", "dart"): {"depth": Int(1, 9)}, "dart": {"drop": Float(0, 1)}})
        >>> list(booster.options)
        ['linear', 'tree', 'dart']
    """

    __slots__ = ("options", "prior", "shared")

    def __init__(
        self, options: Mapping[str | tuple[str, ...], Mapping[str, Any]] | None = None, /, **named: Any
    ) -> None:
        if options is not None and not isinstance(options, Mapping):
            raise SpaceError(
                f"Switch needs its options by name, each with a dict of parameters, got {shown(options)}. Write "
                "Switch(first={'name': ...}, second={}), or Choice([...]) for options without parameters."
            )
        given: dict[str | tuple[str, ...], Mapping[str, Any]] = dict(options or {})
        self.prior: str | None = named.pop("prior") if isinstance(named.get("prior"), str) else None
        given.update(named)
        self.shared = {names: inner for names, inner in given.items() if isinstance(names, tuple)}
        labels = [name for names in given for name in (names if isinstance(names, tuple) else (names,))]
        self.options: dict[str, Mapping[str, Any]] = {name: given.get(name, {}) for name in labels}
        if not self.options:
            raise SpaceError("Switch needs at least one option, got none. Write Switch(name={...}, ...).")
        for name, inner in given.items():
            if not isinstance(inner, Mapping):
                raise SpaceError(
                    f"Switch needs a dict of parameters for option {name!r}, got {inner!r}. "
                    "Use {} for an option without parameters."
                )
        if self.prior is not None and self.prior not in self.options:
            raise SpaceError(f"Switch needs a prior among {list(self.options)!r}, got {self.prior!r}.")

    def __repr__(self) -> str:
        prior = "" if self.prior is None else f", prior={self.prior!r}"
        return f"Switch({dict([*self.options.items(), *self.shared.items()])!r}{prior})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Switch):
            return NotImplemented
        mine, others = ((each.options, each.shared, each.prior) for each in (self, other))
        return mine == others

    def __hash__(self) -> int:
        return hash(tuple(self.options))

    @property
    def choice(self) -> Choice:
        """The choice between its options."""
        labels = tuple(self.options)
        return Choice(labels) if self.prior is None else Choice(labels, prior=self.prior)


def _choice(values: Any, ordered: bool, prior: Value) -> Choice:
    return Choice(values, ordered=ordered, prior=prior)


def _restored(values: Any, ordered: bool, prior: Value, lists: tuple[str, ...], named: bool) -> Choice:
    return Choice(values, ordered=ordered, prior=prior, lists=lists, named=named)


def _no_parameter(option: Any, depth: int = 0) -> None:
    """Refuse an option with something to be searched in it, which would reach the objective as it is.

    Raises:
        SpaceError: with the switch to write.
    """
    if isinstance(option, Mapping | list | tuple):
        if depth > 64:
            raise SpaceError(
                f"Choice has options with lists up to 64 deep in each other, got {shown(option)}."
            )
        for each in option.values() if isinstance(option, Mapping) else option:
            _no_parameter(each, depth + 1)
    if isinstance(type(option), Answering) or isinstance(option, Switch):
        raise SpaceError(
            f"Choice has options that are what they are, and {option!r:.80} is to be searched. Write "
            "Switch(first={'name': ...}, second={...}): its options open spaces of their own."
        )


def _option(value: Any, given: list[Any]) -> Value:
    """An option as a journal keeps it; for one that it cannot keep, the dict that names them all."""
    _no_parameter(value)
    try:
        return literal(value)
    except SpaceError as error:
        plain = value is None or isinstance(value, bool | int | float | str)
        if plain:
            raise
        names = [label(each) for each in given]
        pairs = ", ".join(f"{name!r}: {label(each)}" for name, each in zip(names, given, strict=True))
        raise SpaceError(
            f"Choice needs options that are None, bools, numbers, strings or lists of them, got {shown(value)}. "
            f"Name what is none: Choice({{{pairs}}}), and the objective gets the thing."
            + ("" if len(set(names)) == len(names) else " Each name has to be different.")
        ) from error
