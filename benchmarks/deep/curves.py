"""How often the rules on curves alone are right: the trainings of ``ailments.py``, those of one network and seed as one study.

    python benchmarks/deep/curves.py --split examination

Writes ``results/curves-SPLIT.json``. The rules were written looking at the development split alone. What a network with dead
units suffers from cannot be seen in its curves, so these cases are left out.
"""

import argparse
import json
from itertools import groupby
from pathlib import Path

import torch
from ailments import cases

import danlu
from danlu.analysis.diagnosis import diagnose_curves

HERE = Path(__file__).resolve().parent


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", choices=["development", "examination"], default="development")
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for (network, seed), group in groupby(cases(given.split), key=lambda case: (case.network, case.seed)):
        made = {case.trouble: case for case in group if case.trouble != "dead"}

        def train(trial, made=made):
            case = made[trial["case"]]
            case.objective.train(case.params, case.seed, trial)

        space = {"case": danlu.Choice(list(made))}
        result = danlu.tune(
            train, space, minimize="val_loss", sampler="grid", trials=len(made), scheduler="diverged"
        )
        for trial in result.trials:
            found = diagnose_curves(result.history, trial.number)
            rows.append(
                {"network": network, "seed": seed, "made": trial.params["case"], "found": found.trouble}
            )
            mark = "ok " if rows[-1]["made"] == found.trouble else "BAD"
            print(mark, network, seed, trial.params["case"], found, flush=True)
    right = sum(row["made"] == row["found"] for row in rows)
    print(f"{right} of {len(rows)} right")
    (HERE / "results" / f"curves-{given.split}.json").write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
