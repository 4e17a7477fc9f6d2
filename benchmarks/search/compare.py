"""Development: one variant beside others. python benchmarks/search/compare.py NAME [OTHERS...] [--results DIR]"""

import argparse
from pathlib import Path

import numpy as np
import stats


def main():
    parse = argparse.ArgumentParser()
    parse.add_argument("names", nargs="+")
    parse.add_argument("--results", type=Path, nargs="*", default=[])
    parse.add_argument("--alone", action="store_true", help="without the runs that are kept in results/")
    parse.add_argument("--each", action="store_true", help="a line for each task")
    parse.add_argument("--trials", type=int, default=stats.BUDGET)
    arguments = parse.parse_args()
    runs = stats.Runs([*([] if arguments.alone else [stats.HERE / "results"]), *arguments.results])
    ours, *others = arguments.names
    for theirs in others or [name for name in runs.optimizers() if name != ours]:
        differences = runs.differences(ours, theirs, arguments.trials)
        if not differences:
            continue
        mean, low, high = stats.interval(differences)
        families = {}
        for task, seeds in differences.items():
            families.setdefault(stats.family(task), []).append(np.mean(seeds))
        parts = "  ".join(f"{name} {np.mean(values):+.2f}" for name, values in families.items())
        needed = np.median(runs.needed(ours, theirs))
        cells = sum(map(len, differences.values()))
        print(
            f"{theirs:14} {mean:+.2f} [{low:+.2f}, {high:+.2f}] {cells:3} cells  needs {needed:5.1f}  | {parts}"
        )
        if arguments.each:
            for task, seeds in sorted(differences.items()):
                print(f"    {task:34} {np.mean(seeds):+.2f}  ({len(seeds)})")
    print(f"{ours}: {runs.per_ask(ours):.1f} CPU ms an ask and tell")


if __name__ == "__main__":
    main()
