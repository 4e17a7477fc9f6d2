"""The settings of ``hydra/sweeper=danlu``, registered with Hydra.

Annotations are evaluated here: Hydra runs its plug-ins before they are in ``sys.modules``, where a dataclass would look texts up.
"""

from dataclasses import dataclass, field
from typing import Any

from hydra.core.config_store import ConfigStore


@dataclass
class DanluSweeperConf:
    """What ``hydra.sweeper`` may say; the words of Hydra's Optuna sweeper are understood beside danlu's own.

    Attributes:
        params: overrides that are searched or fixed, by key: ``lr: tag(log, interval(1e-5, 1e-1))``.
        optimized_metric: the name of what the job returns or reports; several where it returns several.
        direction: ``minimize`` or ``maximize``; a list for several metrics.
        target: end when the first metric reaches this.
        n_trials: budget of trials; 100 when neither this nor ``time`` is given.
        time: budget of time, ``2h``.
        no_improvement: end after so many trials without a better one.
        n_jobs: jobs at once.
        gpus: GPUs to deal out to the jobs of the basic launcher.
        store: file that keeps the study; ``danlu.db`` in the sweep's folder when None. The same store and name resume.
        name: of the study; the job's name when None.
        sampler: danlu's name, or a node with ``_target_: danlu.samplers.GP``.
        scheduler: likewise; it acts where jobs report.
        fidelity: range of the reported steps, ``epoch:1:81``.
        seed: of all randomness.
        trial_time: time limit of one job of the basic launcher, ``30m``.
        trial_memory: its memory limit in bytes.
        same_failures: end when the first so many jobs fail alike; 0 for never.
        max_failure_rate: end when a greater share of the jobs has failed; never when None.
        extend: allow a changed space for an existing study.
        study_name, storage, search_space, custom_search_space: of Hydra's Optuna sweeper.
    """

    _target_: str = "hydra_plugins.danlu_sweeper.sweeper.DanluSweeper"
    _recursive_: bool = False
    defaults: list[Any] = field(default_factory=lambda: ["_self_", {"sampler": None}])
    params: dict[str, Any] | None = field(default_factory=dict)
    optimized_metric: Any = None
    direction: Any = "minimize"
    target: float | None = None
    n_trials: int | None = None
    time: str | None = None
    no_improvement: int | None = None
    n_jobs: int = 1
    gpus: int = 0
    store: str | None = None
    name: str | None = None
    sampler: Any = None
    scheduler: Any = None
    fidelity: str | None = None
    seed: int | None = None
    trial_time: str | None = None
    trial_memory: int | None = None
    same_failures: int = 3
    max_failure_rate: float | None = None
    extend: bool = False
    study_name: str | None = None
    storage: Any = None
    search_space: Any = None
    custom_search_space: str | None = None


OPTUNA = {
    "tpe": "TPESampler", "random": "RandomSampler", "cmaes": "CmaEsSampler", "nsgaii": "NSGAIISampler", "motpe": "MOTPESampler",
    "grid": "GridSampler",
}  # fmt: skip
"""Options of ``hydra/sweeper/sampler`` that Hydra's Optuna sweeper has, so that configs which name one compose without it."""

_store = ConfigStore.instance()
_store.store(group="hydra/sweeper", name="danlu", node=DanluSweeperConf, provider="danlu")
for _name, _kind in OPTUNA.items():
    if f"{_name}.yaml" not in _store.repo.get("hydra", {}).get("sweeper", {}).get(
        "sampler", {}
    ):  # its own stand above these
        _node = {"_target_": f"optuna.samplers.{_kind}"}
        _store.store(group="hydra/sweeper/sampler", name=_name, node=_node, provider="danlu")
