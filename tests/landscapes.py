"""Losses whose optimum is known, for tests of search."""

import numpy as np

from danlu import Choice, Float, Int, Switch

SPACE = {
    "lr": Float(1e-5, 1, log=True),
    "depth": Int(1, 6),
    "act": Choice(["relu", "gelu", "tanh"]),
    "opt": Switch(sgd={"momentum": Float(0, 0.99)}, adam={"beta2": Float(0.9, 0.999)}),
}


def loss(trial):
    """A mixed, conditional bowl with its minimum of 0 at adam, gelu, depth 4, lr 1e-3, beta2 0.95."""
    p = trial.params
    far = (np.log10(p["lr"]) + 3) ** 2 / 4 + (p["depth"] - 4) ** 2 / 10 + 0.5 * (p["act"] != "gelu")
    inner = (
        0.2 + (p["opt.sgd.momentum"] - 0.9) ** 2
        if p["opt"] == "sgd"
        else 50 * (p["opt.adam.beta2"] - 0.95) ** 2
    )
    return float(far + inner)


WIDE = {f"x{i}": Float(0, 1) for i in range(5)}


def zdt1(trial):
    """Two goals in five dimensions; the whole front's hypervolume under (1.1, 1.1) is 0.8767, chance finds 0."""
    x = np.array(list(trial.params.values()))
    g = 1 + 9 * x[1:].mean()
    return {"a": x[0], "b": g * (1 - np.sqrt(x[0] / g))}
