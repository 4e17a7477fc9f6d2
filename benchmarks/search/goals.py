"""Two goals: the area under the fronts after 200 trials. python benchmarks/search/goals.py [seeds]

ZDT1, ZDT2 and ZDT3 (Zitzler, Deb and Thiele 2000) in ten dimensions, and lcbench's error and training time.
A front's score is its hypervolume as a share of the best there is: of ZDT's the true front's, of lcbench's that
of all runs together.
"""

import os
import sys
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import product

from run import THREADS, Peer

os.environ.update(THREADS)
import numpy as np
import tasks
from kept import keep

TRIALS, WIDTH = 200, 10
PEERS = {
    "danlu": ("danlu", {}),
    "danlu NSGA-II": ("danlu", {"sampler": "nsga2"}),
    "Optuna GP": ("optuna", {"sampler": "GPSampler"}),
    "Optuna NSGA-II": ("optuna", {"sampler": "NSGAIISampler"}),
    "Optuna TPE": ("optuna", {"sampler": "TPESampler"}),
    "random search": ("optuna", {"sampler": "RandomSampler"}),
}
UNIT = [{"name": f"x{i}", "kind": "float", "low": 0.0, "high": 1.0, "log": False} for i in range(WIDTH)]
LCBENCH = ("7593", "167149")


def zdt(number, config):
    x = np.array(list(config.values()))
    g = 1 + 9 * x[1:].mean()
    h = {
        1: 1 - np.sqrt(x[0] / g),
        2: 1 - (x[0] / g) ** 2,
        3: 1 - np.sqrt(x[0] / g) - x[0] / g * np.sin(10 * np.pi * x[0]),
    }[number]
    return float(x[0]), float(g * h)


def lcbench(instance, config):
    """Validation error in per cent, and the logarithm of the seconds a training takes."""
    _, encoding = tasks.described("lcbench")
    values = tasks.active(tasks.surrogate_space("lcbench"), config) | {"epoch": 52}
    numbers = [values[name] for name in tasks.CONTINUOUS["lcbench"].split()]
    options = [[encoding["OpenML_task_id"][instance]]]
    x = {"x_cat": np.array(options, np.int32), "x_cont": np.array([numbers], np.float32)}
    found = tasks.session("lcbench").run(None, x)[0][0]
    return 100.0 - float(found[1]), float(np.log(max(found[0], 1e-3)))


def problems():
    found = {f"ZDT{number}": (UNIT, partial(zdt, number)) for number in (1, 2, 3)}
    for instance in LCBENCH:
        found[f"lcbench {instance}"] = (tasks.surrogate_space("lcbench"), partial(lcbench, instance))
    return found


def run(name, problem, seed):
    """The losses of one run, shape (trials, 2)."""
    environment, options = PEERS[name]
    space, losses = problems()[problem]
    peer, found = Peer(environment), []
    peer.say("open", {"space": space, "seed": seed, "trials": TRIALS, "options": options, "goals": 2})
    for _ in range(TRIALS):
        asked = peer.say("ask")
        found.append(losses(asked["config"]))
        peer.say("tell", asked["id"], found[-1])
    peer.process.stdin.close()
    peer.process.wait()
    return np.array(found)


def area(losses, reference):
    """The area between the rows' front and the reference."""
    total, ceiling = 0.0, reference[1]
    for x, y in sorted(map(tuple, losses)):
        if x < reference[0] and y < ceiling:
            total += (reference[0] - x) * (ceiling - y)
            ceiling = y
    return total


def truth(problem):
    """Many points of a ZDT's true front; None where it is not known."""
    if not problem.startswith("ZDT"):
        return None
    zeros = dict.fromkeys(range(1, WIDTH), 0.0)
    return np.array([zdt(int(problem[-1]), {0: x} | zeros) for x in np.linspace(0, 1, 20_001)])


def main():
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    jobs = list(product(PEERS, problems(), range(seeds)))
    with ProcessPoolExecutor(int(os.environ.get("JOBS", os.cpu_count()))) as pool:
        results = dict(zip(jobs, pool.map(run, *zip(*jobs, strict=True)), strict=True))
    shares = defaultdict(list)
    for problem in problems():
        everything = np.vstack([losses for (_, on, _), losses in results.items() if on == problem])
        front = truth(problem)
        reference = np.array([1.1, 1.1]) if front is not None else np.quantile(everything, 0.9, axis=0)
        most = area(everything if front is None else front, reference)
        for name, seed in product(PEERS, range(seeds)):
            shares[name, problem].append(100 * area(results[name, problem, seed], reference) / most)
    lines = [
        f"Hypervolume after {TRIALS} trials in per cent of the best there is; median of {seeds} seeds and the lowest.", "",
        "| | " + " | ".join(problems()) + " |", "|---" * (len(problems()) + 1) + "|",
    ]  # fmt: skip
    for name in PEERS:
        cells = [f"{np.median(shares[name, on]):.1f} ({min(shares[name, on]):.1f})" for on in problems()]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    keep("goals", "Two goals", lines)


if __name__ == "__main__":
    main()
