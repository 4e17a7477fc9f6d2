"""scikit-optimize's Gaussian process with its defaults; conditional parameters are always there."""

from skopt import Optimizer as Skopt
from skopt.space import Categorical, Integer, Real


def dimension(p):
    if p["kind"] == "cat":
        return Categorical(p["choices"])
    kind = Integer if p["kind"] == "int" else Real
    return kind(p["low"], p["high"], prior="log-uniform" if p["log"] else "uniform")


class Optimizer:
    def __init__(self, space, seed, trials):
        self.names = [p["name"] for p in space]
        self.skopt = Skopt([dimension(p) for p in space], random_state=seed)
        self.worst = 0.0

    def ask(self):
        point = self.skopt.ask()
        return point, dict(zip(self.names, map(native, point), strict=True))

    def tell(self, point, loss):
        if loss is not None:
            self.worst = max(self.worst, loss)
        self.skopt.tell(point, self.worst if loss is None else loss)


def native(value):
    return value.item() if hasattr(value, "item") else value
