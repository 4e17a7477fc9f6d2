"""Which method says best what mattered: fANOVA, PED-ANOVA and permutation on functions whose importances are known.

    python benchmarks/importance_methods.py                 # results/importance_methods.json
    python benchmarks/importance_methods.py --seeds 2       # a quick look, nothing is written

Seven functions (additive, interacting, noisy, conditional, with wild values), studies of 200 trials of which the first 20, 50 and all are
looked at, found by TPE and at random. Two truths, both by Monte Carlo on the function without its noise:

- ``variance``: total Sobol' indices (Jansen 1999): what is left to differ when all but this parameter are held;
- ``good``: from a point of the best tenth, how often redrawing this parameter alone leaves the best tenth.

For each method: the rank correlation (Spearman, ties averaged) with each truth, and how often its first is the truth's first. A
truth whose first two differ by less than a twentieth counts both as first. The method with the best mean over both truths,
all functions, sizes and samplers is the default everywhere (``danlu.analysis.importance.DEFAULT``). The file of results holds the
functions that were finished; it is written after each.

Before this was run, four forms of fANOVA (leaf sizes, splits tried, shares of pairs added) and three of permutation were looked at on
five such functions, six seeds at random; the best of each is what the package has.
"""

import argparse
import json
import math
import statistics
import time
from pathlib import Path

import numpy as np
from scipy import stats

import danlu
from danlu import Choice, Float, Int, Switch
from danlu.analysis.importance import importance
from danlu.journal.columns import active

HERE = Path(__file__).resolve().parent
METHODS = ("fanova", "ped-anova", "permutation")
SIZES = (20, 50, 200)


def unit(names):
    return {name: Float(0, 1) for name in names}


def additive(p):
    return 4 * p["a"] + 2 * p["b"] + p["c"] + 0.5 * p["d"]


def friedman(p):
    return 10 * math.sin(math.pi * p["a"] * p["b"]) + 20 * (p["c"] - 0.5) ** 2 + 10 * p["d"] + 5 * p["e"]


def training(p):
    """A rate on a log scale that goes with the batch, depth, weak regularization: what training losses look like."""
    rate, batch = math.log10(p["lr"]), math.log2(p["batch"] / 64)
    off = rate + 2.5 - 0.3 * batch
    loss = 0.2 + 0.25 * off**2 if off < 0.8 else 2.3
    return loss + 0.04 * (p["depth"] - 3) ** 2 + 0.05 * p["dropout"] + 0.01 * math.log10(p["decay"] / 1e-6)


def conditional(p):
    """A rate of the optimizer that was taken; the other is of no use to anybody."""
    if p["opt"] == "sgd":
        return (
            0.3
            + 0.5 * (math.log10(p["opt.sgd.lr"]) + 1) ** 2
            + 0.3 * (1 - p["opt.sgd.momentum"])
            + 0.1 * p["x"]
        )
    return 0.8 + 0.08 * (math.log10(p["opt.adam.lr"]) + 3) ** 2 + 0.1 * p["x"]


def options(p):
    return {"relu": 0.2, "tanh": 0.5, "gelu": 0.1, "silu": 0.15}[p["act"]] + 0.15 * p["x"] + 0.1 * p["y"] ** 2


def diverging(p):
    """Half of the rates diverge to values of many sizes; below them a slope."""
    if p["lr"] > 0.1:
        return 10.0 ** (20 * math.log10(p["lr"] / 0.1))
    return 0.1 + 0.3 * abs(math.log10(p["lr"]) + 2) + 0.2 * p["x"] + 0.1 * p["y"]


IDLE = unit(["idle", "idler", "idlest"])
FUNCTIONS = {
    "additive": (additive, unit("abcd") | IDLE, 0.0),
    "additive, noise 50 %": (additive, unit("abcd") | IDLE, 1.33),
    "friedman": (friedman, unit("abcde") | unit("fghij"), 1.0),
    "training": (training, {
        "lr": Float(1e-5, 1, log=True), "batch": Int(16, 256, log=True), "depth": Int(1, 6), "dropout": Float(0, 0.5),
        "decay": Float(1e-6, 1e-2, log=True), "idle": Float(0, 1), "idler": Float(0, 1),
    }, 0.03),
    "conditional": (conditional, {
        "opt": Switch(sgd={"lr": Float(1e-3, 1, log=True), "momentum": Float(0, 0.99)}, adam={"lr": Float(1e-5, 1e-1, log=True)}),
        "x": Float(0, 1), "idle": Float(0, 1),
    }, 0.02),
    "options": (options, {"act": Choice(["relu", "tanh", "gelu", "silu"]), "x": Float(0, 1), "y": Float(0, 1)} | IDLE, 0.02),
    "diverging": (diverging, {"lr": Float(1e-5, 1, log=True), "x": Float(0, 1), "y": Float(0, 1)} | IDLE, 0.02),
}  # fmt: skip


def values(function, space, units):
    """The function without noise at unit points, by the parameters' flat names."""
    slots, on, found = space.slots, active(space.slots, units), np.zeros(len(units))
    for row, (point, there) in enumerate(zip(units, on, strict=True)):
        found[row] = function({
            slot.name: slot.parameter.decode(float(place)) for slot, place, used in zip(slots, point, there, strict=True) if used
        })  # fmt: skip
    return found


def truths(function, space, count=2000):
    """Both truths, a number a slot."""
    rng = np.random.default_rng(0)
    units = rng.random((count, len(space.slots)))
    y = values(function, space, units)
    fence = np.percentile(y, 75) + 3 * np.subtract(
        *np.percentile(y, [75, 25])
    )  # as every method cuts wild values
    bar = np.quantile(y, 0.1)
    cut, variance, good = np.minimum(y, fence), [], []
    for at in range(units.shape[1]):
        moved = units.copy()
        moved[:, at] = rng.random(count)
        other = values(function, space, moved)
        variance.append(float(((np.minimum(other, fence) - cut) ** 2).mean() / 2 / cut.var()))
        good.append(float((other[y <= bar] > bar).mean()))
    return {"variance": np.array(variance), "good": np.array(good)}


def study(function, space, noise, sampler, seed):
    def objective(trial):
        shaken = noise * float(np.random.default_rng((seed, trial.number)).standard_normal())
        return {"loss": function(trial.params) + shaken}

    return danlu.tune(
        objective, space, minimize="loss", trials=max(SIZES), sampler=sampler, seed=seed
    ).history


def judged(shares, truth):
    """Rank correlation, and whether the first is the truth's first."""
    level = np.round(truth, 3)  # Monte Carlo's own doubt makes no order
    correlation = float(stats.spearmanr(shares, level).statistic) if np.ptp(shares) > 0 else 0.0
    return correlation, float(truth[int(np.argmax(shares))] >= 0.95 * truth.max())


def main():
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--seeds", type=int, default=20)
    given.add_argument("--samplers", default="tpe,random")
    seeds, samplers = given.parse_args().seeds, given.parse_args().samplers.split(",")
    runs = []
    for name, (function, space, noise) in FUNCTIONS.items():
        began, known = time.process_time(), truths(function, danlu.Space(space))
        for sampler in samplers:
            for seed in range(seeds):
                history = study(function, space, noise, sampler, seed)
                for trials in SIZES:
                    for method in METHODS:
                        found = importance(history, method=method, rows=np.arange(trials))
                        of = {each.name: each.share for each in found.parameters}
                        shares = np.array([of.get(slot.name, 0.0) for slot in history.space.slots])
                        for truth, exact in known.items():
                            correlation, hit = judged(shares, exact)
                            runs.append({"function": name, "sampler": sampler, "trials": trials, "method": method,
                                         "truth": truth, "seed": seed, "correlation": correlation, "first": hit})  # fmt: skip
        told = {
            method: statistics.mean(
                r["correlation"] for r in runs if r["function"] == name and r["method"] == method
            )
            for method in METHODS
        }
        print(f"{name}: {told}, {time.process_time() - began:.0f} s of CPU", flush=True)
        if seeds >= 20 and len(samplers) == 2:
            path = HERE / "results/importance_methods.json"
            path.write_text(json.dumps(summary(runs), indent=1) + "\n", encoding="utf-8")
    for row in summary(runs):
        if row["function"] == "all" and row["sampler"] == "all":
            print(row, flush=True)


def summary(runs):
    """Means with their standard errors over seeds, for each cell and over all functions."""
    rows = []
    for function in [*dict.fromkeys(run["function"] for run in runs), "all"]:
        for sampler in sorted({run["sampler"] for run in runs} | {"all"}):
            for trials in [*SIZES, "all"]:
                for truth in ("variance", "good", "all"):
                    wanted = {"function": function, "sampler": sampler, "trials": trials, "truth": truth}
                    for method in METHODS:
                        kept = [
                            r
                            for r in runs
                            if r["method"] == method and all(v in ("all", r[k]) for k, v in wanted.items())
                        ]
                        if not kept:
                            continue
                        by_seed = [
                            statistics.mean(r["correlation"] for r in kept if r["seed"] == s)
                            for s in sorted({r["seed"] for r in kept})
                        ]
                        error = (
                            statistics.stdev(by_seed) / math.sqrt(len(by_seed)) if len(by_seed) > 1 else 0.0
                        )
                        rows.append({**wanted, "method": method, "rank correlation": round(statistics.mean(by_seed), 3),
                                     "standard error": round(error, 3), "first right": round(statistics.mean(r["first"] for r in kept), 3)})  # fmt: skip
    return [row for row in rows if row["function"] == "all" or row["sampler"] != "all"]


if __name__ == "__main__":
    main()
