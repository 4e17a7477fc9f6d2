"""The arithmetic of the search report, on runs small enough to check by hand."""

import importlib.util
import json

import numpy as np
import pytest
from places import ROOT

PATH = ROOT / "benchmarks/search/stats.py"


@pytest.fixture
def stats():
    spec = importlib.util.spec_from_file_location("search_stats", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def line(optimizer, task, seed, best, workers=1):
    return {
        "optimizer": optimizer, "task": task, "seed": seed, "best": best, "workers": workers, "trials": 100,
        "failed": [], "cpu": {"100": 1.5},
    }  # fmt: skip


@pytest.fixture
def runs(stats, tmp_path):
    lines = [
        line("random", "bbob/f1-5d", 0, [[0, 50.0], [9, 10.0]]),
        line("ours", "bbob/f1-5d", 0, [[0, 50.0], [4, 10.0], [20, 1.0]]),
        line("theirs", "bbob/f1-5d", 0, [[3, 20.0], [50, 10.0], [100, 0.0]]),
        line("ours", "bbob/f1-5d", 0, [[0, 2.0]], workers=4),
    ]
    for each in lines:
        with (tmp_path / f"{each['optimizer']}.jsonl").open("a") as file:
            file.write(json.dumps(each) + "\n")
    return stats.Runs([tmp_path])


def test_regret_is_one_where_chance_gets_and_counts_trials_from_zero(runs):
    ours, theirs = (runs.runs[name]["bbob/f1-5d", 0] for name in ("ours", "theirs"))
    assert runs.regret(ours, 100) == pytest.approx(0.1)  # (1 - 0) / (10 - 0)
    assert runs.regret(ours, 20) == pytest.approx(1.0)
    assert runs.regret(theirs, 100) == pytest.approx(1.0)  # what came with trial number 100 is the 101st's
    assert runs.regret(theirs, 3) == 10.0  # nothing was known yet


def test_differences_and_trials_needed(runs):
    assert runs.differences("ours", "theirs") == {"bbob/f1-5d": [pytest.approx(-1.0)]}
    assert runs.needed("ours", "theirs") == [5]
    assert runs.needed("theirs", "ours") == [101]
    assert runs.per_ask("ours") == pytest.approx(15.0)


def test_the_interval_covers_nine_times_in_ten(stats):
    """100 experiments of 12 tasks with 3 seeds, true mean 0: it covers in 77 to 99 % (3.5 standard errors and the
    bootstrap's known shortness at 12 tasks)."""
    rng = np.random.default_rng(0)
    stats.DRAWS = 300
    covered = 0
    for _ in range(100):
        tasks = rng.normal(0, 1, 12)
        found = {task: [mean + rng.normal(0, 0.5) for _ in range(3)] for task, mean in enumerate(tasks)}
        mean, low, high = stats.interval(found, rng)
        assert low <= mean <= high
        covered += low <= 0 <= high
    assert 0.77 < covered / 100 < 0.99
