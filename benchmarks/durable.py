"""One process, one trial after the other: ask, five reports, tell, each durable as its store has it; danlu beside Optuna.

python benchmarks/durable.py        # wall seconds, three rounds in turn; results/durable.json
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from overhead import environment

HERE = Path(__file__).resolve().parent


def danlu_file(folder, trials):
    import danlu

    with danlu.open_study(
        {"x": danlu.Float(0, 1)},
        minimize="loss",
        store=f"{folder}/s.db",
        sampler="random",
        scheduler="diverged",
        seed=1,
    ) as study:
        study.tell(study.ask(), 0.5)
        began = time.perf_counter()
        for _ in range(trials):
            trial = study.ask()
            for step in range(1, 6):
                trial.report(step, loss=trial["x"] / step)
            study.tell(trial)
        return trials / (time.perf_counter() - began)


def optuna_rate(storage, trials):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(storage=storage, sampler=optuna.samplers.RandomSampler(seed=1))

    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        for step in range(1, 6):
            trial.report(x / step, step)
            trial.should_prune()
        return x

    study.optimize(objective, n_trials=1)
    began = time.perf_counter()
    study.optimize(objective, n_trials=trials)
    return trials / (time.perf_counter() - began)


def optuna_sqlite(folder, trials):
    return optuna_rate(f"sqlite:///{folder}/s.db", trials)


def optuna_journal(folder, trials):
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    return optuna_rate(JournalStorage(JournalFileBackend(f"{folder}/s.log")), trials)


PARTS = {
    "danlu, SQLite": (danlu_file, 600),
    "Optuna, SQLite": (optuna_sqlite, 30),
    "Optuna, journal": (optuna_journal, 60),
}


def main():
    peers = environment()
    found = {}
    for _ in range(3):
        for name in PARTS:
            python = sys.executable if name.startswith("danlu") else peers
            ran = subprocess.run([python, __file__, name], capture_output=True, text=True, check=False)
            if ran.returncode:
                sys.exit(f"{name}: {ran.stderr}")
            found.setdefault(name, []).append(float(ran.stdout.split()[-1]))
    rates = {name: statistics.median(values) for name, values in found.items()}
    (HERE / "results/durable.json").write_text(json.dumps(rates, indent=1), encoding="utf-8")
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    if len(sys.argv) > 1:
        act, count = PARTS[sys.argv[1]]
        with tempfile.TemporaryDirectory() as directory:
            print(act(directory, count))
    else:
        main()
