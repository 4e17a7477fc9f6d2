"""Makes ``docs/deep.md`` and its pictures of the committed results: ``python benchmarks/deep/report.py``."""

import json
import statistics
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import torch
from ailments import cases
from matplotlib import pyplot as plt
from networks import TASKS

from danlu import deep

HERE = Path(__file__).resolve().parent
RESULTS, DOCS = HERE / "results", HERE.parent.parent / "docs"


def read(name):
    path = RESULTS / name
    if not path.exists():
        return []
    text = path.read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()] if name.endswith("l") else json.loads(text)


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])


def mean_of(rows, who, metric):
    return statistics.mean(row[who][metric] for row in rows)


def regret(found):
    return "-" if found is None else f"{found['regret']:+.3f}"


def recipes():
    rows = read("recipes.jsonl")
    out = []
    measures = {"recommend": "test_ndcg_at_10", "friedman": "test_loss"}
    for task in dict.fromkeys(row["task"] for row in rows):
        own = [row for row in rows if row["task"] == task]
        for metric in [measures.get(task, "test_loss")] + (
            ["test_accuracy"] if task in {"image", "text", "breast_cancer"} else []
        ):
            names = own[0]["baselines"]
            others = "; ".join(
                f"{name} {statistics.mean(row['baselines'][name][metric] for row in own):.4f}"
                for name in names
            )
            out.append([task, metric, f"{mean_of(own, 'tuned', metric):.4f}", f"{mean_of(own, 'default', metric):.4f}", others or "-", len(own),
                        f"{statistics.median(row['seconds'] for row in own):.0f}"])  # fmt: skip
    return table(["data", "measure", "tuned", "default", "baseline", "searches", "seconds"], out)


def vectorized():
    rows = [
        [row["case"], f"{row['gain']:.1f}x", f"{row['chosen']} ({row['measured']:.1f}x)"]
        for row in read("vectorized.json")
    ]
    return table(
        [
            "networks",
            "stacked, trials a CPU second beside sequential fused AdamW",
            "the engine's choice (its own measurement)",
        ],
        rows,
    )


def on_gpu():
    found = json.loads((HERE.parent / "results/gpu.json").read_text("utf-8"))
    rows = [
        [name, f"{row['alone']:.2f}", f"{row['stacked']:.3f}", f"{row['faster']:.0f}x", row["chosen"]]
        for name, row in found["stacked"].items()
    ]
    head = ["networks", "one after the other, s an epoch", "stacked", "faster", "the engine's choice"]
    return f"On one {found['gpu']} (`benchmarks/gpu.py`), wall seconds:\n\n{table(head, rows)}"


def overhead():
    rows = [[row["network"], f"{100 * (row['ratio'] - 1):.1f} %"] for row in read("overhead.json")]
    return table(["network", "CPU time of `fit` over a bare loop"], rows)


def finder():
    rows = read("finder.json")
    names = list(rows[0]["finders"]) if rows else []
    body = [
        [
            row["task"],
            row["optimizer"],
            f"{row['best']:.3f}",
            *[regret(row["finders"][name]) for name in names],
        ]
        for row in rows
    ]
    if rows:
        worst = {
            name: max(
                (row["finders"][name]["regret"] for row in rows if row["finders"][name]), default=float("nan")
            )
            for name in names
        }
        body.append(["worst", "", "", *[f"{worst[name]:+.3f}" for name in names]])
    return table(["network", "optimizer", "best of 12 full trainings", *names], body)


def diagnosis():
    lines = []
    for split in ("development", "examination"):
        rows = read(f"diagnosis-{split}.json")
        right = sum(row["made"] == row["found"] for row in rows)
        wrong = "; ".join(
            f"{row['network']} made {row['made']}, called {row['found']}"
            for row in rows
            if row["made"] != row["found"]
        )
        lines.append([split, len(rows), right, f"{100 * right / max(1, len(rows)):.0f} %", wrong or "-"])
    return table(["split", "trainings", "right", "share", "wrong"], lines)


def pictures():
    make, build = TASKS["mlp"]
    data = make(seed=3)
    found = deep.find_lr(lambda: build(data), data, deep.Plan(optimizer="nesterov"))
    found.plot()
    plt.savefig(DOCS / "pictures/finder.png", dpi=110)
    case = next(case for case in cases("development") if case.network == "mlp" and case.trouble == "slow")
    deep.diagnose(case.objective, case.params, seed=case.seed).plot()
    plt.savefig(DOCS / "pictures/diagnosis.png", dpi=110)


PAGE = """# The deep-learning layer, measured

Written by `benchmarks/deep/report.py` from the results in `benchmarks/deep/results`; `make bench-deep` makes them anew. CPU seconds,
one thread for each training.

## Recipes

30 trials, two workers; the winner and the untuned default trained on three fresh seeds each, judged once on the test part. A
search is of one seed, and the data split by it. Baselines choose their own settings on the validation part: TF-IDF of words and
word pairs with logistic regression; popularity, and implicit alternating least squares; scikit-learn's gradient boosting.

{recipes}

## Many trainings as one

{vectorized}

{on_gpu}

## The loop

The bare loop has the same order, schedule, judging and copy of the best weights.

{overhead}

## The learning-rate finder

Validation loss of a full training at the advised rate, less that at the best of twelve rates over four and a half decades; means of
two seeds. The data's seed is not the one on which the finder's constants were chosen.

{finder}

## Diagnosis

Real trainings of MLP, CNN and GRU made to go wrong in each of seven ways, or to go well. The rules were written looking at the
development split alone; the examination has other data, widths, rates and seeds. It was run twice: once before a fork at a hundred
times the rate was added (67 of 69 right), once after.

{diagnosis}
"""


def main():
    torch.set_num_threads(1)
    sections = {
        function.__name__: function()
        for function in (recipes, vectorized, on_gpu, overhead, finder, diagnosis)
    }
    (DOCS / "deep.md").write_text(PAGE.format(**sections), "utf-8")
    pictures()


if __name__ == "__main__":
    main()
