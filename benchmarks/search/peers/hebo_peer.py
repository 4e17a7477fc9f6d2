"""HEBO with its defaults; conditional parameters are always there, failures are the worst so far."""

import numpy as np
import torch
from hebo.design_space.design_space import DesignSpace
from hebo.optimizers.hebo import HEBO

torch.set_num_threads(1)


def parameter(p):
    if p["kind"] == "cat":
        return {"name": p["name"], "type": "cat", "categories": p["choices"]}
    kind = {("float", False): "num", ("float", True): "pow", ("int", False): "int", ("int", True): "pow_int"}
    return {"name": p["name"], "type": kind[p["kind"], p["log"]], "lb": p["low"], "ub": p["high"]}


class Optimizer:
    def __init__(self, space, seed, trials):
        np.random.seed(seed)  # noqa: NPY002  HEBO draws from numpy's and torch's global generators
        torch.manual_seed(seed)
        self.hebo = HEBO(DesignSpace().parse([parameter(p) for p in space]), scramble_seed=seed)
        self.kinds = {p["name"]: p["kind"] for p in space}
        self.worst = 0.0

    def ask(self):
        frame = self.hebo.suggest(n_suggestions=1)
        config = {name: native(frame[name].iloc[0], kind) for name, kind in self.kinds.items()}
        return frame, config

    def tell(self, frame, loss):
        if loss is not None:
            self.worst = max(self.worst, loss)
        self.hebo.observe(frame, np.array([[self.worst if loss is None else loss]]))


def native(value, kind):
    return str(value) if kind == "cat" else int(value) if kind == "int" else float(value)
