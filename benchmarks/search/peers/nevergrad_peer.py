"""Nevergrad's NGOpt with its defaults; conditional parameters are always there, failures are the worst so far."""

import nevergrad as ng


def parameter(p):
    if p["kind"] == "cat":
        return ng.p.Choice(p["choices"])
    low, high = p["low"], p["high"]
    found = ng.p.Log(lower=low, upper=high) if p["log"] else ng.p.Scalar(lower=low, upper=high)
    return found.set_integer_casting() if p["kind"] == "int" else found


class Optimizer:
    def __init__(self, space, seed, trials):
        tree = ng.p.Dict(**{p["name"].replace(".", "__"): parameter(p) for p in space})
        tree.random_state.seed(seed)
        self.optimizer = ng.optimizers.NGOpt(parametrization=tree, budget=trials, num_workers=1)
        self.worst = 0.0

    def ask(self):
        candidate = self.optimizer.ask()
        return candidate, {name.replace("__", "."): value for name, value in candidate.value.items()}

    def tell(self, candidate, loss):
        if loss is not None:
            self.worst = max(self.worst, loss)
        self.optimizer.tell(candidate, self.worst if loss is None else loss)
