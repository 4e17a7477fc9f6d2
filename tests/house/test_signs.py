"""Inside, everything is minimized: which way a metric is better is known at the door, ``danlu.problem.goal``, and nowhere else."""

from __future__ import annotations

import ast
import math
from pathlib import Path

import numpy as np
import pytest

import danlu
from danlu.problem.goal import Goal, Limit, Metric

HOME = Path(danlu.__file__).parent
DIRECTIONS = {"maximize", "minimize", "rises", "sign", "signs", "below", "direction", "_rises"}
ORDERS = {"min", "max", "argmin", "argmax", "minimum", "maximum", "sorted", "sort"}
ALLOWED = {
    "problem/goal.py": "the door",
    "space/feasible.py": "looks on both sides of a number, whatever the goal is",
}


def words(node):
    return {
        each.id if isinstance(each, ast.Name) else each.attr
        for each in ast.walk(node)
        if isinstance(each, ast.Name | ast.Attribute)
    }


def turns(node):
    """Whether a branch turns a number around, or orders numbers."""
    return any(
        (isinstance(each, ast.UnaryOp | ast.BinOp) and isinstance(each.op, ast.USub | ast.Sub))
        or (
            isinstance(each, ast.Compare)
            and any(isinstance(op, ast.Lt | ast.LtE | ast.Gt | ast.GtE) for op in each.ops)
        )
        or (isinstance(each, ast.Call) and words(each.func) & ORDERS)
        for each in ast.walk(node)
    )


def flips(source):
    """The lines of a module where a direction turns a sign or an order."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.IfExp):
            parts = [node.body, node.orelse]
            if words(node.test) & DIRECTIONS and any(map(turns, parts)):
                found.append(node.lineno)
        elif isinstance(node, ast.If):
            if words(node.test) & DIRECTIONS and any(
                isinstance(each, ast.Assign | ast.AugAssign | ast.Return) and each.value and turns(each.value)
                for part in (*node.body, *node.orelse)
                for each in ast.walk(part)
            ):
                found.append(node.lineno)
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
            names = {getattr(side, "id", getattr(side, "attr", "")) for side in (node.left, node.right)}
            if names & {"sign", "signs"}:
                found.append(node.lineno)
    return sorted(set(found))


def test_only_the_door_turns_signs():
    found = {}
    for path in sorted(HOME.rglob("*.py")):
        lines = flips(path.read_text("utf-8"))
        if lines:
            found[path.relative_to(HOME).as_posix()] = lines
    assert found.keys() == ALLOWED.keys(), found


@pytest.mark.parametrize(
    "line",
    [
        "x = -1 if metric.maximize else 1",
        "x = 1.0 if not metric.maximize else -1.0",
        "x = sign * losses",
        "x = known.sign * losses",
        "x = max(a) if rises(name) else min(a)",
        "x = a - b if limit.below else b - a",
        "x = a > b if maximize else a < b",
        "if maximize:\n    x = -x",
        "def f(x):\n    if goal.maximize:\n        return -x\n    return x",
    ],
)
def test_a_sign_that_is_turned_elsewhere_is_found(line):
    assert flips(line)


def test_a_metric_turns_values_into_losses_and_back():
    for metric, losses in ((Metric("a", maximize=True), [-1.0, 2.0]), (Metric("a"), [1.0, -2.0])):
        assert [metric.loss(value) for value in (1.0, -2.0)] == losses
        assert metric.loss(np.array([1.0, -2.0])).tolist() == losses
        assert metric.value(np.array(losses)).tolist() == [1.0, -2.0]


def test_the_best_and_the_order_are_those_of_the_losses():
    unknown = float("nan")
    values = [2.0, unknown, 3.0, 1.0]
    small, large = Metric("a"), Metric("a", maximize=True)
    assert (small.worst, large.worst) == (math.inf, -math.inf)
    assert (small.better(1.0, 2.0), large.better(1.0, 2.0), large.better(2.0, 1.0)) == (True, False, True)
    assert not any(
        each.better(*pair) for each in (small, large) for pair in ((1.0, 1.0), (1.0, unknown), (unknown, 1.0))
    )
    assert (small.best([*values, -math.inf]), large.best([*values, math.inf])) == (1.0, 3.0)
    assert math.isnan(large.best([unknown]))
    assert sorted(values, key=small.rank)[:3] == [1.0, 2.0, 3.0]
    assert sorted(values, key=large.rank)[:3] == [3.0, 2.0, 1.0]
    assert math.isnan(sorted(values, key=large.rank)[3])


def test_a_limit_says_how_far_a_value_is_beyond_its_bound():
    below, above = Limit("a", 2.0), Limit("a", 2.0, below=False)
    assert [each.slack(3.0) for each in (below, above)] == [1.0, -1.0]
    assert [each.excess(3.0) for each in (below, above)] == [1.0, 0.0]
    assert above.slack(np.array([1.0, 3.0])).tolist() == [1.0, -1.0]
    assert Goal.of(limits=["a <= 2", "a >= 2"]).slacks({"a": 3.0}) == (1.0, -1.0)


def test_a_study_and_its_mirror_image_are_one_search():
    """Maximizing -f is minimizing f: the same points, losses, curves and pictures, whatever is asked of them."""
    from danlu.analysis.compare import compare
    from danlu.analysis.progress import progress, regret
    from danlu.analysis.robustness import robustness
    from danlu.analysis.trial_table import trial_table
    from danlu.dashboard.views import table
    from danlu.samplers.parts.comparable import comparable

    def train(sign):
        def run(trial):
            for step in range(1, 10):
                trial.report(step, f=sign * ((trial["x"] - 0.3) ** 2 + 1 / step))

        return run

    space = {"x": danlu.Float(0, 1), "y": danlu.Float(0, 1)}
    how = {"trials": 20, "seed": 3, "scheduler": danlu.schedulers.ASHA(high=9), "sampler": "gp"}
    down = danlu.tune(train(1), space, minimize="f", **how)
    up = danlu.tune(train(-1), space, maximize="f", **how)
    assert [trial.unit for trial in down.trials] == [trial.unit for trial in up.trials]
    one, other = down.history, up.history
    assert np.array_equal(one.columns.losses, other.columns.losses)
    assert np.array_equal(comparable(one).losses, comparable(other).losses)
    assert comparable(one).step > 0
    assert np.array_equal(trial_table(one).values, -trial_table(other).values)
    assert np.array_equal(progress(one).best_values, -progress(other).best_values)
    assert np.allclose(regret(one).regret, regret(other).regret)
    assert (regret(one).regret >= 0).all()
    assert [row["trial"] for row in table(one, {}, sort="f")["rows"]] == [
        row["trial"] for row in table(other, {}, sort="f", descending=True)["rows"]
    ]
    fresh = {0: [0.5], 1: [0.25]}
    turned = {number: [-value for value in values] for number, values in fresh.items()}
    assert [each.trial for each in robustness(one, fresh=fresh).confirmed] == [1, 0]
    assert [each.trial for each in robustness(other, fresh=turned).confirmed] == [1, 0]
    pair = {"a": [one], "b": [one]}, {"a": [other], "b": [other]}
    medians = [[group.median for group in compare(groups).groups] for groups in pair]
    assert medians[0] == [-value for value in medians[1]]
