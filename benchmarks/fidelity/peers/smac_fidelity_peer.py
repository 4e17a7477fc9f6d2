"""SMAC3's multi-fidelity facade (Hyperband with random forests). A configuration goes on where it was left."""

import sys
import tempfile
from pathlib import Path

from smac import MultiFidelityFacade, Scenario
from smac.runhistory.dataclasses import TrialValue

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "search" / "peers"))

from smac_peer import parameter


class Optimizer:
    def __init__(self, space, seed, steps, trials=100_000):
        from ConfigSpace import ConfigurationSpace

        tree = ConfigurationSpace(seed=seed)
        for p in space:
            tree.add(parameter(p))
        scenario = Scenario(
            tree, deterministic=True, n_trials=trials, seed=seed, min_budget=1, max_budget=steps,
            output_directory=tempfile.mkdtemp(),
        )  # fmt: skip
        self.facade = MultiFidelityFacade(
            scenario, lambda config, seed=0, budget=1: 0.0, overwrite=True, logging_level=50
        )
        self.reached, self.losses = {}, {}

    def next(self):
        while True:
            info = self.facade.ask()
            end, begin = max(1, round(info.budget)), self.reached.get(info.config, 0)
            if end > begin:
                return info, dict(info.config), begin, end
            self.done(info)  # it has been there already

    def report(self, info, step, loss):
        self.reached[info.config] = step
        self.losses[info.config] = min(loss, self.losses.get(info.config, loss))
        return True

    def done(self, info):
        self.facade.tell(info, TrialValue(cost=self.losses[info.config]), save=False)
