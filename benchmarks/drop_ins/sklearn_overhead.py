"""What a search of many short fits costs: ``danlu.sklearn`` beside scikit-learn, on the same candidates.

    python benchmarks/drop_ins/sklearn_overhead.py --runs 5 --results runs/sklearn_overhead.json

Each fit computes for five milliseconds. What is counted is the wall time of ``fit`` in a process of its own, workers started and ended, and without what the process
imports; the kinds take turns.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import sys, time
sys.path.insert(0, {folder!r})
import numpy as np
from sklearn_overhead_fit import Spin
from {module} import GridSearchCV
x, y = np.random.default_rng(0).normal(size=(200, 5)), np.tile([0, 1], 100)
grid = {{"C": list(np.linspace(0.1, 10, {candidates}))}}
began = time.perf_counter()
GridSearchCV(Spin({seconds}), grid, cv=5, n_jobs={jobs}, refit=False).fit(x, y)
print(time.perf_counter() - began)
"""

ESTIMATOR = '''
import time

from sklearn.base import BaseEstimator, ClassifierMixin


class Spin(ClassifierMixin, BaseEstimator):
    """Computes for so many seconds."""

    def __init__(self, seconds=0.005, C=1.0):
        self.seconds = seconds
        self.C = C

    def fit(self, X, y):
        until = time.perf_counter() + self.seconds
        while time.perf_counter() < until:
            sum(range(200))
        self.classes_ = [0, 1]
        return self

    def predict(self, X):
        return (X[:, 0] * self.C > 0).astype(int)
'''
"""Written into a module, so that workers can import it."""


def once(module, folder, candidates, jobs, threads):
    """Seconds of one search."""
    program = PROGRAM.format(
        folder=str(folder), module=module, candidates=candidates, seconds=0.005, jobs=jobs
    )
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    if threads:
        environment |= {f"{name}_NUM_THREADS": str(threads) for name in ("OMP", "OPENBLAS")}
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment
    )
    return float(ran.stdout.split()[-1])


def main():
    parse = argparse.ArgumentParser(description=__doc__)
    parse.add_argument("--runs", type=int, default=5)
    parse.add_argument("--candidates", type=int, default=40)
    parse.add_argument("--results", type=Path, default=Path("runs/sklearn_overhead.json"))
    options = parse.parse_args()
    folder = options.results.parent
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sklearn_overhead_fit.py").write_text(ESTIMATOR)
    found = {}
    for _ in range(options.runs):
        for threads in (0, 1):
            for jobs in (1, 2):
                for module in ("sklearn.model_selection", "danlu.sklearn"):
                    key = f"{module}, {jobs} jobs, {threads or 'default'} threads"
                    found.setdefault(key, []).append(
                        once(module, folder.resolve(), options.candidates, jobs, threads)
                    )
    options.results.write_text(json.dumps(found, indent=1))
    print(f"| {5 * options.candidates} fits of 5 ms | scikit-learn s | danlu s | ratio |\n|---|---|---|---|")
    for threads in ("default", 1):
        for jobs in (1, 2):
            theirs, ours = (
                statistics.median(found[f"{module}, {jobs} jobs, {threads} threads"])
                for module in ("sklearn.model_selection", "danlu.sklearn")
            )
            print(f"| {jobs} jobs, {threads} threads | {theirs:.2f} | {ours:.2f} | {ours / theirs:.2f} |")


if __name__ == "__main__":
    main()
