"""Staged tuning beside joint searches with as many trainings, judged on the test part.

    python benchmarks/deep/staged.py [digits noisy_digits text friedman] [--seeds 8] [--trials 64]

Three arms, each with the same number of trainings altogether: ``joint`` is danlu's default search over the whole space, whose best
score wins; ``confirmed`` keeps some of the trainings to train its best two and the default again on two fresh seeds; ``staged`` is
``danlu.Playbook()``. The winner of each is trained on three further seeds and judged on the test part: the mean of its losses counts.
Resumable; appends to ``results/staged.jsonl``, and prints a table of all that is there.
"""

import argparse
import dataclasses
import json
import statistics
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits

import danlu
from danlu import campaign, deep
from danlu.campaign.confirm import FRESH, SEARCH, Confirm
from danlu.deep.recipes import recipe
from danlu.deep.train.fit import test
from danlu.problem.budget import Budget
from danlu.problem.goal import Goal

OUT = Path(__file__).resolve().parent / "results/staged.jsonl"
GOAL = Goal.of(minimize="val_loss")
ARMS = ("joint", "confirmed", "staged")


def digits(seed):
    """1,797 handwritten digits as rows of 64 numbers."""
    x, y = load_digits(return_X_y=True)
    return deep.standardize(deep.from_arrays(x.astype("float32"), y, kind="classes", seed=seed))


def noisy_digits(seed):
    """250 digits to learn and choose from, an eighth of them with a wrong label, and 750 clean ones to be judged on."""
    x, y = load_digits(return_X_y=True)
    dice = np.random.default_rng(seed)
    order = dice.permutation(len(x))[:1000]
    wrong = y.copy()
    flipped = order[:250][dice.random(250) < 0.12]
    wrong[flipped] = (y[flipped] + dice.integers(1, 10, len(flipped))) % 10
    rows = x[order].astype("float32")
    learned = deep.standardize(deep.from_arrays(rows[:250], wrong[order[:250]], kind="classes", seed=seed))
    mean, spread = learned.scale
    clean = deep.Split((torch.from_numpy(rows[250:]) - mean) / spread, torch.from_numpy(y[order[250:]]))
    return dataclasses.replace(learned, test=clean)


TASKS = {
    "digits": ("tabular", digits, 10),
    "noisy_digits": ("tabular", noisy_digits, 20),
    "text": ("text", deep.datasets.docstrings, 6),
    "friedman": ("tabular", deep.datasets.friedman, 20),
}
"""The recipe, what makes the data of a seed, and the epochs of a training."""


def searched(arm, objective, space, trials, seed):
    """What an arm adopts, and how many trainings it took."""
    store, how = danlu.stores.MemoryStore(), {"scheduler": "none", "seed": seed, "watch": False}
    if arm == "joint":
        result = danlu.tune(objective, space, goal=GOAL, trials=trials, store=store, **how)
        return result.best.params, len(result.trials)
    if arm == "confirmed":
        whole = danlu.Space(space)
        search = campaign.Open(
            SEARCH, "the whole space", whole, GOAL, Budget(trials=trials - 6), None, "none"
        )
        plan = Confirm(search=search, top=2, seeds=2, default=whole.decode(whole.center()))
        done = campaign.conduct(
            plan, objective, store=store, name="s", engine=danlu.engines.Inline(), seed=seed, watch=False
        )
        best = plan.candidates(done.results)[0].params
        return best, sum(len(done.results[stage].trials) for stage in (SEARCH, FRESH))
    danlu.tune(
        objective, space, goal=GOAL, trials=trials, store=store, name="s", plan=danlu.Playbook(), **how
    )
    done = danlu.load(store, "s")
    winner = done.judged("winner").evidence["candidates"][0]
    params = done.results[FRESH].trials[winner["runs"][0]].params
    return params, sum(len(each.trials) for each in done.results.values())


def judged(objective, params, data, seed):
    """The test losses of three fresh seeds."""
    losses = []
    for number in range(3):
        fresh = 1_000_003 * (seed + 1) + number
        model = objective.model(params, fresh)
        deep.fit(model, data, objective.plan(params), seed=fresh, device="cpu", progress=False)
        losses.append(test(model, data)["test_loss"])
    return losses


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="*", default=[*TASKS])
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--arms", nargs="*", default=[*ARMS], choices=ARMS)
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = [json.loads(line) for line in OUT.read_text("utf-8").splitlines()] if OUT.exists() else []
    done = {(row["task"], row["seed"], row["arm"], row["trials"]) for row in rows}
    for seed in range(given.seeds):
        for name in given.tasks:
            kind, make, epochs = TASKS[name]
            data, space = make(seed), recipe(kind).space()
            objective = deep.Objective(recipe(kind).build, data, epochs=epochs, device="cpu")
            for arm in given.arms:
                if (name, seed, arm, given.trials) in done:
                    continue
                began = time.monotonic()
                params, trainings = searched(arm, objective, space, given.trials, seed)
                losses = judged(objective, params, data, seed)
                row = {
                    "task": name, "seed": seed, "arm": arm, "trials": given.trials, "trainings": trainings, "losses": losses,
                    "params": params, "seconds": round(time.monotonic() - began, 1),
                }  # fmt: skip
                rows.append(row)
                with OUT.open("a", encoding="utf-8") as lines:
                    lines.write(json.dumps(row) + "\n")
                print(
                    f"{name} {seed} {arm}: {statistics.mean(losses):.4f} in {row['seconds']:.0f} s",
                    flush=True,
                )
    table(rows)


def table(rows):
    """Mean and spread of the test loss over searches, by task and arm."""
    print("task            arm         runs  mean     spread   median")
    for name in TASKS:
        for arm in ARMS:
            means = [
                statistics.mean(row["losses"]) for row in rows if (row["task"], row["arm"]) == (name, arm)
            ]
            if means:
                spread = statistics.stdev(means) if len(means) > 1 else float("nan")
                print(
                    f"{name:15} {arm:11} {len(means):4}  {statistics.mean(means):.4f}   {spread:.4f}   {statistics.median(means):.4f}"
                )


if __name__ == "__main__":
    main()
