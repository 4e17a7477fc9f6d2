"""A long search with direct access to each surrogate, for the losses that regret is measured from.

Run once; its result, ``references.json``, is kept: python benchmarks/search/references.py
"""

import json
import math
import random
from pathlib import Path

import tasks

HERE = Path(__file__).resolve().parent
EVALUATIONS, RESTARTS = 12_000, 4


def draw(parameter, dice):
    if parameter["kind"] == "cat":
        return dice.choice(parameter["choices"])
    low, high = parameter["low"], parameter["high"]
    at = dice.random()
    at = 0.0 if at < 0.05 else 1.0 if at > 0.95 else at
    value = low * (high / low) ** at if parameter["log"] else low + at * (high - low)
    return bounded(parameter, value)


def bounded(parameter, value):
    value = min(parameter["high"], max(parameter["low"], value))
    return round(value) if parameter["kind"] == "int" else value


def moved(parameter, value, dice):
    if parameter["kind"] == "cat" or dice.random() < 0.2:
        return draw(parameter, dice)
    reach = 10 ** dice.uniform(-3, -0.3)
    low, high = parameter["low"], parameter["high"]
    if parameter["log"]:
        return bounded(parameter, math.exp(math.log(value) + reach * math.log(high / low) * dice.gauss(0, 1)))
    return bounded(parameter, value + reach * (high - low) * dice.gauss(0, 1))


def search(task, seed):
    """Hill climbing by mutation from the best of many random configurations."""
    dice = random.Random(seed)
    pool = [{p["name"]: draw(p, dice) for p in task.space} for _ in range(EVALUATIONS // 6)]
    best, config = min(((task.loss(c, 0), number, c) for number, c in enumerate(pool)))[::2]
    for _ in range(EVALUATIONS):
        share = dice.choice((0.05, 0.1, 0.3))
        other = {
            p["name"]: moved(p, config[p["name"]], dice) if dice.random() < share else config[p["name"]]
            for p in task.space
        }
        loss = task.loss(other, 0)
        if loss <= best:
            best, config = loss, other
    return best


def main():
    found = {}
    for name in tasks.TASKS:
        task = tasks.load(name)
        if task.optimum is not None:
            found[name] = task.optimum
        elif task.family != "real":
            found[name] = min(search(task, seed) for seed in range(RESTARTS))
            print(name, found[name], flush=True)
    (HERE / "references.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
