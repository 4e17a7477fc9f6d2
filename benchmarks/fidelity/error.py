"""How often curve extrapolation stops a trial that would have beaten the best, on recorded curves.

    python benchmarks/fidelity/error.py

On each development task 120 random configurations train one after the other, and the rule looks after every step
from the fourth on. Writes ``results/error.json``: for each task the trials stopped, those of them that would have
beaten the best so far, and the share of all steps that was saved.
"""

import json
import sys
from pathlib import Path

import curves
import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "src"))
sys.path.insert(0, str(HERE / "peers"))

from topk_peer import Optimizer as Draws  # noqa: E402 - found by the path above

from danlu.maths.curves import outlook  # noqa: E402 - found by the path above

CHANCE, TRIALS = 0.05, 120


def main():
    found = {}
    for name in curves.DEVELOPMENT:
        task = curves.load(name)
        draws = Draws(task.space, 0, task.steps, 1)
        recorded = [np.array(task.curve(draws.draw())) for _ in range(TRIALS)]
        found[name] = replay([curve for curve in recorded if curve.max() < 1e3])
        print(name, found[name], flush=True)
    stopped, wrong = (sum(each[key] for each in found.values()) for key in ("stopped", "wrong"))
    print(f"{wrong} of {stopped} stopped trials would have beaten the best: {wrong / stopped:.1%}")
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results/error.json").write_text(json.dumps(found, indent=1) + "\n")


def replay(recorded):
    best, stopped, wrong, saved = np.inf, 0, 0, 0
    for curve in recorded:
        size = len(curve)
        steps = np.arange(1.0, size + 1)
        end = size
        for seen in range(4, size):
            if curve[:seen].min() < best or not np.isfinite(best):
                break
            if outlook(steps[:seen], curve[:seen], float(size)).below(best) < CHANCE:
                end = seen
                break
        if end < size:
            stopped, saved = stopped + 1, saved + size - end
            wrong += bool(curve.min() < best)
        else:
            best = min(best, float(curve.min()))
    total = sum(len(curve) for curve in recorded)
    return {"stopped": stopped, "wrong": wrong, "saved": round(saved / max(1, total), 3)}


if __name__ == "__main__":
    main()
