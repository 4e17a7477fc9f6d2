"""What asking costs as users run it, with the libraries' own numbers of threads, beside one thread: `make bench-threads`.

An `ask` in a space of 10 mixed parameters, at trials 50 to 150, in CPU seconds of the whole process, so that threads that
wait busily are counted. Runs with the defaults and with one thread alternate in fresh processes; with ``--busy`` another
process keeps one core busy meanwhile, as a training does. ``--without`` leaves danlu's own limit out, to see what it is for.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

NAMES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
BUSY = "import numpy as np\na = np.random.rand(300, 300)\nwhile True: a = a @ a; a /= a.max()"


def asks(without):
    import danlu
    from danlu.maths.threads import OneThread

    if without:
        OneThread._limit = lambda *_: None
    floats = {f"f{i}": danlu.Float(1e-5, 1, log=i % 2 == 0) for i in range(4)}
    ints = {f"i{i}": danlu.Int(1, 64) for i in range(3)}
    space = floats | ints | {f"c{i}": danlu.Choice(["a", "b", "c"]) for i in range(3)}
    spent = []
    with danlu.open_study(space, minimize="loss", seed=1) as study:
        for number in range(150):
            began = time.process_time()
            trial = study.ask()
            if number >= 50:
                spent.append(time.process_time() - began)
            loss = sum(trial.params[f"f{i}"] ** 2 for i in range(4)) + abs(trial.params["i0"] - 20) / 64
            study.tell(trial, loss + (trial.params["c0"] == "b"))
    return spent


def trivial():
    import danlu

    danlu.tune(lambda t: t["x"] ** 2, {"x": danlu.Float(0, 1), "y": danlu.Float(0, 1)}, trials=60, seed=1)
    return [time.process_time()]


def measured(part, one, without):
    environment = {name: text for name, text in os.environ.items() if name not in NAMES}
    if one:
        environment |= dict.fromkeys(NAMES, "1")
    command = [sys.executable, __file__, "--part", part, *(["--without"] if without else [])]
    ran = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    return json.loads(ran.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--busy", action="store_true", help="keep one core busy beside")
    parser.add_argument("--without", action="store_true", help="without danlu's limit")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--part", choices=["asks", "trivial"], help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.part:
        print(json.dumps(asks(given.without) if given.part == "asks" else trivial()))
        return
    busy = [sys.executable, "-c", BUSY]
    beside = (
        subprocess.Popen(busy, env=os.environ | dict.fromkeys(NAMES, "1"), stderr=subprocess.DEVNULL)
        if given.busy
        else None
    )
    found = {(part, one): [] for part in ("asks", "trivial") for one in (False, True)}
    try:
        for _ in range(given.repeats):
            for part, one in found:
                found[part, one] += measured(part, one, given.without and part == "asks")
    finally:
        if beside is not None:
            beside.kill()
            beside.wait()
    for name, figure in (
        ("median", statistics.median),
        ("95th percentile", lambda x: sorted(x)[int(0.95 * len(x))]),
    ):
        usual, single = figure(found["asks", False]) * 1e3, figure(found["asks", True]) * 1e3
        print(f"ask, {name}: {usual:.1f} CPU ms, one thread {single:.1f}, ratio {usual / single:.2f}")
    usual, single = (statistics.median(found["trivial", one]) for one in (False, True))
    print(f"60 trivial trials: {usual:.2f} CPU s, one thread {single:.2f}, ratio {usual / single:.2f}")


if __name__ == "__main__":
    main()
