"""A host's own modules under a door's name: ``from danlu.optuna.samplers import TPESampler`` is Optuna's class, not a copy."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any


class HostModules(MetaPathFinder, Loader):
    """Finds a host's modules below another name; they stay what they are.

    Args:
        door: the name of the module that is imported instead of the host.
        host: the host's name.
        own: the door's own modules, by the host's names for them.
    """

    def __init__(self, door: str, host: str, own: Mapping[str, str]) -> None:
        self._door = f"{door}."
        self._host = host
        self._own = own
        self._specs: dict[str, ModuleSpec | None] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec for what lies below the door; None for everything else."""
        del path, target
        return ModuleSpec(fullname, self) if fullname.startswith(self._door) else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """The host's module, imported under its own name."""
        module = self.module(spec.name.removeprefix(self._door))
        self._specs[spec.name] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is run twice; the module keeps its own spec."""
        module.__spec__ = self._specs.pop(module.__spec__.name) if module.__spec__ else None

    def module(self, name: str) -> ModuleType:
        """The module of this name below the host, or the door's own.

        Raises:
            ModuleNotFoundError: when the host has none.
        """
        return import_module(self._own.get(name, f"{self._host}.{name}"))

    def named(self, name: str) -> Any:
        """What the host has by this name, or the door has in its place.

        Raises:
            AttributeError: when there is none.
            ModuleNotFoundError: when a module of the host's needs another one that is not installed.
        """
        host = import_module(self._host)
        if name not in self._own and hasattr(host, name):
            return getattr(host, name)
        try:
            return self.module(name)
        except ModuleNotFoundError as error:
            if error.name not in {f"{self._host}.{name}", self._host}:
                raise
            raise AttributeError(f"{self._door[:-1]} has no {name}, as {self._host} has none.") from None


def opened(door: str, host: str, own: Mapping[str, str] | None = None) -> HostModules:
    """Let the host's modules be imported below the door.

    Args:
        door: the name of the module that is imported instead of the host.
        host: the host's name.
        own: the door's own modules, by the host's names for them.
    """
    found = HostModules(door, host, own or {})
    sys.meta_path.insert(0, found)  # before what would make copies of modules in the host's packages
    return found
