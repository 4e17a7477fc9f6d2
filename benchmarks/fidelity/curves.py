"""Tasks whose trials are curves: lcbench's surrogates, TaskSet's recordings, and small real trainings.

A task has a space (as in ``benchmarks/search/tasks.py``), ``steps`` a full training has, and ``curve(config,
seed)``, the losses after each step. Losses are percent of error for lcbench, cross-entropy for TaskSet.
"""

import json
import sys
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "search"))

import tasks  # noqa: E402 - the search benchmark's own folder


class Task(NamedTuple):
    """One problem; ``curve(config)`` has a loss for each step; ``whole(curve)`` is what a full training is worth."""

    name: str
    family: str
    space: list
    steps: int
    curve: object
    whole: object
    optimum: float
    typical: float


LCBENCH_STEPS = 52


def lcbench_curve(instance, space, config):
    """Percent of validation errors after each of 52 epochs."""
    _, encoding = tasks.described("lcbench")
    config = tasks.active(space, config)
    code = encoding["OpenML_task_id"][instance]
    numbers = np.zeros((LCBENCH_STEPS, 8), np.float32)
    numbers[:, 0] = np.arange(1, LCBENCH_STEPS + 1)
    for column, name in enumerate(tasks.CONTINUOUS["lcbench"].split()[1:], 1):
        numbers[:, column] = config[name]
    inputs = {"x_cat": np.full((LCBENCH_STEPS, 1), code, np.int32), "x_cont": numbers}
    accuracy = tasks.session("lcbench").run(None, inputs)[0][:, 1]
    return (100.0 - accuracy.astype(float)).tolist()


def last(curve):
    return curve[-1]


def lcbench(instance):
    space = tasks.surrogate_space("lcbench")
    curve = partial(lcbench_curve, instance, space)
    best = json.loads((HERE.parent / "search/references.json").read_text())[f"lcbench/{instance}"]
    return Task(f"lcbench/{instance}", "lcbench", space, LCBENCH_STEPS, curve, last, best, 1.0)


# TaskSet (Metz et al. 2020): "adam8p" configurations; the proposal's nearest recorded neighbor is trained.

ADAM8P = [
    tasks.number("learning_rate", 1e-8, 1e1, log=True),
    tasks.number("one_minus_beta1", 1e-4, 1.0, log=True),
    tasks.number("one_minus_beta2", 1e-6, 1.0, log=True),
    tasks.number("epsilon", 1e-10, 1e3, log=True),
    tasks.number("l1", 1e-8, 1e1, log=True),
    tasks.number("l2", 1e-8, 1e1, log=True),
    tasks.number("linear_decay", 1e-7, 1e-4, log=True),
    tasks.number("exponential_decay", 1e-6, 1e-3, log=True),
]


def adam8p_unit(config):
    low, high = (np.log([parameter[end] for parameter in ADAM8P]) for end in ("low", "high"))
    values = np.log([config[parameter["name"]] for parameter in ADAM8P])
    return np.clip((values - low) / (high - low), 0.0, 1.0)


@cache
def recorded(name):
    (path,) = (tasks.data().parent / "taskset").glob(f"*_{name}.json")
    units, losses = [], []
    for line in json.loads(path.read_text()):
        hp = dict(line["hp"])
        hp |= {f"one_minus_{beta}": max(1.0 - hp.pop(beta), 1e-12) for beta in ("beta1", "beta2")}
        units.append(adam8p_unit(hp))
        losses.append([np.nan if loss is None else loss for loss in line["valid"]["loss"]])
    return np.array(units), np.array(losses, dtype=float)


def taskset_curve(name, config):
    """Validation loss at each of the 50 recorded points after the first, which no training precedes."""
    units, losses = recorded(name)
    nearest = int(((units - adam8p_unit(tasks.active(ADAM8P, config))) ** 2).sum(1).argmin())
    curve = losses[nearest, 1:]
    return np.where(np.isfinite(curve) & (curve < 1e3), curve, 1e3).tolist()


def taskset(name):
    _, losses = recorded(name)
    whole = np.nanmin(np.where(losses[:, 1:] < 1e3, losses[:, 1:], 1e3), axis=1)
    best, typical = float(whole.min()), float(np.median(whole) - whole.min())
    curve = partial(taskset_curve, name)
    return Task(f"taskset/{name}", "taskset", ADAM8P, losses.shape[1] - 1, curve, min, best, typical)


TASKSET = (
    "patch128_LSTM128_avg_bs64", "patch128_LSTM128_bs64", "patch32_GRU64_avg_bs128",
    "patch32_IRNN64_relu_last_bs128", "patch32_LSTM128_bs128", "patch32_VRNN64_relu_avg_bs128",
)  # fmt: skip
DEVELOPMENT = {
    **{f"lcbench/{i}": partial(lcbench, i) for i in tasks.LCBENCH},
    **{f"taskset/{name}": partial(taskset, name) for name in TASKSET},
}
EXAMINATION = {f"lcbench/{i}": partial(lcbench, i) for i in tasks.EXAMINED}
TASKS = DEVELOPMENT | EXAMINATION


@cache
def load(name):
    """The task by name."""
    return TASKS[name]()
