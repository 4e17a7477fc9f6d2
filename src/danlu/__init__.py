"""danlu (丹炉, the alchemist's furnace) tunes deep-learning models.

Two nouns carry it: a *study* is a journal of everything that was asked, reported and decided; a
*trial* is one configuration and what became of it. ``danlu.tune`` runs a study to its end:

    >>> import danlu
    >>> result = danlu.tune(lambda trial: trial["x"] ** 2, {"x": danlu.Float(-1, 1)}, trials=20)
    >>> result.best.value < 0.1
    True

Names are imported when they are first used, so ``import danlu`` costs next to nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from . import deep as deep
    from .campaign.load import load as load
    from .core.budget import Budget as Budget
    from .core.errors import Conflict as Conflict
    from .core.errors import DanluError as DanluError
    from .core.errors import TrialPaused as TrialPaused
    from .core.errors import TrialStopped as TrialStopped
    from .core.events import Cause as Cause
    from .core.events import Status as Status
    from .core.fidelity import Fidelity as Fidelity
    from .core.live import LiveTrial as LiveTrial
    from .core.parameters import Choice as Choice
    from .core.parameters import Float as Float
    from .core.parameters import Int as Int
    from .core.parameters import Switch as Switch
    from .core.protocols import BaseEngine as BaseEngine
    from .core.protocols import BaseSampler as BaseSampler
    from .core.protocols import BaseScheduler as BaseScheduler
    from .core.space import Space as Space
    from .core.trial import Trial as Trial
    from .engines.inline import Inline as Inline
    from .engines.pool import Pool as Pool
    from .engines.ray import Ray as Ray
    from .engines.simulator import Recording as Recording
    from .engines.simulator import Simulator as Simulator
    from .samplers.auto import Auto as Auto
    from .samplers.bohb import BOHB as BOHB
    from .samplers.cmaes import CMAES as CMAES
    from .samplers.evolution import Evolution as Evolution
    from .samplers.first import First as First
    from .samplers.genetic import Genetic as Genetic
    from .samplers.gp import GP as GP
    from .samplers.grid import Grid as Grid
    from .samplers.nsga2 import NSGA2 as NSGA2
    from .samplers.quasirandom import QuasiRandom as QuasiRandom
    from .samplers.random import Random as Random
    from .samplers.recorded import Recorded as Recorded
    from .samplers.tpe import TPE as TPE
    from .schedulers.asha import ASHA as ASHA
    from .schedulers.auto import AutoScheduler as AutoScheduler
    from .schedulers.both import Both as Both
    from .schedulers.diverged import Diverged as Diverged
    from .schedulers.extrapolation import Extrapolation as Extrapolation
    from .schedulers.forecast import Forecast as Forecast
    from .schedulers.hyperband import Hyperband as Hyperband
    from .schedulers.hyperband import SuccessiveHalving as SuccessiveHalving
    from .schedulers.median import Median as Median
    from .schedulers.none import NoScheduler as NoScheduler
    from .schedulers.patience import Patience as Patience
    from .schedulers.pbt import PBT as PBT
    from .schedulers.race import Race as Race
    from .stores.memory import MemoryStore as MemoryStore
    from .stores.postgres import PostgresStore as PostgresStore
    from .stores.sqlite import SqliteStore as SqliteStore
    from .study.replay import replay as replay
    from .study.result import Result as Result
    from .study.study import Study as Study
    from .study.tune import open_study as open_study
    from .study.tune import tune as tune
    from .study.work import work as work

_HOMES = {
    "load": "campaign.load",
    "Budget": "core.budget",
    "Conflict": "core.errors",
    "DanluError": "core.errors",
    "TrialPaused": "core.errors",
    "TrialStopped": "core.errors",
    "Cause": "core.events",
    "Status": "core.events",
    "Fidelity": "core.fidelity",
    "LiveTrial": "core.live",
    "Choice": "core.parameters",
    "Float": "core.parameters",
    "Int": "core.parameters",
    "Switch": "core.parameters",
    "BaseEngine": "core.protocols",
    "BaseSampler": "core.protocols",
    "BaseScheduler": "core.protocols",
    "Space": "core.space",
    "Trial": "core.trial",
    "Inline": "engines.inline",
    "Pool": "engines.pool",
    "Ray": "engines.ray",
    "Recording": "engines.simulator",
    "Simulator": "engines.simulator",
    "Auto": "samplers.auto",
    "BOHB": "samplers.bohb",
    "CMAES": "samplers.cmaes",
    "Evolution": "samplers.evolution",
    "Genetic": "samplers.genetic",
    "NSGA2": "samplers.nsga2",
    "TPE": "samplers.tpe",
    "First": "samplers.first",
    "GP": "samplers.gp",
    "Grid": "samplers.grid",
    "QuasiRandom": "samplers.quasirandom",
    "Random": "samplers.random",
    "Recorded": "samplers.recorded",
    "ASHA": "schedulers.asha",
    "AutoScheduler": "schedulers.auto",
    "Extrapolation": "schedulers.extrapolation",
    "Forecast": "schedulers.forecast",
    "Hyperband": "schedulers.hyperband",
    "SuccessiveHalving": "schedulers.hyperband",
    "Median": "schedulers.median",
    "NoScheduler": "schedulers.none",
    "PBT": "schedulers.pbt",
    "Race": "schedulers.race",
    "Both": "schedulers.both",
    "Diverged": "schedulers.diverged",
    "Patience": "schedulers.patience",
    "MemoryStore": "stores.memory",
    "PostgresStore": "stores.postgres",
    "SqliteStore": "stores.sqlite",
    "replay": "study.replay",
    "Result": "study.result",
    "Study": "study.study",
    "open_study": "study.tune",
    "tune": "study.tune",
    "work": "study.work",
}

__all__ = ["__version__", *_HOMES]  # noqa: PLE0604 - the table of homes is the list of names


def __getattr__(name: str) -> Any:
    if name == "deep":
        from importlib import import_module

        return import_module(".deep", __name__)
    if name not in _HOMES:
        raise AttributeError(f"module 'danlu' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
