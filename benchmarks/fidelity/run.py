"""Runs multi-fidelity optimizers on curves under a virtual clock; resumes where it stopped, uses all cores.

    python benchmarks/fidelity/run.py                      lcbench and TaskSet, the cheap peers, five seeds
    python benchmarks/fidelity/run.py --only danlu --split development --seeds 2

Every step of every trial costs one unit of time, and nothing else does; going on from a checkpoint is free for
all. Every run is a line of ``results/OPTIMIZER.jsonl``: for each mark, the worth of so many full trainings' steps,
the regret of the incumbent, which is the configuration with the lowest loss seen so far at any step, judged by its
full training: points of accuracy for lcbench, shares of the distance from the median to the best for TaskSet.
"""

import argparse
import heapq
import json
import os
import re
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import curves

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ENVIRONMENTS = Path(os.environ.get("DANLU_BENCH_ENVS", ROOT / ".venv-search"))
THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
MARKS = (1, 2, 3, 5, 10, 20, 30, 50)

OPTIMIZERS = {  # name -> (environment, adapter, options)
    "danlu": ("danlu", "danlu_peer", {}),
    "danlu-full": ("danlu", "danlu_peer", {"scheduler": "diverged"}),
    "random-full": ("danlu", "danlu_peer", {"sampler": "random", "scheduler": "diverged"}),
    "random-asha": (
        "danlu", "danlu_peer", {"sampler": "random", "scheduler": "ASHA", "settings": {"promote": True}}
    ),
    "optuna-tpe-hyperband": ("optuna", "optuna_peer", {"pruner": "hyperband"}),
    "optuna-tpe-halving": ("optuna", "optuna_peer", {"pruner": "halving"}),
    "optuna-tpe-full": ("optuna", "optuna_peer", {"pruner": "none"}),
    "synetune-asha": ("synetune", "synetune_peer", {"name": "ASHA"}),
    "synetune-bohb": ("synetune", "synetune_peer", {"name": "BOHB"}),
    "dehb": ("dehb", "dehb_peer", {}),
    "topk": ("danlu", "topk_peer", {}),
    "smac": ("smac", "smac_fidelity_peer", {}),
}  # fmt: skip
SLOW = {"smac": 20}
"""Peers that are run for so many full trainings' worth only, and on the first two seeds."""


def python(environment):
    """The interpreter of a peer's environment, made when it is missing."""
    if environment == "danlu":
        return ROOT / ".venv/bin/python"
    home = ENVIRONMENTS / environment
    if not (home / ".ready").exists():
        subprocess.run([ROOT / ".venv/bin/python", "-m", "venv", home], check=True)
        named = HERE / f"peers/{environment}.txt"
        named = named if named.exists() else HERE.parent / f"search/peers/{environment}.txt"
        subprocess.run(
            [home / "bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", named],
            check=True,
        )
        (home / ".ready").touch()
    return home / "bin/python"


class Peer:
    """An optimizer's process."""

    def __init__(self, environment, adapter):
        command = [python(environment), HERE / "peer.py", adapter]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | THREADS
        )
        self.cpu = 0.0

    def say(self, *message):
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the peer ended while it was told {str(message)[:200]}")
        answer = json.loads(line)
        self.cpu += answer["cpu"]
        return answer


def run(name, task_name, seed, full, workers):
    """One optimizer on one task once."""
    environment, adapter, options = OPTIMIZERS[name]
    task = curves.load(task_name)
    if name == "topk":
        options = {"full": full}
    peer = Peer(environment, adapter)
    peer.say("open", {"space": task.space, "seed": seed, "steps": task.steps, "options": options})
    best, incumbent, now, turn = float("inf"), None, 0, 0
    spent, configs, marks, due, waits = 0, set(), {}, [], False
    whole = {}

    def worth(config):
        key = json.dumps(config, sort_keys=True)
        if key not in whole:
            whole[key] = (task.whole(task.curve(config)) - task.optimum) / task.typical
        return whole[key]

    while spent < full * task.steps:
        while len(due) < workers and not waits:
            job = peer.say("next")
            if "job" not in job:
                waits = bool(due)
                break
            losses = task.curve(job["config"])
            configs.add(json.dumps(job["config"], sort_keys=True))
            turn += 1
            heapq.heappush(due, (now + 1, turn, job, losses, job["from"] + 1))
        now, _, job, losses, step = heapq.heappop(due)
        spent += 1
        if losses[step - 1] < best:
            best, incumbent = losses[step - 1], job["config"]
        if spent % task.steps == 0 and spent // task.steps in MARKS:
            marks[spent // task.steps] = float(f"{worth(incumbent):.6g}")
        if peer.say("report", job["job"], step, losses[step - 1])["go"]:
            turn += 1
            heapq.heappush(due, (now + 1, turn, job, losses, step + 1))
        else:
            waits = False
    peer.process.stdin.close()
    peer.process.wait()
    return {
        "task": task_name, "optimizer": name, "seed": seed, "full": full, "workers": workers,
        "regret": marks, "configs": len(configs), "time": now, "cpu": round(peer.cpu, 3),
    }  # fmt: skip


def key(line):
    return line["optimizer"], line["task"], line["seed"], line["full"], line["workers"]


def main():
    parse = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parse.add_argument("--only", nargs="*", default=list(OPTIMIZERS))
    parse.add_argument("--split", choices=["development", "examination"])
    parse.add_argument("--tasks", default="", help="only tasks whose name matches this expression")
    parse.add_argument("--seeds", type=int, default=5)
    parse.add_argument("--full", type=int, default=50, help="the worth of so many full trainings")
    parse.add_argument("--workers", type=int, default=1, help="simulated workers")
    parse.add_argument("--jobs", type=int, default=os.cpu_count())
    parse.add_argument("--results", type=Path, default=HERE / "results")
    arguments = parse.parse_args()
    os.environ.update(THREADS)
    arguments.results.mkdir(exist_ok=True, parents=True)
    done = set()
    for path in arguments.results.glob("*.jsonl"):
        done |= {key(json.loads(line)) for line in path.read_text().splitlines()}
    splits = {"development": curves.DEVELOPMENT, "examination": curves.EXAMINATION}
    wanted = [arguments.split] if arguments.split else list(splits)
    names = [task for split in wanted for task in splits[split] if re.search(arguments.tasks, task)]
    jobs = []
    for seed in range(arguments.seeds):
        for name in arguments.only:
            if name in SLOW and seed >= 2:
                continue
            fulls = (
                tuple({3, 10, arguments.full})
                if name == "topk"
                else (min(arguments.full, SLOW.get(name, 999)),)
            )
            jobs += [(name, task, seed, full, arguments.workers) for task in names for full in fulls]
    jobs = [job for job in jobs if job not in done]
    for name in dict.fromkeys(job[0] for job in jobs):
        python(OPTIMIZERS[name][0])
    print(f"{len(jobs)} runs to do, {len(done)} there", flush=True)
    with ProcessPoolExecutor(arguments.jobs) as pool:
        runs = {pool.submit(run, *job): job for job in jobs}
        for number, future in enumerate(as_completed(runs), 1):
            if future.exception() is not None:
                print(f"{runs[future]}: {future.exception()!r}", file=sys.stderr, flush=True)
                continue
            with (arguments.results / f"{runs[future][0]}.jsonl").open("a") as file:
                file.write(json.dumps(future.result()) + "\n")
            if number % 20 == 0 or number == len(runs):
                print(f"{number} of {len(runs)}", flush=True)


if __name__ == "__main__":
    main()
