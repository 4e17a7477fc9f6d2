"""Frozen settings that answer what they do not know with danlu's own words, instead of Python's."""

from __future__ import annotations

import inspect
from typing import Any

import msgspec

from ..errors import ArgumentError, DanluError
from .foreign import ALGORITHMS, SETTINGS, unknown


class Answering(msgspec.StructMeta):
    """The class of parameters, samplers, schedulers, budgets and limits.

    What is made by hand passes here, what is read from a journal does not.
    """

    def __call__(cls, *given: Any, **settings: Any) -> Any:  # noqa: N805 - of a class
        """Make one.

        Raises:
            ArgumentError: for settings that it does not have or lacks.
        """
        known = cls.__struct_fields__
        for name in settings:
            if name not in known:
                own = [f"{word}=..." for word in ALGORITHMS.get(name, ()) if word in known]
                table = {name: own[0]} if own else {}
                if SETTINGS.get(name, "").partition("=")[0] in known:
                    table[name] = SETTINGS[name]
                maker = getattr(cls, "of", None)
                if maker is not None and name in inspect.signature(maker).parameters:
                    table[name] = f"{cls.__name__}.of({name}=...)"
                raise unknown(cls.__name__, name, known, table)
        try:
            return super().__call__(*given, **settings)
        except TypeError as error:
            if isinstance(error, DanluError):
                raise
            raise ArgumentError(f"{cls.__name__} is made as {_made(cls)}: {error}.") from None


class Settings(msgspec.Struct, frozen=True, metaclass=Answering):
    """Settings that answer; what they are for inherits this."""


def _made(kind: Answering) -> str:
    """How one is made, with the settings that have to be given first.

    Example:
        >>> from ..problem.fidelity import Fidelity
        >>> _made(Fidelity)
        'Fidelity(name, low, high, resume_safe=True)'
    """
    return kind.__name__ + ", ".join(
        name if each.default is each.empty else f"{name}={each.default!r}"
        for name, each in inspect.signature(kind).parameters.items()
    ).join("()")
