"""absl's flags."""

from __future__ import annotations

from typing import Any

from .reader import PLAIN, Reader


def absl_kind(flag: Any) -> str:
    """How many values a flag of absl takes; its classes are known by name, as they may not be imported."""
    if any(each.__name__ == "MultiFlag" for each in type(flag).__mro__):
        return "append"
    return "list" if any(each.__name__ == "BaseListParser" for each in type(flag.parser).__mro__) else "value"


def absl_flags(values: Any) -> list[dict[str, Any]]:
    found = []
    for module, flags in values.flags_by_module_dict().items():
        if module.partition(".")[0] == "absl":
            continue
        for flag in flags:
            kind = type(flag.parser).__name__
            options = getattr(flag.parser, "enum_values", None)
            found.append({
                "flag": f"--{flag.name}", "dest": flag.name, "kind": absl_kind(flag),
                "options": [f"--{flag.name}", f"--no{flag.name}"],
                "default": flag.default if isinstance(flag.default, PLAIN) else str(flag.default),
                "choices": list(options) if options else None,
                "type": {"IntegerParser": "int", "FloatParser": "float", "BooleanParser": "bool?"}.get(kind, "str"),
                "truth": {"true": "true", "false": "false"} if kind == "BooleanParser" else None, "help": flag.help or "",
                "low": getattr(flag.parser, "lower_bound", None), "high": getattr(flag.parser, "upper_bound", None),
            })  # fmt: skip
    return found


def hook(reader: Reader) -> None:
    try:
        from absl import app, flags
    except ImportError:
        return
    real = flags.FlagValues.__call__

    def values(found: Any, argv: list[str]) -> dict[str, Any]:
        for name in found:
            found[name].unparse()
        real(found, ["program", *argv])
        return {name: found[name].value for name in found}

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if reader.done:
            return real(self, *args, **kwargs)
        return reader.end(absl_flags(self), "absl", lambda argv: values(self, argv))

    flags.FlagValues.__call__ = call
    app.run = lambda *_, **__: call(flags.FLAGS)
