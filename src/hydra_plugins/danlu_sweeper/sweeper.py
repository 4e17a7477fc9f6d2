"""The plug-in: what Hydra calls. danlu is imported when a sweep begins, as Hydra loads its plug-ins at every start."""

from __future__ import annotations

from typing import Any

from hydra.errors import CompactHydraException
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class DanluSweeper(Sweeper):
    """Searches the overrides of a multirun with danlu.

    Args:
        settings: those of ``config.DanluSweeperConf``.
    """

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.config: DictConfig | None = None
        self.hydra_context: HydraContext | None = None
        self.task_function: TaskFunction | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Take the application."""
        self.hydra_context, self.task_function, self.config = hydra_context, task_function, config

    def sweep(self, arguments: list[str]) -> None:
        """Run the study to its end.

        Raises:
            CompactHydraException: with danlu's sentence, which Hydra shows without a traceback.
        """
        from danlu.errors import DanluError
        from danlu.integrations.hydra.sweep import run

        assert self.config is not None
        assert self.task_function is not None
        try:
            run(
                self.settings,
                arguments,
                context=self.hydra_context,
                task=self.task_function,
                config=self.config,
            )
        except DanluError as error:
            raise CompactHydraException(str(error)) from error
