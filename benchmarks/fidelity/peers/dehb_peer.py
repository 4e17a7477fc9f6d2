"""DEHB with its defaults. Its configurations are new at each fidelity, so each is trained from its start."""

import tempfile

from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer
from dehb import DEHB


def parameter(p):
    if p["kind"] == "cat":
        return Categorical(p["name"], p["choices"])
    kind = Integer if p["kind"] == "int" else Float
    return kind(p["name"], (p["low"], p["high"]), log=p["log"])


class Optimizer:
    def __init__(self, space, seed, steps):
        tree = ConfigurationSpace(seed=seed)
        for p in space:
            tree.add(parameter(p))
        self.dehb = DEHB(
            cs=tree, dimensions=len(space), min_fidelity=1, max_fidelity=steps, eta=3, seed=seed,
            n_workers=1, output_path=tempfile.mkdtemp(), save_freq="end", log_level="ERROR",
        )  # fmt: skip
        self.losses = {}

    def next(self):
        job = self.dehb.ask()
        self.losses[id(job)] = float("inf")
        return job, dict(job["config"]), 0, max(1, round(job["fidelity"]))

    def report(self, job, step, loss):
        self.losses[id(job)] = min(loss, self.losses[id(job)])
        return True

    def done(self, job):
        self.dehb.tell(job, {"fitness": self.losses.pop(id(job)), "cost": float(job["fidelity"])})
