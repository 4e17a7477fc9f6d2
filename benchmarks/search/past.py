"""What earlier studies are worth: each task is searched cold, then with the cold searches of all other tasks of its kind as its past.

    python benchmarks/search/past.py --results runs/past.json
    python benchmarks/search/past.py --examination

Counted is after how many trials a search with a past is as good as the cold one of the same seed after ``--trials``; the same for a
past whose losses are turned around, which misleads, beside a cold search of another seed; and whether the best of the portfolio's
first three points is at least as good as the best of twenty random ones. Kinds: lcbench, rbv2_xgboost (surrogates of real trainings,
needs DANLU_BENCH_DATA) and TaskSet (tables of real trainings; the nearest configuration of the table is taken).
Resumable: what a results file has is not run again.
"""

import argparse
import json
import sys
import time
from functools import cache
from pathlib import Path

import numpy as np
import tasks
from peers.danlu_peer import nested, shortened

import danlu

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "fidelity"))
import curves

KINDS = {
    "lcbench": [f"lcbench/{number}" for number in tasks.LCBENCH],
    "rbv2_xgboost": [f"rbv2_xgboost/{number}" for number in tasks.XGBOOST],
    "taskset": [f"taskset/{name}" for name in curves.TASKSET],
}
HELD_BACK = {
    kind: [name for name in tasks.EXAMINATION if name.startswith(f"{kind}/")]
    for kind in ("lcbench", "rbv2_xgboost")
}


@cache
def task(name):
    """A task's space, and the loss of a configuration; of TaskSet's curves the best point counts."""
    if not name.startswith("taskset/"):
        found = tasks.load(name)
        return nested(found.space), found.loss
    found = curves.load(name)
    return nested(found.space), lambda config, seed: found.whole(found.curve(config))


def searched(name, seed, trials, past=(), turned=False):
    """The losses of a search in order."""
    space, loss = task(name)
    plain = list(space)
    with danlu.open_study(space, minimize="loss", trials=trials, seed=seed, past=list(past)) as study:
        names = {full: shortened(full, set(plain) | {full.rpartition(".")[2]}) for full in study.space.names}
        found = []
        for _ in range(trials):
            trial = study.ask()
            value = float(loss({names[full]: each for full, each in trial.params.items()}, seed=seed))
            study.tell(trial, loss=-value if turned else value)
            found.append(value)
        return found, study.result


def reached(losses, bar):
    """After how many trials a search is as good as the bar; twice as many as there are if never."""
    good = np.flatnonzero(np.minimum.accumulate(losses) <= bar + 1e-12)
    return int(good[0]) + 1 if len(good) else 2 * len(losses)


def turned_around(result):
    """The same points with their losses negated, as a study."""
    study = danlu.open_study(result.history.space, minimize="loss", trials=len(result.trials) + 1)
    points = [trial for trial in result.trials if trial.status is danlu.Status.DONE]
    for each in points:
        study.control.enqueue(each.params)
    for each in points:
        study.tell(study.ask(), loss=-each.value)
    return study.result


def main():
    parse = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parse.add_argument("--trials", type=int, default=50)
    parse.add_argument("--seeds", type=int, default=3)
    parse.add_argument("--kinds", nargs="*", default=list(KINDS))
    parse.add_argument("--examination", action="store_true")
    parse.add_argument("--results", type=Path, default=Path("runs/past.json"))
    options = parse.parse_args()
    kinds = HELD_BACK if options.examination else KINDS
    options.results.parent.mkdir(parents=True, exist_ok=True)
    found = json.loads(options.results.read_text("utf-8")) if options.results.exists() else {}
    for kind in [kind for kind in options.kinds if kind in kinds]:
        for seed in range(options.seeds):
            cold = {name: searched(name, seed, options.trials) for name in kinds[kind]}
            misled = {name: turned_around(result) for name, (_, result) in cold.items()}
            for name in kinds[kind]:
                key = f"{name}, seed {seed}"
                if key in found:
                    continue
                others = [result for other, (_, result) in cold.items() if other != name]
                began = time.process_time()
                warm, _ = searched(name, seed + 100, options.trials, past=others)
                seconds = time.process_time() - began
                wrong, _ = searched(
                    name, seed + 100, options.trials, past=[misled[other] for other in cold if other != name]
                )
                again, _ = searched(name, seed + 100, options.trials)
                drawn = chance(name, 20, seed + 200)
                bar = min(cold[name][0])
                at = min(cold[name][0][: options.trials * 3 // 5])
                found[key] = {
                    "kind": kind, "warm": reached(warm, bar), "cold": reached(again, bar), "misled": reached(wrong, at), "unmisled": reached(again, at),
                    "first three": min(warm[:3]), "random twenty": min(drawn), "seconds": seconds / options.trials,
                }  # fmt: skip
                options.results.write_text(json.dumps(found, indent=1), "utf-8")
                print(
                    key,
                    {k: round(v, 4) if isinstance(v, float) else v for k, v in found[key].items()},
                    flush=True,
                )
    print(
        "| kind | runs | trials to the cold search's best | a cold search of another seed | first three beat random twenty | misled / not misled, median, 90th percentile | CPU s a trial |\n|---|---|---|---|---|---|---|"
    )
    for kind in [kind for kind in options.kinds if kind in kinds]:
        own = [each for each in found.values() if each["kind"] == kind]
        warm, cold = (np.median([each[word] for each in own]) for word in ("warm", "cold"))
        share = np.mean([each["first three"] <= each["random twenty"] for each in own])
        ratios = [each["misled"] / each["unmisled"] for each in own]
        seconds = np.median([each["seconds"] for each in own])
        print(
            f"| {kind} | {len(own)} | {warm:.0f} | {cold:.0f} | {share:.0%} | {np.median(ratios):.2f}, {np.quantile(ratios, 0.9):.2f} | {seconds:.3f} |"
        )


def chance(name, count, seed):
    """The losses of points drawn at random."""
    space, loss = task(name)
    with danlu.open_study(space, minimize="loss", trials=count, seed=seed, sampler="random") as study:
        names = {full: shortened(full, set(space) | {full.rpartition(".")[2]}) for full in study.space.names}
        return [
            float(loss({names[full]: each for full, each in study.ask().params.items()}, seed=seed))
            for _ in range(count)
        ]


if __name__ == "__main__":
    main()
