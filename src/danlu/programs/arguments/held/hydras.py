"""Hydra: the config that it composes for the job, without running the job."""

from __future__ import annotations

import inspect
import os
from typing import Any

from .reader import PLAIN, Reader


class Composer:
    """Composes the config of a ``@hydra.main`` script for a command line.

    Args:
        file: that the decorated function is in; a relative path of configs is seen from there.
        path, name: of the config, as the decorator has them.
        version: of the defaults that Hydra is to have.
    """

    def __init__(self, file: str, path: str | None, name: str | None, version: Any) -> None:
        self.folder = os.path.dirname(os.path.abspath(file))
        self.path, self.name, self.version = path, name, version

    def compose(self, argv: list[str]) -> tuple[Any, dict[str, list[str]], dict[str, str]]:
        """The config, the options of each of its groups, and what is chosen of them."""
        import hydra
        from hydra._internal.utils import get_args_parser
        from hydra.core.global_hydra import GlobalHydra

        args = get_args_parser().parse_args(argv)
        GlobalHydra.instance().clear()
        path = args.config_path or self.path
        with self.opened(hydra, path) if path else hydra.initialize(config_path=None, **self.based()):
            whole = hydra.compose(args.config_name or self.name, args.overrides, return_hydra_config=True)
            chosen = {str(group): str(name) for group, name in whole.hydra.runtime.choices.items()}
            chosen = {group: name for group, name in chosen.items() if not group.startswith("hydra/")}
            loader = GlobalHydra.instance().config_loader()
            groups = {group: sorted(loader.get_group_options(group)) for group in chosen}
            config = hydra.compose(args.config_name or self.name, args.overrides)
        return config, groups, chosen

    def opened(self, hydra: Any, path: str) -> Any:
        if path.startswith("pkg://"):
            return hydra.initialize_config_module(path[6:].replace("/", "."), **self.based())
        return hydra.initialize_config_dir(os.path.normpath(os.path.join(self.folder, path)), **self.based())

    def based(self) -> dict[str, Any]:
        import hydra

        takes = "version_base" in inspect.signature(hydra.initialize).parameters
        return {"version_base": self.version} if takes else {}


def flat(config: Any) -> dict[str, Any]:
    """The values of a config by their full names; lists as they are, what is missing as None."""
    from omegaconf import OmegaConf

    found: dict[str, Any] = {}

    def walk(held: Any, prefix: str) -> None:
        for name, value in held.items():
            if isinstance(value, dict):
                walk(value, f"{prefix}{name}.")
            else:
                found[f"{prefix}{name}"] = getattr(value, "name", value)

    walk(OmegaConf.to_container(config, resolve=False), "")
    return {
        name: None if isinstance(value, str) and value == "???" else value for name, value in found.items()
    }


def kind_of(config: Any, name: str) -> str | None:
    """The type that a structured config declares; None where any value will do."""
    from omegaconf import OmegaConf

    parent, _, last = name.rpartition(".")
    held = OmegaConf.select(config, parent) if parent else config
    node = held._get_node(last)
    declared = getattr(getattr(node, "_metadata", None), "ref_type", None)
    kinds: dict[Any, str] = {int: "int", float: "float", str: "str", bool: "bool?"}
    return kinds.get(declared)


def hydra_flags(config: Any, groups: dict[str, list[str]], chosen: dict[str, str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [
        {
            "flag": group,
            "dest": group,
            "kind": "assign",
            "default": chosen[group],
            "choices": options,
            "type": "group",
        }
        for group, options in groups.items()
    ]
    for name, value in flat(config).items():
        kind = kind_of(config, name)
        truth = {"true": "true", "false": "false"} if isinstance(value, bool) else None
        resolved = (
            value if isinstance(value, PLAIN) and not (isinstance(value, str) and "${" in value) else None
        )
        if kind is None and isinstance(value, (float, str)):
            kind = type(value).__name__
        found.append(
            {"flag": name, "dest": name, "kind": "assign", "default": resolved, "type": kind, "truth": truth}
        )
    return found


def hook(reader: Reader) -> None:
    try:
        import hydra
    except ImportError:
        return

    def main(version_base: Any = None, config_path: str | None = None, config_name: str | None = None) -> Any:
        def decorate(function: Any) -> Any:
            def run(*args: Any, **kwargs: Any) -> Any:
                del args, kwargs
                composer = Composer(
                    inspect.getfile(inspect.unwrap(function)), config_path, config_name, version_base
                )
                reader.done = True  # composing opens files, and parses by argparse
                try:
                    config, groups, chosen = composer.compose(reader.fixed)
                except Exception as error:  # whatever is wrong with the configs
                    reader.done = False
                    return reader.refuse(
                        f"it ended with {type(error).__name__}: {' '.join(str(error).split())}"
                    )

                def values(argv: list[str]) -> dict[str, Any]:
                    config, _, chosen = composer.compose(argv)
                    return {**chosen, **flat(config)}

                return reader.end(hydra_flags(config, groups, chosen), "hydra", values)

            return run

        return decorate

    hydra.main = main
