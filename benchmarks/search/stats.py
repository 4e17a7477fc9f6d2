"""What the report says, computed from the runs.

Normalized regret is (best - reference) / (median random search at 100 trials - reference), not below a
thousandth: 1 is what chance finds, 0.001 as good as the optimum. The reference is the known optimum, else
the best loss anybody or a long search has found (``references.json``). Differences are of its log10, so
-0.3 is half the regret. Intervals are a two-level bootstrap: tasks are drawn first, then seeds.
"""

import json
from collections import defaultdict
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
FLOOR = 1e-3
BUDGET = 100
DRAWS = 2000


def family(task):
    """The group a task is reported in."""
    head, _, tail = task.partition("/")
    if head in ("hpobench", "fcnet", "nasbench201"):
        return "tables"
    if head in ("network", "estimator"):
        return "real"
    if head in ("rbv2_xgboost", "iaml_super"):
        return "conditional"
    return f"bbob-{tail.rpartition('-')[2]}" if head == "bbob" else head


class Runs:
    """All runs by optimizer and (task, seed), and the scale of each task."""

    def __init__(self, folders=(HERE / "results",), workers=1):
        self.runs = defaultdict(dict)
        for folder in folders:
            for path in sorted(Path(folder).glob("*.jsonl")):
                for line in map(json.loads, path.read_text().splitlines()):
                    if line["workers"] == workers or line["optimizer"] == "random":  # which does not learn
                        self.runs[line["optimizer"]][line["task"], line["seed"]] = line
        self.references = json.loads((HERE / "references.json").read_text())
        self.scales = {}

    def optimizers(self):
        return list(self.runs)

    def scale(self, task, seed):
        """(reference, what chance finds) of a task; BBOB has another instance for each seed."""
        key = (task, seed) if task.startswith("bbob") else task
        if key not in self.scales:
            lines = [line for runs in self.runs.values() for (t, _), line in runs.items() if t == task]
            found = [loss for line in lines for _, loss in line["best"]]
            reference = min([*found, self.references.get(task, np.inf)])
            if task.startswith("bbob"):
                reference = 0.0
            chance = [
                best_at(line, BUDGET)
                for (t, s), line in self.runs["random"].items()
                if t == task and (s == seed or not isinstance(key, tuple))
            ]
            self.scales[key] = reference, float(np.median(chance))
        return self.scales[key]

    def regret(self, line, trials):
        """Normalized regret of a run after so many trials."""
        reference, chance = self.scale(line["task"], line["seed"])
        best = best_at(line, trials)
        if not np.isfinite(best):
            return 10.0
        return float(np.clip((best - reference) / max(chance - reference, 1e-12), FLOOR, 10.0))

    def cells(self, ours, theirs):
        """The (task, seed) that both have run."""
        return sorted(self.runs[ours].keys() & self.runs[theirs].keys())

    def differences(self, ours, theirs, trials=BUDGET, tasks=None):
        """task -> log10 regret differences of its seeds."""
        found = defaultdict(list)
        for cell in self.cells(ours, theirs):
            if tasks is None or cell[0] in tasks:
                a, b = (self.regret(self.runs[name][cell], trials) for name in (ours, theirs))
                found[cell[0]].append(np.log10(a) - np.log10(b))
        return dict(found)

    def needed(self, ours, theirs, tasks=None):
        """How many trials we need for what they have after 100, a number a cell; 101 is never."""
        found = []
        for cell in self.cells(ours, theirs):
            if tasks is None or cell[0] in tasks:
                target = best_at(self.runs[theirs][cell], BUDGET)
                steps = [n for n, loss in self.runs[ours][cell]["best"] if loss <= target and n < BUDGET]
                found.append(steps[0] + 1 if steps else BUDGET + 1)
        return found

    def per_ask(self, name, trials=BUDGET):
        """Median CPU milliseconds of an ask and tell."""
        found = [line["cpu"].get(str(trials)) for line in self.runs[name].values()]
        found = [seconds for seconds in found if seconds is not None]
        return 1e3 * float(np.median(found)) / trials if found else float("nan")


def best_at(line, trials):
    """The loss of the incumbent after so many trials; infinite when all of them failed."""
    return next((loss for number, loss in reversed(line["best"]) if number < trials), np.inf)


def interval(differences, rng=None):
    """Mean over tasks, and its 90 % interval by the two-level bootstrap."""
    rng = rng or np.random.default_rng(0)
    values = [np.array(seeds) for seeds in differences.values()]
    mean = float(np.mean([seeds.mean() for seeds in values]))
    draws = []
    for _ in range(DRAWS):
        picked = rng.integers(len(values), size=len(values))
        draws.append(np.mean([rng.choice(values[i], len(values[i])).mean() for i in picked]))
    low, high = np.quantile(draws, [0.05, 0.95])
    return mean, float(low), float(high)
