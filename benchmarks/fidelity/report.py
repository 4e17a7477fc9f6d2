"""Makes docs/fidelity.md and its figures from the results that are kept."""

import json
from collections import defaultdict
from pathlib import Path

import curves
import numpy as np

HERE = Path(__file__).resolve().parent
DOCS = HERE.parents[1] / "docs"
MARKS = (1, 3, 10, 20, 50)
NAMES = {
    "danlu": "danlu, default", "danlu-full": "danlu, full trainings", "random-full": "random, full trainings",
    "random-asha": "random + danlu's ASHA", "optuna-tpe-hyperband": "Optuna TPE + Hyperband",
    "optuna-tpe-halving": "Optuna TPE + successive halving", "synetune-asha": "Syne Tune ASHA",
    "synetune-bohb": "Syne Tune BOHB", "dehb": "DEHB", "smac": "SMAC3 multi-fidelity", "topk": "one epoch, then top k",
}  # fmt: skip
GROUPS = {
    "lcbench, development": [name for name in curves.DEVELOPMENT if name.startswith("lcbench")],
    "lcbench, examination": list(curves.EXAMINATION),
    "TaskSet": [name for name in curves.DEVELOPMENT if name.startswith("taskset")],
}


def kept():
    """(optimizer, workers) -> task -> seed -> regrets by mark."""
    found = defaultdict(lambda: defaultdict(lambda: defaultdict(dict)))
    for path in sorted((HERE / "results").glob("*.jsonl")):
        for line in map(json.loads, path.read_text().splitlines()):
            marks = {int(mark): value for mark, value in line["regret"].items()}
            if line["optimizer"] == "topk":  # it needs to know its budget: only the end counts
                marks = {mark: value for mark, value in marks.items() if mark == line["full"]}
            found[line["optimizer"], line["workers"]][line["task"]][line["seed"]] |= marks
    return found


def cells(runs, tasks, mark):
    """One mean a task over its seeds."""
    means = []
    for task in tasks:
        values = [marks[mark] for marks in runs.get(task, {}).values() if mark in marks]
        if values:
            means.append(np.mean(values))
    return means


def row(name, runs, tasks):
    seeds = {len(runs[task]) for task in tasks if task in runs}
    shown = [cells(runs, tasks, mark) for mark in MARKS]
    texts = [f"{np.mean(values):.3g}" if len(values) == len(tasks) else "" for values in shown]
    count = f"{min(seeds)}-{max(seeds)}" if len(seeds) > 1 else f"{min(seeds, default=0)}"
    return f"| {NAMES.get(name, name)} | {count} | " + " | ".join(texts) + " |"


def table(found, tasks, workers=1):
    lines = ["| | seeds | " + " | ".join(map(str, MARKS)) + " |", "|---|---|" + "---|" * len(MARKS)]
    lines += [row(name, found[name, workers], tasks) for name in NAMES if found.get((name, workers))]
    return "\n".join(lines)


def half(found, tasks):
    """The best peer at its end, and after how many full trainings danlu is as good."""
    peers = {
        name: cells(found[name, 1], tasks, 50) for name in NAMES if "danlu" not in name and (name, 1) in found
    }
    best = {name: float(np.mean(values)) for name, values in peers.items() if len(values) == len(tasks)}
    if not best:
        return ""
    name, bar = min(best.items(), key=lambda pair: pair[1])
    for mark in (1, 2, 3, 5, 10, 20, 30, 50):
        values = cells(found["danlu", 1], tasks, mark)
        if len(values) == len(tasks) and np.mean(values) <= bar:
            return f"The best peer at 50 is {NAMES[name]} with {bar:.3g}; danlu is as good after {mark}."
    return f"The best peer at 50 is {NAMES[name]} with {bar:.3g}; danlu does not get there by then."


def figure(found, path):
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    shown, axes = plt.subplots(1, 3, figsize=(13, 4), constrained_layout=True)
    styles = dict(zip(NAMES, plt.get_cmap("tab20").colors, strict=False))
    for axis, (title, tasks) in zip(axes, GROUPS.items(), strict=True):
        for name, shown_as in NAMES.items():
            points = [
                (mark, np.mean(values))
                for mark in (1, 2, 3, 5, 10, 20, 30, 50)
                if len(values := cells(found.get((name, 1), {}), tasks, mark)) == len(tasks)
            ]
            if points:
                bold = name == "danlu"
                axis.plot(
                    *zip(*points, strict=True), marker="o", markersize=3, color="black" if bold else styles[name],
                    linewidth=2.5 if bold else 1.2, label=shown_as, zorder=3 if bold else 2,
                )  # fmt: skip
        axis.set(title=title, xscale="log", yscale="log", xlabel="worth of full trainings")
        axis.set_xticks([1, 3, 10, 50], ["1", "3", "10", "50"])
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("mean regret")
    axes[2].legend(fontsize=7)
    shown.savefig(path, dpi=110)


def real():
    rows = json.loads((HERE / "results/real.json").read_text())
    lines = [
        "| | seed | accuracy | epochs, random | danlu | seconds, random | danlu |",
        "|---|---|---|---|---|---|---|",
    ]
    for each in sorted(rows, key=lambda each: (each["task"], each["seed"])):
        reached = "" if each["reached"] else " (not reached)"
        lines.append(
            f"| {each['task']} | {each['seed']} | {each['accuracy']:.4f} | {each['random epochs']} | "
            f"{each['epochs']}{reached} | {each['random seconds']} | {each['seconds']} |"
        )
    for name in dict.fromkeys(each["task"] for each in rows):
        mine = [each for each in rows if each["task"] == name]
        epochs = np.median([each["epochs"] / each["random epochs"] for each in mine])
        seconds = np.median([each["seconds"] / each["random seconds"] for each in mine])
        lines.append(f"\nMedian on {name}: {epochs:.1%} of the epochs, {seconds:.1%} of the time.")
    return "\n".join(lines)


def costs():
    found = json.loads((HERE / "results/cost.json").read_text())
    lines = ["| | reports | judge, median and 95 % | next |", "|---|---|---|---|"]
    for name, each in found.items():
        judge, move = (" / ".join(map(str, each[key])) for key in ("judge", "next"))
        lines.append(f"| {name} | {each['reports']} | {judge} | {move} |")
    return "\n".join(lines)


def main():
    found = kept()
    errors = json.loads((HERE / "results/error.json").read_text())
    stopped, wrong = (sum(each[key] for each in errors.values()) for key in ("stopped", "wrong"))
    worst = max(each["wrong"] / max(1, each["stopped"]) for each in errors.values())
    saved = np.mean([each["saved"] for each in errors.values()])
    figure(found, DOCS / "fidelity.png")
    parts = []
    for title, tasks in GROUPS.items():
        parts += [f"### {title} ({len(tasks)} tasks)", "", table(found, tasks), "", half(found, tasks), ""]
    for workers in (4, 64):
        if found.get(("danlu", workers)):
            tasks = GROUPS["lcbench, development"]
            parts += [
                f"### {workers} simulated workers, lcbench, development",
                "",
                table(found, tasks, workers),
                "",
            ]
    text = TEXT.format(
        tables="\n".join(parts), real=real(), costs=costs(), wrong=wrong, stopped=stopped,
        rate=f"{wrong / stopped:.1%}", worst=f"{worst:.1%}", saved=f"{saved:.0%}",
    )  # fmt: skip
    (DOCS / "fidelity.md").write_text(text)
    print(f"{DOCS / 'fidelity.md'} is written.")


TEXT = """# Fewer epochs, measured

Made by `benchmarks/fidelity/report.py` from the runs kept in `benchmarks/fidelity/results`. Which schedulers there
are and when to use which is in [schedulers.md](schedulers.md).

## Recorded and surrogate curves

Every optimizer may train the worth of 50 full trainings, one step at a time under a virtual clock; going on from a
checkpoint costs nothing for any of them. The incumbent is the configuration with the lowest loss seen so far at any
step, and it is judged by its full training. lcbench (surrogates of YAHPO Gym, 52 epochs): regret in points of
accuracy, below the best known configuration. TaskSet (six text classifiers, 50 recorded points): share of the way
from the median configuration back from the best; a proposal trains its nearest recorded neighbor, so the landscape
is rough for whoever models it. All peers at their defaults, told the lowest and the highest step. Settings of danlu
were chosen on the development tasks alone, and the examination was looked at four times: before the lowest rung and
before the share of quasi-random points were chosen, each on the development tasks, and at the end. There are no examination tasks for TaskSet. SMAC is run to 20, and "one
epoch, then top k" is told its budget, so it has a run of its own for each column. The number of seeds stands beside
each figure; simulated workers were run to 20 only, danlu's before its share of quasi-random points was raised to a third.

Means over tasks of the means over seeds, after the worth of so many full trainings:

{tables}
![Mean regret over the worth of full trainings](fidelity.png)

## Real trainings

`benchmarks/fidelity/real.py`: a random search trains 50 configurations of a network in full, 27 epochs each; danlu,
with its defaults, runs until it has the same validation accuracy. Epochs and seconds until then, everything counted.

{real}

## Curve extrapolation: its error rate

`benchmarks/fidelity/error.py`, `danlu.schedulers.Extrapolation(chance=0.05)` on the development tasks: {wrong} of the {stopped}
trials it stopped would have beaten the best so far, {rate}; on the worst task {worst}. It saved {saved} of the steps.

## What a verdict costs

`benchmarks/fidelity/cost.py`: CPU milliseconds in a study of 10,000 trials.

{costs}
"""

if __name__ == "__main__":
    main()
