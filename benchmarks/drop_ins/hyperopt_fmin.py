"""``danlu.hyperopt.fmin`` beside Hyperopt's own, both with ``tpe.suggest``: evaluations for its result, and the final losses.

    python benchmarks/drop_ins/hyperopt_fmin.py --seeds 20 --results runs/hyperopt.json

For each task and seed, Hyperopt makes ``--evaluations``; danlu may make as many, and what is counted is how many it had made when its best loss was as low as Hyperopt's
final one. Optima lie off the middle of the spaces, where a search might begin. A task is significantly worse where a one-sided Mann-Whitney test of the final losses says so at
5 %. Resumable: what a results file has is not run again.
"""

import argparse
import json
import logging
import time
import warnings
from pathlib import Path

import hyperopt
import numpy as np
from hyperopt import hp
from scipy.stats import mannwhitneyu
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

import danlu.hyperopt


def branin(p):
    x, y = p["x"], p["y"]
    return (y - 5.1 / (4 * np.pi**2) * x**2 + 5 / np.pi * x - 6) ** 2 + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x) + 10  # fmt: skip


ALPHA = np.array([1.0, 1.2, 3.0, 3.2])
A = np.array([[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]])  # fmt: skip
P = 1e-4 * np.array([[1312, 1696, 5569, 124, 8283, 5886], [2329, 4135, 8307, 3736, 1004, 9991], [2348, 1451, 3522, 2883, 3047, 6650], [4047, 8828, 8732, 5743, 1091, 381]])  # fmt: skip


def hartmann(p):
    x = np.array([p[f"x{i}"] for i in range(6)])
    return -float(ALPHA @ np.exp(-(A * (x - P) ** 2).sum(1)))


def ackley(p):
    x = np.array([p[f"x{i}"] for i in range(4)]) - np.array([3.1, -7.3, 11.9, -1.7])
    return float(
        -20 * np.exp(-0.2 * np.sqrt((x**2).mean())) - np.exp(np.cos(2 * np.pi * x).mean()) + 20 + np.e
    )


def styblinski(p):
    x = np.array([p[f"x{i}"] for i in range(5)])
    return float((x**4 - 16 * x**2 + 5 * x).sum() / 2)


def network(p):
    """A made-up curve of validation losses: rate and batch size go together, dropout helps wide networks."""
    rate, batch, width, drop = np.log10(p["rate"]), np.log2(p["batch"]), np.log2(p["width"]), p["dropout"]
    bowl = (
        (rate + 2.7 - 0.35 * (batch - 6)) ** 2
        + 0.3 * (width - 7.4) ** 2
        + 4 * (drop - 0.1 * (width - 5)) ** 2
    )
    return 0.2 + 0.08 * bowl + (0.15 if p["act"] == "tanh" else 0.05 if p["act"] == "relu" else 0.0)


def optimizers(p):
    """Each optimizer has settings of its own, and a best rate of its own."""
    own = p["optimizer"]
    rate = np.log10(own["rate"])
    if own["name"] == "sgd":
        return (
            0.30
            + 0.1 * (rate + 1.2) ** 2
            + 0.4 * (own["momentum"] - 0.87) ** 2
            + (0 if own["nesterov"] else 0.02)
        )
    if own["name"] == "adam":
        return 0.27 + 0.12 * (rate + 3.3) ** 2 + 0.05 * (np.log10(1 - own["beta"]) + 2.2) ** 2
    return 0.33 + 0.1 * (rate + 2.4) ** 2


def layers(p):
    """As many widths as layers; the second and third only matter where they are there."""
    widths = [np.log2(each) for each in p["layers"]]
    return 0.1 * (len(widths) - 2.2) ** 2 + sum(0.05 * (each - best) ** 2 for each, best in zip(widths, (7.5, 5.5, 4.0), strict=False)) + 0.1 * (np.log10(p["decay"]) + 3.6) ** 2  # fmt: skip


def normals(p):
    """Ranges without ends: the best lies a deviation and more off their means."""
    return (p["a"] - 1.6) ** 2 + (np.log(p["b"]) + 1.1) ** 2 + 0.3 * abs(p["c"] - 9) + (p["d"] - 14) ** 2 / 50


def cross_validated(load, build):
    """The error of what is built, by three-fold cross-validation."""
    data, splits = load(return_X_y=True), StratifiedKFold(3, shuffle=True, random_state=0)
    return lambda p: 1 - float(cross_val_score(build(p), *data, cv=splits).mean())


def svm(p):
    own = p["kernel"]
    settings = {name: value for name, value in own.items() if name != "name"}
    return make_pipeline(StandardScaler(), SVC(C=p["C"], kernel=own["name"], **settings))


def model(p):
    own = p["model"]
    if own["name"] == "svm":
        return make_pipeline(StandardScaler(), SVC(C=own["C"], gamma=own["gamma"]))
    if own["name"] == "neighbors":
        return make_pipeline(StandardScaler(), KNeighborsClassifier(int(own["count"]), p=own["power"]))
    return RandomForestClassifier(15, max_depth=int(own["depth"]), max_features=own["share"], random_state=0)


LN = np.log
WIDTH = (LN(8), LN(512), 1)
TASKS = {
    "branin": (branin, {"x": hp.uniform("x", -5, 10), "y": hp.uniform("y", 0, 15)}),
    "hartmann, 6": (hartmann, {f"x{i}": hp.uniform(f"x{i}", 0, 1) for i in range(6)}),
    "ackley, 4": (ackley, {f"x{i}": hp.uniform(f"x{i}", -30, 30) for i in range(4)}),
    "styblinski, 5": (styblinski, {f"x{i}": hp.uniform(f"x{i}", -5, 5) for i in range(5)}),
    "network": (network, {
        "rate": hp.loguniform("rate", LN(1e-5), LN(1)), "batch": hp.choice("batch", [16, 32, 64, 128, 256]),
        "width": hp.qloguniform("width", LN(16), LN(1024), 1), "dropout": hp.uniform("dropout", 0, 0.8),
        "act": hp.choice("act", ["relu", "gelu", "tanh"]),
    }),
    "optimizers": (optimizers, {"optimizer": hp.choice("optimizer", [
        {"name": "sgd", "rate": hp.loguniform("sgd_rate", LN(1e-5), LN(1)), "momentum": hp.uniform("momentum", 0, 0.99), "nesterov": hp.choice("nesterov", [True, False])},
        {"name": "adam", "rate": hp.loguniform("adam_rate", LN(1e-5), LN(1)), "beta": 1 - hp.loguniform("beta", LN(1e-4), LN(0.3))},
        {"name": "rmsprop", "rate": hp.loguniform("rms_rate", LN(1e-5), LN(1))},
    ])}),
    "layers": (layers, {
        "layers": hp.choice("layers", [
            [hp.qloguniform("w11", *WIDTH)],
            [hp.qloguniform("w21", *WIDTH), hp.qloguniform("w22", *WIDTH)],
            [hp.qloguniform("w31", *WIDTH), hp.qloguniform("w32", *WIDTH), hp.qloguniform("w33", *WIDTH)],
        ]),
        "decay": hp.loguniform("decay", LN(1e-7), LN(1)),
    }),
    "normals": (normals, {"a": hp.normal("a", 0, 1), "b": hp.lognormal("b", 0, 1), "c": hp.qnormal("c", 5, 3, 1), "d": hp.quniform("d", 0, 40, 2)}),
    "svm, wine": (cross_validated(load_wine, svm), {"C": hp.lognormal("C", 0, 3), "kernel": hp.choice("kernel", [
        {"name": "linear"},
        {"name": "rbf", "gamma": hp.loguniform("gamma", LN(1e-5), LN(10))},
        {"name": "poly", "degree": hp.uniformint("degree", 2, 4), "coef0": hp.uniform("coef0", 0, 2)},
    ])}),
    "three models, breast cancer": (cross_validated(load_breast_cancer, model), {"model": hp.choice("model", [
        {"name": "svm", "C": hp.loguniform("C", LN(1e-3), LN(1e4)), "gamma": hp.loguniform("gamma", LN(1e-6), LN(10))},
        {"name": "neighbors", "count": hp.uniformint("count", 1, 40), "power": hp.uniform("power", 1, 4)},
        {"name": "forest", "depth": hp.uniformint("depth", 1, 15), "share": hp.uniform("share", 0.05, 1)},
    ])}),
}  # fmt: skip


def searched(module, task, evaluations, seed):
    """The losses of one search in order, and the seconds that it took besides evaluating."""
    function, space = TASKS[task]
    trials, spent = module.Trials(), [0.0]

    def timed(point):
        began = time.perf_counter()
        try:
            return function(point)
        finally:
            spent[0] += time.perf_counter() - began

    began = time.perf_counter()
    module.fmin(
        timed, space, algo=module.tpe.suggest, max_evals=evaluations, trials=trials, rstate=np.random.default_rng(seed), verbose=False,
    )  # fmt: skip
    return trials.losses(), time.perf_counter() - began - spent[0]


def measured(task, seed, evaluations):
    """One search of each."""
    theirs, their_seconds = searched(hyperopt, task, evaluations, seed)
    ours, seconds = searched(danlu.hyperopt, task, evaluations, seed)
    reached = np.flatnonzero(np.minimum.accumulate(ours) <= min(theirs))
    return {
        "theirs": min(theirs), "ours": min(ours), "needed": int(reached[0]) + 1 if len(reached) else None, "seconds": seconds,
        "their_seconds": their_seconds,
    }  # fmt: skip


def main():
    parse = argparse.ArgumentParser(description=__doc__)
    parse.add_argument("--seeds", type=int, default=20)
    parse.add_argument("--evaluations", type=int, default=100)
    parse.add_argument("--tasks", nargs="*", default=list(TASKS))
    parse.add_argument("--results", type=Path, default=Path("runs/hyperopt.json"))
    options = parse.parse_args()
    options.results.parent.mkdir(parents=True, exist_ok=True)
    found = json.loads(options.results.read_text("utf-8")) if options.results.exists() else {}
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    for seed in range(options.seeds):
        for task in options.tasks:
            key = f"{task}, {options.evaluations} evaluations, seed {seed}"
            if key not in found:
                found[key] = {"task": task, "of": options.evaluations} | measured(
                    task, seed, options.evaluations
                )
                options.results.write_text(json.dumps(found, indent=1), "utf-8")
                print(key, found[key], flush=True)
    found = {key: each for key, each in found.items() if each["of"] == options.evaluations}
    print(
        "| task | runs | evaluations for its result, median | reached | final loss, danlu | Hyperopt | worse, p | seconds, danlu / Hyperopt |\n"
        "|---|---|---|---|---|---|---|---|"
    )
    for task in options.tasks:
        own = [each for each in found.values() if each["task"] == task]
        ours, theirs = ([each[name] for each in own] for name in ("ours", "theirs"))
        p = float(mannwhitneyu(ours, theirs, alternative="greater").pvalue)
        ratio = np.median([each["seconds"] / each["their_seconds"] for each in own])
        reached = sum(each["needed"] is not None for each in own)
        print(
            f"| {task} | {len(own)} | {middle(own):g} | {reached} | {np.median(ours):.4g} | {np.median(theirs):.4g} | {p:.2f} | {ratio:.2f} |"
        )
    print(f"all {len(found)} runs: median {middle(list(found.values())):g} evaluations")


def middle(runs):
    """The median of the evaluations needed; a run that never came there needed more than all."""
    return float(np.median([each["needed"] or each["of"] + 1 for each in runs]))


if __name__ == "__main__":
    main()
