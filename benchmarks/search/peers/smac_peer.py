"""SMAC3's facade for hyperparameter optimization with its defaults; conditions are native."""

import tempfile

from ConfigSpace import (
    Categorical,
    ConfigurationSpace,
    Float,
    InCondition,
    Integer,
)
from smac import HyperparameterOptimizationFacade, Scenario
from smac.runhistory.dataclasses import TrialValue
from smac.runhistory.enumerations import StatusType


def parameter(p):
    if p["kind"] == "cat":
        return Categorical(p["name"], p["choices"])
    kind = Integer if p["kind"] == "int" else Float
    return kind(p["name"], (p["low"], p["high"]), log=p["log"])


class Optimizer:
    def __init__(self, space, seed, trials):
        tree = ConfigurationSpace(seed=seed)
        for p in space:
            tree.add(parameter(p))
            if "parent" in p:
                tree.add(InCondition(tree[p["name"]], tree[p["parent"]], p["when"]))
        scenario = Scenario(
            tree, deterministic=True, n_trials=trials, seed=seed, output_directory=tempfile.mkdtemp()
        )
        self.facade = HyperparameterOptimizationFacade(
            scenario, lambda config, seed=0: 0.0, overwrite=True, logging_level=50
        )

    def ask(self):
        info = self.facade.ask()
        return info, dict(info.config)

    def tell(self, info, loss):
        crashed = StatusType.CRASHED if loss is None else StatusType.SUCCESS
        value = TrialValue(cost=float("inf") if loss is None else loss, status=crashed)
        self.facade.tell(info, value, save=False)
