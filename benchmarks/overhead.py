"""What danlu itself costs, beside Optuna in the same run: `make bench`.

CPU seconds are measured, not wall time, because shared machines lie about the latter. Every figure is
the median of several fresh processes; danlu and Optuna alternate, so both see the same machine. Both run with the
libraries' own numbers of threads, as users run them; threads.py has the figures of one thread beside.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / ".venv-peers"
REPEATS = 5

PARTS = {}


def part(function):
    PARTS[function.__name__] = function
    return function


def cpu():
    return time.process_time()


def space():
    from danlu import Choice, Float, Int

    floats = {f"f{i}": Float(1e-5, 1, log=i % 2 == 0) for i in range(4)}
    ints = {f"i{i}": Int(1, 64) for i in range(3)}
    return floats | ints | {f"c{i}": Choice(["a", "b", "c"]) for i in range(3)}


def danlu_rate(store, trials):
    import danlu

    with danlu.open_study(space(), minimize="loss", store=store, sampler="random", seed=1) as study:
        study.tell(study.ask(), 1.0)
        began = cpu()
        for _ in range(trials):
            trial = study.ask()
            study.tell(trial, trial.params["f0"])
        return trials / (cpu() - began)


def optuna_rate(storage, trials):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(storage=storage, sampler=optuna.samplers.RandomSampler(seed=1))

    def objective(trial):
        for i in range(4):
            trial.suggest_float(f"f{i}", 1e-5, 1, log=i % 2 == 0)
        for i in range(3):
            trial.suggest_int(f"i{i}", 1, 64)
        for i in range(3):
            trial.suggest_categorical(f"c{i}", ["a", "b", "c"])
        return trial.params["f0"]

    study.optimize(objective, n_trials=1)
    began = cpu()
    study.optimize(objective, n_trials=trials)
    return trials / (cpu() - began)


@part
def danlu_memory():
    return {"danlu, memory: trials per CPU second": danlu_rate(None, 5000)}


@part
def optuna_memory():
    return {"Optuna 5, memory: trials per CPU second": optuna_rate(None, 1500)}


@part
def danlu_sqlite():
    with tempfile.TemporaryDirectory() as folder:
        return {"danlu, SQLite: trials per CPU second": danlu_rate(f"{folder}/s.db", 2000)}


@part
def optuna_sqlite():
    with tempfile.TemporaryDirectory() as folder:
        return {"Optuna 5, SQLite: trials per CPU second": optuna_rate(f"sqlite:///{folder}/s.db", 60)}


@part
def danlu_open():
    """A study of 100,000 trials: written once, then opened in a fresh process."""
    path = Path(tempfile.gettempdir()) / f"danlu-bench-{os.getuid()}.db"
    if not path.exists():
        write_large(path)
    program = """
import sys, time, resource
import danlu, numpy, msgspec, danlu.study.tune, sqlite3
before = time.process_time()
study = danlu.open_study(store=sys.argv[1], name="large", sampler="random")
opened = time.process_time() - before
study.session.replica.history.columns.units
columns = time.process_time() - before
trial = study.ask(); study.tell(trial, 0.5)
began = time.process_time()
for _ in range(200):
    trial = study.ask(); study.tell(trial, 0.5)
print(opened, columns, (time.process_time() - began) / 200, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)
"""
    ran = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
    opened, columns, ask, memory = map(float, ran.stdout.split())
    path.unlink()
    return {
        "danlu, 100,000 trials: open, CPU s": opened,
        "danlu, 100,000 trials: open and columns, CPU s": columns,
        "danlu, 100,000 trials: the next ask + tell, CPU ms": ask * 1e3,
        "danlu, 100,000 trials: peak memory, MiB": memory,
    }


def write_large(path):
    import danlu

    with danlu.open_study(
        space(), minimize="loss", store=path, name="large", sampler="random", seed=1
    ) as study:
        for _ in range(100):
            batch = study.ask_batch(1000)
            study.tell_batch((trial, trial.params["f0"]) for trial in batch)


def startup(program):
    times = []
    for _ in range(5):
        before = os.times()
        subprocess.run([sys.executable, "-c", program], check=True, stdout=subprocess.DEVNULL)
        after = os.times()
        times.append(
            after.children_user + after.children_system - before.children_user - before.children_system
        )
    return statistics.median(times)


@part
def danlu_import():
    bare = startup("pass")
    names = "from danlu import Choice, Float, Int, Switch, Space"
    commands = "import sys; sys.argv = ['danlu', '--help']\nfrom danlu.cli.main import main\nmain()"
    return {
        "import danlu, CPU s (Python's own start included)": startup("import danlu"),
        "the same with the space's nouns": startup(names),
        "the same with tune (numpy)": startup("from danlu import tune"),
        "danlu --help": startup(commands),
        "Python itself": bare,
    }


@part
def optuna_import():
    return {"import optuna, CPU s": startup("import optuna")}


def environment():
    """Optuna's own environment, made when it is missing."""
    if not (PEERS / ".ready").exists():
        subprocess.run([sys.executable, "-m", "venv", PEERS], check=True)
        pip = [PEERS / "bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
        subprocess.run([*pip, "-r", ROOT / "benchmarks/peers.txt"], check=True)
        (PEERS / ".ready").touch()
    return PEERS / "bin/python"


def main():
    peers = environment()
    found = {}
    for turn in range(REPEATS):
        for name in PARTS:
            if name in ("danlu_open", "danlu_import", "optuna_import") and turn >= 3:
                continue
            python = peers if name.startswith("optuna") else sys.executable
            ran = subprocess.run(
                [python, __file__, name],
                capture_output=True,
                text=True,
                check=False,
            )
            if ran.returncode:
                sys.exit(f"{name} failed:\n{ran.stderr}")
            for figure, value in json.loads(ran.stdout.splitlines()[-1]).items():
                found.setdefault(figure, []).append(value)
    medians = {figure: statistics.median(values) for figure, values in found.items()}
    for where in ("memory", "SQLite"):
        ours, theirs = (medians[f"{who}, {where}: trials per CPU second"] for who in ("danlu", "Optuna 5"))
        medians[f"danlu / Optuna 5, {where}"] = ours / theirs
    width = max(map(len, medians))
    for figure, value in medians.items():
        spread = f"  [{min(found[figure]):.4g} .. {max(found[figure]):.4g}]" if figure in found else ""
        print(f"{figure.ljust(width)}  {value:10.4g}{spread}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(PARTS[sys.argv[1]]()))
    else:
        main()
