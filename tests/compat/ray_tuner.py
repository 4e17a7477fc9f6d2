"""A tuner of Ray's on a cluster of its own, for tests: ``python ray_tuner.py FOLDER STORED KILLED_AT CONCURRENT``.

The first call in a folder may kill itself at a result, 0 for none; the next one goes on with what is there, and prints what was found.
"""

import json
import os
import pickle
import signal
import sys
import tempfile
import time
from pathlib import Path

import ray
from ray import tune

import danlu.ray_tune as rt

SPACE = {
    "x": tune.uniform(-5, 5),
    "net": {"kind": tune.choice(["a", "b"]), "width": 8},
    "double": tune.sample_from(lambda config: config["x"] * 2),
}
SAMPLES, EPOCHS = 7, 4


def train(config):
    begun, kept = 0, tune.get_checkpoint()
    if kept is not None:
        with kept.as_directory() as folder:
            begun = int(Path(folder, "epoch").read_text())
    for epoch in range(begun + 1, EPOCHS + 1):
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "epoch").write_text(str(epoch))
            found = (config["x"] - 1) ** 2 + (config["net"]["kind"] == "a") + 1 / epoch
            tune.report({"loss": found}, checkpoint=tune.Checkpoint.from_directory(folder))


class Mortal(tune.Callback):
    """Kills the driver at a result, once in a folder, when Ray's own files are whole.

    Ray copies them in a thread and over the old ones. While this callback waits nothing new is begun, so what was under way comes to its end.
    """

    def __init__(self, at, mark):
        self.at, self.mark = at, mark

    def on_trial_result(self, iteration, trials, trial, result, **info):
        self.at -= 1
        experiment = self.mark.with_name("experiment")
        if self.at > 0 or self.mark.exists() or not written(experiment):
            return
        before = None
        while before != (before := written(experiment)) or not whole(experiment):
            time.sleep(0.5)
        self.mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)


def written(path):
    """When Ray's files were last written; nothing before the first of each kind."""
    files = [*path.glob("experiment_state*"), *path.glob("search*_state*")]
    return len({each.name[:6] for each in files}) > 1 and {each: each.stat().st_mtime_ns for each in files}


def whole(path):
    try:
        states = [json.loads(each.read_bytes()) for each in path.glob("experiment_state*")]
        searches = [pickle.loads(each.read_bytes()) for each in path.glob("search*_state*")]
    except (EOFError, ValueError, pickle.UnpicklingError):
        return False
    return bool(states and searches)


def main(folder, stored, at, concurrent):
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    path = Path(folder, "experiment")
    if tune.Tuner.can_restore(str(path)):
        tuner = tune.Tuner.restore(str(path), train, param_space=SPACE)
    else:
        tuner = tune.Tuner(
            train,
            param_space=SPACE,
            tune_config=tune.TuneConfig(
                metric="loss",
                mode="min",
                num_samples=SAMPLES,
                search_alg=rt.Search(seed=1, store=str(Path(folder, "study.db")) if stored else None),
                scheduler=rt.Scheduler("median"),
                max_concurrent_trials=concurrent,
                reuse_actors=True,
            ),
            run_config=tune.RunConfig(
                storage_path=str(folder),
                name="experiment",
                verbose=0,
                callbacks=[Mortal(at, Path(folder, "killed"))] if at else [],
            ),
        )
    grid = tuner.fit()
    found = [[each.config, len(each.metrics_dataframe), each.metrics["loss"]] for each in grid]
    found.sort(key=lambda each: each[0]["x"])
    study = rt.result(grid, space=SPACE)
    print(
        "FOUND", json.dumps({"trials": found, "study": len(study.trials), "best": study.best.metrics["loss"]})
    )


if __name__ == "__main__":
    folder, stored, at, concurrent = sys.argv[1:]
    main(folder, stored == "stored", int(at), int(concurrent))
