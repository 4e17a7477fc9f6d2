"""Writes docs/search.md and its figures from the runs in results/: python benchmarks/search/report.py"""

import json
from pathlib import Path

import matplotlib as mpl
import numpy as np
import stats
import tasks
from run import CHEAP, SLOW

mpl.use("Agg")
from matplotlib import pyplot as plt

DOCS = stats.HERE.parent.parent / "docs"
NAMES = {
    "danlu": "danlu", "random": "random search", "optuna-tpe": "Optuna TPE", "optuna-cmaes": "Optuna CMA-ES",
    "hyperopt": "hyperopt", "ngopt": "nevergrad NGOpt", "smac": "SMAC3", "optuna-gp": "Optuna GP",
    "skopt": "scikit-optimize", "ax": "Ax", "hebo": "HEBO",
}  # fmt: skip
COLORS = dict(zip(NAMES, ["#000000", *mpl.color_sequences["tab10"]], strict=True))
FAMILIES = ("lcbench", "tables", "conditional", "nb301", "bbob-5d", "bbob-10d", "real")
PEERS = tuple(name for name in NAMES if name != "danlu")
STEPS = np.unique(np.geomspace(1, 100, 40).astype(int))
HEAD = """# How well danlu searches

Written by `benchmarks/search/report.py` from the runs that `benchmarks/search/run.py --full` keeps in
`benchmarks/search/results`. Every optimizer has its stock defaults, one thread, and the same space. *Regret* is
(best - reference) / (median of random search after 100 trials - reference), kept between 0.001 and 10: 1 is what chance
finds, 0.001 as good as the optimum. The reference is the known optimum, else the best that anybody or a long search has
found. Differences are of log10 regret after 100 trials, mean over tasks, with the 90 % interval of a bootstrap over tasks
and then seeds; **below 0 danlu is better**, -0.3 is half the regret. "Trials needed" is how many danlu needs for what the
peer has after 100 (median over runs; 101 means not within 100). Real trainings are judged by five fresh seeds, and their
failures count as trials. CPU milliseconds are for one ask and tell, mean over 100 trials, median over runs.

All choices in danlu were made on the development tasks and the digits example. The examination was run when the engine was
thought frozen, once in full, and run anew in full when development tasks had shown that twelve evaluations a refit are too
few and the example that three first trials are; what it said the first time (against TPE, hyperopt, CMA-ES and NGOpt -0.74,
-1.04, -1.08, -1.00) chose nothing, and is within 0.02 of what stands here.
Cheap peers ran on every task, expensive ones on eight tasks of each part; the counts say on how many runs a figure rests.
"""


def part(runs, split):
    """The tables of one part."""
    chosen = tasks.DEVELOPMENT if split == "development" else tasks.EXAMINATION
    families = [name for name in FAMILIES if any(stats.family(task) == name for task in chosen)]
    lines = [
        f"## {split.capitalize()} tasks",
        "",
        overview(runs, chosen),
        "",
        f"![regret](search-{split}.png)",
        "",
    ]
    lines += ["### By family", "", by_family(runs, chosen, families), ""]
    lines += ["### Beside the best peer of each task, chosen in hindsight", "", hindsight(runs, chosen), ""]
    lines += ["### Average rank and win rate", "", ranks(runs, chosen), ""]
    figure(runs, chosen, families, DOCS / f"search-{split}.png")
    return lines


def overview(runs, chosen):
    rows = [
        "| peer | log10 regret difference | runs (tasks) | trials needed | CPU ms, danlu's | the peer's |",
        "|---|---|---|---|---|---|",
    ]
    for peer in PEERS:
        found = runs.differences("danlu", peer, tasks=chosen)
        if not found:
            continue
        mean, low, high = stats.interval(found)
        needed = np.median(runs.needed("danlu", peer, tasks=chosen))
        count = sum(map(len, found.values()))
        mark = "**" if high < 0 else ""
        rows.append(
            f"| {NAMES[peer]} | {mark}{mean:+.2f} [{low:+.2f}, {high:+.2f}]{mark} | {count} ({len(found)}) | {needed:.0f} "
            f"| {runs.per_ask('danlu'):.0f} | {runs.per_ask(peer):.1f} |"
        )
    return "\n".join(rows)


def by_family(runs, chosen, families):
    rows = ["| | " + " | ".join(families) + " |", "|---" * (len(families) + 1) + "|"]
    for peer in PEERS:
        cells = []
        for name in families:
            found = runs.differences("danlu", peer, tasks=[t for t in chosen if stats.family(t) == name])
            if not found:
                cells.append("")
                continue
            mean, low, high = stats.interval(found)
            text = f"{mean:+.2f} [{low:+.2f}, {high:+.2f}]"
            cells.append(f"**{text}**" if high < 0 else f"*{text}* behind" if low > 0 else text)
        rows.append(f"| {NAMES[peer]} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def hindsight(runs, chosen):
    rows = ["| task | best peer | its log10 regret | danlu's |", "|---|---|---|---|"]
    differences = {}
    for task in chosen:
        means = {}
        for name in NAMES:
            found = [
                np.log10(runs.regret(line, 100)) for (t, _), line in runs.runs[name].items() if t == task
            ]
            if found and (name == "danlu" or name in CHEAP or len(found) > 1):
                means[name] = float(np.mean(found))
        if "danlu" not in means:
            continue
        peer = min((name for name in means if name != "danlu"), key=means.get)
        differences |= {task: runs.differences("danlu", peer, tasks=[task])[task]}
        rows.append(f"| {task} | {NAMES[peer]} | {means[peer]:.2f} | {means['danlu']:.2f} |")
    mean, low, high = stats.interval(differences)
    ahead = sum(np.mean(seeds) < 0 for seeds in differences.values())
    summary = (
        f"Over {len(differences)} tasks: {mean:+.2f} [{low:+.2f}, {high:+.2f}]; danlu is ahead of the best peer of the task "
        f"on {ahead}. Choosing the peer after the fact favors the peers: the luckiest of many is compared."
    )
    return summary + "\n\n<details><summary>every task</summary>\n\n" + "\n".join(rows) + "\n\n</details>"


def ranks(runs, chosen):
    names = [name for name in CHEAP if runs.runs[name]]
    cells = set.intersection(*(set(runs.runs[name]) for name in names))
    cells = [cell for cell in sorted(cells) if cell[0] in chosen]
    rows = ["| | rank at 25 | 50 | 100 | danlu wins at 100 (ties half) |", "|---|---|---|---|---|"]
    places = {}
    for trials in (25, 50, 100):
        table = np.array([[runs.regret(runs.runs[name][cell], trials) for name in names] for cell in cells])
        less = (table[:, None] < table[:, :, None]).sum(2) + 0.5 * (
            (table[:, None] == table[:, :, None]).sum(2) - 1
        )
        places[trials] = 1 + less.mean(0)
    ours = table[:, names.index("danlu")]
    for at, name in enumerate(names):
        wins = np.mean((ours < table[:, at]) + 0.5 * (ours == table[:, at]))
        share = "" if name == "danlu" else f"{100 * wins:.0f} %"
        rows.append(
            f"| {NAMES[name]} | " + " | ".join(f"{places[t][at]:.2f}" for t in places) + f" | {share} |"
        )
    return f"Cheap peers, {len(cells)} runs.\n\n" + "\n".join(rows)


def figure(runs, chosen, families, path):
    """Cheap peers by family on all tasks; the expensive ones on the tasks they were run on, beside danlu on those."""
    subset = {task for name in SLOW for task, _ in runs.runs[name] if task in chosen}
    panels = {"all": list(chosen)} | {f: [t for t in chosen if stats.family(t) == f] for f in families}
    panels[f"{len(subset)} tasks, expensive peers"] = subset
    columns = 3
    made, axes = plt.subplots(
        -(-len(panels) // columns), columns, figsize=(13, 3.4 * -(-len(panels) // columns))
    )
    for axis in axes.flat[len(panels) :]:
        axis.axis("off")
    handles = {}
    for axis, (title, inside) in zip(axes.flat, panels.items(), strict=False):
        for optimizer in ("danlu", *SLOW) if inside is subset else CHEAP:
            lines = [line for (task, _), line in runs.runs[optimizer].items() if task in inside]
            if not lines:
                continue
            curve = [np.mean([np.log10(runs.regret(line, n)) for line in lines]) for n in STEPS]
            style = {"lw": 2.5, "zorder": 5} if optimizer == "danlu" else {"lw": 1.3}
            (handles[NAMES[optimizer]],) = axis.plot(STEPS, curve, color=COLORS[optimizer], **style)
        axis.set_title(title)
        axis.set_xscale("log")
        axis.set_xticks([1, 10, 100], ["1", "10", "100"])
        axis.grid(alpha=0.3)
    for axis in axes[:, 0]:
        axis.set_ylabel("mean log10 regret")
    made.legend(handles.values(), handles, loc="lower center", ncols=6, frameon=False)
    made.tight_layout(rect=(0, 0.06, 1, 1))
    made.savefig(path, dpi=80)
    plt.close(made)


def crowded():
    """What several workers cost: danlu with its own runs of one worker, at equal trials."""
    alone = stats.Runs()
    lines = [
        "## Several workers", "",
        "Simulated: so many trials are always running, the oldest ends first. Log10 regret against one worker at equal trials;",
        "0.04 is a tenth more.", "",
        "| workers | after 50 trials | after 100 trials | runs (tasks) |", "|---|---|---|---|",
    ]  # fmt: skip
    for workers in (4, 8):
        runs = stats.Runs(workers=workers)
        cells = []
        for trials in (50, 100):
            found = {}
            for (task, seed), line in runs.runs["danlu"].items():
                if (task, seed) in alone.runs["danlu"]:
                    one = alone.regret(alone.runs["danlu"][task, seed], trials)
                    found.setdefault(task, []).append(np.log10(alone.regret(line, trials)) - np.log10(one))
            if found:
                mean, low, high = stats.interval(found)
                cells.append(f"{mean:+.2f} [{low:+.2f}, {high:+.2f}]")
        if cells:
            lines.append(
                f"| {workers} | " + " | ".join(cells) + f" | {sum(map(len, found.values()))} ({len(found)}) |"
            )
    return [*lines, ""]


def more():
    """What the other scripts of this folder have measured: their tables as they wrote them."""
    lines = []
    for path in sorted((stats.HERE / "results").glob("*.json")):
        kept = json.loads(path.read_text())
        lines += [f"## {kept['title']}", "", *kept["lines"], ""]
    return lines


def main():
    runs = stats.Runs()
    lines = [HEAD, *part(runs, "development"), *part(runs, "examination"), *crowded(), *more()]
    Path(DOCS / "search.md").write_text("\n".join(lines).rstrip() + "\n")
    print(f"{DOCS / 'search.md'} is written.")


if __name__ == "__main__":
    main()
