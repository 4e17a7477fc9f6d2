"""What a verdict and a move cost in a study of 10,000 trials, in milliseconds of CPU.

    python benchmarks/fidelity/cost.py

For each scheduler a study of random configurations is simulated; then a trial that has just come to a rung is judged
and the next move asked for, two hundred times. Writes ``results/cost.json``; needs the project's own environment.
"""

import itertools
import json
import time
from pathlib import Path

import numpy as np

import danlu
from danlu.journal.trial import Curve

HERE = Path(__file__).resolve().parent
TRIALS, WHOLE, TIMES = 10_000, 27, 200
SCHEDULERS = {
    "ASHA, stopping": danlu.schedulers.ASHA(low=1, high=WHOLE),
    "ASHA, promoting": danlu.schedulers.ASHA(low=1, high=WHOLE, promote=True),
    "Hyperband": danlu.schedulers.Hyperband(low=1, high=WHOLE),
    "SuccessiveHalving": danlu.schedulers.SuccessiveHalving(low=1, high=WHOLE),
    "AutoScheduler": danlu.schedulers.AutoScheduler(),
    "Median": danlu.schedulers.Median(),
    "Extrapolation": danlu.schedulers.Extrapolation(high=WHOLE),
}


def curve(params):
    steps = tuple(range(1, WHOLE + 1))
    return danlu.engines.Recording(steps, {"loss": tuple(params["floor"] + 1 / step for step in steps)})


def measure(scheduler):
    store = danlu.stores.MemoryStore()
    settings = {"minimize": "loss", "trials": TRIALS + 1, "seed": 1, "store": store, "scheduler": scheduler}
    space, more = (
        {"floor": danlu.Float(0, 1)},
        {"sampler": "random", "fidelity": danlu.Fidelity("step", 1, WHOLE)},
    )
    danlu.tune(curve, space, **{**settings, "trials": TRIALS}, **more, engine=danlu.engines.Simulator())
    study = danlu.open_study(space, **settings, **more)
    trial = study.ask()
    replica = study.session.replica
    judged, moved = [], []
    for steps in itertools.islice(itertools.cycle([(1,), (1, 2, 3), (1, 2, 3, 4)]), TIMES):
        seen = replica.history.trials[trial.number]
        metrics = {"loss": tuple(0.5 + 1 / step for step in steps)}
        seen = type(seen)(**{**{f: getattr(seen, f) for f in seen.__struct_fields__}, "curve": Curve(steps, metrics),
                             "metrics": {"loss": metrics["loss"][-1]}})  # fmt: skip
        began = time.process_time_ns()
        replica.algorithms.judge(seen)
        between = time.process_time_ns()
        replica.algorithms.move()
        judged.append((between - began) / 1e6)
        moved.append((time.process_time_ns() - between) / 1e6)
    study.close()
    return {
        "trials": len(replica.history), "reports": len(replica.history.reports),
        "judge": [round(float(np.quantile(judged, q)), 3) for q in (0.5, 0.95)],
        "next": [round(float(np.quantile(moved, q)), 3) for q in (0.5, 0.95)],
    }  # fmt: skip


def main():
    found = {}
    for name, scheduler in SCHEDULERS.items():
        found[name] = measure(scheduler)
        print(name, found[name], flush=True)
    (HERE / "results").mkdir(exist_ok=True)
    (HERE / "results/cost.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
