"""Overhead of engines on trivial trials, danlu's Ray beside Ray Tune in the same cluster and run.

    python benchmarks/engines.py --peer .venv-search/ray/bin/python

The peer's environment holds ``ray[tune]`` and what danlu needs; danlu is imported from this checkout.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
TRIALS = 100


def trivial(trial):
    return trial["x"]


def danlu_on(engine):
    import danlu

    began = time.perf_counter()
    result = danlu.tune(
        trivial, {"x": danlu.Float(0, 1)}, trials=TRIALS, engine=engine, sampler="random", seed=1
    )
    assert len(result.trials) == TRIALS
    return time.perf_counter() - began


def ray_tune(*, reuse):
    """Ray Tune as its documentation has it; with ``reuse``, its class API and reused actors, its fastest way."""
    from ray import tune

    def function(config):
        tune.report({"loss": config["x"]})

    class Reused(tune.Trainable):
        def setup(self, config):
            self.config = config

        def step(self):
            return {"loss": self.config["x"], "done": True}

        def reset_config(self, new):
            self.config = new
            return True

    began = time.perf_counter()
    tuner = tune.Tuner(
        Reused if reuse else function,
        param_space={"x": tune.uniform(0, 1)},
        tune_config=tune.TuneConfig(num_samples=TRIALS, metric="loss", mode="min", reuse_actors=reuse),
        run_config=tune.RunConfig(verbose=0, storage_path=os.environ["TUNE_STORE"]),
    )
    found = tuner.fit()
    assert len(found) == TRIALS
    return time.perf_counter() - began


def measure(what):
    import ray

    if what == "danlu, its own pool":
        import danlu

        return danlu_on(danlu.engines.Pool(2))
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    if what == "danlu on Ray":
        import danlu

        return danlu_on(danlu.engines.Ray(2))
    return ray_tune(reuse="reused" in what)


def main():
    import tempfile

    arguments = argparse.ArgumentParser()
    arguments.add_argument("--peer", default=str(HERE.parent / ".venv-search/ray/bin/python"))
    arguments.add_argument("--one")
    given = arguments.parse_args()
    if given.one:
        print("seconds", measure(given.one))
        return
    names = [
        "danlu on Ray",
        "Ray Tune, reused actors",
        "danlu, its own pool",
        "danlu on Ray",
        "danlu on Ray",
        "Ray Tune, reused actors",
    ]
    found = {}
    for name in names:
        environment = os.environ | {
            "PYTHONPATH": str(HERE.parent / "src"), "TUNE_STORE": tempfile.mkdtemp(), "RAY_AIR_NEW_OUTPUT": "0",
            "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",
        }  # fmt: skip
        ran = subprocess.run(
            [given.peer, __file__, "--one", name],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        line = next((line for line in ran.stdout.splitlines() if line.startswith("seconds")), None)
        if line is None:
            sys.exit(f"{name}: {ran.stderr[-2000:]}")
        found.setdefault(name, []).append(float(line.split()[1]))
        print(name, found[name][-1], flush=True)
    medians = {name: statistics.median(times) for name, times in found.items()}
    ratio = medians["Ray Tune, reused actors"] / medians["danlu on Ray"]
    print(f"Ray Tune / danlu on Ray: {ratio:.1f}")
    (HERE / "results/engines.json").write_text(
        json.dumps({"trials": TRIALS, "seconds": medians}, indent=1), encoding="utf-8"
    )


if __name__ == "__main__":
    main()
