"""What danlu costs before the first trial runs, and for each report: CPU seconds of whole processes, Python's own start included.

    python benchmarks/start.py [--runs 11]

Medians, least and most of fresh processes, with the default threads and with one; bytecode is cached, as it is after any first
run. Writes ``results/start.json``.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
TUNE = (
    "import danlu; danlu.tune(lambda t: t['x']**2 + t['y'], {'x': danlu.Float(-1, 1), 'y': danlu.Float(0, 1)}, "
    "minimize='loss', trials=%d, watch=False, store=%r)"
)

REPORT = (
    "import danlu; danlu.tune(lambda t: [t.report(step, loss=1 / step) for step in range(1, %d)] and None, "
    "{'x': danlu.Float(0, 1)}, minimize='loss', trials=1, watch=False)"
)


def seconds(command, environment):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    parse = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parse.add_argument("--runs", type=int, default=11)
    given = parse.parse_args()
    rows = {}
    with tempfile.TemporaryDirectory() as folder:
        store = f"{folder}/study.db"
        python, danlu = [sys.executable, "-c"], [sys.executable, "-m", "danlu"]
        commands = {
            "python": [*python, "pass"],
            "import numpy": [*python, "import numpy"],
            "import danlu": [*python, "import danlu"],
            "two trials": [*python, TUNE % (2, None)],
            "twelve trials, the first model": [*python, TUNE % (12, None)],
            "one trial of 25,000 reports": [*python, REPORT % 25_001],
            "one trial of 100,000 reports": [*python, REPORT % 100_001],
            "danlu --help": [*danlu, "--help"],
            "danlu show": [*danlu, "show", store],
        }
        shared = {name: held for name, held in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        shared["PYTHONPYCACHEPREFIX"] = f"{folder}/bytecode"
        threads = {"default threads": {}, "one thread": {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}}
        seconds([*python, TUNE % (12, store)], shared)
        for name, command in commands.items():
            rows[name] = {}
            seconds(command, shared)  # bytecode and pages are there
            for how, more in threads.items():
                times = [seconds(command, {**shared, **more}) for _ in range(given.runs)]
                rows[name][how] = [round(f(times), 3) for f in (statistics.median, min, max)]
            print(f"{name:32} {rows[name]}", flush=True)
    (HERE / "results/start.json").write_text(
        json.dumps({"runs": given.runs, "median, least, most": rows}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
