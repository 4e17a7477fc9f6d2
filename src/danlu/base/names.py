"""The table of names: what may be given by name, and where it lives. A new algorithm is one line here.

Looking a name up imports its module, so nothing is imported that is not used, and an algorithm that
lives on a higher floor is found without any floor looking up.
"""

from __future__ import annotations

from difflib import get_close_matches
from importlib import import_module
from typing import Any, Literal, TypeAlias

from ..errors import SettingError

SamplerName: TypeAlias = Literal[
    "auto",
    "bohb",
    "cmaes",
    "evolution",
    "first",
    "genetic",
    "gp",
    "grid",
    "nothing",
    "nsga2",
    "quasirandom",
    "random",
    "recorded",
    "tpe",
]
SchedulerName: TypeAlias = Literal[
    "asha",
    "auto",
    "both",
    "diverged",
    "exhaustive",
    "extrapolation",
    "forecast",
    "halving",
    "hyperband",
    "median",
    "none",
    "patience",
    "pbt",
    "race",
]
EngineName: TypeAlias = Literal["inline", "pool", "ray", "simulator", "vectorized"]
FigureName: TypeAlias = Literal[
    "history", "curves", "parallel", "importance", "contour", "front", "timeline", "regret", "edf"
]
PanelsName: TypeAlias = Literal["slices", "effects", "surface", "rank"]
"""The names, for those who read types: a misspelled one is a type error. Tests hold them to the tables."""

SAMPLERS = {
    "auto": "danlu.samplers.auto:Auto",
    "bohb": "danlu.samplers.bohb:BOHB",
    "cmaes": "danlu.samplers.cmaes:CMAES",
    "evolution": "danlu.samplers.evolution:Evolution",
    "first": "danlu.samplers.initial_points:InitialPoints",
    "genetic": "danlu.samplers.genetic:Genetic",
    "gp": "danlu.samplers.gp:GP",
    "grid": "danlu.samplers.grid:Grid",
    "nothing": "danlu.samplers.nothing:Nothing",
    "nsga2": "danlu.samplers.nsga2:NSGA2",
    "quasirandom": "danlu.samplers.quasirandom:QuasiRandom",
    "random": "danlu.samplers.random:Random",
    "recorded": "danlu.samplers.recorded_points:RecordedPoints",
    "tpe": "danlu.samplers.tpe:TPE",
}
SCHEDULERS = {
    "asha": "danlu.schedulers.asha:ASHA",
    "auto": "danlu.schedulers.auto:AutoScheduler",
    "both": "danlu.schedulers.chain:Chain",
    "diverged": "danlu.schedulers.diverged:Diverged",
    "exhaustive": "danlu.schedulers.exhaustive:Exhaustive",
    "extrapolation": "danlu.schedulers.extrapolation:Extrapolation",
    "forecast": "danlu.schedulers.forecast:Forecast",
    "halving": "danlu.schedulers.hyperband:SuccessiveHalving",
    "hyperband": "danlu.schedulers.hyperband:Hyperband",
    "median": "danlu.schedulers.median:Median",
    "none": "danlu.schedulers.none:NoScheduler",
    "pbt": "danlu.schedulers.pbt:PBT",
    "patience": "danlu.schedulers.patience:Patience",
    "race": "danlu.schedulers.race:Race",
}
RENAMED = {"danlu.scheduler patience": {"steps": "reports"}, "danlu.sampler gp": {"bend": "warp"}}
"""Settings of an algorithm that older journals have under another word."""

ENGINES = {
    "vectorized": "danlu.deep.stack.engine:Vectorized",
    "inline": "danlu.engines.inline:Inline",
    "pool": "danlu.engines.pool:Pool",
    "ray": "danlu.engines.ray:Ray",
    "simulator": "danlu.engines.simulator:Simulator",
}
CAMPAIGNS = {
    "auto": "danlu.auto.call:load",
    "certified": "danlu.campaign.certify:load",
    "deep": "danlu.deep.search:load",
}
PLANS = {
    "confirmation": "danlu.campaign.certify:Confirmation",
}
VIEWS = {
    "live": "danlu.cli.live:LiveView",
    "plot": "danlu.plots.plot:plot",
    "report": "danlu.dashboard.report:report",
    "show": "danlu.dashboard.notebook:show",
    "study": "danlu.plots.notebook:study_html",
    "trial": "danlu.plots.notebook:trial_html",
}
BLOBS = {
    "url": "danlu.stores.remote:Remote",
}
STORES = {
    "memory": "danlu.stores.memory:MemoryStore",
    "postgres": "danlu.stores.postgres:PostgresStore",
    "postgresql": "danlu.stores.postgres:PostgresStore",
    "sqlite": "danlu.stores.sqlite:SqliteStore",
}


def find(table: dict[str, str], noun: str, name: str) -> Any:
    """What ``name`` stands for in a table.

    Raises:
        SettingError: for an unknown name, with the nearest one.

    Example:
        >>> find(SAMPLERS, "sampler", "random").__name__
        'Random'
    """
    if name not in table:
        near = get_close_matches(name, table, n=1)
        remedy = f"Did you mean {near[0]!r}?" if near else f"There are: {', '.join(table)}."
        raise SettingError(f"there is no {noun} {name!r}. {remedy}")
    module, _, attribute = table[name].partition(":")
    return getattr(import_module(module), attribute)
