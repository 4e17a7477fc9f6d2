"""Importance of parameters on the same trials: danlu beside Optuna, and beside the shares that are known.

    python benchmarks/importance.py        # results/importance.json

Two functions whose shares of variance are known: an additive one (squared weights) and Ishigami (Sobol' indices of single inputs).
"""

import json
import math
import statistics
import subprocess
import sys
import time
from pathlib import Path

from overhead import environment

HERE = Path(__file__).resolve().parent
WEIGHTS = {"a": 4.0, "b": 2.0, "c": 1.0, "idle": 0.0}
EXACT = {
    "additive": {name: weight**2 / 21 for name, weight in WEIGHTS.items()},
    "ishigami": {"a": 0.3139 / 0.7563, "b": 0.4424 / 0.7563, "c": 0.0, "idle": 0.0},
}


def additive(params):
    return sum(weight * params[name] for name, weight in WEIGHTS.items())


def ishigami(params):
    return (
        math.sin(params["a"])
        + 7 * math.sin(params["b"]) ** 2
        + 0.1 * params["c"] ** 4 * math.sin(params["a"])
    )


FUNCTIONS = {"additive": additive, "ishigami": ishigami}


def ours(name, seed, trials):
    import danlu

    space = {each: danlu.Float(-math.pi, math.pi) for each in WEIGHTS}
    result = danlu.tune(
        lambda trial: FUNCTIONS[name](trial.params), space, trials=trials, sampler="random", seed=seed
    )
    found = {"trials": [[trial.params, trial.value] for trial in result.trials]}
    for method in ("ped-anova", "fanova"):
        began = time.process_time()
        shares = {share.name: share.share for share in result.analysis.importance(method=method).parameters}
        found[method] = {"shares": shares, "CPU s": time.process_time() - began}
    return found


def theirs(trials):
    import optuna
    from optuna.importance import FanovaImportanceEvaluator, PedAnovaImportanceEvaluator

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study()
    space = {name: optuna.distributions.FloatDistribution(-math.pi, math.pi) for name in trials[0][0]}
    study.add_trials([
        optuna.trial.create_trial(params=params, distributions=space, value=value) for params, value in trials
    ])  # fmt: skip
    found = {}
    for method, evaluator in (
        ("ped-anova", PedAnovaImportanceEvaluator()),
        ("fanova", FanovaImportanceEvaluator(seed=0)),
    ):
        began = time.process_time()
        shares = optuna.importance.get_param_importances(study, evaluator=evaluator)
        found[method] = {"shares": dict(shares), "CPU s": time.process_time() - began}
    return found


def error(shares, exact):
    return sum(abs(shares.get(name, 0.0) - share) for name, share in exact.items()) / 2


def main():
    if len(sys.argv) > 1:
        print(json.dumps(theirs(json.loads(sys.stdin.read()))))
        return
    peers, rows = environment(), []
    for name in FUNCTIONS:
        for trials in (100, 400):
            both = {"danlu": [], "Optuna": []}
            for seed in range(5):
                found = ours(name, seed, trials)
                ran = subprocess.run(
                    [peers, __file__, "peer"],
                    input=json.dumps(found["trials"]),
                    capture_output=True,
                    text=True,
                    check=True,
                )
                both["danlu"].append(found)
                both["Optuna"].append(json.loads(ran.stdout))
            for method in ("ped-anova", "fanova"):
                row = {"function": name, "trials": trials, "method": method}
                for who, runs in both.items():
                    row[f"{who}, error"] = statistics.median(
                        error(run[method]["shares"], EXACT[name]) for run in runs
                    )
                    row[f"{who}, CPU s"] = statistics.median(run[method]["CPU s"] for run in runs)
                row["difference"] = statistics.median(
                    error(one[method]["shares"], other[method]["shares"])
                    for one, other in zip(both["danlu"], both["Optuna"], strict=True)
                )
                rows.append(row)
                print(row, flush=True)
    (HERE / "results/importance.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
