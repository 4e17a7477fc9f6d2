"""Runs optimizers on tasks and keeps what they found: resumes where it stopped, uses all cores.

    python benchmarks/search/run.py                     the ten-minute version
    python benchmarks/search/run.py --full              everything that the report shows
    python benchmarks/search/run.py --only danlu --split development --seeds 3

Every run is a line of ``results/OPTIMIZER.jsonl``: task, seed, the trials that improved on all before
them with their losses (of noisy trainings: with the mean of five fresh seeds, so that luck does not
count), the trials that failed, and the CPU seconds of ask and tell. Each peer lives in an
environment of its own, ``.venv-search/NAME``, made from ``peers/NAME.txt`` when it is first needed.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import numpy as np
import tasks

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ENVIRONMENTS = Path(os.environ.get("DANLU_BENCH_ENVS", ROOT / ".venv-search"))
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
CHECKPOINTS = (10, 25, 50, 100, 250, 500, 1000)

OPTIMIZERS = {  # name -> (adapter, options)
    "danlu": ("danlu", {}),
    "random": ("optuna", {"sampler": "RandomSampler"}),
    "optuna-tpe": ("optuna", {"sampler": "TPESampler"}),
    "optuna-cmaes": ("optuna", {"sampler": "CmaEsSampler"}),
    "hyperopt": ("hyperopt", {}),
    "ngopt": ("nevergrad", {}),
    "smac": ("smac", {}),
    "optuna-gp": ("optuna", {"sampler": "GPSampler"}),
    "skopt": ("skopt", {}),
    "ax": ("ax", {}),
    "hebo": ("hebo", {}),
}
CHEAP = ("danlu", "random", "optuna-tpe", "hyperopt", "optuna-cmaes", "ngopt")
SLOW = ("smac", "optuna-gp", "skopt", "ax", "hebo")
QUICK = ("danlu", "random", "optuna-tpe", "hyperopt", "optuna-cmaes", "ngopt")


def python(environment):
    """The interpreter of a peer's environment, made when it is missing."""
    if environment == "danlu":
        return ROOT / ".venv/bin/python"
    home = ENVIRONMENTS / environment
    if not (home / ".ready").exists():
        subprocess.run([ROOT / ".venv/bin/python", "-m", "venv", home], check=True)
        pip = [home / "bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", HERE / f"peers/{environment}.txt"], check=True)
        (home / ".ready").touch()
    return home / "bin/python"


class Peer:
    """An optimizer's process."""

    def __init__(self, environment):
        command = [python(environment), HERE / "peer.py", f"{environment}_peer"]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | THREADS
        )

    def say(self, *message):
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the peer ended while it was told {str(message)[:200]}")
        return json.loads(line)


_peers = {}


def run(name, adapter, options, task_name, seed, trials, workers):
    """One optimizer on one task once."""
    task = tasks.load(task_name)
    noisy = task.family == "real"
    peer = _peers.pop(adapter, None) or Peer(adapter)
    peer.say("open", {"space": task.space, "seed": seed, "trials": trials, "options": options})
    best, improved, failed, cpu, spent = None, [], [], {}, 0.0
    waiting = []
    for number in range(trials):
        asked = peer.say("ask")
        loss = task.loss(asked["config"], 100_000 * seed + number if noisy else seed)
        waiting.append((asked["id"], loss))
        spent += asked["cpu"]
        if len(waiting) >= workers or number == trials - 1:
            for told in waiting if number == trials - 1 else [waiting.pop(0)]:
                spent += peer.say("tell", *told)["cpu"]
        if loss is None:
            failed.append(number)
        elif best is None or loss < best:
            best = loss
            shown = confirmed(task, asked["config"]) if noisy else loss
            improved.append([number, float(f"{shown:.9g}")])
        if number + 1 in CHECKPOINTS:
            cpu[number + 1] = round(spent, 4)
    _peers[adapter] = peer
    return {
        "task": task_name, "optimizer": name, "seed": seed, "trials": trials, "workers": workers,
        "best": improved, "failed": failed, "cpu": cpu,
    }  # fmt: skip


def confirmed(task, config):
    """What a configuration is worth on five fresh seeds; a failure counts as the worst of them."""
    losses = [task.loss(config, 10_000_000 + seed) for seed in range(5)]
    known = [loss for loss in losses if loss is not None]
    return float(np.mean([max(known) if loss is None else loss for loss in losses])) if known else 10.0


def key(line):
    return line["optimizer"], line["task"], line["seed"], line["trials"], line["workers"]


def chosen(arguments):
    """(optimizer, task, seed) of everything asked for, the cheap and the most telling first."""
    splits = {"development": tasks.DEVELOPMENT, "examination": tasks.EXAMINATION}
    slow = {"development": tasks.SLOW_DEVELOPMENT, "examination": tasks.SLOW_EXAMINATION}
    if not arguments.full and not arguments.only:
        return [(name, task, seed) for seed in range(2) for task in tasks.QUICK for name in QUICK]
    wanted = [arguments.split] if arguments.split else list(splits)
    names = arguments.only or [*CHEAP, *SLOW]
    plan = []
    for seed in range(arguments.seeds):
        for name in names:
            subset = name in SLOW or arguments.subset
            if name in SLOW and seed >= max(2, arguments.slow_seeds):
                continue
            for split in wanted:
                found = slow[split] if subset else splits[split]
                plan += [(name, task, seed) for task in found if re.search(arguments.tasks, task)]
    return plan


def main():
    parse = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parse.add_argument("--full", action="store_true", help="all optimizers on all their tasks")
    parse.add_argument("--only", nargs="*", help="these optimizers, on all tasks of the split")
    parse.add_argument("--options", type=json.loads, default={}, help="settings for danlu, in JSON")
    parse.add_argument("--label", help="the name under which the results of --only danlu are kept")
    parse.add_argument("--split", choices=["development", "examination"])
    parse.add_argument("--tasks", default="", help="only tasks whose name matches this expression")
    parse.add_argument("--subset", action="store_true", help="only the tasks the slow peers are run on")
    parse.add_argument("--seeds", type=int, default=5)
    parse.add_argument("--slow-seeds", type=int, default=2)
    parse.add_argument("--trials", type=int, default=100)
    parse.add_argument("--workers", type=int, default=1, help="simulated workers, asked before being told")
    parse.add_argument("--jobs", type=int, default=os.cpu_count())
    parse.add_argument("--results", type=Path, default=HERE / "results")
    arguments = parse.parse_args()
    os.environ.update(THREADS)
    arguments.results.mkdir(exist_ok=True, parents=True)
    done = set()
    for path in arguments.results.glob("*.jsonl"):
        done |= {key(json.loads(line)) for line in path.read_text().splitlines()}
    jobs = []
    for name, task, seed in chosen(arguments):
        adapter, options = OPTIMIZERS[name]
        label = arguments.label if name == "danlu" and arguments.label else name
        if name == "danlu":
            options = options | arguments.options
        if (label, task, seed, arguments.trials, arguments.workers) not in done:
            jobs.append((label, adapter, options, task, seed, arguments.trials, arguments.workers))
    for adapter in dict.fromkeys(job[1] for job in jobs):
        python(adapter)
    print(f"{len(jobs)} runs to do, {len(done)} there", flush=True)
    with ProcessPoolExecutor(arguments.jobs) as pool:
        runs = {pool.submit(run, *job): job for job in jobs}
        for number, future in enumerate(as_completed(runs), 1):
            job = runs[future]
            if future.exception() is not None:
                print(
                    f"{job[0]} on {job[3]}, seed {job[4]}: {future.exception()!r}",
                    file=sys.stderr,
                    flush=True,
                )
                continue
            with (arguments.results / f"{job[0]}.jsonl").open("a") as file:
                file.write(json.dumps(future.result()) + "\n")
            if number % 20 == 0 or number == len(runs):
                print(f"{number} of {len(runs)}", flush=True)


if __name__ == "__main__":
    main()
