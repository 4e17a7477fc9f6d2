"""Optuna's own modules under the door's name: ``from danlu.optuna.samplers import TPESampler`` is Optuna's class, not a copy."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

import optuna as theirs

OWN = {"study": f"{__package__}.study", "visualization": f"{__package__}.visualization"}
"""Modules that the door has in place of Optuna's."""


class HostModules(MetaPathFinder, Loader):
    """Finds Optuna's modules below another name; they stay what they are.

    Args:
        door: the name of the module that is imported instead of optuna.
    """

    def __init__(self, door: str) -> None:
        self._door = f"{door}."
        self._specs: dict[str, ModuleSpec | None] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """A spec for what lies below the door; None for everything else."""
        del path, target
        return ModuleSpec(fullname, self) if fullname.startswith(self._door) else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Optuna's module, imported under its own name."""
        module = self.module(spec.name.removeprefix(self._door))
        self._specs[spec.name] = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Nothing is run twice; the module keeps its own spec."""
        module.__spec__ = self._specs.pop(module.__spec__.name) if module.__spec__ else None

    def module(self, name: str) -> ModuleType:
        """The module of this name below optuna, or the door's own.

        Raises:
            ModuleNotFoundError: when Optuna has none.
        """
        return import_module(OWN.get(name, f"optuna.{name}"))

    def named(self, name: str) -> Any:
        """What Optuna has by this name, or the door has in its place.

        Raises:
            AttributeError: when there is none.
        """
        if name not in OWN and hasattr(theirs, name):
            return getattr(theirs, name)
        try:
            return self.module(name)
        except ModuleNotFoundError:
            raise AttributeError(f"{self._door[:-1]} has no {name}, as Optuna has none.") from None


def opened(door: str) -> HostModules:
    """Let modules be imported below the door.

    Args:
        door: the name of the module that is imported instead of optuna.
    """
    found = HostModules(door)
    sys.meta_path.append(found)
    return found


__all__ = ["HostModules", "opened", "theirs"]
