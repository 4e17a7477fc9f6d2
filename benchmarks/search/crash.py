"""The optimum lies at the edge of a region that runs out of memory: python benchmarks/search/crash.py

Two parameters; what needs more memory than there is fails, and the best loss, -1, lies at that edge.
"""

import os

from run import THREADS, Peer

os.environ.update(THREADS)
import numpy as np
from kept import keep

SPACE = [
    {"name": name, "kind": "float", "low": 0.0, "high": 1.0, "log": False} for name in ("width", "batch")
]
PEERS = {
    "danlu": ("danlu", {}),
    "danlu TPE": ("danlu", {"sampler": "tpe"}),
    "Optuna TPE": ("optuna", {"sampler": "TPESampler"}),
    "Optuna GP": ("optuna", {"sampler": "GPSampler"}),
    "hyperopt": ("hyperopt", {}),
    "random search": ("optuna", {"sampler": "RandomSampler"}),
}
SEEDS, TRIALS = 10, 100


def edge(config):
    total = config["width"] + config["batch"]
    return None if total > 1.0 else -total + 0.5 * (config["width"] - config["batch"]) ** 2


def study(peer, options, seed):
    """(share of failures after the first ten successes, best loss)"""
    peer.say("open", {"space": SPACE, "seed": seed, "trials": TRIALS, "options": options})
    losses = []
    for _ in range(TRIALS):
        asked = peer.say("ask")
        losses.append(edge(asked["config"]))
        peer.say("tell", asked["id"], losses[-1])
    successes = np.cumsum([loss is not None for loss in losses])
    if successes[-1] < 10:
        return 1.0, min((loss for loss in losses if loss is not None), default=0.0)
    later = losses[int(np.argmax(successes == 10)) + 1 :]
    return float(np.mean([loss is None for loss in later])), min(loss for loss in losses if loss is not None)


def main():
    lines = [
        f"{TRIALS} trials, {SEEDS} seeds, medians with their ranges; two parameters, the best loss is -1.", "",
        "| | failures after the first ten successes | gap to the best loss |", "|---|---|---|",
    ]  # fmt: skip
    for name, (environment, options) in PEERS.items():
        peer = Peer(environment)
        found = np.array([study(peer, options, seed) for seed in range(SEEDS)])
        shares, gaps = 100 * found[:, 0], 1 + found[:, 1]
        lines.append(
            f"| {name} | {np.median(shares):.0f} % ({shares.min():.0f} to {shares.max():.0f}) "
            f"| {np.median(gaps):.1e} ({gaps.min():.0e} to {gaps.max():.0e}) |"
        )
    keep("crash", "The optimum at the edge of an out-of-memory region", lines)


if __name__ == "__main__":
    main()
