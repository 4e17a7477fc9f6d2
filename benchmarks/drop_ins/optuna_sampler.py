"""danlu's sampler inside Optuna beside Optuna's own: what is found after some trials, and what a suggestion costs.

    python benchmarks/drop_ins/optuna_sampler.py --seeds 10 --trials 60 --out benchmarks/results/optuna_sampler.md

Every sampler runs inside ``optuna.create_study`` with Optuna's storage in memory, without pruning. Resumable: what a results file has is
not run again. The cost of a suggestion is the processor's time that a trial takes, as its
objective takes next to none.
"""

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
import optuna

from danlu.optuna import Sampler


def branin(trial):
    x, y = trial.suggest_float("x", -5, 10), trial.suggest_float("y", 0, 15)
    return (
        (y - 5.1 / (4 * np.pi**2) * x**2 + 5 / np.pi * x - 6) ** 2
        + 10 * (1 - 1 / (8 * np.pi)) * np.cos(x)
        + 10
        - 0.397887
    )


def rosenbrock(trial):
    x = np.array([trial.suggest_float(f"x{at}", -2, 2) for at in range(5)])
    return float(np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2))


def hartmann(trial):
    x = np.array([trial.suggest_float(f"x{at}", 0, 1) for at in range(6)])
    a = np.array(
        [
            [10, 3, 17, 3.5, 1.7, 8],
            [0.05, 10, 17, 0.1, 8, 14],
            [3, 3.5, 1.7, 10, 17, 8],
            [17, 8, 0.05, 10, 0.1, 14],
        ]
    )
    p = 1e-4 * np.array(
        [
            [1312, 1696, 5569, 124, 8283, 5886],
            [2329, 4135, 8307, 3736, 1004, 9991],
            [2348, 1451, 3522, 2883, 3047, 6650],
            [4047, 8828, 8732, 5743, 1091, 381],
        ]
    )
    return 3.32237 - float(np.array([1, 1.2, 3, 3.2]) @ np.exp(-(a * (x - p) ** 2).sum(1)))


def training(trial):
    """A made-up network: a rate, a width, a choice of optimizer, and a momentum that only one of them has."""
    rate, width = trial.suggest_float("lr", 1e-5, 1, log=True), trial.suggest_int("width", 8, 512, log=True)
    loss = (np.log10(rate) + 2.5) ** 2 / 4 + (np.log2(width) - 7) ** 2 / 20
    kind = trial.suggest_categorical("optimizer", ["sgd", "adam", "rmsprop"])
    if kind == "sgd":
        return float(loss + 0.05 + (trial.suggest_float("momentum", 0, 1) - 0.9) ** 2)
    return float(loss + {"adam": 0.2, "rmsprop": 0.3}[kind])


def choices(trial):
    """Eight choices of four, of which pairs matter."""
    taken = [trial.suggest_categorical(f"c{at}", ["a", "b", "c", "d"]) for at in range(8)]
    right = [one == other for one, other in zip(taken, "abcdabcd", strict=True)]
    return 8 - sum(right) + sum(one != other for one, other in zip(right[::2], right[1::2], strict=True)) / 2


TASKS = {each.__name__: each for each in (branin, rosenbrock, hartmann, training, choices)}
SAMPLERS = {
    "danlu": lambda seed: Sampler(seed=seed),
    "TPE": lambda seed: optuna.samplers.TPESampler(seed=seed),
    "multivariate TPE": lambda seed: optuna.samplers.TPESampler(seed=seed, multivariate=True, group=True),
}


def run(task, sampler, seed, trials):
    """The best value after each trial, and the processor's seconds that each took."""
    study = optuna.create_study(sampler=SAMPLERS[sampler](seed))
    seconds = []
    for _ in range(trials):
        began = time.process_time()
        study.optimize(TASKS[task], n_trials=1)
        seconds.append(time.process_time() - began)
    return {
        "best": np.minimum.accumulate([trial.value for trial in study.trials]).tolist(),
        "seconds": seconds,
    }


def table(known, trials):
    """Medians over seeds, and how often danlu's best is the better one."""
    lines = [
        f"| task | sampler | best after {trials // 2} | best after {trials} | danlu better, of seeds | ms of processor time a suggestion |",
        "|---|---|---|---|---|---|",
    ]
    for task in TASKS:
        for sampler in SAMPLERS:
            runs, ours = (
                [known[key] for key in sorted(known) if key.startswith(f"{task}/{each}/{trials}/")]
                for each in (sampler, "danlu")
            )
            if not runs:
                continue
            half, end = (
                np.median([each["best"][at] for each in runs]) for at in (trials // 2 - 1, trials - 1)
            )
            won = sum(one["best"][-1] < other["best"][-1] for one, other in zip(ours, runs, strict=True))
            cost = 1e3 * np.median([second for each in runs for second in each["seconds"][trials // 2 :]])
            beside = "" if sampler == "danlu" else f"{won} of {len(runs)}"
            lines.append(f"| {task} | {sampler} | {half:.3g} | {end:.3g} | {beside} | {cost:.1f} |")
    return lines


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--results", type=Path, default=Path("runs/optuna_sampler.json"))
    parser.add_argument("--out", type=Path, help="write the table there")
    args = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    args.results.parent.mkdir(parents=True, exist_ok=True)
    known = json.loads(args.results.read_text("utf-8")) if args.results.exists() else {}
    for seed in range(args.seeds):
        for task in TASKS:
            for sampler in SAMPLERS:
                key = f"{task}/{sampler}/{args.trials}/{seed:03d}"
                if key not in known:
                    known[key] = run(task, sampler, seed, args.trials)
                    args.results.write_text(json.dumps(known), "utf-8")
    lines = table(known, args.trials)
    print("\n".join(lines))
    if args.out:
        head = f"# danlu's sampler inside Optuna {optuna.__version__}\n\nMedians over {args.seeds} seeds, of `benchmarks/drop_ins/optuna_sampler.py`; smaller is better.\n"
        args.out.write_text("\n".join([head, *lines, ""]), "utf-8")


if __name__ == "__main__":
    main()
