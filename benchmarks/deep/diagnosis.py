"""How often the diagnosis is right: real trainings made to go wrong in each way, or to go well.

    python benchmarks/deep/diagnosis.py --split examination

Writes ``results/diagnosis-SPLIT.json``. The rules were written looking at the development split alone.
"""

import argparse
import json
import time
from pathlib import Path

import torch
from ailments import cases

from danlu import deep

HERE = Path(__file__).resolve().parent


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", choices=["development", "examination"], default="development")
    parser.add_argument("--network", choices=["mlp", "cnn", "gru"])
    given = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for case in cases(given.split):
        if given.network not in {None, case.network}:
            continue
        started = time.process_time()
        found = deep.diagnose(case.objective, case.params, seed=case.seed)
        rows.append({
            "network": case.network, "seed": case.seed, "made": case.trouble, "found": found.trouble,
            "evidence": found.evidence, "seconds": round(time.process_time() - started, 2),
        })  # fmt: skip
        print(
            f"{'ok ' if case.trouble == found.trouble else 'BAD'} {case.network} {case.seed} {case.trouble}: {found}",
            flush=True,
        )
    right = sum(row["made"] == row["found"] for row in rows)
    print(f"{right} of {len(rows)} right")
    out = HERE / "results" / f"diagnosis-{given.split}.json"
    out.parent.mkdir(exist_ok=True)
    if given.network is None:
        out.write_text(json.dumps(rows, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
