"""CPU milliseconds of an ask and tell as a study grows: python benchmarks/search/cost.py

Ten parameters: four floats on a log scale, three integers, three choices. The figure at n is over the 40 (of
danlu: 100) asks after n trials, refits included.
"""

import os

from run import THREADS, Peer

os.environ.update(THREADS)
import numpy as np
from kept import keep

SPACE = [
    *({"name": f"f{i}", "kind": "float", "low": 1e-4, "high": 1.0, "log": True} for i in range(4)),
    *({"name": f"i{i}", "kind": "int", "low": 1, "high": 100, "log": False} for i in range(3)),
    *({"name": f"c{i}", "kind": "cat", "choices": ["a", "b", "c", "d"]} for i in range(3)),
]
SIZES = (100, 300, 1000, 3000)
PEERS = {
    "danlu (auto)": ("danlu", {}, 3000),
    "danlu TPE": ("danlu", {"sampler": "tpe"}, 3000),
    "danlu random": ("danlu", {"sampler": "random"}, 3000),
    "Optuna TPE": ("optuna", {"sampler": "TPESampler"}, 1000),
    "Optuna GP": ("optuna", {"sampler": "GPSampler"}, 100),
    "hyperopt": ("hyperopt", {}, 1000),
}


def loss(config, rng):
    far = sum((np.log10(config[f"f{i}"]) + 2) ** 2 for i in range(4))
    return (
        far
        + sum((config[f"i{i}"] - 30) ** 2 / 1e3 + (config[f"c{i}"] != "b") for i in range(3))
        + 0.01 * rng.normal()
    )


def measure(environment, options, most):
    rng, peer, found = np.random.default_rng(0), Peer(environment), []
    count = 100 if environment == "danlu" else 40
    peer.say("open", {"space": SPACE, "seed": 0, "trials": 10_000, "options": options})
    for _ in range(most + count):
        asked = peer.say("ask")
        found.append(1e3 * (asked["cpu"] + peer.say("tell", asked["id"], loss(asked["config"], rng))["cpu"]))
    return {size: np.array(found[size : size + count]) for size in SIZES if size <= most}


def main():
    lines = [
        "Ten mixed parameters, one thread; median and 95th percentile of the asks after n trials, refits included.", "",
        "| | " + " | ".join(f"n = {size}" for size in SIZES) + " |", "|---" * (len(SIZES) + 1) + "|",
    ]  # fmt: skip
    for name, (environment, options, most) in PEERS.items():
        found = measure(environment, options, most)
        cells = [
            f"{np.median(found[size]):.2g}, {np.quantile(found[size], 0.95):.2g}" if size in found else ""
            for size in SIZES
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    keep("cost", "CPU milliseconds of an ask and tell", lines)


if __name__ == "__main__":
    main()
