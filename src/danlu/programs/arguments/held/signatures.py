"""fire and tyro, which make flags of functions and dataclasses."""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import functools
import inspect
import re
import sys
import typing
from typing import Any

from .reader import PLAIN, Reader

KINDS: dict[Any, str] = {int: "int", float: "float", str: "str"}


def members(component: Any) -> list[tuple[str, Any]]:
    """The names of a function's arguments or a dataclass's fields, each with its default; None where it has none."""
    if dataclasses.is_dataclass(component):
        made: list[tuple[str, Any]] = []
        for field in dataclasses.fields(component):
            value: Any = None
            if not isinstance(component, type):
                value = getattr(component, field.name)
            elif field.default_factory is not dataclasses.MISSING:
                value = field.default_factory()
            elif field.default is not dataclasses.MISSING:
                value = field.default
            made.append((field.name, value))
        return made
    return [
        (name, None if each.default is inspect.Parameter.empty else each.default)
        for name, each in inspect.signature(component).parameters.items()
        if each.kind not in (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    ]


def hints_of(component: Any) -> dict[str, Any]:
    with contextlib.suppress(Exception):  # annotations may name what is not there
        kind = (
            type(component)
            if dataclasses.is_dataclass(component) and not isinstance(component, type)
            else component
        )
        return typing.get_type_hints(kind)
    return {}


def help_of(component: Any, name: str) -> str:
    """What a docstring says of an argument: ``name: text`` or ``name (type): text``."""
    text = inspect.getdoc(component) or ""
    found = re.search(rf"^\s*(?::param )?{re.escape(name)}\s*(?:\([^)]*\))?:\s*(.+)$", text, re.MULTILINE)
    return found[1] if found else ""


def choices_of(hint: Any) -> list[Any] | None:
    if typing.get_origin(hint) is typing.Literal:
        return list(typing.get_args(hint))
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return [member.name for member in hint]
    return None


def signature_flags(component: Any, *, dashes: bool, prefix: str = "") -> list[dict[str, Any]]:
    """Flags of a dataclass or function, for libraries that make them from it; those in a dataclass's field have its name before theirs."""
    hints = hints_of(component)
    found: list[dict[str, Any]] = []
    for name, value in members(component):
        hint = hints.get(name)
        inner = (
            value
            if dataclasses.is_dataclass(value)
            else hint
            if isinstance(hint, type) and dataclasses.is_dataclass(hint)
            else None
        )
        spelled = name.replace("_", "-") if dashes else name
        if dashes and inner is not None:
            found += signature_flags(inner, dashes=dashes, prefix=f"{prefix}{spelled}.")
            continue
        kind = KINDS.get(hint, "other") if name in hints else KINDS.get(type(value), "other")
        flag, negative = f"--{prefix}{spelled}", f"--{prefix}no-{spelled}"
        switch = dashes and isinstance(value, bool)
        default = value.name if isinstance(value, enum.Enum) else value
        found.append({
            "flag": flag, "dest": f"{prefix}{name}", "kind": "boolean" if switch else "value", "options": [flag, f"--{prefix}{name}", negative],
            "default": default if isinstance(default, PLAIN) else None, "choices": choices_of(hint), "against": negative if switch else "",
            "type": kind, "help": help_of(component, name),
            "truth": {"true": "True", "false": "False"} if isinstance(value, bool) else None,
        })  # fmt: skip
    return found


def flat(held: Any, prefix: str = "") -> dict[str, Any]:
    """The values of a dataclass, those of its dataclasses under both names."""
    found: dict[str, Any] = {}
    for name, value in vars(held).items():
        if dataclasses.is_dataclass(value):
            found.update(flat(value, f"{prefix}{name.replace('_', '-')}."))
        else:
            found[prefix + name] = value
    return found


def fire_target(component: Any, words: list[str]) -> list[Any]:
    """What fire calls for these words, one after another: a class and its method, a function of a module or a dict."""
    called: list[Any] = []
    held = sys.modules["__main__"] if component is None else component
    waiting = [word.replace("-", "_") for word in words if not word.startswith("-")]
    while True:
        if inspect.isclass(held):
            called.append(held)
        elif inspect.isroutine(held):
            return [*called, held]
        if not waiting:
            return called
        word = waiting.pop(0)
        held = held.get(word) if isinstance(held, dict) else getattr(held, word, None)
        if held is None:
            return called


def hook_fire(reader: Reader) -> None:
    try:
        import fire
    except ImportError:
        return

    def run(component: Any = None, *args: Any, **kwargs: Any) -> Any:
        del args, kwargs
        called = fire_target(component, reader.fixed)
        if not called:
            return reader.refuse(
                "fire is given no function, so its flags depend on what is called; name it among the fixed arguments"
            )
        flags = [flag for each in called for flag in signature_flags(each, dashes=False)]
        return reader.end([flag for flag in flags if flag["dest"] != "self"], "fire", None)

    fire.Fire = run
    with contextlib.suppress(AttributeError):
        fire.core.Fire = run


def hook_tyro(reader: Reader) -> None:
    try:
        import tyro
    except ImportError:
        return
    real = tyro.cli

    def cli(component: Any, *args: Any, **kwargs: Any) -> Any:
        del args
        component = kwargs.get("default") if dataclasses.is_dataclass(kwargs.get("default")) else component
        kind = component if isinstance(component, type) or inspect.isfunction(component) else type(component)
        if not (dataclasses.is_dataclass(component) or inspect.isfunction(component)):
            return reader.refuse("tyro is given neither a dataclass nor a function")
        checks = None
        if dataclasses.is_dataclass(component):
            given = {name: kwargs[name] for name in ("default", "config") if name in kwargs}
            checks = lambda argv: flat(real(kind, args=list(argv), **given))  # noqa: E731 - one expression
        elif inspect.isfunction(component):
            checks = lambda argv: bound(real, component, argv)  # noqa: E731 - one expression
        return reader.end(signature_flags(component, dashes=True), "tyro", checks)

    tyro.cli = cli


def bound(real: Any, function: Any, argv: list[str]) -> dict[str, Any]:
    """What tyro would call a function with: a stand-in of the same signature takes it down."""
    taken: dict[str, Any] = {}

    @functools.wraps(function)
    def stand_in(*args: Any, **kwargs: Any) -> None:
        given = inspect.signature(function).bind(*args, **kwargs)
        given.apply_defaults()
        taken.update(given.arguments)

    real(stand_in, args=list(argv))
    return taken


def hook(reader: Reader) -> None:
    hook_fire(reader)
    hook_tyro(reader)
